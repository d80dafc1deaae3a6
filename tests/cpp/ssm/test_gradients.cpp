// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <vector>

#include <check.hpp>
#include <danaus/core/buffer.hpp>
#include <danaus/ssm/diagonal_vjp.hpp>
#include <danaus/ssm/discretize_vjp.hpp>
#include <danaus/ssm/kernel_vjp.hpp>
#include <danaus/ssm/transfer_vjp.hpp>
#include <ssm/diagonal_systems.hpp>

using namespace danaus;
using namespace diagonal_systems;

namespace {

std::vector<Mode> random_modes(check::Random& random, std::size_t count) {
  std::vector<Mode> modes(count);
  for (std::size_t n = 0; n < count; ++n) {
    const double radius = n % 4 == 0   ? 1 - 1e-5 * (1 + random())
                          : n % 4 == 1 ? 0.01 * (1 + random())
                                       : 0.9 + 0.0999 * random();
    modes[n] = {std::polar(radius, n % 5 == 0 ? 0 : 3.1 * random()) - 1.0, {random(), random()}};
  }
  return modes;
}

/// The sums, a multiplication after the other. A power of l is off by at most l (sqrt(5) + 1) roundings in double; a
/// product sums a block's samples, of two rounded factors, in T; and powers below `negligible` are left out.
template <class T>
void compare_kernel(check::Random& random, std::size_t count, std::size_t length) {
  const std::vector<Mode> modes = random_modes(random, count);
  std::vector<T> grad(length);
  for (T& x : grad) x = static_cast<T>(random());
  std::vector<Mode> found(count + 1, Mode{77, 77});
  Buffer<std::byte> scratch(kernel_vjp_workspace_bytes<T>(count, length));
  kernel_vjp<T>(modes, grad, {found.data(), count}, workspace(scratch));
  CHECK(found.back().delta == 77.0 && found.back().gain == 77.0);
  const double n = static_cast<double>(length), rows = static_cast<double>(kernel_block(length)) + 4;
  const double unit = (n * 3.3 + rows) * 0x1p-53 + (sizeof(T) == 4 ? rows * 0x1p-24 : 0);
  for (std::size_t i = 0; i < count; ++i) {
    const Long a(1 + static_cast<long double>(modes[i].delta.real()), modes[i].delta.imag());
    const Long gain(modes[i].gain.real(), modes[i].gain.imag());
    Long power = 1, before = 0, sum = 0, slope = 0;
    long double size = 0, steep = 0, left = 0;
    for (std::size_t l = 0; l < length; ++l) {
      const auto g = static_cast<long double>(grad[l]), lag = static_cast<long double>(l);
      sum += g * power;
      slope += g * lag * before;
      size += std::abs(g * power);
      steep += std::abs(g * lag * before);
      left += std::abs(g) * (lag + 1);
      before = power;
      power *= a;
    }
    const Long by_delta = std::conj(gain * slope), by_gain = std::conj(sum);
    const double most = unit * static_cast<double>(size) + negligible<T> * static_cast<double>(left);
    const double more = static_cast<double>(std::abs(gain)) *
                        (unit * static_cast<double>(steep) + negligible<T> * static_cast<double>(left));
    CHECK_NEAR(found[i].gain.real(), by_gain.real(), most);
    CHECK_NEAR(found[i].gain.imag(), by_gain.imag(), most);
    CHECK_NEAR(found[i].delta.real(), by_delta.real(), more);
    CHECK_NEAR(found[i].delta.imag(), by_delta.imag(), more);
  }
}

template <class T>
void kernels() {
  check::Random random(1);
  for (std::size_t length = 0; length <= 70; ++length) {
    for (const std::size_t count : {0u, 1u, 2u, 17u}) compare_kernel<T>(random, count, length);
  }
  for (const std::size_t length : {255u, 256u, 257u, 1000u, 1021u}) {
    for (const std::size_t count : {1u, 7u, 32u}) compare_kernel<T>(random, count, length);
  }
  compare_kernel<T>(random, 8, 16384);
  compare_kernel<T>(random, 3, 70000);
}

template <class T>
void scans() {
  check::Random random(2);
  for (const std::size_t channels : {1u, 3u, 8u, 16u, 21u, 40u}) {
    for (const std::size_t rows : {1u, 2u, 63u, 64u, 65u, 200u}) {
      const System<T> system = System<T>::random(channels, 5, rows);
      const Sequence<T> grad = Sequence<T>::random(rows, channels, 3, channels + 2);
      Sequence<T> turned(rows, channels), wanted(rows, channels), found(rows, channels, channels + 1);
      for (std::size_t t = 0; t < rows; ++t) {
        for (std::size_t h = 0; h < channels; ++h) turned.values[t * channels + h] = grad.at(rows - 1 - t, h);
      }
      std::vector<T> state(system.shape.state(), T(0)), back = state;
      scan(system.layer(), std::as_const(turned).view(0, rows), state.data(), wanted.view(0, rows));
      for (std::size_t end = rows; end > 0;) {  // pieces, the last one first
        const std::size_t count = std::min(end, 1 + end / 2);
        end -= count;
        scan_tiles_vjp(system.layer(), 0, system.shape.tiles(), grad.view(end, count), back.data(),
                       found.view(end, count));
      }
      CHECK(state == back);
      for (std::size_t t = 0; t < rows; ++t) {
        for (std::size_t h = 0; h < channels; ++h) CHECK(found.at(t, h) == wanted.at(rows - 1 - t, h));
      }
    }
  }
}

/// Differences of `discretize` over five points along each real parameter, in double: with steps h = 1e-5 of a
/// parameter the roundings leave 1e-10 of the function and the formula h^4 / 30 of the fifth derivative.
void differences(Complex a, Complex c, double dt, Discretization method, double length) {
  const Mode grad{{0.3, -0.7}, {1.1, 0.4}};
  const auto loss = [&](Complex pole, Complex weight, double step) {
    const Mode mode = discretize(pole, weight, step, method, length);
    return (std::conj(grad.delta) * mode.delta).real() + (std::conj(grad.gain) * mode.gain).real();
  };
  const ModeGradient found = discretize_vjp(a, c, dt, method, length, grad);
  const double by = 1e-5, here = std::fabs(loss(a, c, dt)) + 1;
  const auto slope = [&](Complex da, Complex dc, double ddt, double size) {
    const auto moved = [&](double steps) {
      const double s = steps * by * size;
      return loss(a + s * da, c + s * dc, dt + s * ddt);
    };
    return (8 * (moved(1) - moved(-1)) - (moved(2) - moved(-2))) / (12 * by * size);
  };
  const Complex i(0, 1);
  const double as = std::abs(a) + 1e-3, cs = std::abs(c), roundings = 1e-9 * here;
  CHECK_NEAR(found.a.real(), slope(1, 0, 0, as), roundings / as + 1e-7 * std::abs(found.a));
  CHECK_NEAR(found.a.imag(), slope(i, 0, 0, as), roundings / as + 1e-7 * std::abs(found.a));
  CHECK_NEAR(found.c.real(), slope(0, 1, 0, cs), roundings / cs + 1e-7 * std::abs(found.c));
  CHECK_NEAR(found.c.imag(), slope(0, i, 0, cs), roundings / cs + 1e-7 * std::abs(found.c));
  CHECK_NEAR(found.dt, slope(0, 0, 1, dt), roundings / dt + 1e-7 * std::fabs(found.dt));
}

/// The response of one channel and the gradients of sum_n grad_n k_n, in extended precision.
struct Transfer {
  std::vector<long double> k, db, da;

