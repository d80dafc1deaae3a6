// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include <danaus/fft/convolve.hpp>

namespace danaus {

/// Scratch of convolve_tile_vjp.
template <std::floating_point T>
std::size_t convolve_vjp_workspace_bytes(const FourierPlan<T>& plan) noexcept {
  return 4 * workspace_size<T>(2 * tile * plan.length);
}

inline namespace DANAUS_ISA {

/// spectrum <- spectrum conj(other), point by point. On the ring's points 1/x is conj(x): this multiplies by the
/// other polynomial with its time reversed.
template <class T>
DANAUS_INLINE void correlate_spectra(std::size_t points, T* spectrum, const T* other) noexcept {
  using V = simd::native<T>;
  for (std::size_t j = 0; j < points; ++j) {
    for (std::size_t lane = 0; lane < tile; lane += V::size()) {
      T* const p = spectrum + 2 * tile * j + lane;
      const Lanes<V> x = Lanes<V>::load(p), y = Lanes<V>::load(other + 2 * tile * j + lane);
      Lanes<V>{fma(x.im, y.im, x.re * y.re), fnma(x.re, y.im, x.im * y.re)}.store(p);
    }
  }
}

/// sum <- sum + spectrum conj(other), point by point.
template <class T>
DANAUS_INLINE void add_correlated_spectra(std::size_t points, const T* spectrum, const T* other, T* sum) noexcept {
  using V = simd::native<T>;
  for (std::size_t j = 0; j < points; ++j) {
    for (std::size_t lane = 0; lane < tile; lane += V::size()) {
      const std::size_t at = 2 * tile * j + lane;
      const Lanes<V> x = Lanes<V>::load(spectrum + at), y = Lanes<V>::load(other + at), s = Lanes<V>::load(sum + at);
      Lanes<V>{fma(x.im, y.im, fma(x.re, y.re, s.re)), fnma(x.re, y.im, fma(x.im, y.re, s.im))}.store(sum + at);
    }
  }
}

/// Undoes the transform of `spectrum` and hands the real parts of the first `count` coefficients to value(j, lane, x).
template <class T, class F>
DANAUS_INLINE void write_untwisted(const FourierPlan<T>& plan, T* spectrum, std::size_t count, std::size_t lanes,
                                   F value) noexcept {
  transform_back(plan, spectrum, plan.length);
  const T scale = T(1) / static_cast<T>(plan.length);
  for (std::size_t j = 0; j < count; ++j) {
    const T* const p = spectrum + 2 * tile * j;
    const T c = plan.twist[2 * j] * scale, s = plan.twist[2 * j + 1] * scale;
    for (std::size_t l = 0; l < lanes; ++l) value(j, l, p[l] * c + p[l + tile] * s);
  }
}

/// The gradients of y(b, t, h) = sum_{j <= t} k(h, j) u(b, t - j, h) for channels [first, first + tile), given those
/// of y:
///   du(b, t, h) = sum_j k(h, j) grad(b, t + j, h),   dk(h, j) = sum_b sum_t grad(b, t, h) u(b, t - j, h).
///
/// u, grad and du (batch, length, channels), k and dk (channels, taps), any number of taps; plan.length >= length. du
/// may be u or grad, dk may be k. Where du has no data it is not computed and k is not read, where dk has none u is
/// not read. Both are products with a conjugate spectrum in the ring x^n = i, where correlations of lag t >= 0 are the
/// real parts of the first coefficients, so that neither padding nor a reversed copy is needed; the batch is summed in
/// the spectrum, in order. 3 complex transforms of n points a sequence, 2 for all (dk alone: 2 and 1, du alone: 2 and
/// 1). Error of du as of convolve_tile with |grad|_2 |k|_2; of dk with sum_b |grad|_2 |u|_2.
template <std::floating_point T>
DANAUS_INLINE void convolve_tile_vjp(const FourierPlan<T>& plan, std::size_t first, View<const T, 3> u,
                                     View<const T, 2> k, View<const T, 3> grad, View<T, 3> du, View<T, 2> dk,
                                     Workspace scratch) noexcept {
  const bool by_u = du.data_handle() != nullptr, by_k = dk.data_handle() != nullptr;
  const std::size_t n = plan.length, length = grad.extent(1), lanes = std::min(tile, grad.extent(2) - first);
  const std::size_t taps = std::min(length, by_k ? dk.extent(1) : k.extent(1));
  T* const filter = scratch.take<T>(2 * tile * n);
  T* const signal = scratch.take<T>(2 * tile * n);
  T* const back = scratch.take<T>(2 * tile * n);
  T* const sum = scratch.take<T>(2 * tile * n);
  if (by_k) std::fill_n(sum, 2 * tile * n, T(0));
  if (by_u) {
    read_twisted(plan, taps, lanes, filter, [&](std::size_t j, std::size_t l) { return k(first + l, j); });
    transform(plan, filter, n);
  }
  for (std::size_t b = 0; b < grad.extent(0); ++b) {
    read_twisted(plan, length, lanes, back, [&](std::size_t j, std::size_t l) { return grad(b, j, first + l); });
    transform(plan, back, n);
    if (by_k) {
      read_twisted(plan, length, lanes, signal, [&](std::size_t j, std::size_t l) { return u(b, j, first + l); });
      transform(plan, signal, n);
      add_correlated_spectra(n, back, signal, sum);
    }
    if (by_u) {
      correlate_spectra(n, back, filter);
      write_untwisted(plan, back, length, lanes, [&](std::size_t j, std::size_t l, T x) { du(b, j, first + l) = x; });
    }
  }
  if (!by_k) return;
  write_untwisted(plan, sum, taps, lanes, [&](std::size_t j, std::size_t l, T x) { dk(first + l, j) = x; });
  for (std::size_t l = 0; l < lanes; ++l) {  // taps that no sample reaches
    for (std::size_t j = taps; j < dk.extent(1); ++j) dk(first + l, j) = T(0);
  }
}

}  // namespace DANAUS_ISA
}  // namespace danaus
