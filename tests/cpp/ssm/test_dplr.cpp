// SPDX-License-Identifier: Apache-2.0
#include "check.hpp"

#include <algorithm>
#include <complex>
#include <limits>
#include <numbers>
#include <utility>
#include <vector>

#include <danaus/core/buffer.hpp>
#include <danaus/ssm/dplr_cauchy.hpp>
#include <danaus/ssm/dplr_kernel.hpp>
#include <danaus/ssm/dplr_truncated.hpp>

using namespace danaus;

namespace {

using Long = std::complex<long double>;

template <class T>
constexpr double unit = sizeof(T) == 4 ? 0x1p-24 : 0x1p-53;

/// Poles, steps and corrections in the ranges that trained layers have.
struct System {
  std::size_t channels, modes, rank;
  std::vector<Complex> lambda, b, c, p, q;
  std::vector<double> d, dt;

  System(std::size_t channels_, std::size_t modes_, std::size_t rank_, std::uint64_t seed, bool tied = true)
      : channels(channels_), modes(modes_), rank(rank_) {
    check::Random random(seed + 100 * channels + 10000 * modes + rank);
    for (std::size_t i = 0; i < channels * modes; ++i) {
      lambda.push_back({-0.5 - 0.3 * random(), 30 * random()});
      b.push_back({1 + random(), random()});
      c.push_back({random(), random()});
    }
    for (std::size_t i = 0; i < rank * channels * modes; ++i) {
      p.push_back({random(), random()});
      q.push_back(tied ? p.back() : Complex(random(), random()));
    }
    for (std::size_t h = 0; h < channels; ++h) {
      d.push_back(random());
      dt.push_back(std::pow(10.0, -1.5 + random()));
    }
  }
  DplrParameters parameters() const { return {channels, modes, rank, lambda, b, c, p, q, dt}; }
};

/// A layer packed, and the memory it runs in.
template <class T>
struct Packed {
  DplrShape shape;
  Buffer<T> coefficients;
  explicit Packed(const System& s) {
    const DplrModes modes = discretize(s.parameters());
    shape = dplr_shape<T>(modes);
    coefficients.resize(shape.coefficients());
    pack_dplr<T>(shape, modes, s.d, coefficients.data());
  }
  Dplr<T> layer() const { return {shape, coefficients.data()}; }
  std::vector<T> rest() const { return std::vector<T>(shape.state(), T(0)); }
};

template <class T>
std::vector<T> noise(std::size_t count, std::uint64_t seed) {
  check::Random random(seed);
  std::vector<T> u(count);
  for (T& x : u) x = static_cast<T>(random());
  return u;
}

/// A_bar and B_bar of channel h on both halves of the spectrum, by elimination with (I - dt A / 2).
struct Dense {
  std::size_t size;
  std::vector<Long> a, b, c;

