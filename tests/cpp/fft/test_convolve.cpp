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

/// A plan and the kernels' spectra.
template <class T>
struct Filter {
  ConvolutionPlan<T> plan;
  Buffer<T> spectra;
  mutable Buffer<std::byte> scratch;

  Filter(std::size_t length, const Matrix<T>& k, bool whole = true, const Matrix<T>* backward = nullptr,
         FilterKind kind = FilterKind::causal)
      : plan(k.rows, whole ? length : std::min(k.columns, length), length, new_ring<T>),
        spectra(plan.spectra_size()),
        scratch(convolve_workspace_bytes(plan)) {
    const auto taps = [&](const Matrix<T>& m) {
      return View<const T, 2>(m.values.data(), {std::min(m.columns, whole ? length : plan.block()), m.rows},
                              {1, m.stride});
    };
    const View<const T, 2> back = taps(backward == nullptr ? k : *backward);
    filter(plan, 0, plan.groups(), taps(k), backward == nullptr ? nullptr : &back, kind, spectra.data(),
           workspace(scratch));
  }
  Matrix<T> operator()(const Matrix<T>& u) const {
    Matrix<T> y(u.rows, u.columns);
    convolve(plan, 0, plan.groups(), u.view(), spectra.data(), y.view(), workspace(scratch));
    return y;
  }
};

