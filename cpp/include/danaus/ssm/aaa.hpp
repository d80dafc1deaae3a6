// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <numbers>
#include <span>
#include <vector>

#include <danaus/ssm/fit.hpp>

// Rational approximation on the unit circle by the AAA algorithm (Nakatsukasa, Sete and Trefethen 2018), kept
// real: support points and weights in conjugate pairs. Set-up code.
namespace danaus::convert {

/// F(z) = sum_{n>=1} h_n z^-n on `count` points of the upper unit circle from 1 to -1.
struct CircleSamples {
  std::vector<Complex> z, f;
};

inline CircleSamples sample_circle(std::span<const double> h, std::size_t count) {
  CircleSamples out;
  for (std::size_t i = 0; i < count; ++i) {
    const double turn = std::numbers::pi * static_cast<double>(i) / static_cast<double>(count - 1);
    const bool real = i == 0 || i + 1 == count;
    const double x = real ? (i == 0 ? 1.0 : -1.0) : std::cos(turn), y = real ? 0.0 : -std::sin(turn);
    double re = 0, im = 0;
    for (std::size_t n = h.size(); n-- > 0;) {
      const double next = (re + h[n]) * x - im * y;
      im = (re + h[n]) * y + im * x;
      re = next;
    }
    out.z.emplace_back(x, -y);
    out.f.emplace_back(re, im);
  }
  return out;
}

/// A rational function in barycentric form, sum (w_j f_j / (z - z_j)) / sum (w_j / (z - z_j)), on support points
/// closed under conjugation; `support` lists those of the upper half.
struct Barycentric {
  std::vector<std::size_t> support;
  std::vector<Complex> weights;
};

/// The weights of least linearised error over all other samples: the last right singular vector of the Loewner
/// matrix, real and imaginary parts as rows and as unknowns.
inline void solve_weights(const CircleSamples& s, Barycentric& out) {
  std::vector<char> used(s.z.size(), 0);
  Eigen::Index columns = 0;
  for (const std::size_t j : out.support) {
    used[j] = 1;
    columns += s.z[j].imag() == 0 ? 1 : 2;
  }
  Eigen::MatrixXd loewner = Eigen::MatrixXd::Zero(2 * static_cast<Eigen::Index>(s.z.size()), columns);
  for (std::size_t i = 0; i < s.z.size(); ++i) {
    if (used[i] != 0) continue;
    const auto row = 2 * static_cast<Eigen::Index>(i);
    Eigen::Index column = 0;
    const auto put = [&](Complex value) {
      loewner(row, column) = value.real();
      loewner(row + 1, column++) = value.imag();
    };
    for (const std::size_t j : out.support) {
      const Complex upper = (s.f[i] - s.f[j]) / (s.z[i] - s.z[j]);
      if (s.z[j].imag() == 0) {
        put(upper);
        continue;
      }
      const Complex lower = (s.f[i] - std::conj(s.f[j])) / (s.z[i] - std::conj(s.z[j]));
      put(upper + lower);
      put(Complex(0, 1) * (upper - lower));
    }
  }
  const Eigen::HouseholderQR<Eigen::MatrixXd> qr(loewner);
  const Eigen::MatrixXd triangle = qr.matrixQR().topRows(columns).triangularView<Eigen::Upper>();
  const Eigen::JacobiSVD<Eigen::MatrixXd> svd(triangle, Eigen::ComputeFullV);
  const Eigen::VectorXd last = svd.matrixV().col(columns - 1);
  out.weights.clear();
  Eigen::Index column = 0;
  for (const std::size_t j : out.support) {
    const bool real = s.z[j].imag() == 0;
    out.weights.push_back(real ? Complex(last(column)) : Complex(last(column), last(column + 1)));
    column += real ? 1 : 2;
  }
}

/// The sample where the rational function is farthest from F, of those not yet support points; `real` says
/// whether 1 and -1 are asked for, else they are left out.
inline std::size_t worst_sample(const CircleSamples& s, const Barycentric& r, bool real) {
  std::size_t worst = s.z.size();
  double largest = -1;
  for (std::size_t i = 0; i < s.z.size(); ++i) {
    if ((s.z[i].imag() == 0) != real) continue;
    if (std::find(r.support.begin(), r.support.end(), i) != r.support.end()) continue;
    Complex over = 0, under = 0;
    for (std::size_t k = 0; k < r.support.size(); ++k) {
      const Complex z = s.z[r.support[k]], f = s.f[r.support[k]], w = r.weights[k];
      over += w * f / (s.z[i] - z);
      under += w / (s.z[i] - z);
      if (z.imag() == 0) continue;
      over += std::conj(w * f) / (s.z[i] - std::conj(z));
      under += std::conj(w) / (s.z[i] - std::conj(z));
    }
    const double error = r.support.empty() ? std::abs(s.f[i]) : std::abs(s.f[i] - over / under);
    if (error > largest) {
      largest = error;
      worst = i;
    }
  }
  return worst;
}

/// The `order` poles of the AAA approximant of h on the circle, made stable: the zeros of sum w_j / (z - z_j),
/// which are, beside a 0, the eigenvalues of diag(z) - 1 (w * z)^T / sum w.
inline std::vector<Complex> aaa_poles(std::span<const double> h, std::size_t order) {
  const std::size_t count = std::clamp<std::size_t>(h.size() / 2 + 1, 4 * order + 8, 2049);
  const CircleSamples s = sample_circle(h, count);
  Barycentric r;
  if (order % 2 == 0) {  // order + 1 support points: one real, else both or none
    r.support.push_back(worst_sample(s, r, true));
    solve_weights(s, r);
  }
  for (std::size_t points = 1 - order % 2; points < order + 1; points += 2) {
    r.support.push_back(worst_sample(s, r, false));
    solve_weights(s, r);
  }
  std::vector<Complex> z, w;
  for (std::size_t k = 0; k < r.support.size(); ++k) {
    const Complex point = s.z[r.support[k]];
    z.push_back(point);
    w.push_back(r.weights[k]);
    if (point.imag() == 0) continue;
    z.push_back(std::conj(point));
    w.push_back(std::conj(r.weights[k]));
  }
  const auto n = static_cast<Eigen::Index>(z.size());
  Complex sum = 0;
  for (const Complex& weight : w) sum += weight;
  Eigen::MatrixXcd arrow(n, n);
  for (Eigen::Index i = 0; i < n; ++i) {
    for (Eigen::Index j = 0; j < n; ++j) {
      const auto k = static_cast<std::size_t>(j);
      arrow(i, j) = (i == j ? z[k] : Complex(0)) - w[k] * z[k] / sum;
    }
  }
  std::vector<Complex> p(static_cast<std::size_t>(n));
  if (arrow.allFinite()) {
    const Eigen::VectorXcd values = Eigen::ComplexEigenSolver<Eigen::MatrixXcd>(arrow, false).eigenvalues();
    for (Eigen::Index i = 0; i < n; ++i) p[static_cast<std::size_t>(i)] = values(i);
  }
  p.erase(std::min_element(p.begin(), p.end(), [](Complex x, Complex y) { return std::abs(x) < std::abs(y); }));
  return stabilised(p);
}

/// A filter as modes.
struct FittedModes {
  std::vector<Complex> poles, residues;
  std::vector<double> hankel;  ///< the order + 1 largest Hankel singular values of the window
  double error = 0;            ///< |h - fit| / |h|
};

/// h_1..h_L (L >= 3) as `order` <= L / 2 stable modes: poles by AAA or by ERA, residues in least squares, then
/// `rounds` of refinement. h is scaled to its largest value, so that nothing overflows. The poles are those of
/// the window or of the window and L / 8 zeros behind it, whichever fits better: a filter that has not decayed
/// at the window's end draws poles outside the circle, whose reflections fit badly (up to 40 times worse).
inline FittedModes fit_modes(std::span<const double> h, std::size_t order, bool aaa, int rounds) {
  FittedModes out{std::vector<Complex>(order), std::vector<Complex>(order), std::vector<double>(order + 1), 0};
  double peak = 0;
  for (const double value : h) peak = std::fmax(peak, std::fabs(value));
  if (!(peak > 0)) return out;
  std::vector<double> scaled(h.size());
  for (std::size_t i = 0; i < h.size(); ++i) scaled[i] = h[i] / peak;
  const auto steps = static_cast<Eigen::Index>(3 * order + 40);
  const HankelSpectrum spectrum = hankel_spectrum(scaled, steps);
  out.poles = aaa ? aaa_poles(scaled, order) : era_poles(spectrum, order);
  out.error = fit_residues(scaled, out.poles, out.residues);
  if (out.error > 1e-12) {
    std::vector<double> longer = scaled;
    longer.resize(h.size() + h.size() / 8);
    const std::vector<Complex> poles =
        aaa ? aaa_poles(longer, order) : era_poles(hankel_spectrum(longer, steps), order);
    std::vector<Complex> residues;
    const double error = fit_residues(scaled, poles, residues);
    if (error < out.error) {
      out.poles = poles;
      out.residues = residues;
      out.error = error;
    }
  }
  out.error = refine_modes(scaled, out.error, rounds, out.poles, out.residues);
  for (Complex& r : out.residues) r *= peak;
  for (std::size_t k = 0; k <= order && k < spectrum.values.size(); ++k) out.hankel[k] = spectrum.values[k] * peak;
  return out;
}

}  // namespace danaus::convert
