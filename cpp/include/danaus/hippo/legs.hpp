// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <type_traits>

#include <danaus/core/buffer.hpp>
#include <danaus/core/error.hpp>
#include <danaus/core/view.hpp>
#include <danaus/core/workspace.hpp>
#include <danaus/hippo/quadrature.hpp>

// The plain data of the exact LegS memory
//   x_n(t) = (1/t) int_0^t u(s) r_n P_n(2s/t - 1) ds,   n < N,
// where sample k of u holds over [t_k, t_{k+1}). No vectors here: every instruction set shares it.
namespace danaus {

/// What all LegS memories of one order share.
///
/// Kernels run on Legendre polynomials rescaled so that a step of the recurrence is one product off
/// the critical path and one fused operation:  p_{m+1} = (growth_m x) p_m - p_{m-1},  p_0 = 1,
/// p_1 = x,  P_m = scale_m p_m.  All |p_m| stay below 2 sqrt(m + 1) on [-1, 1].
struct LegsTables {
  std::size_t order = 0;   // N
  std::size_t chunk = 0;   // samples that wait before they are folded into the coefficients
  std::size_t half = 0;    // Gauss nodes at x >= 0
  std::size_t stride = 0;  // of `basis`: half, rounded up to whole blocks
  Buffer<double> growth;   // (N + 2)
  Buffer<double> scale;    // (N + 2)
  Buffer<double> drift;    // (N + 2) growth_n p_n / (r_n P_n)
  Buffer<double> root;     // (N) r_n
  Buffer<double> node;     // (half)
  Buffer<double> weight;   // (half) half the quadrature weight: the measure is uniform over [0, 1]
  Buffer<double> basis;    // (N + 1, stride) r_n P_n(node); the last row is zero
};

/// How many samples a memory of order n gathers by default: enough that folding them in, which
/// costs O(n^2), is the smaller part of the work.
inline std::size_t legs_chunk(std::size_t order) noexcept {
  return std::bit_ceil(order < 32 ? std::size_t{256} : 8 * order);
}

/// Channels that a kernel takes together: pieces of work begin at multiples of it.
inline constexpr std::size_t legs_strip = 32;

/// Points that kernels take at once: tables and scratch are padded to whole blocks.
inline constexpr std::size_t legs_block = 64;

/// What evaluating the r_n P_n at given points takes: no chunk, no nodes. O(N).
inline LegsTables legs_series(std::size_t order) {
  DANAUS_EXPECTS(order > 0);
  LegsTables t;
  t.order = order;
  t.growth.resize(order + 2);
  t.drift.resize(order + 2);
  t.scale.assign(order + 3, 1);
  for (std::size_t m = 0; m < order + 2; ++m) {
    const double k = static_cast<double>(m);
    if (m > 0) t.scale[m + 1] = k / (k + 1) * t.scale[m - 1];
    t.growth[m] = (2 * k + 1) / (k + 1) * t.scale[m] / t.scale[m + 1];
    t.drift[m] = t.growth[m] / (legendre_root(m) * t.scale[m]);
  }
  for (std::size_t n = 0; n < order; ++n) t.root.push_back(legendre_root(n));
  return t;
}

/// O(N^2) time and memory. `chunk` = 0 takes legs_chunk(order). The bits of a memory depend on it.
inline LegsTables legs_tables(std::size_t order, std::size_t chunk = 0) {
  LegsTables t = legs_series(order);
  t.chunk = chunk == 0 ? legs_chunk(order) : chunk;
  t.half = (order + 1) / 2;
  t.stride = (t.half + legs_block - 1) / legs_block * legs_block;
  t.node.resize(t.half);
  t.weight.resize(t.half);
  gauss_legendre(order, t.node, t.weight);
  t.basis.assign((order + 1) * t.stride, 0);
  for (std::size_t i = 0; i < t.half; ++i) {
    t.weight[i] *= t.node[i] == 0 ? 0.25 : 0.5;  // the middle node is its own mirror image
    double before = 0, value = 1;
    for (std::size_t n = 0; n < order; ++n) {
      const double k = static_cast<double>(n), next = ((2 * k + 1) * t.node[i] * value - k * before) / (k + 1);
      t.basis[n * t.stride + i] = t.root[n] * value;
      before = value;
      value = next;
    }
  }
  return t;
}

/// A memory of `channels` signals: one flat array of doubles that the caller owns, so that saving
/// and restoring it is a copy. All zeros is the empty memory. Its parts, in order:
///   start, pending; coefficients (N, channels) of [0, start); the end times (chunk) and the
///   samples (chunk, channels) of the `pending` cells that follow `start`.
template <class D>
struct LegsState {
  D* data;
  std::size_t order;
  std::size_t chunk;
  std::size_t channels;

