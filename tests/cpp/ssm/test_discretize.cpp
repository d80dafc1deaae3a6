// SPDX-License-Identifier: Apache-2.0
#include <complex>

#include <check.hpp>
#include <danaus/ssm/discretize.hpp>

using danaus::Complex;
using danaus::Discretization;
using danaus::discretize;
using danaus::Mode;

namespace {

using Long = std::complex<long double>;
constexpr double u = 0x1p-53;

Long precise(Complex z) {
  return {z.real(), z.imag()};
}

/// exp(z) - 1: its series near 0, elsewhere as it stands.
Long exp_minus_one(Long z) {
  if (std::abs(z) > 0.5L) return std::exp(z) - 1.0L;
  Long sum = 0, term = 1;
  for (int k = 1; k < 30; ++k) {
    term *= z / static_cast<long double>(k);
    sum += term;
  }
  return sum;
}

struct LongMode {
  Long delta, gain;
};

LongMode formula(Complex pole, Complex output, double dt, Discretization method, double length) {
  const Long a = precise(pole), c = precise(output), z = a * static_cast<long double>(dt);
  if (method == Discretization::bilinear) {
    return {z / (1.0L - z / 2.0L), 2.0L * c * static_cast<long double>(dt) / (1.0L - z / 2.0L)};
  }
  const Long e = exp_minus_one(z);
  if (method == Discretization::zoh) {
    return {e, 2.0L * c * static_cast<long double>(dt) * (std::abs(z) == 0 ? Long(1) : e / z)};
  }
  const Long x = a * exp_minus_one(static_cast<long double>(length) * z);
  return {e, 2.0L * c * e * std::conj(x) / (std::norm(x) + static_cast<long double>(1e-7))};
}

void check_near(Complex got, Long want, double bound, const char* what) {
  const double distance = static_cast<double>(std::abs(precise(got) - want));
  if (!(distance <= bound)) check::fail(__FILE__, __LINE__, what, check::numbers(distance, bound));
}

/// dt a is rounded once, which moves exp(z) by |z| |exp(z)| u; beside it a few roundings of the
/// results themselves. With `length`, the same for exp(length z) in the denominator of dss.
void compare(Complex a, Complex c, double dt, Discretization method, double length = 0) {
  const Mode got = discretize(a, c, dt, method, length);
  const LongMode want = formula(a, c, dt, method, length);
  const double z = std::abs(dt * a), e = method == Discretization::bilinear ? 1 : std::exp((dt * a).real());
  const double delta = static_cast<double>(std::abs(want.delta)), gain = static_cast<double>(std::abs(want.gain));
  check_near(got.delta, want.delta, u * (16 * delta + 4 * z * e), "delta");
  double moved = z > 0 ? z * e / delta : 0;  // relative to the gain
  if (method == Discretization::dss && z > 0) {
    const Long whole = precise(dt * a) * static_cast<long double>(length);
    moved += 2 * static_cast<double>(std::abs(whole) * std::abs(std::exp(whole)) / std::abs(exp_minus_one(whole)));
  }
  check_near(got.gain, want.gain, u * gain * (32 + 4 * moved), "gain");
  if (z < 0.5) {  // no cancellation: each part keeps its digits
    CHECK_NEAR(got.delta.real(), want.delta.real(), 16 * u * static_cast<double>(std::fabs(want.delta.real())));
    CHECK_NEAR(got.delta.imag(), want.delta.imag(), 16 * u * static_cast<double>(std::fabs(want.delta.imag())));
  }
}

}  // namespace

TEST(discretize_is_its_formula) {
  check::Random random(1);
  for (int i = 0; i < 4000; ++i) {
    const Complex a(-std::exp(4 * random()), 100 * random()), c(random(), random());
    const double dt = std::pow(10.0, -2.5 + 2 * random());
    compare(a, c, dt, Discretization::zoh);
    compare(a, c, dt, Discretization::bilinear);
    compare(a, c, dt, Discretization::dss, 1 + i % 1000);
  }
}

TEST(discretize_loses_nothing_at_tiny_steps) {
  check::Random random(2);
  for (int exponent = -300; exponent <= -3; exponent += 3) {
    const double dt = std::pow(10.0, exponent);
    for (int i = 0; i < 20; ++i) {
      const Complex a(-std::exp(3 * random()), i % 4 == 0 ? 0 : 30 * random()), c(random(), random());
      compare(a, c, dt, Discretization::zoh);
      compare(a, c, dt, Discretization::bilinear);
      if (exponent > -140) compare(a, c, dt, Discretization::dss, 1000);  // below, |x|^2 is denormal
    }
  }
}

TEST(discretize_of_an_integrator) {
  for (const Discretization method : {Discretization::zoh, Discretization::bilinear}) {
    const Mode mode = discretize(0, {0.25, -3}, 0.125, method, 0);
    CHECK(mode.delta == 0.0 && mode.gain == Complex(0.0625, -0.75));
  }
  const Mode mode = discretize(0, {0.25, -3}, 0.125, Discretization::dss, 100);
  CHECK(mode.delta == 0.0 && mode.gain == 0.0);
}

TEST(discretize_of_a_pole_that_forgets_at_once) {
  for (const double a : {-1e3, -1e10, -1e100, -1e300}) {
    const Mode zoh = discretize(a, 1, 1, Discretization::zoh, 0);
    CHECK(zoh.delta == -1.0);
    CHECK_CLOSE(zoh.gain.real(), -2 / a, 8 * u);
    const Mode bilinear = discretize(a, 1, 1, Discretization::bilinear, 0);
    CHECK_NEAR(bilinear.delta.real(), -2 - 4 / a, 8 * u + 16 / (a * a));
    CHECK_CLOSE(bilinear.gain.real(), 2 / (1 - a / 2), 8 * u);
    CHECK(zoh.gain.imag() == 0 && bilinear.gain.imag() == 0);
  }
  compare({-1e5, 1e5}, {1, 1}, 1, Discretization::zoh);
  compare({-1e5, 1e5}, {1, 1}, 1, Discretization::dss, 64);
}

TEST(discretize_keeps_stable_poles_stable) {
  check::Random random(3);
  for (int i = 0; i < 4000; ++i) {
    const Complex a(-std::exp(20 * random()), std::exp(20 * random()));
    const double dt = std::exp(10 * random());
    for (const Discretization method : {Discretization::zoh, Discretization::bilinear}) {
      CHECK(std::abs(1.0 + discretize(a, 1, dt, method, 0).delta) <= 1 + 8 * u);
    }
  }
}

TEST(discretize_twice_at_half_the_step_is_once) {
  check::Random random(4);
  for (int i = 0; i < 1000; ++i) {
    const Complex a(-std::exp(3 * random()), 10 * random());
    const double dt = std::pow(10.0, -6 + 6 * random());
    const Mode half = discretize(a, 1, dt / 2, Discretization::zoh, 0),
               whole = discretize(a, 1, dt, Discretization::zoh, 0);
    // An input held over both halves: x + delta x + u twice, against once.
    check_near(half.delta * (2.0 + half.delta), precise(whole.delta),
               16 * u * std::abs(whole.delta) + 4 * u * std::abs(dt * a), "delta");
    check_near(half.gain * (2.0 + half.delta), precise(whole.gain),
               64 * u * (std::abs(whole.gain) + std::abs(half.gain)), "gain");
  }
}
