// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <vector>

#include <check.hpp>
#include <danaus/core/buffer.hpp>
#include <danaus/ssm/kernel.hpp>

using namespace danaus;

namespace {

/// sum_n Re(gain_n a_bar_n^l), a_bar = 1 + delta, one multiplication after the other.
std::vector<long double> powers(const std::vector<Mode>& modes, std::size_t length) {
  std::vector<long double> k(length, 0);
  for (const Mode& mode : modes) {
    const long double re = 1 + static_cast<long double>(mode.delta.real()), im = mode.delta.imag();
    long double x = mode.gain.real(), y = mode.gain.imag();
    for (long double& sum : k) {
      sum += x;
      const long double turned = x * re - y * im;
      y = x * im + y * re;
      x = turned;
    }
  }
  return k;
}

template <class T>
std::vector<T> built(const std::vector<Mode>& modes, std::size_t length) {
  Buffer<std::byte> scratch(kernel_workspace_bytes<T>(modes.size(), length));
  std::vector<T> out(length + 1, T(77));
  kernel<T>(modes, {out.data(), length}, workspace(scratch));
  CHECK(out.back() == T(77));
  out.pop_back();
  return out;
}

/// sum_n |gain_n|
double gains(const std::vector<Mode>& modes) {
  double sum = 0;
  for (const Mode& mode : modes) sum += std::abs(mode.gain);
  return sum;
}

/// Both factors of the product are rounded to T, which turns a term by at most 2 u, and the sum of 2 N
/// real products rounds in its order: (2 N + 2) u sum |gain| at the worst. The powers behind it:
/// 1 + delta is rounded in double, and a power of l is off by at most 5 l roundings of that.
template <class T>
double bound(const std::vector<Mode>& modes, std::size_t length) {
  const double unit = static_cast<double>(std::numeric_limits<T>::epsilon()) / 2,
               count = static_cast<double>(modes.size());
  return 1.5 * gains(modes) * ((2 * count + 4) * unit + 5 * static_cast<double>(length) * 0x1p-53 + negligible<T>);
}

template <class T>
void compare(const std::vector<Mode>& modes, std::size_t length) {
  const std::vector<T> got = built<T>(modes, length);
  const std::vector<long double> want = powers(modes, length);
  const double most = bound<T>(modes, length);
  for (std::size_t l = 0; l < length; ++l) CHECK_NEAR(got[l], want[l], most);
}

std::vector<Mode> random_modes(check::Random& random, std::size_t count) {
  std::vector<Mode> modes(count);
  for (std::size_t n = 0; n < count; ++n) {
    const double radius = n % 4 == 0   ? 1 - 1e-5 * (1 + random())
                          : n % 4 == 1 ? 0.01 * (1 + random())
                                       : 0.9 + 0.0999 * random();
    modes[n] = {std::polar(radius, n % 5 == 0 ? 0 : 3.1 * random()) - 1.0, {random(), random()}};
  }
  return modes;
}

/// A channel of S4D-Lin with `count` modes.
std::vector<Mode> s4d_lin(check::Random& random, std::size_t count, double dt) {
  std::vector<Mode> modes(count);
  for (std::size_t n = 0; n < count; ++n) {
    const double imag = 3.14159265358979 * static_cast<double>(n);
    modes[n] = discretize({-0.5, imag}, {random(), random()}, dt, Discretization::zoh, 0);
  }
  return modes;
}

template <class T>
void every_length() {
  check::Random random(1);
  for (std::size_t length = 0; length <= 70; ++length) {
    for (const std::size_t count : {0u, 1u, 2u, 5u, 32u}) compare<T>(random_modes(random, count), length);
  }
  for (const std::size_t length : {255u, 256u, 257u, 1000u}) {
    for (const std::size_t count : {1u, 7u, 32u}) compare<T>(random_modes(random, count), length);
  }
  compare<T>(random_modes(random, 8), 16384);
  compare<T>(random_modes(random, 3), 70000);  // blocks of 256, more than 256 of them
}

template <class T>
void modes_that_vanish() {
  // exp(-20), exp(-1000): what would be denormal is 0; a_bar = 0: the gain alone.
  for (const double real : {-20.0, -1000.0, -1e5}) {
    for (const double imag : {0.0, 1.0, 3.0}) {
      const Mode mode = discretize({real, imag}, {real, 0.5 * real}, 1, Discretization::zoh, 0);
      for (const std::size_t length : {1u, 17u, 300u, 5000u}) {
        compare<T>({mode}, length);
        for (const T x : built<T>({mode}, length)) CHECK(std::fpclassify(x) != FP_SUBNORMAL);
      }
    }
  }
  const std::vector<T> once = built<T>({Mode{-1.0, {3, 4}}}, 600);
  CHECK(once[0] == T(3) && std::all_of(once.begin() + 1, once.end(), [](T x) { return x == T(0); }));
}

template <class T>
void modes_that_stay() {
  // |a_bar| = 1 up to the rounding of delta: an integrator, half a turn, and turns of any size.
  const std::vector<T> constant = built<T>({Mode{0.0, {0.75, 9}}}, 5000);
  CHECK(std::all_of(constant.begin(), constant.end(), [](T x) { return x == T(0.75); }));
  const std::vector<T> turned = built<T>({Mode{-2.0, {0.75, 9}}}, 5000);
  for (std::size_t l = 0; l < 5000; ++l) CHECK(turned[l] == T(l % 2 == 0 ? 0.75 : -0.75));
  for (const double angle : {1e-9, 1e-4, 0.1, 1.0, 3.0}) {
    for (const std::size_t length : {100u, 16384u}) compare<T>({Mode{std::polar(1.0, angle) - 1.0, {1, -2}}}, length);
  }
}

}  // namespace

