// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include <danaus/ssm/dplr_cauchy.hpp>

namespace danaus {

/// a b of two real (n, n).
inline std::vector<double> square_product(const std::vector<double>& a, const std::vector<double>& b, std::size_t n) {
  std::vector<double> out(n * n, 0);
  for (std::size_t i = 0; i < n; ++i) {
    double* const to = &out[i * n];
    for (std::size_t k = 0; k < n; ++k) {
      const double share = a[i * n + k];
      const double* const row = &b[k * n];
      for (std::size_t j = 0; j < n; ++j) to[j] += share * row[j];
    }
  }
  return out;
}

/// The largest sum of magnitudes of a row of (n, columns).
inline double row_norm(const std::vector<double>& a, std::size_t n, std::size_t columns, std::size_t count) {
  double most = 0;
  for (std::size_t i = 0; i < n; ++i) {
    double sum = 0;
    for (std::size_t j = 0; j < count; ++j) sum += std::abs(a[i * columns + j]);
    most = std::max(most, sum);
  }
  return most;
}

/// The true C of channel h from the truncated one in `in.c`: C = C~ (I - A_bar^length)^-1, to `out` (modes).
///
/// S4 trains C~, made for a kernel of `length` samples; doubling the length multiplies it by I + A_bar^length, which
/// is C (I - A_bar^(2 length)) again: `length` is the last one. `modes` as discretize(in, false) gives them.
/// `condition`, (1 + |A_bar^length|) |(I - A_bar^length)^-1|: that many units of 2^-53 may be wrong. Singular where it
/// is above 1e14: an eigenvalue of A_bar is a root of unity of that order. 2 N^3 (log2(length) + 2) flop.
[[nodiscard]] inline Outcome untruncate(const DplrParameters& in, const DplrModes& modes, std::size_t h,
                                        std::size_t length, Complex* out, double& condition) {
  const std::size_t count = in.modes, n = 2 * count;
  std::vector<double> base = dense_transition(modes, h), power;
  for (; length != 0; length >>= 1) {
    if (length & 1) power = power.empty() ? base : square_product(power, base, n);
    if (length > 1) base = square_product(base, base, n);
  }
  std::vector<double> left(n * n), right(n * (n + 1), 0);  // (I - A_bar^length)^T; I and C~^T
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) left[i * n + j] = (i == j ? 1.0 : 0.0) - power[j * n + i];
    right[i * (n + 1) + i] = 1;
    const Complex c = in.c[h * count + i % count];
    right[i * (n + 1) + n] = i < count ? c.real() : -c.imag();
  }
  const double size = 1 + row_norm(power, n, n, n);
  if (solve_small(left, n, right, n + 1) != Outcome::ok) return Outcome::singular;
  condition = size * row_norm(right, n, n + 1, n);
  if (!(condition < 1e14)) return Outcome::singular;
  for (std::size_t i = 0; i < count; ++i) {
    out[i] = {right[i * (n + 1) + n], -right[(count + i) * (n + 1) + n]};
  }
  return Outcome::ok;
}

}  // namespace danaus
