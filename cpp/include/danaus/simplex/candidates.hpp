// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstring>

#include <danaus/simplex/softmax_block.hpp>

// Which elements of a row can matter, found in one pass: those near the largest, without a sort.
namespace danaus {
inline namespace DANAUS_ISA {

/// Elements between two looks at the list of groups: a group that holds no candidate is not looked at again.
template <class T>
inline constexpr std::size_t group = 4 * simd::native<T>::size() < 16 ? 16 : 4 * simd::native<T>::size();

/// The elements above maximum - width, in their order and perhaps some more, and the groups of the row they stand in.
template <class T>
struct Candidates {
  T* values;
  std::uint32_t* groups;
  std::size_t count = 0, hits = 0;
  double scale = 1;  ///< scores are multiplied by it
  T maximum = -infinity<T>;
  bool odd = false;  ///< NaN or an infinite maximum
};

template <class T>
DANAUS_INLINE Candidates<T> candidate_space(Workspace& scratch, std::size_t n, double scale = 1) noexcept {
  T* const values = scratch.take<T>(n + 64);
  return {values, scratch.take<std::uint32_t>(n / group<T> + 2), 0, 0, scale};
}

/// The largest element of a block, and NaN where its sum is one: that of infinities of both signs, or of a NaN.
template <class T>
struct Extreme {
  T maximum, sum;
};
template <class T>
DANAUS_INLINE Extreme<T> extreme(const T* x, std::size_t n) noexcept {
  using V = simd::native<T>;
  constexpr std::size_t N = V::size();
  V a(-infinity<T>), b = a, s(T(0)), t = s;
  std::size_t i = 0;
  for (; i + 2 * N <= n; i += 2 * N) {
    const V x0 = simd::load<V>(x + i), x1 = simd::load<V>(x + i + N);
    a = max(a, x0);
    b = max(b, x1);
    s += x0;
    t += x1;
  }
  for (; i < n; i += N) {
    const std::size_t some = n - i < N ? n - i : N;
    const V v = simd::load_some<V>(x + i, some, x[i]);
    a = max(a, v);
    s += v;
  }
  return {reduce(max(a, b), simd::maximum), reduce(s + t, simd::plus)};
}

/// A number somewhat below maximum + t, t < 0: dropping what is not above it loses nothing, rounding included.
template <class T>
DANAUS_INLINE T just_below(T maximum, double t) noexcept {
  const double edge = static_cast<double>(maximum) + t;
  const double slack = (std::fabs(static_cast<double>(maximum)) + std::fabs(t)) * (sizeof(T) == 4 ? 0x1p-22 : 0x1p-50);
  return static_cast<T>(edge - slack);  // below the maximum even where t is less than its last digit
}

/// Collects what lies above `maximum so far - width / scale`. Blocks that hold nothing are read once and left.
template <class T>
[[gnu::noinline]] DANAUS_KERNEL void collect(const T* x, std::size_t n, T width, Candidates<T>& c) noexcept {
  using V = simd::native<T>;
  constexpr std::size_t N = V::size(), wide = group<T>;
  for (std::size_t b = 0; b < n; b += simplex_block) {
    const std::size_t end = b + simplex_block < n ? b + simplex_block : n;
    const Extreme<T> here = extreme(x + b, end - b);
    if (here.sum != here.sum && any_nan(x + b, end - b)) {
      c.odd = true;
      return;
    }
    if (here.maximum > c.maximum) c.maximum = here.maximum;
    const T least = just_below(c.maximum, -static_cast<double>(width) / c.scale);
    if (!(here.maximum > least)) continue;
    const V t(least);
    std::size_t i = b;
    for (; i + wide <= end; i += wide) {
      V most = simd::load<V>(x + i);
      for (std::size_t j = N; j < wide; j += N) most = max(most, simd::load<V>(x + i + j));
      if (!any_above(most, t)) continue;
      c.groups[c.hits++] = static_cast<std::uint32_t>(i / wide);
      for (std::size_t j = 0; j < wide; j += N) {
        c.count += store_above(simd::load<V>(x + i + j), t, c.values + c.count);
      }
    }
    if (i < end) {
      c.groups[c.hits++] = static_cast<std::uint32_t>(i / wide);
      for (; i < end; i += N) {
        const std::size_t some = end - i < N ? end - i : N;
        c.count += store_above(simd::load_some<V>(x + i, some, -infinity<T>), t, c.values + c.count);
      }
    }
  }
  if (!(c.maximum > -infinity<T>) || c.maximum == infinity<T>) c.odd = true;
}

/// Drops candidates that are not above t. Their order stays.
template <class T>
[[gnu::noinline]] DANAUS_KERNEL void prune(Candidates<T>& c, T t) noexcept {
  using V = simd::native<T>;
  constexpr std::size_t N = V::size();
  std::size_t kept = 0;
  for (std::size_t i = 0; i < c.count; i += N) {
    const std::size_t some = c.count - i < N ? c.count - i : N;
    kept += store_above(simd::load_some<V>(c.values + i, some, -infinity<T>), V(t), c.values + kept);
  }
  c.count = kept;
}

/// y = value(x) in the groups with candidates, 0 elsewhere. y may be x.
template <class T, class F>
DANAUS_INLINE void emit(const Candidates<T>& c, const T* x, T* y, std::size_t n, F value) noexcept {
  using V = simd::native<T>;
  constexpr std::size_t N = V::size(), wide = group<T>;
  std::size_t done = 0;
  for (std::size_t h = 0; h < c.hits; ++h) {
    const std::size_t begin = c.groups[h] * wide, end = begin + wide < n ? begin + wide : n;
    if (begin > done) std::memset(y + done, 0, (begin - done) * sizeof(T));
    for (std::size_t i = begin; i < end; i += N) {
      const std::size_t some = end - i < N ? end - i : N;
      simd::store_some(value(simd::load_some<V>(x + i, some, -infinity<T>)), y + i, some);
    }
    done = end;
  }
  if (done < n) std::memset(y + done, 0, (n - done) * sizeof(T));
}

/// What stands in rows that `collect` found odd: NaN; zeros where no score is finite; equal shares of the +inf.
template <class T>
[[gnu::noinline, gnu::cold]] DANAUS_KERNEL void emit_odd(const T* x, T* y, std::size_t n) noexcept {
  switch (settle_odd_row(x, y, n, true)) {
    case Odd::nan:
      return fill(y, n, std::numeric_limits<T>::quiet_NaN());
    case Odd::nothing:
    case Odd::large:
      return fill(y, n, T(0));
    case Odd::infinite:
      return;
  }
}

/// Number, sum and sum of squares of z = h scale (value - maximum) above t, in double.
struct Moments {
  double count, first, second;
};
template <class T>
[[gnu::noinline]] DANAUS_KERNEL Moments moments(const Candidates<T>& c, double h, double t) noexcept {
  using D = simd::native<double>;
  constexpr std::size_t N = D::size();
  using V = simd::vec<T, N>;
  const D top(static_cast<double>(c.maximum)), least(t), one(1.0), none(0.0);
  D count(0.0), first(0.0), second(0.0);
  for (std::size_t i = 0; i < c.count; i += N) {
    const V v = [&] {
      if (c.count - i >= N) return simd::load<V>(c.values + i);
      T lanes[N];
      simd::store(V(-infinity<T>), lanes);
      std::memcpy(lanes, c.values + i, (c.count - i) * sizeof(T));
      return simd::load<V>(lanes);
    }();
    const D z = (simd::convert<double>(v) - top) * D(h * c.scale);
    const auto in = z > least;
    const D kept = select(in, z, none);
    count += select(in, one, none);
    first += kept;
    second = fma(kept, kept, second);
  }
  return {reduce(count, simd::plus), reduce(first, simd::plus), reduce(second, simd::plus)};
}

}  // namespace DANAUS_ISA
}  // namespace danaus
