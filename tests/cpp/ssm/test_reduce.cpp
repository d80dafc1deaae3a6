// SPDX-License-Identifier: Apache-2.0
#ifdef DANAUS_TEST_EIGEN
#include <numbers>

#include <check.hpp>
#include <danaus/ssm/aaa.hpp>
#include <danaus/ssm/fit.hpp>
#include <danaus/ssm/reduce.hpp>

using danaus::Complex;
using danaus::Outcome;
namespace convert = danaus::convert;

namespace {

/// Pairs at radius 0.9 with gains that fall by ten from one to the next.
void falling_modes(std::size_t pairs, std::vector<Complex>& p, std::vector<Complex>& r) {
  for (std::size_t i = 0; i < pairs; ++i) {
    p.push_back(std::polar(0.9, std::numbers::pi * (static_cast<double>(i) + 0.5) / static_cast<double>(pairs)));
    p.push_back(std::conj(p.back()));
    r.emplace_back(std::pow(10.0, -static_cast<double>(i)));
    r.push_back(r.back());
  }
}

}  // namespace

TEST(one_real_mode_is_balanced_by_hand) {
  // h_n = 2 0.5^(n-1): both Gramians of b = c = sqrt 2 are 2 / (1 - 0.25).
  convert::Balanced out;
  CHECK(convert::balance(convert::realisation_of_modes(std::vector<Complex>{0.5}, std::vector<Complex>{2}), 1, out) ==
        Outcome::ok);
  CHECK_CLOSE(out.hankel[0], 8.0 / 3, 1e-14);
  CHECK_CLOSE(out.system.a(0, 0), 0.5, 1e-14);
}

TEST(gramian_factor_solves_the_lyapunov_equation) {
  const Eigen::MatrixXd a = 0.2 * (Eigen::MatrixXd(3, 3) << 1, 2, 0, -1, 3, 1, 0.5, 0, -2).finished();
  const Eigen::VectorXd b = (Eigen::VectorXd(3) << 1, -1, 2).finished();
  Eigen::MatrixXd factor;
  CHECK(convert::gramian_factor(a, b, factor) == Outcome::ok);
  const Eigen::MatrixXd gramian = factor * factor.transpose();
  CHECK_NEAR((a * gramian * a.transpose() - gramian + b * b.transpose()).norm(), 0, 1e-13);
  CHECK(convert::gramian_factor(Eigen::MatrixXd::Identity(3, 3), b, factor) == Outcome::not_converged);
}

TEST(reduced_modes_stay_within_the_bound) {
  std::vector<Complex> p, r;
  falling_modes(5, p, r);
  for (const std::size_t order : {2u, 4u, 6u, 8u}) {
    std::vector<Complex> few_p(order), few_r(order);
    const convert::Reduction done = convert::reduce_modal(p, r, 256, few_p, few_r);
    CHECK(done.outcome == Outcome::ok && done.error <= 1e-12);
    const std::vector<double> all = convert::impulse_of_modes(p, r, 400);
    const std::vector<double> few = convert::impulse_of_modes(few_p, few_r, 400);
    double square = 0;
    for (std::size_t n = 0; n < all.size(); ++n) square += (all[n] - few[n]) * (all[n] - few[n]);
    CHECK(std::sqrt(square) <= done.bound);
    CHECK(done.bound <= 40 * std::pow(10.0, -static_cast<double>(order / 2)));
  }
}

TEST(reduction_by_modes_and_by_companion_agree) {
  std::vector<Complex> p, r;
  falling_modes(3, p, r);
  std::vector<double> b(6), a(6), few_b(4), few_a(4);
  CHECK(convert::modal_to_transfer(p, r, 256, b, a) <= 1e-13);
  const convert::Reduction done = convert::reduce_transfer(b, a, 256, few_b, few_a);
  convert::Balanced cut;
  CHECK(convert::balance(convert::companion(b, a), 4, cut) == Outcome::ok);
  CHECK_CLOSE(done.bound, cut.bound, 1e-9);
}

TEST(fits_recover_modes) {
  std::vector<Complex> p, r;
  falling_modes(3, p, r);
  const std::vector<double> h = convert::impulse_of_modes(p, r, 201);
  for (const bool aaa : {false, true}) {
    const convert::FittedModes fit = convert::fit_modes(h, 6, aaa, 40);
    CHECK(fit.error <= 1e-12);
    CHECK(convert::relative_error(convert::impulse_of_modes(fit.poles, fit.residues, 201), h) <= 1e-12);
    CHECK(convert::fit_modes(h, 4, aaa, 40).error <= 0.02);
    CHECK(convert::fit_modes(h, 4, aaa, 40).error >= 1e-4);
    CHECK(convert::fit_modes(h, 3, aaa, 40).error <= 0.5);
  }
  const convert::FittedModes silent = convert::fit_modes(std::vector<double>(20), 3, true, 9);
  CHECK(silent.error == 0 && silent.residues[0] == 0.0);
}
#endif
