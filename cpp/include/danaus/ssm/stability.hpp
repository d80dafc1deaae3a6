// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include <danaus/ssm/polynomial.hpp>

// Where the poles of 1 / A(z), A = 1 + a_1 z^-1 + ... + a_N z^-N, lie, and what that costs. Set-up code.
namespace danaus::convert {

/// What a test in finite precision can say.
enum class Verdict : unsigned char { no, yes, undecided };

/// Reflection coefficients by the step-down recursion (Schur, Cohn; Levinson backwards):
///   k_m = a^(m)_m,   a^(m-1)_i = (a^(m)_i - k_m a^(m)_{m-i}) / ((1 - k_m)(1 + k_m)),   m = N..1.
/// All |k_m| < 1 exactly where all roots of A lie inside the unit circle. The verdict comes with a running
/// bound of the rounding errors: undecided where some |k_m| is nearer to 1 than its own error. |k_m| = 1
/// ends the recursion: the k below are then NaN. O(N^2), in twice the digits.
template <Arithmetic R = Twofold>
Verdict step_down(std::span<const double> a, std::span<double> k) {
  constexpr double u = 8 * rounding_unit<R>, nan = std::numeric_limits<double>::quiet_NaN();
  std::vector<R> now(a.begin(), a.end()), next(a.size());
  std::vector<double> error(a.size()), next_error(a.size());  // of each element of `now`
  Verdict verdict = Verdict::yes;
  for (std::size_t m = a.size(); m > 0; --m) {
    const R last = now[m - 1], complement = (R(1) - last) * (R(1) + last);
    const auto rest = static_cast<double>(complement);
    k[m - 1] = static_cast<double>(last);
    const double size = std::fabs(k[m - 1]), gap = std::fabs(rest), off = error[m - 1];
    const double certain = gap - (2 * size + off) * off - u * (1 + size);  // what is left of the gap at worst
    if (verdict == Verdict::yes && !(certain > gap / 2)) verdict = Verdict::undecided;
    if (verdict == Verdict::yes && rest < 0) verdict = Verdict::no;
    if (gap == 0) {
      for (std::size_t i = 0; i + 1 < m; ++i) k[i] = nan;
      return verdict;
    }
    for (std::size_t i = 0; i + 1 < m; ++i) {
      const R mirror = now[m - 2 - i];
      const double far = std::fabs(static_cast<double>(mirror)), near = std::fabs(static_cast<double>(now[i])),
                   mirror_error = error[m - 2 - i];
      next[i] = (now[i] - last * mirror) / complement;
      const double moved = error[i] + (size + off) * mirror_error + far * off + u * (near + size * far);
      const double value = std::fabs(static_cast<double>(next[i]));
      next_error[i] = (moved + value * (gap - certain)) / std::fmax(certain, 0.0) + u * value;
    }
    now.swap(next);
    error.swap(next_error);
  }
  return verdict;
}

/// a_1..a_N from reflection coefficients: a^(m)_i = a^(m-1)_i + k_m a^(m-1)_{m-i}, a^(m)_m = k_m.
/// In twice the digits, rounded once. O(N^2).
inline void step_up(std::span<const double> k, std::span<double> a) {
  std::vector<Twofold> now(k.size()), next(k.size());
  for (std::size_t m = 1; m <= k.size(); ++m) {
    for (std::size_t i = 0; i + 1 < m; ++i) next[i] = now[i] + now[m - 2 - i] * k[m - 1];
    next[m - 1] = k[m - 1];
    now.swap(next);
  }
  for (std::size_t i = 0; i < a.size(); ++i) a[i] = now[i].high;
}

/// Radii r_i = N |P(z_i)| / prod_{j != i} |z_i - z_j| (Smith 1970): the discs about the z_i hold all roots of P.
/// P in twice the digits, its rounding added. Infinite where two of the z coincide.
inline std::vector<double> root_radii(std::span<const double> a, std::span<const Complex> z) {
  const auto n = static_cast<double>(a.size());
  std::vector<double> radii;
  for (std::size_t i = 0; i < z.size(); ++i) {
    double bound = 1, product = 0;
    for (const double c : a) bound = bound * std::abs(z[i]) + std::fabs(c);
    for (std::size_t j = 0; j < z.size(); ++j) {
      if (j != i) product += std::log(std::abs(z[i] - z[j]));
    }
    const double value = std::abs(rounded(precise_values(a, z[i])[0])) + 16 * n * rounding_unit<Twofold> * bound;
    radii.push_back(1.01 * n * std::exp(std::log(value) - product));
  }
  return radii;
}

/// Whether all roots of A lie inside the unit circle: by the step-down recursion; where its error bound
/// leaves that open, by the roots with their discs. `no` means: not proven stable.
inline bool is_stable(std::span<const double> a) {
  std::vector<double> k(a.size());
  Verdict verdict = step_down<double>(a, k);
  if (verdict == Verdict::undecided) verdict = step_down(a, k);
  if (verdict != Verdict::undecided) return verdict == Verdict::yes;
  while (!a.empty() && a.back() == 0) a = a.first(a.size() - 1);  // roots at 0
  const std::vector<Complex> z = roots(a);
  const std::vector<double> radii = root_radii(a, z);
  for (std::size_t i = 0; i < z.size(); ++i) {
    if (!(std::abs(z[i]) * (1 + 0x1p-51) + radii[i] < 1)) return false;
  }
  return true;
}

/// The radius rho of Cauchy: the positive root of sum |a_i| rho^-i = 1, or 0 where a is 0. No root of A is
/// larger, and the impulse response g of 1 / A obeys |g_n| <= rho^n. Newton in 1 / rho from the right,
/// rounded up. Below 1 exactly where sum |a_i| < 1 (Montel).
inline double cauchy_radius(std::span<const double> a) noexcept {
  double x = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] != 0) x = std::fmin(x, std::pow(std::fabs(a[i]), -1.0 / static_cast<double>(i + 1)));
  }
  if (!std::isfinite(x)) return 0;
  for (int round = 0; round < 200; ++round) {
    double value = 0, slope = 0;
    for (std::size_t i = a.size(); i-- > 0;) {
      slope = slope * x + value;
      value = value * x + std::fabs(a[i]);
    }
    const double step = (value * x - 1) / (value + slope * x);
    if (!(step > 0x1p-52 * x)) break;
    x -= step;
  }
  return (1 + static_cast<double>(a.size() + 4) * 0x1p-52) / x;
}

