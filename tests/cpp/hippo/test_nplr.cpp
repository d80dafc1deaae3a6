// SPDX-License-Identifier: Apache-2.0
#include "check.hpp"

#ifdef DANAUS_TEST_EIGEN

#include <danaus/hippo/nplr.hpp>

using namespace danaus;

namespace {

/// (V (diag(lambda) - sum p p^*) V^*)_ik
Complex entry(const Nplr& s, std::size_t i, std::size_t k) {
  Complex sum = 0;
  for (std::size_t j = 0; j < s.columns; ++j)
    sum += s.v[i * s.columns + j] * s.lambda[j] * std::conj(s.v[k * s.columns + j]);
  for (std::size_t r = 0; r < s.rank; ++r) {
    Complex left = 0, right = 0;
    for (std::size_t j = 0; j < s.columns; ++j) {
      left += s.v[i * s.columns + j] * s.p[r * s.columns + j];
      right += s.v[k * s.columns + j] * s.p[r * s.columns + j];
    }
    sum -= left * std::conj(right);
  }
  return sum;
}

/// Largest differences of A, relative to its largest entry, and of V^* V - I.
void check_whole(const Nplr& s, const std::vector<double>& a, double tolerance) {
  const std::size_t n = s.order;
  double size = 0;
  for (const double x : a) size = std::fmax(size, std::fabs(x));
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < n; k += 1 + n / 9) {
      CHECK_NEAR(std::abs(entry(s, i, k) - a[i * n + k]), 0, tolerance * size);
      Complex product = 0;
      for (std::size_t m = 0; m < n; ++m) product += std::conj(s.v[m * n + i]) * s.v[m * n + k];
      CHECK_NEAR(std::abs(product - (i == k ? 1.0 : 0.0)), 0, tolerance);
    }
  }
}

}  // namespace

TEST(nplr_is_the_system) {
  for (const Measure measure : {Measure::legs, Measure::legt, Measure::lagt, Measure::tlagt, Measure::fout,
                                Measure::foud, Measure::fourier_decay}) {
    for (const std::size_t n : {1u, 2u, 3u, 16u, 37u, 96u}) {
      if (is_paired(measure) && n % 2 == 1) continue;
      const MeasureOptions options{1.7, 0, 0.6};
      std::vector<double> a(n * n), b(n);
      transition(measure, options, MatrixView<double>(a.data(), {n, n}), std::span<double>(b));
      const Nplr s = nplr(measure, options, n);
      check_whole(s, a, 1e-13);
      for (std::size_t i = 0; i < n; ++i) {
        Complex in = 0;
        for (std::size_t j = 0; j < n; ++j) in += s.v[i * n + j] * s.b[j];
        CHECK_NEAR(std::abs(in - b[i]), 0, 1e-12);
      }
    }
  }
}

TEST(nplr_of_legs_has_the_product_of_its_poles) {
  const Nplr s = nplr(Measure::legs, {}, 24);
  for (const Complex at : {Complex(0.3, 2.1), Complex(5, -40), Complex(-0.4, 0.7)}) {
    Complex sum = 1, product = 1;
    for (std::size_t j = 0; j < 24; ++j) {
      sum += std::norm(s.p[j]) / (at - s.lambda[j]);
      product *= (at + static_cast<double>(j + 1)) / (at - s.lambda[j]);
    }
    CHECK_NEAR(std::abs(sum - product), 0, 1e-12 * (1 + std::abs(product)));
  }
}

TEST(halves_of_nplr_count_a_lone_eigenvalue_once) {
  const Nplr half = nplr(Measure::legs, {}, 7, true), whole = nplr(Measure::legs, {}, 7);
  CHECK(half.columns == 4 && half.lambda[0] == Complex(-0.5) && half.single);
  double gain = 0, twice = 0;  // B^T B, which is what B gives through C = B at once
  for (std::size_t j = 0; j < 7; ++j) gain += std::norm(whole.b[j]);
  for (std::size_t j = 0; j < 4; ++j) twice += 2 * std::norm(half.b[j]);
  CHECK_CLOSE(gain, 49, 1e-14);
  CHECK_CLOSE(twice, 49, 1e-14);
}

TEST(nplr_refuses_what_is_only_similar) {
  CHECK_RAISES(nplr(Measure::lmu, {}, 4), Error, "take 'legt'");
  CHECK_RAISES(nplr(Measure::glagt, {}, 4), Error, "take 'tlagt'");
  CHECK_RAISES(nplr(Measure::fous, {}, 5), Error, "'fous'");
  CHECK_RAISES(nplr(Measure::fous, {}, 4), Error, "n must be odd");
}

#endif
