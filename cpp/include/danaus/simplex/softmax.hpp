// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/simplex/softmax_block.hpp>

namespace danaus {
inline namespace DANAUS_ISA {

/// Rows from this many bytes on are read twice and written once, past the caches.
inline constexpr std::size_t softmax_past_cache = std::size_t(16) << 20;

/// A long row by blocks: the exponentials of each are relative to the largest exponent so far, so that a block is
/// rescaled by an exact power of two; sums of blocks in double. False where the row must be shifted first; nothing of x
/// is lost then. `known`: the row's maximum, or NaN where it must be found on the way, which needs x and y apart.
template <class T>
[[gnu::noinline]] DANAUS_KERNEL bool softmax_blocks(const Softening<T>& soft, const T* x, T* y, std::size_t n, T known,
                                                    T sink, double* tops) noexcept {
  using V = simd::native<T>;
  const bool found = known == known, streamed = n * sizeof(T) >= softmax_past_cache && x != y;
  T maximum = found ? known : sink;
  bool any = maximum > -infinity<T>;
  V top = any ? soft.top(V(maximum)) : V(T(0));
  double sum = 0;
  for (std::size_t b = 0, i = 0; i < n; i += simplex_block, ++b) {
    const std::size_t count = n - i < simplex_block ? n - i : simplex_block;
    if (!found) {
      const T here = maximum_of(x + i, count);
      if (here > maximum || !any) {
        if (!soft.takes(here)) return false;
        const V higher = soft.top(V(here));
        if (any) sum *= power_of_two(static_cast<double>(top.v[0]) - static_cast<double>(higher.v[0]));
        maximum = here;
        top = higher;
        any = true;
      }
    }
    tops[b] = static_cast<double>(top.v[0]);
    sum += static_cast<double>(streamed ? exponentials<Use::sum>(soft, x + i, y, count, maximum, top.v[0])
                                        : exponentials<Use::keep>(soft, x + i, y + i, count, maximum, top.v[0]));
  }
  const double last = static_cast<double>(top.v[0]);
  if (sink > -infinity<T>) {
    sum += static_cast<double>(soft(V(sink), V(maximum - soft.depth), top).v[0]);
  }
  const double share = 1 / sum;
  if (!streamed) {
    for (std::size_t b = 0, i = 0; i < n; i += simplex_block, ++b) {
      const std::size_t count = n - i < simplex_block ? n - i : simplex_block;
      if (sum < 1.5) {
        divide_block(y + i, count, static_cast<T>(sum * power_of_two(last - tops[b])));
      } else {
        scaled(y + i, count, static_cast<T>(share * power_of_two(tops[b] - last)));
      }
    }
    return true;
  }
  const V floor(maximum - soft.depth), factor(static_cast<T>(share));
  std::size_t i = 0;
  const auto value = [&](std::size_t at, std::size_t count) {
    return soft(simd::load_some<V>(x + at, count, T(0)), floor, top) * factor;
  };
  const std::size_t ahead = (~reinterpret_cast<std::uintptr_t>(y) + 1) % sizeof(V) / sizeof(T);
  if (ahead > 0) simd::store_part(value(0, ahead), y, i = ahead);
  constexpr std::size_t N = V::size();
  for (; i + 4 * N <= n; i += 4 * N) {
    simd::unrolled<4>([&](auto j) { simd::store_past_cache(value(i + j * N, N), y + i + j * N); });
  }
  for (; i < n; i += N) {
    const std::size_t count = n - i < N ? n - i : N;
    simd::store_some(value(i, count), y + i, count);
  }
  simd::settle();
  return true;
}

/// softmax of a row that a block holds: three passes in the first cache. False as above.
template <class T>
DANAUS_INLINE bool softmax_short(const Softening<T>& soft, const T* x, T* y, std::size_t n, T sink) noexcept {
  using V = simd::native<T>;
  V m = row_maximum<V>(x, n);
  if (sink > -infinity<T>) m = max(m, V(sink));
  if (!soft.takes(m.v[0])) return false;
  const V top = soft.top(m);
  V sum = block_exponentials<Use::keep>(soft, x, y, n, m, top);
  if (sink > -infinity<T>) sum += soft(V(sink), m - V(soft.depth), top);
  if (sum.v[0] < T(1.5)) {
    divide_block(y, n, sum.v[0]);
  } else {
    scale_block(y, y, n, V(T(1) / sum.v[0]));
  }
  return true;
}

template <class T>
[[gnu::noinline, gnu::cold]] DANAUS_KERNEL void softmax_odd(const Softening<T>& soft, const T* x, T* y, std::size_t n,
                                                            T sink, double* tops) noexcept {
  if (sink != sink) return fill(y, n, sink);
  const T high = maximum_of(x, n);
  switch (any_nan(x, n) ? Odd::nan : sink > high ? Odd::large : settle_odd_row(x, y, n, true)) {
    case Odd::nan:
      return fill(y, n, std::numeric_limits<T>::quiet_NaN());
    case Odd::nothing:
      return fill(y, n, T(0));
    case Odd::infinite:
      if (sink == infinity<T>) {  // one more that is infinite
        T share = 0;
        for (std::size_t i = 0; i < n; ++i) share = y[i] > share ? y[i] : share;
        return scaled(y, n, T(1) / (T(1) + share));
      }
      break;
    case Odd::large: {
      if (sink == infinity<T>) return fill(y, n, T(0));
      const T most = sink > high ? sink : high;
      shifted(x, y, n, most);
      softmax_blocks(soft, y, y, n, T(0), sink - most, tops);
      break;
    }
  }
}

/// y_i = e^(s x_i) / (e^(s c) + sum_j e^(s x_j)), s the scale, c the sink where there is one (`other`, one a row; no
/// term without). The exponents n_i = round(s x_i log2 e) are subtracted as integers, which is exact, never the
/// scores: relative error <= 8 2^-24 (float) or 8 2^-53 for every result above 1e-37 and rows of any length.
/// Rows without a finite score give zeros, rows with +inf its limit, rows with NaN NaN.
template <class T>
DANAUS_KERNEL void softmax_rows(const SimplexParameters& p, const ScoreRows<T>& rows, Workspace scratch) noexcept {
  const Softening<T> soft(p.scale);
  double* const tops = scratch.take<double>(rows.n / simplex_block + 2);
  for (std::size_t r = 0; r < rows.rows; ++r) {
    const T* const x = rows.x(r);
    T* const y = rows.y(r);
    const T sink = p.sink ? *rows.g(r) : -infinity<T>;
    bool done = false;
    if (sink != sink) {
      done = false;
    } else if (rows.n <= simplex_block) {
      done = softmax_short(soft, x, y, rows.n, sink);
    } else if (x != y) {
      done = softmax_blocks(soft, x, y, rows.n, std::numeric_limits<T>::quiet_NaN(), sink, tops);
    } else {
      const T high = maximum_of(x, rows.n), m = sink > high ? sink : high;
      done = soft.takes(m) && softmax_blocks(soft, x, y, rows.n, m, sink, tops);
    }
    if (!done) softmax_odd(soft, x, y, rows.n, sink, tops);
  }
}

}  // namespace DANAUS_ISA
}  // namespace danaus
