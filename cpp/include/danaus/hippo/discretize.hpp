// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <complex>
#include <cstddef>
#include <limits>
#include <span>
#include <string>

#include <danaus/hippo/rules.hpp>
#include <danaus/linalg/exponential.hpp>

// Set-up in double precision: systems in discrete time, x <- ad x + bd u.
namespace danaus {

/// The system `rule` makes of the diagonal one a, b (n,): ad, bd (n,), which may be a, b. singular where 1 - after a
/// is 0 or a pole at rest is held for ever, not_converged where the result is not finite. Each entry to a few units in
/// the last place; bd by expm1, so that it keeps its digits at any dt.
template <class T>
[[nodiscard]] Outcome discretize(std::span<const T> a, std::span<const T> b, const StepRule& rule, std::span<T> ad,
                                 std::span<T> bd) noexcept {
  DANAUS_EXPECTS(b.size() == a.size() && ad.size() == a.size() && bd.size() == a.size());
  if (!rule.exact && !std::isfinite(rule.input)) return Outcome::not_converged;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const T pole = a[i], gain = b[i];
    if (rule.exact && std::isinf(rule.input)) {
      if (pole == T(0)) return Outcome::singular;
      ad[i] = 0;
      bd[i] = -gain / pole;
    } else if (rule.exact) {
      const Complex z = rule.input * Complex(pole), held = rule.input * expm1_over(z);
      ad[i] = std::exp(rule.input * pole);
      if constexpr (std::is_same_v<T, double>)
        bd[i] = held.real() * gain;
      else
        bd[i] = held * gain;
    } else {
      const T below = 1.0 - rule.after * pole;
      if (below == T(0)) return Outcome::singular;
      ad[i] = (1.0 + rule.before * pole) / below;
      bd[i] = rule.input * gain / below;
    }
    if (!std::isfinite(std::abs(ad[i])) || !std::isfinite(std::abs(bd[i]))) return Outcome::not_converged;
  }
  return Outcome::ok;
}

/// The system `rule` makes of the dense one a (n, n), b (n,): ad (n, n), bd (n,), row-major; they may be a, b. The
/// outcomes are those of a diagonal one; singular also where I - after A has a condition number above 1e15. The error
/// of an exact step relative to the larger of |ad| and 1 is at most about 1e-16 (1 + |A| dt) in the 1-norm, that of
/// rounding A (LegS, N = 1024, |A| dt = 1e4: 4e-13); not_converged where |A| dt > 1e12, which leaves no digits. 26 n^3
/// flops for an exact step and 2 n^3 more each time |A| dt doubles beyond 5; 3 n^3 for the others.
template <class T>
[[nodiscard]] Outcome discretize(View<const T, 2> a, std::span<const T> b, const StepRule& rule, View<T, 2> ad,
                                 std::span<T> bd) {
  using RowMajor = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  using Vector = Eigen::Matrix<T, Eigen::Dynamic, 1>;
  const auto n = static_cast<Eigen::Index>(b.size());
  DANAUS_EXPECTS(a.extent(0) == b.size() && a.extent(1) == b.size() && bd.size() == b.size());
  DANAUS_EXPECTS(a.stride(0) == b.size() && ad.stride(0) == b.size());
  if (!rule.exact && !std::isfinite(rule.input)) return Outcome::not_converged;
  Dense<T> m = Eigen::Map<const RowMajor>(a.data_handle(), n, n);
  Vector in = Eigen::Map<const Vector>(b.data(), n);
  const auto solvable = [](const Eigen::PartialPivLU<Dense<T>>& lu) { return lu.rcond() > 1e-15; };
  if (rule.exact && std::isinf(rule.input)) {
    const Eigen::PartialPivLU<Dense<T>> lu(m);
    if (!solvable(lu)) return Outcome::singular;
    in = lu.solve(-in).eval();
    m.setZero();
  } else if (rule.exact) {
    m *= rule.input;
    in *= rule.input;
    if (!exponential(m, in)) return Outcome::not_converged;
  } else {
    const Dense<T> one = Dense<T>::Identity(n, n);
    in *= rule.input;
    if (rule.after == 0) {
      m = one + rule.before * m;
    } else {
      const Eigen::PartialPivLU<Dense<T>> lu(one - rule.after * m);
      if (!solvable(lu)) return Outcome::singular;
      m = lu.solve(one + rule.before * m).eval();
      in = lu.solve(in).eval();
    }
  }
  Eigen::Map<RowMajor>(ad.data_handle(), n, n) = m;
  Eigen::Map<Vector>(bd.data(), n) = in;
  return m.allFinite() && in.allFinite() ? Outcome::ok : Outcome::not_converged;
}

}  // namespace danaus
