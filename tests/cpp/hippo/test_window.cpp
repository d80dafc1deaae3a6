// SPDX-License-Identifier: Apache-2.0
#include "check.hpp"

#include <memory>
#include <numbers>
#include <vector>

#include <danaus/hippo/window_kernels.hpp>
#include <danaus/hippo/window_memory.hpp>

using namespace danaus;

namespace {

using Dense = std::vector<long double>;

constexpr Measure measures[] = {Measure::legt,  Measure::lmu,  Measure::lagt, Measure::tlagt,
                                Measure::glagt, Measure::fout, Measure::foud, Measure::fourier_decay};

MeasureOptions options(Measure measure) {
  return {1, measure == Measure::glagt ? 0.3 : 0.0, 0.5};
}

template <class T>
WindowMemory<T> memory(Measure measure, std::size_t n, double rate, WindowMethod method, std::size_t channels = 1,
                       std::size_t levels = 3) {
  const WindowKernels<T> kernels = window_kernels<T>();
  return {kernels,
          std::make_shared<const WindowTables>(
              window_tables(measure, options(measure), n, rate, method, kernels.product, levels)),
          channels};
}

template <class T>
std::vector<T> noise(std::size_t size) {
  check::Random random(5);
  std::vector<T> u(size);
  for (T& x : u) x = static_cast<T>(static_cast<float>(random()));
  return u;
}

template <class T>
View<const T, 2> rows(const std::vector<T>& u, std::size_t channels) {
  return {u.data(), {u.size() / channels, channels}};
}

template <class T>
std::vector<T> read(const WindowMemory<T>& m) {
  std::vector<T> out(m.channels() * m.order());
  m.coefficients({out.data(), {m.channels(), m.order()}});
  return out;
}

/// x' = rate (A x + B u) over one sample, by the series of the exponential in long double.
void solve_one(const std::vector<double>& a, const std::vector<double>& b, double rate, long double u, Dense& x) {
  const std::size_t n = x.size();
  for (int part = 0; part < 32; ++part) {
    Dense term = x;
    for (int power = 1; power < 30; ++power) {
      Dense next(n, 0.0L);
      for (std::size_t i = 0; i < n; ++i) {
        if (power == 1) next[i] = b[i] * u;
        for (std::size_t j = 0; j < n; ++j) next[i] += a[i * n + j] * term[j];
        next[i] *= static_cast<long double>(rate) / 32 / power;
      }
      for (std::size_t i = 0; i < n; ++i) x[i] += next[i];
      term = next;
    }
  }
}

template <class T>
std::vector<double> saved(const WindowMemory<T>& m) {
  std::vector<double> s(m.state_size());
  m.save(s);
  return s;
}

}  // namespace

TEST(window_memory_solves_its_differential_equation) {
  for (const Measure measure : measures) {
    constexpr std::size_t n = 6, length = 70;
    std::vector<double> a(n * n), b(n);
    transition(measure, options(measure), View<double, 2>(a.data(), {n, n}), std::span<double>(b));
    const std::vector<double> u = noise<double>(length);
    for (const double rate : {0.01, 0.2}) {
      WindowMemory<double> m = memory<double>(measure, n, rate, {true, 0});
      Dense x(n, 0.0L);
      for (std::size_t k = 0; k < length; ++k) {
        solve_one(a, b, rate, u[k], x);
        m.step(std::span(u).subspan(k, 1));
        if (k % 7 != 0) continue;
        const std::vector<double> got = read(m);
        for (std::size_t i = 0; i < n; ++i) CHECK_NEAR(got[i], x[i], 1e-13);
      }
    }
  }
}

