// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <vector>

#include <check.hpp>
#include <danaus/core/buffer.hpp>
#include <danaus/fft/convolve_vjp.hpp>

using namespace danaus;

namespace {

template <class T>
std::vector<T> numbers(check::Random& next, std::size_t count) {
  std::vector<T> values(count);
  for (T& x : values) x = static_cast<T>(next());
  return values;
}

/// u, k and the gradient of y; du and dk as convolve_vjp gives them.
template <class T>
struct Job {
  std::size_t batch, length, channels, taps;
  std::vector<T> u, k, grad, du, dk;

  Job(check::Random& next, std::size_t b, std::size_t l, std::size_t h, std::size_t j)
      : batch(b),
        length(l),
        channels(h),
        taps(j),
        u(numbers<T>(next, b * l * h)),
        k(numbers<T>(next, h * j)),
        grad(numbers<T>(next, b * l * h)),
        du(b * l * h, T(77)),
        dk(h * j, T(77)) {}

  void run(const RingPlan<T>& plan, bool by_u = true, bool by_k = true) {
    const View<const T, 3> in(u.data(), {batch, length, channels}), back(grad.data(), {batch, length, channels});
    const View<const T, 2> filter(k.data(), {channels, taps});
    const View<T, 3> out(by_u ? du.data() : nullptr, {batch, length, channels});
    const View<T, 2> lags(by_k ? dk.data() : nullptr, {channels, taps});
    Buffer<std::byte> scratch(convolve_vjp_workspace_bytes(plan));
    for (std::size_t first = 0; first < channels; first += plan.channels()) {
      convolve_vjp(plan, first, in, filter, back, out, lags, workspace(scratch));
    }
  }
  std::size_t at(std::size_t b, std::size_t t, std::size_t h) const { return (b * length + t) * channels + h; }
};

template <class T>
double size_of(const std::vector<T>& values, std::size_t first, std::size_t step, std::size_t count) {
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const double x = static_cast<double>(values[first + i * step]);
    sum += x * x;
  }
  return std::sqrt(sum);
}

/// Against the sums themselves, within what the comment on convolve_vjp says.
template <class T>
void compare(check::Random& next, std::size_t batch, std::size_t length, std::size_t channels, std::size_t taps,
             std::size_t planned, bool alone = false) {
  const RingPlan<T> plan(planned, segments_if(alone));
  Job<T> job(next, batch, length, channels, taps);
  job.run(plan);
  const double unit = (sizeof(T) == 4 ? 1e-7 : 2e-16) * std::log2(4 * static_cast<double>(planned));
  const std::size_t reached = std::min(length, taps);
  for (std::size_t h = 0; h < channels; ++h) {
    std::vector<long double> dk(taps, 0);
    double both = 0;
    for (std::size_t b = 0; b < batch; ++b) {
      const double grads = size_of(job.grad, job.at(b, 0, h), channels, length);
      both += grads * size_of(job.u, job.at(b, 0, h), channels, length);
      const double most = unit * grads * size_of(job.k, h * taps, 1, reached);
      for (std::size_t t = 0; t < length; ++t) {
        long double du = 0;
        for (std::size_t j = 0; j < taps && t + j < length; ++j) {
          const auto later = static_cast<long double>(job.grad[job.at(b, t + j, h)]);
          du += static_cast<long double>(job.k[h * taps + j]) * later;
          dk[j] += static_cast<long double>(job.u[job.at(b, t, h)]) * later;
        }
        CHECK_NEAR(job.du[job.at(b, t, h)], du, most);
      }
    }
    for (std::size_t j = 0; j < taps; ++j) CHECK_NEAR(job.dk[h * taps + j], dk[j], j < length ? unit * both : 0.0);
  }
}

template <class T>
void every_length() {
  check::Random next(1);
  for (std::size_t length = 1; length <= 70; ++length) {
    for (const std::size_t taps : {std::size_t{0}, std::size_t{1}, (length + 1) / 2, length, length + 5}) {
      compare<T>(next, 1 + length % 3, length, 1 + (length * 7 + taps) % 40, taps, length + taps % 3);
    }
  }
  for (const std::size_t length : {127u, 128u, 129u, 1000u}) {
    for (const bool alone : {false, true}) compare<T>(next, 2, length, 2, length, length, alone);
  }
}

/// What is not wanted is neither written nor read; what is has the same bits.
template <class T>
void one_alone() {
  check::Random next(2);
  const RingPlan<T> plan(50);
  const Job<T> given(next, 3, 50, 21, 30);
  Job<T> whole = given, signal = given, filter = given;
  whole.run(plan);
  signal.u.assign(signal.u.size(), std::numeric_limits<T>::quiet_NaN());
  signal.run(plan, true, false);
  CHECK(signal.du == whole.du && signal.dk == given.dk);
  filter.k.assign(filter.k.size(), std::numeric_limits<T>::quiet_NaN());
  filter.run(plan, false, true);
  CHECK(filter.dk == whole.dk && filter.du == given.du);
}

/// <grad, k * u> = <du, u> = <dk, k>.
template <class T>
void adjoint() {
  check::Random next(3);
  for (const std::size_t length : {1u, 7u, 64u, 100u}) {
    Job<T> job(next, 1, length, 5, length);
    const ConvolutionPlan<T> plan(5, length, length, new_ring<T>);
    job.run(*plan.body);
    std::vector<T> y(job.u.size());
    Buffer<std::byte> scratch(convolve_workspace_bytes(plan));
    Buffer<T> spectra(plan.spectra_size());
    const View<const T, 2> taps(job.k.data(), {length, 5}, {1, length});
    filter(plan, 0, plan.groups(), taps, static_cast<const View<const T, 2>*>(nullptr), FilterKind::causal,
           spectra.data(), workspace(scratch));
    convolve(plan, 0, plan.groups(), View<const T, 2>(job.u.data(), {length, 5}), spectra.data(),
             View<T, 2>(y.data(), {length, 5}), workspace(scratch));
    double forth = 0, by_u = 0, by_k = 0;
    for (std::size_t i = 0; i < y.size(); ++i) {
      forth += static_cast<double>(y[i]) * static_cast<double>(job.grad[i]);
      by_u += static_cast<double>(job.du[i]) * static_cast<double>(job.u[i]);
      by_k += static_cast<double>(job.dk[i]) * static_cast<double>(job.k[i]);
    }
    const double n = static_cast<double>(length), unit = sizeof(T) == 4 ? 1e-7 : 2e-16;
    CHECK_NEAR(by_u, forth, 10 * unit * std::log2(4 * n) * n * std::sqrt(n));  // |u| |k| |grad| of 5 channels
    CHECK_NEAR(by_k, forth, 10 * unit * std::log2(4 * n) * n * std::sqrt(n));
  }
}

}  // namespace

TEST(convolution_gradients_of_every_length_are_the_sums) {
  every_length<float>();
  every_length<double>();
}

TEST(convolution_gradients_one_alone_are_the_same) {
  one_alone<float>();
  one_alone<double>();
}

TEST(convolution_and_its_gradients_are_adjoint) {
  adjoint<float>();
  adjoint<double>();
}
