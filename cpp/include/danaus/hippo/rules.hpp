// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include <danaus/core/complex.hpp>
#include <danaus/core/error.hpp>

// Set-up in double precision: how a step through time of x' = A x + B u, or of x' = (A x + B u) / t, is made.
namespace danaus {

/// One step under a constant u:  x <- (I - after A)^-1 ((I + before A) x + input B u);  or, where `exact`, the
/// solution of the equation after the time `input`, infinity for the state it comes to rest in.
struct StepRule {
  double before = 0, after = 0, input = 0;
  bool exact = false;
};

/// x' = A x + B u over dt by the generalised bilinear rule: forward Euler (alpha = 0), bilinear (1/2), backward
/// Euler (1).
constexpr StepRule bilinear_rule(double dt, double alpha = 0.5) noexcept {
  return {(1 - alpha) * dt, alpha * dt, dt, false};
}

/// x' = A x + B u over dt with u held: exact.
constexpr StepRule hold_rule(double dt) noexcept {
  return {0, 0, dt, true};
}

/// log(t1 / t0) of nearby times without cancellation, infinity at t0 = 0.
inline double log_ratio(double t0, double t1) noexcept {
  const double share = (t1 - t0) / t0;
  return share < 1 ? std::log1p(share) : std::log(t1) - std::log(t0);
}

/// How x' = (A x + B u) / t goes from t0 to t1, 0 <= t0 < t1, with u held between.
///   zoh             exact: x' = A x + B u in the time log t. At t0 = 0 the state of rest, -A^-1 B u
///   bilinear        the bilinear rule in log t, dt = log(t1 / t0)
///   hippo_bilinear  the bilinear rule with 1 / t at the middle, dt = 2 (t1 - t0) / (t0 + t1). The A / k on both sides
///                   of published code is t0 = k - 1/2, t1 = k + 1/2: its samples are centred, u_k on [k - 1/2, k +
///                   1/2)
///   kexue_bilinear  1 / t at either end: before = (t1 - t0) / (2 t0), after = (t1 - t0) / (2 t1), input
///                   (t1 - t0) / t0 (Su Jianlin, kexue.fm 10137)
///   forward_euler   dt = (t1 - t0) / t0, I + A / k at t0 = k (Gu et al. 2020, theorem 2)
///   backward_euler  dt = (t1 - t0) / t1
///   gbt             the generalised bilinear rule in log t, dt = log(t1 / t0)
enum class ScaleMethod : unsigned char {
  zoh,
  bilinear,
  hippo_bilinear,
  kexue_bilinear,
  forward_euler,
  backward_euler,
  gbt
};

/// That step as a rule for (A, B); `alpha` is read by gbt.
inline StepRule scale_rule(ScaleMethod method, double t0, double t1, double alpha = 0.5) noexcept {
  const double passed = t1 - t0;
  switch (method) {
    case ScaleMethod::zoh:
      return hold_rule(log_ratio(t0, t1));
    case ScaleMethod::hippo_bilinear:
      return bilinear_rule(passed / (0.5 * t0 + 0.5 * t1));
    case ScaleMethod::kexue_bilinear:
      return {0.5 * passed / t0, 0.5 * passed / t1, passed / t0, false};
    case ScaleMethod::forward_euler:
      return bilinear_rule(passed / t0, 0);
    case ScaleMethod::backward_euler:
      return bilinear_rule(passed / t1, 1);
    case ScaleMethod::bilinear:
      return bilinear_rule(log_ratio(t0, t1));
    case ScaleMethod::gbt:
      break;
  }
  return bilinear_rule(log_ratio(t0, t1), alpha);
}

/// The longest step at which the generalised bilinear rule keeps every mode of these poles from growing: the least of
/// -2 Re(p) / ((1 - 2 alpha) |p|^2), infinity for alpha >= 1/2 and for poles at rest, 0 where a pole grows by itself.
/// Poles below `tiny` count as 0. A system whose modes are not orthogonal may grow for long before it decays: LegS with
/// N = 64 by forward Euler to 1e44.
inline double largest_step(std::span<const Complex> poles, double alpha = 0, double tiny = 0) noexcept {
  double longest = std::numeric_limits<double>::infinity();
  for (const Complex p : poles) {
    const double size = std::abs(p);
    if (size <= tiny) continue;
    if (p.real() > tiny) return 0;
    if (alpha >= 0.5) continue;
    longest = std::min(longest, std::max(0.0, -2 * (p.real() / size) / ((1 - 2 * alpha) * size)));
  }
  return longest;
}

}  // namespace danaus
