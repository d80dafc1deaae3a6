// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/simd/vec.hpp>

namespace danaus {
inline namespace DANAUS_ISA {
namespace simd {

/// a[2 i] b[2 i] + a[2 i + 1] b[2 i + 1] of the 16-bit halves of 32-bit lanes; no sum may leave 32 bits.
template <std::size_t N>
DANAUS_INLINE vec<std::int32_t, N> pair_products(vec<std::int32_t, N> a, vec<std::int32_t, N> b) noexcept {
#if !defined(DANAUS_SCALAR)
#if defined(__AVX512BW__)
  if constexpr (N == 16) {
    typedef short Words __attribute__((vector_size(64)));
#if defined(__clang__)
    return vec<std::int32_t, N>::wrap(
        __builtin_ia32_pmaddwd512(__builtin_bit_cast(Words, a.v), __builtin_bit_cast(Words, b.v)));
#else
    typedef int Sums __attribute__((vector_size(64)));
    return vec<std::int32_t, N>::wrap(__builtin_ia32_pmaddwd512_mask(
        __builtin_bit_cast(Words, a.v), __builtin_bit_cast(Words, b.v), Sums{}, static_cast<unsigned short>(-1)));
#endif
  }
#endif
#if defined(__AVX2__)
  if constexpr (N == 8) {
    typedef short Words __attribute__((vector_size(32)));
    return vec<std::int32_t, N>::wrap(
        __builtin_ia32_pmaddwd256(__builtin_bit_cast(Words, a.v), __builtin_bit_cast(Words, b.v)));
  }
#endif
#if defined(__SSE2__)
  if constexpr (N == 4) {
    typedef short Words __attribute__((vector_size(16)));
    return vec<std::int32_t, N>::wrap(
        __builtin_ia32_pmaddwd128(__builtin_bit_cast(Words, a.v), __builtin_bit_cast(Words, b.v)));
  }
#endif
#endif
  return ((a << 16) >> 16) * ((b << 16) >> 16) + (a >> 16) * (b >> 16);
}

}  // namespace simd
}  // namespace DANAUS_ISA
}  // namespace danaus
