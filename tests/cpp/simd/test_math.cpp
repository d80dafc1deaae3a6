// SPDX-License-Identifier: Apache-2.0
#include <danaus/simd/math.hpp>

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "../check.hpp"

// Every function against libm in double, at a stride of bit patterns through the whole range of
// float and densely at its seams, against the bounds that stand above the functions (the larger of
// the two: an unoptimised build fuses nothing). DANAUS_EXHAUSTIVE=1 in the environment: at every float.
namespace {

using namespace danaus;
using simd::vec;
using Native = simd::native<float>;

/// The stride of bit patterns; DANAUS_EXHAUSTIVE=<stride> asks for another one, and for a report.
std::uint32_t asked_stride() {
  const char* asked = std::getenv("DANAUS_EXHAUSTIVE");
  return asked == nullptr ? 0 : static_cast<std::uint32_t>(std::strtoul(asked, nullptr, 10));
}

float from_bits(std::uint32_t b) {
  return __builtin_bit_cast(float, b);
}
std::uint32_t to_bits(float x) {
  return __builtin_bit_cast(std::uint32_t, x);
}

/// Distance of `got` from `want` in ulps, as check::ulps, without frexp: this runs 2^32 times.
double distance(float got, double want) {
  const float near = static_cast<float>(want);
  if (!(std::fabs(near) < HUGE_VALF) || !(std::fabs(got) < HUGE_VALF)) {
    return (std::isnan(near) && std::isnan(got)) || near == got ? 0 : HUGE_VAL;
  }
  const std::uint64_t exponent = (to_bits(near) >> 23) & 0xff;
  const double unit = __builtin_bit_cast(double, (std::max<std::uint64_t>(exponent, 1) + (1023 - 127 - 23)) << 52);
  return std::fabs(static_cast<double>(got) - want) / unit;
}

struct Worst {
  double error = 0;
  float at = 0;
};

/// The largest error of f over all bit patterns in [first, last] at `stride`.
template <class V, class F, class G>
void scan(F f, G reference, std::uint32_t first, std::uint32_t last, std::uint32_t stride, Worst& worst) {
  constexpr std::size_t N = V::size();
  std::uint64_t b = first;
  while (b <= last) {
    float x[N], y[N];
    for (std::size_t i = 0; i < N; ++i) {
      x[i] = from_bits(static_cast<std::uint32_t>(std::min<std::uint64_t>(b, last)));
      b += stride;
    }
    simd::store(f(simd::load<V>(x)), y);
    for (std::size_t i = 0; i < N; ++i) {
      const double error = distance(y[i], reference(static_cast<double>(x[i])));
      if (error > worst.error) worst = {error, x[i]};
    }
  }
}

/// The widths below V's, down to one lane, more sparsely.
template <class V, class F, class G>
void scan_halves(F f, G reference, Worst& worst) {
  if constexpr (V::size() > 1) {
    using Half = vec<float, V::size() / 2>;
    scan<Half>(f, reference, 0, 0xffffffffu, 40009, worst);
    scan_halves<Half>(f, reference, worst);
  }
}

template <class F, class G>
void check_bound(const char* name, F f, G reference, double bound, std::initializer_list<float> seams) {
  Worst worst;
  const std::uint32_t asked = asked_stride();
  scan<Native>(f, reference, 0, 0xffffffffu, asked == 0 ? 8009 : asked, worst);
  scan_halves<Native>(f, reference, worst);
  for (const float seam : seams) {
    for (const float s : {seam, -seam}) {
      const std::uint32_t middle = to_bits(s), magnitude = middle & 0x7fffffffu, sign = middle & 0x80000000u;
      const std::uint32_t low = magnitude < 200 ? 0 : magnitude - 200, high = std::min(magnitude + 200, 0x7fffffffu);
      scan<Native>(f, reference, sign | low, sign | high, 1, worst);
    }
  }
  if (asked != 0) {
    std::printf("%-18s %.3f ulp at %.9g\n", name, worst.error, static_cast<double>(worst.at));
    std::fflush(stdout);
  }
  if (!(worst.error <= bound)) {
    check::fail(__FILE__, __LINE__, name, check::numbers(worst.error, bound) + " ulp at " + std::to_string(worst.at));
  }
}

constexpr float inf = std::numeric_limits<float>::infinity();

double sigmoid(double x) {
  return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x));
}
double silu(double x) {
  return x == -HUGE_VAL ? -0.0 : x * sigmoid(x);
}
double gelu(double x) {
  return x == -HUGE_VAL ? -0.0 : x * 0.5 * std::erfc(-x * 0.70710678118654752440);
}
double gelu_tanh(double x) {
  return x == -HUGE_VAL ? -0.0 : x * sigmoid(x * (1.5957691216057307117 + 0.071354816272600257 * x * x));
}

