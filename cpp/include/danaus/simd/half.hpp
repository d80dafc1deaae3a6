// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/simd/vec.hpp>

namespace danaus {
inline namespace DANAUS_ISA {
namespace simd {

/// N numbers of IEEE half precision, as floats, exactly; finite ones.
template <std::size_t N>
DANAUS_INLINE vec<float, N> load_halves(const std::uint16_t* p) noexcept {
#if defined(__AVX512F__) && !defined(DANAUS_SCALAR)
  if constexpr (N == 16) {
    typedef short Words __attribute__((vector_size(32), aligned(2), may_alias));
    typedef short Halves __attribute__((vector_size(32)));
    return vec<float, 16>::wrap(
        __builtin_ia32_vcvtph2ps512_mask(static_cast<Halves>(*reinterpret_cast<const Words*>(p)),
                                         typename vec<float, 16>::storage{}, static_cast<unsigned short>(-1), 4));
  }
#endif
#if defined(__F16C__) && !defined(DANAUS_SCALAR)
  if constexpr (N == 8) {
    typedef short Words __attribute__((vector_size(16), aligned(2), may_alias));
    typedef short Halves __attribute__((vector_size(16)));
    return vec<float, 8>::wrap(__builtin_ia32_vcvtph2ps256(static_cast<Halves>(*reinterpret_cast<const Words*>(p))));
  }
#endif
  using I = vec<std::int32_t, N>;
  using V = vec<float, N>;
  const I h = convert<std::int32_t>(load<vec<std::uint16_t, N>>(p));
  const I magnitude = (h & I(0x7fff)) << 13;
  // Beside the numbers of a smaller exponent stand those of none, whose fraction is 2^-14 below the one of 2^-14.
  const V normal = bits<float>(magnitude + I(112 << 23));
  const V small = bits<float>(magnitude + I(113 << 23)) - bits<float>(I(113 << 23));
  const V value = select(magnitude < I(1 << 23), small, normal);
  return bits<float>(bits<std::int32_t>(value) | ((h & I(0x8000)) << 16));
}

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
