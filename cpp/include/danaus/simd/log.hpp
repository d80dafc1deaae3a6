// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <limits>

#include <danaus/simd/polynomial.hpp>

// Natural logarithms. Coefficients: tests/reference/fit_math.py.
namespace danaus {
inline namespace DANAUS_ISA {
namespace simd {

/// x = 2^e m with m in [2/3, 4/3); `exponent` is e in the place of a float's exponent bits.
template <std::size_t N>
struct Decomposed {
  vec<float, N> m;
  vec<std::uint32_t, N> exponent;
};

template <std::size_t N>
DANAUS_INLINE Decomposed<N> decompose(vec<float, N> x) noexcept {
  const auto all = bits<std::uint32_t>(x);
  const auto exponent = (all - 0x3f2aaaabu) & 0xff800000u;
  return {bits<float>(all - exponent), exponent};
}

/// e ln 2 + log(1 + f) for |f| <= 1/3.
template <std::size_t N>
DANAUS_INLINE vec<float, N> log_of(vec<float, N> e, vec<float, N> f) noexcept {
  const vec<float, N> p = polynomial(f, 0x1.555506p-2f, -0x1.fffefap-3f, 0x1.99d05p-3f, -0x1.559c66p-3f, 0x1.1ed562p-3f,
                                     -0x1.f332bap-4f, 0x1.1e6ccap-3f, -0x1.07c48p-3f);
  const vec<float, N> square = f * f;
  const vec<float, N> rest = fma(square, fma(f, p, -0.5f), e * 0x1.7f7d1cp-20f);
  return fma(e, 0x1.62e4p-1f, f + rest);
}

/// y where 0 < x < inf, else what the logarithm is there: -inf at 0, inf at inf, else NaN.
template <std::size_t N>
DANAUS_INLINE vec<float, N> with_log_limits(vec<float, N> x, vec<float, N> y) noexcept {
  using V = vec<float, N>;
  using limits = std::numeric_limits<float>;
  const V outside = select(x == V(0.0f), V(-limits::infinity()), V(limits::quiet_NaN()));
  return select(x > V(0.0f), select(x < V(limits::infinity()), y, x), outside);
}

/// log(x), for denormals too. -inf at 0 and -0, NaN below. Error: 0.95 ulp, with FMA or without.
template <std::size_t N>
DANAUS_INLINE vec<float, N> log(vec<float, N> x) noexcept {
  using V = vec<float, N>;
  const auto denormal = x < V(0x1p-126f);
  const auto [m, exponent] = decompose(select(denormal, x * 0x1p24f, x));
  const V e = convert<float>(bits<std::int32_t>(exponent) >> 23) - select(denormal, V(24.0f), V(0.0f));
  return with_log_limits(x, log_of(e, m - 1.0f));
}

/// log(1 + x), to relative accuracy around 0 too; keeps the sign of 0. -inf at -1, NaN below.
/// Error: 1.7 ulp, with FMA or without.
template <std::size_t N>
DANAUS_INLINE vec<float, N> log1p(vec<float, N> x) noexcept {
  using V = vec<float, N>;
  const V u = 1.0f + x, part = u - 1.0f;
  const V lost = (1.0f - (u - part)) + (x - part);  // u + lost = 1 + x
  const auto [m, exponent] = decompose(u);
  const V inverse = bits<float>(0x3f800000u - exponent);  // 2^-e; where that is no float, `lost` is nothing
  const V f = fma(lost, max(inverse, V(0.0f)), m - 1.0f);
  const V y = with_log_limits(u, log_of(convert<float>(bits<std::int32_t>(exponent) >> 23), f));
  return select(magnitude(x) < V(0x1p-25f), x, y);
}

}  // namespace simd
}  // namespace DANAUS_ISA
}  // namespace danaus
