// SPDX-License-Identifier: Apache-2.0
#include "check.hpp"

#include <algorithm>
#include <complex>
#include <limits>
#include <vector>

#include <danaus/core/buffer.hpp>
#include <danaus/ssm/mimo_scan.hpp>

using namespace danaus;

namespace {

using Long = std::complex<long double>;

template <class T>
constexpr double unit = sizeof(T) == 4 ? 0x1p-24 : 0x1p-53;

struct System {
  std::size_t inputs, outputs, modes;
  std::vector<Complex> lambda, b, c;
  std::vector<double> d, dt;

  System(std::size_t inputs_, std::size_t outputs_, std::size_t modes_, std::uint64_t seed)
      : inputs(inputs_), outputs(outputs_), modes(modes_) {
    check::Random random(seed + 100 * inputs + 10000 * outputs + modes);
    for (std::size_t n = 0; n < modes; ++n) {
      lambda.push_back({-0.5 - 0.3 * random(), 30 * random()});
      dt.push_back(std::pow(10.0, -1.5 + random()));
    }
    for (std::size_t i = 0; i < modes * inputs; ++i) b.push_back({random(), random()});
    for (std::size_t i = 0; i < modes * outputs; ++i) c.push_back({random(), random()});
    for (std::size_t i = 0; inputs == outputs && i < inputs; ++i) d.push_back(random());
  }
  MimoParameters parameters() const { return {inputs, outputs, modes, lambda, b, c, d, dt}; }
};

template <class T>
struct Packed {
  MimoShape shape;
  Buffer<T> coefficients;
  bool feeds;
  Packed(const System& s, Discretization method) : feeds(!s.d.empty()) {
    const MimoModes modes = discretize(s.parameters(), method);
    shape = mimo_shape<T>(modes);
    coefficients.resize(shape.coefficients());
    pack_mimo<T>(shape, modes, s.d, coefficients.data());
  }
  Mimo<T> layer() const { return {shape, coefficients.data(), feeds}; }
  std::vector<T> rest() const { return std::vector<T>(shape.state(), T(0)); }
};

template <class T>
std::vector<T> noise(std::size_t count, std::uint64_t seed) {
  check::Random random(seed);
  std::vector<T> u(count);
  for (T& x : u) x = static_cast<T>(random());
  return u;
}

/// rows of u from `t`, run on; the scratch is exactly as large as promised.
template <class T>
void run(const Packed<T>& packed, const std::vector<T>& u, std::size_t t, std::size_t rows, std::vector<T>& state,
         std::vector<T>& y) {
  Buffer<std::byte> scratch(mimo_workspace_bytes<T>(packed.shape, rows));
  const std::size_t in = packed.shape.inputs, out = packed.shape.outputs;
  scan(packed.layer(), View<const T, 2>(u.data() + t * in, {rows, in}), state.data(),
       View<T, 2>(y.data() + t * out, {rows, out}), workspace(scratch));
}

/// x_k = exp(dt lambda) x_{k-1} + (exp(dt lambda) - 1) / lambda B u_k (zoh), or the Cayley forms; y = 2 Re(C x) + d u.
template <class T>
void compare(const System& s, Discretization method, std::size_t rows) {
  const Packed<T> packed(s, method);
  const std::vector<T> u = noise<T>(rows * s.inputs, 1);
  std::vector<T> y(rows * s.outputs), state = packed.rest();
  run(packed, u, 0, rows, state, y);
  std::vector<Long> x(s.modes);
  for (std::size_t t = 0; t < rows; ++t) {
    for (std::size_t n = 0; n < s.modes; ++n) {
      const Long pole(s.lambda[n].real(), s.lambda[n].imag());
      const long double dt = s.dt[n];
      Long in = 0;
      for (std::size_t h = 0; h < s.inputs; ++h) {
        in += Long(s.b[n * s.inputs + h].real(), s.b[n * s.inputs + h].imag()) *
              static_cast<long double>(u[t * s.inputs + h]);
      }
      const bool zoh = method == Discretization::zoh;
      const Long a = zoh ? std::exp(dt * pole) : (1.0L + dt * pole / 2.0L) / (1.0L - dt * pole / 2.0L);
      x[n] = a * x[n] + (zoh ? (a - 1.0L) / pole : dt / (1.0L - dt * pole / 2.0L)) * in;
    }
    for (std::size_t o = 0; o < s.outputs; ++o) {
      long double want =
          s.d.empty() ? 0 : static_cast<long double>(s.d[o]) * static_cast<long double>(u[t * s.inputs + o]);
      double scale = 1;
      for (std::size_t n = 0; n < s.modes; ++n) {
        const Long c(s.c[o * s.modes + n].real(), s.c[o * s.modes + n].imag());
        want += 2 * (c * x[n]).real();
        // the state may have been as large as its gain, dt |B u| times a memory of at most 1 / (0.2 dt)
        scale += 2 * static_cast<double>(std::abs(c)) *
                 (static_cast<double>(std::abs(x[n])) + 1.5 * static_cast<double>(s.inputs));
      }
      const double roundings = static_cast<double>(s.inputs + 2 * s.modes + 40);
      CHECK_NEAR(y[t * s.outputs + o], want, unit<T> * roundings * scale);
    }
  }
}

template <class T>
void chunks(std::size_t inputs, std::size_t outputs, std::size_t modes) {
  const System s(inputs, outputs, modes, 2);
  const Packed<T> packed(s, Discretization::zoh);
  const std::size_t rows = 200, size = packed.shape.state();
  const std::vector<T> u = noise<T>(rows * inputs, 3);
  std::vector<T> whole(rows * outputs), state = packed.rest();
  run(packed, u, 0, rows, state, whole);
  for (const std::size_t longest : {1u, 5u, 64u, 150u}) {
    std::vector<T> y(whole.size()), parts = packed.rest();
    for (std::size_t t = 0, n = 0; t < rows; t += n) {
      n = std::min(rows - t, 1 + (t * 7 + 3) % longest);
      run(packed, u, t, n, parts, y);
    }
    CHECK(y == whole && parts == state);
  }
  // 70 sequences stepped together: the first is ours
  const std::size_t batch = 70;
  Buffer<std::byte> scratch(mimo_workspace_bytes<T>(packed.shape, batch));
  std::vector<T> states(batch * size, T(0)), in(batch * inputs), out(batch * outputs);
  for (std::size_t t = 0; t < 30; ++t) {
    for (std::size_t b = 0; b < batch; ++b) std::copy_n(&u[(t + b) * inputs], inputs, &in[b * inputs]);
    step(packed.layer(), View<const T, 2>(in.data(), {batch, inputs}), View<T, 2>(states.data(), {batch, size}),
         View<T, 2>(out.data(), {batch, outputs}), workspace(scratch));
    CHECK(std::equal(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(outputs), &whole[t * outputs]));
  }
  for (const std::size_t b : {69u, 64u, 7u}) {
    std::vector<T> alone = packed.rest(), y(whole.size());
    const std::vector<T> rest(u.begin() + static_cast<std::ptrdiff_t>(b * inputs), u.end());
    run(packed, rest, 0, 30, alone, y);
    CHECK(std::equal(alone.begin(), alone.end(), &states[b * size]));
    CHECK(std::equal(&out[b * outputs], &out[b * outputs] + outputs, &y[29 * outputs]));
  }
  if (inputs != outputs) return;
  std::vector<T> y = u, parts = packed.rest();
  run(packed, y, 0, rows, parts, y);
  CHECK(y == whole && parts == state);
}

}  // namespace

