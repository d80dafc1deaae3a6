// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/simplex/candidates.hpp>

namespace danaus {
inline namespace DANAUS_ISA {

/// beta = alpha - 1 and the power 1 / beta of entmax.
template <class T>
struct Entmax {
  double beta, power;
  T reach;  // nothing that far below the maximum is in the support

  DANAUS_INLINE explicit Entmax(double alpha) noexcept
      : beta(alpha - 1), power(1 / beta), reach(static_cast<T>(power < 1e30 ? power : 1e30)) {}

  /// log d and d itself for d = 1 + beta u, and where it is positive; elsewhere d = 1.
  template <class V>
  DANAUS_INLINE auto logarithm(V u, V& d) const noexcept {
    const V b(static_cast<T>(beta));
    const auto in = fma(u, b, V(T(1))) > V(T(0));
    u = select(in, u, V(T(0)));
    d = fma(u, b, V(T(1)));
    return std::pair(simd::log1p(u * b), in);
  }
  template <class V>
  DANAUS_INLINE V exponential(V y) const noexcept {
    constexpr T least = sizeof(T) == 4 ? T(-200) : T(-1500);
    return simd::exp2_below(max(V(least), y), simd::Exponent<T>::of(1.0), V(T(0)));
  }
};

/// sum d^p, d^(p - 1), d^(p - 2) for d = 1 + beta (value - maximum - shift) > 0.
struct PowerSums {
  double s, q, r;
};
template <class T>
[[gnu::noinline]] DANAUS_KERNEL PowerSums power_sums(const Candidates<T>& c, const Entmax<T>& e, T shift) noexcept {
  using V = simd::native<T>;
  constexpr std::size_t N = V::size();
  const V m(c.maximum), scale(static_cast<T>(c.scale)), lambda(shift), lower(static_cast<T>(e.power - 2)), none(T(0));
  PowerSums total{0, 0, 0};
  for (std::size_t b = 0; b < c.count; b += 16 * N) {
    const std::size_t end = b + 16 * N < c.count ? b + 16 * N : c.count;
    V s(T(0)), q = s, r = s;
    for (std::size_t i = b; i < end; i += N) {
      const std::size_t some = end - i < N ? end - i : N;
      V d;
      const auto [log, in] =
          e.logarithm((simd::load_some<V>(c.values + i, some, -infinity<T>) - m) * scale - lambda, d);
      const V w2 = select(in, e.exponential(log * lower), none), w1 = w2 * d;
      r += w2;
      q += w1;
      s = fma(w1, d, s);
    }
    total.s += static_cast<double>(reduce(s, simd::plus));
    total.q += static_cast<double>(reduce(q, simd::plus));
    total.r += static_cast<double>(reduce(r, simd::plus));
  }
  return total;
}

/// lambda with F = sum_i (1 + beta (z_i - lambda))_+^(1 / beta) = 1 for z = scale (value - maximum), and F as it is
/// there. Halley's iteration on F^beta - 1, which is convex and nearly linear for beta <= 1, inside a bracket that is
/// halved where a step leaves it: 3 to 6 sums. In lambda, not in the threshold -1 + beta lambda, so that beta -> 0 is
/// smooth.
template <class T>
DANAUS_INLINE std::pair<T, double> entmax_shift(Candidates<T>& c, const Entmax<T>& e) noexcept {
  constexpr double near = sizeof(T) == 4 ? 5e-7 : 4e-15;
  double low = 0, high = -std::expm1(-e.beta * std::log(static_cast<double>(c.count))) / e.beta, at = 0;
  for (int round = 0;; ++round) {
    const T shift = static_cast<T>(at);
    const PowerSums f = power_sums(c, e, shift);
    if (!(std::fabs(f.s - 1) > near) || round == 120) return {shift, f.s};
    (f.s > 1 ? low : high) = at;
    const double h = std::expm1(e.beta * std::log(f.s)), norm = 1 + h;
    const double slope = -norm * f.q / f.s;
    const double bend = e.beta < 0.02 ? 0 : (e.power - 1) * norm / f.s * (f.r - f.q * f.q / f.s);
    const double below = 2 * slope * slope - h * bend;
    double next = at - e.power * (below > 0 ? 2 * h * slope / below : h / slope);
    if (!(next > low && next < high)) next = at - e.power * h / slope;
    if (!(next > low && next < high) || round > 20) next = 0.5 * (low + high);
    if (static_cast<T>(next) == shift) return {shift, f.s};
    at = next;
    if (round < 4 && c.count > 256 && low > 0) prune(c, just_below(c.maximum, (low - e.power) / c.scale));
  }
}

/// y_i = (1 + (alpha - 1) (x_i - maximum - lambda))_+^(1 / (alpha - 1)), alpha-entmax for any alpha > 1 (Peters,
/// Niculae & Martins 2019), divided by the sum that was measured: 1e-6 relative (float, alpha <= 2), 1e-14 (double).
/// Rows with +inf or without a finite score as of sparsemax.
template <class T>
DANAUS_KERNEL void entmax_rows(const SimplexParameters& p, const ScoreRows<T>& rows, Workspace scratch) noexcept {
  using V = simd::native<T>;
  const Entmax<T> e(p.alpha);
  for (std::size_t r = 0; r < rows.rows; ++r) {
    Workspace own = scratch;
    Candidates<T> c = candidate_space<T>(own, rows.n, p.scale);
    collect(rows.x(r), rows.n, e.reach, c);
    if (c.odd) {
      emit_odd(rows.x(r), rows.y(r), rows.n);
      continue;
    }
    const auto [shift, sum] = entmax_shift(c, e);
    const V m(c.maximum), scale(static_cast<T>(p.scale)), lambda(shift), power(static_cast<T>(e.power)),
        share(static_cast<T>(1 / sum));
    emit(c, rows.x(r), rows.y(r), rows.n, [&](V x) {
      V d;
      const auto [log, in] = e.logarithm((x - m) * scale - lambda, d);
      return select(in, e.exponential(log * power) * share, V(T(0)));
    });
  }
}

}  // namespace DANAUS_ISA
}  // namespace danaus
