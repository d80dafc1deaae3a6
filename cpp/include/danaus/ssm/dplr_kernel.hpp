// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/ssm/dplr_blocks.hpp>
#include <danaus/ssm/dplr_scan.hpp>

namespace danaus {

/// Elements a mode of the recurrence in double precision has: a_bar, output, rows and columns, the state.
constexpr std::size_t impulse_rows(std::size_t rank) noexcept {
  return 4 + 4 * rank;
}

/// Scratch of `kernel` for one tile of channels.
template <std::floating_point T>
std::size_t dplr_workspace_bytes(std::size_t modes, std::size_t rank, std::size_t length, std::size_t block) noexcept {
  if (block != 0) return dplr_blocks_bytes<T>(modes, rank, length, block);
  return workspace_size<double>((modes + 1) / 2 * 2 * impulse_rows(rank) * tile) + workspace_size<T>(64 * tile);
}

inline namespace DANAUS_ISA {

/// A mode at `p`, each row V::size() channels: state, a_bar, output, then row 0, and column and row of each further
/// rank.
template <class V, std::size_t Rank, std::size_t G, bool Moves>
DANAUS_INLINE void respond_mode(double* p, V lowered, const V (&alpha)[Rank], FourSums<V>& y,
                                FourSums<V> (&next)[Rank]) noexcept {
  const auto row = [&](std::size_t i) { return simd::load<V>(p + i * V::size()); };
  V re = row(0), im = row(1);
  if constexpr (Moves) {
    const V ar = row(2), ai = row(3), xr = re, xi = im;
    re = lowered;
    im = V(0.0);
    for (std::size_t r = 1; r < Rank; ++r) {
      re = fnma(row(4 + 4 * r), alpha[r], re);
      im = fnma(row(5 + 4 * r), alpha[r], im);
    }
    re = fma(ar, xr, fnma(ai, xi, re));
    im = fma(ar, xi, fma(ai, xr, im));
    simd::store(re, p);
    simd::store(im, p + V::size());
  }
  y.template add<G>(row(4), row(5), re, im);
  for (std::size_t r = 0; r < Rank; ++r) {
    const std::size_t w = r == 0 ? 6 : 6 + 4 * r;
    next[r].template add<G>(row(w), row(w + 1), re, im);
  }
}

/// The output of V::size() channels; first, where it moves, their states by one sample without input.
template <class V, std::size_t Rank, bool Moves>
DANAUS_INLINE V respond(double* p, std::size_t modes, V (&alpha)[Rank]) noexcept {
  constexpr std::size_t step = impulse_rows(Rank) * V::size();
  FourSums<V> y, next[Rank];
  y.clear();
  for (std::size_t r = 0; r < Rank; ++r) next[r].clear();
  const V lowered = -alpha[0];
  for (std::size_t n = 0; n < modes; n += 2, p += 2 * step) {
    respond_mode<V, Rank, 0, Moves>(p, lowered, alpha, y, next);
    respond_mode<V, Rank, 1, Moves>(p + step, lowered, alpha, y, next);
  }
  for (std::size_t r = 0; r < Rank; ++r) alpha[r] = next[r].total();
  return y.total();
}

/// Lays channels [first, first + count) out for `respond`, at most V::size() of them, their states those after an
/// impulse.
template <class V>
DANAUS_INLINE void lay_out(const DplrModesView& m, std::size_t first, std::size_t count, std::size_t modes,
                           double* out) noexcept {
  const std::size_t step = impulse_rows(m.rank) * V::size();
  for (std::size_t i = 0; i < modes * step; ++i) out[i] = 0;
  for (std::size_t l = 0; l < count; ++l) {
    for (std::size_t n = 0; n < m.modes; ++n) {
      const std::size_t at = (first + l) * m.modes + n;
      double* p = out + n * step + l;
      const auto put = [&](double re, double im) {
        p[0] = re;
        p[V::size()] = im;
        p += 2 * V::size();
      };
      put(m.input[at].real(), m.input[at].imag());
      put(1 + m.delta[at].real(), m.delta[at].imag());
      put(m.output[at].real(), m.output[at].imag());
      for (std::size_t r = 0; r < m.rank; ++r) {
        const std::size_t of = ((first + l) * m.rank + r) * m.modes + n;
        if (r > 0) put(m.column[of].real(), m.column[of].imag());
        put(m.row[of].real(), m.row[of].imag());
      }
    }
  }
}

/// Writes 0 for states below `least` of what an impulse leaves of the largest: the square of one is no denormal.
template <class V>
DANAUS_INLINE void forget(double* p, std::size_t modes, std::size_t rows, V least) noexcept {
  for (std::size_t n = 0; n < modes; ++n, p += rows * V::size()) {
    const V re = simd::load<V>(p), im = simd::load<V>(p + V::size());
    const auto alive = fma(re, re, fma(im, im, V(0.0))) > least;
    simd::store(select(alive, re, V(0.0)), p);
    simd::store(select(alive, im, V(0.0)), p + V::size());
  }
}

/// The largest |s|^2 of each channel.
template <class V>
DANAUS_INLINE V largest(const double* p, std::size_t modes, std::size_t rows) noexcept {
  V most(0.0);
  for (std::size_t n = 0; n < modes; ++n, p += rows * V::size()) {
    const V re = simd::load<V>(p), im = simd::load<V>(p + V::size());
    most = max(most, fma(re, re, fma(im, im, V(0.0))));
  }
  return most;
}

/// The impulse responses of out.extent(0) channels by their recurrences in double precision, channels in lanes.
template <std::size_t Rank, class T>
DANAUS_INLINE void respond_tile(const DplrModesView& m, std::size_t first, View<T, 2> out, Workspace scratch) noexcept {
  using V = simd::native<double>;
  constexpr std::size_t rows = 64;
  const std::size_t modes = (m.modes + 1) / 2 * 2, count = out.extent(0), length = out.extent(1);
  double* const p = scratch.take<double>(modes * impulse_rows(Rank) * V::size());
  T* const staged = scratch.take<T>(rows * V::size());
  for (std::size_t lane = 0; lane < count; lane += V::size()) {
    const std::size_t lanes = std::min(V::size(), count - lane);
    lay_out<V>(m, first + lane, lanes, modes, p);
    const V least = largest<V>(p, modes, impulse_rows(Rank)) * V(negligible<T> * negligible<T>);
    V alpha[Rank];
    for (std::size_t r = 0; r < Rank; ++r) alpha[r] = V(0.0);
    for (std::size_t t = 0; t < length; t += rows) {
      const std::size_t some = std::min(rows, length - t);
      for (std::size_t r = 0; r < some; ++r) {
        const V y = t + r == 0 ? respond<V, Rank, false>(p, modes, alpha) : respond<V, Rank, true>(p, modes, alpha);
        simd::store(simd::convert<T>(y), staged + r * V::size());
      }
      for (std::size_t l = 0; l < lanes; ++l) {
        T* const to = out.row(lane + l) + t;
        for (std::size_t r = 0; r < some; ++r) to[r] = staged[r * V::size() + l];
      }
      forget(p, modes, impulse_rows(Rank), least);
      respond<V, Rank, false>(p, modes, alpha);  // what is forgotten is no part of alpha either
    }
  }
}

/// The convolution kernels of channels [first, first + out.extent(0)), at most a tile: out(h, l) = Re(output A_bar^l
/// input), (channels, length).
///
/// `block` = dplr_block(...): 0 runs the recurrence in double precision, 8 modes length multiply-adds a channel, one
/// rounding at the end; else blocks of that many samples by matrix products (dplr_blocks.hpp). Any length, no truncated
/// C, no transform. Accuracy, relative to the largest magnitude: 2e-7 in float (6e-8 by the recurrence), 1e-12 in
/// double.
template <std::floating_point T>
DANAUS_KERNEL void kernel(const DplrModesView& modes, std::size_t first, std::size_t block, View<T, 2> out,
                          Workspace scratch) noexcept {
  if (out.extent(1) == 0) return;
  if (block != 0) {
    for (std::size_t h = 0; h < out.extent(0); ++h) {
      kernel_by_blocks(modes, first + h, block, out.row(h), out.extent(1), scratch);
    }
    return;
  }
  switch (modes.rank) {
    case 1:
      return respond_tile<1>(modes, first, out, scratch);
    case 2:
      return respond_tile<2>(modes, first, out, scratch);
    case 3:
      return respond_tile<3>(modes, first, out, scratch);
    default:
      return respond_tile<4>(modes, first, out, scratch);
  }
}

}  // namespace DANAUS_ISA
}  // namespace danaus
