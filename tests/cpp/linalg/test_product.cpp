// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstring>
#include <limits>
#include <vector>

#include <check.hpp>
#include <danaus/linalg/product.hpp>

using namespace danaus;

namespace {

template <class T>
std::vector<T> numbers(check::Random& random, std::size_t n) {
  std::vector<T> all(n);
  for (T& x : all) x = static_cast<T>(random());
  return all;
}

template <class T>
bool same_bits(const T* a, const T* b, std::size_t n) {
  return n == 0 || std::memcmp(a, b, n * sizeof(T)) == 0;
}

/// x (rows, depth) with a row stride of its own, w (depth, columns), b (columns).
template <class T>
struct Problem {
  std::size_t rows, depth, columns, stride;
  std::vector<T> x, w, bias, panels;

  Problem(check::Random& random, std::size_t r, std::size_t k, std::size_t n, std::size_t x_stride)
      : rows(r),
        depth(k),
        columns(n),
        stride(x_stride),
        x(numbers<T>(random, r * x_stride + k)),
        w(numbers<T>(random, k * n)),
        bias(numbers<T>(random, n)),
        panels(panel_size(k, n), std::numeric_limits<T>::quiet_NaN()) {
    bias.resize(padded(n), T(0));
    pack_panels(View<const T, 2>(w.data(), {depth, columns}), panels.data());
  }

  /// `count` rows from row `first`, in rows `out_stride` apart.
  std::vector<T> run(std::size_t first, std::size_t count, bool biased, std::size_t out_stride) const {
    std::vector<T> out(count * out_stride + 1, T(77));
    product(View<const T, 2>(x.data() + first * stride, {count, depth}, {stride, 1}), panels.data(),
            biased ? bias.data() : nullptr, View<T, 2>(out.data(), {count, columns}, {out_stride, 1}));
    return out;
  }

  /// Against sums in long double. A sum of K products and a start, fused or not, is off by at most
  /// (K + 1) u / (1 - (K + 1) u) times the sum of the magnitudes (Higham 2002, section 3.1).
  void compare(const std::vector<T>& out, std::size_t out_stride, bool biased) const {
    const double roundings =
        static_cast<double>(depth + 1) * static_cast<double>(std::numeric_limits<T>::epsilon()) / 2;
    for (std::size_t m = 0; m < rows; ++m) {
      for (std::size_t j = 0; j < columns; ++j) {
        long double sum = biased ? bias[j] : T(0), size = std::fabs(sum);
        for (std::size_t k = 0; k < depth; ++k) {
          const long double term =
              static_cast<long double>(x[m * stride + k]) * static_cast<long double>(w[k * columns + j]);
          sum += term;
          size += std::fabs(term);
        }
        CHECK_NEAR(out[m * out_stride + j], sum, roundings / (1 - roundings) * static_cast<double>(size));
      }
      for (std::size_t j = columns; j < padded(columns); ++j) CHECK(out[m * out_stride + j] == T(0));
      for (std::size_t j = padded(columns); j < out_stride; ++j) CHECK(out[m * out_stride + j] == T(77));
    }
    CHECK(out.back() == T(77));
  }
};

template <class T>
void every_depth_and_width() {
  check::Random random(1);
  for (std::size_t depth = 0; depth <= 70; ++depth) {
    for (std::size_t columns = 1; columns <= 70; ++columns) {
      const Problem<T> p(random, 9, depth, columns, depth + columns % 3);
      const std::size_t stride = padded(columns) + depth % 2 * 5;
      for (const bool biased : {false, true}) {
        const std::vector<T> out = p.run(0, 9, biased, stride);
        p.compare(out, stride, biased);
        // Any other number of rows: the same bits.
        const std::size_t count = (depth + columns) % 9, first = (depth * columns) % (10 - count);
        const std::vector<T> some = p.run(first, count, biased, stride);
        CHECK(same_bits(some.data(), out.data() + first * stride, count * stride));
      }
    }
  }
}

template <class T>
void every_count_of_rows() {
  check::Random random(2);
  for (const std::size_t depth : {0u, 1u, 2u, 7u, 33u, 70u}) {
    for (const std::size_t columns : {1u, 15u, 16u, 17u, 32u, 48u, 63u, 64u, 65u, 130u}) {
      const Problem<T> p(random, 64, depth, columns, depth);
      const std::size_t stride = padded(columns);
      const std::vector<T> all = p.run(0, 64, true, stride);
      p.compare(all, stride, true);
      for (std::size_t count = 0; count <= 9; ++count) {
        for (std::size_t first = 0; first + count <= 64; first += 1 + count) {
          const std::vector<T> some = p.run(first, count, true, stride);
          CHECK(same_bits(some.data(), all.data() + first * stride, count * stride));
        }
      }
    }
  }
}

/// Rows that overlap: row m begins `stride` elements after row m - 1.
template <class T>
void sliding_windows() {
  check::Random random(3);
  for (std::size_t rows = 1; rows <= 9; ++rows) {
    for (const std::size_t depth : {1u, 3u, 10u, 64u}) {
      for (std::size_t stride = 0; stride <= depth; stride += 1 + depth / 4) {
        for (const std::size_t columns : {1u, 20u, 70u}) {
          const Problem<T> p(random, rows, depth, columns, stride);
          p.compare(p.run(0, rows, true, padded(columns)), padded(columns), true);
        }
      }
    }
  }
}

template <class T>
void neighbours_leave_a_row_alone() {
  check::Random random(4);
  for (const std::size_t columns : {1u, 16u, 40u, 70u, 128u, 200u}) {
    Problem<T> p(random, 7, 19, columns, 19);
    const std::vector<T> before = p.run(0, 7, true, padded(columns));
    for (std::size_t r = 0; r < 7; ++r) {
      Problem<T> poisoned = p;
      for (std::size_t i = 0; i < 7 * 19; ++i) {
        if (i / 19 != r)
          poisoned.x[i] = i % 2 == 0 ? std::numeric_limits<T>::quiet_NaN() : std::numeric_limits<T>::infinity();
      }
      const std::vector<T> after = poisoned.run(0, 7, true, padded(columns));
      CHECK(same_bits(after.data() + r * padded(columns), before.data() + r * padded(columns), columns));
    }
  }
}

}  // namespace

TEST(product_of_every_depth_and_width_is_the_sum_of_its_terms) {
  every_depth_and_width<float>();
  every_depth_and_width<double>();
}

TEST(product_gives_a_row_the_same_bits_among_any_others) {
  every_count_of_rows<float>();
  every_count_of_rows<double>();
}

TEST(product_takes_rows_that_overlap) {
  sliding_windows<float>();
  sliding_windows<double>();
}

TEST(product_keeps_what_is_not_finite_in_its_row) {
  neighbours_leave_a_row_alone<float>();
  neighbours_leave_a_row_alone<double>();
}

TEST(product_reads_a_transposed_matrix_of_another_type) {
  check::Random random(5);
  const std::vector<double> w = numbers<double>(random, 6 * 20);  // (columns, depth)
  std::vector<float> panels(panel_size(6, 20));
  pack_panels(View<const double, 2>(w.data(), {6, 20}, {1, 6}), panels.data());
  for (std::size_t k = 0; k < 6; ++k) {
    std::vector<float> unit(6, 0.0f), out(32);
    unit[k] = 1;
    product(View<const float, 2>(unit.data(), {1, 6}), panels.data(), static_cast<const float*>(nullptr),
            View<float, 2>(out.data(), {1, 20}));
    for (std::size_t j = 0; j < 20; ++j) CHECK(out[j] == static_cast<float>(w[j * 6 + k]));
  }
}