  Dense(const System& s, std::size_t h) : size(2 * s.modes), a(size * size), b(size), c(size) {
    const auto both = [&](const std::vector<Complex>& x, std::size_t r, std::size_t n) {
      const Complex z = x[(r * s.channels + h) * s.modes + n % s.modes];
      return n < s.modes ? Long(z.real(), z.imag()) : Long(z.real(), -z.imag());
    };
    const long double half = static_cast<long double>(s.dt[h]) / 2;
    std::vector<Long> left(size * size);
    for (std::size_t i = 0; i < size; ++i) {
      for (std::size_t j = 0; j < size; ++j) {
        Long x = i == j ? both(s.lambda, 0, i) : Long(0);
        for (std::size_t r = 0; r < s.rank; ++r) x -= both(s.p, r, i) * std::conj(both(s.q, r, j));
        left[i * size + j] = Long(i == j ? 1 : 0) - half * x;
        a[i * size + j] = Long(i == j ? 1 : 0) + half * x;
      }
      b[i] = 2 * half * both(s.b, 0, i);
      c[i] = both(s.c, 0, i);
    }
    for (std::size_t k = 0; k < size; ++k) {
      std::size_t pivot = k;
      for (std::size_t i = k; i < size; ++i) {
        if (std::abs(left[i * size + k]) > std::abs(left[pivot * size + k])) pivot = i;
      }
      for (std::size_t j = 0; j < size; ++j) {
        std::swap(left[k * size + j], left[pivot * size + j]);
        std::swap(a[k * size + j], a[pivot * size + j]);
      }
      std::swap(b[k], b[pivot]);
      const Long scale = Long(1) / left[k * size + k];
      for (std::size_t j = 0; j < size; ++j) left[k * size + j] *= scale, a[k * size + j] *= scale;
      b[k] *= scale;
      for (std::size_t i = 0; i < size; ++i) {
        const Long share = left[i * size + k];
        if (i == k || share == Long(0)) continue;
        for (std::size_t j = 0; j < size; ++j) {
          left[i * size + j] -= share * left[k * size + j];
          a[i * size + j] -= share * a[k * size + j];
        }
        b[i] -= share * b[k];
      }
    }
  }
  std::vector<Long> times(const std::vector<Long>& x) const {
    std::vector<Long> y(size);
    for (std::size_t i = 0; i < size; ++i) {
      for (std::size_t j = 0; j < size; ++j) y[i] += a[i * size + j] * x[j];
    }
    return y;
  }
  std::vector<Long> row_times(const std::vector<Long>& x) const {
    std::vector<Long> y(size);
    for (std::size_t i = 0; i < size; ++i) {
      for (std::size_t j = 0; j < size; ++j) y[j] += x[i] * a[i * size + j];
    }
    return y;
  }
  long double output(const std::vector<Long>& x) const {
    Long y = 0;
    for (std::size_t i = 0; i < size; ++i) y += c[i] * x[i];
    return y.real();
  }
  /// Sum of |c_n| |x_n|: the scale of what can be rounded.
  double size_of(const std::vector<Long>& x) const {
    long double y = 0;
    for (std::size_t i = 0; i < size; ++i) y += std::abs(c[i]) * std::abs(x[i]);
    return static_cast<double>(y);
  }
};

/// Rounding: per sample some units of |x|, for as long as the slowest mode remembers (at most 30 / unit steps of the
/// systems above, whose Re(lambda) dt is at least 6e-4), and the sums over the modes.
template <class T>
double tolerance(std::size_t modes, std::size_t rows) {
  const double memory = std::min(static_cast<double>(rows), sizeof(T) == 4 ? 30.0 : 1600.0);
  return unit<T> * (4 * memory + 8 * static_cast<double>(modes) + 40);
}

template <class T>
void compare(const System& s, std::size_t rows, std::uint64_t seed) {
  const Packed<T> packed(s);
  const std::vector<T> u = noise<T>(rows * s.channels, seed);
  std::vector<T> y(u.size()), state = packed.rest();
  scan(packed.layer(), View<const T, 2>(u.data(), {rows, s.channels}), state.data(),
       View<T, 2>(y.data(), {rows, s.channels}));
  for (std::size_t h = 0; h < s.channels; h += 1 + s.channels / 4) {
    const Dense dense(s, h);
    std::vector<Long> x(dense.size);
    double scale = 0;
    for (std::size_t t = 0; t < rows; ++t) {
      const auto input = static_cast<long double>(u[t * s.channels + h]);
      x = dense.times(x);
      for (std::size_t i = 0; i < dense.size; ++i) x[i] += dense.b[i] * input;
      scale = std::max(scale, dense.size_of(x) + std::abs(s.d[h]));
      CHECK_NEAR(y[t * s.channels + h], dense.output(x) + static_cast<long double>(s.d[h]) * input,
                 tolerance<T>(s.modes, rows) * scale);
    }
  }
}

template <class T>
void chunks(std::size_t channels, std::size_t modes, std::size_t rank) {
  const System s(channels, modes, rank, 3);
  const Packed<T> packed(s);
  const std::size_t rows = 200;
  const std::vector<T> u = noise<T>(rows * channels, 4);
  const auto in = [&](std::size_t t, std::size_t n) { return View<const T, 2>(&u[t * channels], {n, channels}); };
  std::vector<T> whole(u.size()), state = packed.rest();
  scan(packed.layer(), in(0, rows), state.data(), View<T, 2>(whole.data(), {rows, channels}));
  for (const std::size_t longest : {1u, 3u, 64u, 150u}) {
    std::vector<T> y(u.size()), parts = packed.rest();
    for (std::size_t t = 0, n = 0; t < rows; t += n) {
      n = std::min(rows - t, 1 + (t * 7 + 3) % longest);
      if (longest == 1) {
        step(packed.layer(), in(t, 1), View<T, 2>(parts.data(), {1, parts.size()}),
             View<T, 2>(&y[t * channels], {1, channels}));
      } else {
        scan(packed.layer(), in(t, n), parts.data(), View<T, 2>(&y[t * channels], {n, channels}));
      }
    }
    CHECK(y == whole && parts == state);
  }
  std::vector<T> y = u, parts = packed.rest();  // in place, tiles from the last to the first
  for (std::size_t i = packed.shape.tiles(); i-- > 0;) {
    const View<T, 2> both(y.data(), {rows, channels});
    scan_tiles(packed.layer(), i, i + 1, View<const T, 2>(both), parts.data(), both);
  }
  CHECK(y == whole && parts == state);
}

/// The impulse response of the dense system against `kernel` in every form.
template <class T>
void kernels(const System& s, std::size_t length) {
  const DplrModes modes = discretize(s.parameters());
  for (const std::size_t block : {0u, 16u, 32u, 64u}) {
    if (block != 0 && block >= length && length > 1) continue;
    Buffer<std::byte> scratch(dplr_workspace_bytes<T>(s.modes, s.rank, length, block));
    const std::size_t first = s.channels > 16 ? 16 : 0, count = s.channels - first;
    std::vector<T> k(count * length);
    kernel<T>(DplrModesView(modes), first, block, View<T, 2>(k.data(), {count, length}), workspace(scratch));
    for (std::size_t h = 0; h < count; h += 1 + count / 3) {
      const Dense dense(s, first + h);
      std::vector<Long> x = dense.b;
      const double scale = dense.size_of(x);
      for (std::size_t l = 0; l < length; ++l, x = dense.times(x)) {
        // In float two rounded factors and N sums, where there are blocks; in double some units a sample.
        const double sums = block == 0 ? 2 : 4 * static_cast<double>(s.modes) + 4;
        CHECK_NEAR(k[h * length + l], dense.output(x),
                   scale * (unit<T> * sums + 0x1p-53 * 8 * static_cast<double>(length + 16 * s.modes)));
      }
    }
  }
}

}  // namespace

