// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include <danaus/hippo/legs_step.hpp>
#include <danaus/simd/loop.hpp>

// The steps of legs_step.hpp. The recurrence runs along the coefficients n; what is independent lies across it:
//   many channels: channels in lanes, and up to legs_batch samples on their way through the coefficients at once, so
//     that a coefficient is read and written once for all of them;
//   few channels: samples in lanes. Lane j works on coefficient i - j of sample j, and every x moves on to the next
//     lane: a register full of samples costs about what one does, but a single sample N dependent operations.
// Every entry is made by the same operations in the same order either way: the bits do not depend on the chunking.
namespace danaus {
inline namespace DANAUS_ISA {
namespace legs {

/// Where a, -q, p and s go.
template <class T>
struct StepRows {
  T* a;
  T* q;
  T* p;
  T* s;
};

/// Lanes of a, -q, p, s in double precision, rounded once: r and n per lane, the step's numbers per lane.
template <class W, class T>
DANAUS_INLINE void write_rows(W r, W n, W forward, W backward, W share, W gain, const StepRows<T>& to,
                              std::size_t i) noexcept {
  const W one(1), inverse = one / fma(backward, n + one, one), scaled = r * inverse;
  simd::store(simd::convert<T>(fnma(forward, n + one, one) * inverse), to.a + i);
  simd::store(simd::convert<T>(-(share * scaled)), to.q + i);
  simd::store(simd::convert<T>(fnma(backward, n, one) * inverse), to.p + i);
  simd::store(simd::convert<T>(gain * scaled), to.s + i);
}

/// One entry: x <- a x - q c, c <- p c + s x. The zeros leave one product each to fuse: all compilers then round alike.
template <class V>
DANAUS_INLINE void entry(V a, V q, V p, V s, V& x, V& c) noexcept {
  const V z = x, zero(typename V::value_type(0));
  x = fma(a, z, fma(q, c, zero));
  c = fma(s, z, fma(p, c, zero));
}

/// The tables of K samples for blocks of legs_rows coefficients: (blocks, K, 4, legs_rows).
template <std::size_t K, class T>
DANAUS_INLINE void fill_tables(const LegsStepTables& t, const LegsStep* steps, T* tables) noexcept {
  using W = simd::native<double>;
  for (std::size_t n = 0; n < t.order; n += legs_rows) {
    for (std::size_t k = 0; k < K; ++k, tables += 4 * legs_rows) {
      const LegsStep& h = steps[k];
      const StepRows<T> rows{tables, tables + legs_rows, tables + 2 * legs_rows, tables + 3 * legs_rows};
      const std::size_t count = std::min(legs_rows, (t.order - n + W::size() - 1) / W::size() * W::size());
      for (std::size_t i = 0; i < count; i += W::size())
        write_rows(simd::load<W>(t.root.data() + n + i), simd::load<W>(t.index.data() + n + i), W(h.forward),
                   W(h.backward), W(h.share), W(h.gain), rows, i);
    }
  }
}

/// K samples u (K, tile) through one tile's coefficients, R registers of its lanes at a time.
template <std::size_t K, std::size_t R, class V, class T>
DANAUS_INLINE void advance_lanes(std::size_t order, const T* tables, const T* u, T* x) noexcept {
  V c[K][R];
  simd::unrolled<K>([&](auto k) { simd::unrolled<R>([&](auto r) { c[k][r] = V(T(0)); }); });
  const auto row = [&](const T* w, auto mean) {
    V at[R];
    simd::unrolled<R>([&](auto r) { at[r] = simd::load<V>(x + r * V::size()); });
    simd::unrolled<K>([&](auto k) {
      const T* const one = w + k * 4 * legs_rows;
      simd::unrolled<R>([&](auto r) {
        const T* const held = u + k * tile + r * V::size();
        if constexpr (mean) at[r] = at[r] - simd::load<V>(held);
        entry(V(one[0]), V(one[legs_rows]), V(one[2 * legs_rows]), V(one[3 * legs_rows]), at[r], c[k][r]);
        if constexpr (mean) at[r] = at[r] + simd::load<V>(held);
      });
    });
    simd::unrolled<R>([&](auto r) { simd::store(at[r], x + r * V::size()); });
    x += tile;
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
  T c = 0;
  x[0] = x[0] - u;
  for (std::size_t n = 0; n < order; n += legs_rows, tables += 4 * legs_rows, x += legs_rows) {
    const std::size_t count = std::min(legs_rows, order - n);
    for (std::size_t i = 0; i < count; ++i) {
      const T z = x[i], pulled = tables[legs_rows + i] * c + T(0), kept = tables[2 * legs_rows + i] * c + T(0);
      x[i] = tables[i] * z + pulled;
      c = tables[3 * legs_rows + i] * z + kept;
    }
    if (n == 0) x[0] = x[0] + u;
  }
}

/// The transpose: n runs down, and -q and s change places. du (K, tile), the last sample first.
template <std::size_t K, std::size_t R, class V, class T>
DANAUS_INLINE void retreat_lanes(std::size_t order, const T* tables, T* du, T* x) noexcept {
  V c[K][R];
  simd::unrolled<K>([&](auto k) { simd::unrolled<R>([&](auto r) { c[k][r] = V(T(0)); }); });
  for (std::size_t n = order; n-- > 0;) {
    const T* const block = tables + n / legs_rows * (K * 4 * legs_rows) + n % legs_rows;
    V at[R];
    simd::unrolled<R>([&](auto r) { at[r] = simd::load<V>(x + n * tile + r * V::size()); });
    simd::unrolled<K>([&](auto k) {
      const T* const w = block + k * 4 * legs_rows;
      simd::unrolled<R>([&](auto r) {
        const V whole = at[r];
        entry(V(w[0]), V(w[3 * legs_rows]), V(w[2 * legs_rows]), V(w[legs_rows]), at[r], c[k][r]);
        if (n == 0) simd::store(whole - at[r], du + k * tile + r * V::size());
      });
    });
    simd::unrolled<R>([&](auto r) { simd::store(at[r], x + n * tile + r * V::size()); });
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
          rows[k * tile + c] = c < count ? from[static_cast<std::ptrdiff_t>(k) * stride + static_cast<std::ptrdiff_t>(c)] : T(0);
    }
    for (std::size_t lane = 0; lane < tile; lane += group) {
      if constexpr (Back) {
        retreat_lanes<K, R, V>(shape.order, tables, rows + lane, x + i * tile * shape.order + lane);
      } else {
        advance_lanes<K, R, V>(shape.order, tables, rows + lane, x + i * tile * shape.order + lane);
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
  V moving(T(0)), c(T(0));
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
      moving = [&]<std::size_t... I>(std::index_sequence<I...>) {  // lane j <- lane j - 1, lane 0 <- x_n
        return V::wrap(__builtin_shufflevector(moving.v, V(n < t.order ? x[n] : T(0)).v,
                                               (I == 0 ? static_cast<int>(J) : static_cast<int>(I) - 1)...));
      }(std::make_index_sequence<J>{});
      const auto mean = place == V(static_cast<T>(n));
      if (n < J) moving = simd::select(mean, moving - input, moving);
      entry(simd::load<V>(w), simd::load<V>(w + J), simd::load<V>(w + 2 * J), simd::load<V>(w + 3 * J), moving, c);
      if (n < J) moving = simd::select(mean, moving + input, moving);
      if (n + 1 >= J) x[n + 1 - J] = moving.v[J - 1];
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
    for (; k + N <= count; k += N)
      advance_samples<simd::vec<T, N>>(t, steps + k, u + k * stride, stride, rows, x);
    if (k < count) advance_channel<N / 2>(t, steps, u, stride, k, count, rows, x);
  }
}

template <class T>
DANAUS_INLINE constexpr std::size_t step_workspace_bytes(std::size_t order) noexcept {
  const std::size_t blocks = (order + legs_rows - 1) / legs_rows;
  return workspace_size<T>(4 * legs_rows * std::max(blocks * legs_batch, simd::native<T>::size()));
}

/// Steps pieces [first, last) of x over u (L, channels), L steps. No sample may be the first of all: that one is exact,
/// x = u e_0. 6 L N operations a channel; 1e-6 (float), 1e-13 (double) of the recurrence in exact arithmetic, N <= 1024.
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
