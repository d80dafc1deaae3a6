// SPDX-License-Identifier: Apache-2.0
#include "check.hpp"

#include <algorithm>
#include <vector>

#include <danaus/hippo/structured_run.hpp>
#include <danaus/hippo/transition.hpp>

using namespace danaus;

namespace {

using Dense = std::vector<double>;  // (N, N)

constexpr Measure measures[] = {Measure::legs,  Measure::legt, Measure::lmu,  Measure::lagt,         Measure::tlagt,
                                Measure::glagt, Measure::fout, Measure::foud, Measure::fourier_decay};

MeasureOptions options(Measure measure) {
  return {1, measure == Measure::glagt ? 0.4 : 0.0, 0.7};
}

struct System {
  Dense a, b;
};

System dense(Measure measure, std::size_t n) {
  System s{Dense(n * n), Dense(n)};
  transition(measure, options(measure), View<double, 2>(s.a.data(), {n, n}), std::span<double>(s.b));
  return s;
}

Dense transposed(const Dense& a, std::size_t n) {
  Dense t(a.size());
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) t[j * n + i] = a[i * n + j];
  return t;
}

Dense product(const Dense& a, const Dense& x) {
  const std::size_t n = x.size();
  Dense y(n, 0.0);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) y[i] += a[i * n + j] * x[j];
  return y;
}

/// (I - c A)^-1 x by elimination with the largest pivot, in long double.
Dense solved(const Dense& a, double c, const Dense& x) {
  const std::size_t n = x.size();
  std::vector<long double> m(n * (n + 1));
  const auto at = [&](std::size_t i, std::size_t j) -> long double& { return m[i * (n + 1) + j]; };
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) at(i, j) = (i == j ? 1.0L : 0.0L) - static_cast<long double>(c) * a[i * n + j];
    at(i, n) = x[i];
  }
  for (std::size_t k = 0; k < n; ++k) {
    std::size_t best = k;
    for (std::size_t i = k; i < n; ++i)
      if (fabsl(at(i, k)) > fabsl(at(best, k))) best = i;
    for (std::size_t j = k; j <= n; ++j) std::swap(at(k, j), at(best, j));
    for (std::size_t i = k + 1; i < n; ++i) {
      const long double f = at(i, k) / at(k, k);
      for (std::size_t j = k; f != 0 && j <= n; ++j) at(i, j) -= f * at(k, j);
    }
  }
  for (std::size_t k = n; k-- > 0;) {
    for (std::size_t j = k + 1; j < n; ++j) at(k, n) -= at(k, j) * at(j, n);
    at(k, n) /= at(k, k);
  }
  Dense y(n);
  for (std::size_t i = 0; i < n; ++i) y[i] = static_cast<double>(at(i, n));
  return y;
}

/// x + (y - x) / alpha, y = (I - alpha h A)^-1 (x + alpha h B u)
Dense stepped(const System& s, double h, double alpha, const Dense& x, double u) {
  const std::size_t n = x.size();
  Dense y(n);
  if (alpha == 0) {
    y = product(s.a, x);
    for (std::size_t i = 0; i < n; ++i) y[i] = x[i] + h * (y[i] + s.b[i] * u);
    return y;
  }
  for (std::size_t i = 0; i < n; ++i) y[i] = x[i] + alpha * h * s.b[i] * u;
  y = solved(s.a, alpha * h, y);
  for (std::size_t i = 0; i < n; ++i) y[i] = x[i] + (y[i] - x[i]) / alpha;
  return y;
}

double norm(const Dense& x) {
  double sum = 0;
  for (const double v : x) sum += v * v;
  return std::sqrt(sum);
}
double distance(const Dense& a, const Dense& b) {
  Dense d(a);
  for (std::size_t i = 0; i < d.size(); ++i) d[i] -= b[i];
  return norm(d);
}
double dot(const Dense& a, const Dense& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}
Dense noise(std::size_t n, std::uint64_t seed) {
  check::Random random(seed);
  Dense x(n);
  for (double& v : x) v = static_cast<double>(static_cast<float>(random()));
  return x;
}

/// A map of `channels` copies of x, each with another factor 1, 2, 4, ..., 1; what channel `c` became.
template <class T>
struct Applied {
  std::vector<T> state, u, out;
  std::size_t order;

  Applied(const Structure& s, StructuredMap map, const Dense& x, double input, std::size_t channels)
      : u(padded(channels)), out(padded(channels)), order(s.order) {
    const std::size_t tiles = padded(channels) / tile;
    state.assign(tiles * order * tile, T(0));
    for (std::size_t c = 0; c < channels; ++c) {
      const double scale = static_cast<double>(1u << c % 3);
      for (std::size_t n = 0; n < order; ++n) at(n, c) = static_cast<T>(scale * x[n]);
      u[c] = static_cast<T>(scale * input);
    }
    Buffer<T> rows(structured_rows(order)), scratch(structured_scratch<T>(order));
    const StructuredTables<T> t = structured_tables(s, map, rows.data());
    structured_apply<T>(t, state.data(), tiles, map.transposed ? nullptr : u.data(), out.data(), scratch.data());
  }
  T& at(std::size_t n, std::size_t c) { return state[(c / tile * order + n) * tile + c % tile]; }
  Dense channel(std::size_t c) {
    Dense x(order);
    for (std::size_t n = 0; n < order; ++n) x[n] = static_cast<double>(at(n, c)) / static_cast<double>(1u << c % 3);
    return x;
  }
};

constexpr std::size_t orders[] = {2, 4, 6, 16, 64};
constexpr double steps[] = {1e-5, 1e-2, 0.3, 0.5, 1, 7, 1e4};

