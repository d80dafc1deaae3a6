// SPDX-License-Identifier: Apache-2.0
#include "check.hpp"

#include <vector>

#include <danaus/hippo/legs.hpp>
#include <danaus/hippo/transition.hpp>

using namespace danaus;

namespace {

struct Rule {
  std::vector<double> node, weight;
  explicit Rule(std::size_t n) : node((n + 1) / 2), weight(node.size()) { gauss_legendre(n, node, weight); }
};

/// int_{-1}^{1} x^power by a rule over both halves.
double moment(const Rule& rule, int power) {
  double sum = 0;
  for (std::size_t i = 0; i < rule.node.size(); ++i) {
    const double both = power % 2 == 1 ? 0 : rule.node[i] == 0 ? 1 : 2;
    sum += both * rule.weight[i] * std::pow(rule.node[i], power);
  }
  return sum;
}

template <class T>
struct System {
  std::size_t n;
  std::vector<T> a, b;
  System(Measure measure, const MeasureOptions& options, std::size_t order) : n(order), a(n * n), b(n) {
    transition(measure, options, MatrixView<T>(a.data(), {n, n}), std::span<T>(b));
  }
  T operator()(std::size_t i, std::size_t k) const { return a[i * n + k]; }
};

/// The right side of x' = A x + B u for x(s), against a derivative by five points.
template <class T, class F>
void check_slope(const System<T>& system, F state, double at, T u, double tolerance) {
  const double h = 1e-3;
  for (std::size_t i = 0; i < system.n; ++i) {
    T right = system.b[i] * u;
    for (std::size_t k = 0; k < system.n; ++k) right += system(i, k) * state(k, at);
    const T left =
        (8.0 * (state(i, at + h) - state(i, at - h)) - (state(i, at + 2 * h) - state(i, at - 2 * h))) / (12 * h);
    CHECK_NEAR(std::abs(left - right), 0, tolerance);
  }
}

double laguerre(std::size_t n, double alpha, double x) {
  double before = 0, p = 1;
  for (std::size_t k = 0; k < n; ++k) {
    const double m = static_cast<double>(k), next = ((2 * m + 1 + alpha - x) * p - (m + alpha) * before) / (m + 1);
    before = p;
    p = next;
  }
  return p;
}

}  // namespace

TEST(gauss_legendre_of_low_order_is_known) {
  const Rule one(1), two(2), three(3);
  CHECK(one.node[0] == 0);
  CHECK_NEAR(one.weight[0], 2, 1e-15);
  CHECK_NEAR(two.node[0], std::sqrt(1.0 / 3), 2e-16);
  CHECK_NEAR(two.weight[0], 1, 1e-15);
  CHECK_NEAR(three.node[0], std::sqrt(0.6), 2e-16);
  CHECK(three.node[1] == 0);
  CHECK_NEAR(three.weight[0], 5.0 / 9, 1e-15);
  CHECK_NEAR(three.weight[1], 8.0 / 9, 1e-15);
}

TEST(gauss_legendre_integrates_powers_to_twice_its_order) {
  for (std::size_t n : {1u, 2u, 3u, 4u, 5u, 8u, 16u, 33u, 64u, 255u, 256u, 1024u, 2047u, 2048u}) {
    const Rule rule(n);
    for (std::size_t i = 1; i < rule.node.size(); ++i) CHECK(rule.node[i] < rule.node[i - 1]);
    const int top = static_cast<int>(2 * n - 1);
    for (int power = 0; power <= top; power += 1 + top / 40) {
      const double exact = power % 2 == 1 ? 0 : 2.0 / (power + 1);
      CHECK_NEAR(moment(rule, power), exact, 4e-15);
    }
  }
}

TEST(gauss_legendre_nodes_are_zeros_of_the_polynomial) {
  for (std::size_t n : {5u, 64u, 333u, 2048u}) {
    const Rule rule(n);
    for (std::size_t i = 0; i < rule.node.size(); i += 1 + n / 20) {
      long double p = 1, before = 0;
      const long double x = rule.node[i];
      for (std::size_t k = 0; k < n; ++k) {
        const long double m = static_cast<long double>(k), next = ((2 * m + 1) * x * p - m * before) / (m + 1);
        before = p;
        p = next;
      }
      const long double slope = static_cast<long double>(n) * (before - x * p) / (1 - x * x);
      CHECK_NEAR(p / slope, 0, 3e-16);  // the distance to the zero
    }
  }
}

