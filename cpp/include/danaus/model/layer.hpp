// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include <danaus/ssm/diagonal.hpp>

namespace danaus {

/// What a layer of a network does with its rows (one row is one time step of one sequence).
enum class LayerKind : std::uint8_t {
  linear,         ///< y = W x + b
  conv,           ///< causal convolution of whole rows, with a stride
  depthwise,      ///< causal convolution of each channel with its own taps, stride 1
  layer_norm,     ///< (x - mean) / sqrt(variance + eps) weight + bias
  rms_norm,       ///< x / sqrt(mean of squares + eps) weight
  batch_norm,     ///< (x - center) weight + bias, per channel, at inference
  gelu,           ///< x/2 (1 + erf(x / sqrt 2))
  gelu_tanh,      ///< its tanh approximation
  relu,           ///< max(x, 0)
  silu,           ///< x sigmoid(x)
  sigmoid,        ///< 1 / (1 + exp(-x))
  tanh,           ///< tanh(x)
  log1p,          ///< log(1 + gain x)
  glu,            ///< first half times sigmoid of the second half
  s4d,            ///< diagonal state-space layer
  bidirectional,  ///< the same with a second kernel that looks at what comes after
  mean,           ///< mean of the rows so far; a whole sequence gives one row
  last,           ///< the last row; a whole sequence gives one row
  running_mean,   ///< mean of the rows so far, one row for each
  embedding,      ///< row of a table, chosen by the input's value
  save,           ///< keeps the rows for `add`
  add,            ///< adds the rows that the matching `save` kept
};

/// One layer: sizes, and where its parameters and its part of the state lie. The parameters belong
/// to the Network; weights are panels (see linalg/product.hpp), vectors are padded to whole tiles.
struct Layer {
  LayerKind kind{};
  std::size_t in = 0;      ///< width of a row that comes in
  std::size_t out = 0;     ///< width of a row that goes out
  std::size_t rate = 1;    ///< rows that come in for each step of the network
  std::size_t taps = 0;    ///< conv, depthwise: length of the kernel
  std::size_t stride = 1;  ///< conv: rows that come in for each row that goes out
  std::size_t slot = 0;    ///< save, add: which of the kept rows
  std::size_t state = 0;   ///< where its state begins in a sequence's state
  float eps = 0;           ///< norms
  float gain = 1;          ///< log1p
  const float* weight = nullptr;
  const float* bias = nullptr;
  const float* center = nullptr;          ///< batch_norm
  Diagonal<float> forward{}, backward{};  ///< s4d, bidirectional

  /// Rows of history a convolution keeps.
  constexpr std::size_t history() const noexcept { return taps - stride; }
  /// Whether a whole sequence leaves it as one row.
  constexpr bool reduces() const noexcept { return kind == LayerKind::mean || kind == LayerKind::last; }
  /// Whether what it does with a row depends on the rows before (or after) it.
  constexpr bool remembers() const noexcept {
    return kind == LayerKind::conv || kind == LayerKind::depthwise || kind == LayerKind::s4d ||
           kind == LayerKind::bidirectional || kind == LayerKind::running_mean || reduces();
  }
  /// Whether its rows may go out where they came in.
  constexpr bool works_in_place() const noexcept {
    return kind != LayerKind::linear && kind != LayerKind::conv && kind != LayerKind::depthwise &&
           kind != LayerKind::embedding && !reduces();
  }
};

}  // namespace danaus