using Verb = StructuredMap::Verb;

}  // namespace

TEST(structured_products_and_solves_equal_dense_ones) {
  for (const Measure measure : measures) {
    for (const std::size_t n : orders) {
      const Structure s = structure(measure, options(measure), n);
      const System system = dense(measure, n);
      const Dense x = noise(n, n), at = transposed(system.a, n);
      // LMU is LegT scaled by r_n: norms are equivalent up to the largest.
      const double spread = measure == Measure::lmu ? std::sqrt(2.0 * static_cast<double>(n)) : 1.0;
      for (const bool turned : {false, true}) {
        const Dense& a = turned ? at : system.a;
        const Dense want = product(a, x);
        CHECK_NEAR(distance(Applied<double>(s, {Verb::multiply, turned, 0, 0}, x, 0, 1).channel(0), want), 0,
                   1e-13 * norm(want));
        CHECK_NEAR(distance(Applied<float>(s, {Verb::multiply, turned, 0, 0}, x, 0, 1).channel(0), want), 0,
                   1e-6 * norm(want));
        for (const double c : steps) {
          const Dense y = solved(a, c, x);
          CHECK_NEAR(distance(Applied<double>(s, {Verb::solve, turned, c, 0}, x, 0, 1).channel(0), y), 0,
                     1e-12 * norm(y));
          CHECK_NEAR(distance(Applied<float>(s, {Verb::solve, turned, c, 0}, x, 0, 1).channel(0), y), 0,
                     1e-6 * spread * norm(y));
        }
      }
    }
  }
}

TEST(structured_steps_equal_dense_ones) {
  for (const Measure measure : measures) {
    for (const std::size_t n : {2u, 6u, 64u}) {
      const Structure s = structure(measure, options(measure), n);
      const System system = dense(measure, n);
      const Dense x = noise(n, n);
      for (const double alpha : {0.0, 0.5, 0.75, 1.0}) {
        for (const double h : {1e-4, 0.1, 1.0, 30.0}) {
          const Dense want = stepped(system, h, alpha, x, 0.75);
          const double size = norm(want) + norm(x);
          CHECK_NEAR(distance(Applied<double>(s, {Verb::step, false, h, alpha}, x, 0.75, 1).channel(0), want), 0,
                     1e-12 * size);
          CHECK_NEAR(distance(Applied<float>(s, {Verb::step, false, h, alpha}, x, 0.75, 1).channel(0), want), 0,
                     1e-6 * size);
        }
      }
    }
  }
}

// <y, S(x, u)> = <S^T y, (x, u)>
TEST(structured_adjoints_are_adjoint) {
  for (const Measure measure : measures) {
    for (const std::size_t n : {2u, 6u, 64u}) {
      const Structure s = structure(measure, options(measure), n);
      const Dense x = noise(n, 1), y = noise(n, 2);
      for (const double alpha : {0.0, 0.5, 1.0}) {
        for (const double h : {1e-3, 0.2, 5.0}) {
          Applied<double> forward(s, {Verb::step, false, h, alpha}, x, 0.75, 1);
          Applied<double> back(s, {Verb::step, true, h, alpha}, y, 0, 1);
          const Dense after = forward.channel(0), lambda = back.channel(0);
          CHECK_NEAR(dot(y, after), dot(lambda, x) + 0.75 * back.out[0],
                     1e-13 * (norm(y) * norm(after) + norm(lambda) * norm(x) + std::fabs(back.out[0])));
        }
      }
    }
  }
}

TEST(structured_channels_do_not_touch_each_other) {
  for (const Measure measure : measures) {
    const Structure s = structure(measure, options(measure), 10);
    const Dense x = noise(10, 3);
    for (const bool turned : {false, true}) {
      for (const double h : {0.1, 3.0}) {
        const StructuredMap map{Verb::step, turned, h, 0.5};
        Applied<float> one(s, map, x, 0.5, 1);
        for (const std::size_t channels : {3u, 16u, 17u, 64u, 83u, 130u}) {
          Applied<float> many(s, map, x, 0.5, channels);
          for (std::size_t c = 0; c < channels; ++c) {
            CHECK(many.channel(c) == one.channel(0));
            if (turned) CHECK(many.out[c] == one.out[0] * static_cast<float>(1u << c % 3));
          }
        }
      }
    }
  }
}

TEST(structured_held_steps_of_decaying_rotations_are_exponentials) {
  const Structure s = structure(Measure::foud, {}, 8);
  const Dense x = noise(8, 4);
  const System system = dense(Measure::foud, 8);
  for (const double h : {1e-6, 0.02, 0.7}) {
    Dense want = x;
    for (int part = 0; part < 4096; ++part) {  // midpoint steps
      Dense y = want, k = product(system.a, want);
      for (std::size_t i = 0; i < 8; ++i) y[i] += h / 8192 * (k[i] + 0.5 * system.b[i]);
      k = product(system.a, y);
      for (std::size_t i = 0; i < 8; ++i) want[i] += h / 4096 * (k[i] + 0.5 * system.b[i]);
    }
    CHECK_NEAR(distance(Applied<double>(s, {Verb::held, false, h, 0}, x, 0.5, 1).channel(0), want), 0,
               h * std::pow(h / 4096, 2) * std::pow(19, 3) / 6 * (norm(x) + 1) + 1e-12);  // |A| < 19
  }
}

TEST(structures_of_complex_measures_are_refused) {
  CHECK_RAISES(structure(Measure::fous, {}, 5), Error, "must be real");
  CHECK_RAISES(structure(Measure::fout, {}, 5), Error, "must be even");
}
