// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>

#include <danaus/core/tile.hpp>
#include <danaus/core/workspace.hpp>
#include <danaus/hippo/structured_tables.hpp>
#include <danaus/simd/loop.hpp>

// The structured maps on states (tiles, N, tile): channels in lanes, N one after the other. The running sums are
// serial in N; four registers of channels side by side hide their latency.
namespace danaus {
inline namespace DANAUS_ISA {
namespace structured {

/// W registers of channels: where each one's state begins, rows `tile` apart.
template <class V, std::size_t W>
struct Columns {
  using T = typename V::value_type;
  T* x[W];
  const T* u;  // their inputs, side by side; null: none
  T* out;      // their last sums; null: not asked for
  T* scratch;  // (N, W registers)

  DANAUS_INLINE V input(std::size_t w, T scale) const noexcept {
    return u == nullptr ? V(T(0)) : V(scale) * simd::load<V>(u + w * V::size());
  }
  DANAUS_INLINE void output(std::size_t w, V sum, T scale) const noexcept {
    if (out != nullptr) simd::store(V(scale) * sum, out + w * V::size());
  }
};

enum class Drive : unsigned char { carried, driven, gathered };

/// See triangular_tables; 5 operations an entry where the sum carries the input, else 7.
template <Drive How, class V, std::size_t W, class T>
DANAUS_INLINE void triangular(const StructuredTables<T>& t, const Columns<V, W>& at) noexcept {
  const V keep(t.keep);
  V sum[W], other[W];
  for (std::size_t w = 0; w < W; ++w) {
    const V u = at.input(w, t.input);
    sum[w] = How == Drive::carried ? u : V(T(0));
    other[w] = How == Drive::driven ? u : V(T(0));
  }
  const T* row = t.rows;
  for (std::size_t i = 0; i < t.order; ++i, row += 6) {
    const V delta(row[0]), beta(row[1]), tau(row[2]), sigma(row[3]), eps(row[4]), kappa(row[5]);
    const std::size_t n = (t.transposed ? t.order - 1 - i : i) * tile;
    for (std::size_t w = 0; w < W; ++w) {
      const V x = simd::load<V>(at.x[w] + n);
      V change = How == Drive::driven ? fma(eps, other[w], fma(delta, x, V(T(0)))) : delta * x;
      change = fnma(beta, sum[w], change);
      if constexpr (How == Drive::gathered) other[w] = fma(eps, x, fnma(kappa, sum[w], other[w]));
      V next = fma(tau, x, V(T(0)));
      if constexpr (How == Drive::driven) next = fma(kappa, other[w], next);
      sum[w] = fma(sigma, sum[w], next);
      simd::store(fma(keep, x, change), at.x[w] + n);
    }
  }
  for (std::size_t w = 0; w < W; ++w) at.output(w, How == Drive::gathered ? other[w] : sum[w], t.output);
}

/// z_n of window_tables, going up.
template <class V, std::size_t W, class T>
DANAUS_INLINE void eliminate(const StructuredTables<T>& t, const Columns<V, W>& at) noexcept {
  V z[W];
  const T* row = t.rows;
  for (std::size_t w = 0; w < W; ++w) z[w] = at.input(w, t.input * row[3]);
  for (std::size_t n = 0; n < t.order; ++n, row += 4) {
    const V in(row[0]), half(n == 0 ? T(1) : row[1]);
    for (std::size_t w = 0; w < W; ++w) {
      z[w] = fma(in, simd::load<V>(at.x[w] + n * tile), fma(half, z[w], V(T(0))));
      simd::store(z[w], at.scratch + (n * W + w) * V::size());
    }
  }
}

/// x' = x - h p w: 5 operations an entry.
template <class V, std::size_t W, class T>
DANAUS_INLINE void window_increments(const StructuredTables<T>& t, const Columns<V, W>& at) noexcept {
  eliminate(t, at);
  V above[W];
  for (std::size_t w = 0; w < W; ++w) above[w] = V(T(0));
  for (std::size_t n = t.order; n-- > 0;) {
    const T* const row = t.rows + 4 * n;
    const V half(row[1]), out(row[2]);
    for (std::size_t w = 0; w < W; ++w) {
      T* const x = at.x[w] + n * tile;
      above[w] = fnma(half, above[w], simd::load<V>(at.scratch + (n * W + w) * V::size()));
      simd::store(fnma(out, above[w], simd::load<V>(x)), x);
    }
  }
  for (std::size_t w = 0; w < W; ++w) at.output(w, above[w], t.output);
}

/// x' = keep x + (gain / q) T w, for long steps.
template <class V, std::size_t W, class T>
DANAUS_INLINE void window_direct(const StructuredTables<T>& t, const Columns<V, W>& at) noexcept {
  eliminate(t, at);
  const V keep(t.keep), corner(t.transposed ? T(-1) : T(1));
  V above[W], here[W];
  for (std::size_t w = 0; w < W; ++w) {
    here[w] = simd::load<V>(at.scratch + ((t.order - 1) * W + w) * V::size());
    above[w] = corner * here[w];
  }
  for (std::size_t n = t.order; n-- > 0;) {
    const V out(t.rows[4 * n + 2]), half(n > 0 ? t.rows[4 * (n - 1) + 1] : T(0));
    for (std::size_t w = 0; w < W; ++w) {
      T* const x = at.x[w] + n * tile;
      const V below =
          n > 0 ? fnma(half, here[w], simd::load<V>(at.scratch + ((n - 1) * W + w) * V::size())) : -(corner * here[w]);
      simd::store(fma(out, above[w] - below, keep * simd::load<V>(x)), x);
      above[w] = here[w];
      here[w] = below;
    }
  }
  for (std::size_t w = 0; w < W; ++w) {
    at.output(w, above[w], t.output);
    if (at.u != nullptr) simd::store(simd::load<V>(at.x[w]) + at.input(w, T(1) - t.keep), at.x[w]);
  }
}

/// x' = keep x + a P + b Q, P the sum up to n, Q the alternating one beyond it.
template <class V, std::size_t W, class T>
DANAUS_INLINE void window_prefix(const StructuredTables<T>& t, const Columns<V, W>& at) noexcept {
  const V keep(t.keep);
  const auto row_of = [&](std::size_t i) { return (t.transposed ? t.order - 1 - i : i) * tile; };
  V sum[W];
  for (std::size_t w = 0; w < W; ++w) sum[w] = V(T(0));
  for (std::size_t i = t.order; i-- > 0;) {
    const V in(t.rows[4 * i + 1]);
    for (std::size_t w = 0; w < W; ++w) {
      simd::store(sum[w], at.scratch + (i * W + w) * V::size());
      sum[w] = fma(in, simd::load<V>(at.x[w] + row_of(i)), sum[w]);
    }
  }
  for (std::size_t w = 0; w < W; ++w) sum[w] = at.input(w, t.input);
  for (std::size_t i = 0; i < t.order; ++i) {
    const V in(t.rows[4 * i]), a(t.rows[4 * i + 2]), b(t.rows[4 * i + 3]);
    for (std::size_t w = 0; w < W; ++w) {
      T* const to = at.x[w] + row_of(i);
      const V x = simd::load<V>(to), beyond = simd::load<V>(at.scratch + (i * W + w) * V::size());
      sum[w] = fma(in, x, sum[w]);
      simd::store(fma(a, sum[w], fma(b, beyond, fma(keep, x, V(T(0))))), to);
    }
  }
  for (std::size_t w = 0; w < W; ++w) at.output(w, sum[w], t.output);
}

/// See rotation_tables; 6 operations an entry, 5 without the sum.
template <class V, std::size_t W, class T>
DANAUS_INLINE void rotate(const StructuredTables<T>& t, const Columns<V, W>& at) noexcept {
  const V keep(t.keep);
  const T* row = t.rows;
  V sum[W], twin[W];
  for (std::size_t w = 0; w < W; ++w) {
    sum[w] = at.input(w, t.input);
    twin[w] = V(T(0));
  }
  for (std::size_t n = 0; n < t.order; n += 2, row += 6) {
    const V l(row[2]), m(row[3]);
    for (std::size_t w = 0; w < W; ++w) {
      sum[w] = fnma(l, simd::load<V>(at.x[w] + n * tile), sum[w]);
      twin[w] = fnma(m, simd::load<V>(at.x[w] + (n + 1) * tile), twin[w]);
    }
  }
  for (std::size_t w = 0; w < W; ++w) sum[w] = sum[w] + twin[w];
  row = t.rows;
  for (std::size_t n = 0; n < t.order; n += 2, row += 6) {
    const V e(row[0]), f(row[1]), v(row[4]), r(row[5]);
    for (std::size_t w = 0; w < W; ++w) {
      T* const to = at.x[w] + n * tile;
      const V x = simd::load<V>(to), y = simd::load<V>(to + tile);
      simd::store(fma(keep, x, fma(e, x, fnma(f, y, v * sum[w]))), to);
      simd::store(fma(keep, y, fma(e, y, fma(f, x, r * sum[w]))), to + tile);
    }
  }
  for (std::size_t w = 0; w < W; ++w) at.output(w, sum[w], t.output);
}

template <class V, std::size_t W, class T>
DANAUS_INLINE void apply(const StructuredTables<T>& t, const Columns<V, W>& at) noexcept {
  using K = typename StructuredTables<T>::Kernel;
  switch (t.kernel) {
    case K::carried:
      return triangular<Drive::carried>(t, at);
    case K::driven:
      return triangular<Drive::driven>(t, at);
    case K::gathered:
      return triangular<Drive::gathered>(t, at);
    case K::increments:
      return window_increments(t, at);
    case K::direct:
      return window_direct(t, at);
    case K::prefix:
      return window_prefix(t, at);
    case K::rotations:
      return rotate(t, at);
  }
}

/// The W registers of channels from channel `c`.
template <class V, std::size_t W, class T>
DANAUS_INLINE void apply_some(const StructuredTables<T>& t, T* state, std::size_t c, const T* u, T* out,
                              T* scratch) noexcept {
  Columns<V, W> at{{}, u == nullptr ? u : u + c, out == nullptr ? out : out + c, scratch};
  for (std::size_t w = 0; w < W; ++w) {
    const std::size_t first = c + w * V::size();
    at.x[w] = state + first / tile * t.order * tile + first % tile;
  }
  apply(t, at);
}

}  // namespace structured

/// Registers of channels that structured maps take side by side.
inline constexpr std::size_t structured_width = 4;
/// Tiles that a pass takes together, and elements of its scratch.
template <class T>
inline constexpr std::size_t structured_tiles = (structured_width * simd::native<T>::size() + tile - 1) / tile;

template <class T>
constexpr std::size_t structured_scratch(std::size_t order) noexcept {
  return order * structured_width * simd::native<T>::size();
}

/// One map of all channels: state (tiles, N, tile) in place. `u` (tiles, tile) the inputs of a step, or null; `out`
/// (tiles, tile), for the adjoint of a step: the gradients of its inputs, or null. A channel's bits do not depend on
/// those beside it. Relative to the norms: float64 1e-14, float32 3e-7 (solves, N to 1024, any c).
template <std::floating_point T>
DANAUS_KERNEL void structured_apply(const StructuredTables<T>& t, T* state, std::size_t tiles, const T* u, T* out,
                                    T* scratch) noexcept {
  using V = simd::native<T>;
  constexpr std::size_t L = V::size(), some = tile / L < structured_width ? tile / L : structured_width;
  const std::size_t channels = tiles * tile;
  std::size_t c = 0;
  for (; c + structured_width * L <= channels; c += structured_width * L) {
    structured::apply_some<V, structured_width>(t, state, c, u, out, scratch);
  }
  if constexpr (some < structured_width) {  // else whole tiles leave nothing
    for (; c < channels; c += some * L) structured::apply_some<V, some>(t, state, c, u, out, scratch);
  }
}

}  // namespace DANAUS_ISA
}  // namespace danaus