TEST(kernel_of_every_length_is_the_powers) {
  every_length<float>();
  every_length<double>();
}

TEST(kernel_in_float_is_within_3e_7_of_its_gains) {
  check::Random random(2);
  for (const std::size_t count : {4u, 16u, 32u, 64u}) {
    for (const double dt : {1e-3, 1e-2, 1e-1}) {
      for (const std::size_t length : {70u, 1000u, 16384u}) {
        const std::vector<Mode> modes = s4d_lin(random, count, dt);
        const std::vector<float> got = built<float>(modes, length);
        const std::vector<long double> want = powers(modes, length);
        for (std::size_t l = 0; l < length; ++l) CHECK_NEAR(got[l], want[l], 3e-7 * gains(modes));
      }
    }
  }
}

TEST(kernel_of_modes_that_vanish) {
  modes_that_vanish<float>();
  modes_that_vanish<double>();
}

TEST(kernel_of_modes_that_stay) {
  modes_that_stay<float>();
  modes_that_stay<double>();
}

TEST(kernel_is_linear_in_the_gains) {
  check::Random random(3);
  std::vector<Mode> modes = random_modes(random, 6);
  const std::vector<float> once = built<float>(modes, 500);
  for (Mode& mode : modes) mode.gain *= 4.0;
  const std::vector<float> four = built<float>(modes, 500);
  for (std::size_t l = 0; l < 500; ++l) CHECK(four[l] == 4 * once[l]);  // a power of two: exact
}

TEST(kernel_begins_the_same_whatever_its_length) {
  check::Random random(4);
  const std::vector<Mode> modes = random_modes(random, 5);
  const std::vector<double> longest = built<double>(modes, 3000);
  for (std::size_t length = 1; length < 3000; length += 1 + length / 3) {
    const std::vector<double> some = built<double>(modes, length);
    for (std::size_t l = 0; l < length; ++l) CHECK_NEAR(some[l], longest[l], 2 * bound<double>(modes, 3000));
  }
}
