// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <concepts>

#include <danaus/simd/transpose.hpp>
#include <danaus/ssm/transfer.hpp>

namespace danaus {

/// Rows of a tile's coefficients and state in impulse_tile; beyond the order they are 0.
constexpr std::size_t response_rows(std::size_t order) noexcept {
  return std::max<std::size_t>(8, (order + 7) / 8 * 8);
}

inline namespace DANAUS_ISA {

/// A state below this share of its largest value so far is written as 0: in S = double before its powers become
/// denormal in T, in float as soon as it is far below what has been lost.
template <std::floating_point T, std::floating_point S>
inline constexpr double faded = sizeof(S) == 4   ? 0x1p-36
                                : sizeof(T) == 4 ? 0x1p-80
                                                 : 0x1p-510;

/// Samples that a state in S takes in at once: in float, which is rounded each time, twice as many.
template <std::floating_point S>
inline constexpr std::size_t response_block = sizeof(S) == 4 ? 16 : 8;

/// What a_{first+m}, m = M, M - 1, .. 1, takes from the J sums of decay_rows, a_i at a + (i - 1) tile; see take_in_row.
template <class V, std::size_t K, std::size_t J, std::size_t M>
DANAUS_INLINE void decay_row(const typename V::value_type* a, const V* y, V* sum) noexcept {
  const V factor = simd::load<V>(a + (M - 1) * tile);
  for (std::size_t q = 0; q < J; ++q) {
    if (q + K >= M && q < M) sum[q] = fnma(factor, y[q + K - M], sum[q]);
  }
  if constexpr (M > 1) decay_row<V, K, J, M - 1>(a, y, sum);
}

/// s_j <- s_{j+K} - sum_i a_{j+K-i} y_i for 8 rows j from where a and s begin, of which M are left. The products are
/// summed before they reach the state: it is rounded once for all of them.
template <class V, std::size_t K, std::size_t M, class S>
DANAUS_INLINE void decay_rows(const S* a, S* s, const V* y) noexcept {
  constexpr std::size_t J = 8;
  V sum[J];
  for (std::size_t q = 0; q < J; ++q) sum[q] = V(S(0));
  decay_row<V, K, J, M>(a, y, sum);
  for (std::size_t q = 0; q < J; ++q) {
    simd::store(M > K ? sum[q] + simd::load<V>(s + (q + K) * tile) : sum[q], s + q * tile);
  }
}

/// response_block samples of the free response, and the state after them; rows as response_rows.
template <class V, class S>
DANAUS_INLINE void decay_block(const S* a, std::size_t rows, S* s, V* y) noexcept {
  constexpr std::size_t K = response_block<S>;
  for (std::size_t t = 0; t < K; ++t) y[t] = V(S(0));
  for (std::size_t i = 0; i < K; ++i) {
    if (i < rows) y[i] += simd::load<V>(s + i * tile);
    for (std::size_t t = i + 1; t < K && t - i <= rows; ++t) {
      y[t] = fnma(simd::load<V>(a + (t - i - 1) * tile), y[i], y[t]);
    }
  }
  std::size_t j = 0;
  for (; j + K < rows; j += 8) decay_rows<V, K, K + 7>(a + j * tile, s + j * tile, y);
  if constexpr (K == 16) {
    if (j + 16 == rows) {
      decay_rows<V, K, 16>(a + j * tile, s + j * tile, y);
      j += 8;
    }
  }
  decay_rows<V, K, 8>(a + j * tile, s + j * tile, y);
}

/// One sample of the free response.
template <class V, class S>
DANAUS_INLINE V decay_once(const S* a, std::size_t order, S* s) noexcept {
  const V y = simd::load<V>(s);
  for (std::size_t j = 0; j < order; ++j) {
    const V next = j + 1 < order ? simd::load<V>(s + (j + 1) * tile) : V(S(0));
    simd::store(fnma(simd::load<V>(a + j * tile), y, next), s + j * tile);
  }
  return y;
}

/// Forgets the states that are negligible beside what they were; `left`: what remains of the largest.
template <std::floating_point T, class V, class S>
DANAUS_INLINE V forget(std::size_t order, S* s, V peak, S& left) noexcept {
  V size(S(0));
  for (std::size_t j = 0; j < order; ++j) {
    const V x = simd::load<V>(s + j * tile);
    size += max(x, -x);
  }
  const auto gone = size < peak * V(static_cast<S>(faded<T, S>));
  for (std::size_t j = 0; j < order; ++j) {
    simd::store(select(gone, V(S(0)), simd::load<V>(s + j * tile)), s + j * tile);
  }
  const V rest = select(gone, V(S(0)), size);
  left += simd::reduce(rest, [](auto x, auto y) { return x + y; });
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
/// a and s: `order` rows, a response_rows(), of tile lanes, a_i at row i - 1. out[l * stride + t] for `channels` lanes,
/// rounded once; null: only the state is wanted. 2 order flop a sample until all lanes have faded; any length. Error:
/// that of the recurrence, about eps |a|_1 |h|_inf sum_t |g_t|, g = 1 / A; single_precision_loss says what that is for
/// S = float.
template <std::floating_point T, std::floating_point S>
DANAUS_KERNEL void impulse_tile(std::size_t order, const S* a, S* s, std::size_t channels, T* out, std::size_t stride,
                                std::size_t length) noexcept {
  using V = simd::native<S>;
  constexpr std::size_t K = response_block<S>;
  alignas(64) T staged[transfer_staged * tile];
  V peak[tile / V::size()];
  for (V& p : peak) p = V(S(0));
  for (std::size_t t = 0; t < length; t += transfer_staged) {
    const std::size_t rows = std::min(transfer_staged, length - t);
    S left(0);
    for (std::size_t lane = 0; lane < tile; lane += V::size()) {
      V& most = peak[lane / V::size()];
      most = forget<T>(order, s + lane, most, left);
    }
    if (left == S(0)) {  // all have faded (no number is not 0: it goes on)
      for (std::size_t l = 0; out != nullptr && l < channels; ++l) std::fill_n(out + l * stride + t, length - t, T(0));
      return;
    }
    std::size_t r = 0;
    for (; r + K <= rows; r += K) {
      for (std::size_t lane = 0; lane < tile; lane += V::size()) {
        V y[K];
        decay_block(a + lane, order, s + lane, y);
        for (std::size_t i = 0; i < K; ++i) simd::store(simd::convert<T>(y[i]), staged + (r + i) * tile + lane);
      }
    }
    for (; r < rows; ++r) {
      for (std::size_t lane = 0; lane < tile; lane += V::size()) {
        simd::store(simd::convert<T>(decay_once<V>(a + lane, order, s + lane)), staged + r * tile + lane);
      }
    }
    if (out != nullptr) scatter_columns(staged, rows, channels, out + t, stride);
  }
}

}  // namespace DANAUS_ISA
}  // namespace danaus
