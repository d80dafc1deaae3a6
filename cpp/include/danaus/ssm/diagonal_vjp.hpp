// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/ssm/diagonal.hpp>

namespace danaus {
inline namespace DANAUS_ISA {

/// The gradient of a scan's input, given that of its output: the same layer run from the last sample to the first,
///   du_t = sum_{l >= 0} K_l grad_{t+l} + d grad_t.
///
/// Tiles [first, last); grad and du (rows, channels), any row stride, du may be grad; `state` as DiagonalShape::state()
/// says: what comes from samples after these, to begin with zeros. A sequence may be fed in pieces of any length, the
/// last piece first: the bits are the same, those of a scan of the sequence turned around. Cost of scan_tiles.
template <std::floating_point T>
DANAUS_KERNEL void scan_tiles_vjp(const Diagonal<T>& layer, std::size_t first, std::size_t last, View<const T, 2> grad,
                                  T* state, View<T, 2> du) noexcept {
  alignas(64) T in[staged_rows * tile];
  alignas(64) T out[staged_rows * tile];
  const DiagonalShape shape = layer.shape;
  for (std::size_t i = first; i < last; ++i) {
    const T* const coefficients = layer.coefficients + i * tile * (4 * shape.lane_modes() + 1);
    T* const tile_state = state + i * shape.tile_state();
    for (std::size_t end = grad.extent(0); end > 0;) {
      const std::size_t rows = std::min(staged_rows, end);
      for (std::size_t r = 0; r < rows; ++r) gather_tile(shape, grad.row(end - 1 - r), i * tile, in + r * tile);
      advance_tile(shape, coefficients, tile_state, in, out, rows);
      for (std::size_t r = 0; r < rows; ++r) scatter_tile(shape, out + r * tile, i * tile, du.row(end - 1 - r));
      end -= rows;
    }
  }
}

}  // namespace DANAUS_ISA
}  // namespace danaus
