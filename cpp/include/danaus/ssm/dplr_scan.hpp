// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/core/view.hpp>
#include <danaus/simd/vec.hpp>
#include <danaus/ssm/diagonal.hpp>
#include <danaus/ssm/dplr.hpp>

namespace danaus {
inline namespace DANAUS_ISA {

/// Four partial sums, so that the latency of the multiply-add is hidden; the odd ones are subtracted.
template <class V>
struct FourSums {
  V a, b, c, d;
  DANAUS_INLINE void clear() noexcept { a = b = c = d = V(typename V::value_type(0)); }
  template <std::size_t G>
  DANAUS_INLINE void add(V wr, V wi, V re, V im) noexcept {
    (G == 0 ? a : c) = fma(wr, re, G == 0 ? a : c);
    (G == 0 ? b : d) = fma(wi, im, G == 0 ? b : d);
  }
  DANAUS_INLINE V total() const noexcept { return (a + c) - (b + d); }
};

/// x <- turn x + change, with what rounding takes where it carries; turn is 1 or -1.
template <class V>
DANAUS_INLINE void turn_and_add(Carried<V, false>& s, V turn, V change) noexcept {
  s.x = fma(turn, s.x, change);
}
template <class V>
DANAUS_INLINE void turn_and_add(Carried<V, true>& s, V turn, V change) noexcept {
  const V whole = fma(turn, s.lost, change), x = turn * s.x, next = x + whole;
  s.lost = whole - (next - x);
  s.x = next;
}

/// One mode of V::size() channels by one sample: s <- turn s + step s + input u - sum_r column_r alpha_r,
/// and its shares of y and of the next alpha. `lowered` is -alpha_0.
template <class V, std::size_t Rank, bool Carries, std::size_t G, class T>
DANAUS_INLINE void advance_mode(const T* c, T* state, V u, V lowered, const V (&alpha)[Rank], FourSums<V>& y,
                                FourSums<V> (&next)[Rank]) noexcept {
  const auto row = [&](std::size_t i) { return simd::load<V>(c + i * tile); };
  Carried<V, Carries> re, im;
  re.load(state);
  im.load(state + tile);
  V drive_re = fma(row(2), u, lowered), drive_im = fma(row(3), u, V(T(0)));
  for (std::size_t r = 1; r < Rank; ++r) {
    drive_re = fnma(row(5 + 4 * r), alpha[r], drive_re);
    drive_im = fnma(row(6 + 4 * r), alpha[r], drive_im);
  }
  const V xr = re.x, xi = im.x, dr = row(0), di = row(1), turn = row(8);
  turn_and_add(re, turn, fma(dr, xr, fnma(di, xi, drive_re)));
  turn_and_add(im, turn, fma(dr, xi, fma(di, xr, drive_im)));
  re.store(state);
  im.store(state + tile);
  y.template add<G>(row(4), row(5), re.x, im.x);
  for (std::size_t r = 0; r < Rank; ++r) {
    const std::size_t w = r == 0 ? 6 : 7 + 4 * r;
    next[r].template add<G>(row(w), row(w + 1), re.x, im.x);
  }
}

/// One sample of V::size() channels. alpha of this sample was summed while the last one's states were
/// made, so that coefficients and states are read once.
template <class V, std::size_t Rank, class T>
DANAUS_INLINE V advance_sample(DplrShape shape, const T* c, T* state, V u, V (&alpha)[Rank]) noexcept {
  constexpr std::size_t rows = (5 + 4 * Rank) * tile;
  FourSums<V> y, next[Rank];
  y.clear();
  for (std::size_t r = 0; r < Rank; ++r) next[r].clear();
  const V lowered = -alpha[0];
  std::size_t n = 0;
  for (; n < shape.carried; n += 2, c += 2 * rows, state += 8 * tile) {
    advance_mode<V, Rank, true, 0>(c, state, u, lowered, alpha, y, next);
    advance_mode<V, Rank, true, 1>(c + rows, state + 4 * tile, u, lowered, alpha, y, next);
  }
  for (; n < shape.lane_modes(); n += 2, c += 2 * rows, state += 4 * tile) {
    advance_mode<V, Rank, false, 0>(c, state, u, lowered, alpha, y, next);
    advance_mode<V, Rank, false, 1>(c + rows, state + 2 * tile, u, lowered, alpha, y, next);
  }
  for (std::size_t r = 0; r < Rank; ++r) alpha[r] = next[r].total();
  return fma(simd::load<V>(c), u, y.total());
}

/// One tile over `rows` staged samples; y is overwritten.
template <std::size_t Rank, class T>
DANAUS_INLINE void advance_dplr(DplrShape shape, const T* coefficients, T* state, const T* u, T* y,
                                std::size_t rows) noexcept {
  using V = simd::native<T>;
  T* const kept = state + tile * 2 * (shape.lane_modes() + shape.carried);
  for (std::size_t lane = 0; lane < tile; lane += V::size()) {
    V alpha[Rank];
    for (std::size_t r = 0; r < Rank; ++r) alpha[r] = simd::load<V>(kept + r * tile + lane);
    for (std::size_t t = 0; t < rows; ++t) {
      const V out =
          advance_sample<V, Rank>(shape, coefficients + lane, state + lane, simd::load<V>(u + t * tile + lane), alpha);
      simd::store(out, y + t * tile + lane);
    }
    for (std::size_t r = 0; r < Rank; ++r) simd::store(alpha[r], kept + r * tile + lane);
  }
}

/// Copies channels [first, first + tile) of a row into a tile, with what keeps silence from becoming denormal.
template <class T>
DANAUS_INLINE void stage_tile(const T* row, std::size_t first, std::size_t channels, T* out) noexcept {
  const std::size_t count = std::min(tile, channels - first);
  if (count == tile) {
    simd::each<T>(
        tile, [&]<class V>(std::size_t i) { simd::store(simd::load<V>(row + first + i) + V(silence<T>), out + i); });
    return;
  }
  for (std::size_t l = 0; l < tile; ++l) out[l] = l < count ? row[first + l] + silence<T> : T(0);
}

/// The way back.
template <class T>
DANAUS_INLINE void unstage_tile(const T* y, std::size_t first, std::size_t channels, T* row) noexcept {
  const std::size_t count = std::min(tile, channels - first);
  if (count == tile) {
    simd::each<T>(tile, [&]<class V>(std::size_t i) { simd::store(simd::load<V>(y + i), row + first + i); });
    return;
  }
  for (std::size_t l = 0; l < count; ++l) row[first + l] = y[l];
}

template <std::size_t Rank, class T>
DANAUS_INLINE void scan_dplr_tiles(const Dplr<T>& layer, std::size_t first, std::size_t last, View<const T, 2> u,
                                   T* state, View<T, 2> y) noexcept {
  alignas(64) T in[staged_rows * tile];
  alignas(64) T out[staged_rows * tile];
  const DplrShape shape = layer.shape;
  for (std::size_t i = first; i < last; ++i) {
    for (std::size_t t = 0; t < u.extent(0); t += staged_rows) {
      const std::size_t rows = std::min(staged_rows, u.extent(0) - t);
      for (std::size_t r = 0; r < rows; ++r) stage_tile(u.row(t + r), i * tile, shape.channels, in + r * tile);
      advance_dplr<Rank>(shape, layer.coefficients + i * shape.tile_coefficients(), state + i * shape.tile_state(), in,
                         out, rows);
      for (std::size_t r = 0; r < rows; ++r) unstage_tile(out + r * tile, i * tile, shape.channels, y.row(t + r));
    }
  }
}

/// Advances tiles [first, last) of the layer by the rows of u, for one sequence.
///
/// u and y (rows, channels), any row stride; `state` as DplrShape::state() says. y may be u. 12 operations a mode and
/// sample at rank 1, 8 more for each further rank, 6 more where it carries. A sequence may be fed in pieces of any
/// length: the bits are the same. Source: A_bar = 2 (I - dt A / 2)^-1 - I needs one correction of rank r, where the
/// product of a forward and a backward half step needs two (state-spaces/s4, `_step_state_linear`).
template <std::floating_point T>
DANAUS_KERNEL void scan_tiles(const Dplr<T>& layer, std::size_t first, std::size_t last, View<const T, 2> u, T* state,
                              View<T, 2> y) noexcept {
  switch (layer.shape.rank) {
    case 1:
      return scan_dplr_tiles<1>(layer, first, last, u, state, y);
    case 2:
      return scan_dplr_tiles<2>(layer, first, last, u, state, y);
    case 3:
      return scan_dplr_tiles<3>(layer, first, last, u, state, y);
    default:
      return scan_dplr_tiles<4>(layer, first, last, u, state, y);
  }
}

/// The whole layer over a chunk of one sequence; see scan_tiles.
template <std::floating_point T>
DANAUS_KERNEL void scan(const Dplr<T>& layer, View<const T, 2> u, T* state, View<T, 2> y) noexcept {
  scan_tiles(layer, 0, layer.shape.tiles(), u, state, y);
}

/// One sample of each of u.extent(0) sequences: u, y (batch, channels), state (batch, state()).
/// A tile's coefficients are read once for the whole batch.
template <std::floating_point T>
DANAUS_KERNEL void step(const Dplr<T>& layer, View<const T, 2> u, View<T, 2> state, View<T, 2> y) noexcept {
  for (std::size_t i = 0; i < layer.shape.tiles(); ++i) {
    for (std::size_t b = 0; b < u.extent(0); ++b) {
      scan_tiles(layer, i, i + 1, View<const T, 2>(u.row(b), {1, layer.shape.channels}), state.row(b),
                 View<T, 2>(y.row(b), {1, layer.shape.channels}));
    }
  }
}

}  // namespace DANAUS_ISA
}  // namespace danaus