TEST(math_exp) {
  check_bound(
      "exp", [](auto x) { return exp(x); }, [](double x) { return std::exp(x); }, 1.2,
      {0, 1, 88.72284f, 103.97208f, 87.33655f, inf});
}
TEST(math_expm1) {
  check_bound(
      "expm1", [](auto x) { return expm1(x); }, [](double x) { return std::expm1(x); }, 1.25,
      {0, 0x1p-25f, 0.34657f, 17, 88.72284f, 30, inf});
}
TEST(math_log) {
  check_bound(
      "log", [](auto x) { return log(x); }, [](double x) { return std::log(x); }, 0.95,
      {0, 0x1p-126f, 1, 0.6666667f, 1.3333334f, inf});
}
TEST(math_log1p) {
  check_bound(
      "log1p", [](auto x) { return log1p(x); }, [](double x) { return std::log1p(x); }, 1.7,
      {0, 0x1p-25f, 1, 0.3333333f, inf});
}
TEST(math_sin) {
  check_bound(
      "sin", [](auto x) { return sincos(x).sin; }, [](double x) { return std::sin(x); }, 1.6,
      {0, 0.7853982f, 1.5707964f, 3.1415927f, 131072, inf});
}
TEST(math_cos) {
  check_bound(
      "cos", [](auto x) { return sincos(x).cos; }, [](double x) { return std::cos(x); }, 1.6,
      {0, 0.7853982f, 1.5707964f, 3.1415927f, 131072, inf});
}
TEST(math_tanh) {
  check_bound(
      "tanh", [](auto x) { return tanh(x); }, [](double x) { return std::tanh(x); }, 1.55,
      {0, 0.5625f, 9.01f, 10, inf});
}
TEST(math_sigmoid) {
  check_bound("sigmoid", [](auto x) { return simd::sigmoid(x); }, sigmoid, 2.45,
              {0, 1, 16, 88.72284f, 103.97208f, inf});
}
TEST(math_erf) {
  check_bound(
      "erf", [](auto x) { return erf(x); }, [](double x) { return std::erf(x); }, 1.8, {0, 0.9375f, 3.925f, inf});
}
TEST(math_gelu) {
  check_bound("gelu", [](auto x) { return simd::gelu(x); }, gelu, 8, {0, 13.5f, 14.15f, 14.5f, inf});
}
TEST(math_gelu_tanh) {
  check_bound(
      "gelu_tanh, x > -1", [](auto x) { return simd::gelu_tanh(max(decltype(x)(-1.0f), x)); },
      [](double x) { return gelu_tanh(x < -1 ? -1 : x); }, 3.1, {0});
  check_bound("gelu_tanh", [](auto x) { return simd::gelu_tanh(x); }, gelu_tanh, 220, {0, 10, 11, inf});
}
TEST(math_silu) {
  check_bound("silu", [](auto x) { return simd::silu(x); }, silu, 3.4, {0, 87, 104, 108, 110, inf});
}
TEST(math_relu) {
  check_bound("relu", [](auto x) { return relu(x); }, [](double x) { return x < 0 ? 0 : x; }, 0, {0, inf});
}

template <class F>
float at(F f, float x) {
  float y[Native::size()];
  simd::store(f(Native(x)), y);
  return y[0];
}

TEST(math_keeps_the_sign_of_zero) {
  const auto same_zero = [](auto f) {
    return at(f, 0.0f) == 0 && !std::signbit(at(f, 0.0f)) && at(f, -0.0f) == 0 && std::signbit(at(f, -0.0f));
  };
  CHECK(same_zero([](auto x) { return expm1(x); }));
  CHECK(same_zero([](auto x) { return log1p(x); }));
  CHECK(same_zero([](auto x) { return sincos(x).sin; }));
  CHECK(same_zero([](auto x) { return tanh(x); }));
  CHECK(same_zero([](auto x) { return erf(x); }));
  CHECK(same_zero([](auto x) { return gelu(x); }));
  CHECK(same_zero([](auto x) { return gelu_tanh(x); }));
  CHECK(same_zero([](auto x) { return silu(x); }));
  CHECK(same_zero([](auto x) { return relu(x); }));
}

TEST(math_at_the_ends) {
  const auto is = [](float got, float want) { return got == want || (std::isnan(got) && std::isnan(want)); };
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK(is(at([](auto x) { return exp(x); }, -inf), 0) && is(at([](auto x) { return exp(x); }, inf), inf));
  CHECK(is(at([](auto x) { return exp(x); }, 0), 1) && is(at([](auto x) { return expm1(x); }, -inf), -1));
  CHECK(is(at([](auto x) { return log(x); }, 0), -inf) && is(at([](auto x) { return log(x); }, -0.0f), -inf));
  CHECK(is(at([](auto x) { return log(x); }, -1), nan) && is(at([](auto x) { return log(x); }, -inf), nan));
  CHECK(is(at([](auto x) { return log(x); }, inf), inf) && is(at([](auto x) { return log(x); }, 1), 0));
  CHECK(is(at([](auto x) { return log1p(x); }, -1), -inf) && is(at([](auto x) { return log1p(x); }, -1.5f), nan));
  CHECK(is(at([](auto x) { return sincos(x).cos; }, inf), nan) &&
        is(at([](auto x) { return sincos(x).sin; }, -inf), nan));
  CHECK(is(at([](auto x) { return tanh(x); }, -inf), -1) && is(at([](auto x) { return erf(x); }, inf), 1));
  CHECK(is(at([](auto x) { return sigmoid(x); }, -inf), 0) && is(at([](auto x) { return sigmoid(x); }, inf), 1));
  CHECK(is(at([](auto x) { return gelu(x); }, -inf), 0) && is(at([](auto x) { return gelu(x); }, inf), inf));
  CHECK(is(at([](auto x) { return silu(x); }, -inf), 0) && is(at([](auto x) { return silu(x); }, inf), inf));
}

TEST(sincos_takes_large_and_small_lanes_together) {
  float x[Native::size()], s[Native::size()], c[Native::size()];
  for (std::size_t i = 0; i < Native::size(); ++i) x[i] = i % 2 == 0 ? 1e30f : -0.5f;
  const auto both = sincos(simd::load<Native>(x));
  simd::store(both.sin, s);
  simd::store(both.cos, c);
  for (std::size_t i = 0; i < Native::size(); ++i) {
    CHECK(distance(s[i], std::sin(static_cast<double>(x[i]))) <= 1.6);
    CHECK(distance(c[i], std::cos(static_cast<double>(x[i]))) <= 1.6);
  }
}

}  // namespace
