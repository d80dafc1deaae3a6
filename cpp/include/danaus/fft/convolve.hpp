// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include <danaus/core/view.hpp>
#include <danaus/core/workspace.hpp>
#include <danaus/fft/plan.hpp>

namespace danaus {

/// Scratch of convolve_tile.
template <std::floating_point T>
std::size_t convolve_workspace_bytes(const FourierPlan<T>& plan) noexcept {
  return 2 * workspace_size<T>(2 * tile * plan.length);
}

inline namespace DANAUS_ISA {

/// Reads `value(j, lane)` of `count` points and `lanes` channels, turns point j by pi j / (2 length), fills up with
/// zeros: a real polynomial ready to be multiplied modulo x^length = i.
template <class T, class F>
DANAUS_INLINE void read_twisted(const FourierPlan<T>& plan, std::size_t count, std::size_t lanes, T* data,
                                F value) noexcept {
  for (std::size_t j = 0; j < plan.length; ++j) {
    T* const p = data + 2 * tile * j;
    const T c = plan.twist[2 * j], s = plan.twist[2 * j + 1];
    for (std::size_t l = 0; l < tile; ++l) {
      const T x = j < count && l < lanes ? value(j, l) : T(0);
      p[l] = x * c;
      p[l + tile] = x * s;
    }
  }
}

/// Causal convolution of channels [first, first + tile): y(t, h) = sum_{j <= t} k(h, j) u(t - j, h).
///
/// u and y (length, channels), k (channels, taps); plan.length >= length; y may be u. In the ring
/// x^n = i a product of two real polynomials keeps its first n coefficients in the real parts and
/// the rest in the imaginary parts: no zero padding. Three complex transforms of n points. Error:
/// about 1e-7 (float), 2e-16 (double) times log2(4 n) |u|_2 |k|_2.
template <std::floating_point T>
DANAUS_INLINE void convolve_tile(const FourierPlan<T>& plan, std::size_t first, View<const T, 2> u, View<const T, 2> k,
                                 View<T, 2> y, Workspace scratch) noexcept {
  using V = simd::native<T>;
  const std::size_t n = plan.length, length = u.extent(0), lanes = std::min(tile, u.extent(1) - first);
  T* const signal = scratch.take<T>(2 * tile * n);
  T* const filter = scratch.take<T>(2 * tile * n);
  read_twisted(plan, length, lanes, signal, [&](std::size_t j, std::size_t l) { return u(j, first + l); });
  read_twisted(plan, std::min(length, k.extent(1)), lanes, filter,
               [&](std::size_t j, std::size_t l) { return k(first + l, j); });
  transform(plan, signal, n);
  transform(plan, filter, n);
  for (std::size_t j = 0; j < n; ++j) {
    for (std::size_t lane = 0; lane < tile; lane += V::size()) {
      T* const p = signal + 2 * tile * j + lane;
      (Lanes<V>::load(p) * Lanes<V>::load(filter + 2 * tile * j + lane)).store(p);
    }
  }
  transform_back(plan, signal, n);
  const T scale = T(1) / static_cast<T>(n);
  for (std::size_t t = 0; t < length; ++t) {
    const T* const p = signal + 2 * tile * t;
    const T c = plan.twist[2 * t] * scale, s = plan.twist[2 * t + 1] * scale;
    for (std::size_t l = 0; l < lanes; ++l) y(t, first + l) = p[l] * c + p[l + tile] * s;
  }
}

/// The same for all channels, tile by tile.
template <std::floating_point T>
inline void causal_convolve(const FourierPlan<T>& plan, View<const T, 2> u, View<const T, 2> k, View<T, 2> y,
                            Workspace scratch) noexcept {
  for (std::size_t h = 0; h < u.extent(1); h += tile) convolve_tile(plan, h, u, k, y, scratch);
}

}  // namespace DANAUS_ISA
}  // namespace danaus
