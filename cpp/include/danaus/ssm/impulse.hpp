// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include <danaus/core/complex.hpp>
#include <danaus/linalg/twofold.hpp>

// Impulse responses h_1, h_2, ... (without the feedthrough h_0) of one system in each of its forms: what a
// passage between forms is judged by. Set-up code.
namespace danaus::convert {

/// h_n = b_n - sum_{k<n} a_k h_{n-k}: the transfer function's own recursion, in the arithmetic asked for.
template <Arithmetic R>
std::vector<double> impulse_of_transfer(std::span<const double> b, std::span<const double> a, std::size_t length) {
  const std::size_t n = a.size();
  std::vector<R> h(length);
  for (std::size_t i = 1; i <= length; ++i) {
    R value = i <= n ? b[i - 1] : 0.0;
    for (std::size_t k = 1; k <= n && k < i; ++k) value = value - h[i - 1 - k] * a[k - 1];
    h[i - 1] = value;
  }
  std::vector<double> out(length);
  for (std::size_t i = 0; i < length; ++i) out[i] = static_cast<double>(h[i]);
  return out;
}

/// h_n = Re sum_i r_i p_i^{n-1}, powers by blocks of 32 so that rounding grows by n / 32.
inline std::vector<double> impulse_of_modes(std::span<const Complex> p, std::span<const Complex> r,
                                            std::size_t length) {
  constexpr std::size_t block = 32;
  std::vector<double> h(length);
  for (std::size_t i = 0; i < p.size(); ++i) {
    Complex powers[block];
    powers[0] = 1;
    powers[1] = p[i];
    for (std::size_t k = 2; k < block; ++k) powers[k] = powers[k / 2] * powers[k - k / 2];
    const Complex stride = powers[block / 2] * powers[block / 2];
    Complex gain = r[i];
    for (std::size_t n = 0; n < length; ++n) {
      if (n > 0 && n % block == 0) gain *= stride;
      h[n] += gain.real() * powers[n % block].real() - gain.imag() * powers[n % block].imag();
    }
  }
  return h;
}

/// h_n = C A^{n-1} B, A (N, N) row by row.
template <Arithmetic R>
std::vector<R> impulse_of_state_space(std::span<const R> a, std::span<const R> b, std::span<const R> c,
                                      std::size_t length) {
  const std::size_t n = b.size();
  std::vector<R> h(length), x(b.begin(), b.end()), next(n);
  for (std::size_t t = 0; t < length; ++t) {
    R sum = 0.0;
    for (std::size_t i = 0; i < n; ++i) sum = sum + c[i] * x[i];
    h[t] = sum;
    for (std::size_t i = 0; i < n; ++i) {
      R value = 0.0;
      for (std::size_t j = 0; j < n; ++j) value = value + a[i * n + j] * x[j];
      next[i] = value;
    }
    x.swap(next);
  }
  return h;
}

/// h_0, h_1, ... of a cascade of second-order sections (S, 6): b0 b1 b2 1 a1 a2.
inline std::vector<double> impulse_of_sections(std::span<const double> sos, std::size_t length) {
  std::vector<double> h(length);
  if (length > 0) h[0] = 1;
  for (std::size_t s = 0; s < sos.size() / 6; ++s) {
    const double* const c = &sos[6 * s];
    double first = 0, second = 0;
    for (double& value : h) {
      const double in = value;
      value = c[0] * in + first;
      first = c[1] * in - c[4] * value + second;
      second = c[2] * in - c[5] * value;
    }
  }
  return h;
}

/// h_0, h_1, ... of the normalised lattice-ladder (Gray and Markel 1975), c_m = sqrt(1 - k_m^2):
///   f_{m-1} = c_m f_m - k_m z^-1 g_{m-1},   g_m = k_m f_m + c_m z^-1 g_{m-1},   g_0 = f_0,
///   y = sum_m v_m g_m,   f_N = u.
inline std::vector<double> impulse_of_lattice(std::span<const double> k, std::span<const double> v,
                                              std::size_t length) {
  const std::size_t n = k.size();
  std::vector<double> h(length), g(n + 1), c(n);
  for (std::size_t m = 0; m < n; ++m) c[m] = std::sqrt((1 - k[m]) * (1 + k[m]));
  for (std::size_t t = 0; t < length; ++t) {
    double f = t == 0 ? 1 : 0, y = 0;
    for (std::size_t m = n; m > 0; --m) {
      const double late = g[m - 1];
      g[m] = k[m - 1] * f + c[m - 1] * late;
      f = c[m - 1] * f - k[m - 1] * late;
      y += v[m] * g[m];
    }
    g[0] = f;
    h[t] = y + v[0] * f;
  }
  return h;
}

/// max |got - want| / max |want|; infinite where anything is not finite; absolute where want is 0.
inline double relative_error(std::span<const double> got, std::span<const double> want) noexcept {
  double difference = 0, peak = 0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    const double d = std::fabs(got[i] - want[i]);
    if (!std::isfinite(d) || !std::isfinite(want[i])) return std::numeric_limits<double>::infinity();
    difference = std::fmax(difference, d);
    peak = std::fmax(peak, std::fabs(want[i]));
  }
  return peak > 0 ? difference / peak : difference;
}

}  // namespace danaus::convert
