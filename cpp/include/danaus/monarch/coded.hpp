// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/monarch/codes.hpp>

namespace danaus {

/// Scratch for the codes of the inputs of a group.
inline std::size_t encoded_bytes(const PackedStage<float>& packed) noexcept {
  if (packed.storage != Storage::int8 && packed.storage != Storage::int4) return 0;
  const std::size_t wide = packed.stage.lanes == StageLanes::blocks ? tile : fold_tiles;
  return workspace_size<std::int32_t>(wide * ((packed.stage.ins + 1) / 2)) +
         2 * workspace_size<std::int32_t>(wide * packed.groups());
}

inline namespace DANAUS_ISA {

/// Room for codes of inputs: of `wide` tiles or lanes.
struct Encoded {
  std::int32_t* pairs;
  float* scale;
  std::int32_t* sum;

  DANAUS_INLINE Encoded(const PackedStage<float>& packed, std::size_t wide, Workspace scratch) noexcept
      : pairs(scratch.take<std::int32_t>(wide * ((packed.stage.ins + 1) / 2))),
        scale(scratch.take<float>(wide * packed.groups())),
        sum(scratch.take<std::int32_t>(wide * packed.groups())) {}
};

template <class W>
DANAUS_INLINE void decode_halves(const std::uint16_t* codes, std::size_t ins, float* weights) noexcept {
  for (std::size_t i = 0; i < ins; ++i) {
    for (std::size_t lane = 0; lane < row_lanes; lane += FloatLanes::size()) {
      simd::store(W::template load<FloatLanes>(codes + i * row_lanes, lane), weights + i * row_lanes + lane);
    }
  }
}
template <class W>
DANAUS_INLINE void decode_integers(const PackedStage<float>& packed, std::size_t group, float* weights) noexcept {
  const std::size_t ins = packed.stage.ins, groups = packed.groups();
  const auto* codes = reinterpret_cast<const std::int32_t*>(packed.codes) + group * ((ins + 1) / 2) * W::words;
  for (std::size_t i = 0; i < ins; i += 2, codes += W::words) {
    const float* const scales = packed.scales + (group * groups + i / packed.group) * row_lanes;
    for (std::size_t lane = 0; lane < tile; lane += FloatLanes::size()) {
      simd::unrolled<fold_tiles>([&](auto t) {
        const WordLanes both = W::template load<t>(codes, lane), less(W::offset(t));
        const FloatLanes scale = simd::load<FloatLanes>(scales + t * tile + lane);
        float* const to = weights + i * row_lanes + t * tile + lane;
        simd::store(simd::convert<float>(((both << 16) >> 16) - less) * scale, to);
        if (i + 1 < ins) simd::store(simd::convert<float>((both >> 16) - less) * scale, to + row_lanes);
      });
    }
  }
}

/// The weights of a packed group as floats.
[[gnu::noinline]] DANAUS_KERNEL void decode_group(const PackedStage<float>& packed, std::size_t group,
                                                  float* weights) noexcept {
  const std::size_t ins = packed.stage.ins;
  const std::uint16_t* const codes = packed.codes + group * code_words(packed.storage, ins);
  switch (packed.storage) {
    case Storage::bfloat16:
      return decode_halves<BrainWeights>(codes, ins, weights);
    case Storage::float16:
      return decode_halves<HalfWeights>(codes, ins, weights);
    case Storage::int8:
      return decode_integers<ByteWeights>(packed, group, weights);
    default:
      return decode_integers<NibbleWeights>(packed, group, weights);
  }
}

/// One row through groups [first, last) of coded weights, whose lanes are outputs. `tiles` gives the tiles of a group.
DANAUS_INLINE void coded_outputs(const PackedStage<float>& packed, std::size_t group, const GroupTiles<float>& tiles,
                                 std::size_t row, Workspace scratch) noexcept {
  constexpr std::size_t whole = row_lanes / FloatLanes::size(), C = whole < 8 ? whole : 8;
  const std::size_t ins = packed.stage.ins, pairs = (ins + 1) / 2;
  const std::uint16_t* const codes = packed.codes + group * code_words(packed.storage, ins);
  if (packed.storage == Storage::bfloat16 || packed.storage == Storage::float16) {
    for (std::size_t lane = 0; lane < row_lanes; lane += C * FloatLanes::size()) {
      if (packed.storage == Storage::bfloat16) {
        broadcast_block<BrainWeights, 1, C, FloatLanes>(codes, ins, lane, tiles, row);
      } else {
        broadcast_block<HalfWeights, 1, C, FloatLanes>(codes, ins, lane, tiles, row);
      }
    }
    return;
  }
  const Encoded room(packed, fold_tiles, scratch);
  InputCodes in[fold_tiles];
  float* out[fold_tiles];
  bool shared = true;
  for (std::size_t t = 0; t < fold_tiles; ++t) {
    out[t] = tiles.out[t] + row * tiles.out_stride;
    if (t > 0 && tiles.in[t] == tiles.in[t - 1]) {
      in[t] = in[t - 1];
      continue;
    }
    shared = t == 0;
    in[t] = {room.pairs + t * pairs, room.scale + t * packed.groups(), room.sum + t * packed.groups()};
    encode_inputs(packed, tiles.in[t] + row * tiles.in_stride, room.pairs + t * pairs, room.scale + t * packed.groups(),
                  room.sum + t * packed.groups());
  }
  for (std::size_t lane = 0; lane < tile; lane += FloatLanes::size()) {
    if (packed.storage == Storage::int8) {
      if (shared) {
        integer_block<ByteWeights, Reading::shared>(packed, group, lane, in, out);
      } else {
        integer_block<ByteWeights, Reading::apart>(packed, group, lane, in, out);
      }
    } else if (shared) {
      integer_block<NibbleWeights, Reading::shared>(packed, group, lane, in, out);
    } else {
      integer_block<NibbleWeights, Reading::apart>(packed, group, lane, in, out);
    }
  }
}

/// One row through a group whose lanes are blocks; the codes of its inputs stand in `room` where they are integers.
DANAUS_INLINE void coded_blocks(const PackedStage<float>& packed, std::size_t group, const GroupTiles<float>& tiles,
                                const Encoded& room) noexcept {
  constexpr std::size_t per_tile = tile / FloatLanes::size(), U = per_tile > 1 ? 2 : 1;
  const std::size_t ins = packed.stage.ins, n = packed.stage.blocks;
  const std::uint16_t* const codes = packed.codes + group * code_words(packed.storage, ins);
  if (packed.storage == Storage::bfloat16 || packed.storage == Storage::float16) {
    for (std::size_t lane = 0; lane < tile; lane += U * FloatLanes::size()) {
      if (packed.storage == Storage::bfloat16) {
        across_block<BrainWeights, 1, U, FloatLanes>(codes, ins, n, lane, tiles, 0);
      } else {
        across_block<HalfWeights, 1, U, FloatLanes>(codes, ins, n, lane, tiles, 0);
      }
    }
    return;
  }
  const InputCodes one{room.pairs, room.scale, room.sum}, in[fold_tiles] = {one, one, one, one};
  for (std::size_t lane = 0; lane < tile; lane += FloatLanes::size()) {
    if (packed.storage == Storage::int8) {
      integer_block<ByteWeights, Reading::lanes>(packed, group, lane, in, tiles.out);
    } else {
      integer_block<NibbleWeights, Reading::lanes>(packed, group, lane, in, tiles.out);
    }
  }
}

}  // namespace DANAUS_ISA
}  // namespace danaus