template <class T>
Matrix<T> convolved(std::size_t length, const Matrix<T>& u, const Matrix<T>& k) {
  return Filter<T>(length, k)(u);
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

/// As the comment on convolve says.
template <class T>
double bound(std::size_t length, const Matrix<T>& u, const Matrix<T>& k, std::size_t channel) {
  const double levels = std::log2(4 * static_cast<double>(length));
  return (sizeof(T) == 4 ? 1e-7 : 2e-16) * levels * length_of(u, u.rows, channel, false) *
         length_of(k, std::min(u.rows, k.columns), channel, true);
}

template <class T>
void compare(std::size_t length, const Matrix<T>& u, const Matrix<T>& k, const Matrix<T>& y) {
  for (std::size_t h = 0; h < u.columns; ++h) {
    const double most = bound(length, u, k, h);
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
  const Matrix<T> u = Matrix<T>::random(random, length, channels, channels + length % 3);
  const Matrix<T> k = Matrix<T>::random(random, channels, taps, taps + channels % 2);
  compare(length, u, k, convolved(length, u, k));
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
  for (const std::size_t channels : {2u, 5u, 9u, 22u, 31u}) compare<T>(random, 256, channels, 256);
  compare<T>(random, 1000, 2, 1000);
  compare<T>(random, 1200, 3, 700);
  compare<T>(random, 4096, 2, 100);
}

template <class T>
void laws() {
  check::Random random(3);
  for (const std::size_t length : {1u, 2u, 5u, 16u, 33u, 100u, 300u}) {
    const std::size_t channels = 1 + length % 23;
    const Matrix<T> u = Matrix<T>::random(random, length, channels), v = Matrix<T>::random(random, length, channels);
    const Matrix<T> k = Matrix<T>::random(random, channels, length);
    const Matrix<T> y = convolved(length, u, k), z = convolved(length, v, k);

    Matrix<T> both = u, late(length, channels), in_place = u;
    for (std::size_t i = 0; i < u.values.size(); ++i) both.values[i] = u.values[i] + T(2) * v.values[i];
    const std::size_t delay = length / 3;
    for (std::size_t t = delay; t < length; ++t)
      std::copy_n(&u.values[(t - delay) * channels], channels, &late.values[t * channels]);
    const Matrix<T> sum = convolved(length, both, k), delayed = convolved(length, late, k);
    const Filter<T> kept(length, k);
    convolve(kept.plan, 0, kept.plan.groups(), View<const T, 2>(in_place.view()), kept.spectra.data(), in_place.view(),
             workspace(kept.scratch));
    CHECK(in_place.values == y.values);
    for (std::size_t h = 0; h < channels; ++h) {
      const double most = 4 * (bound(length, u, k, h) + bound(length, v, k, h));
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
  for (const std::size_t planned : {5u, 64u, 200u, 256u, 300u, 8193u, 12000u}) {
    const std::size_t length = planned < 1000 ? 5 : 95;
    Matrix<T> impulse(length, 18), once(18, 1);
    for (std::size_t h = 0; h < 18; ++h) impulse(0, h) = once(h, 0) = 1;
    const Matrix<T> u = Matrix<T>::random(random, length, 18), k = Matrix<T>::random(random, 18, length);
    compare(planned, u, k, convolved(planned, u, k));
    compare(planned, impulse, k, convolved(planned, impulse, k));
    compare(planned, u, once, convolved(planned, u, once));
  }
}

/// Long blocks, whole and not: a few impulses give as many delayed kernels, in either layout.
template <class T>
void long_blocks() {
  check::Random random(7);
  for (const std::size_t length : {8192u, 8193u, 15360u, 16381u}) {
    const std::size_t channels = 35, places[] = {0, length / 7, length / 2 + 1, length - 2};
    const Matrix<T> k = Matrix<T>::random(random, channels, length);
    Matrix<T> u(length, channels, channels + 5);
    for (const std::size_t t : places) {
      for (std::size_t h = 0; h < channels; ++h) u(t, h) = static_cast<T>(random());
    }
    const Filter<T> kept(length, k);
    const Matrix<T> y = kept(u);
    Matrix<T> turned(channels, length), result(channels, length);
    for (std::size_t h = 0; h < channels; ++h) {
      for (std::size_t t = 0; t < length; ++t) turned(h, t) = u(t, h);
    }
    convolve(kept.plan, 0, kept.plan.groups(), View<const T, 2>(turned.values.data(), {length, channels}, {1, length}),
             kept.spectra.data(), View<T, 2>(result.values.data(), {length, channels}, {1, length}),
             workspace(kept.scratch));
    for (std::size_t h = 0; h < channels; ++h) {
      const double most = bound(length, u, k, h);
      for (std::size_t t = 0; t < length; ++t) {
        double sum = 0;
        for (const std::size_t at : places) {
          if (at <= t) sum += static_cast<double>(u(at, h)) * static_cast<double>(k(h, t - at));
        }
        CHECK_NEAR(y(t, h), sum, most);
        CHECK(result(h, t) == y(t, h));
      }
    }
  }
}

/// Taps at or beyond the length, and rows between the channels', are never read.
template <class T>
void not_a_number() {
  check::Random random(5);
  Matrix<T> u = Matrix<T>::random(random, 40, 20), k = Matrix<T>::random(random, 20, 60);
  const Matrix<T> clean = convolved(std::size_t{40}, u, k);
  for (std::size_t h = 0; h < 20; ++h) k(h, 40 + h) = std::numeric_limits<T>::quiet_NaN();
  CHECK(convolved(std::size_t{40}, u, k).values == clean.values);
  for (const std::size_t bad : {0u, 7u, 15u, 16u, 19u}) {
    Matrix<T> poisoned = u;
    poisoned(39, bad) = std::numeric_limits<T>::quiet_NaN();
    const Matrix<T> y = convolved(std::size_t{40}, poisoned, k);
    for (std::size_t t = 0; t < 40; ++t) {
      for (std::size_t h = 0; h < 20; ++h) CHECK(h == bad ? std::isnan(y(t, h)) : y(t, h) == clean(t, h));
    }
  }
}

/// Both layouts, correlation, backward taps, and a sequence in chunks.
template <class T>
void other_forms() {
  check::Random random(6);
  for (const std::size_t length : {1u, 2u, 7u, 40u, 130u, 777u, 2100u}) {
    for (const std::size_t channels : {1u, 3u, 16u, 18u, 70u}) {
      if (length * channels > 20000) continue;
      const std::size_t taps = 1 + length / 3;
      const Matrix<T> u = Matrix<T>::random(random, length, channels), k = Matrix<T>::random(random, channels, taps),
                      b = Matrix<T>::random(random, channels, length);
      const Filter<T> causal(length, k), both(length, k, true, &b),
          adjoint(length, k, true, nullptr, FilterKind::correlation), blocks(length, k, false);
      const Matrix<T> y = causal(u), z = both(u), x = adjoint(u);
      compare(length, u, k, y);
      Matrix<T> turned(channels, length), result(channels, length);
      for (std::size_t t = 0; t < length; ++t) {
        for (std::size_t h = 0; h < channels; ++h) turned(h, t) = u(t, h);
      }
      convolve(causal.plan, 0, causal.plan.groups(),
               View<const T, 2>(turned.values.data(), {length, channels}, {1, length}), causal.spectra.data(),
               View<T, 2>(result.values.data(), {length, channels}, {1, length}), workspace(causal.scratch));
      Matrix<T> chunks(length, channels);
      Buffer<T> carry(blocks.plan.groups() * blocks.plan.stage_size(), T(0));
      for (std::size_t t = 0, step = 1; t < length; t += step, step = 1 + step * 3 % 97) {
        step = std::min(step, length - t);
        convolve_on(blocks.plan, 0, blocks.plan.groups(), u.view().rows(t, step), blocks.spectra.data(), carry.data(),
                    chunks.view().rows(t, step), workspace(blocks.scratch));
      }
      compare(4 * length, u, k, chunks);
      for (std::size_t h = 0; h < channels; ++h) {
        const double most = bound(length, u, k, h) + bound(length, u, b, h);
        for (std::size_t t = 0; t < length; ++t) {
          CHECK(result(h, t) == y(t, h));
          double future = 0, correlation = 0;
          for (std::size_t j = 0; t + j < length; ++j) {
            if (j < taps) correlation += static_cast<double>(k(h, j)) * static_cast<double>(u(t + j, h));
            if (t + 1 + j < length) future += static_cast<double>(b(h, j)) * static_cast<double>(u(t + 1 + j, h));
          }
          CHECK_NEAR(x(t, h), correlation, most);
          CHECK_NEAR(z(t, h), static_cast<double>(y(t, h)) + future, 2 * most);
        }
      }
    }
  }
}

}  // namespace

TEST(convolution_of_every_length_is_the_direct_sum) {
  every_length<float>();
  every_length<double>();
}

TEST(convolution_is_linear_and_does_not_depend_on_time) {
  laws<float>();
  laws<double>();
}

TEST(convolution_with_impulses_and_longer_plans) {
  impulses<float>();
  impulses<double>();
}

TEST(convolution_in_long_blocks) {
  long_blocks<float>();
  long_blocks<double>();
}

TEST(convolution_keeps_what_is_not_finite_in_its_channel) {
  not_a_number<float>();
  not_a_number<double>();
}

TEST(convolution_of_nothing_is_nothing) {
  CHECK(convolved(std::size_t{0}, Matrix<float>(0, 3), Matrix<float>(3, 4)).values.empty());
  for (const float y : convolved(std::size_t{5}, Matrix<float>(5, 3), Matrix<float>(3, 0)).values) CHECK(y == 0);
}

TEST(convolution_in_other_layouts_directions_and_chunks) {
  other_forms<float>();
  other_forms<double>();
}
