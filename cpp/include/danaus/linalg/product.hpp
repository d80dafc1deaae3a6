// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>

#include <danaus/core/tile.hpp>
#include <danaus/core/view.hpp>
#include <danaus/simd/vec.hpp>

namespace danaus {

/// Elements of a (depth, columns) matrix packed into panels.
constexpr std::size_t panel_size(std::size_t depth, std::size_t columns) noexcept {
  return depth * padded(columns);
}

/// Packs w (depth, columns) into panels of `tile` columns, each panel's rows one after the other:
/// panels[(j / tile) * depth * tile + k * tile + j % tile] = w(k, j), zeros beyond the last column.
template <class From, std::floating_point T>
void pack_panels(View<const From, 2> w, T* panels) noexcept {
  const std::size_t depth = w.extent(0), columns = depth == 0 ? 0 : w.extent(1);
  for (std::size_t j = 0; j < padded(columns); ++j) {
    T* const panel = panels + j / tile * tile * depth + j % tile;
    for (std::size_t k = 0; k < depth; ++k) panel[k * tile] = j < columns ? static_cast<T>(w(k, j)) : T(0);
  }
}

inline namespace DANAUS_ISA {

/// R rows times C registers of columns, held in registers while k runs.
template <class V, std::size_t R, std::size_t C, class T>
DANAUS_INLINE void product_block(const T* x, std::size_t x_stride, std::size_t depth, const T* panels,
                                 std::size_t first, const T* bias, T* out, std::size_t out_stride) noexcept {
  constexpr std::size_t lanes = V::size(), per_panel = tile / lanes;
  const T* w[C];
  V sum[R][C];
  for (std::size_t c = 0; c < C; ++c) {
    w[c] = depth == 0 ? panels : panels + (first + c) / per_panel * tile * depth + (first + c) % per_panel * lanes;
    const V start = bias == nullptr ? V(T(0)) : simd::load<V>(bias + (first + c) * lanes);
    for (std::size_t r = 0; r < R; ++r) sum[r][c] = start;
  }
  for (std::size_t k = 0; k < depth; ++k) {
    V weight[C];
    for (std::size_t c = 0; c < C; ++c) weight[c] = simd::load<V>(w[c] + k * tile);
    for (std::size_t r = 0; r < R; ++r) {
      const V value(x[r * x_stride + k]);
      for (std::size_t c = 0; c < C; ++c) sum[r][c] = fma(value, weight[c], sum[r][c]);
    }
  }
  for (std::size_t r = 0; r < R; ++r) {
    for (std::size_t c = 0; c < C; ++c) simd::store(sum[r][c], out + r * out_stride + (first + c) * lanes);
  }
}

/// All rows for C registers of columns: four rows at a time, then two, then one.
template <class V, std::size_t C, class T>
DANAUS_INLINE void product_columns(View<const T, 2> x, const T* panels, std::size_t first, const T* bias,
                                   View<T, 2> out) noexcept {
  const std::size_t rows = x.extent(0), depth = x.extent(1), xs = x.stride(0), os = out.stride(0);
  std::size_t r = 0;
  for (; r + 4 <= rows; r += 4) {
    product_block<V, 4, C>(x.row(r), xs, depth, panels, first, bias, out.row(r), os);
  }
  if (r + 2 <= rows) {
    product_block<V, 2, C>(x.row(r), xs, depth, panels, first, bias, out.row(r), os);
    r += 2;
  }
  if (r < rows) product_block<V, 1, C>(x.row(r), xs, depth, panels, first, bias, out.row(r), os);
}

/// out(m, j) = bias[j] + sum_k x(m, k) w(k, j), for every column of the panels.
///
/// x (rows, depth), whose rows may overlap (a sliding window); w packed by pack_panels; bias padded
/// to whole tiles or null; out (rows, columns) with row stride >= padded(columns): whole tiles are
/// written. Every sum runs in the order of k, so a row's bits do not depend on the rows beside it:
/// a step and a batch agree exactly. 2 rows depth columns flop.
template <std::floating_point T>
DANAUS_KERNEL void product(View<const T, 2> x, const T* panels, const T* bias, View<T, 2> out) noexcept {
  using V = simd::native<T>;
  constexpr std::size_t many = simd::registers >= 32 ? 4 : 2;
  DANAUS_EXPECTS(x.extent(0) == out.extent(0) && x.stride(1) == 1 && out.stride(1) == 1);
  DANAUS_EXPECTS(out.extent(0) < 2 || out.stride(0) >= padded(out.extent(1)));
  const std::size_t registers = padded(out.extent(1)) / V::size();
  std::size_t c = 0;
  if (x.extent(0) == 1) {  // one row: eight sums hide the latency of the multiply-add
    for (; c + 8 <= registers; c += 8) product_columns<V, 8>(x, panels, c, bias, out);
  }
  for (; c + many <= registers; c += many) product_columns<V, many>(x, panels, c, bias, out);
  if constexpr (tile / V::size() % many != 0) {
    for (; c < registers; ++c) product_columns<V, 1>(x, panels, c, bias, out);
  }
}

}  // namespace DANAUS_ISA
}  // namespace danaus
