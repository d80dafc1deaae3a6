// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <bit>
#include <concepts>
#include <span>
#include <vector>

#include <danaus/core/tile.hpp>
#include <danaus/core/view.hpp>
#include <danaus/simd/loop.hpp>
#include <danaus/ssm/discretize.hpp>

namespace danaus {

/// Where the channels and modes of a diagonal system lie: lane l of tile i is channel
/// i * tile + l. With fewer than `tile` channels a tile is cut into slices, each with its share of
/// the modes, so that one channel still fills the lanes: lane l is channel l % (tile / slices).
struct DiagonalShape {
  std::size_t channels = 0;
  std::size_t modes = 0;    // per channel: half the state size, the other half are conjugates
  std::size_t carried = 0;  // lane modes, the first ones, that keep what rounding takes; see slow_modes

  constexpr std::size_t slices() const noexcept {
    return channels >= tile || channels == 0 ? 1 : tile / std::bit_ceil(channels);
  }
  constexpr std::size_t group() const noexcept { return tile / slices(); }
  constexpr std::size_t tiles() const noexcept { return padded(channels) / tile; }
  constexpr std::size_t lane_modes() const noexcept { return (modes + slices() - 1) / slices(); }
  /// Elements of the packed coefficients: delta and gain per mode, then the feedthrough.
  constexpr std::size_t coefficients() const noexcept { return tiles() * tile * (4 * lane_modes() + 1); }
  /// Elements of a tile's state: re and im of each mode, and of the carried what rounding took from them.
  constexpr std::size_t tile_state() const noexcept { return tile * 2 * (lane_modes() + carried); }
  /// Elements of the state of one sequence.
  constexpr std::size_t state() const noexcept { return tiles() * tile_state(); }
};

/// How many lane modes of a layer in element type T must carry what rounding takes from their states.
/// A state that changes by a share delta a sample loses up to 2^-25 / |delta| of itself, always to the
/// same side where the input is constant: 3e-4 at |delta| = 1e-4 in float. Those below 1/32 carry it,
/// and lose nothing.
template <std::floating_point T>
std::size_t slow_modes(DiagonalShape shape, std::span<const Mode> modes) noexcept {
  std::size_t most = 0;
  for (std::size_t h = 0; sizeof(T) == 4 && h < shape.channels; ++h) {
    const auto channel = modes.subspan(h * shape.modes, shape.modes);
    const auto slow =
        std::count_if(channel.begin(), channel.end(), [](const Mode& mode) { return std::abs(mode.delta) < 1.0 / 32; });
    most = std::max(most, static_cast<std::size_t>(slow));
  }
  return (most + shape.slices() - 1) / shape.slices();
}

/// A diagonal state-space layer ready to run: y_k = sum_n Re(gain_n s_n) + d u_k over its modes,
/// s_n <- s_n + delta_n s_n + u_k. Owns nothing.
template <std::floating_point T>
struct Diagonal {
  DiagonalShape shape;
  const T* coefficients = nullptr;
};

/// Packs modes (channels, modes) and feedthrough d (channels) for `Diagonal`, slow modes first.
template <std::floating_point T>
void pack_diagonal(DiagonalShape shape, std::span<const Mode> modes, std::span<const double> d, T* out) {
  const std::size_t lane_modes = shape.lane_modes(), block = tile * (4 * lane_modes + 1);
  for (std::size_t i = 0; i < shape.coefficients(); ++i) {
    // A lane without a mode forgets at once (delta = -1): nothing can pile up in it.
    out[i] = i % block < tile * 4 * lane_modes && i % block / tile % 4 == 0 ? T(-1) : T(0);
  }
  for (std::size_t h = 0; h < shape.channels; ++h) {
    T* const here = out + h / tile * block + h % tile;
    std::vector<Mode> sorted(modes.begin() + static_cast<std::ptrdiff_t>(h * shape.modes),
                             modes.begin() + static_cast<std::ptrdiff_t>((h + 1) * shape.modes));
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const Mode& a, const Mode& b) { return std::abs(a.delta) < std::abs(b.delta); });
    for (std::size_t n = 0; n < shape.modes; ++n) {
      T* const m = here + n / shape.slices() * 4 * tile + n % shape.slices() * shape.group();
      m[0 * tile] = static_cast<T>(sorted[n].delta.real());
      m[1 * tile] = static_cast<T>(sorted[n].delta.imag());
      m[2 * tile] = static_cast<T>(sorted[n].gain.real());
      m[3 * tile] = static_cast<T>(sorted[n].gain.imag());
    }
    here[lane_modes * 4 * tile] = static_cast<T>(d[h]);
  }
}

