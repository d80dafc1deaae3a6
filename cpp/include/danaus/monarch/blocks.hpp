// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include <danaus/monarch/stage.hpp>
#include <danaus/simd/memory.hpp>

namespace danaus {
inline namespace DANAUS_ISA {

/// Weights that stand in memory as they are.
template <class T>
struct PlainWeights {
  using Code = T;
  static constexpr std::size_t row = row_lanes;  ///< codes of one input
  template <class V>
  DANAUS_INLINE static V load(const T* codes, std::size_t lane) noexcept {
    return simd::load<V>(codes + lane);
  }
};

/// Where the tiles of a group read and write; row r of the batch lies r strides further. Whole tiles are written.
template <class T>
struct GroupTiles {
  const T* in[fold_tiles];
  T* out[fold_tiles];
  std::size_t in_stride, out_stride;
};

/// Rows of the batch times C registers of a group's lanes from lane `first`, inputs broadcast. Every sum runs in the
/// order of the inputs, so that a row's bits depend on no other row.
template <class W, std::size_t Rows, std::size_t C, class V, class T>
DANAUS_INLINE void broadcast_block(const typename W::Code* codes, std::size_t ins, std::size_t first,
                                   const GroupTiles<T>& tiles, std::size_t r0) noexcept {
  constexpr std::size_t N = V::size(), most = C * N < tile ? tile : C * N, shared = most / tile;
  const T* x[shared];
  for (std::size_t t = 0; t < shared; ++t) x[t] = tiles.in[first / tile + t] + r0 * tiles.in_stride;
  V sum[Rows][C];
  for (std::size_t r = 0; r < Rows; ++r) {
    for (std::size_t c = 0; c < C; ++c) sum[r][c] = V(T(0));
  }
  for (std::size_t i = 0; i < ins; ++i, codes += W::row) {
    V w[C];
    for (std::size_t c = 0; c < C; ++c) w[c] = W::template load<V>(codes, first + c * N);
    for (std::size_t r = 0; r < Rows; ++r) {
      for (std::size_t c = 0; c < C; ++c) {
        sum[r][c] = fma(V(x[c * N / tile][r * tiles.in_stride + i]), w[c], sum[r][c]);
      }
    }
  }
  for (std::size_t r = 0; r < Rows; ++r) {
    for (std::size_t c = 0; c < C; ++c) {
      const std::size_t lane = first + c * N, t = lane / tile;
      simd::store(sum[r][c], tiles.out[t] + (r0 + r) * tiles.out_stride + lane % tile);
    }
  }
}

/// Rows of the batch times the four outputs of a group times U registers of blocks from lane `first`. in (rows, ins,
/// blocks), at the group's tile of blocks.
template <class W, std::size_t Rows, std::size_t U, class V, class T>
DANAUS_INLINE void across_block(const typename W::Code* codes, std::size_t ins, std::size_t blocks, std::size_t first,
                                const GroupTiles<T>& tiles, std::size_t r0) noexcept {
  constexpr std::size_t N = V::size();
  V sum[Rows][fold_tiles][U];
  for (std::size_t r = 0; r < Rows; ++r) {
    for (std::size_t o = 0; o < fold_tiles; ++o) {
      for (std::size_t u = 0; u < U; ++u) sum[r][o][u] = V(T(0));
    }
  }
  const T* in = tiles.in[0] + r0 * tiles.in_stride + first;
  for (std::size_t i = 0; i < ins; ++i, codes += W::row, in += blocks) {
    V w[fold_tiles][U];
    for (std::size_t o = 0; o < fold_tiles; ++o) {
      for (std::size_t u = 0; u < U; ++u) w[o][u] = W::template load<V>(codes, o * tile + first + u * N);
    }
    for (std::size_t r = 0; r < Rows; ++r) {
      for (std::size_t u = 0; u < U; ++u) {
        const V x = simd::load<V>(in + r * tiles.in_stride + u * N);
        for (std::size_t o = 0; o < fold_tiles; ++o) sum[r][o][u] = fma(x, w[o][u], sum[r][o][u]);
      }
    }
  }
  for (std::size_t r = 0; r < Rows; ++r) {
    for (std::size_t o = 0; o < fold_tiles; ++o) {
      for (std::size_t u = 0; u < U; ++u) {
        simd::store(sum[r][o][u], tiles.out[o] + (r0 + r) * tiles.out_stride + first + u * N);
      }
    }
  }
}

/// Calls f(integral_constant<Rows>, r0) over a batch: as many rows at a time as the registers hold.
template <class F>
DANAUS_INLINE void row_blocks(std::size_t rows, F f) noexcept {
  constexpr std::size_t most = simd::registers >= 32 ? 6 : 3;
  std::size_t r = 0;
  while (rows - r >= most && rows - r != 8) {
    f(std::integral_constant<std::size_t, most>{}, r);
    r += most;
  }
  if constexpr (most > 4) {
    for (; rows - r >= 4; r += 4) f(std::integral_constant<std::size_t, 4>{}, r);
  }
  for (; rows - r >= 2; r += 2) f(std::integral_constant<std::size_t, 2>{}, r);
  if (r < rows) f(std::integral_constant<std::size_t, 1>{}, r);
}

}  // namespace DANAUS_ISA
}  // namespace danaus
