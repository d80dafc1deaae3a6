// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include <danaus/core/tile.hpp>
#include <danaus/core/view.hpp>

namespace danaus {

/// A block-diagonal factor, w (blocks, outs, ins): out[b, o] = sum_i w[b, o, i] in[b, i]. `inside`: b is the slow index
/// of inputs and of outputs. `across`: it is the fast one. A Monarch matrix is an inside stage, then an across stage;
/// its transpose is the same the other way round. What one writes the next one reads: no permutation is ever executed.
enum class BlockOrder : unsigned char { inside, across };

/// How a stage's lanes are laid: over outputs of a block (inputs are broadcast), over blocks, or over outputs that lie
/// `blocks` elements apart, for across stages of few blocks.
enum class StageLanes : unsigned char { outputs, blocks, strided };

/// GroupTiles that are worked on together: a row of `fold * tile` lanes for each of the `ins` inputs.
inline constexpr std::size_t fold_tiles = 4;
inline constexpr std::size_t row_lanes = fold_tiles * tile;

/// The sizes of a stage, and of its weights packed in the order in which they are read:
/// [group][input][tile of the group][lane], 64 lanes an input.
struct BlockStage {
  std::size_t blocks, outs, ins;
  StageLanes lanes;

  BlockStage() = default;
  DANAUS_INLINE constexpr BlockStage(BlockOrder order, std::size_t blocks_, std::size_t outs_,
                                     std::size_t ins_) noexcept
      : blocks(blocks_), outs(outs_), ins(ins_), lanes(choose(order, blocks_, outs_)) {}

  DANAUS_INLINE constexpr std::size_t inputs() const noexcept { return blocks * ins; }
  DANAUS_INLINE constexpr std::size_t outputs() const noexcept { return blocks * outs; }
  DANAUS_INLINE constexpr std::size_t parameters() const noexcept { return blocks * outs * ins; }
  /// GroupTiles of the outputs of a block, or of the blocks.
  DANAUS_INLINE constexpr std::size_t tiles() const noexcept {
    return padded(lanes == StageLanes::blocks ? blocks : outs) / tile;
  }
  /// Groups of an across stage that read the same tile of blocks.
  DANAUS_INLINE constexpr std::size_t groups_per_tile() const noexcept { return (outs + fold_tiles - 1) / fold_tiles; }
  DANAUS_INLINE constexpr std::size_t groups() const noexcept {
    return lanes == StageLanes::blocks ? tiles() * groups_per_tile() : (blocks * tiles() + fold_tiles - 1) / fold_tiles;
  }
  DANAUS_INLINE constexpr std::size_t packed() const noexcept { return groups() * ins * row_lanes; }

  /// Which weight stands in a lane of a packed row: its block and output; beyond the last, none.
  struct Place {
    std::size_t block, out;
    bool exists;
  };
  DANAUS_INLINE constexpr Place place(std::size_t group, std::size_t lane) const noexcept {
    const std::size_t column = lane / tile, within = lane % tile;
    if (lanes == StageLanes::blocks) {
      const std::size_t b = group / groups_per_tile() * tile + within;
      const std::size_t o = group % groups_per_tile() * fold_tiles + column;
      return {b, o, b < blocks && o < outs};
    }
    const std::size_t t = group * fold_tiles + column, b = t / tiles(), o = t % tiles() * tile + within;
    return {b, o, b < blocks && o < outs};
  }

 private:
  DANAUS_INLINE static constexpr StageLanes choose(BlockOrder order, std::size_t blocks, std::size_t outs) noexcept {
    if (order == BlockOrder::inside) return StageLanes::outputs;
    const std::size_t over_blocks = padded(blocks) * outs, over_outs = blocks * padded(outs);
    return 2 * over_blocks <= 3 * over_outs ? StageLanes::blocks : StageLanes::strided;
  }
};

/// Packs w (blocks, outs, ins), in any strides, for the kernels; packed holds stage.packed() elements, zeros where no
/// weight is.
template <class From, class T>
void pack_stage(const BlockStage& stage, View<const From, 3> w, T* packed) noexcept {
  for (std::size_t g = 0; g < stage.groups(); ++g) {
    for (std::size_t lane = 0; lane < row_lanes; ++lane) {
      const BlockStage::Place at = stage.place(g, lane);
      T* const to = packed + g * stage.ins * row_lanes + lane;
      for (std::size_t i = 0; i < stage.ins; ++i) {
        to[i * row_lanes] = at.exists ? static_cast<T>(w(at.block, at.out, i)) : T(0);
      }
    }
  }
}

}  // namespace danaus
