// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

#include <danaus/simplex/candidates.hpp>

namespace danaus {
inline namespace DANAUS_ISA {

/// Once so many candidates are left, passes over them are cheaper than dropping some.
inline constexpr std::size_t few_candidates = 256;

/// tau with sum_i (z_i - tau)_+ = 1 for z = scale (value - maximum): tau <- (sum_{z > tau} z - 1) / count, which rises
/// from -1 to the solution and is exact once the count repeats (Michelot 1986). A round that drops little must be
/// followed by scores that lie closer by a factor: what digits there are bound the rounds (12 for normal scores, 2 for
/// equal ones).
template <class T>
DANAUS_INLINE double sparsemax_threshold(Candidates<T>& c) noexcept {
  double t = -1, last = 0;
  while (true) {
    const Moments m = moments(c, 1.0, t);
    const double next = (m.first - 1) / m.count;
    if (m.count == last || !(next > t)) return next > t ? next : t;
    t = next;
    last = m.count;
    if (c.count > few_candidates) prune(c, just_below(c.maximum, t / c.scale));
  }
}

/// t with sum_i (z_i - t)_+^2 = 1 for z = scale (value - maximum) / 2. With S = {z > t} for t below the solution, the
/// root of the quadratic through S is above the solution, and it is the solution if S does not shrink there; Newton's
/// step on the norm of (z - t)_+ stays below. So t rises until the certificate holds.
template <class T>
DANAUS_INLINE double entmax15_threshold(Candidates<T>& c) noexcept {
  double t = -1;
  while (true) {
    const Moments m = moments(c, 0.5, t);
    const double mean = m.first / m.count, room = (1 - (m.second - m.first * mean)) / m.count;
    if (room >= 0) {
      const double root = mean - std::sqrt(room);
      if (!(root > t) || moments(c, 0.5, root).count == m.count) return root > t ? root : t;
    }
    const double slope = m.first - m.count * t, sum = m.second - t * (m.first + slope), norm = std::sqrt(sum);
    const double next = t + (norm - 1) * norm / slope;
    if (!(next > t)) return t;
    t = next;
    if (c.count > few_candidates) prune(c, just_below(c.maximum, 2 * t / c.scale));
  }
}

/// y = (x - tau)_+, the Euclidean projection of scale x onto the simplex (Martins & Astudillo 2016): exact, tau in
/// double, in one read and one write of the row for usual scores.
template <class T>
DANAUS_KERNEL void sparsemax_rows(const SimplexParameters& p, const ScoreRows<T>& rows, Workspace scratch) noexcept {
  using V = simd::native<T>;
  for (std::size_t r = 0; r < rows.rows; ++r) {
    Workspace own = scratch;
    Candidates<T> c = candidate_space<T>(own, rows.n, p.scale);
    collect(rows.x(r), rows.n, T(1), c);
    if (c.odd) {
      emit_odd(rows.x(r), rows.y(r), rows.n);
      continue;
    }
    const double threshold = sparsemax_threshold(c);
    const V m(c.maximum), scale(static_cast<T>(p.scale)), t(static_cast<T>(threshold)),
        low(static_cast<T>(threshold - static_cast<double>(t.v[0])));
    emit(c, rows.x(r), rows.y(r), rows.n, [&](V x) { return max(V(T(0)), fma(x - m, scale, -t) - low); });
  }
}

/// y = (x / 2 - t)_+^2: entmax with alpha = 3 / 2 (Peters, Niculae & Martins 2019), exact as above.
template <class T>
DANAUS_KERNEL void entmax15_rows(const SimplexParameters& p, const ScoreRows<T>& rows, Workspace scratch) noexcept {
  using V = simd::native<T>;
  for (std::size_t r = 0; r < rows.rows; ++r) {
    Workspace own = scratch;
    Candidates<T> c = candidate_space<T>(own, rows.n, p.scale);
    collect(rows.x(r), rows.n, T(2), c);
    if (c.odd) {
      emit_odd(rows.x(r), rows.y(r), rows.n);
      continue;
    }
    const double threshold = entmax15_threshold(c);
    const V m(c.maximum), half(static_cast<T>(0.5 * p.scale)), t(static_cast<T>(threshold)),
        low(static_cast<T>(threshold - static_cast<double>(t.v[0])));
    emit(c, rows.x(r), rows.y(r), rows.n, [&](V x) {
      const V d = max(V(T(0)), fma(x - m, half, -t) - low);
      return d * d;
    });
  }
}

}  // namespace DANAUS_ISA
}  // namespace danaus
