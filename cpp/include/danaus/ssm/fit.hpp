// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <span>
#include <vector>

#include <danaus/linalg/eigen.hpp>
#include <danaus/ssm/modal.hpp>

// A long convolution filter h_1..h_L as few stable modes: h_n ~ Re sum_i r_i p_i^{n-1}. Set-up code.
namespace danaus::convert {

/// The part of the spectrum of a symmetric Hankel matrix that is largest in modulus.
struct HankelSpectrum {
  std::vector<double> values;  ///< |eigenvalues|, falling: the Hankel singular values, never above the true ones
  Eigen::MatrixXd vectors;     ///< the eigenvectors beside them
};

/// Lanczos with full reorthogonalisation on Gamma_ij = h_{i+j+1}, i, j < m = (L + 1) / 2: `steps` products of
/// O(m^2), the matrix never formed.
inline HankelSpectrum hankel_spectrum(std::span<const double> h, Eigen::Index steps) {
  const Eigen::Index m = static_cast<Eigen::Index>(h.size() + 1) / 2;
  steps = std::min(steps, m);
  const Eigen::Map<const Eigen::VectorXd> signal(h.data(), static_cast<Eigen::Index>(h.size()));
  Eigen::MatrixXd basis(m, steps), projected = Eigen::MatrixXd::Zero(steps, steps);
  Eigen::VectorXd v = signal.head(m), next(m);
  for (Eigen::Index i = 0; i < m; ++i) v(i) += 1e-3 * signal.norm() * std::sin(static_cast<double>(i * i + 1));
  Eigen::Index k = 0;
  for (double length = v.norm(); k < steps && length > 0; ++k) {
    basis.col(k) = v / length;
    for (Eigen::Index i = 0; i < m; ++i) next(i) = signal.segment(i, m).dot(basis.col(k));
    projected(k, k) = next.dot(basis.col(k));
    const double before = next.norm();
    for (int twice = 0; twice < 2; ++twice) {
      next -= basis.leftCols(k + 1) * (basis.leftCols(k + 1).transpose() * next).eval();
    }
    length = next.norm();
    if (length <= 0x1p-50 * before) length = 0;
    if (k + 1 < steps) projected(k, k + 1) = projected(k + 1, k) = length;
    v = next;
  }
  if (k == 0) return {};
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(projected.topLeftCorner(k, k));
  std::vector<Eigen::Index> by_size(static_cast<std::size_t>(k));
  std::iota(by_size.begin(), by_size.end(), Eigen::Index{0});
  std::sort(by_size.begin(), by_size.end(), [&](Eigen::Index i, Eigen::Index j) {
    return std::fabs(solver.eigenvalues()(i)) > std::fabs(solver.eigenvalues()(j));
  });
  HankelSpectrum out{{}, Eigen::MatrixXd(m, k)};
  for (Eigen::Index i = 0; i < k; ++i) {
    const Eigen::Index from = by_size[static_cast<std::size_t>(i)];
    out.values.push_back(std::fabs(solver.eigenvalues()(from)));
    out.vectors.col(i) = basis.leftCols(k) * solver.eigenvectors().col(from);
  }
  return out;
}

/// Poles outside the unit circle reflected, all kept off it: a stable set, closed under conjugation.
inline std::vector<Complex> stabilised(std::vector<Complex> p) {
  for (Complex& z : p) {
    if (!std::isfinite(std::abs(z))) z = 0;
    if (std::abs(z) > 1) z = 1.0 / std::conj(z);
    if (std::abs(z) > 1 - 1e-8) z *= (1 - 1e-8) / std::abs(z);
  }
  pair_conjugates(p);
  return p;
}

/// The poles of the eigensystem realisation algorithm (Juang and Pappa 1985): the shift that carries the
/// leading Hankel vectors U on by a sample, U_up X = U_down, in least squares.
inline std::vector<Complex> era_poles(const HankelSpectrum& spectrum, std::size_t order) {
  const Eigen::Index m = spectrum.vectors.rows();
  const Eigen::Index n = std::min(static_cast<Eigen::Index>(order), std::min(spectrum.vectors.cols(), m - 1));
  std::vector<Complex> p(order);
  if (n < 1) return p;
  const Eigen::MatrixXd u = spectrum.vectors.leftCols(n);
  const Eigen::MatrixXd shift = u.topRows(m - 1).householderQr().solve(u.bottomRows(m - 1));
  const Eigen::VectorXcd values = shift.eigenvalues();
  for (Eigen::Index i = 0; i < n; ++i) p[static_cast<std::size_t>(i)] = values(i);
  return stabilised(p);
}

/// Columns 2 Re p^{n-1}, -2 Im p^{n-1} of a pair, p^{n-1} of a real pole, n = 1..L; with gains r also their
/// derivatives by the pole behind them: the Jacobian of the modes.
inline Eigen::MatrixXd mode_columns(const std::vector<Complex>& p, const std::vector<Complex>* r, Eigen::Index length) {
  const auto n = static_cast<Eigen::Index>(p.size());
  Eigen::MatrixXd out(length, r != nullptr ? 2 * n : n);
  Eigen::Index column = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    if (p[i].imag() < 0) continue;
    const bool pair = p[i].imag() > 0;
    const double twice = pair ? 2 : 1;
    Complex power = twice, slope = 0;  // slope: r (n - 1) p^{n-2}
    for (Eigen::Index t = 0; t < length; ++t) {
      out(t, column) = power.real();
      if (pair) out(t, column + 1) = -power.imag();
      if (r != nullptr) {
        out(t, n + column) = slope.real();
        if (pair) out(t, n + column + 1) = -slope.imag();
        slope = slope * p[i] + (*r)[i] * power;
      }
      power *= p[i];
    }
    column += pair ? 2 : 1;
  }
  return out;
}

