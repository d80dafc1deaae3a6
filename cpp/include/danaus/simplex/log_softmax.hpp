// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/simplex/softmax_block.hpp>

namespace danaus {
inline namespace DANAUS_ISA {

/// log(sum_j e^(s x_j)) = s maximum + log1p(excess), excess = the sum over all but one largest, relative to it.
template <class T>
struct LogSum {
  T maximum;
  double excess;
};

/// As of softmax, in blocks. Where the sum turns out to be less than twice its largest term, the elements below the
/// maximum are summed alone, and these counted (`exact`): no digit of a sum just above 1 is lost. False where the row
/// must be shifted first.
template <class T>
[[gnu::noinline]] DANAUS_KERNEL bool log_sum(const Softening<T>& soft, const T* x, std::size_t n, T sink, bool exact,
                                             LogSum<T>& result) noexcept {
  using V = simd::native<T>;
  T maximum = sink;
  bool any = sink > -infinity<T>;
  V top = any ? soft.top(V(sink)) : V(T(0));
  const auto largest = [&] { return static_cast<double>(soft(V(maximum), V(maximum - soft.depth), top).v[0]); };
  double sum = any && !exact ? largest() : 0, equal = any ? 1 : 0;
  for (std::size_t i = 0; i < n; i += simplex_block) {
    const std::size_t count = n - i < simplex_block ? n - i : simplex_block;
    const T here = row_maximum<V>(x + i, count).v[0];
    if (!any && !(here > -infinity<T>)) {
      if (here != here || any_nan(x + i, count)) return false;
      continue;
    }
    if (!any || here > maximum) {
      if (!soft.takes(here)) return false;
      const V higher = soft.top(V(here));
      if (any) {
        if (exact) sum += equal * largest();
        sum *= power_of_two(static_cast<double>(top.v[0]) - static_cast<double>(higher.v[0]));
      }
      maximum = here;
      top = higher;
      any = true;
      equal = 0;
    }
    T* const nowhere = nullptr;
    if (!exact) {
      sum += static_cast<double>(block_exponentials<Use::sum>(soft, x + i, nowhere, count, V(maximum), top).v[0]);
      continue;
    }
    sum += static_cast<double>(exponentials<Use::others>(soft, x + i, nowhere, count, maximum, top.v[0]));
    if (here == maximum) {
      equal += static_cast<double>(count_equal(x + i, count, maximum));
    }
  }
  if (!any) return false;
  double rest = sum / largest();
  rest += exact ? equal - 1 : -1.0;
  if (!exact && rest < 1) return log_sum(soft, x, n, sink, true, result);
  result = {maximum, rest};
  return true;
}

/// The same for any row. Rows without a finite score: -inf, 0. With +inf: inf, their number less 1.
template <class T>
[[gnu::noinline, gnu::cold]] DANAUS_KERNEL LogSum<T> log_sum_odd(const Softening<T>& soft, const T* x, T* spare,
                                                                 std::size_t n, T sink) noexcept {
  if (sink != sink || any_nan(x, n)) return {std::numeric_limits<T>::quiet_NaN(), 0};
  const T high = maximum_of(x, n), most = sink > high ? sink : high;
  if (!(most > -infinity<T>)) return {most, 0};
  if (most == infinity<T>) {
    double count = sink == most ? 1 : 0;
    for (std::size_t i = 0; i < n; ++i) count += x[i] == most ? 1 : 0;
    return {most, count - 1};
  }
  shifted(x, spare, n, most);
  LogSum<T> result{};
  log_sum(soft, spare, n, sink - most, false, result);
  return {most, result.excess};
}

/// Rows whose logarithms are taken at once: one after the other each would wait for its own.
inline constexpr std::size_t log_sums_together = 16;

/// How many of them, so that scores are still in the first cache when results are written.
DANAUS_INLINE constexpr std::size_t log_sums_at_once(std::size_t n) noexcept {
  return n <= 256 ? log_sums_together : n < 4096 ? 4096 / n : 1;
}

/// maximum and log1p(excess) of up to 16 rows from row `first`, whose results of `columns` will be written soon. Rows
/// that a block holds and that need no care leave their sum, for all of which the largest term and the quotient are
/// then taken together.
template <class T>
DANAUS_INLINE void log_sums(const Softening<T>& soft, bool sinks, const ScoreRows<T>& rows, std::size_t first,
                            std::size_t some, std::size_t columns, T* spare, T* maximum, double* rest) noexcept {
  using V = simd::native<T>;
  using D = simd::native<double>;
  T sums[log_sums_together], largest[log_sums_together];
  const auto carefully = [&](std::size_t r, bool exact) {
    const T* const x = rows.x(first + r);
    const T sink = sinks ? *rows.g(first + r) : -infinity<T>;
    LogSum<T> sum{T(0), 0};
    if (sink != sink || !log_sum(soft, x, rows.n, sink, exact, sum)) sum = log_sum_odd(soft, x, spare, rows.n, sink);
    maximum[r] = sum.maximum;
    rest[r] = sum.excess;
  };
  for (std::size_t r = 0; r < log_sums_together; ++r) {
    sums[r] = maximum[r] = T(0);
    rest[r] = 0;
    if (r >= some) continue;
    const T* const x = rows.x(first + r);
    const V m = sinks || rows.n > simplex_block ? V(infinity<T>) : row_maximum<V>(x, rows.n);
    if (soft.takes(m.v[0])) {
      maximum[r] = m.v[0];
      for (std::size_t i = 0; i < columns; i += cache_line / sizeof(T)) simd::prefetch_to_write(rows.y(first + r) + i);
      sums[r] = block_exponentials<Use::sum>(soft, x, static_cast<T*>(nullptr), rows.n, m, soft.top(m)).v[0];
    } else {
      carefully(r, false);
    }
  }
  for (std::size_t r = 0; r < log_sums_together; r += V::size()) {
    const V m = simd::load<V>(maximum + r);
    simd::store(soft(m, m - V(soft.depth), soft.top(m)), largest + r);
  }
  for (std::size_t r = 0; r < some; ++r) {
    if (sums[r] == T(0)) continue;
    rest[r] = static_cast<double>(sums[r]) / static_cast<double>(largest[r]) - 1;
    if (rest[r] < 1) carefully(r, true);
  }
  for (std::size_t r = 0; r < log_sums_together; r += D::size()) {
    const D excess = simd::load<D>(rest + r);
    simd::store(select(excess == excess, log1p(excess), excess), rest + r);
  }
}

/// y_i = s x_i - log(sum_j e^(s x_j)) = s (x_i - m) - log1p(...): relative error <= 1e-6 (float) however small the
/// result is. A sink takes part in the sum. Rows without a finite score: -inf everywhere.
template <class T>
DANAUS_KERNEL void log_softmax_rows(const SimplexParameters& p, const ScoreRows<T>& rows, Workspace scratch) noexcept {
  using V = simd::native<T>;
  constexpr std::size_t N = V::size();
  const Softening<T> soft(p.scale);
  T* const spare = scratch.take<T>(rows.n);
  const std::size_t together = log_sums_at_once(rows.n);
  T maxima[log_sums_together];
  double rests[log_sums_together];
  for (std::size_t r = 0; r < rows.rows; ++r) {
    const std::size_t j = r % together;
    if (j == 0)
      log_sums(soft, p.sink, rows, r, rows.rows - r < together ? rows.rows - r : together, rows.n, spare, maxima,
               rests);
    const T* const x = rows.x(r);
    T* const y = rows.y(r);
    const V m(maxima[j]), scale(soft.scale), rest(static_cast<T>(rests[j]));
    if (maxima[j] == infinity<T>) {
      simd::parts<T>(rows.n, [&](std::size_t i, std::size_t some) {
        const V v = simd::load_some<V>(x + i, some, T(0));
        simd::store_some(select(v == m, -rest, V(-infinity<T>)), y + i, some);
      });
    } else if (maxima[j] == -infinity<T>) {
      fill(y, rows.n, -infinity<T>);
    } else {
      std::size_t i = 0;
      for (; i + 4 * N <= rows.n; i += 4 * N) {
        simd::unrolled<4>(
            [&](auto k) { simd::store(fma(simd::load<V>(x + i + k * N) - m, scale, -rest), y + i + k * N); });
      }
      for (; i < rows.n; i += N) {
        const std::size_t some = rows.n - i < N ? rows.n - i : N;
        simd::store_some(fma(simd::load_some<V>(x + i, some, T(0)) - m, scale, -rest), y + i, some);
      }
    }
  }
}

/// y = (maximum, rest) of each row: s maximum + rest is the logarithm of the sum.
template <class T>
DANAUS_KERNEL void log_sum_rows(const SimplexParameters& p, const ScoreRows<T>& rows, Workspace scratch) noexcept {
  const Softening<T> soft(p.scale);
  T* const spare = scratch.take<T>(rows.n);
  const std::size_t together = log_sums_at_once(rows.n);
  T maxima[log_sums_together];
  double rests[log_sums_together];
  for (std::size_t r = 0; r < rows.rows; ++r) {
    const std::size_t j = r % together;
    if (j == 0)
      log_sums(soft, p.sink, rows, r, rows.rows - r < together ? rows.rows - r : together, 0, spare, maxima, rests);
    rows.y(r)[0] = maxima[j];
    rows.y(r)[1] = static_cast<T>(rests[j]);
  }
}

}  // namespace DANAUS_ISA
}  // namespace danaus
