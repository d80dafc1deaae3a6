// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include <danaus/fft/convolve.hpp>

namespace danaus {

/// Scratch of convolve_vjp.
template <std::floating_point T>
std::size_t convolve_vjp_workspace_bytes(const RingPlan<T>& ring) noexcept {
  return 4 * workspace_size<T>(ring.spectrum_size()) + transform_workspace_bytes(ring);
}

inline namespace DANAUS_ISA {

/// sum <- start + x conj(y), point by point; `start` may be null: zero. On the ring's points 1/z is conj(z): this
/// multiplies by the other polynomial with its time reversed. sum may be any of the others.
template <class T>
DANAUS_INLINE void correlate_spectra(const RingPlan<T>& ring, const T* x, const T* y, const T* start, T* sum) noexcept {
  using V = simd::native<T>;
  for (std::size_t m = 0; m < ring.rows(); ++m) {
    for (std::size_t lane = 0; lane < lanes<T>; lane += V::size()) {
      const std::size_t at = 2 * lanes<T> * m + lane;
      const Lanes<V> a = Lanes<V>::load(x + at), b = Lanes<V>::load(y + at);
      const Lanes<V> s = start == nullptr ? Lanes<V>{V(T(0)), V(T(0))} : Lanes<V>::load(start + at);
      Lanes<V>{fma(a.im, b.im, fma(a.re, b.re, s.re)), fnma(a.re, b.im, fma(a.im, b.re, s.im))}.store(sum + at);
    }
  }
}

/// The gradients of y(b, t, h) = sum_{j <= t} k(h, j) u(b, t - j, h) for channels
/// [first, first + ring.channels()), given those of y:
///   du(b, t, h) = sum_j k(h, j) grad(b, t + j, h),   dk(h, j) = sum_b sum_t grad(b, t, h) u(b, t - j, h).
///
/// u, grad and du (batch, length, channels), k and dk (channels, taps), any number of taps; ring.points() >= length. du
/// may be u or grad, dk may be k. Where du has no data it is not computed and k is not read, where dk has none u is
/// not read. Both are products with a conjugate spectrum in the ring x^n = i, where correlations of lag t >= 0 are the
/// real parts of the first coefficients, so that neither padding nor a reversed copy is needed; the batch is summed in
/// the spectrum, in order. 3 complex transforms of n points a sequence, 2 for all (dk alone: 2 and 1, du alone: 2 and
/// 1). Error of du as of convolve with |grad|_2 |k|_2; of dk with sum_b |grad|_2 |u|_2.
template <std::floating_point T>
DANAUS_KERNEL void convolve_vjp(const RingPlan<T>& ring, std::size_t first, View<const T, 3> u, View<const T, 2> k,
                                View<const T, 3> grad, View<T, 3> du, View<T, 2> dk, Workspace scratch) noexcept {
  const bool by_u = du.data_handle() != nullptr, by_k = dk.data_handle() != nullptr;
  const std::size_t length = grad.extent(1), channels = grad.extent(2);
  const std::size_t taps = std::min(length, by_k ? dk.extent(1) : k.extent(1));
  const auto sequence = [&]<class U>(View<U, 3> x, std::size_t b) {
    return View<U, 2>(x.data_handle() + b * x.stride(0), {length, channels}, {x.stride(1), x.stride(2)});
  };
  const auto lags = [&]<class U>(View<U, 2> x) {
    return View<U, 2>(x.data_handle(), {taps, channels}, {x.stride(1), x.stride(0)});
  };
  const View<const T, 2>* const real = nullptr;
  const View<T, 2>* const only = nullptr;
  T* const filter = scratch.take<T>(ring.spectrum_size());
  T* const signal = scratch.take<T>(ring.spectrum_size());
  T* const back = scratch.take<T>(ring.spectrum_size());
  T* const sum = scratch.take<T>(ring.spectrum_size());
  const T scale = T(1) / static_cast<T>(ring.points());
  if (by_u) spectrum(ring, first, lags(k), real, filter, scratch);
  for (std::size_t b = 0; b < grad.extent(0); ++b) {
    spectrum(ring, first, sequence(grad, b), real, back, scratch);
    if (by_k) {
      spectrum(ring, first, sequence(u, b), real, signal, scratch);
      correlate_spectra(ring, back, signal, b == 0 ? nullptr : sum, sum);
    }
    if (by_u) {
      correlate_spectra(ring, back, filter, static_cast<const T*>(nullptr), back);
      coefficients(ring, first, back, scale, sequence(du, b), only, scratch);
    }
  }
  if (!by_k) return;
  coefficients(ring, first, sum, scale, lags(dk), only, scratch);
  for (std::size_t h = first; h < std::min(first + ring.channels(), channels); ++h) {  // lags that no sample reaches
    for (std::size_t j = taps; j < dk.extent(1); ++j) dk(h, j) = T(0);
  }
}

}  // namespace DANAUS_ISA
}  // namespace danaus
