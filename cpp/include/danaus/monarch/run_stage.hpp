// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/core/workspace.hpp>
#include <danaus/monarch/coded.hpp>

namespace danaus {

/// Up to so many rows coded weights are used as they are; more rows share them decoded.
inline constexpr std::size_t coded_rows = 2;

/// Groups whose weights are decoded together.
template <class T>
DANAUS_INLINE std::size_t decoded_groups(const PackedStage<T>& packed) noexcept {
  if (packed.storage == Storage::full) return 0;
  return packed.stage.lanes == StageLanes::blocks ? packed.stage.groups_per_tile() : 1;
}

/// Scratch that run_stage needs: outputs of a group before those that exist are taken, inputs of a group gathered from
/// where they lie apart, weights decoded, codes of inputs.
template <class T>
std::size_t stage_workspace_bytes(const PackedStage<T>& packed, std::size_t rows) noexcept {
  const BlockStage& stage = packed.stage;
  const std::size_t gathered = stage.lanes == StageLanes::strided ? fold_tiles * rows * stage.ins : 0;
  std::size_t bytes = workspace_size<T>(rows * row_lanes) + workspace_size<T>(gathered) +
                      workspace_size<T>(decoded_groups(packed) * stage.ins * row_lanes);
  if constexpr (sizeof(T) == 4) bytes += encoded_bytes(packed);
  return bytes;
}

inline namespace DANAUS_ISA {

/// Lets the tiles of a group write to a place of their own.
template <class T>
DANAUS_INLINE void write_aside(GroupTiles<T>& tiles, T* aside) noexcept {
  for (std::size_t t = 0; t < fold_tiles; ++t) tiles.out[t] = aside + t * tile;
  tiles.out_stride = row_lanes;
}

/// Takes the lanes that exist from there to out (rows, out_stride). Cold: small code, the copies are calls.
template <class T>
[[gnu::noinline, gnu::cold]] void take_lanes(const BlockStage& stage, std::size_t group, std::size_t rows,
                                             const T* aside, T* out, std::size_t out_stride) noexcept {
  const bool flat = stage.lanes == StageLanes::outputs;
  for (std::size_t t = 0; t < fold_tiles; ++t) {
    std::size_t count = 0;
    while (count < tile && stage.place(group, t * tile + count).exists) ++count;
    if (count == 0) continue;
    const BlockStage::Place at = stage.place(group, t * tile);
    const std::size_t step = stage.lanes == StageLanes::strided ? stage.blocks : 1;
    T* const to = out + (flat ? at.block * stage.outs + at.out : at.out * stage.blocks + at.block);
    for (std::size_t r = 0; r < rows; ++r) {
      const T* const from = aside + r * row_lanes + t * tile;
      if (step == 1) {
        std::copy_n(from, count, to + r * out_stride);
        continue;
      }
      for (std::size_t l = 0; l < count; ++l) to[r * out_stride + l * step] = from[l];
    }
  }
}

/// The inputs of a group whose lanes are outputs `blocks` elements apart, gathered for every row.
template <class T>
[[gnu::noinline, gnu::cold]] void gather_inputs(const BlockStage& stage, std::size_t block, std::size_t rows,
                                                const T* in, std::size_t in_stride, T* to) noexcept {
  for (std::size_t r = 0; r < rows; ++r) {
    const T* const from = in + r * in_stride + block;
    for (std::size_t i = 0; i < stage.ins; ++i) to[r * stage.ins + i] = from[i * stage.blocks];
  }
}

/// Asks for the inputs of a group's blocks, where they are not those of the group before: short runs of many rows,
/// which no hardware foresees.
template <class T>
DANAUS_INLINE void prefetch_inputs(const BlockStage& stage, std::size_t group, std::size_t rows, const T* in,
                                   std::size_t in_stride) noexcept {
  constexpr std::size_t most = 32768;
  const std::size_t per_block = stage.tiles(), end = stage.blocks * per_block - 1;
  const std::size_t before = (group * fold_tiles - 1) / per_block;
  const std::size_t first = std::max(group * fold_tiles / per_block, before + 1);
  const std::size_t last = std::min(group * fold_tiles + fold_tiles - 1, end) / per_block;
  const std::size_t bytes = (last + 1 - first) * stage.ins * sizeof(T);
  if (first > last || rows * bytes > most) return;
  for (std::size_t r = 0; r < rows; ++r) {
    const T* const row = in + r * in_stride + first * stage.ins;
    for (std::size_t at = 0; at < bytes; at += cache_line) simd::prefetch(row, at);
  }
}

/// Lanes are outputs.
template <class T>
DANAUS_INLINE void run_outputs(const PackedStage<T>& packed, std::size_t first, std::size_t last, std::size_t rows,
                               const T* in, std::size_t in_stride, T* out, std::size_t out_stride,
                               Workspace scratch) noexcept {
  const BlockStage& stage = packed.stage;
  using V = simd::native<T>;
  constexpr std::size_t whole = row_lanes / V::size(), alone = whole < 8 ? whole : 8;
  const bool strided = stage.lanes == StageLanes::strided;
  const std::size_t per_block = stage.tiles(), end = stage.blocks * per_block - 1;
  T* const aside = scratch.take<T>(rows * row_lanes);
  T* const gathered = strided ? scratch.take<T>(fold_tiles * rows * stage.ins) : nullptr;
  T* const decoded = scratch.take<T>(decoded_groups(packed) * stage.ins * row_lanes);
  for (std::size_t g = first; g < last; ++g) {
    GroupTiles<T> tiles;
    tiles.in_stride = strided ? stage.ins : in_stride;
    tiles.out_stride = out_stride;
    bool whole_tiles = !strided;
    for (std::size_t t = 0; t < fold_tiles; ++t) {
      const std::size_t at = std::min(g * fold_tiles + t, end), b = at / per_block, o = at % per_block * tile;
      tiles.out[t] = out + b * stage.outs + o;
      whole_tiles = whole_tiles && g * fold_tiles + t <= end && o + tile <= stage.outs;
      tiles.in[t] = in + b * stage.ins;
      if (!strided) continue;
      if (t > 0 && (g * fold_tiles + t > end || at % per_block != 0)) {
        tiles.in[t] = tiles.in[t - 1];
      } else {
        gather_inputs(stage, b, rows, in, in_stride, gathered + t * rows * stage.ins);
        tiles.in[t] = gathered + t * rows * stage.ins;
      }
    }
    if (!whole_tiles) write_aside(tiles, aside);
    if (rows > 1 && !strided && g + 1 < last) prefetch_inputs(stage, g + 1, rows, in, in_stride);
    const T* weights = packed.storage == Storage::full ? packed.weights + g * stage.ins * row_lanes : decoded;
    bool coded = false;
    if constexpr (sizeof(T) == 4) {
      coded = packed.storage != Storage::full && rows <= coded_rows;
      if (coded) {
        for (std::size_t r = 0; r < rows; ++r) coded_outputs(packed, g, tiles, r, scratch);
      } else if (packed.storage != Storage::full) {
        decode_group(packed, g, decoded);
      }
    }
    if (!coded) {
      row_blocks(rows, [&](auto count, std::size_t r) {
        constexpr std::size_t C = count == 1 ? alone : 4;
        for (std::size_t lane = 0; lane < row_lanes; lane += C * V::size()) {
          broadcast_block<PlainWeights<T>, count, C, V>(weights, stage.ins, lane, tiles, r);
        }
      });
    }
    if (!whole_tiles) take_lanes(stage, g, rows, aside, out, out_stride);
  }
}

/// Where group `s` of tile `t` of an across stage reads and writes.
template <class T>
DANAUS_INLINE GroupTiles<T> blocks_tiles(std::size_t n, std::size_t t, std::size_t s, const T* in,
                                         std::size_t in_stride, T* out, std::size_t out_stride) noexcept {
  GroupTiles<T> tiles;
  tiles.in[0] = in + t * tile;
  tiles.in_stride = in_stride;
  tiles.out_stride = out_stride;
  for (std::size_t o = 0; o < fold_tiles; ++o) tiles.out[o] = out + (s * fold_tiles + o) * n + t * tile;
  return tiles;
}

/// Lanes are blocks: groups [from, to) of tile t.
template <class T>
DANAUS_INLINE void run_tile(const PackedStage<T>& packed, std::size_t t, std::size_t from, std::size_t to,
                            std::size_t rows, const T* in, std::size_t in_stride, T* out, std::size_t out_stride,
                            Workspace scratch) noexcept {
  using V = simd::native<T>;
  const BlockStage& stage = packed.stage;
  const std::size_t per = stage.groups_per_tile(), n = stage.blocks, each = stage.ins * row_lanes;
  T* const aside = scratch.take<T>(rows * row_lanes);
  const auto group = [&](std::size_t s, std::size_t r, std::size_t height, auto block) {
    const bool whole_tiles = (t + 1) * tile <= n && (s + 1) * fold_tiles <= stage.outs;
    T* const target = out + r * out_stride;
    GroupTiles<T> tiles = blocks_tiles(n, t, s, in + r * in_stride, in_stride, target, out_stride);
    if (!whole_tiles) write_aside(tiles, aside);
    block(tiles);
    if (!whole_tiles) take_lanes(stage, t * per + s, height, aside, target, out_stride);
  };
  const T* weights = packed.storage == Storage::full ? packed.weights + t * per * each : nullptr;
  if constexpr (sizeof(T) == 4) {
    if (packed.storage != Storage::full && rows <= coded_rows) {
      const Encoded room(packed, tile, scratch);
      for (std::size_t r = 0; r < rows; ++r) {
        if (packed.group > 0) encode_tile(packed, in + r * in_stride + t * tile, room.pairs, room.scale, room.sum);
        for (std::size_t s = from; s < to; ++s) {
          group(s, r, 1, [&](const GroupTiles<T>& tiles) { coded_blocks(packed, t * per + s, tiles, room); });
        }
      }
      return;
    }
    if (packed.storage != Storage::full) {
      T* const decoded = scratch.take<T>(per * each);
      for (std::size_t s = from; s < to; ++s) decode_group(packed, t * per + s, decoded + s * each);
      weights = decoded;
    }
  }
  row_blocks(rows, [&](auto height, std::size_t r) {
    constexpr std::size_t U = height == 1 && tile / V::size() > 1 ? 2 : 1;
    for (std::size_t s = from; s < to; ++s) {
      group(s, r, height, [&](const GroupTiles<T>& tiles) {
        for (std::size_t lane = 0; lane < tile; lane += U * V::size()) {
          across_block<PlainWeights<T>, height, U, V>(weights + s * each, stage.ins, n, lane, tiles, 0);
        }
      });
    }
  });
}

/// out = stage in for the groups [first, last) of outputs, `rows` rows: in (rows, inputs), readable `tile` elements
/// beyond the last row where lanes are blocks; out (rows, outputs), apart from in. Scratch: stage_workspace_bytes.
/// 2 rows parameters flop; error of an output: at most (ins + 1) eps times the sum of its terms' sizes.
template <std::floating_point T>
[[gnu::noinline]] DANAUS_KERNEL void run_stage(const PackedStage<T>& packed, std::size_t first, std::size_t last,
                                               std::size_t rows, const T* in, std::size_t in_stride, T* out,
                                               std::size_t out_stride, Workspace scratch) noexcept {
  if (packed.stage.lanes != StageLanes::blocks) {
    return run_outputs(packed, first, last, rows, in, in_stride, out, out_stride, scratch);
  }
  const std::size_t per = packed.stage.groups_per_tile();
  while (first < last) {
    const std::size_t t = first / per, from = first % per, to = std::min(per, from + (last - first));
    run_tile(packed, t, from, to, rows, in, in_stride, out, out_stride, scratch);
    first += to - from;
  }
}

}  // namespace DANAUS_ISA
}  // namespace danaus
