// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <limits>

#include <danaus/core/buffer.hpp>
#include <danaus/hippo/transition.hpp>
#include <danaus/linalg/eigen.hpp>

namespace danaus {

/// The longest h, in units of theta, for which x <- x + h (A x + B u) does not blow up: the spectral radius of I + h A
/// is at most 1, h <= -2 Re(lambda) / |lambda|^2 for every eigenvalue. O(N^3). For theta in samples that is theta >= 1
/// / h: 60 for LegT of order 16, 639 of order 64.
inline double euler_limit(Measure measure, const MeasureOptions& options, std::size_t n) {
  MeasureOptions unit = options;
  unit.theta = 1;
  Buffer<double> a(n * n), b(n);
  transition(measure, unit, View<double, 2>(a.data(), {n, n}), std::span<double>(b));
  if (measure == Measure::lagt || measure == Measure::tlagt || measure == Measure::glagt) return -2 / a[0];
  using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const auto size = static_cast<Eigen::Index>(n);
  const Eigen::EigenSolver<Eigen::MatrixXd> solver(Eigen::Map<const Matrix>(a.data(), size, size), false);
  double limit = std::numeric_limits<double>::infinity();
  for (Eigen::Index i = 0; i < size; ++i) {
    const Complex lambda = solver.eigenvalues()(i);
    const double norm = std::norm(lambda);
    if (norm > 1e-20) limit = std::min(limit, -2 * lambda.real() / norm);  // the dead state of Fourier measures is 0
  }
  return limit;
}

}  // namespace danaus
