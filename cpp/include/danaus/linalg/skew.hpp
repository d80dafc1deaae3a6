// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

#include <danaus/linalg/eigen.hpp>

namespace danaus {

/// M = U diag(sigma) V^T of a real (R, C), R - C = 0 or 1: sigma falling (C,), u (R, R), v (C, C). The skew matrix
/// [0 M; -M^T 0] has the eigenvalues +- i sigma with eigenvectors (u, +- i v) / sqrt2, and 0 with the last u where
/// R > C. not_converged where the iteration gives up.
[[nodiscard]] inline Outcome skew_pairs(View<const double, 2> m, std::span<double> sigma, MatrixView<double> u,
                                        MatrixView<double> v) {
  using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const auto rows = static_cast<Eigen::Index>(m.extent(0)), columns = static_cast<Eigen::Index>(m.extent(1));
  DANAUS_EXPECTS(u.extent(0) == m.extent(0) && v.extent(0) == m.extent(1) && sigma.size() == m.extent(1));
  const Eigen::MatrixXd dense = Eigen::Map<const RowMajor>(m.data_handle(), rows, columns);
  const Eigen::BDCSVD<Eigen::MatrixXd> svd(dense, Eigen::ComputeFullU | Eigen::ComputeFullV);
  if (svd.info() != Eigen::Success) return Outcome::not_converged;
  for (Eigen::Index i = 0; i < columns; ++i) sigma[static_cast<std::size_t>(i)] = svd.singularValues()(i);
  Eigen::Map<RowMajor>(u.data_handle(), rows, rows) = svd.matrixU();
  Eigen::Map<RowMajor>(v.data_handle(), columns, columns) = svd.matrixV();
  return Outcome::ok;
}

}  // namespace danaus
