// SPDX-License-Identifier: Apache-2.0
#include "check.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include <danaus/hippo/legs_kernels.hpp>
#include <danaus/hippo/legs_scan.hpp>
#include <danaus/hippo/step_memory.hpp>

using namespace danaus;

namespace {

template <class T>
LegsStepMemory<T> memory(std::size_t order, std::size_t channels, LegsMethod method = LegsMethod::bilinear) {
  return {legs::legs_step_kernels<T>(), legs_kernels<T>(), method, order, channels};
}

template <class T>
std::vector<T> noise(std::size_t count, std::uint64_t seed = 3) {
  check::Random random(seed);
  std::vector<T> u(count);
  for (T& x : u) x = static_cast<T>(random());
  return u;
}

template <class T>
std::vector<T> read(const LegsStepMemory<T>& m) {
  std::vector<T> x(m.order() * m.channels());
  m.coefficients(View<T, 2>(x.data(), {m.channels(), m.order()}));
  return x;
}

std::vector<double> irregular(std::size_t length) {
  check::Random random(5);
  std::vector<double> ends(length);
  double now = 0;
  for (double& end : ends) end = now += 1.05 + random();
  return ends;
}

/// One channel by dense rows in long double: (I - backward A) y = (I + forward A) x + h B u, by forward substitution.
std::vector<double> dense(const std::vector<double>& u, std::size_t channels, std::size_t c, std::size_t order,
                          LegsMethod method, const std::vector<double>& ends) {
  std::vector<long double> x(order, 0), next(order);
  const auto a = [](std::size_t n, std::size_t k) -> long double {
    if (k == n) return -static_cast<long double>(n + 1);
    return -std::sqrt(static_cast<long double>(2 * n + 1)) * std::sqrt(static_cast<long double>(2 * k + 1));
  };
  x[0] = u[c];
  for (std::size_t i = 1; i < ends.size(); ++i) {
    const LegsStep step = legs_step(method, ends[i - 1], ends[i]);
    const long double h = static_cast<long double>(step.forward) + static_cast<long double>(step.backward);
    for (std::size_t n = 0; n < order; ++n) {
      long double sum = x[n] + h * std::sqrt(static_cast<long double>(2 * n + 1)) * u[i * channels + c];
      for (std::size_t k = 0; k <= n; ++k) sum += step.forward * a(n, k) * x[k];
      for (std::size_t k = 0; k < n; ++k) sum += step.backward * a(n, k) * next[k];
      next[n] = sum / (1 - step.backward * a(n, n));
    }
    x = next;
  }
  return {x.begin(), x.end()};
}

template <class T>
void check_dense(std::size_t order, std::size_t channels, LegsMethod method, double tolerance) {
  const std::size_t length = 29;
  const std::vector<T> u = noise<T>(length * channels);
  const std::vector<double> ends = irregular(length), wide(u.begin(), u.end());
  LegsStepMemory<T> m = memory<T>(order, channels, method);
  m.extend(View<const T, 2>(u.data(), {length, channels}), ends);
  const std::vector<T> x = read(m);
  for (std::size_t c = 0; c < channels; c += 3) {
    const std::vector<double> want = dense(wide, channels, c, order, method, ends);
    double off = 0, norm = 0;
    for (std::size_t n = 0; n < order; ++n) {
      off += std::pow(static_cast<double>(x[c * order + n]) - want[n], 2);
      norm += want[n] * want[n];
    }
    CHECK_NEAR(std::sqrt(off) / std::max(std::sqrt(norm), 0.5), 0,
               tolerance);  // of x or the signal, root mean square 0.58
  }
}

}  // namespace

TEST(steps_are_the_dense_solves) {
  for (const LegsMethod method : {LegsMethod::bilinear, LegsMethod::hippo_bilinear, LegsMethod::backward_euler}) {
    for (const std::size_t order : {1u, 2u, 7u, 33u, 65u}) {
      for (const std::size_t channels : {1u, 4u, 5u, 16u, 19u}) {
        check_dense<double>(order, channels, method, 1e-13);
        check_dense<float>(order, channels, method, 1e-6);
      }
    }
  }
}

// The published O(N) form, two running sums, in long double: an order of operations of its own.
TEST(two_hundred_thousand_steps_do_not_drift) {
  const std::size_t order = 12, length = 200000;
  check::Random random(1);
  std::vector<float> u(length);
  for (std::size_t k = 0; k < length; ++k)
    u[k] = static_cast<float>(1 + std::sin(1e-4 * static_cast<double>(k)) + 0.1 * random());
  std::vector<long double> x(order, 0), root(order);
  for (std::size_t n = 0; n < order; ++n) root[n] = std::sqrt(static_cast<long double>(2 * n + 1));
  x[0] = u[0];
  for (std::size_t k = 1; k < length; ++k) {
    const long double h = std::log1p(1 / static_cast<long double>(k)), half = h / 2;
    long double before = 0, after = 0;
    for (std::size_t n = 0; n < order; ++n) {
      const long double diagonal = half * static_cast<long double>(n + 1), was = x[n];
      const long double forward = was - half * root[n] * before - diagonal * was + h * root[n] * u[k];
      x[n] = (forward - half * root[n] * after) / (1 + diagonal);
      before += root[n] * was;
      after += root[n] * x[n];
    }
  }
  const std::vector<double> wide(u.begin(), u.end());
  LegsStepMemory<float> single = memory<float>(order, 1);
  LegsStepMemory<double> both = memory<double>(order, 1);
  single.extend(View<const float, 2>(u.data(), {length, 1}));
  both.extend(View<const double, 2>(wide.data(), {length, 1}));
  const std::vector<float> y = read(single);
  const std::vector<double> z = read(both);
  for (std::size_t n = 0; n < order; ++n) {
    CHECK_NEAR(static_cast<double>(y[n]), static_cast<double>(x[n]), 1e-6);
    CHECK_NEAR(z[n], static_cast<double>(x[n]), 1e-12);
  }
}

