// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <numbers>
#include <vector>

#include <check.hpp>
#include <danaus/fft/convolve.hpp>
#include <danaus/fft/fourier.hpp>

using namespace danaus;

namespace {

using Complex = std::complex<double>;

/// How signals stand in memory.
enum class Layout { times_together, channels_together, parts_apart };

template <class T>
FourierPlan<T> plan_of(std::size_t n, bool real, bool alone) {
  return FourierPlan<T>(
      n, real, segments_if(alone),
      [](std::size_t least, InLanes in_lanes) {
        return std::make_shared<const RingPlan<T>>(least, in_lanes, Turn::full, ring_radix);
      },
      &spectrum<T>);
}

template <class T>
struct Block {
  std::size_t count, channels;
  std::vector<T> values;
  Signals<T> signals;

  Block(std::size_t count_, std::size_t channels_, bool complex, Layout layout)
      : count(count_), channels(channels_), values(2 * count * channels + 4, T(77)) {
    T* const p = values.data() + 1;
    const std::size_t wide = complex && layout != Layout::parts_apart ? 2 : 1;
    signals = {p, nullptr, count, channels, wide, wide * count};
    if (layout != Layout::times_together) signals.step = wide * channels, signals.apart = wide;
    if (complex) signals.im = wide == 2 ? p + 1 : p + count * channels;
  }
  Block(const Block&) = delete;  // `signals` points into `values`
  Block& operator=(const Block&) = delete;

  Signals<const T> in() const { return {signals.re, signals.im, count, channels, signals.step, signals.apart}; }
  std::size_t at(std::size_t t, std::size_t c) const { return t * signals.step + c * signals.apart; }
  Complex operator()(std::size_t t, std::size_t c) const {
    return {static_cast<double>(signals.re[at(t, c)]),
            signals.im == nullptr ? 0.0 : static_cast<double>(signals.im[at(t, c)])};
  }
  void fill(check::Random& random) {
    for (std::size_t c = 0; c < channels; ++c) {
      for (std::size_t t = 0; t < count; ++t) {
        signals.re[at(t, c)] = static_cast<T>(random());
        if (signals.im != nullptr) signals.im[at(t, c)] = static_cast<T>(random());
      }
    }
  }
};

template <class T>
void run(const FourierPlan<T>& plan, bool back, const Block<T>& x, Block<T>& y) {
  Buffer<std::byte> scratch(fourier_workspace_bytes(plan));
  for (std::size_t first = 0; first < x.channels; first += plan.channels()) {
    fourier(plan, back, first, x.in(), y.signals, workspace(scratch));
  }
}

/// Against the sums, forth and back.
template <class T>
void compare(check::Random& random, std::size_t n, std::size_t channels, bool real, bool alone, Layout layout) {
  const FourierPlan<T> plan = plan_of<T>(n, real, alone);
  const std::size_t given = n - n % 3 % 2;  // at times one is missing: a zero follows
  Block<T> x(given, channels, !real, layout), y(plan.values(), channels, true, layout);
  Block<T> again(n, channels, !real, layout);
  x.fill(random);
  run(plan, false, x, y);
  run(plan, true, y, again);
  const double unit = static_cast<double>(std::numeric_limits<T>::epsilon());
  const double most = 2 * unit * (4 + std::log2(static_cast<double>(n))) * std::sqrt(2.0 * static_cast<double>(n));
  std::vector<Complex> roots(n);
  for (std::size_t t = 0; t < n; ++t) {
    roots[t] = std::polar(1.0, -2 * std::numbers::pi * static_cast<double>(t) / static_cast<double>(n));
  }
  for (std::size_t c = 0; c < channels; ++c) {
    for (std::size_t k = c % 3; k < plan.values(); k += n > 300 ? 17 : 3) {
      Complex sum = 0;
      for (std::size_t t = 0; t < given; ++t) sum += x(t, c) * roots[t * k % n];
      CHECK_NEAR(std::abs(y(k, c) - sum), 0, most);
    }
    for (std::size_t t = 0; t < n; ++t) {
      const Complex wanted = t < given ? x(t, c) : Complex(0);
      CHECK_NEAR(std::abs(again(t, c) - wanted), 0, 4 * most / std::sqrt(static_cast<double>(n)));
    }
  }
  CHECK(y.values.front() == T(77) && y.values.back() == T(77) && again.values.back() == T(77));
}

template <class T>
void every_length() {
  check::Random random(1);
  for (const bool real : {false, true}) {
    for (const Layout layout : {Layout::times_together, Layout::channels_together, Layout::parts_apart}) {
      for (std::size_t n = 1; n <= 70; n += layout == Layout::parts_apart ? 3 : 1) {
        compare<T>(random, n, 1 + n * 7 % 37, real, false, layout);
      }
      compare<T>(random, 360, 3, real, false, layout);
      for (const std::size_t n : {256u, 257u, 512u, 1000u, 1280u, 1536u}) {
        CHECK(FourierPlan<T>::can_be_alone(2 * n, real));
        if (FourierPlan<T>::can_be_alone(n, real)) compare<T>(random, n, 2, real, true, layout);
      }
    }
  }
}

/// Imaginary parts that a real signal's transform cannot have change nothing.
template <class T>
void impossible_parts() {
  check::Random random(2);
  for (const std::size_t n : {1u, 2u, 7u, 8u, 64u}) {
    const FourierPlan<T> plan = plan_of<T>(n, true, false);
    const Layout layout = Layout::times_together;
    Block<T> x(plan.values(), 3, true, layout), clean(plan.values(), 3, true, layout);
    Block<T> y(n, 3, false, layout), z(n, 3, false, layout);
    x.fill(random);
    std::copy(x.values.begin(), x.values.end(), clean.values.begin());
    for (std::size_t c = 0; c < 3; ++c) {
      clean.signals.im[clean.at(0, c)] = T(0);
      if (n % 2 == 0) clean.signals.im[clean.at(n / 2, c)] = T(0);
    }
    run(plan, true, x, y);
    run(plan, true, clean, z);
    CHECK(y.values == z.values);
  }
}

}  // namespace

TEST(fourier_transforms_of_every_length_are_the_sums) {
  every_length<float>();
  every_length<double>();
}

TEST(fourier_transforms_ignore_impossible_parts) {
  impossible_parts<float>();
  impossible_parts<double>();
}