  Transfer(const double* b, const double* a, std::size_t order, const std::vector<double>& grad)
      : k(grad.size(), 0), db(order, 0), da(order, 0) {
    const std::size_t length = grad.size();
    std::vector<long double> w(length, 0);
    for (std::size_t n = 0; n < length; ++n) {
      if (n >= 1 && n <= order) k[n] = static_cast<long double>(b[n - 1]);
      for (std::size_t i = 1; i <= std::min(n, order); ++i) k[n] -= static_cast<long double>(a[i - 1]) * k[n - i];
    }
    for (std::size_t n = length; n-- > 0;) {
      w[n] = static_cast<long double>(grad[n]);
      for (std::size_t i = 1; i <= order && n + i < length; ++i) w[n] -= static_cast<long double>(a[i - 1]) * w[n + i];
    }
    for (std::size_t i = 1; i <= order && i < length; ++i) {
      db[i - 1] = w[i];
      for (std::size_t n = i; n < length; ++n) da[i - 1] -= w[n] * k[n - i];
    }
  }
};

/// With sum_i |a_i| <= 1/2 a rounding grows at most twofold on its way, as w and k do.
void compare_transfer(check::Random& random, std::size_t channels, std::size_t repeat, std::size_t order,
                      std::size_t length) {
  std::vector<double> b(channels * order), a(channels / repeat * order), grad(channels * length);
  for (double& x : b) x = random();
  for (double& x : a) x = random() / (2 * static_cast<double>(order));
  for (double& x : grad) x = random();
  std::vector<double> db(b.size(), 77), da(b.size(), 77), k(channels * length, 77);
  const View<const double, 2> numerator(b.data(), {channels, order}), poles(a.data(), {channels / repeat, order});
  Buffer<std::byte> scratch(transfer_vjp_workspace_bytes(order, length));
  for (std::size_t h = 0; h < channels; h += tile) {
    transfer_response(numerator, poles, repeat, h, View<double, 2>(k.data(), {channels, length}), workspace(scratch));
    transfer_kernel_vjp(numerator, poles, repeat, h, View<const double, 2>(grad.data(), {channels, length}),
                        View<double, 2>(db.data(), {channels, order}), View<double, 2>(da.data(), {channels, order}),
                        workspace(scratch));
  }
  const double n = static_cast<double>(order), unit = 4 * (n + 2) * 0x1p-52;
  for (std::size_t h = 0; h < channels; ++h) {
    const std::vector<double> own(grad.data() + h * length, grad.data() + (h + 1) * length);
    const Transfer want(&b[h * order], &a[h / repeat * order], order, own);
    for (std::size_t t = 0; t < length; ++t) CHECK_NEAR(k[h * length + t], want.k[t], 2 * unit);
    for (std::size_t i = 0; i < order; ++i) {
      CHECK_NEAR(db[h * order + i], want.db[i], 2 * unit);
      CHECK_NEAR(da[h * order + i], want.da[i], 8 * unit * (static_cast<double>(length) + n));
    }
  }
}

}  // namespace

