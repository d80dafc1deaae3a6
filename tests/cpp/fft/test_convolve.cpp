// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <complex>
#include <cstddef>
#include <limits>
#include <vector>

#include <check.hpp>
#include <danaus/fft/convolve.hpp>

using namespace danaus;

namespace {

template <class T>
struct Matrix {
  std::size_t rows, columns, stride;
  std::vector<T> values;

  Matrix(std::size_t r, std::size_t c, std::size_t s = 0)
      : rows(r), columns(c), stride(s == 0 ? c : s), values(r * stride, T(0)) {}
  static Matrix random(check::Random& next, std::size_t r, std::size_t c, std::size_t s = 0) {
    Matrix matrix(r, c, s);
    for (T& x : matrix.values) x = static_cast<T>(next());
    return matrix;
  }
  T& operator()(std::size_t i, std::size_t j) { return values[i * stride + j]; }
  T operator()(std::size_t i, std::size_t j) const { return values[i * stride + j]; }
  View<T, 2> view() { return {values.data(), {rows, columns}, {stride, 1}}; }
  View<const T, 2> view() const { return {values.data(), {rows, columns}, {stride, 1}}; }
};

template <class T>
Matrix<T> convolved(const FourierPlan<T>& plan, const Matrix<T>& u, const Matrix<T>& k) {
  Buffer<std::byte> scratch(convolve_workspace_bytes(plan));
  Matrix<T> y(u.rows, u.columns);
  causal_convolve(plan, u.view(), k.view(), y.view(), workspace(scratch));
  return y;
}

template <class T>
double length_of(const Matrix<T>& m, std::size_t count, std::size_t column, bool along_rows) {
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const double x = static_cast<double>(along_rows ? m(column, i) : m(i, column));
    sum += x * x;
  }
  return std::sqrt(sum);
}

/// As the comment on convolve_tile says.
template <class T>
double bound(const FourierPlan<T>& plan, const Matrix<T>& u, const Matrix<T>& k, std::size_t channel) {
  const double levels = std::log2(4 * static_cast<double>(plan.length));
  return (sizeof(T) == 4 ? 1e-7 : 2e-16) * levels * length_of(u, u.rows, channel, false) *
         length_of(k, std::min(u.rows, k.columns), channel, true);
}

template <class T>
void compare(const FourierPlan<T>& plan, const Matrix<T>& u, const Matrix<T>& k, const Matrix<T>& y) {
  for (std::size_t h = 0; h < u.columns; ++h) {
    const double most = bound(plan, u, k, h);
    for (std::size_t t = 0; t < u.rows; ++t) {
      long double sum = 0;
      for (std::size_t j = 0; j <= t && j < k.columns; ++j) {
        sum += static_cast<long double>(k(h, j)) * static_cast<long double>(u(t - j, h));
      }
      CHECK_NEAR(y(t, h), sum, most);
    }
  }
}

template <class T>
void compare(check::Random& random, std::size_t length, std::size_t channels, std::size_t taps) {
  const FourierPlan<T> plan(length);
  const Matrix<T> u = Matrix<T>::random(random, length, channels, channels + length % 3);
  const Matrix<T> k = Matrix<T>::random(random, channels, taps, taps + channels % 2);
  compare(plan, u, k, convolved(plan, u, k));
}

template <class T>
void every_length() {
  check::Random random(1);
  for (std::size_t length = 1; length <= 70; ++length) {
    for (const std::size_t taps : {std::size_t{1}, (length + 1) / 2, length, length + 5}) {
      compare<T>(random, length, 1 + (length * 7 + taps) % 40, taps);
    }
  }
  for (std::size_t channels = 1; channels <= 40; ++channels) compare<T>(random, 21, channels, 21);
  for (const std::size_t length : {127u, 128u, 129u}) compare<T>(random, length, 3, length + 1);
  compare<T>(random, 1000, 2, 1000);
  compare<T>(random, 4096, 2, 100);
}

/// Which frequency the transform leaves at a place: quarters hold those of the same remainder by
/// four, each in the order of its own transform.
std::size_t frequency(std::size_t place, std::size_t points) {
  if (points <= 2) return place;
  return 4 * frequency(place % (points / 4), points / 4) + place / (points / 4);
}

template <class T>
void transforms() {
  check::Random random(2);
  for (const std::size_t planned : {1u, 2u, 4u, 8u, 16u, 32u, 64u, 128u}) {
    const FourierPlan<T> plan(planned);
    CHECK(plan.length == planned);
    Buffer<T> data(2 * tile * planned);
    for (T& x : data) x = static_cast<T>(random());
    const Buffer<T> before = data;
    transform(plan, data.data(), planned);
    const double n = static_cast<double>(planned), levels = std::max(1.0, std::log2(n));
    const double unit = static_cast<double>(std::numeric_limits<T>::epsilon());
    for (std::size_t lane = 0; lane < tile; lane += planned > 32 ? 5 : 1) {
      for (std::size_t place = 0; place < planned; ++place) {
        std::complex<long double> sum = 0;
        for (std::size_t j = 0; j < planned; ++j) {
          const long double turns =
              static_cast<long double>(j * frequency(place, planned) % planned) / static_cast<long double>(planned);
          sum += std::complex<long double>(before[2 * tile * j + lane], before[2 * tile * j + tile + lane]) *
                 std::polar(1.0L, -2 * 3.14159265358979323846264338328L * turns);
        }
        // |x|_2 <= sqrt(2 n), each level rounds a few times: 4 u a level at the worst.
        CHECK_NEAR(data[2 * tile * place + lane], sum.real(), 2 * unit * levels * std::sqrt(2 * n));
        CHECK_NEAR(data[2 * tile * place + tile + lane], sum.imag(), 2 * unit * levels * std::sqrt(2 * n));
      }
    }
    transform_back(plan, data.data(), planned);
    for (std::size_t i = 0; i < data.size(); ++i)
      CHECK_NEAR(data[i], n * static_cast<double>(before[i]), 2 * unit * levels * n);
  }
}

