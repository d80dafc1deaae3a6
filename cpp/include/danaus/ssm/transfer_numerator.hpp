// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <span>

#include <danaus/core/view.hpp>

namespace danaus {

/// The numerator whose impulse response begins with k: with a_0 = 1,
///   b_i = sum_{j=0}^{i-1} a_j k_{i-j},   i = 1, ..., N.
///
/// k (channels, samples): k_0, k_1, ...; k_0, the feedthrough, is not used, and values beyond the last count as 0.
/// a (a_rows, N), shared as pack_transfer says; b (channels, N). Where k is the periodic kernel
/// k_n = sum_m h_{n + m P} of a numerator trained at P > N points, b is its infinite numerator: without the solve with
/// (I - A^P), and as accurate. N^2 flop a channel. Source: the coefficients of x^1 .. x^N in A(x) k(x) = b(x), the
/// truncated numerator differing beyond x^P only.
inline void numerator_of_kernel(View<const double, 2> k, View<const double, 2> a, View<double, 2> b) noexcept {
  const std::size_t channels = b.extent(0), order = b.extent(1), known = k.extent(1);
  const std::size_t sharing = channels / std::max<std::size_t>(a.extent(0), 1);
  for (std::size_t h = 0; h < channels; ++h) {
    const double* const kernel = k.row(h);
    const double* const factors = a.row(h / sharing);
    double* const out = b.row(h);
    for (std::size_t i = 0; i < order; ++i) out[i] = i + 1 < known ? kernel[i + 1] : 0.0;
    for (std::size_t j = 1; j < order; ++j) {
      const double factor = factors[j - 1];
      const std::size_t last = known > 1 ? std::min(order - j, known - 1) : 0;
      for (std::size_t i = 0; i < last; ++i) out[i + j] += factor * kernel[i + 1];
    }
  }
}

}  // namespace danaus
