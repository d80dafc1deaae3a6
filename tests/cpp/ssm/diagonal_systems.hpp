// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <complex>
#include <cstddef>
#include <limits>
#include <vector>

#include <check.hpp>
#include <danaus/ssm/diagonal.hpp>

/// Diagonal systems that the tests run, and their recurrence in long double.
namespace diagonal_systems {

using Long = std::complex<long double>;

template <class T>
inline constexpr double unit = static_cast<double>(std::numeric_limits<T>::epsilon()) / 2;

/// More than danaus adds to an input lest states become denormals.
template <class T>
inline constexpr double silence = sizeof(T) == 4 ? 0x1p-63 : 0x1p-799;

/// z with both parts rounded to T.
template <class T>
danaus::Complex rounded(danaus::Complex z) {
  return {static_cast<double>(static_cast<T>(z.real())), static_cast<double>(static_cast<T>(z.imag()))};
}

template <class T>
struct System {
  danaus::DiagonalShape shape;
  std::vector<danaus::Mode> modes;  // (channels, modes), each a number of T
  std::vector<double> d;
  std::vector<T> coefficients;

  System(std::size_t channels, std::size_t count) : shape{channels, count}, modes(channels * count), d(channels) {}

  /// Stable poles, some that forget at once, some that hardly forget, some real.
  static System random(std::size_t channels, std::size_t count, std::uint64_t seed) {
    check::Random next(seed);
    System system(channels, count);
    for (std::size_t i = 0; i < system.modes.size(); ++i) {
      const double radius = i % 5 == 0 ? 1 - 1e-4 * (1 + next()) : 0.5 + 0.499 * next();
      const double angle = i % 3 == 0 ? 0 : 3 * next();
      system.modes[i] = {std::polar(radius, angle) - 1.0, {next(), next()}};
    }
    for (double& x : system.d) x = next();
    system.shape.carried = (channels + seed) % (system.shape.lane_modes() + 1);
    system.pack();
    return system;
  }

  void pack() {
    for (danaus::Mode& mode : modes) mode = {rounded<T>(mode.delta), rounded<T>(mode.gain)};
    for (double& x : d) x = static_cast<double>(static_cast<T>(x));
    coefficients.assign(shape.coefficients(), T(0));
    danaus::pack_diagonal<T>(shape, modes, d, coefficients.data());
  }

  danaus::Diagonal<T> layer() const { return {shape, coefficients.data()}; }
};

/// Rows of numbers, `stride` apart.
template <class T>
struct Sequence {
  std::size_t rows, width, stride;
  std::vector<T> values;

  Sequence(std::size_t r, std::size_t w, std::size_t s = 0)
      : rows(r), width(w), stride(s == 0 ? w : s), values(r * stride, T(0)) {}
  static Sequence random(std::size_t r, std::size_t w, std::uint64_t seed, std::size_t s = 0) {
    check::Random next(seed);
    Sequence sequence(r, w, s);
    for (T& x : sequence.values) x = static_cast<T>(next());
    return sequence;
  }
  T at(std::size_t t, std::size_t h) const { return values[t * stride + h]; }
  danaus::View<const T, 2> view(std::size_t first, std::size_t count) const {
    return {values.data() + first * stride, {count, width}, {stride, 1}};
  }
  danaus::View<T, 2> view(std::size_t first, std::size_t count) {
    return {values.data() + first * stride, {count, width}, {stride, 1}};
  }
};

/// y_k = sum Re(gain s_k) + d u_k with s_k = (1 + delta) s_{k-1} + u_k of one channel, and with it a
/// bound of what T's roundings can do. A step rounds products of delta and s, the input and the new
/// state a few times each; what was wrong before turns with the state and shrinks by |1 + delta|.
template <class T>
struct Recurrence {
  std::vector<long double> y;
  std::vector<double> bound;

  Recurrence(const System<T>& system, const Sequence<T>& u, std::size_t h) : y(u.rows), bound(u.rows) {
    const std::size_t count = system.shape.modes;
    std::vector<Long> s(count);
    std::vector<double> off(count, 0);
    const double all_roundings = (2.0 * static_cast<double>(count) + 8) * unit<T>;
    for (std::size_t k = 0; k < u.rows; ++k) {
      const double input = std::fabs(static_cast<double>(u.at(k, h)));
      y[k] = static_cast<long double>(system.d[h]) * static_cast<long double>(u.at(k, h));
      double size = std::fabs(static_cast<double>(y[k])), carried = 0;
      for (std::size_t n = 0; n < count; ++n) {
        const danaus::Mode mode = system.modes[h * count + n];
        const Long delta(mode.delta.real(), mode.delta.imag()), gain(mode.gain.real(), mode.gain.imag());
        const double moved = std::abs(mode.delta) * static_cast<double>(std::abs(s[n]));
        s[n] = s[n] + delta * s[n] + static_cast<long double>(u.at(k, h));
        const double now = static_cast<double>(std::abs(s[n]));
        off[n] = std::abs(1.0 + mode.delta) * off[n] + 1.01 * unit<T> * (6 * moved + 4 * input + 2 * now) + silence<T>;
        y[k] += (gain * s[n]).real();
        size += std::abs(mode.gain) * now * 1.5;
        carried += std::abs(mode.gain) * off[n];
      }
      bound[k] = 1.01 * (carried + all_roundings * size) + silence<T>;
    }
  }
};

}  // namespace diagonal_systems
