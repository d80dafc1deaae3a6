// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/core/tile.hpp>
#include <danaus/simd/vec.hpp>

namespace danaus {
inline namespace DANAUS_ISA {

/// sum_t g_t^2 of g = 1 / A for a tile of channels: the power that white noise of power 1 gains,
///   prod_m 1 / (1 - k_m^2),   k_m the reflection coefficients of A
/// (step-down recursion, a_i^{(m-1)} = (a_i - k_m a_{m-i}) / (1 - k_m^2)). Infinite or no number where A is not stable.
///
/// a: `order` rows of tile lanes, a_i at row i - 1, overwritten. Plain double precision: a certificate of conditioning,
/// not of stability near the unit circle. 2 order^2 flop a channel. Source: Markel and Gray 1976, section 5.
DANAUS_KERNEL void power_gain(std::size_t order, double* a, double* gain) noexcept {
  using V = simd::native<double>;
  for (std::size_t lane = 0; lane < tile; lane += V::size()) {
    double* const c = a + lane;
    V power(1.0);
    for (std::size_t m = order; m > 0; --m) {
      const V k = simd::load<V>(c + (m - 1) * tile);
      const V rest = max(fnma(k, k, V(1.0)), V(0.0)), scale = V(1.0) / rest;
      power = power * scale;
      for (std::size_t i = 1; 2 * i <= m; ++i) {
        double* const low = c + (i - 1) * tile;
        double* const high = c + (m - i - 1) * tile;
        const V x = simd::load<V>(low), y = simd::load<V>(high);
        simd::store(fnma(k, y, x) * scale, low);
        if (high != low) simd::store(fnma(k, x, y) * scale, high);
      }
    }
    simd::store(power, gain + lane);
  }
}

}  // namespace DANAUS_ISA
}  // namespace danaus
