// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

#include <danaus/ssm/discretize.hpp>

namespace danaus {

/// The gradients by what `discretize` is given.
struct ModeGradient {
  Complex a;
  Complex c;
  double dt = 0;
};

/// The derivative of (exp(z) - 1) / z: (exp(z) - (exp(z) - 1) / z) / z, near 0 its series
/// sum_k (k + 1) / (k + 2)! z^k. Error: a few 2^-53 of 1 + |exp(z)|.
inline Complex expm1_over_slope(Complex z) noexcept {
  if (std::norm(z) >= 0.25) return (std::exp(z) - expm1_over(z)) / z;
  Complex sum = 0, power = 1;
  double factorial = 2;
  for (int k = 0; k < 16; ++k) {  // 0.5^16 / 16! is below 2^-60
    sum += (k + 1) / factorial * power;
    power *= z;
    factorial *= k + 3;
  }
  return sum;
}

/// The gradients of `discretize`, given those of its delta and gain (grad). The gradient of a real number by a complex
/// z is its derivative by Re z plus i that by Im z, so that a holomorphic f hands conj(f') grad on; for dss
/// r = conj(x) / (|x|^2 + e) hands on conj(-conj(x)^2 / (|x|^2 + e)^2) grad + e / (|x|^2 + e)^2 conj(grad).
inline ModeGradient discretize_vjp(Complex a, Complex c, double dt, Discretization method, double length,
                                   const Mode& grad) noexcept {
  const auto on = [](Complex slope, Complex g) { return std::conj(slope) * g; };
  const Complex z = dt * a;
  Complex dz = 0, da = 0, dc = 0;  // da, step: what does not pass through z
  double step = 0;
  switch (method) {
    case Discretization::zoh: {
      const Complex phi = expm1_over(z);
      dz = on(std::exp(z), grad.delta) + on(2.0 * c * dt * expm1_over_slope(z), grad.gain);
      dc = on(2.0 * dt * phi, grad.gain);
      step = on(2.0 * c * phi, grad.gain).real();
      break;
    }
    case Discretization::bilinear: {
      const Complex q = 1.0 / (1.0 - 0.5 * z);
      dz = on(q * q, grad.delta) + on(c * dt * q * q, grad.gain);
      dc = on(2.0 * dt * q, grad.gain);
      step = on(2.0 * c * q, grad.gain).real();
      break;
    }
    case Discretization::dss: {
      const Complex grown = expm1(length * z), x = a * grown, up = expm1(z);
      const double size = std::norm(x) + 1e-7;
      const Complex r = std::conj(x) / size, dr = on(2.0 * c * up, grad.gain);
      const Complex dx = on(-std::conj(x) * std::conj(x) / (size * size), dr) + 1e-7 / (size * size) * std::conj(dr);
      dz = on(std::exp(z), grad.delta + on(2.0 * c * r, grad.gain)) + on(a * length * (grown + 1.0), dx);
      da = on(grown, dx);
      dc = on(2.0 * up * r, grad.gain);
      break;
    }
  }
  return {da + dt * dz, dc, step + on(a, dz).real()};
}

}  // namespace danaus
