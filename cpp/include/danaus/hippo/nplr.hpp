// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <complex>
#include <cstddef>
#include <numbers>
#include <span>
#include <string>
#include <vector>

#include <danaus/hippo/sign_spectrum.hpp>
#include <danaus/hippo/transition.hpp>
#include <danaus/linalg/skew.hpp>

// Set-up in double precision: A as normal plus low rank, the form in which S4 runs it.
namespace danaus {

/// A = V (diag(lambda) - sum_r p_r p_r^*) V^*,  b = V^* B, the columns of V orthonormal, by rising imaginary part of
/// lambda. `lambda` and `b` (columns,), `p` (rank, columns), `v` (N, columns), row-major.
struct Nplr {
  std::size_t order = 0, columns = 0, rank = 1;
  std::vector<Complex> lambda, p, b, v;
  bool single = false;  ///< of halves: the first column has no conjugate, its eigenvalue stands alone

  void resize(std::size_t n, std::size_t count, std::size_t terms) {
    order = n, columns = count, rank = terms;
    lambda.assign(count, 0);
    b.assign(count, 0);
    p.assign(terms * count, 0);
    v.assign(n * count, 0);
  }
  MatrixView<Complex> vectors() noexcept { return {v.data(), {order, columns}}; }
};

/// LegS (m_n = 2n + 1) and Laguerre (m_n = 1): A + P P^T = K - decay, P_n = sqrt(m_n / 2), B = gain sqrt2 P. The upper
/// half; p > 0. sign_spectrum.hpp.
inline Nplr sign_nplr(std::span<const double> m, double decay, double gain) {
  Nplr out;
  const std::vector<double> w = sign_frequencies(m);
  out.single = m.size() % 2 == 1;
  out.resize(m.size(), w.size() + out.single, 1);
  for (std::size_t j = 0; j < out.columns; ++j) {
    const double rate = out.single && j == 0 ? 0 : w[out.columns - 1 - j];
    out.lambda[j] = {-decay, rate};
    const double p = sign_vector(m, rate, out.vectors(), j);
    out.p[j] = p;
    out.b[j] = gain * std::numbers::sqrt2 * p;
  }
  return out;
}

/// LegT: theta A + sum P P^T is skew and couples even with odd states, -r_n r_k (k < n), r_n r_k (k > n), with P_0 = r
/// on the even, P_1 = r on the odd ones. By the singular values of that block; p_0 > 0, p_1 imaginary.
inline Nplr legt_nplr(double theta, std::size_t n) {
  const std::size_t even = (n + 1) / 2, odd = n / 2;
  std::vector<double> m(even * odd), sigma(odd), u(even * even), v(odd * odd);
  for (std::size_t i = 0; i < even; ++i) {
    for (std::size_t k = 0; k < odd; ++k) {
      const double size = legendre_root(2 * i) * legendre_root(2 * k + 1);
      m[i * odd + k] = k < i ? -size : size;
    }
  }
  if (odd == 0)
    u[0] = 1;
  else if (skew_pairs({m.data(), {even, odd}}, sigma, {u.data(), {even, even}}, {v.data(), {odd, odd}}) != Outcome::ok)
    raise("hippo.nplr: the singular values of 'legt' must converge, do not at n = " + std::to_string(n));
  Nplr out;
  out.single = n % 2 == 1;
  out.resize(n, even, 2);
  const Complex i(0, 1);
  for (std::size_t j = 0; j < even; ++j) {
    const std::size_t from = even - 1 - j;  // the smallest first; the last u belongs to 0 where n is odd
    const bool alone = from >= odd;
    const double part = alone ? 1.0 : std::numbers::sqrt2 / 2;
    double first = 0, second = 0;
    for (std::size_t k = 0; k < even; ++k) first += part * u[k * even + from] * legendre_root(2 * k);
    for (std::size_t k = 0; k < odd && !alone; ++k) second += part * v[k * odd + from] * legendre_root(2 * k + 1);
    const double sign = first < 0 ? -part : part;
    for (std::size_t k = 0; k < even; ++k) out.v[2 * k * even + j] = sign * u[k * even + from];
    for (std::size_t k = 0; k < odd && !alone; ++k) out.v[(2 * k + 1) * even + j] = sign * i * v[k * odd + from];
    if (first < 0) second = -second;
    out.lambda[j] = alone ? Complex(0) : Complex(0, sigma[from] / theta);
    out.p[j] = std::abs(first) / std::sqrt(theta);
    out.p[even + j] = -i * second / std::sqrt(theta);
    out.b[j] = (std::abs(first) - i * second) / theta;
  }
  return out;
}

/// fout, fourier_decay, foud: pairs that turn, less feedback phi phi^T; the two states of frequency 0 count as a pair.
inline Nplr fourier_nplr(double turn, double decay, double feedback, double gain, std::size_t n) {
  Nplr out;
  out.resize(n, n / 2, 1);
  const double half = std::numbers::sqrt2 / 2;
  for (std::size_t k = 0; k < out.columns; ++k) {
    out.lambda[k] = {-decay, turn * static_cast<double>(k)};
    out.v[2 * k * out.columns + k] = half;
    out.v[(2 * k + 1) * out.columns + k] = {0, -half};
    const double phase = k == 0 ? half : 1;
    out.p[k] = std::sqrt(feedback) * phase;
    out.b[k] = gain * phase;
  }
  return out;
}

/// fourier_sliding: diagonal but for the feedback of the sum.
inline Nplr sliding_nplr(double theta, std::size_t n) {
  Nplr out;
  out.single = true;
  out.resize(n, n / 2 + 1, 1);
  for (std::size_t k = 0; k < out.columns; ++k) {
    out.lambda[k] = {0, 2 * std::numbers::pi * static_cast<double>(k) / theta};
    out.v[(n / 2 + k) * out.columns + k] = 1;
    out.p[k] = 1 / std::sqrt(theta);
    out.b[k] = 1 / theta;
  }
  return out;
}

/// Both halves of what `half` holds the upper one of. The conjugate of a column belongs to the conjugate eigenvalue,
/// with the frequencies in reverse where the measure is complex.
inline Nplr unfolded(const Nplr& half, bool reverse) {
  Nplr out;
  const std::size_t pairs = half.columns - half.single;
  out.resize(half.order, half.columns + pairs, half.rank);
  for (std::size_t j = 0; j < out.columns; ++j) {
    const bool lower = j < pairs;
    const std::size_t from = lower ? half.columns - 1 - j : j - pairs;
    const auto at = [&](const Complex& x) { return lower ? std::conj(x) : x; };
    out.lambda[j] = at(half.lambda[from]);
    out.b[j] = at(half.b[from]);
    for (std::size_t r = 0; r < half.rank; ++r) out.p[r * out.columns + j] = at(half.p[r * half.columns + from]);
    for (std::size_t n = 0; n < half.order; ++n) {
      const std::size_t row = lower && reverse ? half.order - 1 - n : n;
      out.v[n * out.columns + j] = at(half.v[row * half.columns + from]);
    }
  }
  return out;
}

/// The upper half of a measure's normal plus low rank form; an eigenvalue without a conjugate comes first, whole.
inline Nplr upper_nplr(Measure measure, const MeasureOptions& options, std::size_t n) {
  const double theta = options.theta, turn = 2 * std::numbers::pi;
  std::vector<double> m(n, 1);
  switch (measure) {
    case Measure::legs:
      for (std::size_t k = 0; k < n; ++k) m[k] = 2 * static_cast<double>(k) + 1;
      return sign_nplr(m, 0.5, 1);
    case Measure::lagt:
      return sign_nplr(m, 0, 1);
    case Measure::tlagt:
      return sign_nplr(m, 0.5 * options.beta, options.beta);
    case Measure::legt:
      return legt_nplr(theta, n);
    case Measure::fout:
      return fourier_nplr(turn / theta, 0, 2 / theta, 2 / theta, n);
    case Measure::fourier_decay:
      return fourier_nplr(turn / theta, 0, 1 / theta, 1 / theta, n);
    case Measure::foud:
      return fourier_nplr(turn, 0.5, 0, 1, n);
    case Measure::fourier_sliding:
      return sliding_nplr(theta, n);
    case Measure::lmu:
      raise(
          "hippo.nplr: measure must be normal plus low rank, 'lmu' is only similar to it: take 'legt', whose A it is "
          "as D A D^-1, D = diag((-1)^n sqrt(2n + 1))");
    case Measure::glagt:
      raise(
          "hippo.nplr: measure must be normal plus low rank, 'glagt' is only similar to it: take 'tlagt', whose A it "
          "is as D^-1 A D, D = diag(sqrt(Gamma(n + alpha + 1) / n!))");
    case Measure::fous:
      break;
  }
  raise("hippo.nplr: measure must be another, 'fous' is diagonalised by well conditioned vectors as it is");
}

/// A measure's normal plus low rank form, with the conventions of transition(). With `half` of each conjugate pair the
/// one above the real axis, as ssm/dplr.hpp takes it; an eigenvalue without a conjugate has its column, p and b divided
/// by sqrt2, so that 2 Re counts it once. legs, lagt, tlagt: rank 1 in closed form, p > 0, residual and
/// orthogonality 1e-13 and 4e-13 (Laguerre) at N = 1024; fourier measures: rank 1, exact (foud: p = 0); legt: rank 2.
inline Nplr nplr(Measure measure, const MeasureOptions& options, std::size_t n, bool half = false) {
  expect_measure(measure, options, n);
  Nplr out = upper_nplr(measure, options, n);
  if (!half) return unfolded(out, is_complex(measure));
  const double scale = out.single ? std::numbers::sqrt2 / 2 : 1.0;
  out.b[0] *= scale;
  for (std::size_t r = 0; r < out.rank; ++r) out.p[r * out.columns] *= scale;
  for (std::size_t k = 0; k < n; ++k) out.v[k * out.columns] *= scale;
  return out;
}

}  // namespace danaus