TEST(legs_transition_follows_the_convention) {
  for (std::size_t n : {1u, 2u, 7u}) {
    std::vector<double> a(n * n), b(n);
    legs_transition({a.data(), {n, n}}, b);
    for (std::size_t i = 0; i < n; ++i) {
      CHECK_NEAR(b[i], std::sqrt(2.0 * static_cast<double>(i) + 1), 1e-15);
      CHECK(a[i * n + i] == -static_cast<double>(i + 1));
      for (std::size_t k = 0; k < n; ++k) {
        if (k < i)
          CHECK_NEAR(a[i * n + k], -std::sqrt((2.0 * static_cast<double>(i) + 1) * (2.0 * static_cast<double>(k) + 1)),
                     4e-15);
        if (k > i) CHECK(a[i * n + k] == 0);
      }
      CHECK_NEAR(a[i * n] + b[i], 0, 1e-15);  // A e_0 = -B: a constant signal stays
    }
  }
}

TEST(laguerre_states_are_weighted_polynomials) {
  const double c = 0.7;
  const System<double> lagt(Measure::lagt, {}, 7), tlagt(Measure::tlagt, {1, 0, c}, 7),
      glagt(Measure::glagt, {1, 0.4, c}, 7);
  const auto plain = [](std::size_t n, double t) { return std::exp(-t / 2) * laguerre(n, 0, t); };
  const auto tilted = [&](std::size_t n, double t) { return c * std::exp(-(1 + c) * t / 2) * laguerre(n, 0, t); };
  const auto general = [&](std::size_t n, double t) {
    const double m = static_cast<double>(n), norm = std::sqrt(std::tgamma(m + 1.4) / std::tgamma(m + 1));
    return std::pow(c, 0.3) / std::sqrt(std::tgamma(0.6)) * std::exp(-(1 + c) * t / 2) * laguerre(n, 0.4, t) / norm;
  };
  for (std::size_t n = 0; n < 7; ++n) {
    CHECK_NEAR(lagt.b[n], plain(n, 0), 1e-15);
    CHECK_NEAR(tlagt.b[n], tilted(n, 0), 1e-15);
    CHECK_NEAR(glagt.b[n], general(n, 0), 1e-14);
  }
  for (const double t : {0.3, 1.0, 4.0}) {
    check_slope<double>(lagt, plain, t, 0, 1e-9);
    check_slope<double>(tlagt, tilted, t, 0, 1e-9);
    check_slope<double>(glagt, general, t, 0, 1e-9);
  }
}

TEST(lmu_is_legt_in_other_units) {
  for (std::size_t n : {1u, 2u, 9u, 64u}) {
    const System<double> legt(Measure::legt, {2.5}, n), lmu(Measure::lmu, {2.5}, n);
    const auto scale = [](std::size_t i) { return (i % 2 ? -1 : 1) * std::sqrt(2 * static_cast<double>(i) + 1); };
    for (std::size_t i = 0; i < n; ++i) {
      CHECK_CLOSE(lmu.b[i], scale(i) * legt.b[i], 1e-15);
      for (std::size_t k = 0; k < n; ++k) CHECK_CLOSE(lmu(i, k), scale(i) * legt(i, k) / scale(k), 2e-15);
    }
  }
}

TEST(a_constant_signal_is_remembered_as_one) {
  const MeasureOptions wide{3};  // A x + B = 0 for the coefficients of 1
  for (const Measure measure : {Measure::legs, Measure::legt, Measure::lmu, Measure::fout, Measure::fourier_decay}) {
    const System<double> system(measure, wide, 8);
    for (std::size_t i = 0; i < 8; ++i) CHECK_NEAR(system(i, 0) + system.b[i], 0, 4e-15);
  }
  for (const Measure measure : {Measure::fourier_sliding, Measure::fous}) {
    const System<Complex> system(measure, wide, 7);
    for (std::size_t i = 0; i < 7; ++i) CHECK_NEAR(std::abs(system(i, 3) + system.b[i]), 0, 4e-15);
  }
}

