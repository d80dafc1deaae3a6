// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <complex>
#include <numbers>

#include <check.hpp>
#include <danaus/ssm/convert.hpp>
#include <danaus/ssm/modal.hpp>
#include <danaus/ssm/sections.hpp>
#include <danaus/ssm/stability.hpp>

using danaus::Complex;
using danaus::Twofold;
namespace convert = danaus::convert;

namespace {

constexpr double u = 0x1p-53;

std::vector<double> noise(std::size_t n, std::uint64_t seed) {
  check::Random random(seed);
  std::vector<double> out(n);
  for (double& value : out) value = random();
  return out;
}

/// n poles all round the circle of the radius.
std::vector<Complex> spread(std::size_t n, double radius) {
  std::vector<Complex> z;
  for (std::size_t i = 0; i < n / 2; ++i) {
    const double turn = (static_cast<double>(i) + 0.5) / static_cast<double>(n / 2);
    z.push_back(std::polar(radius, std::numbers::pi * turn));
    z.push_back(std::conj(z.back()));
  }
  if (n % 2 == 1) z.emplace_back(0.5 * radius);
  return z;
}

std::vector<double> coefficients(const std::vector<Complex>& z) {
  std::vector<double> a(z.size());
  convert::from_roots(z, a);
  return a;
}

/// h_n = b_n - sum a_k h_{n-k} in long double.
std::vector<double> recursion(const std::vector<double>& b, const std::vector<double>& a, std::size_t length) {
  std::vector<long double> h;
  for (std::size_t n = 1; n <= length; ++n) {
    long double value = n <= b.size() ? static_cast<long double>(b[n - 1]) : 0.0L;
    for (std::size_t k = 1; k <= a.size() && k < n; ++k) value -= static_cast<long double>(a[k - 1]) * h[n - 1 - k];
    h.push_back(value);
  }
  std::vector<double> out;
  for (const long double value : h) out.push_back(static_cast<double>(value));
  return out;
}

}  // namespace

TEST(twofold_numbers_keep_what_rounding_takes) {
  check::Random random(1);
  for (int i = 0; i < 1000; ++i) {
    const double x = random(), y = random() + 2;
    const Twofold sum = Twofold(1.0) + x * 0x1p-60;
    CHECK((sum - Twofold(1.0)).high == x * 0x1p-60);
    const Twofold quotient = Twofold(x) / Twofold(y), rest = quotient * y - Twofold(x);
    CHECK_NEAR(rest.high, 0, 0x1p-102);
    const Twofold root = danaus::sqrt(Twofold(y));
    CHECK_NEAR((root * root - Twofold(y)).high, 0, 0x1p-100);
  }
}

TEST(roots_of_every_degree_are_roots) {
  for (std::size_t n = 1; n < 70; ++n) {
    const std::vector<double> a = noise(n, n);
    const std::vector<Complex> z = convert::roots(a);
    CHECK(z.size() == n);
    for (const double radius : convert::root_radii(a, z)) CHECK(radius <= 1e-12);
    const std::vector<double> back = coefficients(z);
    const double size = 1 + convert::l1_bound(a);
    for (std::size_t i = 0; i < n; ++i) CHECK_NEAR(back[i], a[i], 64 * u * size);
  }
}

TEST(discs_about_wrong_roots_are_large) {
  const std::vector<double> a{0, -0.25};  // roots 0.5 and -0.5
  const std::vector<double> radii = convert::root_radii(a, std::vector<Complex>{0.5, -0.4});
  CHECK(radii[0] <= 1e-15);
  CHECK_CLOSE(radii[1], 1.01 * 2 * 0.09 / 0.9, 1e-12);  // reaches -0.5
  CHECK(std::isinf(convert::root_radii(a, std::vector<Complex>{0.4, 0.4})[0]));
}

TEST(aberth_needs_few_rounds) {
  for (const std::size_t n : {4u, 16u, 64u, 256u}) {
    const std::vector<double> a = coefficients(spread(n, 0.99));
    std::vector<Complex> z = convert::starting_points(a);
    CHECK(z.size() == n);
    CHECK(convert::aberth(a, z) <= 20);
  }
}

TEST(roots_come_in_conjugate_pairs_to_the_bit) {
  for (std::size_t n = 2; n < 40; ++n) {
    const std::vector<Complex> z = convert::roots(noise(n, 3 * n));
    for (std::size_t i = 0; i < n; ++i) {
      if (z[i].imag() > 0) CHECK(i + 1 < n && z[i + 1] == std::conj(z[i]));
    }
  }
  CHECK(convert::roots(std::vector<double>{0, 0}) == (std::vector<Complex>{0, 0}));
}

TEST(steps_down_and_up_are_inverse) {
  for (std::size_t n = 1; n < 70; ++n) {
    std::vector<double> k = noise(n, n), a(n), back(n);
    for (std::size_t i = 0; i < n; ++i) k[i] /= std::sqrt(static_cast<double>(i + 1));
    convert::step_up(k, a);
    CHECK(convert::step_down(a, back) == convert::Verdict::yes);
    double size = 1;
    for (const double value : a) size = std::fmax(size, std::fabs(value));
    double spread_of_rounding = 4 * u * size;  // a is rounded; each step down mixes by 1 + |k| and divides by 1 - k^2
    for (std::size_t i = n; i-- > 0; spread_of_rounding /= 1 - std::fabs(k[i])) {
      CHECK_NEAR(back[i], k[i], spread_of_rounding);
    }
  }
}

