// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <utility>

#include <danaus/core/buffer.hpp>
#include <danaus/ssm/kernel.hpp>
#include <ssm/diagonal_systems.hpp>

using namespace danaus;
using namespace diagonal_systems;

namespace {

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

/// What a layer answers to a sequence, and its state after it.
template <class T>
struct Answer {
  Sequence<T> y;
  std::vector<T> state;

  Answer(const System<T>& system, const Sequence<T>& u)
      : y(u.rows, u.width, u.stride), state(system.shape.state(), T(0)) {}
  bool same(const Answer& other) const { return same_bits(y.values, other.y.values) && same_bits(state, other.state); }
};

template <class T>
Answer<T> scanned(const System<T>& system, const Sequence<T>& u) {
  Answer<T> answer(system, u);
  scan(system.layer(), u.view(0, u.rows), answer.state.data(), answer.y.view(0, u.rows));
  return answer;
}

template <class T>
void compare(const System<T>& system, const Sequence<T>& u) {
  const Answer<T> answer = scanned(system, u);
  for (std::size_t h = 0; h < u.width; ++h) {
    const Recurrence<T> want(system, u, h);
    for (std::size_t k = 0; k < u.rows; ++k) CHECK_NEAR(answer.y.at(k, h), want.y[k], want.bound[k]);
  }
}

template <class T>
void every_shape() {
  for (std::size_t channels = 1; channels <= 70; ++channels) {
    for (std::size_t modes = 1; modes <= 9; ++modes) {
      if (channels > 40 && (channels + modes) % 3 != 0) continue;
      compare(System<T>::random(channels, modes, channels), Sequence<T>::random(20, channels, modes));
    }
  }
  for (const std::size_t channels : {1u, 2u, 3u, 5u, 8u, 9u, 15u, 16u, 17u, 33u}) {
    for (const std::size_t modes : {16u, 31u, 32u, 33u}) {
      compare(System<T>::random(channels, modes, 7), Sequence<T>::random(150, channels, 8, channels + 3));
    }
  }
}

template <class T>
void chunks() {
  check::Random random(1);
  for (std::size_t channels = 1; channels <= 70; channels += channels < 20 ? 1 : 7) {
    for (const std::size_t modes : {1u, 3u, 4u, 7u, 32u}) {
      const System<T> system = System<T>::random(channels, modes, 2);
      const Sequence<T> u = Sequence<T>::random(200, channels, 3, channels + channels % 2);
      const Answer<T> whole = scanned(system, u);
      for (std::size_t longest : {1u, 3u, 64u, 150u}) {
        Answer<T> parts(system, u);
        for (std::size_t t = 0; t < u.rows;) {
          const std::size_t count =
              std::min(u.rows - t, static_cast<std::size_t>((random() + 1) / 2 * static_cast<double>(longest + 1)));
          scan(system.layer(), u.view(t, count), parts.state.data(), parts.y.view(t, count));
          t += count;
        }
        // What lies between rows is nobody's: equal here because both began as zeros.
        CHECK(whole.same(parts));
      }
      Answer<T> steps(system, u);
      for (std::size_t t = 0; t < u.rows; ++t) {
        step(system.layer(), u.view(t, 1), View<T, 2>(steps.state.data(), {1, steps.state.size()}), steps.y.view(t, 1));
      }
      CHECK(whole.same(steps));
      Answer<T> in_place(system, u);
      in_place.y.values = u.values;
      scan(system.layer(), View<const T, 2>(in_place.y.view(0, u.rows)), in_place.state.data(),
           in_place.y.view(0, u.rows));
      for (std::size_t t = 0; t < u.rows; ++t) {
        CHECK(std::memcmp(&in_place.y.values[t * u.stride], &whole.y.values[t * u.stride], channels * sizeof(T)) == 0);
      }
      CHECK(same_bits(in_place.state, whole.state));
    }
  }
}

template <class T>
void batches() {
  for (const std::size_t channels : {1u, 3u, 8u, 16u, 21u, 64u}) {
    for (const std::size_t batch : {1u, 2u, 5u, 9u}) {
      const System<T> system = System<T>::random(channels, 5, 4);
      const std::size_t size = system.shape.state(), apart = size + 3;
      std::vector<T> states(batch * apart, T(0));
      std::vector<Sequence<T>> in, out;
      std::vector<Answer<T>> alone;
      for (std::size_t b = 0; b < batch; ++b) {
        in.push_back(Sequence<T>::random(40, channels, 10 + b));
        alone.push_back(scanned(system, in[b]));
      }
      for (std::size_t t = 0; t < 40; ++t) {
        Sequence<T> u(batch, channels, channels + 1), y(batch, channels, channels + 5);
        for (std::size_t b = 0; b < batch; ++b)
          std::copy_n(&in[b].values[t * channels], channels, &u.values[b * u.stride]);
        step(system.layer(), std::as_const(u).view(0, batch), View<T, 2>(states.data(), {batch, size}, {apart, 1}),
             y.view(0, batch));
        for (std::size_t b = 0; b < batch; ++b) {
          CHECK(std::memcmp(&y.values[b * y.stride], &alone[b].y.values[t * channels], channels * sizeof(T)) == 0);
        }
      }
      for (std::size_t b = 0; b < batch; ++b) {
        CHECK(std::memcmp(&states[b * apart], alone[b].state.data(), size * sizeof(T)) == 0);
        for (std::size_t i = size; i < apart; ++i) CHECK(states[b * apart + i] == T(0));
      }
    }
  }
}

template <class T>
void some_tiles() {
  const System<T> system = System<T>::random(70, 6, 5);
  const Sequence<T> u = Sequence<T>::random(100, 70, 6);
  const Answer<T> whole = scanned(system, u);
  Answer<T> parts(system, u);
  for (const std::size_t tile_index : {4u, 0u, 2u, 1u, 3u}) {
    scan_tiles(system.layer(), tile_index, tile_index + 1, u.view(0, 100), parts.state.data(), parts.y.view(0, 100));
  }
  CHECK(whole.same(parts));
}

/// y = d u + k * u with k_l = sum Re(gain (1 + delta)^l): the kernel's own test bounds its error by
/// 3e-7 of its largest magnitudes in float.
template <class T>
void recurrence_is_convolution() {
  for (const std::size_t channels : {1u, 5u, 17u}) {
    const std::size_t rows = 300, modes = 6;
    const System<T> system = System<T>::random(channels, modes, 9);
    const Sequence<T> u = Sequence<T>::random(rows, channels, 10);
    const Answer<T> answer = scanned(system, u);
    Buffer<std::byte> scratch(kernel_workspace_bytes<T>(modes, rows));
    for (std::size_t h = 0; h < channels; ++h) {
      std::vector<T> k(rows);
      kernel<T>({&system.modes[h * modes], modes}, k, workspace(scratch));
      double gains = 0;
      for (std::size_t n = 0; n < modes; ++n) gains += std::abs(system.modes[h * modes + n].gain);
      const Recurrence<T> recurrence(system, u, h);
      for (std::size_t t = 0; t < rows; ++t) {
        long double y = static_cast<long double>(system.d[h]) * static_cast<long double>(u.at(t, h)), inputs = 0;
        for (std::size_t j = 0; j <= t; ++j) {
          y += static_cast<long double>(k[j]) * static_cast<long double>(u.at(t - j, h));
          inputs += std::fabs(static_cast<long double>(u.at(t - j, h)));
        }
        const double kernel_error = gains * (sizeof(T) == 4 ? 3e-7 : static_cast<double>(rows) * 0x1p-52);
        CHECK_NEAR(answer.y.at(t, h), y, recurrence.bound[t] + kernel_error * static_cast<double>(inputs));
      }
    }
  }
}

/// Noise, then a million zeros: poles of every kind, some real, some nearly so.
template <class T>
void silent_input(bool carries) {
  const std::size_t channels = 5, count = 8;
  System<T> system(channels, count);
  system.shape.carried = carries ? system.shape.lane_modes() : 0;
  check::Random random(11);
  for (std::size_t i = 0; i < channels * count; ++i) {
    const double dt = std::pow(10.0, -2 + random()), imag = i % 4 == 0   ? 0
                                                            : i % 4 == 1 ? 1e-4 * random()
                                                                         : 50 * random();
    const double real = i % 7 == 0 ? -1e5 : -0.5 * std::exp(2 * random());
    system.modes[i] = discretize({real, imag}, {random(), random()}, dt,
                                 i % 2 == 0 ? Discretization::zoh : Discretization::bilinear, 0);
  }
  system.pack();
  const Sequence<T> noise = Sequence<T>::random(500, channels, 12), silence_(1000, channels);
  Answer<T> answer = scanned(system, noise);
  Sequence<T> y(1000, channels);
  for (int i = 0; i < 1000; ++i) scan(system.layer(), silence_.view(0, 1000), answer.state.data(), y.view(0, 1000));
  for (std::size_t i = 0; i < answer.state.size(); ++i) {
    const T x = answer.state[i];
    const bool multiplied = i / tile % (carries ? 4 : 2) < 2;  // what rounding took is only added
    CHECK(std::fabs(x) < T(1e-13) && !(multiplied && std::fpclassify(x) == FP_SUBNORMAL));
  }
  for (std::size_t h = 0; h < channels; ++h) CHECK(std::fabs(y.at(999, h)) < T(1e-14));
}

template <class T>
void not_a_number() {
  for (const std::size_t channels : {2u, 3u, 7u, 15u, 16u, 20u, 40u}) {
    const System<T> system = System<T>::random(channels, 5, 13);
    const Sequence<T> u = Sequence<T>::random(30, channels, 14);
    const Answer<T> clean = scanned(system, u);
    for (std::size_t bad = 0; bad < channels; bad += 1 + channels / 5) {
      Sequence<T> poisoned = u;
      poisoned.values[3 * channels + bad] =
          bad % 2 == 0 ? std::numeric_limits<T>::quiet_NaN() : std::numeric_limits<T>::infinity();
      const Answer<T> answer = scanned(system, poisoned);
      for (std::size_t t = 0; t < 30; ++t) {
        for (std::size_t h = 0; h < channels; ++h) {
          if (h != bad || t < 3) {
            CHECK(answer.y.at(t, h) == clean.y.at(t, h));
          } else {
            CHECK(!std::isfinite(answer.y.at(t, h)));
          }
        }
      }
    }
  }
}

}  // namespace

