// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/core/workspace.hpp>
#include <danaus/monarch/blocks.hpp>
#include <danaus/monarch/storage.hpp>
#include <danaus/simd/half.hpp>
#include <danaus/simd/pairs.hpp>

namespace danaus {

/// The largest code of an input, so that no sum of `group` products with weights of 255 leaves 32 bits.
DANAUS_INLINE constexpr std::int32_t input_code(std::size_t group) noexcept {
  return static_cast<std::int32_t>(std::min<std::size_t>(32767, 0x7fffffff / (255 * ((group + 1) / 2 * 2))));
}

inline namespace DANAUS_ISA {

using WordLanes = simd::native<std::int32_t>;
using FloatLanes = simd::native<float>;

/// Weights of 16 bits as floats.
struct BrainWeights {
  using Code = std::uint16_t;
  static constexpr std::size_t row = row_lanes;
  template <class V>
  DANAUS_INLINE static V load(const std::uint16_t* codes, std::size_t lane) noexcept {
    using I = simd::vec<std::int32_t, V::size()>;
    const std::size_t t = lane / tile;
    const I words = simd::load<I>(reinterpret_cast<const std::int32_t*>(codes) + t / 2 * tile + lane % tile);
    return simd::bits<float>(t % 2 == 0 ? words << 16 : words & I(static_cast<std::int32_t>(0xffff0000)));
  }
};
struct HalfWeights {
  using Code = std::uint16_t;
  static constexpr std::size_t row = row_lanes;
  template <class V>
  DANAUS_INLINE static V load(const std::uint16_t* codes, std::size_t lane) noexcept {
    return simd::load_halves<V::size()>(codes + lane);
  }
};

/// The pairs of 8-bit or 4-bit weights of tile t at two inputs, and what they are too large by.
struct ByteWeights {
  static constexpr std::size_t words = row_lanes / 2;
  static constexpr std::int32_t offset(std::size_t t) noexcept { return t % 2 == 0 ? 128 : 0; }
  template <std::size_t T>
  DANAUS_INLINE static WordLanes load(const std::int32_t* codes, std::size_t lane) noexcept {
    using H = simd::vec<std::int16_t, 2 * WordLanes::size()>;
    const H halves = __builtin_bit_cast(H, simd::load<WordLanes>(codes + T / 2 * tile + lane));
    return __builtin_bit_cast(WordLanes, T % 2 == 0 ? halves & H(std::int16_t(255)) : halves >> 8);
  }
};
struct NibbleWeights {
  static constexpr std::size_t words = row_lanes / 4;
  static constexpr std::int32_t offset(std::size_t) noexcept { return 8; }
  template <std::size_t T>
  DANAUS_INLINE static WordLanes load(const std::int32_t* codes, std::size_t lane) noexcept {
    const WordLanes pairs = simd::load<WordLanes>(codes + lane);
    return (pairs >> static_cast<int>(4 * T)) & WordLanes(0x000f000f);
  }
};

/// Codes of inputs: pairs in 32-bit lanes, and for each group of them the scale and the sum of codes.
struct InputCodes {
  const std::int32_t* pairs;
  const float* scale;
  const std::int32_t* sum;
};

/// Whose inputs they are: each tile's, all tiles', or each lane's.
enum class Reading : unsigned char { apart, shared, lanes };

/// The lanes of four tiles from lane `first`, of one row: 32-bit sums of a group of inputs, then floats.
template <class W, Reading How>
DANAUS_INLINE void integer_block(const PackedStage<float>& packed, std::size_t group, std::size_t first,
                                 const InputCodes (&in)[fold_tiles], float* const (&out)[fold_tiles]) noexcept {
  constexpr bool across = How == Reading::lanes;
  constexpr std::size_t step = across ? tile : 1;
  const std::size_t pairs = (packed.stage.ins + 1) / 2, groups = packed.groups(), per = (packed.group + 1) / 2;
  const auto* codes = reinterpret_cast<const std::int32_t*>(packed.codes) + group * pairs * W::words;
  const float* scales = packed.scales + group * groups * row_lanes + first;
  FloatLanes total[fold_tiles];
  for (std::size_t t = 0; t < fold_tiles; ++t) total[t] = FloatLanes(0.0f);
  for (std::size_t g = 0, p = 0; g < groups; ++g, scales += row_lanes) {
    WordLanes sum[fold_tiles];
    simd::unrolled<fold_tiles>([&](auto t) {
      WordLanes less;
      if constexpr (across) {
        less = simd::load<WordLanes>(in[0].sum + g * step + first);
      } else {
        less = WordLanes(in[t].sum[g]);
      }
      sum[t] = less * WordLanes(-W::offset(t));
    });
    for (const std::size_t end = std::min(pairs, (g + 1) * per); p < end; ++p, codes += W::words) {
      simd::unrolled<fold_tiles>([&](auto t) {
        WordLanes x;
        if constexpr (across) {
          x = simd::load<WordLanes>(in[0].pairs + p * step + first);
        } else {
          x = WordLanes(in[How == Reading::apart ? t : 0].pairs[p]);
        }
        sum[t] += simd::pair_products(W::template load<t>(codes, first), x);
      });
    }
    simd::unrolled<fold_tiles>([&](auto t) {
      FloatLanes scale = simd::load<FloatLanes>(scales + t * tile);
      if constexpr (across) {
        scale = scale * simd::load<FloatLanes>(in[0].scale + g * step + first);
      } else {
        scale = scale * FloatLanes(in[t].scale[g]);
      }
      total[t] = fma(simd::convert<float>(sum[t]), scale, total[t]);
    });
  }
  for (std::size_t t = 0; t < fold_tiles; ++t) simd::store(total[t], out[t] + first);
}

/// The nearest integers of |x| < 2^22.
template <class V>
DANAUS_INLINE simd::vec<std::int32_t, V::size()> nearest(V x) noexcept {
  using I = simd::vec<std::int32_t, V::size()>;
  return simd::bits<std::int32_t>(x + V(12582912.0f)) - I(0x4b400000);
}

/// |x|, and in `bad` a NaN where x is not finite.
template <class V>
DANAUS_INLINE V magnitude(V x, V& bad) noexcept {
  bad = fma(x, V(0.0f), bad);
  return max(x, -x);
}

/// Codes of the inputs of one block, x (ins): pairs (ins + 1) / 2, a scale and a sum for each group.
inline void encode_inputs(const PackedStage<float>& packed, const float* x, std::int32_t* pairs, float* scale,
                          std::int32_t* sum) noexcept {
  const std::size_t ins = packed.stage.ins;
  const auto most = static_cast<float>(input_code(packed.group));
  auto* const codes = reinterpret_cast<std::int16_t*>(pairs);
  for (std::size_t g = 0, i = 0; i < ins; ++g) {
    const std::size_t count = std::min(packed.group, ins - i);
    const float* const from = x + i;
    const float bad = simd::fold<float>(count, 0.0f, simd::plus,
                                        [&]<class V>(std::size_t l) { return simd::load<V>(from + l) * V(0.0f); });
    const float top = simd::fold<float>(count, 0.0f, simd::maximum, [&]<class V>(std::size_t l) {
      const V value = simd::load<V>(from + l);
      return max(value, -value);
    });
    const float by = top > 0 && top <= 3e38f ? most / top : 0.0f;
    sum[g] = simd::fold<std::int32_t>(count, 0, simd::plus, [&]<class I>(std::size_t l) {
      using V = simd::vec<float, I::size()>;
      const I code = nearest(simd::load<V>(from + l) * V(by < 3e38f ? by : 0.0f));
      simd::store(simd::convert<std::int16_t>(code), codes + i + l);
      return code;
    });
    scale[g] = top / most + bad;
    i += count;
  }
  if (ins % 2 != 0) codes[ins] = 0;
}

/// Codes of a tile of blocks, x (ins, blocks) at the tile: pairs ((ins + 1) / 2, tile), scales and sums (groups, tile).
inline void encode_tile(const PackedStage<float>& packed, const float* x, std::int32_t* pairs, float* scale,
                        std::int32_t* sum) noexcept {
  const std::size_t ins = packed.stage.ins, n = packed.stage.blocks;
  using V = FloatLanes;
  const V most(static_cast<float>(input_code(packed.group)));
  for (std::size_t lane = 0; lane < tile; lane += V::size()) {
    for (std::size_t g = 0, i = 0; i < ins; ++g) {
      const std::size_t end = std::min(i + packed.group, ins);
      V top(0.0f), bad(0.0f);
      for (std::size_t l = i; l < end; ++l) top = max(magnitude(simd::load<V>(x + l * n + lane), bad), top);
      const V usable = simd::select(top <= V(3e38f), top, V(0.0f));
      V by = simd::select(usable > V(1e-34f), most / max(usable, V(1e-34f)), V(0.0f));
      WordLanes total(0);
      for (; i < end; i += 2) {
        const WordLanes low = nearest(simd::load<V>(x + i * n + lane) * by);
        const WordLanes high = i + 1 < end ? nearest(simd::load<V>(x + (i + 1) * n + lane) * by) : WordLanes(0);
        simd::store((low & WordLanes(0xffff)) | (high << 16), pairs + i / 2 * tile + lane);
        total += low + high;
      }
      i = end;
      simd::store(total, sum + g * tile + lane);
      simd::store(top / most + bad, scale + g * tile + lane);
    }
  }
}

}  // namespace DANAUS_ISA
}  // namespace danaus
