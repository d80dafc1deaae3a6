// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <danaus/linalg/eigen.hpp>
#include <danaus/ssm/dplr_cauchy.hpp>

namespace danaus {

/// The true C of channel h from the truncated one in `in.c`: C = C~ (I - A_bar^length)^-1, to `out` (modes).
///
/// S4 trains C~, made for a kernel of `length` samples; doubling the length multiplies it by I + A_bar^length, which
/// is C (I - A_bar^(2 length)) again: `length` is the last one. `condition` of I - A_bar^length: that many units of
/// 2^-53 may be wrong. Singular where an eigenvalue of A_bar is a root of unity of that order. 2 N^3 log2(length) flop.
[[nodiscard]] inline Outcome untruncate(const DplrParameters& in, const DplrModes& modes, std::size_t h,
                                        std::size_t length, Complex* out, double& condition) {
  const std::size_t count = in.modes;
  const std::vector<double> a = dense_transition(modes, h);
  std::vector<double> c(2 * count);
  for (std::size_t n = 0; n < count; ++n) {
    c[n] = in.c[h * count + n].real();
    c[count + n] = -in.c[h * count + n].imag();
  }
  const Outcome outcome = solve_geometric(View<const double, 2>(a.data(), {2 * count, 2 * count}), length, c, condition);
  for (std::size_t n = 0; n < count; ++n) out[n] = {c[n], -c[count + n]};
  return outcome;
}

}  // namespace danaus
