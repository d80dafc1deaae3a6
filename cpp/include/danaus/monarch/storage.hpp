// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <danaus/monarch/stage.hpp>

namespace danaus {

/// How weights stand in memory. Products accumulate in float32 whatever it is.
enum class Storage : unsigned char { full, bfloat16, float16, int8, int4 };

/// A stage with its packed weights: as they are, or as codes. Codes of integers stand for code * scale, one scale for
/// each output and `group` inputs.
template <class T>
struct PackedStage {
  BlockStage stage;
  const T* weights = nullptr;
  Storage storage = Storage::full;
  const std::uint16_t* codes = nullptr;
  const float* scales = nullptr;
  std::size_t group = 0;

  /// Groups of inputs that share a scale; 0 where nothing has one.
  DANAUS_INLINE constexpr std::size_t groups() const noexcept {
    return group == 0 ? 0 : (stage.ins + group - 1) / group;
  }
};

/// 16-bit codes of `ins` inputs of a packed group: of integers two inputs stand together.
DANAUS_INLINE constexpr std::size_t code_words(Storage storage, std::size_t ins) noexcept {
  switch (storage) {
    case Storage::int8:
      return (ins + 1) / 2 * row_lanes;
    case Storage::int4:
      return (ins + 1) / 2 * row_lanes / 2;
    default:
      return ins * row_lanes;
  }
}

/// Packs 16-bit patterns w (blocks, outs, ins). bfloat16: tile 2 h and 2 h + 1 in the low and high half of the 32-bit
/// lanes of row h, so that each is a float after one operation. float16: as the weights of a full stage.
inline void pack_halves(const BlockStage& stage, Storage storage, View<const std::uint16_t, 3> w,
                        std::uint16_t* codes) noexcept {
  for (std::size_t g = 0; g < stage.groups(); ++g) {
    for (std::size_t lane = 0; lane < row_lanes; ++lane) {
      const BlockStage::Place at = stage.place(g, lane);
      const std::size_t t = lane / tile, within = lane % tile;
      const std::size_t to = storage == Storage::float16 ? lane : (t / 2 * tile + within) * 2 + t % 2;
      for (std::size_t i = 0; i < stage.ins; ++i) {
        codes[(g * stage.ins + i) * row_lanes + to] = at.exists ? w(at.block, at.out, i) : std::uint16_t(0);
      }
    }
  }
}

/// Packs integers w (blocks, outs, ins) and their scales (blocks, outs, groups). Lane l of a row holds two inputs in
/// its halves; of int8 a half is tile 2 h plus 128 below and tile 2 h + 1 above, of int4 the four tiles plus 8.
inline void pack_integers(const PackedStage<float>& packed, View<const std::int8_t, 3> w, View<const float, 3> scale,
                          std::uint16_t* codes, float* scales) noexcept {
  const BlockStage& stage = packed.stage;
  const std::size_t words = code_words(packed.storage, stage.ins), groups = packed.groups();
  for (std::size_t g = 0; g < stage.groups(); ++g) {
    for (std::size_t lane = 0; lane < row_lanes; ++lane) {
      const BlockStage::Place at = stage.place(g, lane);
      const std::size_t t = lane / tile, within = lane % tile;
      for (std::size_t i = 0; i < (stage.ins + 1) / 2 * 2; ++i) {
        const int value = at.exists && i < stage.ins ? w(at.block, at.out, i) : 0;
        if (packed.storage == Storage::int8) {
          std::uint16_t& to = codes[g * words + i / 2 * row_lanes + (t / 2 * tile + within) * 2 + i % 2];
          const int part = t % 2 == 0 ? value + 128 : value * 256;
          to = static_cast<std::uint16_t>((t % 2 == 0 ? 0 : to) + part);
        } else {
          std::uint16_t& to = codes[g * words + i / 2 * (row_lanes / 2) + within * 2 + i % 2];
          to = static_cast<std::uint16_t>((t == 0 ? 0 : to) | ((value + 8) << (4 * t)));
        }
      }
      for (std::size_t s = 0; s < groups; ++s) {
        scales[(g * groups + s) * row_lanes + lane] = at.exists ? scale(at.block, at.out, s) : 0.0f;
      }
    }
  }
}

}  // namespace danaus
