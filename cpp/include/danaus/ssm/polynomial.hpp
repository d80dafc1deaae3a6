// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numbers>
#include <span>
#include <utility>
#include <vector>

#include <danaus/core/complex.hpp>
#include <danaus/linalg/twofold.hpp>

// Monic real polynomials P(z) = z^N + a_1 z^{N-1} + ... + a_N, given by a_1..a_N: characteristic
// polynomials, whose roots are the poles of a system. Set-up code.
namespace danaus::convert {

/// Starting points of a root finder (Bini 1996): on circles whose radii are the slopes of the upper
/// convex hull of log|c_k| over the powers k, as many on each as the slope is long. a_N != 0.
inline std::vector<Complex> starting_points(std::span<const double> a) {
  const std::size_t n = a.size();
  const auto height = [&](std::size_t k) { return k == n ? 0.0 : std::log(std::fabs(a[n - 1 - k])); };
  std::vector<std::size_t> hull;
  for (std::size_t k = 0; k <= n; ++k) {
    if (!std::isfinite(height(k))) continue;
    const auto slope = [&](std::size_t i, std::size_t j) {
      return (height(j) - height(i)) / static_cast<double>(j - i);
    };
    while (hull.size() > 1 && slope(hull[hull.size() - 2], hull.back()) <= slope(hull.back(), k)) hull.pop_back();
    hull.push_back(k);
  }
  std::vector<Complex> points;
  for (std::size_t s = 0; s + 1 < hull.size(); ++s) {
    const auto many = static_cast<double>(hull[s + 1] - hull[s]);
    const double radius = std::exp(std::clamp((height(hull[s]) - height(hull[s + 1])) / many, -690.0, 690.0));
    for (std::size_t j = 0; j < hull[s + 1] - hull[s]; ++j) {
      const double turn = static_cast<double>(j) / many + static_cast<double>(s + 1) / static_cast<double>(n);
      points.push_back(std::polar(radius, 2 * std::numbers::pi * turn + 0.7));
    }
  }
  points.resize(n, 1.0);  // coefficients that are not finite have no hull
  return points;
}

/// sum_{j != i} 1 / (z_i - z_j)
inline Complex repulsion(std::span<const Complex> z, std::size_t i) noexcept {
  double re = 0, im = 0;
  for (std::size_t j = 0; j < z.size(); ++j) {
    const double x = z[i].real() - z[j].real(), y = z[i].imag() - z[j].imag(), square = x * x + y * y;
    const double weight = square > 0 ? 1 / square : 0;  // itself and a coincident root repel nothing
    re += x * weight;
    im -= y * weight;
  }
  return {re, im};
}

/// A value and derivative of P at several points at once.
template <std::size_t W>
struct Values {
  std::array<double, W> re{}, im{}, slope_re{}, slope_im{}, bound{};
};

/// Horner's rule for P and P' at W points; bound: sum |c_k| |z|^k. `coefficient(k)` from the leading
/// one on: those of P, or, for points outside the unit circle, the reversed ones.
template <std::size_t W, class Coefficient>
Values<W> horner(std::size_t n, Coefficient coefficient, const std::array<double, W>& x,
                 const std::array<double, W>& y) noexcept {
  Values<W> v;
  std::array<double, W> size{};
  for (std::size_t w = 0; w < W; ++w) size[w] = std::sqrt(x[w] * x[w] + y[w] * y[w]);
  for (std::size_t k = 0; k <= n; ++k) {
    const double c = coefficient(k), absolute = std::fabs(c);
    for (std::size_t w = 0; w < W; ++w) {
      const double slope = v.slope_re[w] * x[w] - v.slope_im[w] * y[w] + v.re[w];
      v.slope_im[w] = v.slope_re[w] * y[w] + v.slope_im[w] * x[w] + v.im[w];
      v.slope_re[w] = slope;
      const double value = v.re[w] * x[w] - v.im[w] * y[w] + c;
      v.im[w] = v.re[w] * y[w] + v.im[w] * x[w];
      v.re[w] = value;
      v.bound[w] = v.bound[w] * size[w] + absolute;
    }
  }
  return v;
}

/// Aberth's iteration in double precision: every root moves by Newton's step, pushed off by all
/// others, until P is nothing but rounding there. 7 to 13 rounds of O(N^2). Returns the rounds.
inline int aberth(std::span<const double> a, std::span<Complex> z) {
  constexpr std::size_t W = 4;
  constexpr double u = 0x1p-53;
  const std::size_t n = a.size();
  const auto down = [&](std::size_t k) { return k == 0 ? 1.0 : a[k - 1]; };
  const auto up = [&](std::size_t k) { return k == n ? 1.0 : a[n - 1 - k]; };
  std::vector<char> still(n, 0);
  int round = 0;
  for (std::size_t left = n; left > 0 && round < 120; ++round) {
    for (std::size_t first = 0; first < n;) {
      std::array<std::size_t, W> which{};
      std::array<double, W> x{}, y{};
      bool reversed = false;
      std::size_t count = 0;
      for (; first < n && count < W; ++first) {  // a group lies on one side of the circle
        if (still[first] != 0) continue;
        const bool outside = std::norm(z[first]) > 1;
        if (count == 0) reversed = outside;
        if (outside != reversed) break;
        const Complex at = outside ? 1.0 / z[first] : z[first];
        x[count] = at.real();
        y[count] = at.imag();
        which[count++] = first;
      }
      if (count == 0) break;
      const Values<W> v = reversed ? horner<W>(n, up, x, y) : horner<W>(n, down, x, y);
      for (std::size_t w = 0; w < count; ++w) {
        const std::size_t i = which[w];
        const Complex value(v.re[w], v.im[w]), slope(v.slope_re[w], v.slope_im[w]), at(x[w], y[w]);
        if (std::abs(value) <= 2 * u * v.bound[w]) {
          still[i] = 1;
          --left;
          continue;
        }
        // P'/P at z; for the reversed polynomial Q(1/z) = P(z) / z^N: (N - Q'/(z Q)) / z.
        const Complex ratio = reversed ? (static_cast<double>(n) - at * slope / value) * at : slope / value;
        const Complex move = 1.0 / (ratio - repulsion(z, i));
        if (!std::isfinite(move.real()) || !std::isfinite(move.imag())) continue;
        z[i] -= move;
        if (std::abs(move) <= 2 * u * std::abs(z[i])) {
          still[i] = 1;
          --left;
        }
      }
    }
  }
  return round;
}

/// P and P' at z with twice the digits, rounded.
inline std::array<ComplexTwofold, 2> precise_values(std::span<const double> a, Complex z) noexcept {
  ComplexTwofold value{1.0, 0.0}, slope{};
  for (const double c : a) {
    slope = multiply_add(slope, z.real(), z.imag(), value);
    value = multiply_add(value, z.real(), z.imag(), {c, 0.0});
  }
  return {value, slope};
}

/// Makes a set of computed roots of a real polynomial closed under conjugation to the bit: each is
/// averaged with the conjugate of its partner, or becomes real where it is its own. Afterwards a
/// real root stands alone, of a pair first the one with positive imaginary part.
inline void pair_conjugates(std::vector<Complex>& z) {
  std::sort(z.begin(), z.end(), [](Complex p, Complex q) { return std::fabs(p.imag()) > std::fabs(q.imag()); });
  std::vector<char> used(z.size(), 0);
  std::vector<Complex> paired;
  for (std::size_t i = 0; i < z.size(); ++i) {
    if (used[i] != 0) continue;
    std::size_t partner = i;
    double nearest = 2 * std::fabs(z[i].imag());
    for (std::size_t j = i + 1; j < z.size(); ++j) {
      const double distance = std::abs(z[i] - std::conj(z[j]));
      if (used[j] == 0 && distance < nearest) {
        nearest = distance;
        partner = j;
      }
    }
    used[i] = used[partner] = 1;
    if (partner == i) {
      paired.emplace_back(z[i].real(), 0.0);
      continue;
    }
    const Complex mean = (z[i] + std::conj(z[partner])) / 2.0, upper(mean.real(), std::fabs(mean.imag()));
    paired.push_back(upper);
    paired.push_back(std::conj(upper));
  }
  z = std::move(paired);
}

/// Aberth's steps with P and P' in twice the digits: a root ends as near to the root of the given coefficients
/// as its doubles can be. A root rests once the step after the next could not move it.
inline void polish(std::span<const double> a, std::span<Complex> z) {
  constexpr double u = 0x1p-53;
  std::vector<char> still(z.size(), 0);
  for (int round = 0; round < 40; ++round) {
    bool moved = false;
    for (std::size_t i = 0; i < z.size(); ++i) {
      if (still[i] != 0) continue;
      const auto [value, slope] = precise_values(a, z[i]);
      const Complex p = rounded(value);
      const Complex move = p / (rounded(slope) - p * repulsion(z, i));
      if (!std::isfinite(move.real()) || !std::isfinite(move.imag())) continue;
      const double length = std::abs(move);
      double crowd = 0;
      for (std::size_t j = 0; j < z.size() && length > u * std::abs(z[i]); ++j) {
        if (j != i) crowd += 1 / std::abs(z[i] - z[j]);
      }
      z[i] -= move;
      if (length <= u * std::abs(z[i]) || length * length * crowd <= u / 8 * std::abs(z[i])) still[i] = 1;
      moved = moved || length > 0;
    }
    if (!moved) break;
  }
}

/// Leja order: the largest first, then always the one whose distances to those before it have the
/// largest product; conjugates stay together. Partial products of (z - z_i) then stay moderate.
inline void leja_order(std::vector<Complex>& z) {
  std::vector<Complex> ordered;
  std::vector<double> distance(z.size());
  for (std::size_t i = 0; i < z.size(); ++i) distance[i] = std::log(std::abs(z[i]));
  std::vector<char> used(z.size(), 0);
  while (ordered.size() < z.size()) {
    std::size_t best = z.size();
    for (std::size_t i = 0; i < z.size(); ++i) {
      if (used[i] == 0 && z[i].imag() >= 0 && (best == z.size() || distance[i] > distance[best])) best = i;
    }
    const std::size_t count = z[best].imag() > 0 ? 2 : 1;
    used[best] = 1;
    for (std::size_t c = 0; c < count; ++c) {
      ordered.push_back(c == 0 ? z[best] : std::conj(z[best]));
      const bool first_ever = ordered.size() == 1;
      for (std::size_t i = 0; i < z.size(); ++i) {
        distance[i] = (first_ever ? 0.0 : distance[i]) + std::log(std::abs(z[i] - ordered.back()));
      }
    }
  }
  z = std::move(ordered);
}

/// The roots of P, N of them: Aberth's iteration from Bini's points, then in twice the digits; exact
/// zeros where coefficients end in zeros; closed under conjugation to the bit, in Leja order.
/// Accuracy: the roots of the given coefficients, rounded, up to condition numbers of about 1e16.
/// O(N^2) a round. Bini 1996, Numer. Algorithms 13; Aberth 1973.
inline std::vector<Complex> roots(std::span<const double> a) {
  std::size_t n = a.size();
  while (n > 0 && a[n - 1] == 0) --n;
  const std::span<const double> nonzero = a.first(n);
  std::vector<Complex> z = starting_points(nonzero);
  aberth(nonzero, z);
  polish(nonzero, z);
  for (Complex& root : z) {
    if (!std::isfinite(std::abs(root))) root = std::numeric_limits<double>::max();
  }
  pair_conjugates(z);
  leja_order(z);
  z.resize(a.size());
  return z;
}

/// prod (z - z_i) for a set closed under conjugation: out = a_1..a_N, each rounded once. Multiplied
/// in Leja order and in twice the digits. O(N^2).
inline void from_roots(std::vector<Complex> z, std::span<double> out) {
  leja_order(z);
  std::vector<Twofold> c(z.size() + 1);
  c[0] = 1;
  std::size_t degree = 0;
  for (std::size_t i = 0; i < z.size();) {
    const bool pair = z[i].imag() != 0;
    const Twofold re = z[i].real(), im = z[i].imag();
    const Twofold first = pair ? re * -2.0 : -re, second = pair ? re * re + im * im : Twofold(0);
    degree += pair ? 2 : 1;
    i += pair ? 2 : 1;
    for (std::size_t k = degree; k > 0; --k) {
      const Twofold before = k > 1 ? c[k - 2] * second : Twofold(0);
      c[k] = c[k] + c[k - 1] * first + before;
    }
  }
  for (std::size_t k = 0; k < out.size(); ++k) out[k] = c[k + 1].high;
}

}  // namespace danaus::convert
