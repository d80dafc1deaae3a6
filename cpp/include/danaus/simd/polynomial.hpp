// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/simd/vec.hpp>

// What the elementary functions share: Horner's rule and the bits of a float.
namespace danaus {
inline namespace DANAUS_ISA {
namespace simd {

/// c0 + c1 x + c2 x^2 + ...
template <std::size_t N>
DANAUS_INLINE vec<float, N> polynomial(vec<float, N>, float c0) noexcept {
  return c0;
}
template <std::size_t N, class... C>
DANAUS_INLINE vec<float, N> polynomial(vec<float, N> x, float c0, C... rest) noexcept {
  return fma(polynomial(x, rest...), x, c0);
}

/// x + round_magic has the integer nearest x in its low bits, for |x| < 2^22.
inline constexpr float round_magic = 0x1.8p23f;

/// 2^n from the low bits of `n`, for -127 < n < 128; what stands above them is ignored.
template <class T, std::size_t N>
DANAUS_INLINE vec<float, N> power_of_two(vec<T, N> n) noexcept {
  return bits<float>((bits<std::uint32_t>(n) << 23) + 0x3f800000u);
}

template <std::size_t N>
DANAUS_INLINE vec<float, N> magnitude(vec<float, N> x) noexcept {
  return bits<float>(bits<std::uint32_t>(x) & 0x7fffffffu);
}

/// `a` with the sign of `x`, for a >= 0.
template <std::size_t N>
DANAUS_INLINE vec<float, N> with_sign_of(vec<float, N> x, vec<float, N> a) noexcept {
  return bits<float>(bits<std::uint32_t>(a) | (bits<std::uint32_t>(x) & 0x80000000u));
}

}  // namespace simd
}  // namespace DANAUS_ISA
}  // namespace danaus