inline namespace DANAUS_ISA {

/// Added to every input, so that the states of a silent channel settle at a value far below the
/// last place of any output instead of decaying into denormals, which cost 100 cycles an operation.
/// Nor is any product or difference of theirs a denormal. Signals below 1e-18 (float), 1e-240
/// (double) drown in it.
template <std::floating_point T>
inline constexpr T silence = sizeof(T) == 4 ? T(0x1p-64) : T(0x1p-800);

/// Rows that stand in the first-level cache between reading the input and writing the output.
inline constexpr std::size_t staged_rows = 64;

/// One real part of a mode's state: x and, where it carries, what rounding took from it.
template <class V, bool Carries>
struct Carried;
template <class V>
struct Carried<V, false> {
  V x;
  DANAUS_INLINE void load(const typename V::value_type* p) noexcept { x = simd::load<V>(p); }
  DANAUS_INLINE void store(typename V::value_type* p) const noexcept { simd::store(x, p); }
  DANAUS_INLINE void add(V change) noexcept { x = x + change; }
};
template <class V>
struct Carried<V, true> {
  V x, lost;
  DANAUS_INLINE void load(const typename V::value_type* p) noexcept {
    x = simd::load<V>(p);
    lost = simd::load<V>(p + 2 * tile);
  }
  DANAUS_INLINE void store(typename V::value_type* p) const noexcept {
    simd::store(x, p);
    simd::store(lost, p + 2 * tile);
  }
  /// Compensated sum (Kahan).
  DANAUS_INLINE void add(V change) noexcept {
    const V whole = change + lost, next = x + whole;
    lost = whole - (next - x);
    x = next;
  }
};

/// G modes of V::size() channels over `rows` samples, their states in registers. u and y are staged
/// rows of one tile; y is added to. The order of every sum is the same for one row and for many.
template <class V, std::size_t G, bool Carries, class T>
DANAUS_INLINE void advance_modes(const T* coefficients, T* state, const T* u, T* y, std::size_t rows) noexcept {
  constexpr std::size_t state_rows = Carries ? 4 : 2;
  V dr[G], di[G], cr[G], ci[G];
  Carried<V, Carries> re[G], im[G];
  for (std::size_t g = 0; g < G; ++g) {
    const T* const c = coefficients + g * 4 * tile;
    dr[g] = simd::load<V>(c);
    di[g] = simd::load<V>(c + tile);
    cr[g] = simd::load<V>(c + 2 * tile);
    ci[g] = simd::load<V>(c + 3 * tile);
    re[g].load(state + g * state_rows * tile);
    im[g].load(state + (g * state_rows + 1) * tile);
  }
  for (std::size_t t = 0; t < rows; ++t) {
    const V input = simd::load<V>(u + t * tile);
    V sum = simd::load<V>(y + t * tile);
    for (std::size_t g = 0; g < G; ++g) {
      const V xr = re[g].x, xi = im[g].x;
      re[g].add(fma(dr[g], xr, fnma(di[g], xi, input)));
      // The zero leaves one product to fuse: all compilers then round alike.
      im[g].add(fma(dr[g], xi, fma(di[g], xr, V(T(0)))));
      sum = fnma(ci[g], im[g].x, fma(cr[g], re[g].x, sum));
    }
    simd::store(sum, y + t * tile);
  }
  for (std::size_t g = 0; g < G; ++g) {
    re[g].store(state + g * state_rows * tile);
    im[g].store(state + (g * state_rows + 1) * tile);
  }
}

/// `modes` modes, G at a time and then one by one; moves `coefficients` and `state` past them.
template <class V, std::size_t G, bool Carries, class T>
DANAUS_INLINE void advance_run(std::size_t modes, const T*& coefficients, T*& state, const T* u, T* y,
                               std::size_t rows) noexcept {
  constexpr std::size_t state_rows = Carries ? 4 : 2;
  for (; modes >= G; modes -= G, coefficients += G * 4 * tile, state += G * state_rows * tile) {
    advance_modes<V, G, Carries>(coefficients, state, u, y, rows);
  }
  for (; modes > 0; --modes, coefficients += 4 * tile, state += state_rows * tile) {
    advance_modes<V, 1, Carries>(coefficients, state, u, y, rows);
  }
}

/// One tile over `rows` staged samples; y is overwritten.
template <class T>
DANAUS_INLINE void advance_tile(DiagonalShape shape, const T* coefficients, T* state, const T* u, T* y,
                                std::size_t rows) noexcept {
  using V = simd::native<T>;
  for (std::size_t lane = 0; lane < tile; lane += V::size()) {
    for (std::size_t t = 0; t < rows; ++t) simd::store(V(T(0)), y + t * tile + lane);
    const T* c = coefficients + lane;
    T* s = state + lane;
    advance_run<V, 2, true>(shape.carried, c, s, u + lane, y + lane, rows);
    advance_run<V, 4, false>(shape.lane_modes() - shape.carried, c, s, u + lane, y + lane, rows);
    const V d = simd::load<V>(c);
    for (std::size_t t = 0; t < rows; ++t) {
      T* const out = y + t * tile + lane;
      simd::store(fma(d, simd::load<V>(u + t * tile + lane), simd::load<V>(out)), out);
    }
  }
}

/// Copies channels [first, first + tile) of a row into a tile, once per slice.
template <class T>
DANAUS_INLINE void gather_tile(DiagonalShape shape, const T* row, std::size_t first, T* out) noexcept {
  const std::size_t count = std::min(tile, shape.channels - first), group = shape.group();
  if (count == tile) {
    simd::each<T>(
        tile, [&]<class V>(std::size_t i) { simd::store(simd::load<V>(row + first + i) + V(silence<T>), out + i); });
    return;
  }
  for (std::size_t l = 0; l < tile; ++l) out[l] = (l % group < count ? row[first + l % group] : T(0)) + silence<T>;
}

/// Sums the slices of a tile and writes channels [first, first + tile) of a row.
template <class T>
DANAUS_INLINE void scatter_tile(DiagonalShape shape, const T* y, std::size_t first, T* row) noexcept {
  const std::size_t count = std::min(tile, shape.channels - first), group = shape.group();
  if (count == tile) {
    simd::each<T>(tile, [&]<class V>(std::size_t i) { simd::store(simd::load<V>(y + i), row + first + i); });
    return;
  }
  for (std::size_t l = 0; l < count; ++l) {
    T sum = y[l];
    for (std::size_t s = group; s < tile; s += group) sum += y[l + s];
    row[first + l] = sum;
  }
}

/// Advances tiles [first, last) of the layer by the rows of u, for one sequence.
///
/// u and y (rows, channels), any row stride; `state` as DiagonalShape::state() says. y may be u.
/// 8 operations a mode and sample, 14 where it carries. A sequence may be fed in pieces of any length: the bits are
/// the same.
template <std::floating_point T>
DANAUS_KERNEL void scan_tiles(const Diagonal<T>& layer, std::size_t first, std::size_t last, View<const T, 2> u,
                              T* state, View<T, 2> y) noexcept {
  alignas(64) T in[staged_rows * tile];
  alignas(64) T out[staged_rows * tile];
  const DiagonalShape shape = layer.shape;
  for (std::size_t i = first; i < last; ++i) {
    const T* const coefficients = layer.coefficients + i * tile * (4 * shape.lane_modes() + 1);
    T* const tile_state = state + i * shape.tile_state();
    for (std::size_t t = 0; t < u.extent(0); t += staged_rows) {
      const std::size_t rows = std::min(staged_rows, u.extent(0) - t);
      for (std::size_t r = 0; r < rows; ++r) gather_tile(shape, u.row(t + r), i * tile, in + r * tile);
      advance_tile(shape, coefficients, tile_state, in, out, rows);
      for (std::size_t r = 0; r < rows; ++r) scatter_tile(shape, out + r * tile, i * tile, y.row(t + r));
    }
  }
}

/// The whole layer over a chunk of one sequence; see scan_tiles.
template <std::floating_point T>
DANAUS_KERNEL void scan(const Diagonal<T>& layer, View<const T, 2> u, T* state, View<T, 2> y) noexcept {
  scan_tiles(layer, 0, layer.shape.tiles(), u, state, y);
}

/// One sample of each of u.extent(0) sequences: u, y (batch, channels), state (batch, state()).
/// A tile's coefficients are read once for the whole batch.
template <std::floating_point T>
DANAUS_KERNEL void step(const Diagonal<T>& layer, View<const T, 2> u, View<T, 2> state, View<T, 2> y) noexcept {
  for (std::size_t i = 0; i < layer.shape.tiles(); ++i) {
    for (std::size_t b = 0; b < u.extent(0); ++b) {
      scan_tiles(layer, i, i + 1, View<const T, 2>(u.row(b), {1, layer.shape.channels}), state.row(b),
                 View<T, 2>(y.row(b), {1, layer.shape.channels}));
    }
  }
}

}  // namespace DANAUS_ISA
}  // namespace danaus
