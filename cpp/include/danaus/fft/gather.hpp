// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include <danaus/core/view.hpp>
#include <danaus/fft/passes.hpp>

// Between arrays (time, channels) of any strides and the rows of a transform.
namespace danaus {

/// Elements that a copy of the coefficients of plan.channels() channels takes: all of them, and a cache line or more,
/// so that copies next to each other do not fall into one set of the cache.
template <std::floating_point T>
std::size_t staged_size(const RingPlan<T>& plan) noexcept {
  return plan.channels() * plan.points() + lanes<T>;
}

inline namespace DANAUS_ISA {

/// Whether the coefficients of channels [first, first + plan.channels()) of x can stay where they are.
template <class T, class U>
DANAUS_INLINE bool stands_ready(const RingPlan<T>& plan, std::size_t first, View<U, 2> x) noexcept {
  return plan.segments > 1 ? x.stride(0) == 1 : x.stride(1) == 1 && first + lanes<T> <= x.extent(1);
}

/// Where they stand.
template <class T, class U>
DANAUS_INLINE Coefficients<U> in_place(const RingPlan<T>&, std::size_t first, View<U, 2> x) noexcept {
  return {x.extent(0) == 0 ? nullptr : x.data_handle() + first * x.stride(1), x.stride(0), x.extent(0)};
}

/// The same of a copy of `count` coefficients.
template <class T, class U>
DANAUS_INLINE Coefficients<U> staged(const RingPlan<T>& plan, std::size_t count, U* stage) noexcept {
  return {stage, plan.channels(), count};
}

/// Copies channels [first, first + lanes) of x to rows next to each other; channels that x does not have become zero.
template <class T>
DANAUS_INLINE void gather_rows(std::size_t first, View<const T, 2> x, T* to) noexcept {
  const std::size_t count = x.extent(0), present = std::min(lanes<T>, x.extent(1) - first);
  const T* const from = x.data_handle() + first * x.stride(1);
  if (present < lanes<T>) std::fill_n(to, count * lanes<T>, T(0));
  if (x.stride(0) == 1) return simd::transpose(from, x.stride(1), present, count, to, lanes<T>);
  for (std::size_t t = 0; t < count; ++t) {
    const T* const row = from + t * x.stride(0);
    if (x.stride(1) == 1) {
      simd::each<T>(present,
                    [&]<class V>(std::size_t c) { simd::store(simd::load<V>(row + c), to + t * lanes<T> + c); });
    } else {
      for (std::size_t c = 0; c < present; ++c) to[t * lanes<T> + c] = row[c * x.stride(1)];
    }
  }
}

/// Copies rows next to each other to channels [first, first + lanes) of x, as far as it has them.
template <class T>
DANAUS_INLINE void scatter_rows(std::size_t first, const T* from, View<T, 2> x) noexcept {
  const std::size_t count = x.extent(0), present = std::min(lanes<T>, x.extent(1) - first);
  T* const to = x.data_handle() + first * x.stride(1);
  if (x.stride(0) == 1) return simd::transpose(from, lanes<T>, count, present, to, x.stride(1));
  for (std::size_t t = 0; t < count; ++t) {
    T* const row = to + t * x.stride(0);
    if (x.stride(1) == 1) {
      simd::each<T>(present,
                    [&]<class V>(std::size_t c) { simd::store(simd::load<V>(from + t * lanes<T> + c), row + c); });
    } else {
      for (std::size_t c = 0; c < present; ++c) row[c * x.stride(1)] = from[t * lanes<T> + c];
    }
  }
}

/// Whether what is written to x is larger than the caches, and its rows begin equally far from cache lines: stores may
/// then go past them.
template <class T>
DANAUS_INLINE bool bypasses(View<T, 2> x) noexcept {
  const std::size_t stride = x.stride(x.stride(0) == 1 ? 1 : 0);
  return x.extent(0) * x.extent(1) * sizeof(T) >= (std::size_t(4) << 20) && stride % lanes<T> == 0 &&
         reinterpret_cast<std::uintptr_t>(x.data_handle()) % sizeof(T) == 0;
}

/// Elements from p to the next cache line.
template <class T>
DANAUS_INLINE std::size_t to_line(const T* p) noexcept {
  return (cache_line - reinterpret_cast<std::uintptr_t>(p) % cache_line) % cache_line / sizeof(T);
}

/// Copies `parts` stages of one channel each to channels next to each other, cache line by cache line.
template <class T>
DANAUS_INLINE void scatter_channels(const T* stage, std::size_t pitch, std::size_t parts, std::size_t count, T* to,
                                    std::size_t far, bool past_cache) noexcept {
  constexpr std::size_t rows = 64;
  const std::size_t head = past_cache ? std::min(to_line(to), parts) : parts, lines = (parts - head) / lanes<T>;
  const std::size_t tail = head + lines * lanes<T>;
  for (std::size_t t = 0; t < count; t += rows) {
    const std::size_t high = std::min(rows, count - t);
    T* const p = to + t * far;
    simd::transpose(stage + t, pitch, head, high, p, far);
    simd::transpose<simd::Writing::past_cache>(stage + head * pitch + t, pitch, tail - head, high, p + head, far);
    simd::transpose(stage + tail * pitch + t, pitch, parts - tail, high, p + tail, far);
  }
}

/// Copies the coefficients of `parts` times plan.channels() channels from `first` on to stages staged_size() apart;
/// channels that x does not have become zero. Several at once, because a memory system that reads one cache line of a
/// row reads its neighbour too.
template <class T>
DANAUS_INLINE void gather(const RingPlan<T>& plan, std::size_t first, std::size_t parts, View<const T, 2> x,
                          T* stage) noexcept {
  const std::size_t count = x.extent(0), width = plan.channels(), pitch = staged_size(plan);
  if (width == 1) {
    const T* const from = x.data_handle() + first * x.stride(1);
    if (x.stride(1) == 1) return simd::transpose(from, x.stride(0), count, parts, stage, pitch);
    for (std::size_t i = 0; i < parts; ++i) {
      for (std::size_t t = 0; t < count; ++t) stage[i * pitch + t] = from[t * x.stride(0) + i * x.stride(1)];
    }
    return;
  }
  if (x.stride(1) == 1 && parts > 1 && first + parts * width <= x.extent(1)) {
    for (std::size_t t = 0; t < count; ++t) {
      const T* const from = x.row(t) + first;
      for (std::size_t g = 0; g < parts; ++g) {
        simd::each<T>(lanes<T>, [&]<class V>(std::size_t l) {
          simd::store(simd::load<V>(from + g * lanes<T> + l), stage + g * pitch + t * lanes<T> + l);
        });
      }
    }
    return;
  }
  for (std::size_t g = 0; g < parts; ++g) gather_rows(first + g * width, x, stage + g * pitch);
}

/// Copies coefficients from such stages to channels [first, first + parts * plan.channels()) of x, as far as it has
/// them.
template <class T>
DANAUS_INLINE void scatter(const RingPlan<T>& plan, std::size_t first, std::size_t parts, const T* stage,
                           View<T, 2> x) noexcept {
  const std::size_t count = x.extent(0), width = plan.channels(), pitch = staged_size(plan);
  if (width == 1) {
    T* const to = x.data_handle() + first * x.stride(1);
    if (x.stride(1) == 1) return scatter_channels(stage, pitch, parts, count, to, x.stride(0), bypasses(x));
    for (std::size_t i = 0; i < parts; ++i) {
      for (std::size_t t = 0; t < count; ++t) to[t * x.stride(0) + i * x.stride(1)] = stage[i * pitch + t];
    }
    return;
  }
  if (x.stride(1) == 1 && parts > 1 && first + parts * width <= x.extent(1)) {
    for (std::size_t t = 0; t < count; ++t) {
      T* const to = x.row(t) + first;
      for (std::size_t g = 0; g < parts; ++g) {
        simd::each<T>(lanes<T>, [&]<class V>(std::size_t l) {
          simd::store(simd::load<V>(stage + g * pitch + t * lanes<T> + l), to + g * lanes<T> + l);
        });
      }
    }
    return;
  }
  for (std::size_t g = 0; g < parts; ++g) scatter_rows(first + g * width, stage + g * pitch, x);
}

}  // namespace DANAUS_ISA
}  // namespace danaus
