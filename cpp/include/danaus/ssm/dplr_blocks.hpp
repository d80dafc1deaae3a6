// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/core/workspace.hpp>
#include <danaus/linalg/product.hpp>
#include <danaus/ssm/dplr.hpp>
#include <danaus/ssm/kernel.hpp>

namespace danaus {

/// The length of the blocks in which the kernel of a channel is built soonest, 0 where the recurrence is sooner, of
/// which up to 8 `channels` go side by side. A model in nanoseconds, fitted to 250 measurements (rank 1 and 2, 8 to 128
/// modes, 1024 to 16384 samples; AVX-512, GCC 12 -O3): what it chooses is within 10 % of the best of them.
inline std::size_t dplr_block(std::size_t modes, std::size_t rank, std::size_t length, std::size_t channels) noexcept {
  const double n = 2 * static_cast<double>(modes), r = static_cast<double>(rank), samples = static_cast<double>(length);
  const double width = 2 * static_cast<double>(padded(modes)),
               lanes = static_cast<double>(std::min<std::size_t>(channels, 8));
  const double stay = n > 128 ? 1.6 : 1.0;  // coefficients and states no longer stand in the first-level cache
  double best = samples * n * (0.08 + 0.065 * r) * stay * 8 / lanes;
  std::size_t block = 0;
  for (std::size_t j = tile; j <= 512 && j < length; j *= 2) {
    const double every = static_cast<double>(j), blocks = std::ceil(samples / every);
    const double time = 0.066 * n * width * every * r + blocks * width * (0.075 * width + 0.1) + 27 * every * (r + 1) +
                        0.0077 * blocks * every * width + 16 * width;
    if (time < best) best = time, block = j;
  }
  return block;
}

/// Scratch of kernel_by_blocks.
template <std::floating_point T>
std::size_t dplr_blocks_bytes(std::size_t modes, std::size_t rank, std::size_t length, std::size_t block) noexcept {
  const std::size_t width = 2 * padded(modes), blocks = (length + block - 1) / block;
  return workspace_size<double>(width * (2 * rank + 3)) + workspace_size<double>(2 * modes * block * rank) +
         workspace_size<double>(panel_size(block * rank, width)) + workspace_size<double>(panel_size(width, width)) +
         workspace_size<T>(blocks * width) + workspace_size<T>(panel_size(width, block)) + workspace_size<T>(block);
}

inline namespace DANAUS_ISA {

/// A channel's modes in double precision, modes in lanes: each vector is `half` real parts, then `half` imaginary ones.
struct DplrLanes {
  std::size_t modes, half, rank;
  double *a, *state, *next;  ///< (2 half)
  double *column, *row;      ///< (rank, 2 half)

  DANAUS_INLINE DplrLanes(const DplrModesView& m, std::size_t h, Workspace& scratch) noexcept
      : modes(m.modes), half(padded(m.modes)), rank(m.rank) {
    double* const all = scratch.take<double>(2 * half * (2 * rank + 3));
    a = all;
    state = a + 2 * half;
    next = state + 2 * half;
    column = next + 2 * half;
    row = column + rank * 2 * half;
    for (std::size_t i = 0; i < 2 * half * (2 * rank + 3); ++i) all[i] = 0;
    read(m.delta + h * modes, a);
    for (std::size_t n = 0; n < modes; ++n) a[n] += 1;
    for (std::size_t r = 0; r < rank; ++r) {
      read(m.column + (h * rank + r) * modes, column + r * 2 * half);
      read(m.row + (h * rank + r) * modes, row + r * 2 * half);
    }
  }
  DANAUS_INLINE void read(const Complex* from, double* to) const noexcept {
    for (std::size_t n = 0; n < modes; ++n) {
      to[n] = from[n].real();
      to[half + n] = from[n].imag();
    }
  }
};

/// Re(sum_n x_n y_n).
DANAUS_INLINE double inner(const double* x, const double* y, std::size_t half) noexcept {
  using V = simd::native<double>;
  V re(0.0), im(0.0);
  for (std::size_t n = 0; n < half; n += V::size()) {
    re = fma(simd::load<V>(x + n), simd::load<V>(y + n), re);
    im = fma(simd::load<V>(x + half + n), simd::load<V>(y + half + n), im);
  }
  return simd::reduce(re - im, simd::plus);
}

/// state <- a state - sum_r add_r Re(with_r state): a column moved by A_bar where (add, with) = (column, row), a row
/// by its transpose where they change places.
DANAUS_INLINE void move(const DplrLanes& m, double* state, const double* add, const double* with) noexcept {
  using V = simd::native<double>;
  double alpha[dplr_ranks];
  for (std::size_t r = 0; r < m.rank; ++r) alpha[r] = inner(state, with + r * 2 * m.half, m.half);
  for (std::size_t n = 0; n < m.half; n += V::size()) {
    const V xr = simd::load<V>(state + n), xi = simd::load<V>(state + m.half + n);
    const V ar = simd::load<V>(m.a + n), ai = simd::load<V>(m.a + m.half + n);
    V re = fnma(ai, xi, fma(ar, xr, V(0.0))), im = fma(ai, xr, fma(ar, xi, V(0.0)));
    for (std::size_t r = 0; r < m.rank; ++r) {
      re = fnma(V(alpha[r]), simd::load<V>(add + r * 2 * m.half + n), re);
      im = fnma(V(alpha[r]), simd::load<V>(add + r * 2 * m.half + m.half + n), im);
    }
    simd::store(re, state + n);
    simd::store(im, state + m.half + n);
  }
}

/// Factors below this share of the largest of their first vector are written as 0: a product of two that remain is no
/// denormal even where outputs are small (which made a decayed kernel take twice the time), and what is left out is
/// far below the last place of the kernel's largest value.
template <std::floating_point T>
inline constexpr double faint = sizeof(T) == 4 ? 0x1p-48 : 0x1p-460;

template <class T>
DANAUS_INLINE double least_of(const double* x, std::size_t count) noexcept {
  double most = 0;
  for (std::size_t i = 0; i < count; ++i) most = std::max(most, x[i] < 0 ? -x[i] : x[i]);
  return most * faint<T>;
}
/// Elements of x no larger than `least` become 0; without a branch, which would often be mispredicted.
DANAUS_INLINE void keep(double* x, std::size_t count, double least) noexcept {
  using V = simd::native<double>;
  for (std::size_t i = 0; i < count; i += V::size()) {
    const V value = simd::load<V>(x + i);
    simd::store(select(max(value, -value) > V(least), value, V(0.0)), x + i);
  }
}

/// Rows `re` and `im` of `block` elements: start (a_re + i a_im)^j, 0 once negligible.
DANAUS_INLINE void powers_of(double a_re, double a_im, double start_re, double start_im, std::size_t block, double* re,
                             double* im) noexcept {
  using V = simd::native<double>;
  alignas(64) double first_re[V::size()], first_im[V::size()];
  double pr = 1, pi = 0;
  for (std::size_t l = 0; l < V::size(); ++l) {
    first_re[l] = start_re * pr - start_im * pi;
    first_im[l] = start_re * pi + start_im * pr;
    const double moved = pr * a_re - pi * a_im;
    pi = pr * a_im + pi * a_re;
    pr = moved;
  }
  const V least(negligible<double> * negligible<double> * (start_re * start_re + start_im * start_im));
  const ComplexLanes stride{V(pr), V(pi)};
  ComplexLanes now{simd::load<V>(first_re), simd::load<V>(first_im)};
  for (std::size_t j = 0; j < block; j += V::size()) {
    const auto alive = fma(now.re, now.re, fma(now.im, now.im, V(0.0))) > least;
    now = {select(alive, now.re, V(0.0)), select(alive, now.im, V(0.0))};
    simd::store(now.re, re + j);
    simd::store(now.im, im + j);
    now = now * stride;
  }
}

/// A_bar^J as panels (2 half, 2 half), acting on real rows from the right, J = block:
///   A_bar^J = D^J - sum_{i<J} D^i column (row A_bar^{J-1-i}),
/// one matrix product of depth J rank from O(N) recurrences. 2 (2 modes)(2 half) J rank flop.
DANAUS_INLINE void power(const DplrLanes& m, std::size_t block, double* left, double* right, double* panels) noexcept {
  using V = simd::native<double>;
  const std::size_t width = 2 * m.half, depth = block * m.rank;
  for (std::size_t r = 0; r < m.rank; ++r) {
    for (std::size_t i = 0; i < width; ++i) m.state[i] = m.row[r * width + i];
    for (std::size_t j = block; j-- > 0;) {
      double* const to = right + (r * block + j) * tile;
      for (std::size_t n = 0; n < m.half; n += V::size()) {
        const std::size_t at = n / tile * tile * depth + n % tile;
        simd::store(simd::load<V>(m.state + n), to + at);
        simd::store(-simd::load<V>(m.state + m.half + n), to + m.half * depth + at);
      }
      move(m, m.state, m.row, m.column);
    }
    for (std::size_t n = 0; n < m.modes; ++n) {
      double* const re = left + n * depth + r * block;
      powers_of(m.a[n], m.a[m.half + n], -m.column[r * width + n], -m.column[r * width + m.half + n], block, re,
                re + m.modes * depth);
    }
  }
  for (std::size_t i = 0; i < width * width; ++i) panels[i] = 0;
  for (std::size_t c = 0; c < width; c += tile) {
    for (std::size_t part = 0; part < 2; ++part) {
      product(View<const double, 2>(left + part * m.modes * depth, {m.modes, depth}), right + c * depth,
              static_cast<const double*>(nullptr),
              View<double, 2>(panels + c * width + part * m.half * tile, {m.modes, tile}));
    }
  }
  const auto at = [&](std::size_t i, std::size_t j) -> double& {
    return panels[j / tile * tile * width + i * tile + j % tile];
  };
  for (std::size_t n = 0; n < m.modes; ++n) {
    double re = m.a[n], im = m.a[m.half + n];
    raise_to(re, im, block);
    at(n, n) += re;
    at(n, m.half + n) -= im;
    at(m.half + n, n) += im;
    at(m.half + n, m.half + n) += re;
  }
}

/// The kernel of channel h in blocks of J samples, l = i J + j, as the product of (output A_bar^{iJ}) and
/// (A_bar^j input), the factors built in double precision: 2 N length flop in T, 2 N^2 (J rank + length / J) in double
/// beside them. J a multiple of `tile`.
template <class T>
DANAUS_INLINE void kernel_by_blocks(const DplrModesView& modes, std::size_t h, std::size_t block, T* out,
                                    std::size_t length, Workspace scratch) noexcept {
  const DplrLanes m(modes, h, scratch);
  const std::size_t width = 2 * m.half, blocks = (length + block - 1) / block, whole = length / block;
  double* const left = scratch.take<double>(2 * m.modes * block * m.rank);
  double* const right = scratch.take<double>(panel_size(block * m.rank, width));
  double* const panels = scratch.take<double>(panel_size(width, width));
  T* const rows = scratch.take<T>(blocks * width);
  T* const columns = scratch.take<T>(panel_size(width, block));
  power(m, block, left, right, panels);
  for (std::size_t i = 0; i < width; ++i) m.state[i] = 0;
  m.read(modes.input + h * m.modes, m.state);
  double least = least_of<T>(m.state, width);
  for (std::size_t j = 0; j < block; ++j) {
    keep(m.state, width, least);
    T* const to = columns + j / tile * tile * width + j % tile;
    for (std::size_t n = 0; n < width; ++n) to[n * tile] = static_cast<T>(m.state[n]);
    move(m, m.state, m.column, m.row);
  }
  double *now = m.state, *next = m.next;
  for (std::size_t i = 0; i < width; ++i) now[i] = 0;
  m.read(modes.output + h * m.modes, now);
  for (std::size_t n = m.half; n < width; ++n) now[n] = -now[n];
  least = least_of<T>(now, width);
  for (std::size_t i = 0; i < blocks; ++i) {
    keep(now, width, least);
    for (std::size_t n = 0; n < width; ++n) rows[i * width + n] = static_cast<T>(now[n]);
    product(View<const double, 2>(now, {1, width}), panels, static_cast<const double*>(nullptr),
            View<double, 2>(next, {1, width}));
    std::swap(now, next);
  }
  product(View<const T, 2>(rows, {whole, width}), columns, static_cast<const T*>(nullptr),
          View<T, 2>(out, {whole, block}));
  if (whole < blocks) {
    T* const last = scratch.take<T>(block);
    product(View<const T, 2>(rows + whole * width, {1, width}), columns, static_cast<const T*>(nullptr),
            View<T, 2>(last, {1, block}));
    for (std::size_t l = whole * block; l < length; ++l) out[l] = last[l - whole * block];
  }
}

}  // namespace DANAUS_ISA
}  // namespace danaus
