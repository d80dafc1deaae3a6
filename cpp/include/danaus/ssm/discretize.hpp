// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <span>

#include <danaus/core/complex.hpp>
#include <danaus/core/error.hpp>

namespace danaus {

/// How x' = a x + b u becomes x_k = a_bar x_{k-1} + b_bar u_k.
enum class Discretization : unsigned char { zoh, bilinear, dss };

/// One pole of a diagonal system in discrete time, its input gain moved to the output:
///   s_k = (1 + delta) s_{k-1} + u_k,   y_k = Re(gain s_k).
/// delta = a_bar - 1 is kept instead of a_bar: at small steps it carries all the digits.
struct Mode {
  Complex delta;
  Complex gain;
};

/// Discretises one mode x' = a x + b u, y = 2 Re(c x) with step dt; c stands for b c. With z = dt a:
///   zoh:       delta = exp(z) - 1,        gain = 2 c dt (exp(z) - 1) / z
///   bilinear:  delta = z / (1 - z/2),     gain = 2 c dt / (1 - z/2)
///   dss:       delta = exp(z) - 1,        gain = 2 c (exp(z) - 1) / (a (exp(z length) - 1)),
/// the row softmax of DSS over `length` samples (Gupta, Gu and Berant 2022, proposition 1; 1/x is
/// conj(x) / (|x|^2 + 1e-7) there and here). Re(a) < 0 is asked for by dss only.
inline Mode discretize(Complex a, Complex c, double dt, Discretization method, double length) noexcept {
  const Complex z = dt * a;
  switch (method) {
    case Discretization::bilinear: {
      const Complex q = 1.0 / (1.0 - 0.5 * z);
      return {z * q, 2.0 * c * dt * q};
    }
    case Discretization::dss: {
      const Complex x = a * expm1(length * z);
      return {expm1(z), 2.0 * c * expm1(z) * std::conj(x) / (std::norm(x) + 1e-7)};
    }
    case Discretization::zoh:
      break;
  }
  return {expm1(z), 2.0 * c * dt * expm1_over(z)};
}

}  // namespace danaus
