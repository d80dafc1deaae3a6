// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/simd/polynomial.hpp>

// Coefficients: tests/reference/fit_math.py.
namespace danaus {
inline namespace DANAUS_ISA {
namespace simd {

/// 2/sqrt(pi) times the integral of e^(-t^2) from 0 to x: an odd polynomial below 15/16, above
/// 1 - 2^-g(x) with a polynomial g. Keeps the sign of 0. Error: 1.5 ulp with FMA, 1.8 without.
template <std::size_t N>
DANAUS_INLINE vec<float, N> erf(vec<float, N> x) noexcept {
  using V = vec<float, N>;
  const V all = magnitude(x), a = min(V(3.925f), all), s = a * a;
  const V p = polynomial(s, 0x1.06eba8p-3f, -0x1.81274p-2f, 0x1.ce2d64p-4f, -0x1.b8012p-6f, 0x1.544aa8p-8f,
                         -0x1.a6126ep-11f, 0x1.4f8e58p-14f);
  const V near = fma(p, all, all);
  // erfc(a) = 2^-g = 2^(-n - r)
  const V g = polynomial(a, 0x1.521c5p-12f, 0x1.a0713p0f, 0x1.d6cd68p-1f, 0x1.329628p-3f, -0x1.05be24p-5f,
                         0x1.1dd6e8p-8f, -0x1.255676p-12f);
  const V shifted = round_magic - g, r = (round_magic - shifted) - g;
  const V q = polynomial(r, 1.0f, 0x1.62e42ap-1f, 0x1.ebf9c2p-3f, 0x1.c6b6d8p-5f, 0x1.3ce8aep-7f, 0x1.5bda58p-10f);
  const V far = fnma(q, power_of_two(shifted), 1.0f);
  return with_sign_of(x, select(all < V(0.9375f), near, far));
}

}  // namespace simd
}  // namespace DANAUS_ISA
}  // namespace danaus