TEST(stability_is_where_the_largest_pole_says) {
  for (std::size_t n = 1; n < 40; ++n) {
    CHECK(convert::is_stable(coefficients(spread(n, 0.999))));
    if (n > 1) CHECK(!convert::is_stable(coefficients(spread(n, 1.001))));
  }
  CHECK(!convert::is_stable(std::vector<double>{-1}));
  CHECK(convert::is_stable(std::vector<double>{0, 0, 0}));
}

TEST(cauchy_radius_of_known_polynomials) {
  CHECK_CLOSE(convert::cauchy_radius(std::vector<double>{0.25, 0.125}), 0.5, 20 * u);
  CHECK_CLOSE(convert::cauchy_radius(std::vector<double>{0, 0, -8}), 2, 20 * u);
  CHECK(convert::cauchy_radius(std::vector<double>{0, 0}) == 0);
}

TEST(modes_are_the_recursion) {
  for (std::size_t n = 1; n < 70; ++n) {
    const std::vector<double> a = coefficients(spread(n, 0.97)), b = noise(n, n);
    std::vector<Complex> p(n), r(n);
    CHECK(convert::transfer_to_modal(b, a, 256, p, r) <= 1e-12);
    const std::vector<double> want = recursion(b, a, 100);
    CHECK(convert::relative_error(convert::impulse_of_modes(p, r, 100), want) <= 1e-12);
    std::vector<double> back_b(n), back_a(n);
    CHECK(convert::modal_to_transfer(p, r, 256, back_b, back_a) <= 1e-12);
    CHECK(convert::relative_error(recursion(back_b, back_a, 100), want) <= 1e-12);
  }
}

TEST(state_spaces_become_transfer_functions) {
  for (std::size_t n = 1; n < 24; ++n) {
    std::vector<double> dense = noise(n * n, n);
    for (double& value : dense) value *= 0.9 / std::sqrt(static_cast<double>(n));
    const std::vector<double> in = noise(n, 2 * n), out = noise(n, 3 * n);
    std::vector<double> b(n), a(n);
    CHECK(convert::state_space_to_transfer(dense, in, out, 256, b, a) <= 1e-13);
    CHECK(convert::relative_error(recursion(b, a, 64), convert::impulse_of_state_space<double>(dense, in, out, 64)) <=
          1e-13);
  }
}

TEST(both_arithmetics_find_one_characteristic_polynomial) {
  const std::size_t n = 12;
  const std::vector<double> dense = noise(n * n, 5);
  const std::vector<double> once = convert::characteristic_polynomial<double>(dense, n);
  const std::vector<Twofold> twice = convert::characteristic_polynomial<Twofold>({dense.begin(), dense.end()}, n);
  for (std::size_t i = 0; i < n; ++i) CHECK_NEAR(once[i], twice[i].high, 1e-13 * std::pow(2.0, n));
  double trace = 0;
  for (std::size_t i = 0; i < n; ++i) trace += dense[i * (n + 1)];
  CHECK_NEAR(twice[0].high, -trace, 20 * u);
}

TEST(sections_and_lattice_are_the_recursion) {
  for (std::size_t n = 1; n < 40; ++n) {
    const std::vector<double> a = coefficients(spread(n, 0.95));
    for (const double h0 : {0.0, 0.7}) {
      for (std::size_t delays = 0; delays < std::min<std::size_t>(n, 3); ++delays) {
        std::vector<double> b = noise(n, n);
        std::fill_n(b.begin(), delays, 0.0);
        std::vector<double> want = recursion(b, a, 99), sos(6 * ((n + 1) / 2)), k(n), v(n + 1);
        want.insert(want.begin(), h0);
        CHECK(convert::transfer_to_sections(b, a, h0, 200, sos) <= 1e-10);
        CHECK(convert::relative_error(convert::impulse_of_sections(sos, 100), want) <= 1e-10);
        CHECK(convert::transfer_to_lattice(b, a, h0, 200, k, v) <= 1e-11);
        CHECK(convert::relative_error(convert::impulse_of_lattice(k, v, 100), want) <= 1e-11);
        std::vector<double> back_b(n), back_a(n);
        double back_h0 = 0;
        CHECK(convert::lattice_to_transfer(k, v, 200, back_b, back_a, back_h0) <= 1e-10);
        CHECK_NEAR(back_h0, h0, 1e-11);
      }
    }
  }
}

TEST(truncation_length_leaves_little) {
  for (const double radius : {0.5, 0.9, 0.99}) {
    const std::vector<double> a = coefficients(spread(7, radius)), b = noise(7, 1);
    const std::size_t length = convert::truncation_length(b, a, 1e-4, 1 << 16);
    CHECK(length > 0);
    const std::vector<double> h = recursion(b, a, length + 4000);
    double all = 0, tail = 0;
    for (std::size_t n = 1; n <= h.size(); ++n) {
      all += std::fabs(h[n - 1]);
      if (n >= length) tail += std::fabs(h[n - 1]);
    }
    CHECK(tail <= 1e-4 * all);
  }
  CHECK(convert::truncation_length(std::vector<double>{1}, std::vector<double>{-1}, 1e-4, 1 << 16) == 0);
}
