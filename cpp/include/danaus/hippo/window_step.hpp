// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/hippo/structured_run.hpp>
#include <danaus/hippo/window_chunk.hpp>
#include <danaus/simd/memory.hpp>

// Memories of windows and decays that step, a sample at a time, and the scans that training needs.
namespace danaus {
inline namespace DANAUS_ISA {
namespace window {

/// States below this become 0 every `rest` samples: a signal long gone would leave denormal numbers, which cost a
/// hundred times as much. Signals below it drown.
template <class T>
inline constexpr T silence = sizeof(T) == 4 ? T(0x1p-64) : T(0x1p-800);
inline constexpr std::size_t rest = 64;

template <class T>
DANAUS_INLINE void hush(T* x, std::size_t size) noexcept {
  using V = simd::native<T>;
  for (std::size_t i = 0; i < size; i += V::size()) {
    const V v = simd::load<V>(x + i);
    simd::store(simd::select((v < V(silence<T>)) & (v > V(-silence<T>)), V(T(0)), v), x + i);
  }
}

/// Some tiles of all channels, whose states stay in the first-level cache over time.
template <class T>
struct Group {
  std::size_t first, tiles, channels;  // first channel; how many of them are real
  T* state;
};

/// Calls f for group after group.
template <class T, class F>
DANAUS_INLINE void each_group(std::size_t order, std::size_t channels, T* state, F f) noexcept {
  constexpr std::size_t most = structured_tiles<T>;
  for (std::size_t first = 0; first < channels; first += most * tile) {
    const std::size_t left = channels - first, real = left < most * tile ? left : most * tile;
    f(Group<T>{first, padded(real) / tile, real, state + first * order});
  }
}

/// A row of samples into whole tiles.
template <class T>
DANAUS_INLINE void stage(const T* row, const Group<T>& g, T* to) noexcept {
  for (std::size_t c = 0; c < g.channels; ++c) to[c] = row[g.first + c];
  for (std::size_t c = g.channels; c < g.tiles * tile; ++c) to[c] = T(0);
}

/// out (channels, N) <- the group's state; and back.
template <class T>
DANAUS_INLINE void read_group(const Group<T>& g, std::size_t order, T* out) noexcept {
  for (std::size_t c = 0; c < g.channels; c += tile) {
    const std::size_t some = g.channels - c < tile ? g.channels - c : tile;
    simd::transpose(g.state + c * order, tile, order, some, out + (g.first + c) * order, order);
  }
}

/// Takes in samples (L, channels), each held until its end, or for one unit of time.
template <class T>
inline void absorb_steps(const WindowTables& t, const StructuredTables<T>& unit, WindowState<T>& state,
                         View<const T, 2> samples, const double* ends, Workspace space) noexcept {
  T* const scratch = space.take<T>(structured_scratch<T>(t.order));
  T* const rows = space.take<T>(structured_rows(t.order));
  const std::size_t length = samples.extent(0);
  alignas(64) T in[structured_tiles<T> * tile];
  const auto take = [&](const Group<T>& g, const StructuredTables<T>& tables, std::size_t k) {
    stage(samples.row(k), g, in);
    structured_apply(tables, g.state, g.tiles, in, static_cast<T*>(nullptr), scratch);
    if ((state.count + k + 1) % rest == 0) hush(g.state, g.tiles * t.order * tile);
  };
  if (ends == nullptr) {
    each_group(t.order, state.channels, state.tiles, [&](const Group<T>& g) {
      for (std::size_t k = 0; k < length; ++k) take(g, unit, k);
    });
    state.time += static_cast<double>(length);
  } else {
    double last = 1;
    StructuredTables<T> tables = unit;
    for (std::size_t k = 0; k < length; ++k) {
      const double gap = ends[k] - state.time;
      if (gap != last) tables = gap == 1 ? unit : structured_tables(t.structure, t.map(gap), rows);
      last = gap;
      each_group(t.order, state.channels, state.tiles, [&](const Group<T>& g) { take(g, tables, k); });
      state.time = ends[k];
    }
  }
  state.count += length;
}

/// State (tiles, N, tile) <- the state after u (L, channels); out (L / every, channels, N) <- the states after each
/// `every` samples, or empty. Stepping tables only. 5 to 7 operations a state entry and sample.
template <class T>
inline void scan_steps(const WindowTables& t, const StructuredTables<T>& tables, View<const T, 2> u, std::size_t every,
                       T* state, View<T, 3> out, Workspace space) noexcept {
  T* const scratch = space.take<T>(structured_scratch<T>(t.order));
  alignas(64) T in[structured_tiles<T> * tile];
  each_group(t.order, u.extent(1), state, [&](const Group<T>& g) {
    for (std::size_t k = 0; k < u.extent(0); ++k) {
      stage(u.row(k), g, in);
      structured_apply(tables, g.state, g.tiles, in, static_cast<T*>(nullptr), scratch);
      if ((k + 1) % rest == 0) hush(g.state, g.tiles * t.order * tile);
      if (out.extent(0) > 0 && (k + 1) % every == 0) read_group(g, t.order, out.row(k / every));
    }
  });
}

/// The adjoint, `tables` being those of the transposed step: `state` holds the gradient of the last state and becomes
/// that of the first; grad (L / every, channels, N) those of the states on the way, or empty; du (L, channels).
template <class T>
inline void scan_steps_vjp(const WindowTables& t, const StructuredTables<T>& tables, std::size_t every,
                           View<const T, 3> grad, T* state, View<T, 2> du, Workspace space) noexcept {
  T* const scratch = space.take<T>(structured_scratch<T>(t.order));
  alignas(64) T out[structured_tiles<T> * tile];
  each_group(t.order, du.extent(1), state, [&](const Group<T>& g) {
    for (std::size_t k = du.extent(0); k-- > 0;) {
      if (grad.extent(0) > 0 && (k + 1) % every == 0) {
        for (std::size_t c = 0; c < g.channels; ++c) {
          const T* const from = grad.row(k / every) + (g.first + c) * t.order;
          T* const to = g.state + c / tile * tile * t.order + c % tile;
          for (std::size_t n = 0; n < t.order; ++n) to[n * tile] += from[n];
        }
      }
      structured_apply(tables, g.state, g.tiles, static_cast<const T*>(nullptr), out, scratch);
      if (k % rest == 0) hush(g.state, g.tiles * t.order * tile);
      for (std::size_t c = 0; c < g.channels; ++c) du(k, g.first + c) = out[c];
    }
  });
}

/// The same for exact memories that have no O(N) step: `every` samples, or a chunk, at a time.
template <class T>
inline void scan_chunks(const WindowTables& t, View<const T, 2> u, std::size_t every, T* state, View<T, 3> out,
                        Workspace space) noexcept {
  const std::size_t channels = u.extent(1);
  for (std::size_t c = 0, some = 0; c < channels; c += some) {
    some = legs::pass(channels - c);
    Workspace mine = space;
    Strip s(t, legs::pass_width(some), mine);
    const auto place = [&](T* from, std::size_t lane) {
      return from + ((c + lane) / tile * t.order) * tile + (c + lane) % tile;
    };
    for (std::size_t lane = 0; lane < some; ++lane) {
      for (std::size_t n = 0; n < t.order; ++n)
        s.x[n * s.width + lane] = static_cast<double>(place(state, lane)[n * tile]);
    }
    for (std::size_t k = 0; k < u.extent(0);) {
      std::size_t count = t.chunk < u.extent(0) - k ? t.chunk : u.extent(0) - k;
      if (out.extent(0) > 0 && every - k % every < count) count = every - k % every;
      s.clear(s.u, count);
      for (std::size_t i = 0; i < count; ++i) {
        for (std::size_t lane = 0; lane < some; ++lane)
          s.u[i * s.width + lane] = static_cast<double>(u(k + i, c + lane));
      }
      s.advance(t, count);
      k += count;
      if (out.extent(0) == 0 || k % every != 0) continue;
      for (std::size_t lane = 0; lane < some; ++lane) {
        T* const to = out.row(k / every - 1) + (c + lane) * t.order;
        for (std::size_t n = 0; n < t.order; ++n) to[n] = static_cast<T>(s.x[n * s.width + lane]);
      }
    }
    for (std::size_t lane = 0; lane < some; ++lane) {
      for (std::size_t n = 0; n < t.order; ++n) place(state, lane)[n * tile] = static_cast<T>(s.x[n * s.width + lane]);
    }
  }
}

template <class T>
inline void scan_chunks_vjp(const WindowTables& t, std::size_t every, View<const T, 3> grad, T* state, View<T, 2> du,
                            Workspace space) noexcept {
  const std::size_t channels = du.extent(1), length = du.extent(0);
  for (std::size_t c = 0, some = 0; c < channels; c += some) {
    some = legs::pass(channels - c);
    Workspace mine = space;
    Strip s(t, legs::pass_width(some), mine);
    const auto place = [&](std::size_t lane) {
      return state + ((c + lane) / tile * t.order) * tile + (c + lane) % tile;
    };
    for (std::size_t lane = 0; lane < some; ++lane) {
      for (std::size_t n = 0; n < t.order; ++n) s.x[n * s.width + lane] = static_cast<double>(place(lane)[n * tile]);
    }
    for (std::size_t k = length; k > 0;) {
      if (grad.extent(0) > 0 && k % every == 0) {
        for (std::size_t lane = 0; lane < some; ++lane) {
          const T* const from = grad.row(k / every - 1) + (c + lane) * t.order;
          for (std::size_t n = 0; n < t.order; ++n) s.x[n * s.width + lane] += static_cast<double>(from[n]);
        }
      }
      std::size_t count = t.chunk < k ? t.chunk : k;
      if (grad.extent(0) > 0) {
        const std::size_t since = (k - 1) % every + 1;
        count = since < count ? since : count;
      }
      s.retreat(t, count);
      k -= count;
      for (std::size_t i = 0; i < count; ++i) {
        for (std::size_t lane = 0; lane < some; ++lane) du(k + i, c + lane) = static_cast<T>(s.u[i * s.width + lane]);
      }
    }
    for (std::size_t lane = 0; lane < some; ++lane) {
      for (std::size_t n = 0; n < t.order; ++n) place(lane)[n * tile] = static_cast<T>(s.x[n * s.width + lane]);
    }
  }
}

}  // namespace window
}  // namespace DANAUS_ISA
}  // namespace danaus
