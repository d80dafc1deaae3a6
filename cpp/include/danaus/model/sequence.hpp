// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/core/workspace.hpp>
#include <danaus/linalg/product.hpp>
#include <danaus/model/rows.hpp>

// Layers that remember: x is a chunk of one sequence, `state` what came before it.
namespace danaus {

/// Scratch of a convolution over `rows` rows that come in.
inline std::size_t convolution_workspace_bytes(const Layer& layer, std::size_t rows) noexcept {
  return workspace_size<float>((layer.history() + rows) * layer.in);
}

/// The state of one sequence through a pooling layer: the mean, what rounding took from it, and how
/// many rows it is the mean of.
constexpr std::size_t pooling_state(std::size_t width) noexcept {
  return 2 * padded(width) + tile;
}

inline namespace DANAUS_ISA {

/// Puts the rows kept in `state` before the rows of x, and keeps the last of them for next time.
DANAUS_INLINE ConstRows with_history(const Layer& layer, ConstRows x, float* state, Workspace& scratch) noexcept {
  const std::size_t kept = layer.history(), rows = kept + x.extent(0), width = layer.in;
  float* const joined = scratch.take<float>(rows * width);
  copy_rows(ConstRows(state, {kept, width}), Rows(joined, {kept, width}));
  copy_rows(x, Rows(joined + kept * width, {x.extent(0), width}));
  copy_rows(ConstRows(joined + x.extent(0) * width, {kept, width}), Rows(state, {kept, width}));
  return ConstRows(joined, {rows, width});
}

/// y(t, o) = b[o] + sum_{k, c} w(o, c, k) x(t stride + k - history, c): a matrix product over windows that
/// overlap. The weights are packed with depth index k in + c.
DANAUS_KERNEL void convolve_rows(const Layer& layer, ConstRows x, float* state, Rows y, Workspace scratch) noexcept {
  const ConstRows all = with_history(layer, x, state, scratch);
  const ConstRows windows(all.data_handle(), {y.extent(0), layer.taps * layer.in}, {layer.stride * layer.in, 1});
  product(windows, layer.weight, layer.bias, y);
}

/// y(t, c) = b[c] + sum_k w(k, c) x(t + k - history, c).
DANAUS_KERNEL void convolve_channels(const Layer& layer, ConstRows x, float* state, Rows y,
                                     Workspace scratch) noexcept {
  const ConstRows all = with_history(layer, x, state, scratch);
  const std::size_t width = layer.in;
  for (std::size_t t = 0; t < y.extent(0); ++t) {
    simd::each<float>(width, [&]<class V>(std::size_t c) {
      V sum = simd::load<V>(layer.bias + c);
      for (std::size_t k = 0; k < layer.taps; ++k) {
        sum = fma(simd::load<V>(layer.weight + k * padded(width) + c), simd::load<V>(all.row(t + k) + c), sum);
      }
      simd::store(sum, y.row(t) + c);
    });
  }
}

/// Both directions of a whole sequence: y_t = forward(u_0 .. u_t) + backward(u_{L-1} .. u_{t+1}), the
/// backward kernel beginning at lag -1 as in the published layer. Scratch: the reversed rows.
DANAUS_KERNEL void scan_both_ways(const Layer& layer, ConstRows x, float* state, Rows y, Workspace scratch) noexcept {
  const std::size_t rows = x.extent(0), width = padded(layer.in);
  float* const reversed = scratch.take<float>(rows * width);
  const Rows back(reversed, {rows, layer.in}, {width, 1});
  for (std::size_t t = 0; t < rows; ++t) copy_rows(x.rows(rows - 1 - t, 1), back.rows(t, 1));
  float* const backward_state = state + layer.forward.shape.state();
  scan(layer.forward, x, state, y);
  scan(layer.backward, ConstRows(back), backward_state, back);
  for (std::size_t t = 0; t + 1 < rows; ++t) add_rows(ConstRows(back.rows(rows - 2 - t, 1)), y.rows(t, 1));
}

/// y(t) = the mean of all rows up to x(t); with one row in y only the last of them. The division's
/// remainder is carried (Kahan), so that a stream of days still follows its mean; beyond 2^24 rows
/// the weight of a new row stays at 2^-24.
DANAUS_KERNEL void mean_rows(ConstRows x, float* state, Rows y) noexcept {
  const std::size_t width = x.extent(1), rows = x.extent(0);
  float* const mean = state;
  float* const carry = state + padded(width);
  float& count = state[2 * padded(width)];
  for (std::size_t t = 0; t < rows; ++t) {
    count = count < 0x1p24f ? count + 1.0f : count;
    const float weight = 1.0f / count;
    simd::each<float>(width, [&]<class V>(std::size_t i) {
      const V old = simd::load<V>(mean + i);
      const V change = fma(simd::load<V>(x.row(t) + i) - old, V(weight), simd::load<V>(carry + i));
      const V now = old + change;
      simd::store(change - (now - old), carry + i);
      simd::store(now, mean + i);
      if (y.extent(0) == rows) simd::store(now, y.row(t) + i);
    });
  }
  if (y.extent(0) != rows) copy_rows(ConstRows(mean, {1, width}), y);
}

}  // namespace DANAUS_ISA
}  // namespace danaus