TEST(scan_is_the_recurrence) {
  every_shape<float>();
  every_shape<double>();
}

TEST(scan_in_chunks_in_steps_and_in_place_gives_the_same_bits) {
  chunks<float>();
  chunks<double>();
}

TEST(step_of_a_batch_gives_each_sequence_its_bits) {
  batches<float>();
  batches<double>();
}

TEST(scan_of_tiles_in_any_order_gives_the_same_bits) {
  some_tiles<float>();
  some_tiles<double>();
}

TEST(scan_is_a_convolution_with_the_kernel) {
  recurrence_is_convolution<float>();
  recurrence_is_convolution<double>();
}

TEST(scan_of_silence_settles_above_denormals) {
  for (const bool carries : {false, true}) {
    silent_input<float>(carries);
    silent_input<double>(carries);
  }
}

TEST(scan_carries_what_rounding_takes_from_a_long_memory) {
  for (const double memory : {1e2, 1e3, 1e4, 1e5}) {
    System<float> system(1, 1);
    system.modes[0] = {-1 / memory, 1 / memory};
    system.shape.carried = slow_modes<float>(system.shape, system.modes);
    CHECK(system.shape.carried == 1 && slow_modes<double>(system.shape, system.modes) == 0);
    system.pack();
    Sequence<float> u(static_cast<std::size_t>(10 * memory), 1);
    std::fill(u.values.begin(), u.values.end(), 0.7f);  // constant: every rounding goes to the same side
    const Answer<float> answer = scanned(system, u);
    const Recurrence<float> want(system, u, 0);
    for (std::size_t k = 0; k < u.rows; ++k) CHECK_NEAR(answer.y.at(k, 0), want.y[k], 4 * unit<float> * 0.7);
  }
  // Three of the modes of the second channel are slow: a lane mode of four slices, and first in its lane.
  const std::vector<Mode> modes{{-0.5, 1}, {-0.1, 1},  {-0.9, 1}, {-0.5, 1},
                                {-0.3, 1}, {-1e-3, 1}, {1e-3, 1}, {-1e-2, 1}};
  CHECK(slow_modes<float>({2, 4}, modes) == 1 && slow_modes<float>({17, 1}, std::vector<Mode>(17, {-0.1, 1})) == 0);
}