template <class T>
void laws() {
  check::Random random(3);
  for (const std::size_t length : {1u, 2u, 5u, 16u, 33u, 100u, 300u}) {
    const std::size_t channels = 1 + length % 23;
    const FourierPlan<T> plan(length);
    const Matrix<T> u = Matrix<T>::random(random, length, channels), v = Matrix<T>::random(random, length, channels);
    const Matrix<T> k = Matrix<T>::random(random, channels, length);
    const Matrix<T> y = convolved(plan, u, k), z = convolved(plan, v, k);

    Matrix<T> both = u, late(length, channels), in_place = u;
    for (std::size_t i = 0; i < u.values.size(); ++i) both.values[i] = u.values[i] + T(2) * v.values[i];
    const std::size_t delay = length / 3;
    for (std::size_t t = delay; t < length; ++t)
      std::copy_n(&u.values[(t - delay) * channels], channels, &late.values[t * channels]);
    const Matrix<T> sum = convolved(plan, both, k), delayed = convolved(plan, late, k);
    Buffer<std::byte> scratch(convolve_workspace_bytes(plan));
    causal_convolve(plan, View<const T, 2>(in_place.view()), k.view(), in_place.view(), workspace(scratch));
    CHECK(in_place.values == y.values);
    for (std::size_t h = 0; h < channels; ++h) {
      const double most = 4 * (bound(plan, u, k, h) + bound(plan, v, k, h));
      for (std::size_t t = 0; t < length; ++t) {
        CHECK_NEAR(sum(t, h), y(t, h) + T(2) * z(t, h), most);
        CHECK_NEAR(delayed(t, h), t < delay ? T(0) : y(t - delay, h), most);
      }
    }
  }
}

/// An impulse gives the kernel, a kernel of one tap the input, whatever the plan's length.
template <class T>
void impulses() {
  check::Random random(4);
  for (const std::size_t planned : {5u, 64u, 200u}) {
    const FourierPlan<T> plan(planned);
    Matrix<T> impulse(5, 18), once(18, 1);
    for (std::size_t h = 0; h < 18; ++h) impulse(0, h) = once(h, 0) = 1;
    const Matrix<T> u = Matrix<T>::random(random, 5, 18), k = Matrix<T>::random(random, 18, 5);
    compare(plan, u, k, convolved(plan, u, k));
    compare(plan, impulse, k, convolved(plan, impulse, k));
    compare(plan, u, once, convolved(plan, u, once));
  }
}

/// Taps at or beyond the length, and rows between the channels', are never read.
template <class T>
void not_a_number() {
  check::Random random(5);
  const FourierPlan<T> plan(40);
  Matrix<T> u = Matrix<T>::random(random, 40, 20), k = Matrix<T>::random(random, 20, 60);
  const Matrix<T> clean = convolved(plan, u, k);
  for (std::size_t h = 0; h < 20; ++h) k(h, 40 + h) = std::numeric_limits<T>::quiet_NaN();
  CHECK(convolved(plan, u, k).values == clean.values);
  for (const std::size_t bad : {0u, 7u, 15u, 16u, 19u}) {
    Matrix<T> poisoned = u;
    poisoned(39, bad) = std::numeric_limits<T>::quiet_NaN();
    const Matrix<T> y = convolved(plan, poisoned, k);
    for (std::size_t t = 0; t < 40; ++t) {
      for (std::size_t h = 0; h < 20; ++h) CHECK(h == bad ? std::isnan(y(t, h)) : y(t, h) == clean(t, h));
    }
  }
}

}  // namespace

TEST(convolution_of_every_length_is_the_direct_sum) {
  every_length<float>();
  every_length<double>();
}

TEST(transform_is_the_fourier_transform_in_digit_reversed_order) {
  transforms<float>();
  transforms<double>();
}

TEST(convolution_is_linear_and_does_not_depend_on_time) {
  laws<float>();
  laws<double>();
}

TEST(convolution_with_impulses_and_longer_plans) {
  impulses<float>();
  impulses<double>();
}

TEST(convolution_keeps_what_is_not_finite_in_its_channel) {
  not_a_number<float>();
  not_a_number<double>();
}

TEST(convolution_of_nothing_is_nothing) {
  const FourierPlan<float> plan(0);
  CHECK(plan.length == 1);
  CHECK(convolved(plan, Matrix<float>(0, 3), Matrix<float>(3, 4)).values.empty());
}