TEST(kernel_gradients_of_every_length_are_the_sums) {
  kernels<float>();
  kernels<double>();
}

TEST(scan_gradient_is_the_scan_of_the_sequence_turned_around) {
  scans<float>();
  scans<double>();
}

TEST(discretization_gradients_are_its_differences) {
  for (const Complex a : {Complex(-0.5, 0), Complex(-0.5, 3), Complex(-1e-3, 40), Complex(-30, -2)}) {
    for (const double dt : {1e-3, 0.05, 0.4}) {
      differences(a, {0.7, -0.2}, dt, Discretization::zoh, 0);
      differences(a, {0.7, -0.2}, dt, Discretization::bilinear, 0);
      differences(a, {0.7, -0.2}, dt, Discretization::dss, 20);
    }
  }
  differences(0, {0.7, -0.2}, 0.1, Discretization::zoh, 0);
  differences(0, {0.7, -0.2}, 0.1, Discretization::bilinear, 0);
}

TEST(slope_of_expm1_over_is_smooth_where_its_series_ends) {
  for (const double angle : {0.0, 0.7, 1.6, 3.0}) {
    for (const double radius : {1e-12, 1e-3, 0.3, 0.5 - 1e-9, 0.5 + 1e-9, 0.9, 4.0}) {
      const Complex z = std::polar(radius, angle);
      Long sum = 0, power = 1;  // the series, to the end
      long double factorial = 2;
      for (int k = 0; k < 60; ++k) {
        sum += static_cast<long double>(k + 1) / factorial * power;
        power *= Long(z.real(), z.imag());
        factorial *= static_cast<long double>(k + 3);
      }
      const Complex found = expm1_over_slope(z);
      CHECK_NEAR(found.real(), sum.real(), 20 * 0x1p-53 * (1 + std::exp(radius)));
      CHECK_NEAR(found.imag(), sum.imag(), 20 * 0x1p-53 * (1 + std::exp(radius)));
    }
  }
}

TEST(transfer_gradients_of_every_order_and_length_are_the_sums) {
  check::Random random(4);
  for (std::size_t order = 1; order <= 40; ++order) {
    for (const std::size_t length :
         {std::size_t{0}, std::size_t{1}, std::size_t{2}, order, order + 1, std::size_t{61}}) {
      compare_transfer(random, 1 + order % 3, 1, order, length);
    }
  }
  for (std::size_t channels = 1; channels <= 40; ++channels) compare_transfer(random, channels, 1, 3, 20);
  for (const std::size_t repeat : {2u, 5u, 20u}) compare_transfer(random, 20, repeat, 9, 50);
  for (const std::size_t length : {127u, 128u, 129u, 1000u}) compare_transfer(random, 2, 2, 64, length);
}

TEST(transfer_gradients_of_silence_are_zero_and_meet_no_denormals) {
  const double b[] = {1}, a[] = {-0.5};
  std::vector<double> grad(5000, 0), k(5000), db(1), da(1);
  Buffer<std::byte> scratch(transfer_vjp_workspace_bytes(1, 5000));
  const View<const double, 2> numerator(b, {1, 1}), poles(a, {1, 1});
  transfer_kernel_vjp(numerator, poles, 1, 0, View<const double, 2>(grad.data(), {1, 5000}),
                      View<double, 2>(db.data(), {1, 1}), View<double, 2>(da.data(), {1, 1}), workspace(scratch));
  CHECK(db[0] == 0 && da[0] == 0);
  transfer_response(numerator, poles, 1, 0, View<double, 2>(k.data(), {1, 5000}), workspace(scratch));
  for (std::size_t t = 1; t < 5000; ++t) {
    CHECK(std::fpclassify(k[t]) != FP_SUBNORMAL);
    CHECK_NEAR(k[t], std::ldexp(1.0, 1 - static_cast<int>(t)), vanished);
  }
}
