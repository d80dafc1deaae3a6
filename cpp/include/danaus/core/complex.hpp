// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <complex>

namespace danaus {

/// Set-up is done in double precision throughout.
using Complex = std::complex<double>;

/// exp(z) - 1 without cancellation near 0.
inline Complex expm1(Complex z) noexcept {
  const double half = std::sin(z.imag() / 2);
  return {std::expm1(z.real()) * std::cos(z.imag()) - 2 * half * half, std::exp(z.real()) * std::sin(z.imag())};
}

/// (exp(z) - 1) / z, 1 at z = 0.
inline Complex expm1_over(Complex z) noexcept {
  return z == 0.0 ? Complex(1.0) : expm1(z) / z;
}

}  // namespace danaus