TEST(mimo_scan_is_the_recurrence) {
  for (const Discretization method : {Discretization::zoh, Discretization::bilinear}) {
    for (const std::size_t modes : {1u, 3u, 16u, 17u, 33u}) {
      compare<float>(System(3, 3, modes, 1), method, 100);
      compare<double>(System(17, 17, modes, 1), method, 100);
      compare<double>(System(5, 20, modes, 1), method, 70);
      compare<float>(System(40, 1, modes, 1), method, 70);
    }
  }
}

TEST(mimo_scan_in_chunks_in_steps_and_in_place_gives_the_same_bits) {
  for (const std::size_t modes : {1u, 16u, 40u}) {
    chunks<float>(5, 5, modes);
    chunks<float>(33, 8, modes);
    chunks<double>(1, 19, modes);
    chunks<double>(16, 16, modes);
  }
}

TEST(mimo_shape_has_room_for_every_mode) {
  for (std::size_t modes = 1; modes < 50; ++modes) {
    const MimoShape shape{3, 5, modes, 1};
    CHECK(shape.tiles() * tile >= modes && shape.width() == 2 * tile * shape.tiles());
    CHECK(shape.state() == shape.width() + 2 * tile);
  }
  System slow(2, 2, 20, 4);
  for (double& dt : slow.dt) dt = 1e-5;
  CHECK(mimo_shape<float>(discretize(slow.parameters(), Discretization::zoh)).carried == 2);
  CHECK(mimo_shape<double>(discretize(slow.parameters(), Discretization::zoh)).carried == 0);
}

TEST(mimo_carries_what_rounding_takes_from_a_long_memory) {
  System s(1, 1, 1, 5);
  s.lambda[0] = {-1.0, 0.0}, s.b[0] = 1, s.c[0] = 0.5, s.d[0] = 0, s.dt[0] = 1e-4;
  const Packed<float> packed(s, Discretization::zoh);
  const std::vector<float> u(200000, 1.0f);
  std::vector<float> y(u.size()), state = packed.rest();
  run(packed, u, 0, u.size(), state, y);
  CHECK_NEAR(y.back(), 1 - std::exp(-20.0), 4 * 0x1p-24);
}

TEST(mimo_of_silence_settles_above_denormals) {
  System s(2, 2, 18, 6);
  s.b[0] = s.b[1] = 0;
  const Packed<float> packed(s, Discretization::zoh);
  std::vector<float> u = noise<float>(200, 7), y(2 * 20000), zeros(2 * 20000, 0.0f), state = packed.rest();
  run(packed, u, 0, 100, state, y);
  for (int i = 0; i < 5; ++i) run(packed, zeros, 0, 20000, state, y);
  for (std::size_t i = 0; i < state.size(); ++i) {
    const bool lost = i / tile < 4 * packed.shape.carried && i / tile % 4 >= 2;
    CHECK(std::fpclassify(state[i]) != FP_SUBNORMAL || lost);
  }
  CHECK(std::fabs(y[39999]) < 1e-12f);
}

TEST(mimo_of_nothing_changes_nothing) {
  const Packed<float> packed(System(3, 3, 2, 8), Discretization::zoh);
  std::vector<float> state(packed.shape.state(), 0.5f), none;
  run(packed, none, 0, 0, state, none);
  CHECK(std::all_of(state.begin(), state.end(), [](float x) { return x == 0.5f; }));
}
