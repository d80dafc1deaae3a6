// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>

#include <danaus/core/buffer.hpp>
#include <danaus/ssm/diagonal_after.hpp>
#include <ssm/diagonal_systems.hpp>

using namespace danaus;
using namespace diagonal_systems;

namespace {

template <class T>
std::vector<T> states_of(const System<T>& system, std::vector<Mode> modes,
                         const std::vector<View<const T, 2>>& sequences) {
  std::size_t longest = 0;
  for (const auto& u : sequences) longest = std::max(longest, u.extent(0));
  const DiagonalShape shape = system.shape;
  sort_modes(shape, modes);
  std::vector<T> states(shape.state() * sequences.size() + 1, T(77));
  Buffer<std::byte> scratch(states_after_workspace_bytes<T>(shape, longest));
  for (std::size_t group = 0; group * after_channels < shape.channels; ++group) {
    states_after<T>(shape, modes, group, sequences.data(), sequences.size(), states.data(), workspace(scratch));
  }
  CHECK(states.back() == T(77));
  states.pop_back();
  return states;
}

/// Every state against s_k = (1 + delta) s_{k-1} + u_k in long double. A sum of one block's products, each factor
/// rounded, is off by at most block + 2 roundings of sum |a_bar|^k |u|; powers and sums of blocks are double: 8 a
/// sample. Where the state is carried, both parts together are meant; else it is rounded once more.
template <class T>
void compare(const System<T>& system, const Sequence<T>& u, std::size_t length, const T* state) {
  const DiagonalShape shape = system.shape;
  std::vector<Mode> modes = system.modes;
  sort_modes(shape, modes);
  for (std::size_t h = 0; h < shape.channels; ++h) {
    for (std::size_t n = 0; n < shape.modes; ++n) {
      const Mode mode = modes[h * shape.modes + n];
      const Long a = Long(1) + Long(mode.delta.real(), mode.delta.imag());
      Long s = 0;
      double size = 0;
      for (std::size_t t = 0; t < length; ++t) {
        s = a * s + static_cast<long double>(u.at(t, h));
        size = static_cast<double>(std::abs(a)) * size + std::fabs(static_cast<double>(u.at(t, h)));
      }
      const std::size_t m = n / shape.slices(), lane = h % tile + n % shape.slices() * shape.group();
      const bool carried = m < shape.carried;
      const std::size_t row = carried ? 4 * m : 2 * m + 2 * shape.carried;
      const T* const here = state + h / tile * shape.tile_state() + row * tile + lane;
      double re = static_cast<double>(here[0]), im = static_cast<double>(here[tile]);
      if (carried) {
        CHECK(std::fabs(here[2 * tile]) <= unit<T> * std::fabs(here[0]) * T(1.01));
        re += static_cast<double>(here[2 * tile]);
        im += static_cast<double>(here[3 * tile]);
      }
      const double roundings = 66 * unit<T> + 8 * static_cast<double>(length) * 0x1p-53 + (carried ? 0 : unit<T>);
      const double bound = 1.5 * (roundings + negligible<T>)*size + 1e-200;
      CHECK_NEAR(re, s.real(), bound);
      CHECK_NEAR(im, s.imag(), bound);
    }
  }
}

template <class T>
void every_shape() {
  for (const std::size_t channels : {1u, 2u, 3u, 5u, 8u, 9u, 15u, 16u, 17u, 63u, 64u, 65u, 100u, 130u}) {
    for (const std::size_t modes : {1u, 2u, 7u, 8u, 9u, 33u}) {
      if (channels > 20 && modes > 9) continue;
      const System<T> system = System<T>::random(channels, modes, channels);
      const Sequence<T> u = Sequence<T>::random(150, channels, modes, channels + modes % 3);
      const std::vector<std::size_t> lengths{150, 0, 1, 31, 32, 33, 97};
      std::vector<View<const T, 2>> sequences;
      for (const std::size_t length : lengths) sequences.push_back(u.view(0, length));
      const std::vector<T> states = states_of(system, system.modes, sequences);
      for (std::size_t b = 0; b < lengths.size(); ++b) {
        compare(system, u, lengths[b], states.data() + b * system.shape.state());
        const std::vector<T> alone = states_of(system, system.modes, {u.view(0, lengths[b])});
        CHECK(std::memcmp(alone.data(), states.data() + b * system.shape.state(), alone.size() * sizeof(T)) == 0);
      }
    }
  }
}

/// Those of 3 channels of `modes` modes; of one mode each some forget soon: their first samples are left out.
template <class T>
void long_sequences(std::size_t modes) {
  const System<T> system = System<T>::random(3, modes, 4);
  for (const std::size_t length : {1023u, 1024u, 1025u, 2047u, 4095u, 4096u, 5003u}) {
    const Sequence<T> u = Sequence<T>::random(length, 3, length);
    compare(system, u, length, states_of(system, system.modes, {u.view(0, length)}).data());
  }
}

}  // namespace

TEST(states_after_sequences_of_any_shape_are_those_of_the_recurrence) {
  every_shape<float>();
  every_shape<double>();
}

TEST(states_after_long_sequences_are_those_of_the_recurrence) {
  for (const std::size_t modes : {1u, 9u}) {
    long_sequences<float>(modes);
    long_sequences<double>(modes);
  }
}

TEST(states_after_silence_are_silent_and_nothing_is_a_denormal) {
  const System<float> system = System<float>::random(20, 5, 6);
  Sequence<float> u(3000, 20);
  for (std::size_t h = 0; h < 20; ++h) u.values[h] = 1;
  for (const float x : states_of(system, system.modes, {u.view(0, 3000)})) {
    CHECK(std::isfinite(x) && (x == 0 || std::fabs(x) >= std::numeric_limits<float>::min()));
  }
}
