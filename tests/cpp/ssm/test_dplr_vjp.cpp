// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <complex>
#include <vector>

#include <check.hpp>
#include <danaus/core/buffer.hpp>
#include <danaus/ssm/dplr_vjp_run.hpp>

using namespace danaus;

namespace {

using Long = std::complex<long double>;
using Vector = std::vector<Long>;

/// One channel's halves: lambda, b, c (modes), p and q (rank, modes).
struct Parameters {
  std::vector<Complex> lambda, p, q, b, c;
  double dt;

  static Parameters random(check::Random& next, std::size_t modes, std::size_t rank) {
    const auto numbers = [&next](std::size_t count, double size) {
      std::vector<Complex> values(count);
      for (Complex& z : values) z = {size * next(), size * next()};
      return values;
    };
    Parameters x{{}, numbers(rank * modes, 0.5), numbers(rank * modes, 0.3), numbers(modes, 1), numbers(modes, 1), 0};
    for (std::size_t n = 0; n < modes; ++n) x.lambda.emplace_back(-1 + 0.5 * next(), 10 * next());
    x.dt = 0.1 + 0.05 * next();
    return x;
  }
};

/// sum_l grad_l K_l at the parameters moved by `step` along others, from dense matrices in extended precision.
long double loss(const Parameters& at, const Parameters& along, long double step, const std::vector<double>& grad) {
  const std::size_t modes = at.b.size(), rank = at.p.size() / modes, size = 2 * modes;
  const auto full = [&](const std::vector<Complex>& x, const std::vector<Complex>& d, std::size_t first) {
    Vector values(size);
    for (std::size_t n = 0; n < modes; ++n) {
      values[n] = Long(x[first + n]) + step * Long(d[first + n]);
      values[modes + n] = std::conj(values[n]);
    }
    return values;
  };
  const long double dt = static_cast<long double>(at.dt) + step * static_cast<long double>(along.dt);
  const Vector lambda = full(at.lambda, along.lambda, 0), b = full(at.b, along.b, 0), c = full(at.c, along.c, 0);
  std::vector<Vector> m(size, Vector(2 * size));  // 1 - dt A / 2, and behind it its inverse in the making
  for (std::size_t i = 0; i < size; ++i) {
    m[i][i] = 1.0L - dt / 2 * lambda[i];
    m[i][size + i] = 1;
  }
  for (std::size_t r = 0; r < rank; ++r) {
    const Vector p = full(at.p, along.p, r * modes), q = full(at.q, along.q, r * modes);
    for (std::size_t i = 0; i < size; ++i) {
      for (std::size_t j = 0; j < size; ++j) m[i][j] += dt / 2 * p[i] * std::conj(q[j]);
    }
  }
  for (std::size_t k = 0; k < size; ++k) {
    std::size_t pivot = k;
    for (std::size_t i = k; i < size; ++i) pivot = std::abs(m[i][k]) > std::abs(m[pivot][k]) ? i : pivot;
    std::swap(m[k], m[pivot]);
    const Long by = 1.0L / m[k][k];
    for (Long& z : m[k]) z *= by;
    for (std::size_t i = 0; i < size; ++i) {
      const Long off = i == k ? Long(0) : m[i][k];
      for (std::size_t j = 0; j < 2 * size; ++j) m[i][j] -= off * m[k][j];
    }
  }
  const auto resolve = [&](const Vector& x) {
    Vector y(size);
    for (std::size_t i = 0; i < size; ++i) {
      for (std::size_t j = 0; j < size; ++j) y[i] += m[i][size + j] * x[j];
    }
    return y;
  };
  Vector x = resolve(b);
  for (Long& z : x) z *= dt;
  long double total = 0;
  for (const double g : grad) {
    for (std::size_t i = 0; i < size; ++i) total += static_cast<long double>(g) * (c[i] * x[i]).real();
    const Vector y = resolve(x);
    for (std::size_t i = 0; i < size; ++i) x[i] = 2.0L * y[i] - x[i];
  }
  return total;
}

/// A tile with a channel in each of some lanes: every channel's derivative along a direction. Differences over five
/// points with h = 1e-3 / (length + 10) leave 1e-13 of it, the recurrence in double some length 2^-53.
void compare(check::Random& next, std::size_t channels, std::size_t modes, std::size_t rank, std::size_t length) {
  const DplrVjpShape shape{modes, rank, length};
  Buffer<double> constants(shape.constants() * tile, 0.0), values(length * tile, 0.0), sums(shape.sums() * tile, 7.0);
  Buffer<std::byte> scratch(dplr_vjp_workspace_bytes(shape));
  std::vector<Parameters> all;
  std::vector<std::vector<double>> cores(channels, std::vector<double>(rank * rank)), grads(channels);
  const auto channel = [&](std::size_t h) {
    const Parameters& x = all[h];
    return DplrChannel{x.lambda.data(), x.p.data(), x.q.data(), x.b.data(), x.c.data(), modes, x.dt};
  };
  for (std::size_t h = 0; h < channels; ++h) {
    all.push_back(Parameters::random(next, modes, rank));
    CHECK(dplr_core(shape, channel(h), cores[h].data()) == Outcome::ok);
    pack_dplr_vjp(shape, channel(h), cores[h].data(), h, constants.data());
    for (std::size_t t = 0; t < length; ++t) grads[h].push_back(values[t * tile + h] = next());
  }
  dplr_kernel_vjp(shape, constants.data(), values.data(), sums.data(), workspace(scratch));
  for (std::size_t h = 0; h < channels; ++h) {
    Parameters found = all[h];
    const Parameters along = Parameters::random(next, modes, rank);
    DplrGradient out{found.lambda.data(), found.p.data(), found.q.data(), found.b.data(), found.c.data(), modes};
    unpack_dplr_vjp(shape, channel(h), cores[h].data(), h, sums.data(), out);
    double slope = out.dt * along.dt, size = std::fabs(slope);
    const auto meet = [&](const std::vector<Complex>& by, const std::vector<Complex>& d) {
      for (std::size_t i = 0; i < by.size(); ++i) {
        slope += (std::conj(by[i]) * d[i]).real();
        size += std::abs(by[i]) * std::abs(d[i]);
      }
    };
    meet(found.lambda, along.lambda);
    meet(found.p, along.p);
    meet(found.q, along.q);
    meet(found.b, along.b);
    meet(found.c, along.c);
    const long double step = 1e-3L / static_cast<long double>(length + 10);
    const auto at = [&](long double steps) { return loss(all[h], along, steps * step, grads[h]); };
    const long double want = length == 0 ? 0 : (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * step);
    CHECK_NEAR(slope, want, 1e-11 * size);
  }
}

}  // namespace

TEST(low_rank_gradients_are_the_derivatives_along_any_direction) {
  check::Random next(1);
  for (std::size_t rank = 1; rank <= most_rank; ++rank) {
    for (const std::size_t length : {0u, 1u, 2u, 7u, 8u, 9u, 16u, 17u, 50u}) compare(next, 2, 3, rank, length);
  }
  for (std::size_t channels = 1; channels <= tile; ++channels) compare(next, channels, 1 + channels % 4, 1, 20);
  compare(next, 1, 2, 1, 3000);
}

TEST(low_rank_core_refuses_what_has_no_inverse) {
  const Complex zero = 0, one = 1, p(0, 1), q(0, -1);
  double inverse = 0;
  const DplrVjpShape shape{1, 1, 5};
  CHECK(dplr_core(shape, {&zero, &p, &q, &one, &one, 1, 1.0}, &inverse) == Outcome::singular);
  CHECK(dplr_core(shape, {&zero, &p, &p, &one, &one, 1, 1.0}, &inverse) == Outcome::ok);
  CHECK(inverse == 0.5);
}
