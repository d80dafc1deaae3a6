// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/model/network.hpp>
#include <danaus/model/sequence.hpp>

namespace danaus {

/// A chunk of `batch` sequences on its way through a network.
struct Chunk {
  std::size_t batch = 1;
  std::size_t steps = 0;
  bool reduce = false;           ///< mean and last layers give one row, that of the chunk's end
  const float* input = nullptr;  ///< (batch, steps * rows, channels)
  float* states = nullptr;       ///< (batch, state_size), `apart` from one sequence to the next
  float* output = nullptr;       ///< (batch, steps or 1, outputs); null: only the states advance
  std::size_t apart = 0;         ///< at least state_size; nobody asks in a batch of one
};

inline namespace DANAUS_ISA {

/// The rows between two layers: of all sequences one after the other, in one of two buffers or (at
/// first) the caller's input.
struct Passing {
  ConstRows rows;
  float* buffers[2];
  unsigned in_use = 0;
  bool borrowed = true;

  /// `count` rows of `width` in the buffer that is not in use.
  DANAUS_INLINE Rows other(std::size_t count, std::size_t width) const noexcept {
    return Rows(buffers[1 - in_use], {count, width}, {padded(width), 1});
  }
  DANAUS_INLINE void move_to(Rows next) noexcept {
    in_use = next.data_handle() == buffers[1] ? 1 : 0;
    rows = next;
    borrowed = false;
  }
  /// The rows themselves for a layer that works in place; a copy's place while they are the caller's.
  DANAUS_INLINE Rows in_place(std::size_t width) noexcept {
    if (borrowed) return other(rows.extent(0), width);
    return Rows(buffers[in_use], {rows.extent(0), width}, rows.strides());
  }
};

/// Layers with a state.
inline void run_sequences(const Layer& layer, const Chunk& chunk, ConstRows x, Rows y, Workspace scratch) noexcept {
  float* const states = chunk.states + layer.state;
  if (layer.kind == LayerKind::s4d && x.extent(0) == chunk.batch) {  // a tile's coefficients serve the whole batch
    return step(layer.forward, x, Rows(states, {chunk.batch, layer.forward.shape.state()}, {chunk.apart, 1}), y);
  }
  const std::size_t in = x.extent(0) / chunk.batch, out = y.extent(0) / chunk.batch;
  for (std::size_t b = 0; b < chunk.batch; ++b) {
    const ConstRows from = x.rows(b * in, in);
    const Rows to = y.rows(b * out, out);
    float* const state = states + b * chunk.apart;
    switch (layer.kind) {
      case LayerKind::conv:
        convolve_rows(layer, from, state, to, scratch);
        break;
      case LayerKind::depthwise:
        convolve_channels(layer, from, state, to, scratch);
        break;
      case LayerKind::s4d:
        scan(layer.forward, from, state, to);
        break;
      case LayerKind::bidirectional:
        scan_both_ways(layer, from, state, to, scratch);
        break;
      case LayerKind::last:
        copy_rows(from.rows(in - out, out), to);
        break;
      default:
        mean_rows(from, state, to);
    }
  }
}

/// Layers that treat each row on its own.
inline void run_rows(const Layer& layer, ConstRows x, Rows y) noexcept {
  switch (layer.kind) {
    case LayerKind::linear:
      return product(x, layer.weight, layer.bias, y);
    case LayerKind::layer_norm:
      return layer_norm(layer, x, y);
    case LayerKind::rms_norm:
      return rms_norm(layer, x, y);
    case LayerKind::batch_norm:
      return batch_norm(layer, x, y);
    case LayerKind::glu:
      return gate(x, y);
    case LayerKind::embedding:
      return look_up(layer, x, y);
    default:
      return activate(layer, x, y);
  }
}

/// The rows that `save` kept, between here and the matching `add`.
inline Rows kept_rows(const Layer& layer, float* kept, std::size_t room, std::size_t count) noexcept {
  return Rows(kept + layer.slot * room, {count, layer.in}, {padded(layer.in), 1});
}

/// x + f(x): adds the kept rows to those that passed through f.
inline void add_kept(Passing& passing, Rows kept) noexcept {
  const Rows sum = passing.in_place(kept.extent(1));
  if (passing.borrowed) copy_rows(passing.rows, sum);
  add_rows(ConstRows(kept), sum);
  passing.move_to(sum);
}

/// Sends a chunk through the network and advances the states of its sequences.
///
/// Layer by layer over all rows of the chunk. Each sum has one order whatever the chunk's length or
/// batch: feeding a sequence row by row, in chunks or whole gives the same bits (networks with a
/// bidirectional layer take whole sequences only).
inline void run(const Network& network, const Chunk& chunk, Workspace scratch) noexcept {
  const std::size_t room = chunk.batch * chunk.steps * step_width(network);
  const std::size_t rows = chunk.batch * chunk.steps * network.rows;
  Passing passing{ConstRows(chunk.input, {rows, network.channels}),
                  {scratch.take<float>(room), scratch.take<float>(room)}};
  float* const kept = scratch.take<float>(network.slots * room);
  for (const Layer& layer : network.layers) {
    const std::size_t count = passing.rows.extent(0);
    if (layer.kind == LayerKind::save) {
      copy_rows(passing.rows, kept_rows(layer, kept, room, count));
      continue;
    }
    if (layer.kind == LayerKind::add) {
      add_kept(passing, kept_rows(layer, kept, room, count));
      continue;
    }
    const bool reduces = chunk.reduce && layer.reduces();
    const Rows next = layer.works_in_place() ? passing.in_place(layer.out)
                                             : passing.other(reduces ? chunk.batch : count / layer.stride, layer.out);
    if (layer.remembers()) {
      run_sequences(layer, chunk, passing.rows, next, scratch);
    } else {
      run_rows(layer, passing.rows, next);
    }
    passing.move_to(next);
    if (reduces && chunk.output == nullptr) return;
  }
  if (chunk.output != nullptr) {
    copy_rows(passing.rows, Rows(chunk.output, {passing.rows.extent(0), network.outputs}));
  }
}

}  // namespace DANAUS_ISA
}  // namespace danaus