/// sum |a_i|: below 1 it proves stability (Montel), whatever the signs.
inline double l1_bound(std::span<const double> a) noexcept {
  double sum = 0;
  for (const double c : a) sum += std::fabs(c);
  return sum;
}

/// |A| on the unit circle at the angle of z.
inline double magnitude_on_circle(std::span<const double> a, Complex z) noexcept {
  const double x = z.real() / std::abs(z), y = z.imag() / std::abs(z);
  double re = 1, im = 0;
  for (const double c : a) {
    const double next = re * x - im * y + c;
    im = re * y + im * x;
    re = next;
  }
  return std::sqrt(re * re + im * im);
}

/// kappa = (1 + sum |a_i|) / min |A(e^iw)|, the minimum over 4 N angles and those of the poles: rounding
/// in the form of coefficients costs about 2^-53 kappa of the kernel's peak. O(N^2).
inline double conditioning(std::span<const double> a) {
  double least = std::numeric_limits<double>::infinity();
  const std::size_t grid = 4 * a.size();
  for (std::size_t i = 0; i <= grid; ++i) {
    const double angle = std::numbers::pi * static_cast<double>(i) / static_cast<double>(grid);
    least = std::fmin(least, magnitude_on_circle(a, std::polar(1.0, angle)));
  }
  for (const Complex z : roots(a)) {
    if (z != 0.0 && z.imag() >= 0) least = std::fmin(least, magnitude_on_circle(a, z));
  }
  return (1 + l1_bound(a)) / least;
}

/// x^(2 p) mod the characteristic polynomial from c = x^p mod it (c_0..c_{N-1} by powers). O(N^2).
inline void square_modulo(std::span<const double> a, std::vector<Twofold>& c) {
  const std::size_t n = a.size();
  std::vector<Twofold> square(2 * n - 1);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) square[i + j] = square[i + j] + c[i] * c[j];
  }
  for (std::size_t top = 2 * n - 1; top-- > n;) {
    for (std::size_t i = 1; i <= n; ++i) square[top - i] = square[top - i] - square[top] * a[i - 1];
  }
  for (std::size_t i = 0; i < n; ++i) c[i] = square[i];
}

/// The least L for which sum_{n >= L} |h_n| <= tolerance sum_n |h_n|, h_n (n >= 1) the impulse response of
/// b / A; 0 where none is found below `longest`. Certificate: h_{n+p} = sum_j c_j h_{n+j} with
/// c = x^p mod A, so q = sum |c_j| < 1 (Montel's bound, for a multiple of A) gives
///   sum_{m >= n} |h_m| <= (|h_n| + ... + |h_{n+p-1}|) / (1 - q).
/// p = N first, then doubled until q <= 1/2: every stable system has such a p.
inline std::size_t truncation_length(std::span<const double> b, std::span<const double> a, double tolerance,
                                     std::size_t longest) {
  const std::size_t n = a.size();
  std::vector<Twofold> c(n);
  for (std::size_t i = 0; i < n; ++i) c[i] = -a[n - 1 - i];
  std::size_t period = n;
  double q = l1_bound(a);
  for (; !(q <= 0.5); period *= 2) {
    if (2 * period > longest) return 0;
    square_modulo(a, c);
    q = 0;
    for (const Twofold& v : c) q += std::fabs(v.high);
    if (!std::isfinite(q)) return 0;
  }
  std::vector<double> h, sums{0.0};  // sums: of |h_1..h_i|
  for (std::size_t end = 2 * period; end <= 2 * longest; end *= 2) {
    for (std::size_t i = h.size() + 1; i <= end; ++i) {
      double value = i <= n ? b[i - 1] : 0.0;
      for (std::size_t k = 1; k <= n && k < i; ++k) value -= a[k - 1] * h[i - 1 - k];
      h.push_back(value);
      sums.push_back(sums.back() + std::fabs(value));
    }
    const double total = sums.back();
    for (std::size_t length = 1; length + period <= end; ++length) {
      const double tail = (sums[length - 1 + period] - sums[length - 1]) / (1 - q);
      if (tail <= tolerance * total) return length;
    }
  }
  return 0;
}

}  // namespace danaus::convert
