// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/hippo/legendre.hpp>

// The coefficients of one chunk of samples over its own interval, from the closed form
//   y_n = (r_n / 2) sum_k u_k [Q_n(b_{k+1}) - Q_n(b_k)],   Q_n = (P_{n+1} - P_{n-1}) / (2n + 1),
// summed by parts: every edge b_k carries the step of the signal there, and Q_n(-1) = Q_n(1), n > 0.
namespace danaus {
inline namespace DANAUS_ISA {
namespace legs {

namespace lg = legendre;

/// Scratch for one strip of channels.
struct Scratch {
  lg::Moments moments;
  double* even;   // (stride, width): the part of a signal at the nodes that is even about the middle
  double* odd;    // (stride, width)
  double* first;  // (N, width)
  double* chunk;  // (N, width)

  DANAUS_INLINE static constexpr std::size_t rows(const LegsTables& t) noexcept {
    return t.stride > legs_block ? t.stride : legs_block;
  }
  DANAUS_INLINE Scratch(const LegsTables& t, std::size_t width, Workspace& space) noexcept {
    const std::size_t n = t.order, points = rows(t), sum = width == 1 ? lg::lanes : width;
    moments = {t.growth.data(), n + 1, width};
    moments.sums = space.take<double>((n + 1) * sum);
    moments.x = space.take<double>(points);
    moments.change = space.take<double>(points);
    moments.even = space.take<double>(points * width);
    moments.odd = space.take<double>(points * width);
    if (width > 1) moments.basis = space.take<double>((n + 1) * legs_block);
    even = space.take<double>(t.stride * width);
    odd = space.take<double>(t.stride * width);
    first = space.take<double>(n * width);
    chunk = space.take<double>(n * width);
  }
  DANAUS_INLINE static constexpr std::size_t bytes(const LegsTables& t, std::size_t width) noexcept {
    const std::size_t n = t.order, points = rows(t), sum = width == 1 ? lg::lanes : width;
    return workspace_size<double>((n + 1) * sum) + 2 * workspace_size<double>(points) +
           2 * workspace_size<double>(points * width) + workspace_size<double>((n + 1) * legs_block) +
           2 * workspace_size<double>(t.stride * width) + 2 * workspace_size<double>(n * width);
  }
};

/// The cells of a chunk as one strip of channels sees them.
struct Cells {
  double start;
  const double* ends;
  const double* samples;  // (count, stride), at the strip's first channel
  std::size_t count;
  std::size_t stride;
  std::size_t channels;
};

/// Whether the cells are one unit of time each, to the bit.
DANAUS_KERNEL bool unit_spaced(const Cells& cells) noexcept {
  std::size_t others = 0;
  const int count = static_cast<int>(cells.count);
  for (int k = 0; k < count; ++k) others += cells.ends[k] != cells.start + (k + 1.0);
  return others == 0;
}

/// Inner edges [first, first + count) of unit cells on the right half, each with its mirror image:
/// P_n is even or odd. At the middle edge, its own image, the odd part is d - d: 0, or NaN.
template <class Channels>
DANAUS_KERNEL void paired_edges(const Cells& cells, Channels channels, std::size_t first, std::size_t count,
                                const lg::Moments& m) noexcept {
  const std::size_t right = (cells.count + 1) / 2 + first, left = cells.count - right;
  const double scale = 1 / static_cast<double>(cells.count);
  const int from = static_cast<int>(right) - static_cast<int>(left);
  for (int i = 0; i < static_cast<int>(count); ++i) m.x[i] = (from + 2 * i) * scale;
  const double* r = cells.samples + right * cells.stride;
  const double* l = cells.samples + left * cells.stride;
  double *even = m.even, *odd = m.odd;
  for (std::size_t i = 0; i < count; ++i) {
    simd::each<double>(channels, [&]<class V>(std::size_t c) {
      const V at = simd::load<V>(r - cells.stride + c) - simd::load<V>(r + c);
      const V image = simd::load<V>(l - cells.stride + c) - simd::load<V>(l + c);
      const V sum = i == 0 && from == 0 ? at : at + image;
      simd::store(sum, even + c);
      simd::store(at - image, odd + c);
    });
    r += cells.stride;
    l -= cells.stride;
    even += m.width;
    odd += m.width;
  }
}

/// Inner edges [first, first + count) of cells of any length.
template <class Channels>
DANAUS_KERNEL void edges(const Cells& cells, Channels channels, std::size_t first, std::size_t count,
                         const lg::Moments& m) noexcept {
  const double stop = cells.ends[cells.count - 1], scale = 1 / (stop - cells.start);
  for (std::size_t i = 0; i < count; ++i) {
    const double at = cells.ends[first + i];
    m.x[i] = ((at - cells.start) - (stop - at)) * scale;
    const double* const u = cells.samples + (first + i) * cells.stride;
    simd::each<double>(channels, [&]<class V>(std::size_t c) {
      simd::store(simd::load<V>(u + c) - simd::load<V>(u + cells.stride + c), m.even + i * m.width + c);
    });
  }
}

/// The number 1, known to the compiler.
struct One {
  DANAUS_INLINE constexpr operator std::size_t() const noexcept { return 1; }
};

inline void add_edges(const Cells& cells, const lg::Moments& m) noexcept {
  const bool unit = unit_spaced(cells);
  const std::size_t all = unit ? cells.count / 2 : cells.count - 1;
  for (std::size_t i = 0; i < all; i += legs_block) {
    const std::size_t count = all - i < legs_block ? all - i : legs_block;
    if (m.width == 1) {
      unit ? paired_edges(cells, One{}, i, count, m) : edges(cells, One{}, i, count, m);
    } else {
      unit ? paired_edges(cells, cells.channels, i, count, m) : edges(cells, cells.channels, i, count, m);
    }
    lg::add(m, unit ? m.odd : m.even, count);
  }
}

/// y_n from the moments of the edges; y (N, width). The ends of the interval add to y_0 only, where
/// a NaN or an infinity that moments of one parity could miss reaches all y_n.
DANAUS_KERNEL void finish_cells(const LegsTables& t, const Cells& cells, const lg::Moments& m, double* y) noexcept {
  const double* const last = cells.samples + (cells.count - 1) * cells.stride;
  simd::each<double>(cells.channels, [&]<class V>(std::size_t c) {
    const V mean =
        V(0.5) * (simd::load<V>(m.sums + m.width + c) + simd::load<V>(cells.samples + c) + simd::load<V>(last + c));
    const V zero = mean - mean;
    simd::store(mean, y + c);
    for (std::size_t n = 1; n < t.order; ++n) {
      const double scale = 0.5 / t.root[n];
      const V above = simd::load<V>(m.sums + (n + 1) * m.width + c),
              below = simd::load<V>(m.sums + (n - 1) * m.width + c);
      simd::store(fma(V(scale * t.scale[n + 1]), above, zero) - V(scale * t.scale[n - 1]) * below, y + n * m.width + c);
    }
  });
}

/// The coefficients y (N, width) of a chunk over its own interval.
inline void project(const LegsTables& t, const Cells& cells, const Scratch& s, double* y) noexcept {
  if (s.moments.width > cells.channels) {
    const std::size_t pads = Scratch::rows(t) * s.moments.width;
    for (std::size_t i = 0; i < pads; ++i) s.moments.even[i] = s.moments.odd[i] = 0;
    for (std::size_t i = 0; i < t.order * s.moments.width; ++i) y[i] = 0;
  }
  lg::open(s.moments);
  add_edges(cells, s.moments);
  lg::close(s.moments);
  finish_cells(t, cells, s.moments, y);
}

}  // namespace legs
}  // namespace DANAUS_ISA
}  // namespace danaus
