// SPDX-License-Identifier: Apache-2.0
#include "legs_reference.hpp"

#include <algorithm>

using namespace danaus;
using namespace legs_reference;

namespace {

double cubic(double s) {
  return 1 + s * (0.5 + s * (-2 + s * 0.75));
}

/// A memory over [0, span) that knows f(from + s) exactly: its coefficients by Gauss nodes.
LegsMemory<double> knowing(std::size_t order, double span, double from, double (*f)(double)) {
  LegsMemory<double> m = memory(order);
  const LegsTables& t = *m.tables();
  std::vector<double> state(m.state().begin(), m.state().end());
  state[0] = span;
  for (std::size_t n = 0; n < order; ++n) {
    for (std::size_t i = 0; i < t.half; ++i) {
      const double mirror = n % 2 == 0 ? 1 : -1, p = t.weight[i] * t.basis[n * t.stride + i];
      state[2 + n] += p * (f(from + span * (1 + t.node[i]) / 2) + mirror * f(from + span * (1 - t.node[i]) / 2));
    }
  }
  m.restore(state);
  return m;
}

std::vector<double> at(const LegsMemory<double>& m, const std::vector<double>& times) {
  std::vector<double> out(times.size() * m.channels());
  m.reconstruct(times, {out.data(), {times.size(), m.channels()}});
  return out;
}

std::vector<double> grid(std::size_t count, double span) {
  std::vector<double> times;
  for (std::size_t i = 0; i < count; ++i) times.push_back(span * static_cast<double>(i) / static_cast<double>(count));
  return times;
}

}  // namespace

TEST(reconstruct_sums_the_series) {
  check::Random random(3);
  for (std::size_t n : {1u, 2u, 3u, 8u, 33u, 256u}) {
    for (std::size_t channels : {1u, 2u, 9u}) {
      LegsMemory<double> m = memory(n, channels);
      const std::vector<double> u = noise(70, channels);
      m.extend(rows(u, channels));
      const std::vector<double> x = read(m);
      for (std::size_t count : {1u, 5u, 64u, 70u, 131u}) {
        const std::vector<double> times = grid(count, 70), got = at(m, times);
        for (std::size_t i = 0; i < count; i += 3) {
          const std::vector<long double> p = polynomials(n, 2 * static_cast<long double>(times[i]) / 70 - 1);
          for (std::size_t c = 0; c < channels; ++c) {
            long double want = 0, size = 0;
            for (std::size_t k = 0; k < n; ++k) {
              const long double term = x[c * n + k] * sqrtl(2 * static_cast<long double>(k) + 1) * p[k];
              want += term;
              size += fabsl(term);
            }
            CHECK_NEAR(got[i * channels + c], want, 1e-12 * static_cast<double>(size));
          }
        }
      }
    }
  }
}

TEST(reconstruct_gives_polynomials_back) {
  for (std::size_t n : {4u, 5u, 16u, 64u}) {
    const LegsMemory<double> m = knowing(n, 2, 0, cubic);
    const std::vector<double> times = {0, 0.1, 1, 1.7, 2, 2.5}, got = at(m, times);  // 2.5: it goes on
    for (std::size_t i = 0; i < 5; ++i) CHECK_NEAR(got[i], cubic(times[i]), 1e-12);
    if (n < 6) CHECK_NEAR(got[5], cubic(2.5), 1e-12);
  }
}

TEST(merge_of_two_parts_of_a_polynomial_is_the_polynomial) {
  for (std::size_t n : {4u, 7u, 33u, 128u}) {
    LegsMemory<double> m = knowing(n, 0.5, 0, cubic);
    m.merge(knowing(n, 1.5, 0.5, cubic));
    CHECK(m.time() == 2);
    const std::vector<double> times = grid(50, 2), got = at(m, times);
    for (std::size_t i = 0; i < times.size(); ++i) CHECK_NEAR(got[i], cubic(times[i]), 1e-12);
    CHECK_NEAR(distance(read(m), read(knowing(n, 2, 0, cubic))), 0, 1e-13);
  }
}

// Samples at the middle of their cells: what is held differs from the polynomial by O(h^2).
TEST(reconstruct_follows_a_sampled_polynomial) {
  const std::size_t length = 4000;
  const double h = 2.0 / static_cast<double>(length);
  std::vector<double> u, ends;
  for (std::size_t k = 0; k < length; ++k) {
    u.push_back(cubic(h * (static_cast<double>(k) + 0.5)));
    ends.push_back(h * static_cast<double>(k + 1));
  }
  LegsMemory<double> m = memory(4);
  m.extend(rows(u, 1), ends);
  const std::vector<double> times = grid(97, 2), got = at(m, times);
  for (std::size_t i = 0; i < times.size(); ++i) CHECK_NEAR(got[i], cubic(times[i]), 20 * h * h);
}

TEST(reconstruct_of_a_constant_is_constant_in_both_precisions) {
  LegsMemory<float> m(legs_kernels<float>(), 32, 3);
  const std::vector<float> u(3 * 500, 0.75f);
  m.extend(rows(u, 3));
  const std::vector<double> times = grid(77, 500);
  std::vector<float> out(77 * 3);
  m.reconstruct(times, {out.data(), {77, 3}});
  for (float x : out) CHECK(x == 0.75f);
}
