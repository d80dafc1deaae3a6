// SPDX-License-Identifier: Apache-2.0
#include <danaus/simplex/entmax.hpp>
#include <danaus/simplex/log_softmax.hpp>
#include <danaus/simplex/pointwise.hpp>
#include <danaus/simplex/sample.hpp>
#include <danaus/simplex/softmax.hpp>
#include <danaus/simplex/sparsemax.hpp>
#include <danaus/simplex/storage.hpp>
#include <danaus/simplex/topk.hpp>

#include <algorithm>
#include <array>
#include <numeric>

#include <danaus/core/buffer.hpp>

#include "../check.hpp"

namespace {

using namespace danaus;

template <class T>
std::vector<T> numbers(std::size_t n, double scale, double offset = 0) {
  check::Random random(n + 1);
  std::vector<T> x(n);
  for (T& v : x) v = static_cast<T>(offset + scale * (random() + random() + random()));
  return x;
}

/// One row through a map; `guard` elements behind the result must stay as they are.
template <class T>
std::vector<T> mapped(SimplexMap<T> map, const std::vector<T>& x, const SimplexParameters& p,
                      const std::vector<T>& other = {}, std::size_t columns = 0) {
  const std::size_t n = x.size(), out = columns == 0 ? n : columns;
  std::vector<T> y(out + 5, T(77));
  Buffer<std::byte> bytes(simplex_workspace_bytes<T>(n));
  const auto pitch = static_cast<std::ptrdiff_t>(n);
  map(p, {x.data(), pitch, other.empty() ? nullptr : other.data(), pitch, y.data(), pitch, 1, n, 0}, workspace(bytes));
  for (std::size_t i = out; i < out + 5; ++i) CHECK(y[i] == T(77));
  y.resize(out);
  return y;
}

template <class T>
constexpr double unit = sizeof(T) == 4 ? 0x1p-24 : 0x1p-53;

template <class T>
void check_softmax(std::size_t n, double scale, double offset, double temperature) {
  const std::vector<T> x = numbers<T>(n, scale, offset);
  SimplexParameters p;
  p.scale = 1 / temperature;
  const std::vector<T> y = mapped<T>(softmax_rows<T>, x, p), l = mapped<T>(log_softmax_rows<T>, x, p);
  const auto top = static_cast<long double>(*std::max_element(x.begin(), x.end()));
  long double sum = 0;
  for (const T v : x) sum += std::exp((static_cast<long double>(v) - top) / temperature);
  for (std::size_t i = 0; i < n; ++i) {
    const long double d = (static_cast<long double>(x[i]) - top) / temperature, want = std::exp(d) / sum;
    if (want > 1e-37L) CHECK_CLOSE(y[i], want, 8 * unit<T>);
    CHECK_CLOSE(l[i], d - std::log(sum), (sizeof(T) == 4 ? 1e-6 : 1e-14));
  }
}

TEST(softmax_and_its_logarithm_of_every_length) {
  for (std::size_t n = 2; n < 71; ++n) {
    check_softmax<float>(n, 3, 0, 1);
    check_softmax<double>(n, 3, -1000, 0.37);
  }
  check_softmax<float>(5000, 2, 1e6, 2.9);
  check_softmax<float>(4097, 15, 1e30, 1);
  check_softmax<double>(2049, 9, 1e9, 1);
}

/// Thresholds by bisection in long double.
std::vector<double> projected(const std::vector<double>& x, double alpha) {
  const long double beta = alpha - 1, top = *std::max_element(x.begin(), x.end());
  const auto power = [&](double v, long double t) -> long double {
    const long double d = beta * (v - top) - t;
    return d > 0 ? std::pow(d, 1 / beta) : 0.0L;
  };
  long double low = -1, high = 0;
  for (int i = 0; i < 70; ++i) {
    const long double t = (low + high) / 2;
    long double sum = 0;
    for (const double v : x) sum += power(v, t);
    (sum > 1 ? low : high) = t;
  }
  std::vector<double> y;
  for (const double v : x) y.push_back(static_cast<double>(power(v, low)));
  return y;
}

TEST(projections_are_exact) {
  for (std::size_t n = 1; n < 71; ++n) {
    for (const double scale : {0.01, 1.0, 8.0}) {
      const std::vector<double> x = numbers<double>(n, scale, n % 3 == 0 ? 1e3 : 0);
      SimplexParameters p;
      for (const double alpha : {2.0, 1.5, 1.3, 2.6}) {
        p.alpha = alpha;
        const auto map = alpha == 2.0   ? sparsemax_rows<double>
                         : alpha == 1.5 ? entmax15_rows<double>
                                        : entmax_rows<double>;
        const std::vector<double> y = mapped<double>(map, x, p), want = projected(x, alpha);
        for (std::size_t i = 0; i < n; ++i) CHECK_NEAR(y[i], want[i], (alpha > 2 ? 1e-9 : 2e-13));
      }
    }
  }
  const std::vector<float> equal(3000, 1e30f);
  SimplexParameters p;
  for (const auto map : {sparsemax_rows<float>, entmax15_rows<float>, entmax_rows<float>}) {
    for (const float y : mapped<float>(map, equal, p)) CHECK_CLOSE(y, 1.0 / 3000, 1e-6);
  }
}

TEST(the_largest_and_among_equals_the_first) {
  for (std::size_t n = 1; n < 200; n += n < 70 ? 1 : 17) {
    std::vector<float> x = numbers<float>(n, 2);
    for (float& v : x) v = std::round(v);
    std::vector<double> wide(x.begin(), x.end());
    std::vector<std::size_t> order(n);
    std::iota(order.begin(), order.end(), std::size_t(0));
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return x[a] > x[b]; });
    for (const std::size_t k : {std::size_t(1), n / 3 + 1, n}) {
      SimplexParameters p;
      p.count = k;
      const std::vector<float> y = mapped<float>(topk_rows<float>, x, p);
      double sum = 0, kept = 0, all = 0;
      for (std::size_t i = 0; i < n; ++i) {
        CHECK((y[order[i]] > 0) == (i < k));
        sum += static_cast<double>(y[i]);
        const double e = std::exp(wide[order[i]]);
        all += e;
        kept += i < k ? e : 0;
      }
      CHECK_NEAR(sum, 1, 1e-6);
      p.mass = kept / all * (1 - 1e-12);  // the same elements by their mass
      const std::vector<double> z = mapped<double>(nucleus_rows<double>, wide, p);
      for (std::size_t i = 0; i < n; ++i) CHECK((z[order[i]] > 0) == (i < k));
    }
  }
}

