// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <complex>
#include <concepts>

namespace danaus {

/// A number as the unevaluated sum high + low of two doubles: 106 bits, for the few places of set-up
/// code where a double does not hold the intermediate results. One operation is right to 2^-103 of
/// the largest operand (sum) or of the result (product, quotient, root). Dekker 1971; Knuth, TAOCP 2.
struct Twofold {
  double high = 0, low = 0;
  constexpr Twofold() noexcept = default;
  constexpr Twofold(double value) noexcept : high(value) {}  // NOLINT: a double is one
  constexpr Twofold(double h, double l) noexcept : high(h), low(l) {}
  explicit constexpr operator double() const noexcept { return high; }
};

/// a + b for |a| >= |b|, what rounding takes in `low`.
inline Twofold ordered_sum(double a, double b) noexcept {
  const double sum = a + b;
  return {sum, b - (sum - a)};
}

/// a + b, what rounding takes in `low`.
inline Twofold exact_sum(double a, double b) noexcept {
  const double sum = a + b, part = sum - a;
  return {sum, (a - (sum - part)) + (b - part)};
}

inline Twofold operator-(Twofold a) noexcept {
  return {-a.high, -a.low};
}
inline Twofold operator+(Twofold a, Twofold b) noexcept {
  const Twofold sum = exact_sum(a.high, b.high);
  return ordered_sum(sum.high, sum.low + (a.low + b.low));
}
inline Twofold operator-(Twofold a, Twofold b) noexcept {
  return a + -b;
}
inline Twofold operator*(Twofold a, Twofold b) noexcept {
  const double product = a.high * b.high, rest = std::fma(a.high, b.high, -product);
  return ordered_sum(product, rest + (a.high * b.low + a.low * b.high));
}
inline Twofold operator*(Twofold a, double b) noexcept {
  const double product = a.high * b, rest = std::fma(a.high, b, -product);
  return ordered_sum(product, rest + a.low * b);
}
inline Twofold operator/(Twofold a, Twofold b) noexcept {
  const double first = a.high / b.high;
  const Twofold rest = a - b * first;
  return ordered_sum(first, rest.high / b.high);
}
inline bool operator==(Twofold a, Twofold b) noexcept {
  return a.high == b.high && a.low == b.low;
}

inline Twofold sqrt(Twofold a) noexcept {
  const double root = std::sqrt(a.high);
  if (!(root > 0)) return root;
  return ordered_sum(root, (a - Twofold(root) * root).high / (2 * root));
}
inline Twofold abs(Twofold a) noexcept {
  return a.high < 0 ? -a : a;
}

/// The arithmetics that set-up algorithms are written for.
template <class R>
concept Arithmetic = std::same_as<R, double> || std::same_as<R, Twofold>;

/// Unit of rounding.
template <Arithmetic R>
constexpr double rounding_unit = std::same_as<R, double> ? 0x1p-53 : 0x1p-103;

/// re + i im over twofold numbers: no more than Horner's rule and products need.
struct ComplexTwofold {
  Twofold re, im;
};

inline ComplexTwofold operator+(ComplexTwofold a, ComplexTwofold b) noexcept {
  return {a.re + b.re, a.im + b.im};
}
inline ComplexTwofold operator*(ComplexTwofold a, ComplexTwofold b) noexcept {
  return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}
/// a (x + i y) + b
inline ComplexTwofold multiply_add(ComplexTwofold a, double x, double y, ComplexTwofold b) noexcept {
  return {a.re * x - a.im * y + b.re, a.re * y + a.im * x + b.im};
}
inline std::complex<double> rounded(ComplexTwofold a) noexcept {
  return {a.re.high, a.im.high};
}

}  // namespace danaus