TEST(dplr_scan_is_the_dense_recurrence) {
  for (std::size_t rank = 1; rank <= dplr_ranks; ++rank) {
    for (const std::size_t channels : {1u, 3u, 16u, 17u, 40u}) {
      for (const std::size_t modes : {1u, 2u, 5u, 8u}) {
        compare<float>(System(channels, modes, rank, 1), 100, 2);
        compare<double>(System(channels, modes, rank, 1), 100, 2);
      }
    }
    compare<double>(System(2, 4, rank, 5, false), 100, 6);  // q other than p
    compare<float>(System(2, 4, rank, 5, false), 30, 6);
  }
}

TEST(dplr_scan_in_chunks_in_steps_and_in_place_gives_the_same_bits) {
  for (std::size_t rank = 1; rank <= dplr_ranks; ++rank) {
    for (const std::size_t channels : {1u, 7u, 16u, 37u}) {
      for (const std::size_t modes : {1u, 4u, 9u}) {
        chunks<float>(channels, modes, rank);
        chunks<double>(channels, modes, rank);
      }
    }
  }
}

TEST(dplr_step_of_a_batch_gives_each_sequence_its_bits) {
  const System s(21, 6, 2, 7);
  const Packed<float> packed(s);
  const std::size_t batch = 5, size = packed.shape.state(), apart = size + 3;
  std::vector<float> states(batch * apart, 0.0f), y(batch * 21);
  std::vector<std::vector<float>> alone(batch, packed.rest());
  for (std::size_t t = 0; t < 40; ++t) {
    const std::vector<float> u = noise<float>(batch * 21, t);
    step(packed.layer(), View<const float, 2>(u.data(), {batch, 21}),
         View<float, 2>(states.data(), {batch, size}, {apart, 1}), View<float, 2>(y.data(), {batch, 21}));
    for (std::size_t b = 0; b < batch; ++b) {
      std::vector<float> one(21);
      scan(packed.layer(), View<const float, 2>(&u[b * 21], {1, 21}), alone[b].data(),
           View<float, 2>(one.data(), {1, 21}));
      CHECK(std::equal(one.begin(), one.end(), &y[b * 21]) &&
            std::equal(alone[b].begin(), alone[b].end(), &states[b * apart]));
      for (std::size_t i = size; i < apart; ++i) CHECK(states[b * apart + i] == 0.0f);
    }
  }
}