TEST(scan_keeps_what_is_not_finite_in_its_channel) {
  not_a_number<float>();
  not_a_number<double>();
}

TEST(scan_of_nothing_changes_nothing) {
  const System<float> system = System<float>::random(3, 2, 1);
  std::vector<float> state(system.shape.state(), 0.5f);
  scan(system.layer(), View<const float, 2>(nullptr, {0, 3}), state.data(), View<float, 2>(nullptr, {0, 3}));
  CHECK(std::all_of(state.begin(), state.end(), [](float x) { return x == 0.5f; }));
}

TEST(diagonal_shape_has_room_for_every_mode) {
  for (std::size_t channels = 1; channels <= 70; ++channels) {
    for (std::size_t modes = 0; modes <= 40; ++modes) {
      const DiagonalShape shape{channels, modes};
      CHECK(shape.slices() * shape.group() == tile && shape.group() >= std::min(channels, tile));
      CHECK(shape.slices() * shape.lane_modes() >= modes);
      CHECK(shape.tiles() * tile >= channels);
      const std::vector<Mode> all(channels * modes, Mode{-0.5, 3.0});
      const std::vector<double> d(channels, 7);
      std::vector<float> packed(shape.coefficients());
      pack_diagonal<float>(shape, all, d, packed.data());
      CHECK(static_cast<std::size_t>(std::count(packed.begin(), packed.end(), 3.0f)) == channels * modes);
      CHECK(static_cast<std::size_t>(std::count(packed.begin(), packed.end(), 7.0f)) == channels);
    }
  }
}
