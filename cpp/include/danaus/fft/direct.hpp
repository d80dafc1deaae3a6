// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include <danaus/core/workspace.hpp>
#include <danaus/fft/gather.hpp>

namespace danaus {

/// Up to this many taps the sum itself is faster than a transform.
inline constexpr std::size_t most_direct_taps = 40;

/// Samples that are gathered at a time.
inline constexpr std::size_t direct_rows = 256;

/// Taps rounded up to the number that is worked on together.
constexpr std::size_t padded_taps(std::size_t taps) noexcept {
  return (taps + 3) / 4 * 4;
}

/// Elements of the packed taps of all channels.
template <std::floating_point T>
constexpr std::size_t direct_size(std::size_t channels, std::size_t taps) noexcept {
  return (channels + lanes<T> - 1) / lanes<T> * padded_taps(taps) * lanes<T>;
}

/// Packs kernels k (taps, channels), any strides, for convolve_direct: a group's taps in rows, zeros beyond.
template <std::floating_point T>
void pack_direct(View<const T, 2> k, T* packed) noexcept {
  const std::size_t taps = k.extent(0), padded = padded_taps(taps);
  std::fill_n(packed, direct_size<T>(k.extent(1), taps), T(0));
  for (std::size_t h = 0; h < k.extent(1); ++h) {
    for (std::size_t j = 0; j < taps; ++j) packed[(h / lanes<T> * padded + j) * lanes<T> + h % lanes<T>] = k(j, h);
  }
}

/// Scratch of convolve_direct.
template <std::floating_point T>
constexpr std::size_t direct_workspace_bytes(std::size_t taps) noexcept {
  return workspace_size<T>((padded_taps(taps) + direct_rows) * lanes<T>) + workspace_size<T>(direct_rows * lanes<T>);
}

inline namespace DANAUS_ISA {

/// `count` (a multiple of `many`) outputs of a group; x points to the first's input, with padded_taps rows before it.
template <class V, std::size_t many, class T>
DANAUS_INLINE void direct_rows_of(const T* taps, std::size_t padded, const T* x, std::size_t count, T* y) noexcept {
  for (std::size_t t = 0; t < count; t += many) {
    V sum[many];
    simd::unrolled<many>([&](auto q) { sum[q] = V(T(0)); });
    for (std::size_t j = 0; j < padded; j += 4) {
      V in[many + 3];  // inputs t - j - 3, ..., t - j + many - 1
      const T* const from = x + t * lanes<T> - (j + 3) * lanes<T>;
      simd::unrolled<many + 3>([&](auto i) { in[i] = simd::load<V>(from + i * lanes<T>); });
      simd::unrolled<4>([&](auto i) {
        const V tap = simd::load<V>(taps + (j + i) * lanes<T>);
        simd::unrolled<many>([&](auto q) { sum[q] = fma(tap, in[q + 3 - i], sum[q]); });
      });
    }
    simd::unrolled<many>([&](auto q) { simd::store(sum[q], y + (t + q) * lanes<T>); });
  }
}

/// Causal convolution with few taps by the sum itself: groups [first, last) of channels of u, y (length, channels), any
/// strides; y may be u; `packed` by pack_direct for `taps` taps. Every sum runs in the order of the taps. 2 taps flop a
/// sample.
template <std::floating_point T>
DANAUS_KERNEL void convolve_direct(const T* packed, std::size_t taps, std::size_t first, std::size_t last,
                                   View<const T, 2> u, View<T, 2> y, Workspace scratch) noexcept {
  using V = simd::native<T>;
  constexpr std::size_t many = simd::registers >= 32 ? 8 : 4;
  const std::size_t padded = padded_taps(taps), length = u.extent(0);
  T* const in = scratch.take<T>((padded + direct_rows) * lanes<T>);
  T* const out = scratch.take<T>(direct_rows * lanes<T>);
  for (std::size_t g = first; g < last; ++g) {
    std::fill_n(in, padded * lanes<T>, T(0));
    for (std::size_t t = 0; t < length; t += direct_rows) {
      const std::size_t count = std::min(direct_rows, length - t), whole = (count + many - 1) / many * many;
      gather_rows(g * lanes<T>, u.rows(t, count), in + padded * lanes<T>);
      std::fill_n(in + (padded + count) * lanes<T>, (whole - count) * lanes<T>, T(0));
      for (std::size_t lane = 0; lane < lanes<T>; lane += V::size()) {
        direct_rows_of<V, many>(packed + g * padded * lanes<T> + lane, padded, in + padded * lanes<T> + lane, whole,
                                out + lane);
      }
      scatter_rows(g * lanes<T>, static_cast<const T*>(out), y.rows(t, count));
      std::copy_n(in + count * lanes<T>, padded * lanes<T>, in);
    }
  }
}

}  // namespace DANAUS_ISA
}  // namespace danaus
