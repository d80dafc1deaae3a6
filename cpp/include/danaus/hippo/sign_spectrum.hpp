// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstddef>
#include <numbers>
#include <span>
#include <vector>

#include <danaus/core/complex.hpp>
#include <danaus/core/error.hpp>
#include <danaus/core/view.hpp>

// Set-up in double precision: the skew matrix K_nk = -r_n r_k / 2 (k < n), r_n r_k / 2 (k > n) behind LegS
// (r_n^2 = m_n = 2n + 1) and Laguerre (m_n = 1), diagonalised in closed form. With th_n = atan(2 w / m_n), its
// eigenvalues are i w for F(w) = sum th_n = (N - 1) pi / 2 - j pi: scalar roots of a rising function, no eigensolver.
namespace danaus {

/// F'(w) = sum 2 m_n / (m_n^2 + 4 w^2).
inline double sign_slope(std::span<const double> m, double w) noexcept {
  double sum = 0;
  for (const double size : m) sum += 2 * size / std::fma(2 * w, 2 * w, size * size);
  return sum;
}

/// exp(-i th_n)
inline Complex sign_turn(double m, double w) noexcept {
  const double length = std::sqrt(std::fma(2 * w, 2 * w, m * m));
  return {m / length, -2 * w / length};
}

/// a b, rounded the same whatever a compiler fuses.
inline Complex fused_product(Complex a, Complex b) noexcept {
  const double across = a.imag() * b.imag(), along = a.imag() * b.real();
  return {std::fma(a.real(), b.real(), -across), std::fma(a.real(), b.imag(), along)};
}

/// F(w) - (N - 1) pi / 2 + j pi for a w near the root j, from the product of the phases.
inline double sign_excess(std::span<const double> m, double w, std::size_t j) noexcept {
  Complex phase(j % 2 == 0 ? 1 : -1, 0);
  for (std::size_t n = 0; n < m.size(); ++n) {
    phase = fused_product(phase, sign_turn(m[n], w));
    if (n > 0) phase = {-phase.imag(), phase.real()};  // exp(i pi / 2)
  }
  return -phase.imag() / phase.real();
}

/// The root near `w`, to the last bits. Two steps of Newton from `w` rounded to 26 bits, in +, -, *, /, sqrt and fma
/// alone: where the last bits of a library's atan differ, those of the result do not.
inline double polished_root(std::span<const double> m, double w, std::size_t j) noexcept {
  int exponent = 0;
  const double mantissa = std::frexp(w, &exponent);
  w = std::ldexp(std::nearbyint(std::ldexp(mantissa, 26)), exponent - 26);
  for (int turn = 0; turn < 2; ++turn) w -= sign_excess(m, w, j) / sign_slope(m, w);
  return w;
}

/// The root of sum atan(scale_n x) = target above `x`, by Newton from the left: the sum is concave, no step passes it.
inline double atan_sum_root(std::span<const double> scale, double target, double x) noexcept {
  for (int turn = 0; turn < 200; ++turn) {
    double sum = -target, slope = 0;
    for (const double s : scale) {
      sum += std::atan(s * x);
      slope += s / (1 + s * s * x * x);
    }
    const double change = -sum / slope;
    x += change;
    if (!(change > 1e-9 * x)) break;
  }
  return x;
}

/// The positive w in falling order, j = 0 ... N / 2 - 1; where N is odd, 0 is a root besides. Relative error 5e-16
/// (LegS, N <= 1024, against 40 digits). From above in x = 1 / (2 w), where F = N pi / 2 - sum atan(m_n x), from
/// below in w, each to the middle.
inline std::vector<double> sign_frequencies(std::span<const double> m) {
  const std::size_t pairs = m.size() / 2, from_above = (pairs + 1) / 2;
  const double pi = std::numbers::pi;
  std::vector<double> w(pairs), inverse;
  double x = 0;
  for (std::size_t j = 0; j < from_above; ++j) {
    x = atan_sum_root(m, (static_cast<double>(j) + 0.5) * pi, x);
    w[j] = polished_root(m, 0.5 / x, j);
  }
  for (const double size : m) inverse.push_back(2 / size);
  x = 0;
  for (std::size_t j = pairs; j-- > from_above;) {
    x = atan_sum_root(inverse, (0.5 * static_cast<double>(m.size() - 1) - static_cast<double>(j)) * pi, x);
    w[j] = polished_root(m, x, j);
  }
  return w;
}

/// The unit eigenvector x of K for i w into a column of `v` (N, ...), in the phase that makes sum r_n x_n / sqrt2
/// positive; returns that sum, 1 / sqrt(F'(w)). Partial sums of r_n x_n about half the total turn by exp(-2 i th_n)
/// and change sign, so that with q_0 = 1, q_{n+1} = -q_n exp(-2 i th_n)
///   x_n = sqrt(2 / (F' m_n)) q_n cos(th_n) exp(-i th_n).
inline double sign_vector(std::span<const double> m, double w, MatrixView<Complex> v, std::size_t column) noexcept {
  const double p = 1 / std::sqrt(sign_slope(m, w));
  Complex q = 1;
  for (std::size_t n = 0; n < m.size(); ++n) {
    const Complex turn = sign_turn(m[n], w), half = fused_product(q, turn);
    v(n, column) = p * std::sqrt(2 / m[n]) * turn.real() * half;
    q = -fused_product(half, turn);
  }
  return p;
}

}  // namespace danaus
