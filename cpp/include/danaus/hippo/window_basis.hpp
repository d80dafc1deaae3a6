// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>

#include <danaus/hippo/window.hpp>
#include <danaus/simd/isa.hpp>

// The functions that windows and decays are expanded in, at many ages at once: what turns coefficients into a signal.
namespace danaus {
inline namespace DANAUS_ISA {
namespace window {

/// Ages worked on side by side: rows of a basis.
inline constexpr std::size_t ages = 64;

/// basis (N, ages) <- r_n P_n(1 - 2 age) (LegT), P_n(2 age - 1) (LMU), age in windows.
inline void legendre_basis(std::size_t order, bool lmu, const double* age, double* basis) noexcept {
  for (std::size_t n = 0; n < order; ++n, basis += ages) {
    const double k = static_cast<double>(n) - 1;
    const double *const last = n < 1 ? basis : basis - ages, *const before = n < 2 ? basis : last - ages;
    for (std::size_t i = 0; i < ages; ++i) {
      const double x = lmu ? 2 * age[i] - 1 : 1 - 2 * age[i];
      basis[i] = n == 0 ? 1 : n == 1 ? x : ((2 * k + 1) * x * last[i] - k * before[i]) / (k + 1);
    }
  }
  if (lmu) return;
  for (std::size_t n = order; n-- > 0;) {
    basis -= ages;
    for (std::size_t i = 0; i < ages; ++i) basis[i] *= std::sqrt(2 * static_cast<double>(n) + 1);
  }
}

/// basis (N, ages) <- the duals of Laguerre's functions: tau^alpha exp(-(1 - beta) tau / 2) l_n(tau) / scale, l_n
/// orthonormal under tau^alpha exp(-tau). The exponential may underflow where l_n is large: numbers above 1e100 are
/// made small, and how often is kept.
inline void laguerre_basis(std::size_t order, double alpha, double beta, double scale, const double* age,
                           double* basis) noexcept {
  constexpr double large = 0x1p330;
  double before[ages], now[ages], size[ages], factor[ages];
  for (std::size_t i = 0; i < ages; ++i) {
    before[i] = 0;
    now[i] = 1 / std::sqrt(std::tgamma(alpha + 1)) / scale;
    size[i] = alpha * std::log(age[i] > 0 ? age[i] : 1) - (1 - beta) / 2 * age[i];
    if (alpha != 0 && !(age[i] > 0)) now[i] = alpha > 0 ? 0 : HUGE_VAL;
    factor[i] = std::exp(size[i]);
  }
  for (std::size_t n = 0; n < order; ++n, basis += ages) {
    const double k = static_cast<double>(n), up = std::sqrt((k + 1) * (k + 1 + alpha)),
                 down = std::sqrt(k * (k + alpha));
    for (std::size_t i = 0; i < ages; ++i) {
      basis[i] = now[i] * factor[i];
      const double next = ((2 * k + 1 + alpha - age[i]) * now[i] - down * before[i]) / up;
      before[i] = now[i];
      now[i] = next;
      if (std::abs(next) > large && next < HUGE_VAL) {
        now[i] /= large;
        before[i] /= large;
        factor[i] = std::exp(size[i] += std::log(large));
      }
    }
  }
}

/// basis (N, ages) <- 1, 0, sqrt2 cos(w), sqrt2 sin(w), sqrt2 cos(2 w), ..., w = 2 pi age, times exp(age / 2) decay for
/// FouD.
inline void fourier_basis(std::size_t order, bool decays, const double* age, double* basis) noexcept {
  for (std::size_t n = 0; n < order; ++n, basis += ages) {
    const std::size_t pair = n / 2;
    for (std::size_t i = 0; i < ages; ++i) {
      const double turns = age[i] * static_cast<double>(pair), part = turns - std::floor(turns);
      const double value =
          fourier_state(n, 2 * std::numbers::pi * part / static_cast<double>(std::max<std::size_t>(pair, 1)));
      basis[i] = decays ? value * std::exp(0.5 * age[i]) * -std::expm1(-0.5) : value;
    }
  }
}

/// basis (N, ages) at ages in units of theta: windows, or of the decay. See Measure.
inline void fill_basis(Measure measure, const MeasureOptions& options, std::size_t order, const double* age,
                       double* basis) noexcept {
  switch (measure) {
    case Measure::lagt:
      return laguerre_basis(order, 0, 0, 1, age, basis);
    case Measure::tlagt:
      return laguerre_basis(order, 0, options.beta, options.beta, age, basis);
    case Measure::glagt:
      return laguerre_basis(
          order, options.alpha, options.beta,
          std::pow(options.beta, 0.5 * (1 - options.alpha)) / std::sqrt(std::tgamma(1 - options.alpha)), age, basis);
    case Measure::fout:
    case Measure::fourier_decay:
    case Measure::foud:
      return fourier_basis(order, measure == Measure::foud, age, basis);
    default:
      return legendre_basis(order, measure == Measure::lmu, age, basis);
  }
}

}  // namespace window
}  // namespace DANAUS_ISA
}  // namespace danaus
