// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/simd/exp.hpp>

// Activations of networks, each written as max(x, 0) less a tail that is the same at x and -x, so
// that nothing cancels: the tail is at most |x|/2 and keeps its relative accuracy down to denormals.
namespace danaus {
inline namespace DANAUS_ISA {
namespace simd {

/// max(x, 0). A NaN stays one.
template <std::size_t N>
DANAUS_INLINE vec<float, N> relu(vec<float, N> x) noexcept {
  return max(vec<float, N>(0.0f), x);
}

/// max(x, 0) - 2^-40 tail. Rounded once where the result is denormal; keeps the sign of 0.
template <std::size_t N>
DANAUS_INLINE vec<float, N> relu_less(vec<float, N> x, vec<float, N> tail) noexcept {
  return fnma(tail, 0x1p-40f, max(vec<float, N>(-0.0f), x));
}

/// x sigmoid(x) = max(x, 0) - |x| z / (1 + z), z = e^-|x|. -0 at -inf.
/// Error: 3.4 ulp, with FMA or without; 1.9 for x > 0.
template <std::size_t N>
DANAUS_INLINE vec<float, N> silu(vec<float, N> x) noexcept {
  using V = vec<float, N>;
  const V a = min(V(110.0f), magnitude(x));
  const V z = exp_scaled<40>(-a);
  return relu_less(x, a * z / fma(z, 0x1p-40f, 1.0f));
}

/// x/2 (1 + erf(x / sqrt 2)) = max(x, 0) - |x| e^(-x^2/2) R(|x|), with a rational
/// R(x) = e^(x^2/2) erfc(x / sqrt 2) / 2. -0 at -inf.
/// Error: 7.1 ulp with FMA, 7.7 without, down to the last denormal at -14.1; 3.6 for x > -2^-6.
template <std::size_t N>
DANAUS_INLINE vec<float, N> gelu(vec<float, N> x) noexcept {
  using V = vec<float, N>;
  const V a = min(V(14.5f), magnitude(x));
  // x^2 = head^2 + (a + head)(a - head), the first term exact; = -2 ln 2 n + v, |v| <= ln 2.
  const V head = bits<float>(bits<std::uint32_t>(a) & 0xfffff000u), square = head * head;
  constexpr float magic = round_magic + 40;
  const V shifted = fnma(a * a, 0x1.715476p-1f, magic), n = shifted - magic;
  const V v = fma(n, 0x1.7f7d1cp-19f, fma(n, 0x1.62e4p0f, square));
  const V w = fma(a + head, a - head, v);
  const V e =
      polynomial(w, 1.0f, -0x1p-1f, 0x1.fffffcp-4f, -0x1.555492p-6f, 0x1.5558bp-9f, -0x1.12398ep-12f, 0x1.6a4d5cp-16f);
  const V top = polynomial(a, 0x1p-1f, 0x1.c018e6p-2f, 0x1.76264p-3f, 0x1.4b4cap-5f, 0x1.0bc106p-8f);
  const V bottom = polynomial(a, 1.0f, 0x1.ac4ea2p0f, 0x1.3346a8p0f, 0x1.df41fp-2f, 0x1.9f3fc4p-4f, 0x1.4f936ap-7f);
  return relu_less(x, (a * e) * (power_of_two(shifted) * top) / bottom);
}

/// x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) = x sigmoid(y) with y twice the tanh's argument.
/// Error: 3.1 ulp for x > -1. Below, the rounding of y counts |y| times: 8 ulp at -2, 35 at -5, 220 at
/// -10, where the result is 10^-37; the absolute error is at most 2^-23 |x| everywhere.
template <std::size_t N>
DANAUS_INLINE vec<float, N> gelu_tanh(vec<float, N> x) noexcept {
  using V = vec<float, N>;
  const V a = min(V(11.0f), magnitude(x));
  const V z = exp_scaled<40>(a * fnma(a * a, 0x1.2444f2p-4f, -0x1.988454p0f));
  return relu_less(x, a * z / fma(z, 0x1p-40f, 1.0f));
}

}  // namespace simd
}  // namespace DANAUS_ISA
}  // namespace danaus
