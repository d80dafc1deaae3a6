// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <bit>
#include <concepts>

#include <danaus/fft/transform.hpp>
#include <danaus/ssm/transfer_kernel.hpp>

namespace danaus {

/// Samples of a chunk: its transforms cost log2(n), handing its state on N^2 / n a sample. Of 2 to 8 orders measured, 4
/// are within a tenth of the best from order 256 on, from where chunks are faster than single samples.
inline std::size_t chunk_length(TransferShape shape) noexcept {
  return std::max<std::size_t>(64, std::bit_ceil(4 * shape.rows()));
}

/// What evaluation in chunks of plan->points() samples needs beside the coefficients: for each group of lanes<S>
/// channels the spectra of the first plan->points() samples of b / A and then of 1 / A. Owns nothing.
template <std::floating_point S>
struct TransferChunk {
  const RingPlan<S>* plan = nullptr;
  const S* spectra = nullptr;

  /// Groups of a tile.
  static constexpr std::size_t groups = tile / lanes<S>;
  std::size_t group_size() const noexcept { return 2 * plan->spectrum_size(); }
};

/// Scratch of prepare_chunk.
template <std::floating_point S>
std::size_t prepare_chunk_workspace_bytes(const RingPlan<S>& plan, TransferShape shape) noexcept {
  return workspace_size<double>(2 * tile * response_rows(shape.order)) + workspace_size<S>(tile * plan.points()) +
         transform_workspace_bytes(plan);
}

/// Scratch of chunk_tiles.
template <std::floating_point S>
std::size_t chunk_workspace_bytes(const RingPlan<S>& plan) noexcept {
  return 2 * workspace_size<S>(tile * plan.points()) + 2 * workspace_size<S>(plan.spectrum_size()) +
         transform_workspace_bytes(plan);
}

inline namespace DANAUS_ISA {

/// out <- out k + state g for `rows` rows of complex lanes.
template <class S>
DANAUS_INLINE void combine_spectra(std::size_t rows, const S* k, const S* g, const S* state, S* out) noexcept {
  constexpr std::size_t L = lanes<S>;
  for (std::size_t r = 0; r < rows; ++r, k += 2 * L, g += 2 * L, state += 2 * L, out += 2 * L) {
    simd::each<S>(L, [&]<class V>(std::size_t l) {
      const V ar = simd::load<V>(out + l), ai = simd::load<V>(out + L + l);
      const V kr = simd::load<V>(k + l), ki = simd::load<V>(k + L + l);
      const V cr = simd::load<V>(state + l), ci = simd::load<V>(state + L + l);
      const V gr = simd::load<V>(g + l), gi = simd::load<V>(g + L + l);
      simd::store(fma(ar, kr, fnma(ai, ki, fma(cr, gr, fnma(ci, gi, V(S(0)))))), out + l);
      simd::store(fma(ar, ki, fma(ai, kr, fma(cr, gi, fma(ci, gr, V(S(0)))))), out + L + l);
    });
  }
}

/// Writes what TransferChunk wants of tile `index` to `spectra`: the responses by impulse_tile, then transformed.
template <std::floating_point S>
DANAUS_KERNEL void prepare_chunk(const Transfer<S>& layer, const RingPlan<S>& plan, std::size_t index, S* spectra,
                                 Workspace scratch) noexcept {
  constexpr std::size_t L = lanes<S>;
  const TransferShape shape = layer.shape;
  DANAUS_EXPECTS(plan.segments == 1);
  const std::size_t n = plan.points(), rows = response_rows(shape.order);
  const S* const coefficients_here = layer.coefficients + index * shape.tile_coefficients();
  double* const a = scratch.take<double>(2 * tile * rows);
  double* const s = a + tile * rows;
  S* const response = scratch.take<S>(tile * n);  // a channel after the other
  for (std::size_t which = 0; which < 2; ++which) {
    std::fill_n(a, 2 * tile * rows, 0.0);
    for (std::size_t i = 0; i < shape.rows() && i < rows; ++i) {
      for (std::size_t l = 0; l < tile; ++l) {
        a[i * tile + l] = static_cast<double>(coefficients_here[(2 * i + 1) * tile + l]);
        s[i * tile + l] = which == 0 ? static_cast<double>(coefficients_here[2 * i * tile + l]) : i == 0 ? 1.0 : 0.0;
      }
    }
    const std::size_t late = 1 - which;  // b / A begins with x
    for (std::size_t l = 0; l < tile; ++l) response[l * n] = S(0);
    impulse_tile<S, double>(rows, a, s, tile, response + late, n, n - late);
    for (std::size_t g = 0; g < TransferChunk<S>::groups; ++g) {
      spectrum(plan, 0, View<const S, 2>(response + g * L * n, {n, L}, {1, n}),
               static_cast<const View<const S, 2>*>(nullptr), spectra + (2 * g + which) * plan.spectrum_size(),
               scratch);
    }
  }
}

/// Takes in what waits in the state of a tile, which then says so.
template <class S>
DANAUS_INLINE void take_in_waiting(const S* coefficients, TransferShape shape, S* state) noexcept {
  using V = simd::native<S>;
  S* const us = state + shape.rows() * tile;
  S* const ys = us + transfer_block * tile;
  S* const counts = state + shape.tile_state() - tile;
  TransferPhase at = TransferPhase::read(counts);
  if (at.waiting == 0) return;
  for (std::size_t lane = 0; lane < tile; lane += V::size()) {
    take_in_few(TransferRows<V>{coefficients + lane}, shape.rows(), state + lane, us + lane, ys + lane, at.waiting);
  }
  std::fill_n(us, 2 * transfer_block * tile, S(0));
  at.waiting = 0;
  at.write(counts);
}

/// The state after samples u, y' of a tile, `count` >= the order of each, in rows: from nothing, because what came
/// earlier has left it.
template <class S>
DANAUS_INLINE void state_of_rows(const S* coefficients, std::size_t order, const S* u, const S* y, std::size_t count,
                                 S* state) noexcept {
  using V = simd::native<S>;
  constexpr std::size_t K = transfer_block;
  std::fill_n(state, order * tile, S(0));
  for (std::size_t t = count - (order + K - 1) / K * K; t < count; t += K) {
    for (std::size_t lane = 0; lane < tile; lane += V::size()) {
      V us[K], ys[K];
      for (std::size_t i = 0; i < K; ++i) {
        us[i] = simd::load<V>(u + (t + i) * tile + lane);
        ys[i] = simd::load<V>(y + (t + i) * tile + lane);
      }
      take_in(TransferRows<V>{coefficients + lane}, order, state + lane, us, ys);
    }
  }
}

/// As scan_tiles, for u.extent(0) a multiple of the chunk, in chunks of n = chunk.plan->points() >= shape.rows() +
/// transfer_block samples, n a multiple of transfer_block: with the state as the numerator of what the past still
/// gives,
///   Y = K U + G S   in the ring x^n = i,
/// whose first n coefficients are the real parts, K = b / A and G = 1 / A to n samples; then the state after the last
/// samples. The state before and after is that of scan_tiles, which can go on from it and the other way round; here no
/// sample waits in it afterwards. Not its bits: which samples go through chunks is to be fixed by the caller.
///
/// 15 log2(n) + 4 N^2 / n flop a sample and channel. Error: that of the transforms, about 3e-7 (float), 5e-16 (double)
/// of |K|_2 |u|_2 + |G|_2 |s|_2 a chunk, which goes on through the recurrence as roundings of single steps do.
template <std::floating_point T, std::floating_point S>
DANAUS_KERNEL void chunk_tiles(const Transfer<S>& layer, const TransferChunk<S>& chunk, std::size_t first,
                               std::size_t last, View<const T, 2> u, S* state, View<T, 2> y,
                               Workspace scratch) noexcept {
  using V = simd::native<S>;
  constexpr std::size_t L = lanes<S>;
  const RingPlan<S>& plan = *chunk.plan;
  const TransferShape shape = layer.shape;
  const std::size_t n = plan.points(), order = shape.rows();
  DANAUS_EXPECTS(n >= order + transfer_block && n % transfer_block == 0 && u.extent(0) % n == 0);
  S* const in = scratch.take<S>(tile * n);
  S* const out = scratch.take<S>(tile * n);
  S* const values = scratch.take<S>(plan.spectrum_size());
  S* const past = scratch.take<S>(plan.spectrum_size());
  const View<const S, 2>* const real = nullptr;
  const View<S, 2>* const rest = nullptr;
  for (std::size_t i = first; i < last; ++i) {
    const S* const coefficients_here = layer.coefficients + i * shape.tile_coefficients();
    const S* const spectra = chunk.spectra + i * chunk.groups * chunk.group_size();
    S* const here = state + i * shape.tile_state();
    const std::size_t channels = std::min(tile, shape.channels - i * tile);
    take_in_waiting(coefficients_here, shape, here);
    for (std::size_t t = 0; t < u.extent(0); t += n) {
      for (std::size_t r = 0; r < n; ++r) gather_transfer(u.row(t + r) + i * tile, channels, in + r * tile);
      for (std::size_t g = 0; g < chunk.groups; ++g) {
        const S* const k = spectra + g * chunk.group_size();
        spectrum(plan, 0, View<const S, 2>(in + g * L, {n, L}, {tile, 1}), real, values, scratch);
        spectrum(plan, 0, View<const S, 2>(here + g * L, {order, L}, {tile, 1}), real, past, scratch);
        combine_spectra(plan.rows(), k, k + plan.spectrum_size(), static_cast<const S*>(past), values);
        coefficients(plan, 0, static_cast<const S*>(values), S(1) / static_cast<S>(n),
                     View<S, 2>(out + g * L, {n, L}, {tile, 1}), rest, scratch);
      }
      state_of_rows(coefficients_here, order, static_cast<const S*>(in), static_cast<const S*>(out), n, here);
      for (std::size_t lane = 0; lane < tile; lane += V::size()) {
        const V h0 = simd::load<V>(coefficients_here + 2 * order * tile + lane);
        for (std::size_t r = 0; r < n; ++r) {
          S* const row = out + r * tile + lane;
          simd::store(fma(h0, simd::load<V>(in + r * tile + lane), simd::load<V>(row)), row);
        }
      }
      for (std::size_t r = 0; r < n; ++r) scatter_transfer(out + r * tile, channels, y.row(t + r) + i * tile);
    }
  }
}

}  // namespace DANAUS_ISA
}  // namespace danaus
