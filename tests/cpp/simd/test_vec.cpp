// SPDX-License-Identifier: Apache-2.0
#include <danaus/simd/loop.hpp>
#include <danaus/simd/vec.hpp>

#include <algorithm>
#include <array>
#include <limits>

#include "../check.hpp"

// Every operation of vec, at every width, against the same operation on each lane.
namespace {

using namespace danaus;
using simd::bits;
using simd::load;
using simd::store;
using simd::vec;

template <class T, std::size_t N>
std::array<T, N> lanes(vec<T, N> x) {
  std::array<T, N> all;
  store(x, all.data());
  return all;
}

/// N small numbers, of either sign where T has one, none of them 0.
template <class T, std::size_t N>
std::array<T, N> sample(std::uint64_t seed) {
  check::Random random(seed * 100 + N);
  std::array<T, N> all;
  for (T& x : all) {
    const double r = random();
    x = static_cast<T>(std::is_unsigned_v<T> ? 1 + std::fabs(r) * 1000 : r * 1000 + (r < 0 ? -1 : 1));
  }
  return all;
}

template <class T, std::size_t N, class F>
bool agrees(vec<T, N> got, F want) {
  const auto all = lanes(got);
  for (std::size_t i = 0; i < N; ++i) {
    if (!(all[i] == static_cast<T>(want(i)))) return false;
  }
  return true;
}

/// Calls f<vec<T, N>>() for N = 1, 2, 4, ... as long as the lanes, of `bytes` bytes each, fill no
/// more than a register: compilers warn of wider ones.
template <class T, std::size_t bytes = sizeof(T), std::size_t N = 1, class F>
void at_every_width(F f) {
  f.template operator()<vec<T, N>>();
  if constexpr (2 * N * bytes <= std::max<std::size_t>(simd::register_bytes, 16)) at_every_width<T, bytes, 2 * N>(f);
}

template <class T>
void check_arithmetic() {
  at_every_width<T>([]<class V>() {
    constexpr std::size_t N = V::size();
    const auto p = sample<T, N>(1), q = sample<T, N>(2), r = sample<T, N>(3);
    const V a = load<V>(p.data()), b = load<V>(q.data()), c = load<V>(r.data());
    CHECK(agrees(a + b, [&](std::size_t i) { return p[i] + q[i]; }));
    CHECK(agrees(a - b, [&](std::size_t i) { return p[i] - q[i]; }));
    CHECK(agrees(a * b, [&](std::size_t i) { return p[i] * q[i]; }));
    CHECK(agrees(a / b, [&](std::size_t i) { return p[i] / q[i]; }));
    CHECK(agrees(max(a, b), [&](std::size_t i) { return p[i] > q[i] ? p[i] : q[i]; }));
    CHECK(agrees(min(a, b), [&](std::size_t i) { return p[i] < q[i] ? p[i] : q[i]; }));
    CHECK(agrees(V(T(3)), [](std::size_t) { return T(3); }));
    V d = a;
    d += b;
    d *= c;
    d -= a;
    const auto got = lanes(d), fused = lanes(fma(a, b, c)), less = lanes(fnma(a, b, c));
    for (std::size_t i = 0; i < N; ++i) {  // fused or not: a relative rounding of each operation
      const double x = static_cast<double>(p[i]), y = static_cast<double>(q[i]), z = static_cast<double>(r[i]);
      const double unit = std::is_integral_v<T> ? 0 : static_cast<double>(std::numeric_limits<T>::epsilon());
      CHECK_NEAR(fused[i], x * y + z, unit * (std::fabs(x * y) + std::fabs(z)));
      if (std::is_signed_v<T>) {
        CHECK_NEAR(less[i], z - x * y, unit * (std::fabs(x * y) + std::fabs(z)));
        CHECK_NEAR(got[i], (x + y) * z - x, 2 * unit * (std::fabs((x + y) * z) + std::fabs(x)));
      }
    }
  });
}

TEST(vec_arithmetic_is_the_arithmetic_of_each_lane) {
  check_arithmetic<float>();
  check_arithmetic<double>();
  check_arithmetic<std::int32_t>();
  check_arithmetic<std::uint32_t>();
  check_arithmetic<std::int64_t>();
}

template <class T>
void check_integers() {
  at_every_width<T>([]<class V>() {
    constexpr std::size_t N = V::size();
    const auto p = sample<T, N>(4), q = sample<T, N>(5);
    const V a = load<V>(p.data()), b = load<V>(q.data());
    CHECK(agrees(a & b, [&](std::size_t i) { return p[i] & q[i]; }));
    CHECK(agrees(a | b, [&](std::size_t i) { return p[i] | q[i]; }));
    CHECK(agrees(a ^ b, [&](std::size_t i) { return p[i] ^ q[i]; }));
    CHECK(agrees(~a, [&](std::size_t i) { return ~p[i]; }));
    CHECK(agrees(a << 3, [&](std::size_t i) { return p[i] << 3; }));
    CHECK(agrees(a >> 3, [&](std::size_t i) { return p[i] >> 3; }));  // arithmetic on signed lanes
  });
}

TEST(vec_of_integers_has_bits_and_shifts) {
  check_integers<std::int32_t>();
  check_integers<std::uint32_t>();
  check_integers<std::int64_t>();
  check_integers<std::uint64_t>();
}

template <class T>
void check_masks() {
  at_every_width<T>([]<class V>() {
    constexpr std::size_t N = V::size();
    auto p = sample<T, N>(6), q = sample<T, N>(7);
    for (std::size_t i = 0; i < N; i += 3) q[i] = p[i];
    if (std::is_floating_point_v<T>) p[N / 2] = std::numeric_limits<T>::quiet_NaN();
    const V a = load<V>(p.data()), b = load<V>(q.data());
    CHECK(agrees(a < b, [&](std::size_t i) { return p[i] < q[i] ? -1 : 0; }));
    CHECK(agrees(a > b, [&](std::size_t i) { return p[i] > q[i] ? -1 : 0; }));
    CHECK(agrees(a <= b, [&](std::size_t i) { return p[i] <= q[i] ? -1 : 0; }));
    CHECK(agrees(a >= b, [&](std::size_t i) { return p[i] >= q[i] ? -1 : 0; }));
    CHECK(agrees(a == b, [&](std::size_t i) { return p[i] == q[i] ? -1 : 0; }));
    CHECK(agrees(a != b, [&](std::size_t i) { return p[i] != q[i] ? -1 : 0; }));
    CHECK(agrees(select(a < b, b, V(T(7))), [&](std::size_t i) { return p[i] < q[i] ? q[i] : T(7); }));
    CHECK(agrees(select(~(a < b), b, V(T(7))), [&](std::size_t i) { return p[i] < q[i] ? T(7) : q[i]; }));
  });
}

TEST(vec_comparisons_select_lanes) {
  check_masks<float>();
  check_masks<double>();
  check_masks<std::int32_t>();
  check_masks<std::int64_t>();
}

template <class T>
void check_signs_and_nan() {
  at_every_width<T>([]<class V>() {
    const T nan = std::numeric_limits<T>::quiet_NaN();
    CHECK(agrees(max(V(nan), V(T(1))), [](std::size_t) { return 1; }));
    CHECK(agrees(min(V(nan), V(T(1))), [](std::size_t) { return 1; }));
    for (const T x : lanes(max(V(T(1)), V(nan)))) CHECK(std::isnan(x));
    for (const T x : lanes(min(V(T(1)), V(nan)))) CHECK(std::isnan(x));
    for (const T x : lanes(V(T(-0.0)))) CHECK(x == 0 && std::signbit(x));
    for (const T x : lanes(-V(T(0)))) CHECK(x == 0 && std::signbit(x));
    for (const T x : lanes(-V(T(-0.0)))) CHECK(x == 0 && !std::signbit(x));
  });
}

TEST(vec_keeps_signs_of_zero_and_places_of_nan) {
  check_signs_and_nan<float>();
  check_signs_and_nan<double>();
}

TEST(vec_load_and_store_need_no_alignment) {
  at_every_width<float>([]<class V>() {
    constexpr std::size_t N = V::size();
    std::array<float, 2 * N + 2> from{}, to{};
    for (std::size_t i = 0; i < from.size(); ++i) from[i] = static_cast<float>(i) + 1;
    for (std::size_t shift = 0; shift <= N; ++shift) {
      to.fill(-1);
      store(load<V>(&from[shift]), &to[shift + 1]);
      for (std::size_t i = 0; i < to.size(); ++i) {
        const bool inside = i > shift && i <= shift + N;
        CHECK(to[i] == (inside ? static_cast<float>(i) : -1.0f));  // from[i - 1] == i
      }
    }
  });
}

TEST(vec_bits_and_convert) {
  at_every_width<float, sizeof(double)>([]<class V>() {
    constexpr std::size_t N = V::size();
    const auto p = sample<float, N>(8);
    const V a = load<V>(p.data());
    CHECK(agrees(bits<std::int32_t>(a), [&](std::size_t i) { return __builtin_bit_cast(std::int32_t, p[i]); }));
    CHECK(agrees(bits<float>(bits<std::uint32_t>(a)), [&](std::size_t i) { return p[i]; }));
    CHECK(agrees(simd::convert<std::int32_t>(a), [&](std::size_t i) { return static_cast<std::int32_t>(p[i]); }));
    CHECK(agrees(simd::convert<double>(a), [&](std::size_t i) { return p[i]; }));
    CHECK(agrees(simd::convert<float>(simd::convert<double>(a)), [&](std::size_t i) { return p[i]; }));
    const auto whole = sample<std::int32_t, N>(9);
    CHECK(agrees(simd::convert<float>(load<vec<std::int32_t, N>>(whole.data())),
                 [&](std::size_t i) { return whole[i]; }));
  });
}

template <class T>
void check_slice_and_reduce() {
  at_every_width<T>([]<class V>() {
    constexpr std::size_t N = V::size();
    std::array<T, N> p;
    for (std::size_t i = 0; i < N; ++i) p[i] = static_cast<T>((i * 7 + 3) % N + 1);  // a permutation of 1..N
    const V a = load<V>(p.data());
    CHECK(reduce(a, simd::plus) == static_cast<T>(N * (N + 1) / 2));
    CHECK(reduce(a, simd::maximum) == static_cast<T>(N));
    if constexpr (N > 1) {
      using half = std::make_index_sequence<N / 2>;
      CHECK(agrees(simd::slice<0>(a, half{}), [&](std::size_t i) { return p[i]; }));
      CHECK(agrees(simd::slice<N / 2>(a, half{}), [&](std::size_t i) { return p[N / 2 + i]; }));
    }
  });
}

TEST(vec_slice_and_reduce) {
  check_slice_and_reduce<float>();
  check_slice_and_reduce<double>();
  check_slice_and_reduce<std::int32_t>();
}

template <class T>
void check_loops() {
  for (std::size_t n = 0; n <= 70; ++n) {
    std::vector<T> x(n + 1, T(-1)), y(n + 1, T(-1));
    for (std::size_t i = 0; i < n; ++i) x[i] = static_cast<T>((i * 37 + 11) % 101);
    std::vector<int> visits(n + 1);
    simd::each<T>(n, [&]<class V>(std::size_t i) {
      store(load<V>(&x[i]) + V(T(1)), &y[i]);
      for (std::size_t k = 0; k < V::size(); ++k) ++visits[i + k];
    });
    T sum = 0, most = T(-5);
    for (std::size_t i = 0; i < n; ++i) {
      CHECK(y[i] == x[i] + 1 && visits[i] == 1);
      sum += x[i];
      most = x[i] > most ? x[i] : most;
    }
    CHECK(y[n] == T(-1) && visits[n] == 0);
    const auto value = [&]<class V>(std::size_t i) { return load<V>(&x[i]); };
    CHECK(simd::fold(n, T(0), simd::plus, value) == sum);  // small whole numbers: every order gives the same
    CHECK(simd::fold(n, T(-5), simd::maximum, value) == most);
  }
}

TEST(each_visits_every_place_once_and_fold_folds_them) {
  check_loops<float>();
  check_loops<double>();
}

}  // namespace
