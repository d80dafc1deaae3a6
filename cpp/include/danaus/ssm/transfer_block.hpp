// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/core/tile.hpp>
#include <danaus/simd/vec.hpp>

namespace danaus {

/// Samples that the state of a transfer function takes in at once. Each coefficient is then read once for all of them.
inline constexpr std::size_t transfer_block = 8;

inline namespace DANAUS_ISA {

/// Rows of coefficients: b_i and a_i of a lane, i from 1.
template <class V>
struct TransferRows {
  const typename V::value_type* c;
  DANAUS_INLINE V b(std::size_t i) const noexcept { return simd::load<V>(c + (2 * i - 2) * tile); }
  DANAUS_INLINE V a(std::size_t i) const noexcept { return simd::load<V>(c + (2 * i - 1) * tile); }
};

/// What b_{first+m} and a_{first+m}, m = M, M - 1, .. 1, add to the J sums of take_in_rows: unrolled, so that all of it
/// stays in registers.
template <class V, std::size_t J, std::size_t M>
DANAUS_INLINE void take_in_row(TransferRows<V> rows, std::size_t first, const V* u, const V* y, V* sum) noexcept {
  constexpr std::size_t K = transfer_block;
  const V b = rows.b(first + M), a = rows.a(first + M);
  for (std::size_t q = 0; q < J; ++q) {
    if (q + K >= M && q < M) sum[q] = fnma(a, y[q + K - M], fma(b, u[q + K - M], sum[q]));
  }
  if constexpr (M > 1) take_in_row<V, J, M - 1>(rows, first, u, y, sum);
}

/// s_j, j in [first, first + J), after the K samples u, y':
///   s_j <- s_{j+K} + sum_{i=0}^{K-1} b_{j+K-i} u_i - a_{j+K-i} y'_i,
/// every sum in the order of time, u before y': the order of K single samples. `Last`: first + J is the order; what
/// lies beyond is not touched.
template <class V, std::size_t J, bool Last, class S>
DANAUS_INLINE void take_in_rows(TransferRows<V> rows, S* s, std::size_t first, const V* u, const V* y) noexcept {
  constexpr std::size_t K = transfer_block;
  V sum[J];
  for (std::size_t q = 0; q < J; ++q) sum[q] = Last ? V(S(0)) : simd::load<V>(s + (first + q + K) * tile);
  take_in_row<V, J, Last ? J : K + J - 1>(rows, first, u, y, sum);
  for (std::size_t q = 0; q < J; ++q) simd::store(sum[q], s + (first + q) * tile);
}

/// The state takes in transfer_block samples. 4 rows transfer_block flop a lane.
template <class V, class S>
DANAUS_INLINE void take_in(TransferRows<V> rows, std::size_t order, S* s, const V* u, const V* y) noexcept {
  constexpr std::size_t K = transfer_block;
  std::size_t j = 0;
  for (; j + 2 * K <= order; j += K) take_in_rows<V, K, false>(rows, s, j, u, y);
  if (j + K < order) {
    take_in_rows<V, 4, false>(rows, s, j, u, y);
    j += 4;
  }
  take_in_rows<V, K, true>(rows, s, j, u, y);
}

/// The same for `count` < transfer_block samples, which stand in rows: a stream's first ones.
template <class V, class S>
DANAUS_INLINE void take_in_few(TransferRows<V> rows, std::size_t order, S* s, const S* u, const S* y,
                               std::size_t count) noexcept {
  for (std::size_t j = 0; j < order; ++j) {
    V sum = j + count < order ? simd::load<V>(s + (j + count) * tile) : V(S(0));
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t m = j + count - i;
      if (m <= order) {
        sum = fnma(rows.a(m), simd::load<V>(y + i * tile), fma(rows.b(m), simd::load<V>(u + i * tile), sum));
      }
    }
    simd::store(sum, s + j * tile);
  }
}

/// y'_t of transfer_block samples: y'_t = s_t + sum_{i<t} b_{t-i} u_i - a_{t-i} y'_i.
template <class V, class S>
DANAUS_INLINE void answers(TransferRows<V> rows, const S* s, const V* u, V* y) noexcept {
  constexpr std::size_t K = transfer_block;
  for (std::size_t t = 0; t < K; ++t) y[t] = simd::load<V>(s + t * tile);
  for (std::size_t i = 0; i < K; ++i) {
    for (std::size_t t = i + 1; t < K; ++t) y[t] = fnma(rows.a(t - i), y[i], fma(rows.b(t - i), u[i], y[t]));
  }
}

}  // namespace DANAUS_ISA
}  // namespace danaus
