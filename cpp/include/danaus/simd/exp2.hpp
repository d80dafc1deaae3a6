// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/simd/log.hpp>

// Powers of e whose binary exponents are subtracted as integers, in both precisions. Coefficients:
// tests/reference/fit_exp2.py.
namespace danaus {
inline namespace DANAUS_ISA {
namespace simd {

/// The number whose addition rounds a T to an integer, in the low bits of the sum.
template <class T>
inline constexpr T rounding = sizeof(T) == 4 ? static_cast<T>(0x1.8p23) : static_cast<T>(0x1.8p52);

/// a b - p without rounding, where p is near a b: one fused operation, or Dekker's product where there is none.
template <class T, std::size_t N>
DANAUS_INLINE vec<T, N> product_rest(vec<T, N> a, vec<T, N> b, vec<T, N> p) noexcept {
  using V = vec<T, N>;
#if (defined(__FMA__) || defined(__aarch64__)) && (defined(__OPTIMIZE__) || defined(__clang__))
  return V::wrap(a.v * b.v - p.v);
#else
  constexpr T splitter = sizeof(T) == 4 ? static_cast<T>(4097) : static_cast<T>(134217729);
  const V wide_a = a * splitter, wide_b = b * splitter;
  const V a1 = wide_a - (wide_a - a), b1 = wide_b - (wide_b - b), a0 = a - a1, b0 = b - b1;
  const V product = a * b;
  const V lost = a0 * b0 - (((product - a1 * b1) - a0 * b1) - a1 * b0);
  return (product - p) + lost;
#endif
}

/// Whether scaled_by_power gives 0 for every k <= -126 (-1022), also where x is no number or k is -inf. Elsewhere k
/// must be finite.
template <class V>
inline constexpr bool scales_to_nothing =
#if defined(__AVX512F__)
    sizeof(V) == 64;
#else
    false;
#endif

/// x 2^k for 1/2 < x < 2 and integers k, exactly; 0 for k <= -126 (-1022). k above the largest exponent is not allowed.
/// Nothing underflows on the way, which would cost a hundred cycles.
template <class T, std::size_t N>
DANAUS_INLINE vec<T, N> scaled_by_power(vec<T, N> x, vec<T, N> k) noexcept {
  using V = vec<T, N>;
  constexpr T least = sizeof(T) == 4 ? static_cast<T>(-126) : static_cast<T>(-1022);
#if defined(__AVX512F__)
  // 22: not less nor equal, so that NaN passes
  if constexpr (sizeof(T) * N == 64 && sizeof(T) == 4) {
    const auto live = __builtin_ia32_cmpps512_mask(k.v, V(least).v, 22, static_cast<unsigned short>(-1), 4);
    return V::wrap(__builtin_ia32_scalefps512_mask(x.v, k.v, V(T(0)).v, live, 4));
  } else if constexpr (sizeof(T) * N == 64) {
    const auto live = __builtin_ia32_cmppd512_mask(k.v, V(least).v, 22, static_cast<unsigned char>(-1), 4);
    return V::wrap(__builtin_ia32_scalefpd512_mask(x.v, k.v, V(T(0)).v, live, 4));
  } else
#endif
  {
    constexpr int place = sizeof(T) == 4 ? 23 : 52;
    using I = integer_of<T>;
    const auto live = k > V(least);
    const auto power = bits<I>(max(k, V(least)) + rounding<T>) << place;
    return bits<T>((bits<I>(x) + power) & live) + (k - k);  // NaN stays
  }
}

/// 2^f for |f| <= 1/2, 1 at 0. Relative error, rounding left out: 2^-28.5 in float, 2^-55.7 in double.
template <class T, std::size_t N>
DANAUS_INLINE vec<T, N> exp2_fraction(vec<T, N> f) noexcept {
  using V = vec<T, N>;
  const auto horner = [&](auto first, auto... rest) {
    V p(first);
    ((p = fma(p, f, V(rest))), ...);
    return fma(p, f, V(T(1)));
  };
  if constexpr (sizeof(T) == 4) {
    return horner(0x1.470c42p-13f, 0x1.5f728p-10f, 0x1.3b270ep-7f, 0x1.c6ae72p-5f, 0x1.ebfbe2p-3f, 0x1.62e432p-1f);
  } else {
    return horner(0x1.c062b59868af7p-32, 0x1.e605fa50b53ffp-28, 0x1.b5416834a4463p-24, 0x1.62bfd49e4a9acp-20,
                  0x1.ffcbee3abda9fp-17, 0x1.43091309614f5p-13, 0x1.5d87fe7bbbf27p-10, 0x1.3b2ab6fba1e1bp-7,
                  0x1.c6b08d7048f31p-5, 0x1.ebfbdff82c598p-3, 0x1.62e42fefa39f3p-1);
  }
}

/// A number as the sum of two: what multiplies before a power of two is taken.
template <class T>
struct Exponent {
  T high, low;
  /// log2(e) scale, so that 2^(x (high + low)) = e^(scale x).
  static constexpr Exponent of(double scale) noexcept {
    const double product = 0x1.71547652b82fep+0 * scale;
    if constexpr (sizeof(T) == 4) {
      const float rounded = static_cast<float>(product);
      return {rounded, static_cast<float>(product - static_cast<double>(rounded))};
    } else {
      return {product, 0x1.777d0ffda0d24p-56 * scale};
    }
  }
};

/// 2^(x (high + low) - top) for an integer `top` not below the nearest one of the largest x: n - top is exact however
/// large n and top are, so that the result is as near for x = 1000 as for 0. 0 from 2^-126 (2^-1022) down.
/// |x (high + low)| and |top| <= 2^21 (2^50). Error: 1.3 ulp.
template <class T, std::size_t N>
DANAUS_INLINE vec<T, N> exp2_below(vec<T, N> x, Exponent<T> scale, vec<T, N> top) noexcept {
  using V = vec<T, N>;
  const V n = fma(x, V(scale.high), V(rounding<T>)) - V(rounding<T>);
  const V f = fma(x, V(scale.low), product_rest(x, V(scale.high), n));
  return scaled_by_power(exp2_fraction(f), n - top);
}

/// log(x) in double for normal x > 0: e ln 2 + 2 artanh(f / (2 + f)), f = m - 1 for m in [2/3, 4/3). Error: 1.5 ulp.
template <std::size_t N>
DANAUS_INLINE vec<double, N> log(vec<double, N> x) noexcept {
  using V = vec<double, N>;
  const auto all = bits<std::int64_t>(x);
  const auto exponent = (all - 0x3fe5555555555555) >> 52;
  const V e = convert<double>(exponent), f = bits<double>(all - (exponent << 52)) - 1.0;
  const V s = f / (f + 2.0), q = s * s;
  V p(1.0 / 27);
  for (int k = 25; k >= 3; k -= 2) p = fma(p, q, V(1.0 / k));
  // 2 artanh(s) = f - s (f - 2 q p): of what is added to f only little can be lost.
  const V rest = fma(s, fnma(q * p, V(2.0), f), e * -0x1.ef35793c7673p-45);
  return fma(e, V(0x1.62e42fefa38p-1), f - rest);
}

/// log(1 + x) in double for x > -1, 1 + x normal and finite; to relative accuracy around 0 too. Error: 2 ulp.
template <std::size_t N>
DANAUS_INLINE vec<double, N> log1p(vec<double, N> x) noexcept {
  using V = vec<double, N>;
  const V u = x + 1.0;
  return log(u) + (x - (u - 1.0)) / u;
}

}  // namespace simd
}  // namespace DANAUS_ISA
}  // namespace danaus