/// Adds the entries of `x`, in the order of mode_columns, to a set closed under conjugation.
inline void add_to_pairs(const Eigen::VectorXd& x, const std::vector<Complex>& p, std::vector<Complex>& values) {
  Eigen::Index column = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    if (p[i].imag() < 0) {
      values[i] = std::conj(values[i - 1]);
      continue;
    }
    values[i] += p[i].imag() > 0 ? Complex(x(column), x(column + 1)) : Complex(x(column));
    column += p[i].imag() > 0 ? 2 : 1;
  }
}

/// Residues of given poles in least squares over the whole filter. Returns |h - fit| / |h|.
inline double fit_residues(std::span<const double> h, const std::vector<Complex>& p, std::vector<Complex>& r) {
  const auto length = static_cast<Eigen::Index>(h.size());
  const Eigen::Map<const Eigen::VectorXd> want(h.data(), length);
  Eigen::MatrixXd columns = mode_columns(p, nullptr, length);
  const Eigen::VectorXd x = columns.colPivHouseholderQr().solve(want);
  r.assign(p.size(), 0.0);
  add_to_pairs(x, p, r);
  const double size = want.norm();
  return size > 0 ? (want - columns * x).norm() / size : 0.0;
}

/// Moves poles and residues together downhill in |h - fit| (Levenberg and Marquardt), poles kept inside the
/// circle and in their half plane; returns the error reached.
inline double refine_modes(std::span<const double> h, double error, int rounds, std::vector<Complex>& p,
                           std::vector<Complex>& r) {
  const auto length = static_cast<Eigen::Index>(h.size());
  const auto n = static_cast<Eigen::Index>(p.size());
  const Eigen::Map<const Eigen::VectorXd> want(h.data(), length);
  double damping = 1e-2;
  int idle = 0;
  for (int round = 0; round < rounds && idle < 3 && error > 1e-14; ++round) {
    Eigen::MatrixXd slopes(length + 2 * n, 2 * n);
    slopes.topRows(length) = mode_columns(p, &r, length);
    Eigen::VectorXd rest = Eigen::VectorXd::Zero(length + 2 * n);
    rest.head(length) = want;
    const std::vector<double> now = impulse_of_modes(p, r, h.size());
    for (Eigen::Index t = 0; t < length; ++t) rest(t) -= now[static_cast<std::size_t>(t)];
    const Eigen::VectorXd scale = slopes.topRows(length).colwise().norm().cwiseMax(1e-300).cwiseInverse().transpose();
    slopes.topRows(length) = (slopes.topRows(length) * scale.asDiagonal()).eval();
    slopes.bottomRows(2 * n) = Eigen::MatrixXd::Identity(2 * n, 2 * n) * damping;
    const Eigen::VectorXd move = scale.asDiagonal() * slopes.householderQr().solve(rest).eval();
    std::vector<Complex> next = p, gains;
    add_to_pairs(move.tail(n), p, next);
    bool inside = true;
    for (std::size_t i = 0; i < p.size(); ++i) {
      inside = inside && std::abs(next[i]) < 1 - 1e-9 && (p[i].imag() > 0) == (next[i].imag() > 0);
    }
    const double reached = inside ? fit_residues(h, next, gains) : error;
    if (reached < error) {
      idle = reached > 0.995 * error ? idle + 1 : 0;
      p = next;
      r = gains;
      error = reached;
      damping = std::fmax(damping / 6, 1e-9);
    } else {
      damping = std::fmin(damping * 5, 1e3);
      idle = damping >= 1e3 ? 3 : idle;
    }
  }
  return error;
}

}  // namespace danaus::convert
