// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/hippo/chunk.hpp>

// The exact LegS memory, online. Samples wait in the state until a chunk is full; then the chunk's
// own coefficients are found (`project`) and joined to those of the past (`join`): both are
// polynomials on adjacent intervals, and N Gauss nodes on each make the inner products with the P_n
// of the whole exact. The past is mapped with a norm below 1, so no error ever grows.
//
// A chunk is joined whenever `tables.chunk` samples wait, whatever calls brought them: the bits of
// a memory do not depend on how its samples were fed.
namespace danaus {
inline namespace DANAUS_ISA {
namespace legs {

/// Channels that one pass takes. Those that would fill half a register or less go one by one with
/// points in lanes (N = 256: 8 channels together cost as much as 5 alone, AVX-512).
DANAUS_INLINE constexpr std::size_t pass(std::size_t left) noexcept {
  return 2 * left <= lg::lanes ? 1 : left < lg::strip ? left : lg::strip;
}
DANAUS_INLINE constexpr std::size_t pass_width(std::size_t channels) noexcept {
  return channels == 1 ? 1 : lg::padded(channels, lg::lanes);
}

/// (rows, channels) out of rows `stride` apart into rows of `width`, the rest of them zero.
DANAUS_KERNEL void gather(const double* from, std::size_t stride, std::size_t rows, std::size_t channels,
                          std::size_t width, double* to) noexcept {
  for (std::size_t n = 0; n < rows; ++n, from += stride, to += width) {
    simd::each<double>(channels, [&]<class V>(std::size_t c) { simd::store(simd::load<V>(from + c), to + c); });
    for (std::size_t c = channels; c < width; ++c) to[c] = 0;
  }
}
DANAUS_KERNEL void scatter(const double* from, std::size_t width, std::size_t rows, std::size_t channels,
                           std::size_t stride, double* to) noexcept {
  for (std::size_t n = 0; n < rows; ++n, from += width, to += stride)
    simd::each<double>(channels, [&]<class V>(std::size_t c) { simd::store(simd::load<V>(from + c), to + c); });
}

/// m.even <- the weights of one half of the nodes, times the even part plus `sign` times the odd
/// part of the signal there, times `share`.
DANAUS_KERNEL void weigh_nodes(const LegsTables& t, const Scratch& s, double share, double sign) noexcept {
  const lg::Moments& m = s.moments;
  if (m.width == 1) {
    simd::each<double>(t.half, [&]<class V>(std::size_t i) {
      const V weight = simd::load<V>(t.weight.data() + i) * V(share);
      simd::store(weight * fma(V(sign), simd::load<V>(s.odd + i), simd::load<V>(s.even + i)), m.even + i);
    });
    return;
  }
  using V = lg::Lanes;
  for (std::size_t i = 0; i < t.half; ++i) {
    const V weight(t.weight.data()[i] * share);
    for (std::size_t c = i * m.width; c < (i + 1) * m.width; c += lg::lanes)
      simd::store(weight * fma(V(sign), simd::load<V>(s.odd + c), simd::load<V>(s.even + c)), m.even + c);
  }
}

/// s.even, s.odd <- the parts of sum_n f_n r_n P_n at the nodes; f (N, width).
inline void values_at_nodes(const LegsTables& t, const Scratch& s, const double* f) noexcept {
  const std::size_t width = s.moments.width, step = 2 * t.stride;
  const double* const basis = t.basis.data();
  if (width == 1) return lg::evaluate(basis, t.stride, t.order, f, s.even, s.odd, t.stride);
  for (std::size_t i = 0; i < t.half * width; ++i) s.even[i] = s.odd[i] = 0;
  lg::add_product({basis, 1, step}, t.half, (t.order + 1) / 2, f, 2 * width, s.even, width, width);
  lg::add_product({basis + t.stride, 1, step}, t.half, t.order / 2, f + width, 2 * width, s.odd, width, width);
}

/// s.first <- the coefficients over [0, a + b) of the signal that s.first describes on [0, a) and
/// s.chunk on [a, a + b). With g the share of b, the past's node x moves by -g (1 + x), and only what
/// that changes is summed up, so that rounding errors, too, are a fraction g: in a long stream they
/// do not add up to more than the logarithm of its length.
inline void join(const LegsTables& t, const Scratch& s, double a, double b) noexcept {
  lg::Moments m = s.moments;
  m.rows = t.order;
  const double past = a / (a + b), added = b / (a + b);
  const double* const node = t.node.data();
  lg::open(m);
  values_at_nodes(t, s, s.first);
  for (const double sign : {1.0, -1.0}) {
    for (std::size_t i = 0; i < t.half; ++i) {
      m.change[i] = -added * (1 + sign * node[i]);
      m.x[i] = sign * node[i] + m.change[i];
    }
    weigh_nodes(t, s, past, sign);
    lg::add(m, {t.basis.data(), t.stride, t.drift.data(), sign}, t.half);
  }
  values_at_nodes(t, s, s.chunk);
  for (const double sign : {1.0, -1.0}) {
    for (std::size_t i = 0; i < t.half; ++i) m.x[i] = past + sign * added * node[i];
    weigh_nodes(t, s, added, sign);
    lg::add(m, m.even, t.half);
  }
  lg::close(m);
  for (std::size_t n = 0; n < t.order; ++n) {
    const double scale = t.root.data()[n] * t.scale.data()[n];
    double* const x = s.first + n * m.width;
    for (std::size_t c = 0; c < m.width; ++c) x[c] = past * x[c] + scale * m.sums[n * m.width + c];
  }
}

/// Channels [first, last) of out (N, channels) <- the coefficients over [0, state.time()); `out` may be the state's
/// own.
inline void collapse(const LegsTables& t, LegsState<const double> state, std::size_t first, std::size_t last,
                     double* out, Workspace space) noexcept {
  const std::size_t cells = state.cells(), channels = state.channels;
  if (cells == 0) {
    if (out != state.coefficients()) {
      for (std::size_t n = 0; n < t.order * channels; n += channels)
        for (std::size_t c = first; c < last; ++c) out[n + c] = state.coefficients()[n + c];
    }
    return;
  }
  for (std::size_t c = first, count = 0; c < last; c += count) {
    count = pass(last - c);
    const std::size_t width = pass_width(count);
    Workspace mine = space;
    const Scratch s(t, width, mine);
    const bool fresh = state.start() == 0;
    const Cells chunk{state.start(), state.ends(), state.samples() + c, cells, channels, count};
    project(t, chunk, s, fresh ? s.first : s.chunk);
    if (!fresh) {
      gather(state.coefficients() + c, channels, t.order, count, width, s.first);
      join(t, s, state.start(), state.time() - state.start());
    }
    scatter(s.first, width, t.order, count, channels, out + c);
  }
}

inline void collapse(const LegsTables& t, LegsState<const double> state, double* out, Workspace space) noexcept {
  collapse(t, state, 0, state.channels, out, space);
}

/// What every verb below needs, for any number of samples.
inline std::size_t workspace_bytes(const LegsTables& t, std::size_t channels) noexcept {
  const std::size_t one = Scratch::bytes(t, 1), many = Scratch::bytes(t, pass_width(pass(channels)));
  return (one > many ? one : many) + 2 * workspace_size<double>(t.order * channels);
}

/// Folds the samples that wait into the coefficients of channels [first, last), multiples of `strip` or the end: pieces
/// of work that may run side by side. Afterwards `state.forget_cells()` ends it for all.
inline void fold(const LegsTables& t, LegsState<double> state, std::size_t first, std::size_t last,
                 Workspace space) noexcept {
  collapse(t, state, first, last, state.coefficients(), space);
}

/// Folds the samples that wait into the coefficients.
inline void settle(const LegsTables& t, LegsState<double> state, Workspace space) noexcept {
  collapse(t, state, state.coefficients(), space);
  state.forget_cells();
}

/// Takes in samples (L, channels), each held over a cell of time. `ends` are the L end times of the
/// cells, increasing and beyond the state's time; nullptr: one unit of time each.
/// O(N^2 / chunk + N) a sample and channel.
template <class T>
void absorb(const LegsTables& t, LegsState<double> state, View<const T, 2> samples, const double* ends,
            Workspace space) noexcept {
  DANAUS_EXPECTS(samples.extent(1) == state.channels);
  for (std::size_t done = 0, left = samples.extent(0); left > 0;) {
    const std::size_t count = state.push(samples.rows(done, left), ends == nullptr ? nullptr : ends + done);
    if (state.full()) settle(t, state, space);
    done += count;
    left -= count;
  }
}

/// out (channels, N) <- the coefficients over [0, state.time()). The state keeps its bits.
template <class T>
void coefficients(const LegsTables& t, LegsState<const double> state, View<T, 2> out, Workspace space) noexcept {
  DANAUS_EXPECTS(out.extent(0) == state.channels && out.extent(1) == t.order);
  double* const own = space.take<double>(t.order * state.channels);
  collapse(t, state, own, space);
  for (std::size_t c = 0; c < state.channels; ++c)
    for (std::size_t n = 0; n < t.order; ++n) out(c, n) = static_cast<T>(own[n * state.channels + c]);
}

/// first <- the memory of `first` followed by `second`, whose time 0 is the time of `first`. Exact.
/// Afterwards no samples wait in `first`. Either may be empty,
/// and they may be the same.
inline void merge(const LegsTables& t, LegsState<double> first, LegsState<const double> second,
                  Workspace space) noexcept {
  DANAUS_EXPECTS(first.channels == second.channels && first.order == second.order);
  const double a = first.time(), b = second.time();
  const std::size_t channels = first.channels;
  if (b == 0) return;
  double* const own = space.take<double>(t.order * channels);
  collapse(t, second, own, space);
  settle(t, first, space);
  for (std::size_t c = 0, count = 0; c < channels; c += count) {
    count = pass(channels - c);
    const std::size_t width = pass_width(count);
    Workspace mine = space;
    const Scratch s(t, width, mine);
    gather(first.coefficients() + c, channels, t.order, count, width, s.first);
    gather(own + c, channels, t.order, count, width, s.chunk);
    if (a == 0) {
      scatter(s.chunk, width, t.order, count, channels, first.coefficients() + c);
    } else {
      join(t, s, a, b);
      scatter(s.first, width, t.order, count, channels, first.coefficients() + c);
    }
  }
  first.start() = a + b;
}

}  // namespace legs
}  // namespace DANAUS_ISA
}  // namespace danaus
