// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include <danaus/linalg/eigen.hpp>
#include <danaus/ssm/modal.hpp>

// Balanced realisations and truncation (Moore 1981; Laub, Heath, Paige and Ward 1987). Set-up code.
namespace danaus::convert {

/// x_{n+1} = A x_n + B u_n, y_n = C x_n, one input and one output.
struct Realisation {
  Eigen::MatrixXd a;
  Eigen::VectorXd b;
  Eigen::RowVectorXd c;
};

/// The columns of a square factor S of G = S S^T = sum_n A^n b b^T (A^T)^n, by doubling on the factor,
///   S <- [S, A S] compressed by QR,   A <- A A,
/// so that small eigenvalues of G keep their digits. not_converged where A is not stable.
[[nodiscard]] inline Outcome gramian_factor(Eigen::MatrixXd a, const Eigen::VectorXd& b, Eigen::MatrixXd& factor) {
  const Eigen::Index n = b.size();
  factor = b;
  for (int round = 0; round < 64; ++round) {
    const double size = a.norm();
    if (!std::isfinite(size) || size > 1e100) return Outcome::not_converged;
    const Eigen::Index columns = factor.cols();
    Eigen::MatrixXd wide(n, 2 * columns);
    wide << factor, a * factor;
    if (wide.cols() > n) {
      const Eigen::HouseholderQR<Eigen::MatrixXd> qr(wide.transpose());
      factor = Eigen::MatrixXd(qr.matrixQR().topRows(n).triangularView<Eigen::Upper>()).transpose();
    } else {
      factor = wide;
    }
    if (size < 1e-20) break;
    a = (a * a).eval();
    if (round == 63) return Outcome::not_converged;
  }
  if (factor.cols() < n) factor.conservativeResizeLike(Eigen::MatrixXd::Zero(n, n));
  return Outcome::ok;
}

/// A realisation in balanced coordinates, both Gramians diag(hankel), cut to its first states.
struct Balanced {
  Realisation system;
  std::vector<double> hankel;  ///< all N Hankel singular values, falling
  double bound = 0;            ///< of |H - H_cut| on the unit circle: 2 sum of those cut off, and rounding
};

/// Balances by the square-root method and keeps `order` states. States that the input cannot reach or the
/// output cannot see (singular values below N 2^-50 of the first) become zeros. O(N^3 log memory).
[[nodiscard]] inline Outcome balance(const Realisation& in, Eigen::Index order, Balanced& out) {
  const Eigen::Index n = in.b.size();
  Eigen::MatrixXd reach, see;
  if (gramian_factor(in.a, in.b, reach) != Outcome::ok) return Outcome::not_converged;
  if (gramian_factor(in.a.transpose(), in.c.transpose(), see) != Outcome::ok) return Outcome::not_converged;
  const Eigen::MatrixXd product = see.transpose() * reach;
  if (!product.allFinite()) return Outcome::not_converged;
  const Eigen::BDCSVD<Eigen::MatrixXd> svd(product, Eigen::ComputeFullU | Eigen::ComputeFullV);
  const Eigen::VectorXd& sigma = svd.singularValues();
  out.hankel.assign(sigma.data(), sigma.data() + n);
  const double floor = static_cast<double>(n) * 0x1p-50 * sigma(0);
  Eigen::Index rank = 0;
  while (rank < order && sigma(rank) > floor) ++rank;
  const Eigen::VectorXd scale = sigma.head(rank).cwiseSqrt().cwiseInverse();
  const Eigen::MatrixXd right = reach * svd.matrixV().leftCols(rank) * scale.asDiagonal();
  const Eigen::MatrixXd left = scale.asDiagonal() * svd.matrixU().leftCols(rank).transpose() * see.transpose();
  out.system = {Eigen::MatrixXd::Zero(order, order), Eigen::VectorXd::Zero(order), Eigen::RowVectorXd::Zero(order)};
  out.system.a.topLeftCorner(rank, rank) = left * in.a * right;
  out.system.b.head(rank) = left * in.b;
  out.system.c.head(rank) = in.c * right;
  out.bound = 2 * (sigma.tail(n - rank).sum() + floor);
  return Outcome::ok;
}

/// Modes closed under conjugation as a real block-diagonal realisation, gains shared between B and C.
inline Realisation realisation_of_modes(std::span<const Complex> p, std::span<const Complex> r) {
  const auto n = static_cast<Eigen::Index>(p.size());
  Realisation out{Eigen::MatrixXd::Zero(n, n), Eigen::VectorXd::Zero(n), Eigen::RowVectorXd::Zero(n)};
  Eigen::Index i = 0;
  for (std::size_t k = 0; k < p.size(); ++k) {
    if (p[k].imag() < 0) continue;
    const bool pair = p[k].imag() > 0;
    const Complex gain = pair ? 2.0 * r[k] : r[k];
    const double in = std::sqrt(std::abs(gain));
    const Complex weight = in > 0 ? gain / in : 0.0;
    out.a(i, i) = p[k].real();
    out.b(i) = in;
    out.c(i) = weight.real();
    if (pair) {
      out.a(i + 1, i + 1) = p[k].real();
      out.a(i + 1, i) = p[k].imag();
      out.a(i, i + 1) = -p[k].imag();
      out.c(i + 1) = -weight.imag();
    }
    i += pair ? 2 : 1;
  }
  return out;
}

/// The companion form: first row -a, ones below the diagonal, B = e_1, C = b.
inline Realisation companion(std::span<const double> b, std::span<const double> a) {
  const auto n = static_cast<Eigen::Index>(a.size());
  Realisation out{Eigen::MatrixXd::Zero(n, n), Eigen::VectorXd::Unit(n, 0),
                  Eigen::Map<const Eigen::RowVectorXd>(b.data(), n)};
  out.a.row(0) = -Eigen::Map<const Eigen::RowVectorXd>(a.data(), n);
  if (n > 1) out.a.diagonal(-1).setOnes();
  return out;
}

/// The modes of a realisation, closed under conjugation: p_i eigenvalues of A, r_i = (C V)_i (V^-1 B)_i.
[[nodiscard]] inline Outcome modes_of_realisation(const Realisation& in, std::span<Complex> p, std::span<Complex> r) {
  const Eigen::EigenSolver<Eigen::MatrixXd> solver(in.a);
  if (solver.info() != Eigen::Success) return Outcome::not_converged;
  const Eigen::MatrixXcd v = solver.eigenvectors();
  const Eigen::VectorXcd gains = v.fullPivLu().solve(in.b.cast<Complex>().eval());
  const Eigen::RowVectorXcd weights = in.c.cast<Complex>() * v;
  for (std::size_t i = 0; i < p.size(); ++i) {
    const auto k = static_cast<Eigen::Index>(i);
    const bool lower = solver.eigenvalues()(k).imag() < 0;  // follows its conjugate
    p[i] = lower ? std::conj(p[i - 1]) : solver.eigenvalues()(k);
    r[i] = lower ? std::conj(r[i - 1]) : weights(k) * gains(k);
    if (p[i].imag() == 0) r[i] = r[i].real();
  }
  return Outcome::ok;
}

/// What a reduction promises and what its last passage cost.
struct Reduction {
  Outcome outcome = Outcome::ok;
  double bound = 0;  ///< of |H - H_reduced| on the unit circle
  double error = 0;  ///< of the reduced kernel in the form returned, relative to its peak
};

/// Modes p, r (N) to the modes of the balanced truncation, as many as `out_p` holds.
[[nodiscard]] inline Reduction reduce_modal(std::span<const Complex> p, std::span<const Complex> r, std::size_t length,
                                            std::span<Complex> out_p, std::span<Complex> out_r) {
  Balanced cut;
  Reduction done;
  done.outcome = balance(realisation_of_modes(p, r), static_cast<Eigen::Index>(out_p.size()), cut);
  if (done.outcome != Outcome::ok) return done;
  done.bound = cut.bound;
  done.outcome = modes_of_realisation(cut.system, out_p, out_r);
  if (done.outcome != Outcome::ok) return done;
  std::vector<double> want(length);
  Eigen::VectorXd x = cut.system.b;
  for (double& value : want) {
    value = cut.system.c.dot(x);
    x = (cut.system.a * x).eval();
  }
  done.error = relative_error(impulse_of_modes(out_p, out_r, length), want);
  return done;
}

/// b, a (N) to the balanced truncation's b and a, by way of the modes where they hold the kernel to 1e-9,
/// else from the companion form.
[[nodiscard]] inline Reduction reduce_transfer(std::span<const double> b, std::span<const double> a, std::size_t length,
                                               std::span<double> out_b, std::span<double> out_a) {
  std::vector<Complex> p(a.size()), r(a.size()), few_p(out_a.size()), few_r(out_a.size());
  Reduction done;
  if (transfer_to_modal(b, a, length, p, r) <= 1e-9) {
    done = reduce_modal(p, r, length, few_p, few_r);
  } else {
    Balanced cut;
    done.outcome = balance(companion(b, a), static_cast<Eigen::Index>(out_a.size()), cut);
    if (done.outcome == Outcome::ok) done.outcome = modes_of_realisation(cut.system, few_p, few_r);
    done.bound = cut.bound;
  }
  if (done.outcome != Outcome::ok) return done;
  done.error = std::fmax(done.error, modal_to_transfer(few_p, few_r, length, out_b, out_a));
  return done;
}

}  // namespace danaus::convert