TEST(fourier_states_turn) {
  const System<double> foud(Measure::foud, {}, 8), fout(Measure::fout, {1.5}, 8);
  const auto decaying = [](std::size_t n, double t) {
    return std::exp(-t / 2) * fourier_state(n, 6.283185307179586 * t);
  };
  check_slope<double>(foud, decaying, 0.2, 0, 1e-6);
  for (std::size_t i = 0; i < 8; ++i) {
    CHECK(foud.b[i] == fourier_state(i, 0) && fout(1, i) == 0 && fout(i, 1) == 0);
    for (std::size_t k = 0; k < 8; ++k) CHECK_NEAR(fout(i, k) + fout(k, i), -1.5 * fout.b[i] * fout.b[k], 4e-15);
  }
  CHECK_CLOSE(fout(3, 2), 4.1887902047863905, 1e-15);
}

TEST(fous_holds_the_coefficients_of_a_ramp) {
  const System<Complex> fous(Measure::fous, {}, 41);  // u(s) = s: x_n = t / 2 (n = 0), i t / (2 pi n) else; x' = x / t
  for (std::size_t i = 0; i < 41; ++i) {
    const double n = static_cast<double>(i) - 20;
    Complex right = fous.b[i];
    for (std::size_t k = 0; k < 41; ++k) {
      const double m = static_cast<double>(k) - 20;
      right += fous(i, k) * (m == 0 ? Complex(0.5) : Complex(0, 1 / (6.283185307179586 * m)));
    }
    const Complex left = n == 0 ? Complex(0.5) : Complex(0, 1 / (6.283185307179586 * n));
    CHECK_NEAR(std::abs(left - right), 0, n == 0 ? 1e-15 : 0.6 * std::abs(n) / (21 - std::abs(n)));
  }
}

TEST(a_measure_refuses_what_it_has_no_system_for) {
  std::vector<double> a(36), b(6);
  const MatrixView<double> six(a.data(), {6, 6}), five(a.data(), {5, 5});
  const std::span<double> all(b), part(b.data(), 5);
  std::vector<Complex> ca(36), cb(6);
  CHECK_RAISES(transition(Measure::fous, five, part), Error, "a and b must be complex");
  CHECK_RAISES((transition(Measure::legs, MatrixView<Complex>(ca.data(), {6, 6}), std::span<Complex>(cb))), Error,
               "must be real");
  CHECK_RAISES((transition(Measure::fous, MatrixView<Complex>(ca.data(), {6, 6}), std::span<Complex>(cb))), Error,
               "n must be odd");
  CHECK_RAISES(transition(Measure::fout, five, part), Error, "n must be even");
  for (const double bad : {0.0, -1.0, HUGE_VAL, std::nan("")}) {
    CHECK_RAISES(transition(Measure::legt, {bad}, six, all), Error, "theta must be positive");
    CHECK_RAISES(transition(Measure::glagt, {1, 0, bad}, six, all), Error, "beta must be positive");
  }
  for (const double bad : {-1.0, 1.0, std::nan("")})
    CHECK_RAISES(transition(Measure::glagt, {1, bad, 1}, six, all), Error, "alpha must");
  CHECK(measure_named("fous") == Measure::fous && measure_named("legs") == Measure::legs &&
        measure_named("foud") == Measure::foud);
  CHECK_RAISES(measure_named("chebyshev"), Error, "'fourier_sliding', 'fous', is 'chebyshev'");
}

TEST(legs_tables_hold_polynomials_that_are_orthonormal_at_the_nodes) {
  for (std::size_t n : {1u, 2u, 5u, 16u, 33u, 256u}) {
    const LegsTables t = legs_tables(n);
    CHECK(t.stride % legs_block == 0 && t.stride >= t.half);
    for (std::size_t a = 0; a < n; a += 1 + n / 13) {
      for (std::size_t b = a % 2; b < n; b += 2 + 2 * (n / 17)) {
        double product = 0;  // both halves of the nodes: the polynomials have the same parity
        for (std::size_t i = 0; i < t.half; ++i)
          product += 2 * t.weight[i] * t.basis[a * t.stride + i] * t.basis[b * t.stride + i];
        CHECK_NEAR(product, a == b ? 1 : 0, 3e-14);
      }
    }
    double before = 0, p = 1, legendre_before = 0, legendre = 1;
    for (std::size_t m = 0; m <= n; ++m) {  // P_m = scale_m p_m
      CHECK_NEAR(t.scale[m] * p, legendre, 1e-12);
      const double k = static_cast<double>(m), x = 0.3, next = t.growth[m] * x * p - before;
      const double legendre_next = ((2 * k + 1) * x * legendre - k * legendre_before) / (k + 1);
      before = p;
      p = next;
      legendre_before = legendre;
      legendre = legendre_next;
    }
  }
}
