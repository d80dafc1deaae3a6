// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include <danaus/hippo/online.hpp>

namespace danaus {
inline namespace DANAUS_ISA {
namespace legs {

/// out(i, c) = sum_n f(n, c) r_n P_n(2 times[i] / span - 1): the signal over [0, span) as its
/// coefficients f (N, channels) remember it; beyond the span its polynomial goes on. Times in lanes.
/// Relative error 1e-13 for times in the span.
template <class T>
void reconstruct(const LegsTables& t, const double* f, double span, std::span<const double> times, View<T, 2> out,
                 Workspace space) noexcept {
  DANAUS_EXPECTS(out.extent(0) == times.size());
  const std::size_t channels = out.extent(1);
  double* const basis = space.take<double>(t.order * legs_block);
  double* const x = space.take<double>(legs_block);
  double* const even = space.take<double>(legs_block);
  double* const odd = space.take<double>(legs_block);
  double* const own = space.take<double>(t.order);
  for (std::size_t first = 0; first < times.size(); first += legs_block) {
    const std::size_t left = times.size() - first, count = left < legs_block ? left : legs_block;
    for (std::size_t i = 0; i < legs_block; ++i) {
      const double at = times.data()[first + (i < count ? i : 0)];
      x[i] = (at - (span - at)) / span;
    }
    lg::fill_basis(t.growth.data(), t.order, x, basis);
    for (std::size_t c = 0; c < channels; ++c) {
      for (std::size_t n = 0; n < t.order; ++n) own[n] = f[n * channels + c] * (t.root.data()[n] * t.scale.data()[n]);
      lg::evaluate(basis, legs_block, t.order, own, even, odd, legs_block);
      for (std::size_t i = 0; i < count; ++i) out(first + i, c) = static_cast<T>(even[i] + odd[i]);
    }
  }
}

/// The transpose of `reconstruct`: out(n, c) = r_n sum_i values(i, c) P_n(2 times[i] / span - 1).
inline void moments(const LegsTables& t, double span, std::span<const double> times, View<const double, 2> values,
                    View<double, 2> out, Workspace space) noexcept {
  DANAUS_EXPECTS(values.extent(0) == times.size() && out.extent(0) == t.order && out.extent(1) == values.extent(1));
  const std::size_t channels = values.extent(1);
  for (std::size_t c = 0, together = 0; c < channels; c += together) {
    together = pass(channels - c);
    const std::size_t width = pass_width(together);
    Workspace mine = space;
    const Scratch s(t, width, mine);
    lg::Moments m = s.moments;
    m.rows = t.order;
    lg::open(m);
    for (std::size_t first = 0; first < times.size(); first += legs_block) {
      const std::size_t left = times.size() - first, count = left < legs_block ? left : legs_block;
      for (std::size_t i = 0; i < count; ++i) {
        const double at = times.data()[first + i];
        m.x[i] = (at - (span - at)) / span;
      }
      gather(values.row(first) + c, values.stride(0), count, together, width, m.even);
      lg::add(m, m.even, count);
    }
    lg::close(m);
    for (std::size_t n = 0; n < t.order; ++n)
      for (std::size_t i = 0; i < together; ++i)
        out(n, c + i) = t.root.data()[n] * t.scale.data()[n] * m.sums[n * width + i];
  }
}

/// The signal a memory remembers, at any times.
template <class T>
void recall(const LegsTables& t, LegsState<const double> state, std::span<const double> times, View<T, 2> out,
            Workspace space) noexcept {
  double* const own = space.take<double>(t.order * state.channels);
  collapse(t, state, own, space);
  reconstruct(t, own, state.time(), times, out, space);
}

}  // namespace legs
}  // namespace DANAUS_ISA
}  // namespace danaus