TEST(dplr_kernel_is_the_impulse_response_in_every_form) {
  for (std::size_t rank = 1; rank <= dplr_ranks; ++rank) {
    for (const std::size_t length : {1u, 2u, 16u, 17u, 64u, 97u, 200u}) {
      kernels<float>(System(3, 5, rank, 11), length);
      kernels<double>(System(18, 3, rank, 11), length);
      kernels<double>(System(1, 17, rank, 12, rank < 3), std::min<std::size_t>(length, 40));
    }
  }
}

TEST(dplr_without_a_correction_is_diagonal) {
  System s(2, 4, 2, 13);
  std::fill(s.p.begin(), s.p.end(), Complex(0));
  compare<double>(s, 200, 14);
  kernels<double>(s, 100);
  System some(3, 6, 1, 15);  // modes that the correction does not move
  some.p[0] = some.q[0] = some.p[7] = some.q[7] = 0;
  compare<double>(some, 200, 16);
  compare<float>(some, 100, 16);
  kernels<double>(some, 100);
  some.b.assign(some.b.size(), Complex(0));
  compare<double>(some, 20, 17);
}

TEST(dplr_discretisation_refuses_a_step_at_a_pole) {
  System s(2, 2, 1, 18);
  s.lambda[2] = {4.0, 0.0};
  s.dt[1] = 0.5;
  CHECK_RAISES(discretize(s.parameters()), Error, "channel 1");
}

TEST(dplr_cauchy_is_the_kernel_of_the_truncated_output) {
  for (std::size_t rank = 1; rank <= dplr_ranks; ++rank) {
    for (const std::size_t length : {1u, 2u, 7u, 24u}) {
      System s(2, 4, rank, 19, rank != 2);
      for (double& dt : s.dt) dt *= 20 / static_cast<double>(length);  // so that A_bar^length is neither 0 nor 1
      const System truth = s;
      std::vector<std::vector<long double>> k(2);
      for (std::size_t h = 0; h < 2; ++h) {
        const Dense dense(truth, h);
        std::vector<Long> x = dense.b, row = dense.c;
        for (std::size_t l = 0; l < length; ++l) {
          k[h].push_back(dense.output(x));
          x = dense.times(x);
          row = dense.row_times(row);
        }
        for (std::size_t n = 0; n < s.modes; ++n) {
          s.c[h * s.modes + n] -= Complex(static_cast<double>(row[n].real()), static_cast<double>(row[n].imag()));
        }
      }
      for (std::size_t h = 0; h < 2; ++h) {
        std::vector<Complex> spectrum(length / 2 + 1);
        CHECK(CauchyKernel(s.parameters(), h).evaluate(length, spectrum) == Outcome::ok);
        double scale = 0;
        for (const long double x : k[h]) scale += std::fabs(static_cast<double>(x));
        for (std::size_t f = 0; f < spectrum.size(); ++f) {
          Long want = 0;
          for (std::size_t l = 0; l < length; ++l) {
            want += k[h][l] * std::polar(1.0L, -2 * std::numbers::pi_v<long double> * static_cast<long double>(f * l) /
                                                   static_cast<long double>(length));
          }
          CHECK_NEAR(spectrum[f].real(), want.real(), 1e-11 * scale);
          CHECK_NEAR(spectrum[f].imag(), want.imag(), 1e-11 * scale);
        }
        std::vector<Complex> c(s.modes);
        double condition = 0;
        CHECK(untruncate(s.parameters(), discretize(s.parameters(), false), h, length, c.data(), condition) ==
              Outcome::ok);
        for (std::size_t n = 0; n < s.modes; ++n) {
          CHECK_NEAR(std::abs(c[n] - truth.c[h * s.modes + n]), 0, 1e-14 * condition * 10);
        }
      }
    }
  }
}

