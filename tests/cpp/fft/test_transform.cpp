// SPDX-License-Identifier: Apache-2.0
#include <complex>
#include <limits>
#include <vector>

#include <check.hpp>
#include <danaus/fft/transform.hpp>

using namespace danaus;

namespace {

using Long = std::complex<long double>;

/// The points z of the ring in the order of the plan: row p, place s of the slices.
template <class T>
std::vector<Long> points(const RingPlan<T>& plan, Turn turn) {
  const long double circle = 2 * 3.14159265358979323846264338327950288L;
  const long double angle = turn == Turn::right_angle ? 0.25L : 0.0L;
  std::vector<Long> all;
  for (std::size_t p = 0; p < plan.rows; ++p) {
    const auto y = (angle - static_cast<long double>(plan.frequency(p))) / static_cast<long double>(plan.rows);
    for (std::size_t s = 0; s < plan.slices; ++s) {
      std::size_t reversed = 0;  // the passes across lanes leave their frequencies in reverse order of bits
      for (std::size_t bit = 1; bit < plan.slices; bit *= 2) reversed = 2 * reversed + (s / bit) % 2;
      const auto turns = (y - static_cast<long double>(reversed)) / static_cast<long double>(plan.slices);
      all.push_back(std::polar(1.0L, circle * turns));
    }
  }
  return all;
}

template <class T>
void one_plan(check::Random& random, std::size_t least, std::size_t slices, Turn turn, std::size_t radix) {
  const RingPlan<T> plan(least, slices, turn, radix);
  const std::size_t n = plan.points(), count = least, channels = plan.channels() + 1;
  CHECK(n >= least && n <= std::max<std::size_t>(2 * slices, 5 * least / 3 + 2 * slices));
  std::vector<T> re(count * channels), im(count * channels);
  for (T& x : re) x = static_cast<T>(random());
  for (T& x : im) x = static_cast<T>(random());
  const View<const T, 2> x(re.data(), {count, channels}), y(im.data(), {count, channels});
  Buffer<T> values(plan.spectrum_size());
  Buffer<std::byte> scratch(transform_workspace_bytes(plan));
  const double unit = static_cast<double>(std::numeric_limits<T>::epsilon());
  const double most = unit * (2 + std::log2(static_cast<double>(n))) * std::sqrt(2.0 * static_cast<double>(count));
  const std::vector<Long> z = points(plan, turn);
  for (const Long& point : z) {  // they are the points of the ring
    const Long power = std::pow(point, static_cast<long double>(n));
    CHECK_NEAR(std::abs(power - (turn == Turn::right_angle ? Long(0, 1) : Long(1))), 0, 1e-15 * static_cast<double>(n));
  }
  for (const bool complex : {false, true}) {
    // Channels from 1 on stand ready or not, as the array has them; the last group is not whole.
    const std::size_t first = complex ? 0 : 1;
    spectrum(plan, first, x, complex ? &y : nullptr, values.data(), workspace(scratch));
    for (std::size_t c = 0; c < plan.channels(); ++c) {
      for (std::size_t p = 0; p < n; p += n > 300 ? 37 : 1) {
        Long sum = 0;
        for (std::size_t t = count; t-- > 0;) {
          sum = sum * z[p] + Long(x(t, first + c), complex ? y(t, first + c) : T(0));
        }
        const std::size_t row = p / slices * 2 * lanes<T>, lane = c * slices + p % slices;
        CHECK_NEAR(values[row + lane], sum.real(), most);
        CHECK_NEAR(values[row + lanes<T> + lane], sum.imag(), most);
      }
    }
    std::vector<T> back(count * channels), back_im(count * channels);
    const View<T, 2> a(back.data(), {count, channels}), b(back_im.data(), {count, channels});
    coefficients(plan, first, values.data(), T(1) / static_cast<T>(n), a, complex ? &b : nullptr, workspace(scratch));
    for (std::size_t t = 0; t < count; ++t) {
      for (std::size_t c = first; c < first + plan.channels(); ++c) {
        CHECK_NEAR(a(t, c), x(t, c), most);
        if (complex) CHECK_NEAR(b(t, c), y(t, c), most);
      }
    }
  }
}

template <class T>
void all_plans() {
  check::Random random(1);
  for (std::size_t slices = 1; slices <= lanes<T>; slices *= 2) {
    for (std::size_t least = 1; least <= 70; least += slices > 1 ? 3 : 1) {
      one_plan<T>(random, least, slices, Turn::right_angle, least % 2 == 0 ? 8 : 4);
    }
    for (const std::size_t least : {96u, 160u, 200u, 512u, 700u}) {
      one_plan<T>(random, least, slices, Turn::full, 8);
      one_plan<T>(random, least, slices, Turn::right_angle, 4);
    }
  }
  one_plan<T>(random, 16384, 1, Turn::right_angle, 8);
}

}  // namespace

TEST(spectra_are_the_values_of_polynomials_at_the_points_of_the_ring) {
  all_plans<float>();
  all_plans<double>();
}
