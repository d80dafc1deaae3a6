// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/simd/polynomial.hpp>

// e^x and what is made of it. Coefficients: tests/reference/fit_math.py.
namespace danaus {
inline namespace DANAUS_ISA {
namespace simd {

/// x = n ln 2 + r, r = high - low, n the nearest integer to x / ln 2. `high` is exact: ln 2 is
/// split so that n times its first part has at most 24 bits for |n| < 512.
/// The low bits of `shifted` hold n + Offset.
template <std::size_t N>
struct ReducedByLn2 {
  vec<float, N> n, high, low, shifted;
};

template <int Offset = 0, std::size_t N>
DANAUS_INLINE ReducedByLn2<N> reduce_by_ln2(vec<float, N> x) noexcept {
  constexpr float magic = round_magic + static_cast<float>(Offset);
  const vec<float, N> shifted = fma(x, 0x1.715476p0f, magic);
  const vec<float, N> n = shifted - magic;
  return {n, fnma(n, 0x1.62e4p-1f, x), n * 0x1.7f7d1cp-20f, shifted};
}

/// (e^r - 1 - r) / r^2 for |r| <= ln(2)/2.
template <std::size_t N>
DANAUS_INLINE vec<float, N> exp_series(vec<float, N> r) noexcept {
  return polynomial(r, 0x1.fffffcp-2f, 0x1.555492p-3f, 0x1.5558aap-5f, 0x1.12396cp-7f, 0x1.6a5234p-10f);
}

/// 2^Offset e^x, for x whose result and 2^(n + Offset) are normal.
template <int Offset, std::size_t N>
DANAUS_INLINE vec<float, N> exp_scaled(vec<float, N> x) noexcept {
  const auto [n, high, low, shifted] = reduce_by_ln2<Offset>(x);
  const vec<float, N> r = high - low;
  return fma(r, fma(r, exp_series(r), 1.0f), 1.0f) * power_of_two(shifted);
}

/// e^x. inf above 88.72, 0 below -103.97, denormals from -87.34. Error: 0.9 ulp with FMA, 1.2 without.
template <std::size_t N>
DANAUS_INLINE vec<float, N> exp(vec<float, N> x) noexcept {
  using V = vec<float, N>;
  const auto [n, high, low, shifted] = reduce_by_ln2(min(V(89.0f), max(V(-104.0f), x)));
  const V r = high - low;
  const V p = fma(r, fma(r, exp_series(r), 1.0f), 1.0f);
  // 2^n in two factors, each normal: the product is rounded once, also where it is denormal.
  const auto all = bits<std::int32_t>(shifted), half = all >> 1;
  return p * power_of_two(half) * power_of_two(all - half);
}

/// e^x - 1, to relative accuracy around 0 too; keeps the sign of 0. Error: 1.25 ulp, with FMA or without.
template <std::size_t N>
DANAUS_INLINE vec<float, N> expm1(vec<float, N> x) noexcept {
  using V = vec<float, N>;
  const auto [n, high, low, shifted] = reduce_by_ln2<-1>(min(V(89.0f), max(V(-30.0f), x)));
  const V r = high - low;
  // 2^n (high - low + r^2 q) + 2^n - 1 at half its size, since 2^128 is no float.
  const V scale = power_of_two(shifted);
  const V rest = fma(r * r, exp_series(r), -low);
  const V y = fma(scale, rest, fma(scale, high, scale - 0.5f));
  return select(magnitude(x) < V(0x1p-25f), x, y + y);
}

/// tanh(x) = 1 - 2 / (e^(2x) + 1), and an odd polynomial below 9/16. Keeps the sign of 0.
/// Error: 1.55 ulp, with FMA or without.
template <std::size_t N>
DANAUS_INLINE vec<float, N> tanh(vec<float, N> x) noexcept {
  using V = vec<float, N>;
  const V a = magnitude(x), s = a * a;
  const V p = polynomial(s, -0x1.555548p-2f, 0x1.110c5ep-3f, -0x1.b905c4p-5f, 0x1.5811f6p-6f, -0x1.9454f2p-8f);
  const V near = fma(s * p, a, a);
  const V far = 1.0f - 2.0f / (exp_scaled<0>(min(V(20.0f), a + a)) + 1.0f);
  return with_sign_of(x, select(a < V(0.5625f), near, far));
}

/// 1 / (1 + e^-x) = (x < 0 ? z : 1) / (1 + z), z = e^-|x|. Denormals below -87.34.
/// Error: 2.45 ulp, with FMA or without.
template <std::size_t N>
DANAUS_INLINE vec<float, N> sigmoid(vec<float, N> x) noexcept {
  using V = vec<float, N>;
  const V z = exp_scaled<40>(-min(V(104.0f), magnitude(x)));  // 2^40 e^-|x|
  const V top = select(x < V(0.0f), z, V(0x1p40f));
  return top / fma(z, 0x1p-40f, 1.0f) * 0x1p-40f;
}

}  // namespace simd
}  // namespace DANAUS_ISA
}  // namespace danaus
