// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include <danaus/hippo/legs_entry.hpp>

// The steps of legs_step.hpp. The recurrence runs along the coefficients n; what is independent lies across it:
//   many channels: channels in lanes, and up to legs_batch samples on their way through the coefficients at once, so
//     that a coefficient is read and written once for all of them;
//   few channels: samples in lanes. Lane j works on coefficient i - j of sample j, and every x moves on to the next
//     lane: a register full of samples costs about what one does, but a single sample N dependent operations.
// Every entry is made by the same operations in the same order either way: the bits do not depend on the chunking.
namespace danaus {
inline namespace DANAUS_ISA {
namespace legs {

/// From one coefficient of a tile to the next.
template <class T>
inline constexpr std::size_t step_row = (legs_carries<T> ? 2 : 1) * tile;

/// K samples u (K, tile) through one tile's coefficients, R registers of its lanes at a time.
template <std::size_t K, std::size_t R, class V, class T>
DANAUS_INLINE void advance_lanes(std::size_t order, const T* tables, const T* u, T* x) noexcept {
  constexpr bool carries = legs_carries<T>;
  V c[K][R];
  simd::unrolled<K>([&](auto k) { simd::unrolled<R>([&](auto r) { c[k][r] = V(T(0)); }); });
  const auto row = [&](const T* w, auto mean) {
    Kept<V, carries> at[R];
    simd::unrolled<R>([&](auto r) { at[r].load(x + r * V::size(), tile); });
    simd::unrolled<K>([&](auto k) {
      const T* const one = w + k * 4 * legs_rows;
      simd::unrolled<R>([&](auto r) {
        V z = at[r].x;
        if constexpr (mean) z = z - simd::load<V>(u + k * tile + r * V::size());
        at[r].add(entry(V(one[0]), V(one[legs_rows]), V(one[2 * legs_rows]), V(one[3 * legs_rows]), z, c[k][r]));
      });
    });
    simd::unrolled<R>([&](auto r) { at[r].store(x + r * V::size(), tile); });
    x += step_row<T>;
  };
  row(tables, std::true_type{});
  for (std::size_t n = 0; n < order; n += legs_rows, tables += K * 4 * legs_rows) {
    const std::size_t count = std::min(legs_rows, order - n);
    for (std::size_t i = n == 0 ? 1 : 0; i < count; ++i) row(tables + i, std::false_type{});
  }
}

/// One sample of one channel, whose tables are ready: a chain of N fused operations.
template <class T>
DANAUS_INLINE void advance_one(std::size_t order, const T* tables, T u, T* x) noexcept {
  using V = simd::vec<T, 1>;
  T c = 0;
  for (std::size_t n = 0; n < order; n += legs_rows, tables += 4 * legs_rows) {
    const std::size_t count = std::min(legs_rows, order - n);
    for (std::size_t i = 0; i < count; ++i) {
      T* const p = x + n + i;
      const T z = n + i == 0 ? p[0] - u : p[0];
      const T pulled = tables[legs_rows + i] * c + T(0), added = tables[3 * legs_rows + i] * z + T(0);
      const T change = tables[i] * z + pulled;
      c = tables[2 * legs_rows + i] * c + added;
      Kept<V, legs_carries<T>> at;
      at.load(p, order);
      at.add(V(change));
      at.store(p, order);
    }
  }
}

/// The transpose: n runs down, and -q and s change places. du (K, tile), the last sample first.
template <std::size_t K, std::size_t R, class V, class T>
DANAUS_INLINE void retreat_lanes(std::size_t order, const T* tables, T* du, T* x) noexcept {
  V c[K][R];
  simd::unrolled<K>([&](auto k) { simd::unrolled<R>([&](auto r) { c[k][r] = V(T(0)); }); });
  for (std::size_t n = order; n-- > 0;) {
    const T* const block = tables + n / legs_rows * (K * 4 * legs_rows) + n % legs_rows;
    Kept<V, legs_carries<T>> at[R];
    simd::unrolled<R>([&](auto r) { at[r].load(x + n * step_row<T> + r * V::size(), tile); });
    simd::unrolled<K>([&](auto k) {
      const T* const w = block + k * 4 * legs_rows;
      simd::unrolled<R>([&](auto r) {
        const V change = entry(V(w[0]), V(w[3 * legs_rows]), V(w[2 * legs_rows]), V(w[legs_rows]), at[r].x, c[k][r]);
        at[r].add(change);
        if (n == 0) simd::store(-change, du + k * tile + r * V::size());
      });
    });
    simd::unrolled<R>([&](auto r) { at[r].store(x + n * step_row<T> + r * V::size(), tile); });
  }
}

/// Registers of one tile that go together, so that with legs_batch samples the sums stay in registers.
template <class T>
inline constexpr std::size_t step_lanes =
    std::min(tile / simd::native<T>::size(), simd::registers >= 32 ? std::size_t{2} : std::size_t{1});

/// Tiles [first, last) by K samples, whose tables are ready; u (K, channels), row stride `stride`.
template <std::size_t K, bool Back, class T, class U>
DANAUS_INLINE void cross_tiles(LegsStepShape shape, std::size_t first, std::size_t last, const T* tables, U* u,
                               std::ptrdiff_t stride, T* x) noexcept {
  using V = simd::native<T>;
  constexpr std::size_t R = step_lanes<T>, group = R * V::size();
  alignas(64) T rows[K * tile];
  for (std::size_t i = first; i < last; ++i) {
    U* const from = u + i * tile;
    const std::size_t count = std::min(tile, shape.channels - i * tile);
    if constexpr (!Back) {
      for (std::size_t k = 0; k < K; ++k)
        for (std::size_t c = 0; c < tile; ++c)
          rows[k * tile + c] =
              c < count ? from[static_cast<std::ptrdiff_t>(k) * stride + static_cast<std::ptrdiff_t>(c)] : T(0);
    }
    for (std::size_t lane = 0; lane < tile; lane += group) {
      if constexpr (Back) {
        retreat_lanes<K, R, V>(shape.order, tables, rows + lane, x + i * step_row<T> * shape.order + lane);
      } else {
        advance_lanes<K, R, V>(shape.order, tables, rows + lane, x + i * step_row<T> * shape.order + lane);
      }
    }
    if constexpr (Back) {
      for (std::size_t k = 0; k < K; ++k)
        for (std::size_t c = 0; c < count; ++c)
          from[static_cast<std::ptrdiff_t>(k) * stride + static_cast<std::ptrdiff_t>(c)] = rows[k * tile + c];
    }
  }
}

/// V::size() samples of one channel, one to a lane; `rows` has room for 4 legs_rows V::size(). u as strided.
template <class V, class T>
DANAUS_INLINE void advance_samples(const LegsStepTables& t, const LegsStep* steps, const T* u, std::size_t stride,
                                   T* rows, T* x) noexcept {
  constexpr std::size_t J = V::size(), H = std::min(J, simd::native<double>::size());
  using W = simd::vec<double, H>;
  alignas(64) double number[4][J];
  alignas(64) T held[J], lane[J];
  for (std::size_t j = 0; j < J; ++j) {
    number[0][j] = steps[j].forward, number[1][j] = steps[j].backward;
    number[2][j] = steps[j].share, number[3][j] = steps[j].gain;
    held[j] = u[j * stride];
    lane[j] = static_cast<T>(j);
  }
  const V input = simd::load<V>(held), place = simd::load<V>(lane);
  const auto shifted = [&]<std::size_t... I>(V from, T in, std::index_sequence<I...>) {  // lane j <- lane j - 1
    return V::wrap(
        __builtin_shufflevector(from.v, V(in).v, (I == 0 ? static_cast<int>(J) : static_cast<int>(I) - 1)...));
  };
  constexpr auto all_lanes = std::make_index_sequence<J>{};
  Kept<V, legs_carries<T>> moving{V(T(0)), V(T(0))};
  T* const lost = x + t.order;
  V c(T(0));
  const std::size_t all = t.order + J - 1;
  for (std::size_t first = 0; first < all; first += legs_rows) {
    const std::size_t count = std::min(legs_rows, all - first);
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t from = t.reach - (first + i);  // n = first + i - j at lane j
      const StepRows<T> to{rows + i * 4 * J, rows + (i * 4 + 1) * J, rows + (i * 4 + 2) * J, rows + (i * 4 + 3) * J};
      for (std::size_t j = 0; j < J; j += H)
        write_rows(simd::load<W>(t.reversed_root.data() + from + j), simd::load<W>(t.reversed_index.data() + from + j),
                   simd::load<W>(number[0] + j), simd::load<W>(number[1] + j), simd::load<W>(number[2] + j),
                   simd::load<W>(number[3] + j), to, j);
    }
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t n = first + i;
      const T* const w = rows + i * 4 * J;
      moving.x = shifted(moving.x, n < t.order ? x[n] : T(0), all_lanes);
      if constexpr (legs_carries<T>) moving.lost = shifted(moving.lost, n < t.order ? lost[n] : T(0), all_lanes);
      V z = moving.x;
      if (n < J) z = simd::select(place == V(static_cast<T>(n)), z - input, z);
      moving.add(
          entry(simd::load<V>(w), simd::load<V>(w + J), simd::load<V>(w + 2 * J), simd::load<V>(w + 3 * J), z, c));
      if (n + 1 < J) continue;
      x[n + 1 - J] = moving.x.v[J - 1];
      if constexpr (legs_carries<T>) lost[n + 1 - J] = moving.lost.v[J - 1];
    }
  }
}

/// Samples [k, count) of one channel, as many in lanes as still fit.
template <std::size_t N, class T>
DANAUS_INLINE void advance_channel(const LegsStepTables& t, const LegsStep* steps, const T* u, std::size_t stride,
                                   std::size_t k, std::size_t count, T* rows, T* x) noexcept {
  if constexpr (N == 1) {
    for (; k < count; ++k) {
      fill_tables<1>(t, steps + k, rows);
      advance_one(t.order, rows, u[k * stride], x);
    }
  } else {
    for (; k + N <= count; k += N) advance_samples<simd::vec<T, N>>(t, steps + k, u + k * stride, stride, rows, x);
    if (k < count) advance_channel<N / 2>(t, steps, u, stride, k, count, rows, x);
  }
}

template <class T>
DANAUS_INLINE constexpr std::size_t step_workspace_bytes(std::size_t order) noexcept {
  const std::size_t blocks = (order + legs_rows - 1) / legs_rows;
  return workspace_size<T>(4 * legs_rows * std::max(blocks * legs_batch, simd::native<T>::size()));
}

/// Steps pieces [first, last) of x over u (L, channels), L steps. No sample may be the first of all: that one is exact,
/// x = u e_0. 6 L N operations a channel (float:
/// 10); 1e-6 (float), 1e-12 (double) of the recurrence in exact arithmetic, N <= 1024, L <= 1e6.
template <std::floating_point T>
DANAUS_KERNEL void scan_steps(const LegsStepTables& t, LegsStepShape shape, std::size_t first, std::size_t last,
                              const LegsStep* steps, View<const T, 2> u, T* x, Workspace space) noexcept {
  const std::size_t length = u.extent(0), stride = u.stride(0);
  T* const tables = space.take<T>(step_workspace_bytes<T>(shape.order) / sizeof(T));
  if (shape.lone()) {
    for (std::size_t c = first; c < last; ++c)
      advance_channel<simd::native<T>::size()>(t, steps, u.data_handle() + c, stride, 0, length, tables,
                                               x + c * shape.piece());
    return;
  }
  std::size_t k = 0;
  const auto row = static_cast<std::ptrdiff_t>(stride);
  for (; k + legs_batch <= length; k += legs_batch) {
    fill_tables<legs_batch>(t, steps + k, tables);
    cross_tiles<legs_batch, false>(shape, first, last, tables, u.row(k), row, x);
  }
  for (; k < length; ++k) {
    fill_tables<1>(t, steps + k, tables);
    cross_tiles<1, false>(shape, first, last, tables, u.row(k), row, x);
  }
}

/// The transpose of scan_steps; `grad` in tiles whatever the number of channels, du (L, channels). `steps` are in the
/// order of du, both are walked from the last to the first.
template <std::floating_point T>
DANAUS_KERNEL void scan_steps_vjp(const LegsStepTables& t, LegsStepShape shape, std::size_t first, std::size_t last,
                                  const LegsStep* steps, View<T, 2> du, T* grad, Workspace space) noexcept {
  T* const tables = space.take<T>(step_workspace_bytes<T>(shape.order) / sizeof(T));
  const auto row = static_cast<std::ptrdiff_t>(du.stride(0));
  std::size_t k = du.extent(0);
  for (; k >= legs_batch; k -= legs_batch) {
    LegsStep turned[legs_batch];
    std::reverse_copy(steps + k - legs_batch, steps + k, turned);
    fill_tables<legs_batch>(t, turned, tables);
    cross_tiles<legs_batch, true>(shape, first, last, tables, du.row(k - 1), -row, grad);
  }
  for (; k > 0; --k) {
    fill_tables<1>(t, steps + k - 1, tables);
    cross_tiles<1, true>(shape, first, last, tables, du.row(k - 1), -row, grad);
  }
}

/// The run functions of the steps for the instruction set this file is compiled for.
template <class T>
constexpr LegsStepKernels<T> legs_step_kernels() noexcept {
  return {&step_workspace_bytes<T>, &scan_steps<T>, &scan_steps_vjp<T>};
}

}  // namespace legs
}  // namespace DANAUS_ISA
}  // namespace danaus
