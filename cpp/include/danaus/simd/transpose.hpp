// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/simd/vec.hpp>

namespace danaus {
inline namespace DANAUS_ISA {
namespace simd {

/// Exchanges the off-diagonal blocks of W lanes of two rows that are W apart in a square of N rows.
template <std::size_t W, class T, std::size_t N, std::size_t... I>
DANAUS_INLINE void exchange(vec<T, N>& a, vec<T, N>& b, std::index_sequence<I...>) noexcept {
  const auto x = a.v, y = b.v;
  a.v = __builtin_shufflevector(x, y, static_cast<int>((I & W) != 0 ? N + I - W : I)...);
  b.v = __builtin_shufflevector(x, y, static_cast<int>((I & W) != 0 ? N + I : I + W)...);
}

/// N rows of N lanes become columns: log2(N) rounds of N shuffles.
template <std::size_t W = 1, class T, std::size_t N>
DANAUS_INLINE void transpose_square(vec<T, N> (&rows)[N]) noexcept {
  if constexpr (W < N) {
    for (std::size_t i = 0; i < N; ++i) {
      if ((i & W) == 0) exchange<W>(rows[i], rows[i + W], std::make_index_sequence<N>{});
    }
    transpose_square<2 * W>(rows);
  }
}

}  // namespace simd
}  // namespace DANAUS_ISA
}  // namespace danaus
