// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/simplex/jacobian.hpp>

// Maps p = phi(x) / sum phi(x) without an exponential's invariance: Taylor's polynomials, squares, sigmoids. In double.
namespace danaus {
inline namespace DANAUS_ISA {

enum class Pointwise : unsigned char { taylor, square, sigmoid };

/// phi(x) and its derivative.
template <class V>
struct Slope {
  V value, slope;
};
template <class V>
DANAUS_INLINE Slope<V> pointwise(Pointwise kind, std::size_t order, V x) noexcept {
  if (kind == Pointwise::square) return {x * x, x + x};
  if (kind == Pointwise::sigmoid) {  // 1 / (1 + e^-x) of z = e^-|x|, so that nothing overflows
    const V none(0.0), size = max(x, -x);
    const V z = simd::exp2_below(max(V(-700.0), -size), simd::Exponent<double>::of(1.0), none);
    const V below = V(1.0) / (z + 1.0), p = select(x < none, z * below, below);
    return {select(x == x, p, x), z * below * below};
  }
  // f_k = 1 + x (1 + x / 2 (... (1 + x / k))), f_k' = f_(k - 1)
  V p(1.0);
  for (std::size_t k = order; k > 1; --k) p = fma(p * x, V(1.0 / static_cast<double>(k)), V(1.0));
  V q(1.0);
  for (std::size_t k = order - 1; k > 1; --k) q = fma(q * x, V(1.0 / static_cast<double>(k)), V(1.0));
  const V value = order == 0 ? V(1.0) : fma(p, x, V(1.0)), slope = order < 2 ? V(1.0) : fma(q, x, V(1.0));
  return {value, slope};
}

/// in = scores: out = phi(x) / sum phi(x) (`other` null); with other = gradient (scale > 0) its product with the
/// Jacobian, (g - <g, p>) phi' / sum; with a tangent (scale < 0) (phi' v - p sum phi' v) / sum. `alpha` is the
/// Pointwise.
template <class T>
DANAUS_KERNEL void pointwise_rows(const SimplexParameters& p, const ScoreRows<T>& rows, Workspace) noexcept {
  using V = simd::native<T>;
  static_assert(sizeof(T) == 8);
  const auto kind = static_cast<Pointwise>(static_cast<unsigned char>(p.alpha));
  const auto at = [&](const T* x, std::size_t i, std::size_t some) {
    return pointwise(kind, p.count, simd::load_some<V>(x + i, some, T(0)));
  };
  const auto only = [](V v, std::size_t some) {  // nothing from behind the end
    if (some == V::size()) return v;
    T lanes[V::size()];
    simd::store(v, lanes);
    for (std::size_t i = some; i < V::size(); ++i) lanes[i] = 0;
    return simd::load<V>(lanes);
  };
  for (std::size_t r = 0; r < rows.rows; ++r) {
    const T *const x = rows.x(r), *const g = rows.other != nullptr ? rows.g(r) : nullptr;
    T* const y = rows.y(r);
    const double sum =
        sum_blocks<T>(rows.n, [&](std::size_t i, std::size_t some) { return only(at(x, i, some).value, some); });
    const V share(sum > 0 || sum != sum ? 1 / sum : 0);
    double dot = 0;
    if (g != nullptr) {
      dot = sum_blocks<T>(rows.n, [&](std::size_t i, std::size_t some) {
        const auto [value, slope] = at(x, i, some);
        return (p.scale > 0 ? value : slope) * simd::load_some<V>(g + i, some, T(0));
      });
    }
    const V mean = V(dot) * share;
    simd::parts<T>(rows.n, [&](std::size_t i, std::size_t some) {
      const auto [value, slope] = at(x, i, some);
      V out = value * share;
      if (g != nullptr) {
        const V b = simd::load_some<V>(g + i, some, T(0));
        out = p.scale > 0 ? (b - mean) * slope * share : (slope * b - value * mean) * share;
      }
      simd::store_some(out, y + i, some);
    });
  }
}

}  // namespace DANAUS_ISA
}  // namespace danaus
