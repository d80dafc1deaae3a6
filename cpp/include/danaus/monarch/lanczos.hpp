// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include <danaus/simd/memory.hpp>

namespace danaus {

/// The most steps that are taken; a lane that then has not converged says so.
inline constexpr std::size_t lanczos_steps = 64;

inline namespace DANAUS_ISA {

template <class V>
DANAUS_INLINE V lane_sqrt(V x) noexcept {
  typename V::value_type lanes[V::size()];
  simd::store(x, lanes);
  for (auto& value : lanes) value = std::sqrt(value);
  return simd::load<V>(lanes);
}

/// sum over l of a[l] b[l] in every lane.
template <class V, class T>
DANAUS_INLINE V lane_dot(const T* a, const T* b, std::size_t count) noexcept {
  constexpr std::size_t N = V::size();
  V sum[4] = {V(T(0)), V(T(0)), V(T(0)), V(T(0))};
  std::size_t l = 0;
  for (; l + 4 <= count; l += 4) {
    for (std::size_t c = 0; c < 4; ++c) {
      sum[c] = fma(simd::load<V>(a + (l + c) * N), simd::load<V>(b + (l + c) * N), sum[c]);
    }
  }
  for (; l < count; ++l) sum[0] = fma(simd::load<V>(a + l * N), simd::load<V>(b + l * N), sum[0]);
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}
/// y += x by
template <class V, class T>
DANAUS_INLINE void lane_add(V by, const T* x, std::size_t count, T* y) noexcept {
  constexpr std::size_t N = V::size();
  for (std::size_t l = 0; l < count; ++l) {
    simd::store(fma(by, simd::load<V>(x + l * N), simd::load<V>(y + l * N)), y + l * N);
  }
}
template <class V, class T>
DANAUS_INLINE void lane_scale(V by, std::size_t count, T* y) noexcept {
  constexpr std::size_t N = V::size();
  for (std::size_t l = 0; l < count; ++l) simd::store(by * simd::load<V>(y + l * N), y + l * N);
}

/// u[rows] = B x for R rows of a block in every lane; then, where y is not null, y += B^T u.
template <class V, std::size_t R, class T>
DANAUS_INLINE void lane_rows(const T* b, std::size_t columns, const T* x, T* u, T* y) noexcept {
  constexpr std::size_t N = V::size();
  V even[R], odd[R];
  for (std::size_t r = 0; r < R; ++r) even[r] = odd[r] = V(T(0));
  std::size_t l = 0;
  for (; l + 2 <= columns; l += 2) {
    const V x0 = simd::load<V>(x + l * N), x1 = simd::load<V>(x + (l + 1) * N);
    for (std::size_t r = 0; r < R; ++r) {
      even[r] = fma(simd::load<V>(b + (r * columns + l) * N), x0, even[r]);
      odd[r] = fma(simd::load<V>(b + (r * columns + l + 1) * N), x1, odd[r]);
    }
  }
  for (std::size_t r = 0; r < R; ++r) {
    if (l < columns) even[r] = fma(simd::load<V>(b + (r * columns + l) * N), simd::load<V>(x + l * N), even[r]);
    even[r] = even[r] + odd[r];
    simd::store(even[r], u + r * N);
  }
  if (y == nullptr) return;
  for (l = 0; l < columns; ++l) {
    V sum = simd::load<V>(y + l * N);
    for (std::size_t r = 0; r < R; ++r) sum = fma(simd::load<V>(b + (r * columns + l) * N), even[r], sum);
    simd::store(sum, y + l * N);
  }
}

/// u = B x and, where y is not null, y = B^T B x; B (rows, columns) in every lane.
template <class V, class T>
[[gnu::noinline]] DANAUS_KERNEL void lane_normal(const T* b, std::size_t rows, std::size_t columns, const T* x, T* u,
                                                 T* y) noexcept {
  constexpr std::size_t N = V::size();
  if (y != nullptr) std::fill_n(y, columns * N, T(0));
  std::size_t r = 0;
  for (; r + 4 <= rows; r += 4) lane_rows<V, 4>(b + r * columns * N, columns, x, u + r * N, y);
  for (; r < rows; ++r) lane_rows<V, 1>(b + r * columns * N, columns, x, u + r * N, y);
}

/// The tridiagonal matrix of Lanczos's method in every lane.
template <class V>
struct Tridiagonal {
  std::size_t size = 0;
  V diagonal[lanczos_steps], beside[lanczos_steps];  ///< beside[i] couples i and i + 1

  /// Whether more than `count` eigenvalues lie above x (Sturm).
  DANAUS_INLINE typename V::mask above(V x, std::size_t count) const noexcept {
    using T = typename V::value_type;
    const V tiny(std::numeric_limits<T>::min() * T(16)), zero(T(0));
    V positive = zero, d(T(1)), off = zero;
    for (std::size_t i = 0; i < size; ++i) {
      d = diagonal[i] - x - off * (off / d);
      d = simd::select(d < zero, min(d, -tiny), max(d, tiny));
      positive = positive + simd::select(d > zero, V(T(1)), zero);
      off = beside[i];
    }
    return positive > V(static_cast<T>(count));
  }
  /// An upper bound of the eigenvalue number `count` from the largest, halved `times` times.
  DANAUS_INLINE V eigenvalue(std::size_t count, V low, V high, std::size_t times) const noexcept {
    using T = typename V::value_type;
    for (std::size_t i = 0; i < times; ++i) {
      const V middle = V(T(0.5)) * (low + high);
      const auto more = above(middle, count);
      low = simd::select(more, middle, low);
      high = simd::select(more, high, middle);
    }
    return high;
  }
  /// A bound of all eigenvalues (Gershgorin).
  DANAUS_INLINE V bound() const noexcept {
    using T = typename V::value_type;
    V most(T(0));
    for (std::size_t i = 0; i < size; ++i) {
      most = max(diagonal[i] + beside[i] + (i > 0 ? beside[i - 1] : V(T(0))), most);
    }
    return most;
  }
  /// The eigenvector of `value`, at least the largest eigenvalue: entries not scaled, and their sum of squares.
  DANAUS_INLINE V eigenvector(V value, V (&entries)[lanczos_steps]) const noexcept {
    using T = typename V::value_type;
    const V least = max(value * V(std::numeric_limits<T>::epsilon()), V(std::numeric_limits<T>::min()));
    V ratio(T(0));
    for (std::size_t i = size; i-- > 1;) {
      const V gap = max(value - diagonal[i] - beside[i] * ratio, least);
      ratio = entries[i] = beside[i - 1] / gap;
    }
    V sum(T(1));
    entries[0] = V(T(1));
    for (std::size_t i = 1; i < size; ++i) {
      entries[i] = entries[i] * entries[i - 1];
      sum = fma(entries[i], entries[i], sum);
    }
    return sum;
  }
};

/// 1 in lanes whose largest Ritz value has converged. What of the largest eigenvalue is missing is at most
/// |residual|^2 / gap (Parlett, The Symmetric Eigenvalue Problem, 11.7): little of what the triplet will leave of the
/// block's squares, or of the eigenvalue.
template <class V>
DANAUS_INLINE V ritz(const Tridiagonal<V>& t, V last, V squares, V (&entries)[lanczos_steps], V& top) noexcept {
  using T = typename V::value_type;
  constexpr bool single = sizeof(T) == 4;
  const V zero(T(0)), of_rest(single ? T(5e-10) : T(1e-13)), of_top(single ? T(1e-10) : T(1e-14));
  top = t.eigenvalue(0, zero, t.bound(), single ? 26 : 54);
  const V sum = t.eigenvector(top, entries);
  const V second = t.size > 1 ? t.eigenvalue(1, zero, top, 12) : zero;
  const V residual = last * entries[t.size - 1], enough = max(of_rest * (squares - top), of_top * top);
  return simd::select(residual * residual <= enough * (top - second) * sum, V(T(1)), zero);
}

/// One step: vectors[t + 1] = B^T B vectors[t] made orthogonal to those before it, and the tridiagonal matrix larger
/// by one. The norm left over; 0 where the space is exhausted.
template <class V, class T>
DANAUS_INLINE V lanczos_step(const T* b, std::size_t rows, std::size_t columns, T* vectors, T* u,
                             Tridiagonal<V>& t) noexcept {
  const std::size_t width = columns * V::size(), at = t.size;
  T* const v = vectors + at * width;
  T* const next = v + width;
  lane_normal<V>(b, rows, columns, v, u, next);
  t.diagonal[at] = lane_dot<V>(v, next, columns);
  V norm(T(0));
  for (int again = 0; again < 2; ++again) {  // twice where little is left, of which much is rounding
    for (std::size_t i = at + 1; i-- > 0;) {
      lane_add(-lane_dot<V>(vectors + i * width, next, columns), vectors + i * width, columns, next);
    }
    norm = lane_sqrt(lane_dot<V>(next, next, columns));
    if (!(simd::reduce(norm - V(T(0.01)) * t.diagonal[0], [](auto x, auto y) { return min(x, y); }) < T(0))) break;
  }
  const V least = max(t.diagonal[0] * V(T(32) * std::numeric_limits<T>::epsilon()), V(std::numeric_limits<T>::min()));
  const V kept = simd::select(norm > least, norm, V(T(0)));
  lane_scale(simd::select(norm > least, V(T(1)) / max(norm, least), V(T(0))), columns, next);
  t.beside[at] = kept;
  ++t.size;
  return kept;
}

/// The largest singular triplet of B (rows, columns) in every lane where `wanted` is 1: u = B v, v in vectors[0],
/// sigma = |u|; B becomes B - u v^T, and `squares`,
/// the sum of its squares, less by sigma^2. 1 in lanes where it has converged. Lanczos's method on B^T B,
/// orthogonalised in full, until every lane has converged.
template <class V, class T>
DANAUS_INLINE V top_triplet(T* b, std::size_t rows, std::size_t columns, T* vectors, T* u, V wanted, V& squares,
                            T* sigma) noexcept {
  constexpr std::size_t N = V::size();
  const std::size_t most = std::min(lanczos_steps, columns), width = columns * N;
  const V zero(T(0)), tiny(std::numeric_limits<T>::min());
  std::uint32_t seed = 12345;
  for (std::size_t l = 0; l < columns; ++l) {
    seed = seed * 1664525u + 1013904223u;
    simd::store(V(static_cast<T>(static_cast<double>(seed >> 8) * 0x1p-24 - 0.5)), vectors + width + l * N);
  }
  lane_normal<V>(b, rows, columns, vectors + width, u, vectors);
  V norm = lane_sqrt(lane_dot<V>(vectors, vectors, columns));
  lane_scale(V(T(1)) / max(norm, tiny), columns, vectors);
  Tridiagonal<V> t;
  V entries[lanczos_steps], done = zero, top = zero;
  while (t.size < most) {
    const V last = lanczos_step<V>(b, rows, columns, vectors, u, t);
    const bool look = t.size == most || (t.size >= 16 && t.size % 4 == 0);
    if (!look) continue;
    done = ritz(t, t.size == columns ? zero : last, squares, entries, top);
    if (simd::reduce(done, [](auto x, auto y) { return min(x, y); }) > T(0)) break;
  }
  lane_scale(entries[0], columns, vectors);
  for (std::size_t i = 1; i < t.size; ++i) lane_add(entries[i], vectors + i * width, columns, vectors);
  norm = lane_sqrt(lane_dot<V>(vectors, vectors, columns));
  lane_scale(wanted / max(norm, tiny), columns, vectors);
  lane_normal<V>(b, rows, columns, vectors, u, static_cast<T*>(nullptr));
  const V square = lane_dot<V>(u, u, rows);  // less than the Ritz value where that has no vector: clusters
  const V least = top * wanted * V(T(1) - T(64) * std::numeric_limits<T>::epsilon());
  simd::store(lane_sqrt(square), sigma);
  squares = max(squares - square, zero);
  for (std::size_t r = 0; r < rows; ++r) lane_add(-simd::load<V>(u + r * N), vectors, columns, b + r * width);
  return simd::select(square >= least, done, zero);
}

}  // namespace DANAUS_ISA
}  // namespace danaus
