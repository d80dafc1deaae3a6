// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include <danaus/ssm/convert.hpp>
#include <danaus/ssm/polynomial.hpp>

// Transfer function <-> modes. Set-up code.
namespace danaus::convert {

/// Partial fractions: h_n = sum_i r_i p_i^{n-1}, r_i = b(p_i) / A'(p_i) with b(z) = b_1 z^{N-1} + .. + b_N, in
/// twice the digits. p (N) and r (N) closed under conjugation. Zeros that b and a share at 0 have residue 0.
/// Returns the error of the kernel over `length` samples relative to its peak, infinite for poles that
/// coincide: a multiple pole has no modes. O(N^2).
[[nodiscard]] inline double transfer_to_modal(std::span<const double> b, std::span<const double> a, std::size_t length,
                                              std::span<Complex> p, std::span<Complex> r) {
  const std::vector<Complex> found = roots(a);
  std::copy(found.begin(), found.end(), p.begin());
  std::size_t shared = 0;
  while (shared < a.size() && a[a.size() - 1 - shared] == 0 && b[a.size() - 1 - shared] == 0) ++shared;
  const std::size_t n = a.size() - shared;
  for (std::size_t i = 0; i < a.size(); ++i) {
    r[i] = 0;
    if (i >= n) continue;  // zeros stand last
    if (p[i].imag() < 0) {
      r[i] = std::conj(r[i - 1]);
      continue;
    }
    ComplexTwofold numerator{};
    for (std::size_t k = 0; k < n; ++k) {
      numerator = multiply_add(numerator, p[i].real(), p[i].imag(), {b[k], 0.0});
    }
    const Complex slope = rounded(precise_values(a.first(n), p[i])[1]);
    r[i] = slope == 0.0 ? Complex(std::numeric_limits<double>::infinity()) : rounded(numerator) / slope;
  }
  return relative_error(impulse_of_modes(p, r, length), impulse_of_transfer<Twofold>(b, a, length));
}

/// a = prod (z - p_i) in Leja order; b_i = sum_{j<i} a_j h_{i-j} from the modes' own first N values. p and r
/// closed under conjugation, in the same order. Returns the error of the kernel over `length` samples.
[[nodiscard]] inline double modal_to_transfer(std::span<const Complex> p, std::span<const Complex> r,
                                              std::size_t length, std::span<double> b, std::span<double> a) {
  const std::size_t n = p.size();
  from_roots({p.begin(), p.end()}, a);
  std::vector<Twofold> h(n);
  for (std::size_t i = 0; i < n; ++i) {
    if (p[i].imag() < 0) continue;
    const double twice = p[i].imag() > 0 ? 2 : 1;
    ComplexTwofold term{r[i].real() * twice, r[i].imag() * twice};
    for (Twofold& value : h) {
      value = value + term.re;
      term = multiply_add(term, p[i].real(), p[i].imag(), {});
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    Twofold sum = h[i];
    for (std::size_t j = 1; j <= i; ++j) sum = sum + h[i - j] * a[j - 1];
    b[i] = sum.high;
  }
  return transfer_error(b, a, impulse_of_modes(p, r, length));
}

}  // namespace danaus::convert