TEST(window_memory_does_not_depend_on_how_it_is_fed) {
  for (const Measure measure : {Measure::legt, Measure::foud, Measure::glagt}) {
    for (const WindowMethod method : {WindowMethod{true, 0}, WindowMethod{false, 0.5}, WindowMethod{false, 1}}) {
      for (const std::size_t channels : {1u, 3u, 40u}) {
        const std::size_t length = 150;
        const std::vector<float> u = noise<float>(length * channels);
        WindowMemory<float> whole = memory<float>(measure, 10, 0.02, method, channels);
        const WindowMemory<float> empty = whole;
        whole.extend(rows(u, channels));
        for (const std::size_t piece : {1u, 5u, 16u, 17u}) {
          WindowMemory<float> m = empty;
          for (std::size_t k = 0; k < length; k += piece) {
            WindowMemory<float> next = empty;
            next.restore(saved(m));
            m = next;
            m.extend(rows(u, channels).rows(k, std::min(piece, length - k)));
            if (k % 3 == 0) read(m);  // must not leave a trace
          }
          CHECK(saved(m) == saved(whole) && read(m) == read(whole));
          CHECK(m.time() == 150);
        }
      }
    }
  }
}

TEST(window_memory_takes_irregular_times) {
  for (const Measure measure : measures) {
    WindowMemory<double> even = memory<double>(measure, 8, 0.05, {false, 0.5}, 2), odd = even, split = even;
    const std::vector<double> u = noise<double>(60);
    std::vector<double> ends(30);
    for (std::size_t k = 0; k < 30; ++k) ends[k] = static_cast<double>(k + 1);
    even.extend(rows(u, 2));
    odd.extend(rows(u, 2), ends);
    CHECK(read(even) == read(odd));
    // a held sample may be cut in many: the bilinear transform converges to the exact step
    WindowMemory<double> fine = memory<double>(measure, 8, 0.05, {false, 0.5}, 2);
    WindowMemory<double> exact = memory<double>(measure, 8, 0.05, {true, 0}, 2);
    for (std::size_t k = 0; k < 30; ++k) {
      for (int part = 1; part <= 256; ++part) {
        const double end = static_cast<double>(k) + part / 256.0;
        fine.extend(rows(u, 2).rows(k, 1), {&end, 1});
      }
    }
    exact.extend(rows(u, 2));
    const std::vector<double> a = read(fine), b = read(exact);
    for (std::size_t i = 0; i < a.size(); ++i) CHECK_NEAR(a[i], b[i], 1e-3);
  }
}

TEST(window_memory_forgets_to_zero_and_keeps_a_nan_in_its_channel) {
  for (const WindowMethod method : {WindowMethod{true, 0}, WindowMethod{false, 0.5}}) {
    for (const Measure measure : measures) {
      WindowMemory<float> m = memory<float>(measure, 6, 0.3, method, 18);
      std::vector<float> u(18, 1.0f);
      m.step(u);
      std::fill(u.begin(), u.end(), 0.0f);
      for (int k = 0; k < 20000; ++k) m.step(u);
      for (const float x : read(m)) CHECK(x == 0);
      u[5] = std::nanf("");
      for (int k = 0; k < 40; ++k) m.step(u);
      const std::vector<float> x = read(m);
      for (std::size_t i = 0; i < x.size(); ++i) {
        if (i / 6 != 5) CHECK(x[i] == 0);
        if (i == 5 * 6) CHECK(std::isnan(x[i]));
      }
    }
  }
}

TEST(window_memory_says_what_it_refuses) {
  WindowMemory<float> m = memory<float>(Measure::legt, 4, 0.1, {true, 0});
  const std::vector<float> u(2, 1.0f);
  const double ends[] = {1, 2};
  CHECK_RAISES(m.extend(rows(u, 1), ends), Error, "'bilinear' takes any times");
  CHECK_RAISES(m.extend(rows(u, 2)), Error, "must have 1 channels, got 2");
  CHECK_RAISES(m.reconstruct(ends, {}), Error, "at least one sample");
  CHECK_RAISES(m.restore(std::vector<double>(3)), Error, "numbers, got 3");
  WindowMemory<float> timed = memory<float>(Measure::legt, 4, 0.1, {false, 0.5});
  const double back[] = {2, 1};
  CHECK_RAISES(timed.extend(rows(u, 1), back), Error, "increase from beyond 2");
}
