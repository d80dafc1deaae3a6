// SPDX-License-Identifier: Apache-2.0
#include "check.hpp"

#include <vector>

#include <danaus/hippo/legs.hpp>

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
