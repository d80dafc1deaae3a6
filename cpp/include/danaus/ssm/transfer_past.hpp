// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <concepts>

#include <danaus/core/workspace.hpp>
#include <danaus/ssm/transfer.hpp>

namespace danaus {

/// Scratch of state_after.
template <std::floating_point S>
constexpr std::size_t state_after_workspace_bytes(TransferShape shape) noexcept {
  return 2 * workspace_size<S>(tile * shape.order);
}

inline namespace DANAUS_ISA {

/// The state of tile `index` after a sequence of which the last rows are known, however the outputs were found:
///   s_j = sum_{m=1}^{N-j} b_{j+m} u_{T-m} - a_{j+m} y'_{T-m},   y' = y - h0 u,
/// for a sequence of fewer than N samples with zeros before it.
///
/// u and y (rows, channels), the newest last: at most the last N rows are read. `state` (tile_state()) is overwritten.
/// 2 N^2 flop a channel. Error: what y' has lost, times |a|_1, and 2 N roundings.
template <std::floating_point T, std::floating_point S>
DANAUS_KERNEL void state_after(const Transfer<S>& layer, std::size_t index, View<const T, 2> u, View<const T, 2> y,
                               S* state, Workspace scratch) noexcept {
  using V = simd::native<S>;
  const TransferShape shape = layer.shape;
  const std::size_t channels = std::min(tile, shape.channels - index * tile), order = shape.order;
  const std::size_t length = u.extent(0), known = std::min(order, length);
  const S* const coefficients = layer.coefficients + index * shape.tile_coefficients();
  S* const us = scratch.take<S>(tile * order);
  S* const ys = scratch.take<S>(tile * order);
  for (std::size_t r = 0; r < known; ++r) {
    const std::size_t t = length - known + r;
    gather_transfer(u.row(t) + index * tile, channels, us + r * tile);
    gather_transfer(y.row(t) + index * tile, channels, ys + r * tile);
  }
  std::fill_n(state, shape.tile_state(), S(0));
  for (std::size_t lane = 0; lane < tile; lane += V::size()) {
    const TransferRows<V> rows{coefficients + lane};
    const V h0 = simd::load<V>(rows.c + 2 * shape.rows() * tile);
    for (std::size_t r = 0; r < known; ++r) {
      S* const out = ys + r * tile + lane;
      simd::store(fnma(h0, simd::load<V>(us + r * tile + lane), simd::load<V>(out)), out);
    }
    for (std::size_t j = 0; j < order; ++j) {
      V sum(S(0));
      for (std::size_t m = std::min(known, order - j); m > 0; --m) {
        const std::size_t r = (known - m) * tile + lane;
        sum = fnma(rows.a(j + m), simd::load<V>(ys + r), fma(rows.b(j + m), simd::load<V>(us + r), sum));
      }
      simd::store(sum, state + j * tile + lane);
    }
  }
}

}  // namespace DANAUS_ISA
}  // namespace danaus
