// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <vector>

#include <check.hpp>
#include <danaus/fft/online.hpp>

using namespace danaus;

namespace {

template <class T>
void stream(check::Random& random, std::size_t channels, std::size_t taps, std::size_t length) {
  std::vector<T> k(taps * channels), u(length * channels), y(u.size());
  for (T& x : k) x = static_cast<T>(random());
  for (T& x : u) x = static_cast<T>(random());
  const OnlinePlan<T> plan = plan_online(View<const T, 2>(k.data(), {taps, channels}), new_ring<T>, &spectrum<T>);
  Buffer<T> state(plan.state_size(), T(0));
  std::vector<T> other;  // begins anywhere, the other at a cache line
  Buffer<std::byte> scratch(online_workspace_bytes(plan));
  for (std::size_t t = 0; t < length; ++t) {
    online_step(plan, &u[t * channels], state.data(), &y[t * channels], workspace(scratch));
    if (t == length / 2) other.assign(state.begin(), state.end());
  }
  CHECK(position(state.data()) == length && is_position(state.data()));
  const double unit = (sizeof(T) == 4 ? 1e-7 : 2e-16) * std::log2(4 * static_cast<double>(length));
  for (std::size_t h = 0; h < channels; h += channels > 4 ? 7 : 1) {
    double taps_size = 0, size = 0;
    for (std::size_t j = 0; j < taps; ++j) taps_size += std::pow(static_cast<double>(k[j * channels + h]), 2);
    for (std::size_t t = 0; t < length; ++t) size += std::pow(static_cast<double>(u[t * channels + h]), 2);
    for (std::size_t t = 0; t < length; t += length > 1000 ? 13 : 1) {
      double sum = 0;
      for (std::size_t j = 0; j < taps && j <= t; ++j) {
        sum += static_cast<double>(k[j * channels + h]) * static_cast<double>(u[(t - j) * channels + h]);
      }
      CHECK_NEAR(y[t * channels + h], sum, unit * std::sqrt(taps_size * size));
    }
  }
  std::vector<T> again(channels);
  for (std::size_t t = length / 2 + 1; t < length; ++t) {  // resumed from the middle, in place: the same bits
    std::copy_n(&u[t * channels], channels, again.data());
    online_step(plan, again.data(), other.data(), again.data(), workspace(scratch));
    CHECK(std::equal(again.begin(), again.end(), &y[t * channels]));
  }
}

template <class T>
void streams() {
  check::Random random(1);
  for (const std::size_t taps : {0u, 1u, 31u, 32u, 33u, 63u, 64u, 65u, 66u, 129u, 300u}) {
    stream<T>(random, 1 + taps % 19, taps, 2 * taps + 70);
  }
  stream<T>(random, 600, 2051, 4200);  // near squares end at 512 or 1024, far ones begin
  stream<T>(random, 2, 9000, 20000);
}

}  // namespace

TEST(online_convolution_is_the_sum_over_all_samples) {
  streams<float>();
  streams<double>();
}

TEST(damaged_positions_are_known) {
  float digits[4] = {1, 2, 3, 4};
  CHECK(is_position(digits) && position(digits) == 0x0004000300020001u);
  for (const float bad : {-1.0F, 65536.0F, 0.5F, std::nanf("")}) {
    for (float& digit : digits) {
      const float kept = digit;
      digit = bad;
      CHECK(!is_position(digits));
      digit = kept;
    }
  }
}
