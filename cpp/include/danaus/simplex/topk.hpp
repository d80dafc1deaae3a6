// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include <danaus/simplex/candidates.hpp>

namespace danaus {
inline namespace DANAUS_ISA {

/// Integers in the order of the numbers whose bits they come from, and back.
template <class T>
DANAUS_INLINE simd::integer_of<T> order_of(T x) noexcept {
  using I = simd::integer_of<T>;
  const I all = std::bit_cast<I>(x);
  return all ^ ((all >> (8 * sizeof(T) - 1)) & std::numeric_limits<I>::max());
}
template <class T>
DANAUS_INLINE T number_at(simd::integer_of<T> order) noexcept {
  using I = simd::integer_of<T>;
  return std::bit_cast<T>(order ^ ((order >> (8 * sizeof(T) - 1)) & std::numeric_limits<I>::max()));
}

/// How many elements are not below t, and above it.
template <class T>
[[gnu::noinline]] DANAUS_KERNEL std::size_t count_from(const T* x, std::size_t n, T t, bool above) noexcept {
  using V = simd::native<T>;
  constexpr std::size_t N = V::size();
  const V one(T(1)), none(T(0)), least(t);
  V count(T(0));
  for (std::size_t i = 0; i < n; i += N) {
    const V v = simd::load_some<V>(x + i, n - i < N ? n - i : N, -infinity<T>);
    count += above ? select(v > least, one, none) : select(v >= least, one, none);
  }
  // -inf behind the end counts where everything does
  const auto found = static_cast<std::size_t>(reduce(count, simd::plus));
  return found < n ? found : n;
}

template <class T>
[[gnu::noinline]] DANAUS_KERNEL T minimum_of(const T* x, std::size_t n) noexcept {
  using V = simd::native<T>;
  V least(infinity<T>);
  simd::parts<T>(
      n, [&](std::size_t i, std::size_t some) { least = min(least, simd::load_some<V>(x + i, some, infinity<T>)); });
  return reduce(least, [](auto a, auto b) { return min(a, b); });
}

/// The k-th largest of n >= k numbers without a NaN, by halving the integers between the least and the largest: at most
/// 32 (64) sweeps, nothing moves. Where k numbers are found not to be below it, something between the k-th and the
/// next.
template <class T>
[[gnu::noinline]] DANAUS_KERNEL T kth_largest(const T* x, std::size_t n, std::size_t k, T largest) noexcept {
  using I = simd::integer_of<T>;
  I from = order_of<T>(minimum_of(x, n)), to = order_of<T>(largest);
  while (from < to) {
    const I middle = static_cast<I>((from >> 1) + (to >> 1) + ((from | to) & 1));  // their mean, rounded up
    const std::size_t count = count_from(x, n, number_at<T>(middle), false);
    if (count < k) {
      to = middle - 1;
    } else {
      from = middle;
    }
  }
  return number_at<T>(from);
}

/// What is kept of a row: all above t, and of those equal to it the first `ties`. Scores are taken less `shift`.
template <class T>
struct Kept {
  T t, shift, maximum;
  std::size_t ties;
};

/// Exponentials of the kept elements times `share`, 0 elsewhere.
template <class T>
DANAUS_INLINE void emit_kept(const Softening<T>& soft, const Candidates<T>& c, Kept<T> kept, double share, const T* x,
                             T* y, std::size_t n) noexcept {
  using V = simd::native<T>;
  const V t(kept.t), shift(kept.shift), m(kept.maximum), none(T(0)), factor(static_cast<T>(share));
  const V top = soft.top(m), floor = m - V(soft.depth);
  std::size_t left = kept.ties;
  emit(c, x, y, n, [&](V v) {
    const V e = soft(v - shift, floor, top) * factor;
    const V equal = select(v == t, e, none);
    V taken = select(v > t, e, none);
    if (any_above(equal, none)) {  // few registers hold one: the first ones are taken
      T lanes[V::size()];
      simd::store(equal, lanes);
      for (T& lane : lanes) {
        if (lane > T(0) && left > 0) {
          --left;
        } else {
          lane = T(0);
        }
      }
      taken += simd::load<V>(lanes);
    }
    return taken;
  });
}

/// Leaves exactly k values: those above the k-th largest, and of its own kind as many as are missing.
template <class T>
DANAUS_INLINE T keep_largest(Candidates<T>& c, std::size_t k) noexcept {
  const T t = kth_largest(c.values, c.count, k, c.maximum);
  prune(c, t);
  while (c.count < k) c.values[c.count++] = t;
  return t;
}

/// A row of which some scores are +inf: equal shares to the first `k` of them.
template <class T>
[[gnu::noinline, gnu::cold]] DANAUS_KERNEL void emit_odd_kept(const T* x, T* y, std::size_t n, std::size_t k) noexcept {
  emit_odd(x, y, n);
  std::size_t found = 0;
  for (std::size_t i = 0; i < n; ++i) found += y[i] > T(0) ? 1 : 0;
  const T share = T(1) / static_cast<T>(found < k ? found : k);
  for (std::size_t i = 0, left = k; i < n; ++i) {
    if (!(y[i] > T(0))) continue;
    y[i] = left > 0 ? share : T(0);
    left -= left > 0 ? 1 : 0;
  }
}

/// softmax over the k largest scores of each row, 0 elsewhere; of equal scores the one with the lower index is kept.
/// One read: a buffer of candidates above the k-th largest so far is thinned whenever it is full.
template <class T>
DANAUS_KERNEL void topk_rows(const SimplexParameters& p, const ScoreRows<T>& rows, Workspace scratch) noexcept {
  using V = simd::native<T>;
  constexpr std::size_t N = V::size(), wide = group<T>;
  const Softening<T> soft(p.scale);
  const std::size_t n = rows.n, k = p.count < n ? p.count : n;
  const std::size_t room = std::min(n, std::max<std::size_t>(4 * k, 512) + wide);
  for (std::size_t r = 0; r < rows.rows; ++r) {
    const T* const x = rows.x(r);
    Workspace own = scratch;
    Candidates<T> c = candidate_space<T>(own, n);
    T t = -infinity<T>;
    for (std::size_t b = 0; b < n && !c.odd; b += simplex_block) {
      const std::size_t end = b + simplex_block < n ? b + simplex_block : n;
      const Extreme<T> here = extreme(x + b, end - b);
      c.odd = here.maximum == infinity<T> || (here.sum != here.sum && any_nan(x + b, end - b));
      if (here.maximum > c.maximum) c.maximum = here.maximum;
      if (!(here.maximum > t)) continue;
      for (std::size_t i = b; i < end; i += wide) {
        const std::size_t last = i + wide < end ? i + wide : end, before = c.count;
        if (last == i + wide) {
          V most = simd::load<V>(x + i);
          for (std::size_t j = N; j < wide; j += N) most = max(most, simd::load<V>(x + i + j));
          if (!any_above(most, V(t))) continue;
        }
        for (std::size_t j = i; j < last; j += N) {
          const std::size_t some = last - j < N ? last - j : N;
          c.count += store_above(simd::load_some<V>(x + j, some, -infinity<T>), V(t), c.values + c.count);
        }
        if (c.count > before) c.groups[c.hits++] = static_cast<std::uint32_t>(i / wide);
        if (c.count > room - wide && c.count > k && last < n) t = keep_largest(c, k);
      }
    }
    if (c.odd || !(c.maximum > -infinity<T>)) {
      emit_odd_kept(x, rows.y(r), n, k);
      continue;
    }
    if (c.count > k) t = keep_largest(c, k);
    Kept<T> kept{t, T(0), c.maximum, c.count - count_from(c.values, c.count, t, true)};
    if (!soft.takes(c.maximum)) {
      shifted(c.values, c.values, c.count, c.maximum);
      kept.shift = c.maximum;
      kept.maximum = T(0);
    }
    double sum = 0;
    const T top = soft.top(V(kept.maximum)).v[0];
    for (std::size_t i = 0; i < c.count; i += simplex_block) {
      const std::size_t some = c.count - i < simplex_block ? c.count - i : simplex_block;
      sum += static_cast<double>(exponentials<Use::sum>(soft, c.values + i, c.values, some, kept.maximum, top));
    }
    emit_kept(soft, c, kept, 1 / sum, x, rows.y(r), n);
  }
}

/// softmax over the smallest set of largest scores that has at least the share `mass` of the whole, 0 elsewhere; of
/// equal scores those with lower indices first. The threshold by halving as of kth_largest, with exponentials for
/// weights, over what is still undecided: expected linear time, at most 64 sweeps.
template <class T>
DANAUS_KERNEL void nucleus_rows(const SimplexParameters& p, const ScoreRows<T>& rows, Workspace scratch) noexcept {
  using V = simd::native<T>;
  using I = simd::integer_of<T>;
  constexpr std::size_t N = V::size();
  const Softening<T> soft(p.scale);
  const std::size_t n = rows.n;
  for (std::size_t r = 0; r < rows.rows; ++r) {
    const T* const x = rows.x(r);
    const T high = maximum_of(x, n);
    if (!(high > -infinity<T>) || high == infinity<T> || any_nan(x, n)) {
      emit_odd_kept(x, rows.y(r), n, n);
      continue;
    }
    Workspace own = scratch;
    Candidates<T> c = candidate_space<T>(own, n);
    for (std::size_t i = 0; i * group<T> < n; ++i) c.groups[c.hits++] = static_cast<std::uint32_t>(i);
    const T shift = soft.takes(high) ? T(0) : high;
    const V m(high - shift), top = soft.top(m), floor = m - V(soft.depth), none(T(0));
    const auto weigh = [&](T least) {  // the mass of the undecided that are not below
      double sum = 0;
      for (std::size_t b = 0; b < c.count; b += simplex_block) {
        const std::size_t end = b + simplex_block < c.count ? b + simplex_block : c.count;
        V part(T(0));
        for (std::size_t i = b; i < end; i += N) {
          const V v = simd::load_some<V>(c.values + i, end - i < N ? end - i : N, -infinity<T>);
          part += select(v >= V(least), soft(v - V(shift), floor, top), none);
        }
        sum += static_cast<double>(reduce(part, simd::plus));
      }
      return sum;
    };
    std::memcpy(c.values, x, n * sizeof(T));
    c.count = n;
    c.maximum = high;
    const double target = p.mass * weigh(-infinity<T>);
    double above = 0;
    I from = order_of<T>(minimum_of(x, n)), to = order_of<T>(high);
    while (from < to) {
      const I middle = static_cast<I>((from >> 1) + (to >> 1) + ((from | to) & 1));
      const T here = number_at<T>(middle);
      const double mass = weigh(here);
      if (above + mass >= target) {
        from = middle;
        prune(c, number_at<T>(middle - 1));
      } else {
        to = middle - 1;
        above += mass;
        std::size_t left = 0;
        for (std::size_t i = 0; i < c.count; i += N) {  // those below stay undecided
          const std::size_t some = c.count - i < N ? c.count - i : N;
          T* const place = c.values + left;
          const V v = simd::load_some<V>(c.values + i, some, infinity<T>);
          const std::size_t stored = store_above(-v, V(-here), place);
          simd::store(-simd::load<V>(place), place);
          left += stored;
        }
        c.count = left;
      }
    }
    const T t = number_at<T>(from);
    const double each = static_cast<double>(soft(V(t - shift), floor, top).v[0]);
    const double some = each > 0 ? std::ceil((target - above) / each) : 1;
    const std::size_t ties = some < 1 ? 1 : some < static_cast<double>(n) ? static_cast<std::size_t>(some) : n;
    const std::size_t there = count_from(x, n, t, false) - count_from(x, n, t, true);
    const Kept<T> kept{t, shift, high - shift, ties < there ? ties : there};
    emit_kept(soft, c, kept, 1 / (above + static_cast<double>(kept.ties) * each), x, rows.y(r), n);
  }
}

}  // namespace DANAUS_ISA
}  // namespace danaus
