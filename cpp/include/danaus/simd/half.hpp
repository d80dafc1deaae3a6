// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/simd/vec.hpp>

// The two formats of 16 bits, converted from and to float.
namespace danaus {
inline namespace DANAUS_ISA {
namespace simd {

/// binary16 in the low half of each lane to binary32, exactly.
template <std::size_t N>
DANAUS_INLINE vec<float, N> float_from_f16(vec<std::uint32_t, N> half) noexcept {
  using U = vec<std::uint32_t, N>;
  const U sign = (half & U(0x8000u)) << 16, size = (half & U(0x7fffu)) << 13;
  const auto exponent = bits<std::int32_t>(size & U(0x0f800000u));
  const U rebiased = size + U(112u << 23);
  const auto beyond = exponent == vec<std::int32_t, N>(0x0f800000), denormal = exponent == vec<std::int32_t, N>(0);
  const U usual = rebiased + (bits<std::uint32_t>(beyond) & U(112u << 23));
  const U small = bits<std::uint32_t>(bits<float>(rebiased + U(1u << 23)) - vec<float, N>(0x1p-14f));
  return bits<float>(sign | bits<std::uint32_t>(select(denormal, bits<float>(small), bits<float>(usual))));
}

/// binary32 to binary16 in the low half of each lane, rounded to nearest, ties to even; NaN stays NaN.
template <std::size_t N>
DANAUS_INLINE vec<std::uint32_t, N> f16_from_float(vec<float, N> x) noexcept {
  using U = vec<std::uint32_t, N>;
  using I = vec<std::int32_t, N>;
  const U all = bits<std::uint32_t>(x), size = all & U(0x7fffffffu);
  const U rounded = (size + U(0xc8000fffu) + ((size >> 13) & U(1u))) >> 13;
  // adding 1/2 leaves the multiple of 2^-24, the smallest denormal, in the low bits
  const U small = bits<std::uint32_t>(bits<float>(size) + vec<float, N>(0.5f)) - U(0x3f000000u);
  const I key = bits<std::int32_t>(size);
  const auto pick = [](auto m, U a, U b) { return bits<std::uint32_t>(select(m, bits<float>(a), bits<float>(b))); };
  const U finite = pick(key < I(0x38800000), small, pick(key > I(0x477fefff), U(0x7c00u), rounded));
  return ((all >> 16) & U(0x8000u)) | pick(key > I(0x7f800000), U(0x7e00u), finite);
}

/// bfloat16 is the upper half of a binary32.
template <std::size_t N>
DANAUS_INLINE vec<float, N> float_from_bf16(vec<std::uint32_t, N> half) noexcept {
  return bits<float>(half << 16);
}

/// binary32 to bfloat16 in the low half of each lane, rounded to nearest, ties to even; NaN stays NaN.
template <std::size_t N>
DANAUS_INLINE vec<std::uint32_t, N> bf16_from_float(vec<float, N> x) noexcept {
  using U = vec<std::uint32_t, N>;
  const U all = bits<std::uint32_t>(x);
  const U rounded = (all + U(0x7fffu) + ((all >> 16) & U(1u))) >> 16;
  const U nan = (all >> 16) | U(0x40u);
  return bits<std::uint32_t>(select(x == x, bits<float>(rounded), bits<float>(nan)));
}

/// N numbers of IEEE half precision, as floats, exactly.
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
  return float_from_f16(bits<std::uint32_t>(convert<std::int32_t>(load<vec<std::uint16_t, N>>(p))));
}

}  // namespace simd
}  // namespace DANAUS_ISA
}  // namespace danaus
