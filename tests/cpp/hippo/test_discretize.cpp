// SPDX-License-Identifier: Apache-2.0
#include "check.hpp"

#ifdef DANAUS_TEST_EIGEN

#include <danaus/hippo/discretize.hpp>
#include <danaus/hippo/transition.hpp>

using namespace danaus;

namespace {

struct Step {
  std::vector<double> ad, bd;
  Outcome outcome;
};

Step step(const std::vector<double>& a, const std::vector<double>& b, const StepRule& rule) {
  const std::size_t n = b.size();
  Step out{std::vector<double>(n * n), std::vector<double>(n), Outcome::ok};
  out.outcome = discretize<double>(View<const double, 2>(a.data(), {n, n}), b, rule,
                                   View<double, 2>(out.ad.data(), {n, n}), out.bd);
  return out;
}

struct Legs {
  std::vector<double> a, b;
  explicit Legs(std::size_t n) : a(n * n), b(n) { legs_transition({a.data(), {n, n}}, b); }
};

}  // namespace

TEST(an_exact_step_in_two_halves_is_one) {
  const Legs legs(12);
  for (const double dt : {1e-6, 0.01, 1.0}) {
    const Step half = step(legs.a, legs.b, hold_rule(dt / 2)), whole = step(legs.a, legs.b, hold_rule(dt));
    CHECK(half.outcome == Outcome::ok);
    for (std::size_t i = 0; i < 12; ++i) {
      double in = half.bd[i];
      for (std::size_t k = 0; k < 12; ++k) {
        double twice = 0;
        for (std::size_t m = 0; m < 12; ++m) twice += half.ad[i * 12 + m] * half.ad[m * 12 + k];
        CHECK_NEAR(whole.ad[i * 12 + k], twice, 1e-13);
        in += half.ad[i * 12 + k] * half.bd[k];
      }
      CHECK_NEAR(whole.bd[i], in, 1e-13);
    }
  }
}

TEST(rules_solve_their_equations) {
  const Legs legs(9);
  for (const StepRule rule : {bilinear_rule(0.1), bilinear_rule(0.3, 0), bilinear_rule(2, 1),
                              scale_rule(ScaleMethod::kexue_bilinear, 3, 4), scale_rule(ScaleMethod::gbt, 3, 4, 0.8)}) {
    const Step found = step(legs.a, legs.b, rule);
    CHECK(found.outcome == Outcome::ok);
    for (std::size_t i = 0; i < 9; ++i) {
      double in = found.bd[i];
      for (std::size_t k = 0; k < 9; ++k) {
        in -= rule.after * legs.a[i * 9 + k] * found.bd[k];
        double left = found.ad[i * 9 + k];
        for (std::size_t m = 0; m < 9; ++m) left -= rule.after * legs.a[i * 9 + m] * found.ad[m * 9 + k];
        CHECK_NEAR(left, rule.before * legs.a[i * 9 + k] + (i == k ? 1 : 0), 1e-13);
      }
      CHECK_NEAR(in, rule.input * legs.b[i], 1e-13);
    }
  }
}

TEST(scale_rules_are_near_the_exact_time) {
  for (const double t0 : {1.0, 20.0, 4e5}) {
    const double t1 = t0 + 1, h = std::log1p(1 / t0), third = h * h * h;
    CHECK_CLOSE(scale_rule(ScaleMethod::zoh, t0, t1).input, h, 1e-15);
    CHECK_NEAR(scale_rule(ScaleMethod::hippo_bilinear, t0, t1).input, h, third);
    CHECK(scale_rule(ScaleMethod::forward_euler, t0, t1).input > h &&
          scale_rule(ScaleMethod::backward_euler, t0, t1).input < h);
  }
  CHECK_CLOSE(log_ratio(1e-300, 1e300), 600 * std::log(10), 1e-15);
  CHECK(log_ratio(0, 1) == HUGE_VAL);
}

TEST(a_step_says_why_it_is_not) {
  CHECK(step({1, 0, 0, -1}, {1, 1}, bilinear_rule(2)).outcome == Outcome::singular);
  CHECK(step({0, 0, 0, -1}, {1, 1}, hold_rule(HUGE_VAL)).outcome == Outcome::singular);
  CHECK(step({-1e13}, {1}, hold_rule(1)).outcome == Outcome::not_converged);
  CHECK(step({800}, {1}, hold_rule(1)).outcome == Outcome::not_converged);
  CHECK(step({-1}, {1}, scale_rule(ScaleMethod::forward_euler, 1e-320, 1)).outcome == Outcome::not_converged);
  const std::vector<Complex> a = {{2, 0}, {0, 1}}, b = {1, 1};
  std::vector<Complex> ad(2), bd(2);
  CHECK(discretize<Complex>(a, b, bilinear_rule(1), ad, bd) == Outcome::singular);
  CHECK(discretize<Complex>(a, b, hold_rule(500), ad, bd) == Outcome::not_converged);
  CHECK(discretize<Complex>(a, b, hold_rule(1), ad, bd) == Outcome::ok);
  CHECK_NEAR(std::abs(ad[1] - Complex(std::cos(1.0), std::sin(1.0))), 0, 1e-15);
}

TEST(longest_steps) {
  const std::vector<Complex> poles = {{-1, 1}, {-3, 0}, 0.0}, growing = {{1e-9, 1}};
  CHECK_CLOSE(largest_step(poles), 2.0 / 3, 1e-15);
  CHECK(largest_step(poles, 0.5) == HUGE_VAL && largest_step(growing, 1) == 0 && largest_step({}) == HUGE_VAL);
}

#endif
