// SPDX-License-Identifier: Apache-2.0
#include <check.hpp>

#include <algorithm>
#include <cstring>
#include <limits>

#include <danaus/core/buffer.hpp>
#include <danaus/monarch/multiply.hpp>
#include <danaus/monarch/permute.hpp>

using namespace danaus;

namespace {

/// Factors (k, q, p) and (j, s, r), packed either way.
template <class T>
struct Matrix {
  MonarchShape m;
  std::vector<T> right, left;
  Buffer<T> packed[4];
  PackedStage<T> forward[2], backward[2];

  explicit Matrix(const MonarchShape& shape) : m(shape), right(m.k * m.q * m.p), left(m.j * m.s * m.r) {
    check::Random random(m.parameters());
    for (T& w : right) w = static_cast<T>(random());
    for (T& w : left) w = static_cast<T>(random());
    const View<const T, 3> r(right.data(), {m.k, m.q, m.p}), l(left.data(), {m.j, m.s, m.r});
    forward[0] = pack({BlockOrder::inside, m.k, m.q, m.p}, r, 0);
    forward[1] = pack({BlockOrder::across, m.j, m.s, m.r}, l, 1);
    backward[0] = pack({BlockOrder::across, m.j, m.r, m.s},
                       View<const T, 3>(left.data(), {m.j, m.r, m.s}, {m.s * m.r, 1, m.r}), 2);
    backward[1] = pack({BlockOrder::inside, m.k, m.p, m.q},
                       View<const T, 3>(right.data(), {m.k, m.p, m.q}, {m.q * m.p, 1, m.p}), 3);
  }
  PackedStage<T> pack(const BlockStage& stage, View<const T, 3> w, std::size_t at) {
    packed[at].assign(stage.packed(), T(7));
    pack_stage<T>(stage, w, packed[at].data());
    PackedStage<T> whole;
    whole.stage = stage;
    whole.weights = packed[at].data();
    return whole;
  }
  /// Row and column of the matrix, by the index rule.
  std::vector<double> dense(bool sizes) const {
    std::vector<double> d(m.outputs() * m.inputs(), 0.0);
    for (std::size_t t = 0; t < m.middle(); ++t) {
      const std::size_t k = t / m.q, j = t % m.j;
      for (std::size_t s = 0; s < m.s; ++s) {
        for (std::size_t p = 0; p < m.p; ++p) {
          const double term =
              static_cast<double>(left[(j * m.s + s) * m.r + t / m.j]) * static_cast<double>(right[t * m.p + p]);
          d[(s * m.j + j) * m.inputs() + k * m.p + p] += sizes ? std::fabs(term) : term;
        }
      }
    }
    return d;
  }
};

template <class T>
std::vector<T> product(std::span<const PackedStage<T>> stages, const std::vector<T>& x, std::size_t rows) {
  const std::size_t inputs = stages.front().stage.inputs(), outputs = stages.back().stage.outputs();
  std::vector<T> y(rows * outputs, std::numeric_limits<T>::quiet_NaN());
  Buffer<std::byte> scratch(multiply_workspace_bytes<T>(stages, rows), std::byte{255});
  multiply<T>(stages, View<const T, 2>(x.data(), {rows, inputs}), View<T, 2>(y.data(), {rows, outputs}),
              workspace(scratch));
  return y;
}

template <class T>
void compare(const Matrix<T>& a, bool turned, std::size_t rows) {
  const std::span<const PackedStage<T>> stages = turned ? a.backward : a.forward;
  const std::size_t inputs = stages.front().stage.inputs(), outputs = stages.back().stage.outputs();
  const std::vector<double> dense = a.dense(false), sizes = a.dense(true);
  std::vector<T> x(rows * inputs);
  check::Random random(rows);
  for (T& v : x) v = static_cast<T>(random());
  const std::vector<T> y = product<T>(stages, x, rows);
  const double eps = 0.5 * static_cast<double>(std::numeric_limits<T>::epsilon());
  const auto terms = static_cast<double>(std::max(a.m.p + a.m.r, a.m.q + a.m.s) + 4);
  for (std::size_t b = 0; b < rows; ++b) {
    for (std::size_t o = 0; o < outputs; ++o) {
      double want = 0, size = 0;
      for (std::size_t i = 0; i < inputs; ++i) {
        const std::size_t at = turned ? i * outputs + o : o * inputs + i;
        want += dense[at] * static_cast<double>(x[b * inputs + i]);
        size += sizes[at] * std::fabs(static_cast<double>(x[b * inputs + i]));
      }
      CHECK_NEAR(y[b * outputs + o], want, terms * eps * size);
    }
  }
  for (std::size_t b = 0; b < rows; ++b) {  // a row alone has the same bits
    const std::vector<T> row(x.begin() + static_cast<std::ptrdiff_t>(b * inputs),
                             x.begin() + static_cast<std::ptrdiff_t>((b + 1) * inputs));
    const std::vector<T> alone = product<T>(stages, row, 1);
    CHECK(std::memcmp(alone.data(), &y[b * outputs], outputs * sizeof(T)) == 0);
  }
}

const MonarchShape shapes[] = {
    {1, 1, 1, 1, 1, 1},   {8, 8, 8, 8, 8, 8},     {7, 5, 3, 5, 9, 7},   {4, 18, 5, 6, 7, 12},
    {3, 4, 33, 2, 35, 6}, {5, 6, 7, 10, 4, 3},    {9, 2, 3, 6, 5, 3},   {6, 5, 4, 3, 20, 10},
    {5, 3, 2, 1, 40, 15}, {3, 34, 21, 17, 19, 6}, {1, 48, 9, 16, 3, 3}, {16, 32, 16, 32, 16, 16},
};

template <class T>
void every_shape() {
  for (const MonarchShape& shape : shapes) {
    const Matrix<T> a(shape);
    for (const std::size_t rows : {1u, 2u, 5u, 8u, 14u}) {
      compare(a, false, rows);
      compare(a, true, rows);
    }
  }
}

}  // namespace

TEST(products_follow_the_index_rule_in_float) {
  every_shape<float>();
}

TEST(products_follow_the_index_rule_in_double) {
  every_shape<double>();
}

TEST(chunks_of_rows_change_nothing) {
  const Matrix<float> a({4, 18, 5, 6, 7, 12});
  compare(a, false, 100);
}

TEST(every_weight_is_packed_once) {
  for (const MonarchShape& m : shapes) {
    for (const BlockStage& stage :
         {BlockStage(BlockOrder::inside, m.k, m.q, m.p), BlockStage(BlockOrder::across, m.j, m.s, m.r)}) {
      std::vector<int> seen(stage.outputs(), 0);
      for (std::size_t g = 0; g < stage.groups(); ++g) {
        for (std::size_t lane = 0; lane < row_lanes; ++lane) {
          const BlockStage::Place at = stage.place(g, lane);
          if (at.exists) ++seen[at.block * stage.outs + at.out];
        }
      }
      CHECK(std::all_of(seen.begin(), seen.end(), [](int count) { return count == 1; }));
    }
  }
}

TEST(ranks_of_blocks_count_their_middle_values) {
  for (const MonarchShape& m : shapes) {
    for (std::size_t k = 0; k < m.k; ++k) {
      for (std::size_t j = 0; j < m.j; ++j) {
        std::size_t count = 0, first = m.q;
        for (std::size_t q = 0; q < m.q; ++q) {
          if ((k * m.q + q) % m.j != j) continue;
          if (count++ == 0) first = q;
        }
        CHECK(block_rank(m, k, j) == count);
        CHECK(count == 0 || first_slot(m, k, j) == first);
      }
    }
  }
}
