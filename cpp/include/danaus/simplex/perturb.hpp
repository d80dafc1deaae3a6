// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/simplex/candidates.hpp>

// The probability of each score to be the largest once noise is added. In double.
namespace danaus {
inline namespace DANAUS_ISA {

enum class Noise : unsigned char { logistic, normal, exponential };

/// e^x for x <= 0, 0 far below.
template <class V>
DANAUS_INLINE V exp_of_negative(V x) noexcept {
  return simd::exp2_below(max(V(-1500.0), x), simd::Exponent<double>::of(1.0), V(0.0));
}

/// erfcx(t / sqrt 2) for t >= 0: Chebyshev's series of (1 + t) erfcx in (t - 4) / (t + 4), by Clenshaw's recurrence.
/// Error: 4e-16 relative. Coefficients: tests/reference/fit_exp2.py.
template <class V>
DANAUS_INLINE V scaled_complement(V t) noexcept {
  constexpr double series[] = {
      0x1.dcc2bbcc9b6e8p-1,  -0x1.071deb338936dp-3,  -0x1.6e116a2eb3fcdp-6,  0x1.9e11047e79e2dp-6,
      -0x1.3c70a1636eb40p-7, 0x1.1af431cb33945p-9,   -0x1.f4d775ae8ff8fp-13, -0x1.cb99da386dfd6p-17,
      0x1.1081165d4ad5fp-17, -0x1.a359cff5c131fp-22, -0x1.e74dfa51c5165p-23, 0x1.a5bafe79eca15p-26,
      0x1.f75cb1ad619e2p-28, -0x1.17c49546eaf51p-30, -0x1.411c371f920c4p-32, 0x1.4252cd37dc9d0p-35,
      0x1.e28e89a20f07dp-37, -0x1.1dd333ab65847p-40, -0x1.8557ec1d8e9a2p-41, 0x1.fcc0893aed0ffp-51,
      0x1.333c3ad3b6b54p-45, 0x1.b417b79c3627dp-49,  -0x1.a910ed92227abp-50, -0x1.8edf8811a96c5p-52};
  const V y = (t - 4.0) / (t + 4.0), twice = y + y;
  V b(0.0), before(0.0);
  for (std::size_t k = std::size(series) - 1; k > 0; --k) {
    const V next = fma(twice, b, V(series[k]) - before);
    before = b;
    b = next;
  }
  return fma(y, b, V(series[0]) - before) / (t + 1.0);
}

/// log Phi(t), and the hazard phi(t) / Phi(t), of a noise's distribution.
template <class V>
struct Hazard {
  V log, rate;
};
template <class V>
DANAUS_INLINE Hazard<V> hazard(Noise noise, V t) noexcept {
  const V none(0.0);
  if (noise == Noise::logistic) {
    const V size = max(t, -t), e = exp_of_negative(-size), log = simd::log1p(e), below = V(1.0) / (e + 1.0);
    return {select(t < none, t, none) - log, select(t < none, below, e * below)};
  }
  const V clipped = min(max(t, V(-1e150)), V(1e3)), size = max(clipped, -clipped);
  const V half = scaled_complement(size) * 0.5, square = size * size * -0.5, e = exp_of_negative(square);
  const auto left = t < none;
  const V tail = select(left, none, e * half);  // 1 - Phi
  const V inside = select(left, half, V(1.0));
  const V log = select(left, square + simd::log(inside), simd::log1p(-tail));
  constexpr double density = 0.3989422804014327;  // 1 / sqrt(2 pi)
  return {log, select(left, V(density) / half, e * density / (V(1.0) - tail))};
}

/// p_i = sum_k w_k h(z_k - x_i) G_k, G_k = prod_j Phi(z_k - x_j): the integral over the value z of the maximum by the
/// trapezoidal rule at nodes shared by all i, O(n K). Exponential noise: p_i = q_i int_0^1 prod_(j != i) (1 - q_j u)
/// du, q = e^(x - maximum), by Gauss and Legendre. `other`: the count nodes, relative to the maximum, then the weights,
/// with pitch 0; `alpha`: the Noise. Sums are divided out.
template <class T>
DANAUS_KERNEL void perturb_rows(const SimplexParameters& p, const ScoreRows<T>& rows, Workspace scratch) noexcept {
  using V = simd::native<T>;
  static_assert(sizeof(T) == 8);
  const auto noise = static_cast<Noise>(static_cast<unsigned char>(p.alpha));
  const std::size_t count = p.count, n = rows.n;
  double* const mass = scratch.take<double>(count);
  const V scale(p.scale), one(1.0);
  for (std::size_t r = 0; r < rows.rows; ++r) {
    const T *const x = rows.x(r), *const node = rows.g(r), *const weight = node + count;
    T* const y = rows.y(r);
    const T high = maximum_of(x, n);
    if (!(high > -infinity<T>) || high == infinity<T> || any_nan(x, n)) {
      emit_odd(x, y, n);
      continue;
    }
    const V m(high);
    const auto score = [&](std::size_t i, std::size_t some) {
      return (simd::load_some<V>(x + i, some, -infinity<T>) - m) * scale;
    };
    for (std::size_t k = 0; k < count; ++k) {
      const V z(node[k]);
      V sum(0.0);
      simd::parts<T>(n, [&](std::size_t i, std::size_t some) {
        const V s = score(i, some);
        sum += noise == Noise::exponential ? simd::log1p(-(exp_of_negative(s) * z)) : hazard(noise, z - s).log;
      });
      mass[k] = reduce(sum, simd::plus);
    }
    for (std::size_t k = 0; k < count; ++k) mass[k] = weight[k] * exp_of_negative(simd::vec<double, 1>(mass[k])).v[0];
    V total(0.0);
    simd::parts<T>(n, [&](std::size_t i, std::size_t some) {
      const V s = score(i, some), q = exp_of_negative(s);
      V sum(0.0);
      for (std::size_t k = 0; k < count; ++k) {
        const V z(node[k]);
        const V rate = noise == Noise::exponential ? q / (one - q * z) : hazard(noise, z - s).rate;
        sum = fma(rate, V(mass[k]), sum);
      }
      total += sum;
      simd::store_some(sum, y + i, some);
    });
    scaled(y, n, 1 / reduce(total, simd::plus));
  }
}

}  // namespace DANAUS_ISA
}  // namespace danaus
