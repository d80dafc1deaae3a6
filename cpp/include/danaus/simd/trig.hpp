// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/simd/polynomial.hpp>

// Sine and cosine. Coefficients: tests/reference/fit_math.py.
namespace danaus {
inline namespace DANAUS_ISA {
namespace simd {

template <std::size_t N>
struct SinCos {
  vec<float, N> sin, cos;
};

/// The lanes of both, in order.
template <std::size_t N, std::size_t... I>
DANAUS_INLINE vec<float, 2 * N> joined(vec<float, N> low, vec<float, N> high, std::index_sequence<I...>) noexcept {
  return vec<float, 2 * N>::wrap(__builtin_shufflevector(low.v, high.v, static_cast<int>(I)...));
}

struct Either {
  template <class V>
  DANAUS_INLINE V operator()(V a, V b) const noexcept {
    return a | b;
  }
};

/// Whether a comparison holds in some lane.
template <class T, std::size_t N>
DANAUS_INLINE bool any(vec<T, N> mask) noexcept {
  return reduce(mask, Either{}) != 0;
}

/// x - k pi/2 in double, for integers |k| < 2^20: pi/2 is split so that k times its first part is exact.
template <std::size_t N>
DANAUS_INLINE vec<float, N> less_quarter_turns(vec<float, N> x, vec<float, N> k) noexcept {
  if constexpr (N * sizeof(double) > register_bytes && N > 1) {
    using half = std::make_index_sequence<N / 2>;
    const auto low = less_quarter_turns(slice<0>(x, half{}), slice<0>(k, half{}));
    const auto high = less_quarter_turns(slice<N / 2>(x, half{}), slice<N / 2>(k, half{}));
    return joined(low, high, std::make_index_sequence<N>{});
  } else {
    const vec<double, N> turns = convert<double>(k);
    return convert<float>(fnma(turns, 0x1.0b4611a626331p-34, fnma(turns, 0x1.921fb544p0, convert<double>(x))));
  }
}

struct LargeReduced {
  float r;
  std::uint32_t quadrant;
};

/// x mod pi/2 for 2^17 <= x < inf: the 24 bits of x times the 96 bits of 2/pi that matter, modulo 4.
[[gnu::cold, gnu::noinline]] inline LargeReduced reduce_large(float x) noexcept {
  constexpr std::uint32_t two_over_pi[] = {0,          0xa2f9836e, 0x4e441529, 0xfc2757d1,
                                           0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab};
  const std::uint32_t all = __builtin_bit_cast(std::uint32_t, x);
  if (all >= 0x7f800000u) return {x - x, 0};
  const std::uint64_t mantissa = (all & 0x7fffffu) | 0x800000u;
  const std::uint32_t first = (all >> 23) - 120;  // x = mantissa 2^(first - 30): bits of weight 8 and more drop out
  const std::uint32_t* word = two_over_pi + first / 32;
  const auto window = [&](std::size_t i) {
    return static_cast<std::uint32_t>((std::uint64_t{word[i]} << 32 | word[i + 1]) << (first % 32) >> 32);
  };
  const std::uint64_t turns =  // in units of 2^-62 quarter turns
      (mantissa * window(0) << 32) + mantissa * window(1) + (mantissa * window(2) >> 32);
  const std::uint64_t quadrant = (turns + (1ull << 61)) >> 62;
  const auto rest = static_cast<std::int64_t>(turns - (quadrant << 62));
  return {static_cast<float>(static_cast<double>(rest) * 0x1.921fb54442d18p-62), static_cast<std::uint32_t>(quadrant)};
}

/// sin(x) and cos(x) over the whole range: x less the nearest multiple of pi/2, then a polynomial.
/// A vector with a lane from 131072 on takes its large lanes one by one. NaN at infinities; sin
/// keeps the sign of 0. Error: 1.6 ulp, with FMA or without.
template <std::size_t N>
DANAUS_INLINE SinCos<N> sincos(vec<float, N> x) noexcept {
  using V = vec<float, N>;
  const V a = magnitude(x);
  const V shifted = fma(a, 0x1.45f306p-1f, round_magic);
  V r = less_quarter_turns(a, shifted - round_magic);
  auto quadrant = bits<std::uint32_t>(shifted);
  if (any(a >= V(0x1p17f))) {
    for (std::size_t i = 0; i < N; ++i) {
      if (!(a.v[i] >= 0x1p17f)) continue;
      const LargeReduced lane = reduce_large(a.v[i]);
      r.v[i] = lane.r;
      quadrant.v[i] = lane.quadrant;
    }
  }
  const V s = r * r;
  const V sine = fma(s * polynomial(s, -0x1.555544p-3f, 0x1.1106aep-7f, -0x1.990f92p-13f), r, r);
  const V cosine = fma(s * s, polynomial(s, 0x1.555548p-5f, -0x1.6c0af4p-10f, 0x1.99911cp-16f), fma(s, -0.5f, 1.0f));
  const auto odd = bits<std::int32_t>(quadrant << 31) >> 31;
  const auto flip_sine = ((quadrant << 30) ^ bits<std::uint32_t>(x)) & 0x80000000u;
  const auto flip_cosine = ((quadrant + 1u) << 30) & 0x80000000u;
  return {bits<float>(bits<std::uint32_t>(select(odd, cosine, sine)) ^ flip_sine),
          bits<float>(bits<std::uint32_t>(select(odd, sine, cosine)) ^ flip_cosine)};
}

}  // namespace simd
}  // namespace DANAUS_ISA
}  // namespace danaus