TEST(steps_in_any_chunks_and_layouts_have_the_same_bits) {
  for (const std::size_t channels : {1u, 3u, 17u}) {
    for (const std::size_t order : {1u, 5u, 40u}) {
      const std::size_t length = 45;
      const std::vector<float> u = noise<float>(length * channels);
      LegsStepMemory<float> whole = memory<float>(order, channels), parts = memory<float>(order, channels),
                            alone = memory<float>(order, 1);
      whole.extend(View<const float, 2>(u.data(), {length, channels}));
      for (std::size_t first = 0, count = 1; first < length; first += count, ++count) {
        const std::size_t now = std::min(count, length - first);
        parts.extend(View<const float, 2>(u.data() + first * channels, {now, channels}));
      }
      alone.extend(View<const float, 2>(u.data() + channels - 1, {length, 1}, {channels, 1}));
      const std::vector<float> x = read(whole), y = read(parts), z = read(alone);
      CHECK(std::equal(x.begin(), x.end(), y.begin()));
      CHECK(std::equal(z.begin(), z.end(), x.end() - static_cast<std::ptrdiff_t>(order)));
      const Buffer<double> kept = parts.state();
      alone.reset();
      parts.reset();
      parts.restore(kept);
      CHECK(read(parts) == y);
    }
  }
}

TEST(transposed_steps_are_the_transpose) {
  const std::size_t length = 30;
  for (const std::size_t channels : {1u, 17u}) {
    for (const std::size_t order : {1u, 4u, 70u}) {
      const std::vector<double> u = noise<double>(length * channels), w = noise<double>(order * channels, 8);
      LegsStepMemory<double> m = memory<double>(order, channels);
      m.extend(View<const double, 2>(u.data(), {length, channels}));
      const std::vector<double> x = read(m);
      const LegsStepTables tables = legs_step_tables(order);
      std::vector<LegsStep> steps;
      for (std::size_t k = 1; k < length; ++k)
        steps.push_back(legs_step(LegsMethod::bilinear, static_cast<double>(k), static_cast<double>(k + 1)));
      const std::size_t tiles = padded(channels) / tile;
      Buffer<double> g(tiles * order * tile, 0), du(length * channels);
      const auto at = [&](std::size_t c, std::size_t n) { return (c / tile * order + n) * tile + c % tile; };
      for (std::size_t c = 0; c < channels; ++c)
        for (std::size_t n = 0; n < order; ++n) g[at(c, n)] = w[c * order + n];
      Buffer<std::byte> scratch(legs::step_workspace_bytes<double>(order));
      legs::scan_steps_vjp<double>(tables, {order, channels, 1}, 0, tiles, steps.data(),
                                   View<double, 2>(du.data() + channels, {length - 1, channels}), g.data(),
                                   workspace(scratch));
      for (std::size_t c = 0; c < channels; ++c) du[c] = g[at(c, 0)];
      double forward = 0, back = 0;
      for (std::size_t i = 0; i < x.size(); ++i) forward += w[i] * x[i];
      for (std::size_t i = 0; i < u.size(); ++i) back += u[i] * du[i];
      CHECK_NEAR(forward - back, 0, 1e-12);
    }
  }
}

TEST(moments_are_the_transpose_of_evaluation) {
  const std::size_t order = 21, count = 90;
  const LegsTables tables = legs_series(order);
  for (const std::size_t channels : {1u, 9u}) {
    std::vector<double> times = irregular(count), f = noise<double>(order * channels),
                        v = noise<double>(count * channels, 9), y(count * channels), x(order * channels);
    const double span = times.back();
    Buffer<std::byte> scratch(legs::workspace_bytes(tables, channels));
    legs::reconstruct<double>(tables, f.data(), span, times, View<double, 2>(y.data(), {count, channels}),
                              workspace(scratch));
    legs::moments(tables, span, times, View<const double, 2>(v.data(), {count, channels}),
                  View<double, 2>(x.data(), {order, channels}), workspace(scratch));
    double a = 0, b = 0;
    for (std::size_t i = 0; i < y.size(); ++i) a += y[i] * v[i];
    for (std::size_t i = 0; i < x.size(); ++i) b += x[i] * f[i];
    CHECK_NEAR(a - b, 0, 1e-10);
  }
}
