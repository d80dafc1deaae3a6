// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <concepts>

#include <danaus/core/tile.hpp>
#include <danaus/core/view.hpp>
#include <danaus/core/workspace.hpp>
#include <danaus/simd/vec.hpp>

namespace danaus {

/// Samples that the filters below bring forth together.
inline constexpr std::size_t filtered_rows = 8;
/// Samples over which a correlation runs before the next lags have their turn.
inline constexpr std::size_t correlated_rows = 128;

/// Scratch of transfer_response.
inline std::size_t transfer_response_workspace_bytes(std::size_t order, std::size_t length) noexcept {
  return workspace_size<double>(tile * (order + filtered_rows)) +
         workspace_size<double>(tile * (order + length + filtered_rows));
}
/// Scratch of transfer_kernel_vjp.
inline std::size_t transfer_vjp_workspace_bytes(std::size_t order, std::size_t length) noexcept {
  return transfer_response_workspace_bytes(order, length) +
         workspace_size<double>(tile * (order + length + filtered_rows)) +
         workspace_size<double>(tile * (order + filtered_rows));
}

inline namespace DANAUS_ISA {

/// Added to every input of a filter, so that what decays settles above the denormals, and the product of two such
/// values does, too. Results below `vanished` are given as 0.
inline constexpr double quiet = 0x1p-500, vanished = 0x1p-400;

/// Rows i in [0, order) of `out`: coefficient i of channels [first, first + tile); zeros in lanes without a channel and
/// in filtered_rows rows beyond. `repeat` consecutive channels share a row of `from`.
DANAUS_INLINE void gather_coefficients(View<const double, 2> from, std::size_t repeat, std::size_t first,
                                       std::size_t channels, double* out) noexcept {
  const std::size_t order = from.extent(1), lanes = std::min(tile, channels - first);
  std::fill_n(out, tile * (order + filtered_rows), 0.0);
  for (std::size_t l = 0; l < lanes; ++l) {
    const double* const row = from.row((first + l) / repeat);
    for (std::size_t i = 0; i < order; ++i) out[i * tile + l] = row[i];
  }
}

/// y_t = x_t - sum_{i=1..order} a_i y_{t-i}, channels in lanes, in place: rows [order, order + length) of `rows` go in
/// as x and come out as y; the rows before them are y's past. `a` as gather_coefficients leaves it; filtered_rows rows
/// beyond the last are written to. Eight samples at a time, so that each past row is read once for eight of them; one
/// order of sums for all. 2 order length flop a channel.
DANAUS_INLINE void all_pole(const double* a, std::size_t order, std::size_t length, double* rows) noexcept {
  using V = simd::native<double>;
  constexpr std::size_t R = filtered_rows;
  for (std::size_t lane = 0; lane < tile; lane += V::size()) {
    for (std::size_t t = 0; t < length; t += R) {
      double* const now = rows + (order + t) * tile + lane;
      const double* c = a + lane;
      V y[R];
      for (std::size_t r = 0; r < R; ++r) y[r] = simd::load<V>(now + r * tile);
      const double* past = now;
      for (std::size_t m = 1; m <= order; ++m, c += tile) {
        past -= tile;
        const V x = simd::load<V>(past);
        for (std::size_t r = 0; r < R; ++r) y[r] = fnma(x, simd::load<V>(c + r * tile), y[r]);
      }
      for (std::size_t r = 1; r < R; ++r) {
        for (std::size_t i = 1; i <= r; ++i) y[r] = fnma(y[r - i], simd::load<V>(a + lane + (i - 1) * tile), y[r]);
      }
      for (std::size_t r = 0; r < R; ++r) simd::store(y[r], now + r * tile);
    }
  }
}

/// out_i = sum_n w_n h_{n-i} for i in [1, order], channels in lanes; w_n stands at ahead - n rows, h_n at h + n rows,
/// zeros in `order` rows before h. Row i - 1 of `out`, of order + filtered_rows rows, is added to.
DANAUS_INLINE void correlate_lags(const double* ahead, const double* h, std::size_t length, std::size_t order,
                                  double* out) noexcept {
  using V = simd::native<double>;
  constexpr std::size_t R = filtered_rows;
  for (std::size_t n = 0; n < length; n += correlated_rows) {
    const std::size_t end = std::min(length, n + correlated_rows);
    for (std::size_t i = 1; i <= order; i += R) {
      // Lags beyond the order are computed from what stands before h, and are not used.
      const std::size_t lags = std::min(R, order + 1 - i);
      for (std::size_t lane = 0; lane < tile; lane += V::size()) {
        double* const sums = out + (i - 1) * tile + lane;
        V sum[R];
        for (std::size_t r = 0; r < R; ++r) sum[r] = simd::load<V>(sums + r * tile);
        if (lags == R) {
          for (std::size_t t = n; t < end; ++t) {
            const V w = simd::load<V>(ahead + lane - t * tile);
            const double* const past = h + lane + t * tile - i * tile;
            for (std::size_t r = 0; r < R; ++r) sum[r] = fma(w, simd::load<V>(past - r * tile), sum[r]);
          }
        } else {
          for (std::size_t t = n; t < end; ++t) {
            const V w = simd::load<V>(ahead + lane - t * tile);
            const double* const past = h + lane + t * tile - i * tile;
            for (std::size_t r = 0; r < R; ++r) {
              if (r < lags) sum[r] = fma(w, simd::load<V>(past - r * tile), sum[r]);
            }
          }
        }
        for (std::size_t r = 0; r < R; ++r) simd::store(sum[r], sums + r * tile);
      }
    }
  }
}

/// The response h of b/A to an impulse, in the rows of `rows` as all_pole has them.
DANAUS_INLINE void impulse_rows(View<const double, 2> b, const double* a, std::size_t first, std::size_t length,
                                double* rows) noexcept {
  const std::size_t order = b.extent(1), lanes = std::min(tile, b.extent(0) - first);
  std::fill_n(rows, tile * order, 0.0);
  std::fill_n(rows + tile * order, tile * (length + filtered_rows), quiet);
  for (std::size_t l = 0; l < lanes; ++l) {
    const double* const row = b.row(first + l);
    for (std::size_t i = 1; i <= order && i < length; ++i) rows[(order + i) * tile + l] += row[i - 1];
  }
  all_pole(a, order, length, rows);
}

/// 0 for what `quiet` alone left.
DANAUS_INLINE double heard(double x) noexcept {
  return x > -vanished && x < vanished ? 0.0 : x;
}

/// The response to an impulse of channels [first, first + tile) of H(z) = sum_i b_i z^-i / (1 + sum_i a_i z^-i), i from
/// 1: out(h, l), l in [0, length), 0 at l = 0. b (channels, order), a (channels / repeat, order). 2 order length flop
/// a channel, in double precision throughout; overflows where a pole's power does.
DANAUS_KERNEL void transfer_response(View<const double, 2> b, View<const double, 2> a, std::size_t repeat,
                                     std::size_t first, View<double, 2> out, Workspace scratch) noexcept {
  const std::size_t order = b.extent(1), length = out.extent(1), lanes = std::min(tile, b.extent(0) - first);
  double* const poles = scratch.take<double>(tile * (order + filtered_rows));
  double* const rows = scratch.take<double>(tile * (order + length + filtered_rows));
  gather_coefficients(a, repeat, first, b.extent(0), poles);
  impulse_rows(b, poles, first, length, rows);
  for (std::size_t l = 0; l < lanes; ++l) {
    for (std::size_t t = 0; t < length; ++t) out(first + l, t) = heard(rows[(order + t) * tile + l]);
  }
}

/// The gradients of that response k = b/A over `length` samples, given those of k, for channels [first, first + tile):
/// with w = grad filtered from its end by 1/A, w_n = grad_n - sum_i a_i w_{n+i},
///   db_i = w_i,   da_i = -sum_n w_n k_{n-i}
/// (from A k = b: A dk = db - x^i k da_i, and w is A's transpose solved for grad).
///
/// grad (channels, length) of float or double; db and da (channels, order), where da is that of the channel alone even
/// if channels share a row of a. All in double precision: 6 order length flop a channel, no transform, any length.
template <std::floating_point T>
DANAUS_KERNEL void transfer_kernel_vjp(View<const double, 2> b, View<const double, 2> a, std::size_t repeat,
                                       std::size_t first, View<const T, 2> grad, View<double, 2> db, View<double, 2> da,
                                       Workspace scratch) noexcept {
  const std::size_t order = b.extent(1), length = grad.extent(1), lanes = std::min(tile, b.extent(0) - first);
  double* const poles = scratch.take<double>(tile * (order + filtered_rows));
  double* const rows = scratch.take<double>(tile * (order + length + filtered_rows));
  double* const back = scratch.take<double>(tile * (order + length + filtered_rows));
  double* const sums = scratch.take<double>(tile * (order + filtered_rows));
  gather_coefficients(a, repeat, first, b.extent(0), poles);
  impulse_rows(b, poles, first, length, rows);
  std::fill_n(back, tile * order, 0.0);
  std::fill_n(back + tile * order, tile * (length + filtered_rows), quiet);
  for (std::size_t l = 0; l < lanes; ++l) {  // w_n in row order + length - 1 - n
    const T* const row = grad.row(first + l);
    for (std::size_t t = 0; t < length; ++t) back[(order + t) * tile + l] += static_cast<double>(row[length - 1 - t]);
  }
  all_pole(poles, order, length, back);
  std::fill_n(sums, tile * (order + filtered_rows), 0.0);
  if (length > 0) {
    correlate_lags(back + (order + length - 1) * tile, rows + order * tile, length, order, sums);
  }
  for (std::size_t l = 0; l < lanes; ++l) {
    for (std::size_t i = 1; i <= order; ++i) {
      db(first + l, i - 1) = i < length ? heard(back[(order + length - 1 - i) * tile + l]) : 0.0;
      da(first + l, i - 1) = heard(-sums[(i - 1) * tile + l]);
    }
  }
}

}  // namespace DANAUS_ISA
}  // namespace danaus