TEST(dplr_scan_carries_what_rounding_takes_from_a_long_memory) {
  for (const double memory : {1e3, 1e4, 1e5}) {
    System s(1, 1, 1, 24);
    s.lambda[0] = -1, s.b[0] = 1, s.c[0] = 0.5, s.d[0] = 0, s.p[0] = s.q[0] = 0, s.dt[0] = 1 / memory;
    const Packed<float> packed(s);
    CHECK(packed.shape.carried == 2 && Packed<double>(s).shape.carried == 0);
    const std::vector<float> u(static_cast<std::size_t>(20 * memory), 0.7f);  // every rounding to the same side
    std::vector<float> y(u.size()), state = packed.rest();
    scan(packed.layer(), View<const float, 2>(u.data(), {u.size(), 1}), state.data(),
         View<float, 2>(y.data(), {u.size(), 1}));
    CHECK_NEAR(y.back(), 0.7f * (1 - std::exp(-20.0)), 4 * unit<float> * 0.7);
  }
}

TEST(dplr_scan_keeps_the_digits_of_modes_that_turn) {
  // A pole far above the sampling rate, which the bilinear rule puts at -1 + 4e-6: it rings for 250,000 samples at half
  // the sampling rate. Rounded as a_bar - 1 its time constant would be off by 6e-8 / 4e-6.
  System s(1, 1, 1, 25);
  s.lambda[0] = -1e6, s.b[0] = 1e6, s.c[0] = 0.5, s.d[0] = 0, s.p[0] = s.q[0] = 0, s.dt[0] = 1;
  const Packed<float> packed(s);
  std::vector<float> u(100000, 0.0f), y(u.size()), state = packed.rest();
  u[0] = 1;
  scan(packed.layer(), View<const float, 2>(u.data(), {u.size(), 1}), state.data(),
       View<float, 2>(y.data(), {u.size(), 1}));
  const double a = (1 - 5e5) / (1 + 5e5), first = 1e6 / (1 + 5e5);
  // Five standard deviations of 100,000 roundings of the state.
  for (std::size_t t = 0; t < y.size(); t += 999) {
    CHECK_NEAR(y[t], first * std::pow(-a, static_cast<double>(t)) * (t % 2 == 0 ? 1 : -1), 1e-4);
  }
}

TEST(dplr_scan_of_silence_settles_above_denormals) {
  System s(5, 8, 2, 20);
  s.p[0] = s.q[0] = 0;
  for (const std::size_t carried : {0u, 8u}) {
    Packed<float> packed(s);
    packed.shape.carried = carried;
    const DplrModes modes = discretize(s.parameters());
    packed.coefficients.resize(packed.shape.coefficients());
    pack_dplr<float>(packed.shape, modes, s.d, packed.coefficients.data());
    std::vector<float> u = noise<float>(500 * 5, 21), y(20000 * 5), state = packed.rest(), zeros(20000 * 5, 0.0f);
    scan(packed.layer(), View<const float, 2>(u.data(), {500, 5}), state.data(), View<float, 2>(y.data(), {500, 5}));
    for (int i = 0; i < 5; ++i) {
      scan(packed.layer(), View<const float, 2>(zeros.data(), {20000, 5}), state.data(),
           View<float, 2>(y.data(), {20000, 5}));
    }
    for (std::size_t i = 0; i < state.size(); ++i) {
      const std::size_t row = i % packed.shape.tile_state() / tile;
      const bool lost = row < 4 * carried && row % 4 >= 2;  // what rounding took is only added
      CHECK(std::fpclassify(state[i]) != FP_SUBNORMAL || lost);
    }
    for (std::size_t h = 0; h < 5; ++h) CHECK(std::fabs(y[19999 * 5 + h]) < 1e-14f);
  }
}

TEST(dplr_scan_keeps_what_is_not_finite_in_its_channel) {
  const System s(20, 3, 1, 22);
  const Packed<float> packed(s);
  const std::vector<float> u = noise<float>(30 * 20, 23);
  const auto run = [&](const std::vector<float>& in) {
    std::vector<float> y(in.size()), state = packed.rest();
    scan(packed.layer(), View<const float, 2>(in.data(), {30, 20}), state.data(), View<float, 2>(y.data(), {30, 20}));
    return y;
  };
  const std::vector<float> clean = run(u);
  for (const std::size_t bad : {0u, 15u, 19u}) {
    std::vector<float> poisoned = u;
    poisoned[3 * 20 + bad] =
        bad == 0 ? std::numeric_limits<float>::infinity() : std::numeric_limits<float>::quiet_NaN();
    const std::vector<float> y = run(poisoned);
    for (std::size_t i = 0; i < y.size(); ++i) {
      CHECK(i % 20 == bad && i >= 60 ? !std::isfinite(y[i]) : y[i] == clean[i]);
    }
  }
}
