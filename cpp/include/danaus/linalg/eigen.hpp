// SPDX-License-Identifier: Apache-2.0
#pragma once

// The only header that includes Eigen: set-up code, double precision.
#include <Eigen/Eigenvalues>
#include <Eigen/SVD>
#include <span>
#include <vector>

#include <danaus/core/complex.hpp>
#include <danaus/core/error.hpp>
#include <danaus/core/view.hpp>

namespace danaus {

/// A system x' = A x + B u, y = C x in the coordinates in which A is diagonal.
struct Diagonalized {
  std::vector<Complex> a;  ///< eigenvalues; of conjugate pairs those with positive imaginary part
  std::vector<Complex> b;  ///< V^{-1} B
  std::vector<Complex> c;  ///< C V, halved where the eigenvalue is real: y = 2 Re(sum c x)
  double condition = 1;    ///< of the eigenvectors: digits lost are about its logarithm
};

/// Diagonalises a real system A (N, N), B (N), C (N). not_converged where the eigensolver gives up,
/// singular where the eigenvectors do not span the space.
[[nodiscard]] inline Outcome diagonalize(View<const double, 2> a, std::span<const double> b, std::span<const double> c,
                                         Diagonalized& out) {
  using Matrix = Eigen::MatrixXd;
  using Vectors = Eigen::MatrixXcd;
  const auto n = static_cast<Eigen::Index>(b.size());
  const auto at = [](Eigen::Index i) { return static_cast<std::size_t>(i); };
  Matrix dense(n, n);
  for (Eigen::Index i = 0; i < n; ++i) {
    for (Eigen::Index j = 0; j < n; ++j) dense(i, j) = a(at(i), at(j));
  }
  const Eigen::EigenSolver<Matrix> solver(dense);
  if (solver.info() != Eigen::Success) return Outcome::not_converged;
  const Vectors v = solver.eigenvectors();
  const Eigen::JacobiSVD<Vectors> svd(v);
  const double least = svd.singularValues()(n - 1);
  if (!(least > 0)) return Outcome::singular;
  out = {};
  out.condition = svd.singularValues()(0) / least;
  const Eigen::VectorXcd input =
      v.partialPivLu().solve(Eigen::Map<const Eigen::VectorXd>(b.data(), n).cast<Complex>().eval());
  const Eigen::RowVectorXcd output = Eigen::Map<const Eigen::RowVectorXd>(c.data(), n).cast<Complex>() * v;
  for (Eigen::Index i = 0; i < n; ++i) {
    const Complex pole = solver.eigenvalues()(i);
    if (pole.imag() < 0) continue;  // its conjugate stands for both
    out.a.push_back(pole);
    out.b.push_back(input(i));
    out.c.push_back(pole.imag() > 0 ? output(i) : output(i) / 2.0);
  }
  return Outcome::ok;
}

}  // namespace danaus
