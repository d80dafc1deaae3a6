// SPDX-License-Identifier: Apache-2.0
#include <complex>
#include <limits>
#include <numbers>
#include <numeric>
#include <type_traits>
#include <vector>

#include <check.hpp>
#include <danaus/fft/transform.hpp>

using namespace danaus;

namespace {

/// What holds 11 digits more than T.
template <class T>
using Longer = std::conditional_t<sizeof(T) == 4, double, long double>;

/// The points z of the ring in the order of the plan: row p, lane s of the segments.
template <class T>
std::vector<std::complex<Longer<T>>> points(const RingPlan<T>& plan, Turn turn) {
  using L = Longer<T>;
  const L angle = turn == Turn::right_angle ? L(0.25) : L(0), n = static_cast<L>(plan.points());
  std::vector<std::complex<L>> all;
  for (std::size_t p = 0; p < plan.rows(); ++p) {
    for (std::size_t s = 0; s < plan.segments; ++s) {
      all.push_back(std::polar(L(1), 2 * std::numbers::pi_v<L> * (angle - static_cast<L>(plan.frequency(p, s))) / n));
    }
  }
  return all;
}

template <class T>
void one_plan(check::Random& random, std::size_t least, bool alone, Turn turn, std::size_t radix) {
  using Long = std::complex<Longer<T>>;
  const RingPlan<T> plan(least, segments_if(alone), turn, radix);
  const std::size_t n = plan.points(), count = least, channels = plan.channels() + 1;
  CHECK(n >= least && n <= 5 * least / 3 + (alone ? lanes<T> * lanes<T> : 2));
  CHECK(!alone || RingPlan<T>::fits_segments(n));
  std::vector<T> re(count * channels), im(count * channels);
  for (T& x : re) x = static_cast<T>(random());
  for (T& x : im) x = static_cast<T>(random());
  const View<const T, 2> x(re.data(), {count, channels}), y(im.data(), {count, channels});
  Buffer<T> values(plan.spectrum_size());
  Buffer<std::byte> scratch(transform_workspace_bytes(plan));
  const double unit = static_cast<double>(std::numeric_limits<T>::epsilon());
  const double most = unit * (2 + std::log2(static_cast<double>(n))) * std::sqrt(2.0 * static_cast<double>(count));
  const std::vector<Long> z = points(plan, turn);
  for (const Long& point : z) {  // they are the points of the ring, all of them
    const Long power = std::pow(point, static_cast<Longer<T>>(n));
    CHECK_NEAR(std::abs(power - (turn == Turn::right_angle ? Long(0, 1) : Long(1))), 0, 4e-15 * static_cast<double>(n));
  }
  CHECK_NEAR(std::abs(std::accumulate(z.begin(), z.end(), Long(0))), n == 1 ? 1 : 0, 4e-15 * static_cast<double>(n));
  for (const bool complex : {false, true}) {
    // Channels from 1 on stand ready or not, as the array has them; the last group is not whole.
    const std::size_t first = complex ? 0 : 1;
    spectrum(plan, first, x, complex ? &y : nullptr, values.data(), workspace(scratch));
    for (std::size_t c = 0; c < plan.channels(); c += 5) {
      for (std::size_t p = c % 3; p < n; p += n > 300 ? 37 : 3) {
        Long sum = 0;
        for (std::size_t t = count; t-- > 0;) {
          sum = sum * z[p] + Long(x(t, first + c), complex ? y(t, first + c) : T(0));
        }
        const std::size_t at = p / plan.segments * 2 * lanes<T> + c + p % plan.segments;
        CHECK_NEAR(values[at], sum.real(), most);
        CHECK_NEAR(values[at + lanes<T>], sum.imag(), most);
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
  for (const bool alone : {false, true}) {
    for (std::size_t least = 1; least <= 70; least += alone ? 5 : 1) {
      one_plan<T>(random, least, alone, Turn::right_angle, least % 2 == 0 ? 8 : 4);
    }
    for (const std::size_t least : {96u, 160u, 200u, 512u, 700u}) {
      one_plan<T>(random, least, alone, Turn::full, 8);
      one_plan<T>(random, least, alone, Turn::right_angle, 4);
    }
  }
  for (const std::size_t least : {1200u, 1500u}) one_plan<T>(random, least, true, Turn::right_angle, 8);
  one_plan<T>(random, 16384, false, Turn::right_angle, 8);
}

}  // namespace

TEST(spectra_are_the_values_of_polynomials_at_the_points_of_the_ring) {
  all_plans<float>();
  all_plans<double>();
}
