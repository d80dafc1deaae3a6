// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <concepts>

#include <danaus/core/workspace.hpp>
#include <danaus/simd/transpose.hpp>
#include <danaus/ssm/transfer.hpp>

namespace danaus {

/// Scratch of impulse_tile.
constexpr std::size_t impulse_workspace_bytes(TransferShape shape) noexcept {
  return workspace_size<double>(tile * shape.rows());
}

inline namespace DANAUS_ISA {

/// A state below this share of its largest value so far is written as 0, before its powers become denormal.
template <std::floating_point T>
inline constexpr double faded = sizeof(T) == 4 ? 0x1p-80 : 0x1p-510;

/// As take_in_row, without input; rows of a alone, a_i at a + (i - 1) tile.
template <class V, std::size_t J, std::size_t M>
DANAUS_INLINE void decay_row(const double* a, const V* y, V* sum) noexcept {
  constexpr std::size_t K = transfer_block;
  const V factor = simd::load<V>(a + (M - 1) * tile);
  for (std::size_t q = 0; q < J; ++q) {
    if (q + K >= M && q < M) sum[q] = fnma(factor, y[q + K - M], sum[q]);
  }
  if constexpr (M > 1) decay_row<V, J, M - 1>(a, y, sum);
}

/// s_j <- s_{j+K} - sum_i a_{j+K-i} y_i, j in [first, first + J); see take_in_rows.
template <class V, std::size_t J, bool Last>
DANAUS_INLINE void decay_rows(const double* a, double* s, std::size_t first, const V* y) noexcept {
  constexpr std::size_t K = transfer_block;
  V sum[J];
  for (std::size_t q = 0; q < J; ++q) sum[q] = Last ? V(0.0) : simd::load<V>(s + (first + q + K) * tile);
  decay_row<V, J, Last ? J : K + J - 1>(a + first * tile, y, sum);
  for (std::size_t q = 0; q < J; ++q) simd::store(sum[q], s + (first + q) * tile);
}

/// transfer_block samples of the free response, and the state after them.
template <class V>
DANAUS_INLINE void decay_block(const double* a, std::size_t order, double* s, V* y) noexcept {
  constexpr std::size_t K = transfer_block;
  for (std::size_t t = 0; t < K; ++t) y[t] = simd::load<V>(s + t * tile);
  for (std::size_t i = 0; i < K; ++i) {
    for (std::size_t t = i + 1; t < K; ++t) y[t] = fnma(simd::load<V>(a + (t - i - 1) * tile), y[i], y[t]);
  }
  std::size_t j = 0;
  for (; j + 2 * K <= order; j += K) decay_rows<V, K, false>(a, s, j, y);
  if (j + K < order) {
    decay_rows<V, 4, false>(a, s, j, y);
    j += 4;
  }
  decay_rows<V, K, true>(a, s, j, y);
}

/// One sample of the free response.
template <class V>
DANAUS_INLINE V decay_once(const double* a, std::size_t order, double* s) noexcept {
  const V y = simd::load<V>(s);
  for (std::size_t j = 0; j < order; ++j) {
    const V next = j + 1 < order ? simd::load<V>(s + (j + 1) * tile) : V(0.0);
    simd::store(fnma(simd::load<V>(a + j * tile), y, next), s + j * tile);
  }
  return y;
}

/// Forgets the states that are negligible beside what they were.
template <std::floating_point T, class V>
DANAUS_INLINE V forget(std::size_t order, double* s, V peak) noexcept {
  V size(0.0);
  for (std::size_t j = 0; j < order; ++j) {
    const V x = simd::load<V>(s + j * tile);
    size += max(x, -x);
  }
  const auto gone = size < peak * V(faded<T>);
  for (std::size_t j = 0; j < order; ++j) {
    simd::store(select(gone, V(0.0), simd::load<V>(s + j * tile)), s + j * tile);
  }
  return max(peak, size);
}

/// Writes `rows` staged rows of `channels` lanes as columns: out[l * stride + t] = y[t * tile + l].
template <class T>
DANAUS_INLINE void scatter_columns(const T* y, std::size_t rows, std::size_t channels, T* out,
                                   std::size_t stride) noexcept {
  using V = simd::native<T>;
  constexpr std::size_t N = V::size();
  const std::size_t whole_rows = rows / N * N, whole = channels / N * N;
  for (std::size_t l = 0; l < whole; l += N) {
    for (std::size_t t = 0; t < whole_rows; t += N) {
      V block[N];
      for (std::size_t i = 0; i < N; ++i) block[i] = simd::load<V>(y + (t + i) * tile + l);
      simd::transpose_square(block);
      for (std::size_t i = 0; i < N; ++i) simd::store(block[i], out + (l + i) * stride + t);
    }
  }
  for (std::size_t l = 0; l < channels; ++l) {
    for (std::size_t t = l < whole ? whole_rows : 0; t < rows; ++t) out[l * stride + t] = y[t * tile + l];
  }
}

/// The free response of a tile: `length` samples from the state s,
///   y_t = s_0,   s_j <- s_{j+1} - a_{j+1} y_t,
/// which are the impulse response h_1, h_2, ... of b / A where s = b. Leaves the state after them in s: the numerator
/// of what follows, A(x) sum_m h_{length+1+m} x^m = s(x).
///
/// a and s: shape.rows() rows of tile lanes, a_i at row i - 1. out[l * stride + t] for `channels` lanes, rounded once;
/// null: only the state is wanted. Double precision inside, 2 order flop a sample; any length. Error: that of the
/// recurrence, about 2^-53 |a|_1 |h|_inf sum_t |g_t|, g = 1 / A.
template <std::floating_point T>
DANAUS_KERNEL void impulse_tile(TransferShape shape, const double* a, double* s, std::size_t channels, T* out,
                                std::size_t stride, std::size_t length) noexcept {
  using V = simd::native<double>;
  constexpr std::size_t K = transfer_block;
  alignas(64) T staged[transfer_staged * tile];
  V peak[tile / V::size()];
  for (V& p : peak) p = V(0.0);
  for (std::size_t t = 0; t < length; t += transfer_staged) {
    const std::size_t rows = std::min(transfer_staged, length - t);
    for (std::size_t lane = 0; lane < tile; lane += V::size()) {
      V& most = peak[lane / V::size()];
      most = forget<T>(shape.rows(), s + lane, most);
    }
    std::size_t r = 0;
    for (; r + K <= rows; r += K) {
      for (std::size_t lane = 0; lane < tile; lane += V::size()) {
        V y[K];
        decay_block(a + lane, shape.rows(), s + lane, y);
        for (std::size_t i = 0; i < K; ++i) simd::store(simd::convert<T>(y[i]), staged + (r + i) * tile + lane);
      }
    }
    for (; r < rows; ++r) {
      for (std::size_t lane = 0; lane < tile; lane += V::size()) {
        simd::store(simd::convert<T>(decay_once<V>(a + lane, shape.rows(), s + lane)), staged + r * tile + lane);
      }
    }
    if (out != nullptr) scatter_columns(staged, rows, channels, out + t, stride);
  }
}

}  // namespace DANAUS_ISA
}  // namespace danaus
