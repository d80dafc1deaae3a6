// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/hippo/online.hpp>
#include <danaus/hippo/window.hpp>

// Exact memories of windows and decays in chunks: x <- E^count x + sum_i E^(count - 1 - i) B u_i as products with
// tables in double precision, 2 N (1 + N / chunk) operations a sample and channel.
namespace danaus {
inline namespace DANAUS_ISA {
namespace window {

/// y += sum_k a_k x_k over rows a_k of `a`, `stride` apart; n in lanes.
DANAUS_KERNEL void add_rows(const double* a, std::size_t stride, std::size_t depth, const double* x,
                            double* y) noexcept {
  using V = legendre::Lanes;
  constexpr std::size_t J = 4, L = V::size();
  std::size_t n = 0;
  for (; n + J * L <= stride; n += J * L) {
    V sum[J];
    for (std::size_t j = 0; j < J; ++j) sum[j] = simd::load<V>(y + n + j * L);
    const double* row = a + n;
    for (std::size_t k = 0; k < depth; ++k, row += stride) {
      const V factor(x[k]);
      for (std::size_t j = 0; j < J; ++j) sum[j] = fma(factor, simd::load<V>(row + j * L), sum[j]);
    }
    for (std::size_t j = 0; j < J; ++j) simd::store(sum[j], y + n + j * L);
  }
  for (; n < stride; n += L) {
    V sum = simd::load<V>(y + n);
    for (std::size_t k = 0; k < depth; ++k) sum = fma(V(x[k]), simd::load<V>(a + k * stride + n), sum);
    simd::store(sum, y + n);
  }
}

/// y_k += a_k . x over rows a_k; n in lanes.
DANAUS_KERNEL void add_dots(const double* a, std::size_t stride, std::size_t depth, const double* x,
                            double* y) noexcept {
  using V = legendre::Lanes;
  for (std::size_t k = 0; k < depth; ++k) {
    V sum(0.0);
    for (std::size_t n = 0; n < stride; n += V::size()) {
      sum = fma(simd::load<V>(a + k * stride + n), simd::load<V>(x + n), sum);
    }
    y[k] += simd::reduce(sum, simd::plus);
  }
}

/// One strip of channels: `width` is 1, or a multiple of the lanes.
struct Strip {
  std::size_t width;
  double* x;  // (stride, width)
  double* y;  // (stride, width)
  double* u;  // (chunk, width)

  DANAUS_INLINE Strip(const WindowTables& t, std::size_t channels, Workspace& space) noexcept : width(channels) {
    x = space.take<double>(t.stride * width);
    y = space.take<double>(t.stride * width);
    u = space.take<double>(t.chunk * width);
    for (std::size_t i = 0; i < t.stride * width; ++i) x[i] = y[i] = 0;
  }
  static constexpr std::size_t bytes(const WindowTables& t, std::size_t width) noexcept {
    return 2 * workspace_size<double>(t.stride * width) + workspace_size<double>(t.chunk * width);
  }
  /// to += a^T from, a (depth, stride).
  DANAUS_INLINE void add(const WindowTables& t, const double* a, std::size_t depth, const double* from,
                         double* to) const noexcept {
    if (width == 1) return add_rows(a, t.stride, depth, from, to);
    legendre::add_product({a, 1, t.stride}, t.order, depth, from, width, to, width, width);
  }
  /// to += a from, a (depth, stride).
  DANAUS_INLINE void add_transposed(const WindowTables& t, const double* a, std::size_t depth, const double* from,
                                    double* to) const noexcept {
    if (width == 1) return add_dots(a, t.stride, depth, from, to);
    legendre::add_product({a, t.stride, 1}, depth, t.order, from, width, to, width, width);
  }
  DANAUS_INLINE void clear(double* to, std::size_t rows) const noexcept {
    for (std::size_t i = 0; i < rows * width; ++i) to[i] = 0;
  }

  /// x <- E^count x, or its transpose, by the digits of count to base 4.
  void power(const WindowTables& t, std::size_t count, bool transposed) noexcept {
    for (std::size_t level = t.levels; level-- > 0;) {
      const double* const p = t.powers.data() + level * t.order * t.stride;
      for (const std::size_t unit = std::size_t{1} << (2 * level); count >= unit; count -= unit) {
        clear(y, t.order);
        transposed ? add_transposed(t, p, t.order, x, y) : add(t, p, t.order, x, y);
        double* const done = y;
        y = x;
        x = done;
      }
    }
  }
  /// x <- x after the first `count` <= chunk samples in u. A state below 1e-240 of any signal becomes 0: denormal
  /// numbers cost a hundred times as much.
  void advance(const WindowTables& t, std::size_t count) noexcept {
    power(t, count, false);
    add(t, t.impulses.data() + (t.chunk - count) * t.stride, count, u, x);
    for (std::size_t i = 0; i < t.order * width; ++i) x[i] = x[i] < 0x1p-800 && x[i] > -0x1p-800 ? 0 : x[i];
  }
  /// The adjoint of advance: u and x <- the gradients of the samples and of the state before, from that of the state.
  void retreat(const WindowTables& t, std::size_t count) noexcept {
    clear(u, count);
    add_transposed(t, t.impulses.data() + (t.chunk - count) * t.stride, count, x, u);
    power(t, count, true);
  }
};

/// out (N, channels) <- the state after the `count` samples that wait; `out` may be the state's own x.
template <class T>
inline void collapse(const WindowTables& t, const WindowState<T>& state, std::size_t count, double* out,
                     Workspace space) noexcept {
  for (std::size_t c = 0, some = 0; c < state.channels; c += some) {
    some = legs::pass(state.channels - c);
    Workspace mine = space;
    Strip strip(t, legs::pass_width(some), mine);
    legs::gather(state.x + c, state.channels, t.order, some, strip.width, strip.x);
    if (count > 0) {
      legs::gather(state.samples + c, state.channels, count, some, strip.width, strip.u);
      strip.advance(t, count);
    }
    legs::scatter(strip.x, strip.width, t.order, some, state.channels, out + c);
  }
}

/// Lets samples wait, folding in every chunk that fills: at the same samples however the calls were cut.
template <class T>
inline void absorb_chunks(const WindowTables& t, WindowState<T>& state, View<const T, 2> samples,
                          Workspace space) noexcept {
  for (std::size_t k = 0; k < samples.extent(0); ++k) {
    double* const to = state.samples + state.count % t.chunk * state.channels;
    for (std::size_t c = 0; c < state.channels; ++c) to[c] = static_cast<double>(samples(k, c));
    if (++state.count % t.chunk == 0) collapse(t, state, t.chunk, state.x, space);
  }
  state.time += static_cast<double>(samples.extent(0));
}

}  // namespace window
}  // namespace DANAUS_ISA
}  // namespace danaus