  DANAUS_INLINE LegsState(D* memory, const LegsTables& tables, std::size_t width) noexcept
      : data(memory), order(tables.order), chunk(tables.chunk), channels(width) {}
  template <class U>
    requires std::is_same_v<const U, D>
  DANAUS_INLINE LegsState(const LegsState<U>& other) noexcept
      : data(other.data), order(other.order), chunk(other.chunk), channels(other.channels) {}

  DANAUS_INLINE std::size_t size() const noexcept { return 2 + order * channels + chunk + chunk * channels; }
  DANAUS_INLINE D& start() const noexcept { return data[0]; }
  DANAUS_INLINE D& pending() const noexcept { return data[1]; }
  DANAUS_INLINE D* coefficients() const noexcept { return data + 2; }
  DANAUS_INLINE D* ends() const noexcept { return coefficients() + order * channels; }
  DANAUS_INLINE D* samples() const noexcept { return ends() + chunk; }
  DANAUS_INLINE std::size_t cells() const noexcept { return static_cast<std::size_t>(pending()); }
  /// The end of the last cell: the memory spans [0, time).
  DANAUS_INLINE double time() const noexcept { return cells() == 0 ? start() : ends()[cells() - 1]; }

  /// Where the next cell, one unit long, ends: the last one, the `cell`-th that waits, ended at `now`.
  /// From the start of the chunk where that is possible, so that calls may be cut anywhere.
  DANAUS_INLINE double next_end(double now, std::size_t cell) const noexcept {
    return now == start() + static_cast<double>(cell) ? start() + static_cast<double>(cell + 1) : now + 1;
  }
  /// Lets samples (L, channels) wait, as many as the chunk has room for; returns how many. `given`
  /// are the ends of their cells, or nullptr: one unit of time each. A full chunk is to be folded in
  /// before more come.
  template <class T>
  DANAUS_INLINE std::size_t push(View<const T, 2> signal, const double* given) const noexcept {
    const std::size_t cell = cells(), room = chunk - cell;
    const std::size_t count = signal.extent(0) < room ? signal.extent(0) : room;
    D* const end = ends() + cell;
    D* const to = samples() + cell * channels;
    double now = time();
    for (std::size_t k = 0; k < count; ++k) end[k] = now = given == nullptr ? next_end(now, cell + k) : given[k];
    for (std::size_t k = 0; k < count; ++k)
      for (std::size_t c = 0; c < channels; ++c) to[k * channels + c] = static_cast<double>(signal(k, c));
    pending() = static_cast<double>(cell + count);
    return count;
  }
  /// The samples that waited have been folded into the coefficients.
  DANAUS_INLINE void forget_cells() const noexcept {
    const double now = time();
    start() = now;
    pending() = 0;
  }
  DANAUS_INLINE bool full() const noexcept { return cells() == chunk; }
};

/// Raises unless `ends` are finite and increase from beyond `now`.
inline void legs_check_increasing(std::span<const double> ends, double now) {
  for (const double end : ends) {
    require(end > now && std::isfinite(end), [&] {
      return "hippo.Memory: times must be finite and increase from beyond " + std::to_string(now) + ", got " +
             std::to_string(end);
    });
    now = end;
  }
}

/// The run functions of one instruction set; legs_kernels<T>() in hippo/legs_kernels.hpp fills it.
template <class T>
struct LegsKernels {
  std::size_t (*workspace_bytes)(const LegsTables&, std::size_t channels) noexcept;
  void (*absorb)(const LegsTables&, LegsState<double>, View<const T, 2> samples, const double* ends,
                 Workspace) noexcept;
  void (*fold)(const LegsTables&, LegsState<double>, std::size_t first, std::size_t last, Workspace) noexcept;
  void (*settle)(const LegsTables&, LegsState<double>, Workspace) noexcept;
  void (*coefficients)(const LegsTables&, LegsState<const double>, View<T, 2> out, Workspace) noexcept;
  void (*merge)(const LegsTables&, LegsState<double> first, LegsState<const double> second, Workspace) noexcept;
  void (*reconstruct)(const LegsTables&, LegsState<const double>, std::span<const double> times, View<T, 2> out,
                      Workspace) noexcept;
  void (*evaluate)(const LegsTables&, const double* coefficients, double span, std::span<const double> times,
                   View<T, 2> out, Workspace) noexcept;
  void (*moments)(const LegsTables&, double span, std::span<const double> times, View<const double, 2> values,
                  View<double, 2> out, Workspace) noexcept;
};

}  // namespace danaus
