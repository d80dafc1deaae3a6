// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/simplex/softmax_block.hpp>

// Products with Jacobians. That of p = phi(x - lambda(x)) is diag(s) - s s^T / sum s: symmetric, so that one kernel
// serves gradients and tangents. `in` is the result of the map, `other` the gradient or tangent.
namespace danaus {
inline namespace DANAUS_ISA {

/// Sums over blocks in T, continued in double.
template <class T, class F>
DANAUS_INLINE double sum_blocks(std::size_t n, F term) noexcept {
  using V = simd::native<T>;
  constexpr std::size_t N = V::size();
  double total = 0;
  for (std::size_t b = 0; b < n; b += 32 * N) {
    const std::size_t end = b + 32 * N < n ? b + 32 * N : n;
    V part(T(0)), more = part;
    std::size_t i = b;
    for (; i + 2 * N <= end; i += 2 * N) {
      part += term(i, N);
      more += term(i + N, N);
    }
    for (; i < end; i += N) part += term(i, end - i < N ? end - i : N);
    total += static_cast<double>(reduce(part + more, simd::plus));
  }
  return total;
}

/// out = scale p (g - <g, p>); 0 where p is 0, whatever g is there.
template <class T>
DANAUS_KERNEL void softmax_vjp_rows(const SimplexParameters& p, const ScoreRows<T>& rows, Workspace) noexcept {
  using V = simd::native<T>;
  const V scale(static_cast<T>(p.scale)), none(T(0));
  for (std::size_t r = 0; r < rows.rows; ++r) {
    const T *const x = rows.x(r), *const g = rows.g(r);
    T* const y = rows.y(r);
    const double dot = sum_blocks<T>(rows.n, [&](std::size_t i, std::size_t some) {
      const V a = simd::load_some<V>(x + i, some, T(0)), b = simd::load_some<V>(g + i, some, T(0));
      return select(a == none, none, a * b);
    });
    const V mean(static_cast<T>(dot));
    simd::parts<T>(rows.n, [&](std::size_t i, std::size_t some) {
      const V a = simd::load_some<V>(x + i, some, T(0)), b = simd::load_some<V>(g + i, some, T(0));
      simd::store_some(select(a == none, none, a * (b - mean) * scale), y + i, some);
    });
  }
}

/// s = p^power on the support, 0 elsewhere.
template <class T>
[[gnu::noinline]] DANAUS_KERNEL void support_weights(const T* p, std::size_t n, T power, T* s) noexcept {
  using V = simd::native<T>;
  const V none(T(0)), one(T(1)), to(power);
  simd::parts<T>(n, [&](std::size_t i, std::size_t some) {
    const V a = simd::load_some<V>(p + i, some, T(0));
    const auto in = a > none;
    const V log = simd::log(select(in, a, one));
    simd::store_some(select(in, simd::exp2_below(log * to, simd::Exponent<T>::of(1.0), none), none), s + i, some);
  });
}

/// out = scale s (g - <s, g> / sum s), s = p^(2 - alpha) on the support: entmax, and sparsemax for alpha = 2.
template <class T>
DANAUS_KERNEL void entmax_vjp_rows(const SimplexParameters& p, const ScoreRows<T>& rows, Workspace scratch) noexcept {
  using V = simd::native<T>;
  const V scale(static_cast<T>(p.scale)), none(T(0));
  T* const s = scratch.take<T>(rows.n);
  for (std::size_t r = 0; r < rows.rows; ++r) {
    const T *const x = rows.x(r), *const g = rows.g(r);
    T* const y = rows.y(r);
    support_weights(x, rows.n, static_cast<T>(2 - p.alpha), s);
    const double total =
        sum_blocks<T>(rows.n, [&](std::size_t i, std::size_t some) { return simd::load_some<V>(s + i, some, T(0)); });
    const double dot = sum_blocks<T>(rows.n, [&](std::size_t i, std::size_t some) {
      const V a = simd::load_some<V>(s + i, some, T(0)), b = simd::load_some<V>(g + i, some, T(0));
      return select(a == none, none, a * b);
    });
    const V mean(static_cast<T>(total > 0 ? dot / total : 0));
    simd::parts<T>(rows.n, [&](std::size_t i, std::size_t some) {
      const V v = simd::load_some<V>(x + i, some, T(0)), a = simd::load_some<V>(s + i, some, T(0));
      const V b = simd::load_some<V>(g + i, some, T(0));
      simd::store_some(select(v == v, select(a == none, none, a * (b - mean) * scale), v), y + i, some);
    });
  }
}

/// From y = log p: out = scale (g - p sum g), or for a tangent (count = 1) scale (g - <g, p>).
template <class T>
DANAUS_KERNEL void log_softmax_vjp_rows(const SimplexParameters& p, const ScoreRows<T>& rows, Workspace) noexcept {
  using V = simd::native<T>;
  const bool tangent = p.count == 1;
  const V scale(static_cast<T>(p.scale)), none(T(0)), least(sizeof(T) == 4 ? T(-200) : T(-1500));
  const auto probability = [&](V v) { return simd::exp2_below(max(least, v), simd::Exponent<T>::of(1.0), none); };
  for (std::size_t r = 0; r < rows.rows; ++r) {
    const T *const x = rows.x(r), *const g = rows.g(r);
    T* const y = rows.y(r);
    const double dot = sum_blocks<T>(rows.n, [&](std::size_t i, std::size_t some) {
      const V b = simd::load_some<V>(g + i, some, T(0));
      if (!tangent) return b;
      const V a = probability(simd::load_some<V>(x + i, some, T(0)));
      return select(a == none, none, a * b);
    });
    const V sum(static_cast<T>(dot));
    simd::parts<T>(rows.n, [&](std::size_t i, std::size_t some) {
      const V b = simd::load_some<V>(g + i, some, T(0)), v = simd::load_some<V>(x + i, some, T(0));
      const V out = tangent ? b - sum : fnma(probability(v), sum, b);
      simd::store_some(out * scale, y + i, some);
    });
  }
}

}  // namespace DANAUS_ISA
}  // namespace danaus