TEST(products_with_jacobians_are_slopes) {
  for (const std::size_t n : {std::size_t(1), std::size_t(7), std::size_t(40)}) {
    const std::vector<double> x = numbers<double>(n, 1), g = numbers<double>(n, 0.7), v = numbers<double>(n, 0.4, 0.1);
    for (const double alpha : {1.0, 1.3, 2.0}) {
      SimplexParameters p;
      p.alpha = alpha;
      const auto map = alpha == 1.0   ? softmax_rows<double>
                       : alpha == 2.0 ? sparsemax_rows<double>
                                      : entmax_rows<double>;
      const auto vjp = alpha == 1.0 ? softmax_vjp_rows<double> : entmax_vjp_rows<double>;
      std::vector<double> up = x, down = x;
      for (std::size_t i = 0; i < n; ++i) {
        up[i] += 1e-6 * v[i];
        down[i] -= 1e-6 * v[i];
      }
      const std::vector<double> a = mapped<double>(map, up, p), b = mapped<double>(map, down, p);
      const std::vector<double> dx = mapped<double>(vjp, mapped<double>(map, x, p), p, g);
      double slope = 0, got = 0;
      for (std::size_t i = 0; i < n; ++i) {
        slope += g[i] * (a[i] - b[i]) / 2e-6;
        got += dx[i] * v[i];
      }
      CHECK_NEAR(got, slope, 1e-7);
    }
  }
}

TEST(odd_rows_follow_the_policy) {
  constexpr float inf = infinity<float>;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  SimplexParameters p;
  for (const std::size_t n : {std::size_t(3), std::size_t(70), std::size_t(5000)}) {
    for (const auto map : {softmax_rows<float>, sparsemax_rows<float>, entmax15_rows<float>, entmax_rows<float>}) {
      std::vector<float> x(n, -inf);
      for (const float y : mapped<float>(map, x, p)) CHECK(y == 0);
      x[n - 1] = 3;
      CHECK(mapped<float>(map, x, p)[n - 1] == 1);
      x[0] = nan;
      for (const float y : mapped<float>(map, x, p)) CHECK(y != y);
      x[0] = x[1] = inf;
      const std::vector<float> y = mapped<float>(map, x, p);
      CHECK(y[0] == 0.5f && y[1] == 0.5f && y[n - 1] == 0);
    }
  }
}

TEST(rows_of_every_layout_come_and_go) {
  for (const std::size_t n : {std::size_t(1), std::size_t(5), std::size_t(33), std::size_t(70)}) {
    for (const std::size_t rows : {std::size_t(1), std::size_t(7), std::size_t(16)}) {
      for (const ElementType s : {ElementType::f32, ElementType::f64, ElementType::f16, ElementType::bf16}) {
        for (const bool across : {false, true}) {
          const std::ptrdiff_t gap = across ? 1 : static_cast<std::ptrdiff_t>(2 * n + 1);
          const std::ptrdiff_t along = across ? static_cast<std::ptrdiff_t>(rows + 2) : 2;
          const std::size_t room = element_bytes(s) * (rows + 2) * (2 * n + 2);
          Buffer<std::byte> memory(room, std::byte(0));
          std::vector<float> x(rows * n), y(rows * n, -1);
          for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 200) / 8;  // exact in all four
          const Strided place{memory.data(), s, gap, along};
          write_rows<float>(x.data(), n, rows, n, place);
          read_rows<float>(place, rows, n, y.data(), n);
          CHECK(x == y);
        }
      }
    }
  }
}

TEST(samples_are_where_the_mass_is) {
  SimplexParameters p;
  std::vector<float> x(3 * simplex_block + 7, -infinity<float>);
  x[2 * simplex_block + 5] = 0.5f;
  x[3] = 0.5f;
  int first = 0;
  for (std::uint64_t key = 0; key < 400; ++key) {
    p.key = key;
    const std::vector<float> y = mapped<float>(sample_rows<float>, x, p, {}, 2);
    const bool is_first = y[0] == 0 && y[1] == 3;
    CHECK(is_first || (y[0] == 2 && y[1] == 5));
    first += is_first ? 1 : 0;
  }
  CHECK(first > 140 && first < 260);  // six deviations of 10 around 200
}

TEST(doubles_have_a_logarithm) {
  for (int i = -300; i < 300; ++i) {
    const double x = std::pow(10.0, i) * (1 + 0.37 * (i & 3)),
                 small = std::ldexp(1.1, -(i + 301) / 10) * (i % 2 == 0 ? 1 : -0.4);
    CHECK_CLOSE(log(simd::vec<double, 1>(x)).v[0], std::log(x), 0x1p-51);
    CHECK_CLOSE(log1p(simd::vec<double, 1>(small)).v[0], std::log1p(small), 0x1p-50);
  }
}

}  // namespace
