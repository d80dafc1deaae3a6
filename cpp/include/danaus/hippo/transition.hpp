// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstddef>
#include <numbers>
#include <span>

#include <danaus/hippo/measures.hpp>

// Set-up in double precision: A (N, N) and B (N,) of x' = A x + B u, a measure a function.
namespace danaus {

/// HiPPO-LegT, window theta:  A_nk = -(r_n r_k / theta) (1 for k <= n, (-1)^(n + k) for k > n);  B_n = r_n / theta.
/// Gu et al. 2020, appendix D.1, whose window is 1.
inline void legt_transition(double theta, MatrixView<double> a, std::span<double> b) noexcept {
  for (std::size_t n = 0; n < b.size(); ++n) {
    const double row = legendre_root(n) / theta;
    b[n] = row;
    for (std::size_t k = 0; k < b.size(); ++k) a(n, k) = (k > n && (n + k) % 2 == 1 ? row : -row) * legendre_root(k);
  }
}

/// The Legendre memory unit, window theta:  A_nk = ((2n + 1) / theta) (-1 for n < k, (-1)^(n - k + 1) for n >= k);
/// B_n = (-1)^n (2n + 1) / theta. Voelker, Kajic and Eliasmith 2019, equations 1 and 2. It is D A_legt D^-1,
/// D = diag((-1)^n r_n).
inline void lmu_transition(double theta, MatrixView<double> a, std::span<double> b) noexcept {
  for (std::size_t n = 0; n < b.size(); ++n) {
    const double row = (2 * static_cast<double>(n) + 1) / theta;
    b[n] = n % 2 == 0 ? row : -row;
    for (std::size_t k = 0; k < b.size(); ++k) a(n, k) = k <= n && (n - k) % 2 == 1 ? row : -row;
  }
}

/// Laguerre:  A = -(1 + beta) / 2 on the diagonal, -1 below it;  B_n = gain. lagt has beta = 0 and gain 1, so that
/// exp(A t) B = exp(-t / 2) L_n(t), orthonormal over all t > 0; the HiPPO paper's form has beta = gain = 1.
inline void laguerre_transition(double beta, double gain, MatrixView<double> a, std::span<double> b) noexcept {
  for (std::size_t n = 0; n < b.size(); ++n) {
    b[n] = gain;
    for (std::size_t k = 0; k < b.size(); ++k) a(n, k) = k < n ? -1.0 : k == n ? -(1 + beta) / 2 : 0.0;
  }
}

/// Generalised Laguerre:  A_nk = -(1 + beta) / 2 (k = n), -s_k / s_n (k < n), s_n = sqrt(Gamma(n + alpha + 1) / n!);
/// B_n = c binomial(n + alpha, n) / s_n, c = beta^((1 - alpha) / 2) / sqrt(Gamma(1 - alpha)). Gu et al. 2020,
/// appendix D.2. The ratios are products of (m + alpha) / m: no Gamma function of a large argument is taken.
inline void glagt_transition(double alpha, double beta, MatrixView<double> a, std::span<double> b) noexcept {
  const double tilt = std::pow(beta, 0.5 * (1 - alpha)) / std::sqrt(std::tgamma(1 - alpha) * std::tgamma(1 + alpha));
  double rise = 1;  // (s_n / s_0)^2 = binomial(n + alpha, n)
  for (std::size_t n = 0; n < b.size(); ++n) {
    const double m = static_cast<double>(n);
    if (n > 0) rise *= (m + alpha) / m;
    b[n] = tilt * std::sqrt(rise);
    double ratio = 1;  // (s_k / s_n)^2
    for (std::size_t k = b.size(); k-- > 0;) {
      if (k < n) ratio *= (static_cast<double>(k) + 1) / (static_cast<double>(k) + 1 + alpha);
      a(n, k) = k < n ? -std::sqrt(ratio) : k == n ? -(1 + beta) / 2 : 0.0;
    }
  }
}

/// Rotations of the pairs (2k, 2k + 1) by `turn` k, less `decay` I, less `feedback` phi phi^T;  B = gain phi, with
/// phi = fourier_state at 0. With w = 2 pi / theta (S4's code has theta = 2, `fourier2` theta = 1):
///   fout           turn w, feedback 2 / theta, gain 2 / theta;
///   fourier_decay  turn w, feedback 1 / theta, gain 1 / theta;
///   foud           turn 2 pi, decay 1/2, gain 1.
/// Gu, Johnson, Timalsina, Rudra and Re 2023, theorem 7, and their code.
inline void fourier_transition(double turn, double decay, double feedback, double gain, MatrixView<double> a,
                               std::span<double> b) noexcept {
  for (std::size_t n = 0; n < b.size(); ++n) {
    const double row = fourier_state(n, 0);
    b[n] = gain * row;
    for (std::size_t k = 0; k < b.size(); ++k) a(n, k) = -feedback * row * fourier_state(k, 0);
    a(n, n) -= decay;
    const std::size_t frequency = n / 2;
    const double rate = turn * static_cast<double>(frequency);
    if (n % 2 == 0) a(n, n + 1) -= rate;
    if (n % 2 == 1) a(n, n - 1) += rate;
  }
}

/// A and B of a measure with real ones, in the conventions of `Measure`: a (N, N), b (N,). Raises for a complex
/// measure, for an N it does not have, and for options out of range.
inline void transition(Measure measure, const MeasureOptions& options, MatrixView<double> a, std::span<double> b) {
  DANAUS_EXPECTS(a.extent(0) == b.size() && a.extent(1) == b.size());
  expect_measure(measure, options, b.size());
  require(!is_complex(measure), [] { return "hippo.transition: a and b must be complex for this measure, are real"; });
  const double theta = options.theta, turn = 2 * std::numbers::pi;
  switch (measure) {
    case Measure::legt:
      return legt_transition(theta, a, b);
    case Measure::lmu:
      return lmu_transition(theta, a, b);
    case Measure::lagt:
      return laguerre_transition(0, 1, a, b);
    case Measure::tlagt:
      return laguerre_transition(options.beta, options.beta, a, b);
    case Measure::glagt:
      return glagt_transition(options.alpha, options.beta, a, b);
    case Measure::fout:
      return fourier_transition(turn / theta, 0, 2 / theta, 2 / theta, a, b);
    case Measure::fourier_decay:
      return fourier_transition(turn / theta, 0, 1 / theta, 1 / theta, a, b);
    case Measure::foud:
      return fourier_transition(turn, 0.5, 0, 1, a, b);
    case Measure::legs:
    case Measure::fous:
    case Measure::fourier_sliding:
      return legs_transition(a, b);
  }
}

/// The same of a complex measure, N = 2 M + 1, n and k from -M to M in rising order:
///   fous:             A_nk = -n / (n - k) (k != n), i pi n - 1 (k = n);  B = 1;
///   fourier_sliding:  A_nk = (2 pi i n [n = k] - 1) / theta;             B = 1 / theta.
/// Su Jianlin, kexue.fm 10137 and 10114. A frequency and its negative have conjugate coefficients where u is real.
inline void transition(Measure measure, const MeasureOptions& options, MatrixView<Complex> a, std::span<Complex> b) {
  DANAUS_EXPECTS(a.extent(0) == b.size() && a.extent(1) == b.size());
  expect_measure(measure, options, b.size());
  require(is_complex(measure), [] { return "hippo.transition: a and b must be real for this measure, are complex"; });
  const std::size_t most = b.size() / 2;
  const double middle = static_cast<double>(most), pi = std::numbers::pi, theta = options.theta;
  const bool scaled = measure == Measure::fous;
  for (std::size_t i = 0; i < b.size(); ++i) {
    const double n = static_cast<double>(i) - middle;
    b[i] = scaled ? 1.0 : 1 / theta;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const double distance = static_cast<double>(i) - static_cast<double>(j);
      if (i == j)
        a(i, j) = scaled ? Complex(-1, pi * n) : Complex(-1, 2 * pi * n) / theta;
      else
        a(i, j) = scaled ? 0.0 - n / distance : -1 / theta;
    }
  }
}

/// The same with the options published code takes.
template <class T>
void transition(Measure measure, MatrixView<T> a, std::span<T> b) {
  transition(measure, default_options(measure), a, b);
}

}  // namespace danaus
