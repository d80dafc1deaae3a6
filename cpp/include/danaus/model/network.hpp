// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include <danaus/core/buffer.hpp>
#include <danaus/model/layer.hpp>

namespace danaus {

/// What a model file says besides its layers.
struct Description {
  std::string name;
  std::string summary;
  std::vector<std::string> labels;  ///< names of the outputs, or none
  double sample_rate = 0;           ///< Hz, 0 where time has no unit
};

/// The poles of one state-space layer, in discrete time.
struct Poles {
  std::string layer;  ///< its prefix in the model file
  std::size_t channels = 0;
  std::size_t modes = 0;  ///< conjugate pairs a channel
  double radius = 0;      ///< largest |pole|: stable below 1
  double memory = 0;      ///< time constant of the slowest, in rows of the layer
};

/// A network ready to run: immutable, shared by all of its streams. A step of the network takes
/// `rows` input rows of `channels` values and gives one row of `outputs` values.
struct Network {
  Description description;
  std::vector<Layer> layers;
  std::vector<Buffer<float>> parameters;  ///< what the layers point into
  std::vector<Poles> poles;               ///< one for each state-space kernel
  std::size_t channels = 0;
  std::size_t rows = 1;
  std::size_t outputs = 0;
  std::size_t state_size = 0;  ///< floats a sequence remembers
  std::size_t slots = 0;       ///< rows kept by `save` at the same time
  std::size_t scalars = 0;     ///< numbers in the model file
  std::size_t vocabulary = 0;  ///< inputs are 0 .. vocabulary - 1; 0: any number
  bool reduces = false;        ///< a whole sequence gives one row (a mean or last layer)
  bool bidirectional = false;  ///< needs whole sequences: cannot stream
};

/// Steps that are run together in a long sequence: what passes between layers stays in cache.
inline constexpr std::size_t block_steps = staged_rows;

/// Floats of the widest rows that a step passes between layers.
inline std::size_t step_width(const Network& network) noexcept {
  std::size_t widest = network.rows * padded(network.channels);
  for (const Layer& layer : network.layers) {
    widest = std::max({widest, layer.rate * padded(layer.in), layer.rate / layer.stride * padded(layer.out)});
  }
  return widest;
}

/// Multiply-adds that a step takes: weights, taps, and six for each conjugate pair of modes.
inline std::size_t step_macs(const Network& network) noexcept {
  std::size_t total = 0;
  for (const Layer& layer : network.layers) {
    const std::size_t rows = layer.rate / layer.stride;
    const auto modes = [](const Diagonal<float>& d) { return d.shape.channels * d.shape.modes; };
    if (layer.kind == LayerKind::linear) total += rows * layer.in * layer.out;
    if (layer.kind == LayerKind::conv) total += rows * layer.taps * layer.in * layer.out;
    if (layer.kind == LayerKind::depthwise) total += rows * layer.taps * layer.in;
    total += rows * 6 * (modes(layer.forward) + modes(layer.backward));
  }
  return total;
}

/// Scratch that running `steps` steps of `batch` sequences takes.
inline std::size_t run_workspace_bytes(const Network& network, std::size_t batch, std::size_t steps) noexcept {
  std::size_t most = 0;
  for (const Layer& layer : network.layers) {
    const std::size_t rows = steps * layer.rate;
    if (layer.taps != 0) most = std::max(most, workspace_size<float>((layer.history() + rows) * layer.in));
    if (layer.kind == LayerKind::bidirectional) most = std::max(most, workspace_size<float>(rows * padded(layer.in)));
  }
  return (2 + network.slots) * workspace_size<float>(batch * steps * step_width(network)) + most;
}

}  // namespace danaus
