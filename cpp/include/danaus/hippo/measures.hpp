// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstddef>
#include <numbers>
#include <span>
#include <string>
#include <string_view>

#include <danaus/core/complex.hpp>
#include <danaus/core/error.hpp>
#include <danaus/core/view.hpp>
#include <danaus/hippo/quadrature.hpp>

// Set-up in double precision: the linear systems x' = A x + B u whose states are coefficients of the past of u.
namespace danaus {

/// The weight on the past and the functions it is expanded in. With r_n = sqrt(2n + 1), tau the age of a sample,
/// P_n and L_n the polynomials of Legendre and Laguerre, phi the functions of fourier_state; recent input comes back as
///   legs             u(s) = sum x_n r_n P_n(2 s / t - 1), all of [0, t]; x' = (A x + B u) / t
///   legs with x' = A x + B u (S4):   u(t - tau) = sum x_n r_n P_n(2 exp(-tau) - 1)
///   legt             u(t - tau) = sum x_n r_n P_n(1 - 2 tau / theta), tau <= theta
///   lmu              u(t - tau) = sum x_n P_n(2 tau / theta - 1), tau <= theta
///   lagt             u(t - tau) = sum x_n exp(-tau / 2) L_n(tau)
///   tlagt            u(t - tau) = sum x_n exp(-(1 - beta) tau / 2) L_n(tau) / beta
///   glagt            u(t - tau) = sum x_n tau^alpha exp(-(1 - beta) tau / 2) l_n(tau) / c, l_n the polynomials
///                    orthonormal under tau^alpha exp(-tau), c^2 = beta^(1 - alpha) / Gamma(1 - alpha)
///   fout             u(t - tau) = sum x_n phi_n(2 pi tau / theta), tau <= theta
///   foud             the past folded at period 1: sum_j exp(-j / 2) u(t - tau - j)
///                    = exp(tau / 2) sum x_n phi_n(2 pi tau), 0 < tau < 1
///   fourier_decay    the past folded at period theta, (2/3) sum_j 3^-j u(t - tau - j theta)
///                    = sum x_n phi_n(2 pi tau / theta), 0 < tau < theta
///   fourier_sliding  the same, = sum x_n exp(-2 pi i n tau / theta), n = -M ... M
///   fous             u(s) = sum x_n exp(2 pi i n s / t), n = -M ... M, all of [0, t]; x' = (A x + B u) / t
/// legt, lmu, fout, fourier_* and fous replace what leaves the window by what the state knows of it, or cut its
/// expansion: for smooth input the more exact the larger N.
enum class Measure : unsigned char {
  legs,
  legt,
  lmu,
  lagt,
  tlagt,
  glagt,
  fout,
  foud,
  fourier_decay,
  fourier_sliding,
  fous
};

/// What a measure can be told; each reads its own and ignores the others.
struct MeasureOptions {
  double theta = 1;  ///< legt, lmu, fout, fourier_decay, fourier_sliding: the window, > 0
  double alpha = 0;  ///< glagt: the power of tau in the weight, -1 < alpha < 1
  double beta = 1;   ///< tlagt, glagt: 1 for no tilt, > 0
};

/// The options that published code takes where none are given: windows of 1, but 2 for fout and fourier_decay;
/// beta = 0.01 for glagt (Gu et al., state-spaces/s4).
constexpr MeasureOptions default_options(Measure measure) noexcept {
  const bool twice = measure == Measure::fout || measure == Measure::fourier_decay;
  return {twice ? 2.0 : 1.0, 0.0, measure == Measure::glagt ? 0.01 : 1.0};
}

/// Whether A and B are complex. N is then odd, and entry i belongs to n = i - (N - 1) / 2.
constexpr bool is_complex(Measure measure) noexcept {
  return measure == Measure::fous || measure == Measure::fourier_sliding;
}

/// Whether time appears as x' = (A x + B u) / t: one memory for every length.
constexpr bool is_scale_invariant(Measure measure) noexcept {
  return measure == Measure::legs || measure == Measure::fous;
}

/// Whether the states come as pairs (cos, sin): N is then even, and state 1, the sine of frequency 0, stays 0.
constexpr bool is_paired(Measure measure) noexcept {
  return measure == Measure::fout || measure == Measure::foud || measure == Measure::fourier_decay;
}

/// The measure of that name, as they are written in the enumeration.
inline Measure measure_named(std::string_view name) {
  constexpr std::string_view names[] = {
      "legs", "legt", "lmu", "lagt", "tlagt", "glagt", "fout", "foud", "fourier_decay", "fourier_sliding", "fous"};
  std::string all;
  for (std::size_t i = 0; i < std::size(names); ++i) {
    if (names[i] == name) return static_cast<Measure>(i);
    all.append(i ? ", '" : "'").append(names[i]).append("'");
  }
  raise("hippo.transition: measure must be one of " + all + ", is '" + std::string(name) + "'");
}

/// Raises unless the measure has a system of N states with these options.
inline void expect_measure(Measure measure, const MeasureOptions& options, std::size_t n) {
  const auto say = [](const char* what, double is) {
    return std::string("hippo.transition: ") + what + std::to_string(is);
  };
  const auto finite = [](double x) { return std::abs(x) <= 1.7976931348623157e308; };
  require(n > 0, [&] { return say("n must be at least 1, is ", static_cast<double>(n)); });
  require(!is_paired(measure) || n % 2 == 0,
          [&] { return "hippo.transition: n must be even (cosines and sines in pairs), is " + std::to_string(n); });
  require(!is_complex(measure) || n % 2 == 1,
          [&] { return "hippo.transition: n must be odd (frequencies -M to M), is " + std::to_string(n); });
  require(options.theta > 0 && finite(options.theta),
          [&] { return say("theta must be positive and finite, is ", options.theta); });
  require(options.alpha > -1 && options.alpha < 1,
          [&] { return say("alpha must be above -1 and below 1, is ", options.alpha); });
  require(options.beta > 0 && finite(options.beta),
          [&] { return say("beta must be positive and finite, is ", options.beta); });
}

/// phi_n at an angle: 1, 0, sqrt2 cos(angle), sqrt2 sin(angle), sqrt2 cos(2 angle), ...: orthonormal over a turn.
inline double fourier_state(std::size_t n, double angle) noexcept {
  if (n < 2) return n == 0 ? 1 : 0;
  const std::size_t frequency = n / 2;
  const double turned = static_cast<double>(frequency) * angle;
  return std::numbers::sqrt2 * (n % 2 == 0 ? std::cos(turned) : std::sin(turned));
}

/// HiPPO-LegS:  A_nk = -r_n r_k (k < n), -(n + 1) (k = n), 0 (k > n);  B_n = r_n. `a` is (N, N), `b` is (N,).
/// Gu, Dao, Ermon, Rudra and Re 2020, theorem 2, in the orthonormal scaling.
inline void legs_transition(MatrixView<double> a, std::span<double> b) noexcept {
  const std::size_t order = b.size();
  DANAUS_EXPECTS(a.extent(0) == order && a.extent(1) == order);
  for (std::size_t n = 0; n < order; ++n) {
    b[n] = legendre_root(n);
    for (std::size_t k = 0; k < order; ++k) a(n, k) = k < n ? -b[n] * b[k] : k == n ? -static_cast<double>(n + 1) : 0.0;
  }
}

}  // namespace danaus
