// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cmath>
#include <limits>

#include <danaus/simd/exp2.hpp>
#include <danaus/simd/memory.hpp>
#include <danaus/simd/part.hpp>
#include <danaus/simplex/batch.hpp>

// What softmax, its logarithm and sampling are made of: blocks of a row whose sums are relative to a power of two.
namespace danaus {
inline namespace DANAUS_ISA {

/// A number no float and no double is above.
template <class T>
inline constexpr T infinity = std::numeric_limits<T>::infinity();

/// 2^k, 0 for k < -1022, inf for k > 1023; k is an integer or infinite.
DANAUS_INLINE double power_of_two(double k) noexcept {
  if (!(k > -1022)) return k == k ? 0 : k;
  if (k > 1023) return infinity<double>;
  return std::bit_cast<double>(static_cast<std::uint64_t>(static_cast<std::int64_t>(k) + 1023) << 52);
}

/// Scores are multiplied by `exponent` and 2 is raised to them. Below `depth` under the largest all is 0.
template <class T>
struct Softening {
  simd::Exponent<T> exponent;
  T scale, depth, reach;

  DANAUS_INLINE explicit Softening(double s) noexcept
      : exponent(simd::Exponent<T>::of(s)),
        scale(static_cast<T>(s)),
        depth(static_cast<T>((sizeof(T) == 4 ? 200.0 : 1500.0) / (1.4426950408889634 * (s > 1e-35 ? s : 1e-35)))),
        reach(static_cast<T>((sizeof(T) == 4 ? 0x1p20 : 0x1p49) / (1.4426950408889634 * (s > 1e-35 ? s : 1e-35)))) {}

  /// Whether rows with this maximum can be taken as they are: finite, and small enough for exact exponents. Others are
  /// shifted first, which is exact for them by Sterbenz's lemma wherever it matters.
  DANAUS_INLINE bool takes(T maximum) const noexcept { return maximum <= reach && maximum >= -reach; }
  template <class V>
  DANAUS_INLINE V top(V maximum) const noexcept {
    return fma(maximum, V(exponent.high), V(simd::rounding<T>)) - V(simd::rounding<T>);
  }
  /// 2^(x - top); `floor` keeps x where exponents fit.
  template <class V>
  DANAUS_INLINE V operator()(V x, V floor, V top) const noexcept {
    if constexpr (simd::scales_to_nothing<V>) return exp2_below(x, exponent, top);
    return exp2_below(max(floor, x), exponent, top);
  }
};

/// The largest element in every lane. NaN may be overlooked.
template <class V>
DANAUS_INLINE V row_maximum(const typename V::value_type* x, std::size_t n) noexcept {
  using T = typename V::value_type;
  constexpr std::size_t N = V::size();
  V a(-infinity<T>), b = a, c = a, d = a;
  std::size_t i = 0;
  for (; i + 4 * N <= n; i += 4 * N) {
    a = max(a, simd::load<V>(x + i));
    b = max(b, simd::load<V>(x + i + N));
    c = max(c, simd::load<V>(x + i + 2 * N));
    d = max(d, simd::load<V>(x + i + 3 * N));
  }
  for (; i + N <= n; i += N) a = max(a, simd::load<V>(x + i));
  if (i < n) b = max(b, simd::load_part<V>(x + i, n - i, -infinity<T>));
  return reduce_to_all(max(max(a, b), max(c, d)), simd::maximum);
}

/// How the exponentials of a block are used: kept in y; only summed; summed without those of x equal to `maximum`.
enum class Use : unsigned char { keep, sum, others };

/// y = 2^(x - top) and their sum in every lane: of four registers side by side, begun anew after every eighth, so that
/// equal elements, whose roundings add up, do no harm.
template <Use How, class V, class T>
DANAUS_INLINE V block_exponentials(const Softening<T>& soft, const T* x, T* y, std::size_t n, V maximum,
                                   V top) noexcept {
  constexpr std::size_t N = V::size(), quick = 32 * N;
  const V floor = maximum - V(soft.depth);
  const auto at = [&](std::size_t i, V value) {
    V e = soft(value, floor, top);
    if constexpr (How == Use::others) e = select(value == maximum, V(T(0)), e);
    if constexpr (How == Use::keep) simd::store(e, y + i);
    return e;
  };
  V total(T(0));
  std::size_t i = 0;
  while (i + 4 * N <= n) {
    const std::size_t end = n - i < quick ? n : i + quick;
    V a(T(0)), b = a, c = a, d = a;
    for (; i + 4 * N <= end; i += 4 * N) {
      const V x0 = simd::load<V>(x + i), x1 = simd::load<V>(x + i + N), x2 = simd::load<V>(x + i + 2 * N),
              x3 = simd::load<V>(x + i + 3 * N);
      a += at(i, x0);
      b += at(i + N, x1);
      c += at(i + 2 * N, x2);
      d += at(i + 3 * N, x3);
    }
    total += (a + b) + (c + d);
  }
  for (; i < n; i += N) {
    const std::size_t count = n - i < N ? n - i : N;
    const V value = simd::load_some<V>(x + i, count, -infinity<T>);
    V e = soft(value, floor, top);
    if constexpr (How == Use::others) e = select(value == maximum, V(T(0)), e);
    if constexpr (How == Use::keep) simd::store_some(e, y + i, count);
    total += e;
  }
  return reduce_to_all(total, simd::plus);
}

/// y = y / sum, where the sum says that one element may be nearly all of it: 1 must come out as 1.
template <class T>
[[gnu::noinline]] DANAUS_KERNEL void divide_block(T* y, std::size_t n, T sum) noexcept {
  using V = simd::native<T>;
  simd::parts<T>(n, [&](std::size_t i, std::size_t count) {
    simd::store_some(simd::load_some<V>(y + i, count, T(0)) / V(sum), y + i, count);
  });
}

/// y = x * factor.
template <class V, class T>
DANAUS_INLINE void scale_block(const T* x, T* y, std::size_t n, V factor) noexcept {
  constexpr std::size_t N = V::size();
  std::size_t i = 0;
  for (; i + 4 * N <= n; i += 4 * N) {
    simd::unrolled<4>([&](auto j) { simd::store(simd::load<V>(x + i + j * N) * factor, y + i + j * N); });
  }
  for (; i < n; i += N) {
    const std::size_t count = n - i < N ? n - i : N;
    simd::store_some(simd::load_some<V>(x + i, count, T(0)) * factor, y + i, count);
  }
}

/// The same of one block of a long row, for which a call costs nothing.
template <class T>
[[gnu::noinline]] DANAUS_KERNEL T maximum_of(const T* x, std::size_t n) noexcept {
  return row_maximum<simd::native<T>>(x, n).v[0];
}
template <Use How, class T>
[[gnu::noinline]] DANAUS_KERNEL T exponentials(const Softening<T>& soft, const T* x, T* y, std::size_t n, T maximum,
                                               T top) noexcept {
  using V = simd::native<T>;
  return block_exponentials<How>(soft, x, y, n, V(maximum), V(top)).v[0];
}
template <class T>
[[gnu::noinline]] DANAUS_KERNEL void scaled(T* y, std::size_t n, T factor) noexcept {
  scale_block(y, y, n, simd::native<T>(factor));
}

/// y = x - c.
template <class T>
[[gnu::noinline, gnu::cold]] DANAUS_KERNEL void shifted(const T* x, T* y, std::size_t n, T c) noexcept {
  using V = simd::native<T>;
  simd::parts<T>(n, [&](std::size_t i, std::size_t some) {
    simd::store_some(simd::load_some<V>(x + i, some, T(0)) - V(c), y + i, some);
  });
}

template <class T>
[[gnu::noinline]] DANAUS_KERNEL void fill(T* y, std::size_t n, T value) noexcept {
  using V = simd::native<T>;
  simd::parts<T>(n, [&](std::size_t i, std::size_t count) { simd::store_some(V(value), y + i, count); });
}

/// Whether a row holds a NaN.
template <class T>
[[gnu::noinline]] DANAUS_KERNEL bool any_nan(const T* x, std::size_t n) noexcept {
  using V = simd::native<T>;
  auto found = V(T(0)) != V(T(0));
  simd::parts<T>(n, [&](std::size_t i, std::size_t count) {
    const V v = simd::load_some<V>(x + i, count, T(0));
    found = found | (v != v);
  });
  return reduce(found, [](auto a, auto b) { return a | b; }) != 0;
}

/// How many elements equal `value`.
template <class T>
[[gnu::noinline]] DANAUS_KERNEL T count_equal(const T* x, std::size_t n, T value) noexcept {
  using V = simd::native<T>;
  const V v(value), one(T(1)), none(T(0));
  V same = none;
  simd::parts<T>(n, [&](std::size_t i, std::size_t some) {
    same += select(simd::load_some<V>(x + i, some, -infinity<T>) == v, one, none);
  });
  return reduce(same, simd::plus);
}

/// What a row is that cannot be taken as it stands.
enum class Odd : unsigned char { nan, nothing, infinite, large };

/// Sees what is odd about a row; where its scores are merely large, y = x - maximum. `limit`: y = 1 / count at the
/// `count` elements that are +inf, else 0: the limit of softmax for scores that grow without bound.
template <class T>
[[gnu::noinline, gnu::cold]] DANAUS_KERNEL Odd settle_odd_row(const T* x, T* y, std::size_t n, bool limit) noexcept {
  using V = simd::native<T>;
  if (any_nan(x, n)) return Odd::nan;
  const V m = V(maximum_of(x, n));
  if (!(m.v[0] > -infinity<T>)) return Odd::nothing;
  if (m.v[0] == infinity<T>) {
    if (limit) {
      double count = 0;
      simd::parts<T>(n, [&](std::size_t i, std::size_t some) {
        const V v = simd::load_some<V>(x + i, some, T(0));
        count += static_cast<double>(reduce(select(v == m, V(T(1)), V(T(0))), simd::plus));
      });
      const V share(static_cast<T>(1 / count));
      simd::parts<T>(n, [&](std::size_t i, std::size_t some) {
        const V v = simd::load_some<V>(x + i, some, T(0));
        simd::store_some(select(v == m, share, V(T(0))), y + i, some);
      });
    }
    return Odd::infinite;
  }
  shifted(x, y, n, m.v[0]);
  return Odd::large;
}

}  // namespace DANAUS_ISA
}  // namespace danaus
