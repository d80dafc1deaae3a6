// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/simplex/softmax_block.hpp>

namespace danaus {
inline namespace DANAUS_ISA {

/// A number in (0, 1) that depends on its place alone: SplitMix64's mixing (Steele et al. 2014) of key and counters, so
/// that results are the same in any order and with any number of threads.
DANAUS_INLINE double uniform(std::uint64_t key, std::uint64_t row, std::uint64_t place) noexcept {
  std::uint64_t z = key;
  for (const std::uint64_t word : {row, place}) {
    z += (word + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
  }
  return (static_cast<double>(z >> 12) + 0.5) * 0x1p-52;
}

/// The first i with e_0 + ... + e_i > u, among n > 0 elements not all 0: one that is not 0.
template <class T>
[[gnu::noinline]] DANAUS_KERNEL std::size_t first_beyond(const T* e, std::size_t n, double u) noexcept {
  using V = simd::native<T>;
  constexpr std::size_t N = V::size();
  std::size_t i = 0, last = 0;
  for (; i < n; i += N) {
    const std::size_t some = n - i < N ? n - i : N;
    const double sum = static_cast<double>(reduce(simd::load_some<V>(e + i, some, T(0)), simd::plus));
    if (sum > 0) {
      last = i;
      if (sum > u) break;
    }
    u -= sum;
  }
  std::size_t chosen = last;
  for (i = last; i < n && i < last + N; ++i) {
    if (!(e[i] > T(0))) continue;
    chosen = i;
    u -= static_cast<double>(e[i]);
    if (u < 0) break;
  }
  return chosen;
}

/// One index a row with probability softmax(scale x), exactly and in one read: a block of the row is kept with its
/// share of the sum so far, then an element of it drawn: n / 2048 random numbers, nothing written. y = (block, place in
/// it); block = -1 for rows with NaN or without a finite score. Among +inf each is as likely.
template <class T>
DANAUS_KERNEL void sample_rows(const SimplexParameters& p, const ScoreRows<T>& rows, Workspace scratch) noexcept {
  using V = simd::native<T>;
  const Softening<T> soft(p.scale);
  T* const spare = scratch.take<T>(rows.n);
  for (std::size_t r = 0; r < rows.rows; ++r) {
    const T* x = rows.x(r);
    T* const y = rows.y(r);
    const std::uint64_t row = rows.first + r;
    bool odd = false;
    for (int attempt = 0; attempt < 2; ++attempt) {
      T maximum = -infinity<T>, top = 0, chosen_maximum = 0, chosen_top = 0;
      double sum = 0, chosen_sum = 0;
      std::size_t chosen = 0;
      odd = false;
      for (std::size_t b = 0, i = 0; i < rows.n; i += simplex_block, ++b) {
        const std::size_t count = rows.n - i < simplex_block ? rows.n - i : simplex_block;
        const T here = maximum_of(x + i, count);
        if (here > maximum) {
          if (!soft.takes(here)) {
            odd = true;
            break;
          }
          const T higher = soft.top(V(here)).v[0];
          if (maximum > -infinity<T>) sum *= power_of_two(static_cast<double>(top) - static_cast<double>(higher));
          maximum = here;
          top = higher;
        } else if (!(maximum > -infinity<T>)) {
          if (any_nan(x + i, count)) sum = std::numeric_limits<double>::quiet_NaN();
          continue;
        }
        const double mass = static_cast<double>(exponentials<Use::sum>(soft, x + i, spare, count, maximum, top));
        sum += mass;
        if (uniform(p.key, row, 2 * b) * sum < mass) {
          chosen = b;
          chosen_maximum = maximum;
          chosen_top = top;
          chosen_sum = mass;
        }
      }
      odd = odd || !(sum > 0);
      if (!odd) {
        const std::size_t i = chosen * simplex_block, count = rows.n - i < simplex_block ? rows.n - i : simplex_block;
        exponentials<Use::keep>(soft, x + i, spare, count, chosen_maximum, chosen_top);
        y[0] = static_cast<T>(chosen);
        y[1] = static_cast<T>(first_beyond(spare, count, uniform(p.key, row, 2 * chosen + 1) * chosen_sum));
        break;
      }
      const Odd what = attempt == 0 ? settle_odd_row(x, spare, rows.n, true) : Odd::nan;
      y[0] = T(-1);
      y[1] = T(0);
      if (what == Odd::infinite) {
        const std::size_t found = first_beyond(spare, rows.n, uniform(p.key, row, 1));
        y[0] = static_cast<T>(found / simplex_block);
        y[1] = static_cast<T>(found % simplex_block);
      }
      if (what != Odd::large) break;
      x = spare;  // shifted: a second attempt takes it
    }
  }
}

}  // namespace DANAUS_ISA
}  // namespace danaus
