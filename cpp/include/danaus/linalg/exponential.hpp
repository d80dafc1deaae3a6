// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cmath>

#include <danaus/linalg/eigen.hpp>

namespace danaus {

template <class T>
using Dense = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;

/// The [13/13] Pade approximant of exp(z), as good as exp(z) in double precision where the 1-norm of z is at most 5.37.
/// Higham 2005, algorithm 2.3.
template <class T>
Dense<T> exponential_pade(const Dense<T>& z) {
  constexpr std::array<double, 14> b = {64764752532480000.0,
                                        32382376266240000.0,
                                        7771770303897600.0,
                                        1187353796428800.0,
                                        129060195264000.0,
                                        10559470521600.0,
                                        670442572800.0,
                                        33522128640.0,
                                        1323241920.0,
                                        40840800.0,
                                        960960.0,
                                        16380.0,
                                        182.0,
                                        1.0};
  const Dense<T> one = Dense<T>::Identity(z.rows(), z.cols()), z2 = z * z, z4 = z2 * z2, z6 = z4 * z2;
  const Dense<T> odd_high = b[13] * z6 + b[11] * z4 + b[9] * z2, even_high = b[12] * z6 + b[10] * z4 + b[8] * z2;
  const Dense<T> odd_sum = z6 * odd_high + b[7] * z6 + b[5] * z4 + b[3] * z2 + b[1] * one;
  const Dense<T> odd = z * odd_sum, even = z6 * even_high + b[6] * z6 + b[4] * z4 + b[2] * z2 + b[0] * one;
  return (even - odd).partialPivLu().solve(even + odd);
}

/// What a system x' = z x + c does in a unit of time:  z <- exp(z),  c <- int_0^1 exp(z s) c ds = phi_1(z) c, where z
/// may be singular. The approximant of [z c; 0 0] at a unit 2^-s, then s doublings,  c <- z c + c,  z <- z^2. Relative
/// to the larger of them and 1, the error is about 1e-16 (1 + |z|_1): that of rounding z; what is asked for beyond
/// |z|_1 = 1e12 has no digits, and gives false, z and c unchanged.
template <class T>
[[nodiscard]] bool exponential(Dense<T>& z, Eigen::Matrix<T, Eigen::Dynamic, 1>& c) {
  const Eigen::Index n = z.rows();
  const double norm = z.cwiseAbs().colwise().sum().maxCoeff(), size = c.cwiseAbs().maxCoeff();
  if (!(norm <= 1e12)) return false;
  int halvings = 0, scale = 0, exponent = 0;
  if (norm > 5.37) {
    std::frexp(norm / 5.37, &halvings);
  }
  if (size > 0) {  // c counts for the norm no more than z does
    std::frexp(size, &scale);
    if (norm > 0) std::frexp(norm, &exponent);
    scale -= exponent;
  }
  Dense<T> wide = Dense<T>::Zero(n + 1, n + 1);
  wide.topLeftCorner(n, n) = z * std::ldexp(1.0, -halvings);
  for (Eigen::Index i = 0; i < n; ++i) wide(i, n) = c(i) * std::ldexp(1.0, -scale) * std::ldexp(1.0, -halvings);
  wide = exponential_pade<T>(wide);
  z = wide.topLeftCorner(n, n);
  for (Eigen::Index i = 0; i < n; ++i) c(i) = wide(i, n) * std::ldexp(1.0, scale);
  for (int turn = 0; turn < halvings; ++turn) {
    c += (z * c).eval();
    z = (z * z).eval();
  }
  return true;
}

}  // namespace danaus
