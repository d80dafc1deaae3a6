// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <limits>
#include <span>

#include <danaus/core/workspace.hpp>
#include <danaus/simd/memory.hpp>
#include <danaus/ssm/diagonal.hpp>
#include <danaus/ssm/kernel.hpp>

namespace danaus {

/// Channels whose states after a sequence are found together: whole lines of its rows are read.
inline constexpr std::size_t after_channels = 64;

/// How the states after a sequence are found: in blocks of `block` samples, `rows` blocks at a time, from factors of
/// `modes` modes a channel (whole lanes). Columns 16 c + l and 16 c + 8 + l are Re and Im of mode 8 c + l.
struct AfterShape {
  std::size_t block, rows, modes;

  constexpr AfterShape(std::size_t each, std::size_t length) noexcept
      : block(length >= 4096 ? 64 : 32), rows(1024 / block), modes(padded(2 * each) / 2) {}
  constexpr std::size_t columns() const noexcept { return 2 * modes; }
  constexpr std::size_t samples() const noexcept { return rows * block; }
  /// Of a channel's staged samples to the next one's: not a power of two, lest they share sets of the cache.
  constexpr std::size_t pitch() const noexcept { return samples() + tile; }
  /// Where mode n stands in a row.
  static constexpr std::size_t at(std::size_t n) noexcept { return n / (tile / 2) * tile + n % (tile / 2); }
};

/// Scratch of states_after for sequences of at most `length` samples.
template <std::floating_point T>
std::size_t states_after_workspace_bytes(DiagonalShape shape, std::size_t length) noexcept {
  const AfterShape after(shape.modes, length);
  const std::size_t channels = std::min(after_channels, shape.channels);
  return workspace_size<T>(channels * panel_size(after.block, after.columns())) +
         2 * workspace_size<double>(channels * after.columns()) + workspace_size<T>(channels * after.pitch()) +
         workspace_size<T>(after.rows * after.columns()) + workspace_size<std::size_t>(channels);
}

/// Sorts the modes of every channel as pack_diagonal lays them out: the slowest first.
inline void sort_modes(DiagonalShape shape, std::span<Mode> modes) {
  for (std::size_t h = 0; h < shape.channels; ++h) {
    const auto channel = modes.subspan(h * shape.modes, shape.modes);
    std::stable_sort(channel.begin(), channel.end(),
                     [](const Mode& a, const Mode& b) { return std::abs(a.delta) < std::abs(b.delta); });
  }
}

inline namespace DANAUS_ISA {

/// Inputs of which states hold no larger share than this are not read: far below what their sums round away.
template <std::floating_point T>
inline constexpr double forgotten = sizeof(T) == 4 ? 0x1p-40 : 0x1p-80;

/// Row k of a channel's panels for G registers of modes from `first`: a_bar^(block - 1 - k); and `stride`, a_bar^block.
/// `factors`: a_bar, laid out as `stride`.
template <class V, std::size_t G, class T>
DANAUS_INLINE void power_rows(AfterShape after, std::size_t first, const double* factors, T* panels,
                              double* stride) noexcept {
  const auto kept = [](ComplexLanes x) {
    const auto alive = x.re * x.re + x.im * x.im > V(negligible<T> * negligible<T>);
    return ComplexLanes{select(alive, x.re, V(0.0)), select(alive, x.im, V(0.0))};
  };
  ComplexLanes factor[G], power[G];
  T* panel[G];
  for (std::size_t g = 0; g < G; ++g) {
    const std::size_t at = AfterShape::at(first + g * V::size());
    factor[g] = {simd::load<V>(factors + at), simd::load<V>(factors + at + tile / 2)};
    power[g] = {V(1.0), V(0.0)};
    panel[g] = panels + at / tile * tile * after.block + at % tile;
  }
  for (std::size_t k = after.block; k-- > 0;) {
    for (std::size_t g = 0; g < G; ++g) {
      const ComplexLanes value = kept(power[g]);
      simd::store(simd::convert<T>(value.re), panel[g] + k * tile);
      simd::store(simd::convert<T>(value.im), panel[g] + k * tile + tile / 2);
      power[g] = power[g] * factor[g];
    }
  }
  for (std::size_t g = 0; g < G; ++g) {
    const std::size_t at = AfterShape::at(first + g * V::size());
    const ComplexLanes value = kept(power[g]);
    simd::store(value.re, stride + at);
    simd::store(value.im, stride + at + tile / 2);
  }
}

/// The panels and strides of a channel; `factors` is scratch. Returns how many samples back its slowest mode counts.
template <std::floating_point T>
DANAUS_INLINE std::size_t powers_back(std::span<const Mode> modes, AfterShape after, double* factors, T* panels,
                                      double* stride) noexcept {
  using V = ComplexLanes::V;
  constexpr std::size_t together = 4;
  double slowest = 0;
  std::fill_n(factors, after.columns(), 0.0);
  for (std::size_t n = 0; n < modes.size(); ++n) {
    const double re = 1 + modes[n].delta.real(), im = modes[n].delta.imag();
    factors[AfterShape::at(n)] = re;
    factors[AfterShape::at(n) + tile / 2] = im;
    slowest = std::max(slowest, re * re + im * im);
  }
  std::size_t n = 0;
  for (; n + together * V::size() <= after.modes; n += together * V::size()) {
    power_rows<V, together>(after, n, factors, panels, stride);
  }
  for (; n < after.modes; n += V::size()) power_rows<V, 1>(after, n, factors, panels, stride);
  if (!(slowest < 1)) return std::numeric_limits<std::size_t>::max();
  return slowest == 0 ? 1 : static_cast<std::size_t>(2 * std::log(forgotten<T>) / std::log(slowest)) + 1;
}

/// state <- stride state + row, for every row of v, G registers of modes from `first`, in double precision.
template <class V, std::size_t G, class T>
DANAUS_INLINE void fold_modes(AfterShape after, std::size_t first, const T* v, std::size_t rows, const double* stride,
                              double* state) noexcept {
  using Row = simd::vec<T, V::size()>;
  ComplexLanes by[G], sum[G];
  std::size_t at[G];
  for (std::size_t g = 0; g < G; ++g) {
    at[g] = AfterShape::at(first + g * V::size());
    by[g] = {simd::load<V>(stride + at[g]), simd::load<V>(stride + at[g] + tile / 2)};
    sum[g] = {simd::load<V>(state + at[g]), simd::load<V>(state + at[g] + tile / 2)};
  }
  for (std::size_t r = 0; r < rows; ++r, v += after.columns()) {
    for (std::size_t g = 0; g < G; ++g) {
      const V re = simd::convert<double>(simd::load<Row>(v + at[g])) + V(silence<double>);
      const V im = simd::convert<double>(simd::load<Row>(v + at[g] + tile / 2));
      sum[g] = {fnma(by[g].im, sum[g].im, fma(by[g].re, sum[g].re, re)),
                fma(by[g].im, sum[g].re, fma(by[g].re, sum[g].im, im))};
    }
  }
  for (std::size_t g = 0; g < G; ++g) {
    simd::store(sum[g].re, state + at[g]);
    simd::store(sum[g].im, state + at[g] + tile / 2);
  }
}

/// Writes a channel's state where the scan keeps it; what T cannot hold goes to the part that is carried.
template <std::floating_point T>
DANAUS_INLINE void put_state(DiagonalShape shape, std::size_t h, const double* from, T* state) noexcept {
  T* const here = state + h / tile * shape.tile_state() + h % tile;
  for (std::size_t n = 0; n < shape.modes; ++n) {
    const std::size_t m = n / shape.slices(), fast = m - std::min(m, shape.carried);
    T* const to = here + n % shape.slices() * shape.group() + (4 * (m - fast) + 2 * fast) * tile;
    const double re = from[AfterShape::at(n)], im = from[AfterShape::at(n) + tile / 2];
    to[0] = static_cast<T>(re);
    to[tile] = static_cast<T>(im);
    if (m < shape.carried) {
      to[2 * tile] = static_cast<T>(re - static_cast<double>(to[0]));
      to[3 * tile] = static_cast<T>(im - static_cast<double>(to[tile]));
    }
  }
}

/// The states after sequences, of channels [group * after_channels, ...): s_n = sum_t a_bar_n^(L - 1 - t) u_t.
///
/// modes (channels, modes) as sort_modes leaves them; u: `count` sequences, any lengths, (rows, channels) each; their
/// states, state() apart, are overwritten. In blocks of J samples, sums within them as matrix products whose factors
/// are built in double precision, from block to block in double: 4 modes L flop a channel, without outputs. Slow modes
/// get what rounding takes from them, as `scan` has it. What is `forgotten` by all modes of a channel is not read.
/// Accuracy relative to sum |a_bar|^k max |u|: 3e-7 in float.
template <std::floating_point T>
DANAUS_KERNEL void states_after(DiagonalShape shape, std::span<const Mode> modes, std::size_t group,
                                const View<const T, 2>* u, std::size_t count, T* states, Workspace scratch) noexcept {
  using V = ComplexLanes::V;
  std::size_t longest = 0;
  for (std::size_t b = 0; b < count; ++b) longest = std::max(longest, u[b].extent(0));
  const AfterShape after(shape.modes, longest);
  const std::size_t first = group * after_channels, channels = std::min(after_channels, shape.channels - first);
  const std::size_t columns = after.columns(), panel = panel_size(after.block, columns);
  T* const panels = scratch.take<T>(channels * panel);
  double* const strides = scratch.take<double>(channels * columns);
  double* const sums = scratch.take<double>(channels * columns);
  T* const staged = scratch.take<T>(channels * after.pitch());
  T* const v = scratch.take<T>(after.rows * columns);
  std::size_t* const reach = scratch.take<std::size_t>(channels);
  for (std::size_t c = 0; c < channels; ++c) {
    reach[c] = powers_back(modes.subspan((first + c) * shape.modes, shape.modes), after, sums, panels + c * panel,
                           strides + c * columns);
  }
  const auto fold = [&](std::size_t c, std::size_t rows) {
    constexpr std::size_t together = 4;
    std::size_t n = 0;
    for (; n + together * V::size() <= after.modes; n += together * V::size()) {
      fold_modes<V, together>(after, n, v, rows, strides + c * columns, sums + c * columns);
    }
    for (; n < after.modes; n += V::size()) {
      fold_modes<V, 1>(after, n, v, rows, strides + c * columns, sums + c * columns);
    }
  };
  for (std::size_t b = 0; b < count; ++b) {
    const std::size_t length = u[b].extent(0), blocks = (length + after.block - 1) / after.block;
    const std::size_t empty = blocks * after.block - length;  // zeros before the first sample
    std::fill_n(sums, channels * columns, 0.0);
    for (std::size_t i = 0; i < blocks; i += after.rows) {
      const std::size_t rows = std::min(after.rows, blocks - i), zeros = i == 0 ? empty : 0;
      const std::size_t t = i * after.block + zeros - empty, left = length + empty - (i + rows) * after.block;
      if (std::all_of(reach, reach + channels, [&](std::size_t back) { return back <= left; })) continue;
      for (std::size_t c = 0; c < channels && zeros > 0; ++c) std::fill_n(staged + c * after.pitch(), zeros, T(0));
      simd::transpose(u[b].row(t) + first, u[b].stride(0), rows * after.block - zeros, channels, staged + zeros,
                      after.pitch());
      for (std::size_t c = 0; c < channels; ++c) {
        if (reach[c] <= left) continue;
        product(View<const T, 2>(staged + c * after.pitch(), {rows, after.block}), panels + c * panel,
                static_cast<const T*>(nullptr), View<T, 2>(v, {rows, columns}));
        fold(c, rows);
      }
    }
    T* const state = states + b * shape.state();
    std::fill_n(state + first / tile * shape.tile_state(), (channels + tile - 1) / tile * shape.tile_state(), T(0));
    for (std::size_t c = 0; c < channels; ++c) put_state(shape, first + c, sums + c * columns, state);
  }
}

}  // namespace DANAUS_ISA
}  // namespace danaus
