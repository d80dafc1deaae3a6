// SPDX-License-Identifier: Apache-2.0
#include <check.hpp>

#include <algorithm>
#include <limits>
#include <numeric>

#include <danaus/core/buffer.hpp>
#include <danaus/monarch/project.hpp>

using namespace danaus;

namespace {

using Matrix = std::vector<double>;

/// The squares of a block's singular values, largest first: Jacobi rotations of its columns until they are orthogonal.
std::vector<double> squared_singular_values(Matrix b, std::size_t rows, std::size_t columns) {
  for (int sweep = 0; sweep < 30; ++sweep) {
    for (std::size_t x = 0; x < columns; ++x) {
      for (std::size_t y = x + 1; y < columns; ++y) {
        double xx = 0, yy = 0, xy = 0;
        for (std::size_t r = 0; r < rows; ++r) {
          const double u = b[r * columns + x], v = b[r * columns + y];
          xx += u * u;
          yy += v * v;
          xy += u * v;
        }
        if (std::fabs(xy) <= 1e-17 * std::sqrt(xx * yy)) continue;
        const double angle = 0.5 * std::atan2(2 * xy, xx - yy), c = std::cos(angle), s = std::sin(angle);
        for (std::size_t r = 0; r < rows; ++r) {
          const double u = b[r * columns + x], v = b[r * columns + y];
          b[r * columns + x] = c * u + s * v;
          b[r * columns + y] = c * v - s * u;
        }
      }
    }
  }
  std::vector<double> squares(columns, 0.0);
  for (std::size_t i = 0; i < b.size(); ++i) squares[i % columns] += b[i] * b[i];
  std::sort(squares.rbegin(), squares.rend());
  return squares;
}

template <class T>
void compare(const MonarchShape& m, double tolerance, std::size_t rank_of_input) {
  check::Random random(m.parameters() + rank_of_input);
  std::vector<T> w(m.outputs() * m.inputs());
  if (rank_of_input == 0) {
    for (T& v : w) v = static_cast<T>(random());
  } else {  // every block an outer product
    std::vector<double> u(m.j * m.k * m.s), v(m.j * m.k * m.p);
    for (double& x : u) x = random();
    for (double& x : v) x = random();
    for (std::size_t i = 0; i < w.size(); ++i) {
      const std::size_t row = i / m.inputs(), column = i % m.inputs(), at = row % m.j * m.k + column / m.p;
      w[i] = static_cast<T>(u[at * m.s + row / m.j] * v[at * m.p + column % m.p]);
    }
  }
  std::vector<T> right(m.middle() * m.p, T(0)), left(m.middle() * m.s, T(0));
  std::vector<double> whole(m.k * m.j, -1), error(m.k * m.j, -1);
  std::vector<unsigned char> done(m.k * m.j, 2);
  Buffer<std::byte> scratch(project_workspace_bytes<T>(m, project_lanes<T>));
  const Projection<T> to{View<const T, 2>(w.data(), {m.outputs(), m.inputs()}),
                         m,
                         right.data(),
                         left.data(),
                         whole.data(),
                         error.data(),
                         done.data()};
  for (std::size_t b = 0; b < m.k * m.j; b += project_lanes<T>) project_blocks(to, b, workspace(scratch));
  for (std::size_t k = 0; k < m.k; ++k) {
    for (std::size_t j = 0; j < m.j; ++j) {
      Matrix block(m.s * m.p), rest;
      for (std::size_t e = 0; e < block.size(); ++e) {
        block[e] = static_cast<double>(w[(e / m.p * m.j + j) * m.inputs() + k * m.p + e % m.p]);
      }
      rest = block;
      for (std::size_t q = 0; q < m.q; ++q) {
        const std::size_t t = k * m.q + q;
        if (t % m.j != j) continue;
        for (std::size_t e = 0; e < rest.size(); ++e) {
          rest[e] -= static_cast<double>(left[(j * m.s + e / m.p) * m.r + t / m.j]) *
                     static_cast<double>(right[t * m.p + e % m.p]);
        }
      }
      const std::vector<double> squares = squared_singular_values(block, m.s, m.p);
      const std::size_t rank = std::min(block_rank(m, k, j), m.p);
      const double all = std::accumulate(squares.begin(), squares.end(), 0.0);
      const double best = std::accumulate(squares.begin() + static_cast<std::ptrdiff_t>(rank), squares.end(), 0.0);
      const double actual = std::inner_product(rest.begin(), rest.end(), rest.begin(), 0.0);
      const std::size_t at = k * m.j + j;
      CHECK(done[at] == 1);
      CHECK_NEAR(whole[at], all, tolerance * all);
      CHECK_NEAR(error[at], best, tolerance * all);
      CHECK_NEAR(actual, best, tolerance * all);
    }
  }
}

template <class T>
void every_shape(double tolerance) {
  for (const MonarchShape& m :
       {MonarchShape{1, 1, 1, 1, 1, 1}, MonarchShape{5, 4, 7, 4, 6, 5}, MonarchShape{3, 38, 5, 19, 9, 6},
        MonarchShape{10, 6, 4, 4, 10, 15}, MonarchShape{4, 2, 20, 8, 3, 1}, MonarchShape{2, 3, 24, 3, 30, 2},
        MonarchShape{3, 8, 1, 2, 5, 12}}) {
    compare<T>(m, tolerance, 0);
    compare<T>(m, tolerance, 1);
  }
}

}  // namespace

TEST(projection_leaves_what_the_decomposition_leaves_in_double) {
  every_shape<double>(1e-12);
}

TEST(projection_leaves_what_the_decomposition_leaves_in_float) {
  every_shape<float>(1e-6);
}

TEST(blocks_of_zeros_and_of_nan_come_to_an_end) {
  const MonarchShape m{2, 2, 3, 2, 4, 2};
  for (const float value : {0.0f, std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const std::vector<float> w(m.outputs() * m.inputs(), value);
    std::vector<float> right(m.middle() * m.p, 0.0f), left(m.middle() * m.s, 0.0f);
    std::vector<double> whole(4), error(4);
    std::vector<unsigned char> done(4);
    Buffer<std::byte> scratch(project_workspace_bytes<float>(m, project_lanes<float>));
    const Projection<float> to{View<const float, 2>(w.data(), {m.outputs(), m.inputs()}),
                               m,
                               right.data(),
                               left.data(),
                               whole.data(),
                               error.data(),
                               done.data()};
    for (std::size_t b = 0; b < 4; b += project_lanes<float>) project_blocks(to, b, workspace(scratch));
    if (value == 0.0f) CHECK(error[3] == 0.0 && done[3] == 1 && right[0] == 0.0f);
  }
}
