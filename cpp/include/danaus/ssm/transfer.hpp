// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <concepts>
#include <span>

#include <danaus/core/tile.hpp>
#include <danaus/core/view.hpp>
#include <danaus/ssm/transfer_block.hpp>

namespace danaus {

/// Where channels, coefficients and states of rational transfer functions lie: lane l of tile i is channel
/// i * tile + l; a row is the `tile` lanes of one coefficient or state variable.
struct TransferShape {
  std::size_t channels = 0;
  std::size_t order = 0;  // N

  constexpr std::size_t tiles() const noexcept { return padded(channels) / tile; }
  /// The order with which tiles run: beyond `order` coefficients are 0.
  constexpr std::size_t rows() const noexcept { return std::max<std::size_t>(transfer_block, (order + 3) / 4 * 4); }
  /// Elements of a tile's coefficients: rows b_1, a_1, b_2, a_2, ..., then h0.
  constexpr std::size_t tile_coefficients() const noexcept { return tile * (2 * rows() + 1); }
  constexpr std::size_t coefficients() const noexcept { return tiles() * tile_coefficients(); }
  /// Elements of a tile's state: s_0 .. s_{rows - 1}; the inputs u and then the outputs y' that s has not taken in yet,
  /// at most transfer_block of each; a row that counts: lane 0 the samples so far modulo transfer_block, lane 1 those
  /// not taken in. All zero is the state at rest; what does not wait is zero.
  constexpr std::size_t tile_state() const noexcept { return tile * (rows() + 2 * transfer_block + 1); }
  /// Elements of the state of one sequence.
  constexpr std::size_t state() const noexcept { return tiles() * tile_state(); }
};

/// Rational transfer functions ready to run,
///   y_t = h0 u_t + y'_t,   y'_t = sum_{i=1}^N b_i u_{t-i} - a_i y'_{t-i},
/// coefficients and states in S. Owns nothing.
template <std::floating_point S>
struct Transfer {
  TransferShape shape;
  const S* coefficients = nullptr;
};

/// Packs b (channels, order), a (a_rows, order) and h0 (channels) for `Transfer`; channel h has the denominator
/// h / (channels / a_rows). a_rows divides channels.
template <std::floating_point S>
void pack_transfer(TransferShape shape, View<const double, 2> b, View<const double, 2> a, std::span<const double> h0,
                   S* out) {
  std::fill_n(out, shape.coefficients(), S(0));
  const std::size_t sharing = shape.channels / std::max<std::size_t>(a.extent(0), 1);
  for (std::size_t h = 0; h < shape.channels; ++h) {
    S* const here = out + h / tile * shape.tile_coefficients() + h % tile;
    for (std::size_t i = 0; i < shape.order; ++i) {
      here[2 * i * tile] = static_cast<S>(b(h, i));
      here[(2 * i + 1) * tile] = static_cast<S>(a(h / sharing, i));
    }
    here[2 * shape.rows() * tile] = static_cast<S>(h0[h]);
  }
}

inline namespace DANAUS_ISA {

/// Added to every input, so that the states of a silent channel settle far below the last place of any output instead
/// of decaying into denormals, which cost 100 cycles an operation.
template <std::floating_point S>
inline constexpr S transfer_silence = sizeof(S) == 4 ? S(0x1p-64) : S(0x1p-800);

/// Rows that stand in the first-level cache between reading the input and writing the output.
inline constexpr std::size_t transfer_staged = 64;

/// Where a tile stands in its block.
struct TransferPhase {
  std::size_t samples;  ///< so far, modulo transfer_block
  std::size_t waiting;  ///< samples that the state has not taken in

  /// Whatever a caller wrote there.
  template <class S>
  DANAUS_INLINE static TransferPhase read(const S* row) noexcept {
    const auto whole = [](S x) { return x >= S(0) && x < S(transfer_block) ? static_cast<std::size_t>(x) : 0; };
    return {whole(row[0]), whole(row[1])};
  }
  template <class S>
  DANAUS_INLINE void write(S* row) const noexcept {
    row[0] = static_cast<S>(samples);
    row[1] = static_cast<S>(waiting);
  }
};

/// One sample of V::size() channels: y' from the state and the samples that wait; then this one waits too. The state
/// takes them in when the samples counted, from `turn` on, fill a block: the tiles' turns differ, so that of many
/// single samples each costs the same.
template <class V, class S>
DANAUS_INLINE TransferPhase one_sample(TransferRows<V> rows, TransferShape shape, std::size_t turn, TransferPhase at,
                                       S* state, const S* u, S* out) noexcept {
  constexpr std::size_t K = transfer_block;
  const std::size_t order = shape.rows();
  S* const us = state + order * tile;
  S* const ys = us + K * tile;
  V y = simd::load<V>(state + at.waiting * tile);
  for (std::size_t i = 0; i < at.waiting; ++i) {
    const std::size_t m = at.waiting - i;
    y = fnma(rows.a(m), simd::load<V>(ys + i * tile), fma(rows.b(m), simd::load<V>(us + i * tile), y));
  }
  const V input = simd::load<V>(u);
  simd::store(input, us + at.waiting * tile);
  simd::store(y, ys + at.waiting * tile);
  simd::store(fma(simd::load<V>(rows.c + 2 * order * tile), input, y), out);
  at = {(at.samples + 1) % K, at.waiting + 1};
  if ((at.samples + turn) % K != 0 && at.waiting < K) return at;
  if (at.waiting == K) {
    V u_all[K], y_all[K];
    for (std::size_t i = 0; i < K; ++i) {
      u_all[i] = simd::load<V>(us + i * tile);
      y_all[i] = simd::load<V>(ys + i * tile);
    }
    take_in(rows, order, state, u_all, y_all);
  } else {
    take_in_few(rows, order, state, us, ys, at.waiting);
  }
  for (std::size_t i = 0; i < 2 * K; ++i) simd::store(V(S(0)), us + i * tile);
  at.waiting = 0;
  return at;
}

/// V::size() channels of a tile over staged rows; returns where it stands then.
template <class V, class S>
DANAUS_INLINE TransferPhase advance_transfer(TransferRows<V> rows, TransferShape shape, std::size_t turn,
                                             TransferPhase at, S* state, const S* u, S* out,
                                             std::size_t count) noexcept {
  constexpr std::size_t K = transfer_block;
  const std::size_t order = shape.rows();
  for (std::size_t t = 0; t < count;) {
    if (at.waiting != 0 || (at.samples + turn) % K != 0 || t + K > count) {
      at = one_sample(rows, shape, turn, at, state, u + t * tile, out + t * tile);
      ++t;
      continue;
    }
    V u_all[K], y_all[K];
    for (std::size_t i = 0; i < K; ++i) u_all[i] = simd::load<V>(u + (t + i) * tile);
    answers(rows, state, u_all, y_all);
    const V h0 = simd::load<V>(rows.c + 2 * order * tile);
    for (std::size_t i = 0; i < K; ++i) simd::store(fma(h0, u_all[i], y_all[i]), out + (t + i) * tile);
    take_in(rows, order, state, u_all, y_all);
    t += K;
  }
  return at;
}

/// Copies `count` channels of a row into a tile of S, each with silence.
template <class S, class T>
DANAUS_INLINE void gather_transfer(const T* row, std::size_t count, S* out) noexcept {
  using V = simd::native<S>;
  if (count < tile) {
    for (std::size_t l = 0; l < tile; ++l) out[l] = (l < count ? static_cast<S>(row[l]) : S(0)) + transfer_silence<S>;
    return;
  }
  for (std::size_t l = 0; l < tile; l += V::size()) {
    const auto x = simd::load<simd::vec<T, V::size()>>(row + l);
    simd::store(simd::convert<S>(x) + V(transfer_silence<S>), out + l);
  }
}

/// Writes `count` channels of a tile to a row.
template <class S, class T>
DANAUS_INLINE void scatter_transfer(const S* y, std::size_t count, T* row) noexcept {
  using V = simd::native<S>;
  if (count < tile) {
    for (std::size_t l = 0; l < count; ++l) row[l] = static_cast<T>(y[l]);
    return;
  }
  for (std::size_t l = 0; l < tile; l += V::size()) simd::store(simd::convert<T>(simd::load<V>(y + l)), row + l);
}

/// Advances tiles [first, last) by the rows of u, for one sequence, in the transposed direct form II,
///   y'_t = s_0,   s_j <- s_{j+1} + b_{j+1} u_t - a_{j+1} y'_t,
/// its sums rearranged in blocks of transfer_block samples but each in that very order: a sequence may be fed in
/// pieces of any length, down to one sample; the bits are the same.
///
/// u and y (rows, channels), any row stride; `state` as TransferShape::state() says. y may be u. T is float and S
/// double for coefficients that float cannot hold. 4 order flop a sample and channel. (Burrus 1972 for block
/// recursions; Oppenheim and Schafer, section 6.4, for the form.)
template <std::floating_point T, std::floating_point S>
DANAUS_KERNEL void scan_tiles(const Transfer<S>& layer, std::size_t first, std::size_t last, View<const T, 2> u,
                              S* state, View<T, 2> y) noexcept {
  using V = simd::native<S>;
  alignas(64) S in[transfer_staged * tile];
  alignas(64) S out[transfer_staged * tile];
  const TransferShape shape = layer.shape;
  for (std::size_t i = first; i < last; ++i) {
    const S* const coefficients = layer.coefficients + i * shape.tile_coefficients();
    S* const here = state + i * shape.tile_state();
    S* const counts = here + shape.tile_state() - tile;
    const std::size_t channels = std::min(tile, shape.channels - i * tile);
    for (std::size_t t = 0; t < u.extent(0); t += transfer_staged) {
      const std::size_t rows = std::min(transfer_staged, u.extent(0) - t);
      for (std::size_t r = 0; r < rows; ++r) gather_transfer(u.row(t + r) + i * tile, channels, in + r * tile);
      const TransferPhase before = TransferPhase::read(counts);
      TransferPhase after = before;
      for (std::size_t lane = 0; lane < tile; lane += V::size()) {
        after = advance_transfer(TransferRows<V>{coefficients + lane}, shape, i, before, here + lane, in + lane,
                                 out + lane, rows);
      }
      after.write(counts);
      for (std::size_t r = 0; r < rows; ++r) scatter_transfer(out + r * tile, channels, y.row(t + r) + i * tile);
    }
  }
}

/// All tiles over a chunk of one sequence; see scan_tiles.
template <std::floating_point T, std::floating_point S>
DANAUS_KERNEL void scan(const Transfer<S>& layer, View<const T, 2> u, S* state, View<T, 2> y) noexcept {
  scan_tiles(layer, 0, layer.shape.tiles(), u, state, y);
}

/// One sample of each of u.extent(0) sequences: u, y (batch, channels), state (batch, state()). The bits are the
/// scan's. A tile's state takes in its samples every transfer_block steps, the tiles in turn: on average 4 order flop
/// a channel, and an eighth of the coefficients is read.
template <std::floating_point T, std::floating_point S>
DANAUS_KERNEL void step(const Transfer<S>& layer, View<const T, 2> u, View<S, 2> state, View<T, 2> y) noexcept {
  for (std::size_t i = 0; i < layer.shape.tiles(); ++i) {
    for (std::size_t b = 0; b < u.extent(0); ++b) {
      scan_tiles(layer, i, i + 1, View<const T, 2>(u.row(b), {1, layer.shape.channels}), state.row(b),
                 View<T, 2>(y.row(b), {1, layer.shape.channels}));
    }
  }
}

}  // namespace DANAUS_ISA
}  // namespace danaus
