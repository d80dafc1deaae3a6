// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include <danaus/core/view.hpp>
#include <danaus/fft/passes.hpp>

// Between arrays (time, channels) of any strides and the rows of a transform.
namespace danaus {

/// Elements that a copy of a group's coefficients takes: whole rows, and one more, so that copies next to each other
/// do not fall into one set of the cache.
template <std::floating_point T>
std::size_t staged_size(const RingPlan<T>& plan) noexcept {
  return (plan.rows + 1) * lanes<T>;
}

/// Where coefficient t of the group's channel c stands in a copy.
template <std::floating_point T>
DANAUS_INLINE std::size_t staged_at(const RingPlan<T>& plan, std::size_t t, std::size_t c) noexcept {
  return t / plan.slices * lanes<T> + c * plan.slices + t % plan.slices;
}

inline namespace DANAUS_ISA {

/// Whether a group's coefficients, channels [first, first + plan.channels()) of x, can stay where they are.
template <class T, class U>
DANAUS_INLINE bool stands_ready(const RingPlan<T>& plan, std::size_t first, View<U, 2> x) noexcept {
  if (first + plan.channels() > x.extent(1)) return false;
  if (plan.slices == 1) return x.stride(1) == 1;
  return plan.slices == lanes<T> && x.stride(0) == 1 && x.extent(0) % lanes<T> == 0;
}

/// Where they stand.
template <class T, class U>
DANAUS_INLINE Coefficients<U> in_place(const RingPlan<T>& plan, std::size_t first, View<U, 2> x) noexcept {
  U* const data = x.extent(0) == 0 ? nullptr : x.data_handle() + first * x.stride(1);
  return {data, plan.slices == 1 ? x.stride(0) : lanes<T>, x.extent(0) / plan.slices};
}

/// The same of a copy of `count` coefficients.
template <class T, class U>
DANAUS_INLINE Coefficients<U> staged(const RingPlan<T>& plan, std::size_t count, U* stage) noexcept {
  return {stage, lanes<T>, (count + plan.slices - 1) / plan.slices};
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

/// Copies `groups` groups of channels from `first` on to stages staged_size() apart; channels that x does not have, and
/// coefficients that only fill up a row, become zero. Several groups at once, because a memory system that reads one
/// cache line of a row reads its neighbour too.
template <class T>
DANAUS_INLINE void gather(const RingPlan<T>& plan, std::size_t first, std::size_t groups, View<const T, 2> x,
                          T* stage) noexcept {
  const std::size_t count = x.extent(0), width = plan.channels(), pitch = staged_size(plan);
  if (plan.slices == 1 && x.stride(1) == 1 && groups > 1 && first + groups * width <= x.extent(1)) {
    for (std::size_t t = 0; t < count; ++t) {
      const T* const from = x.row(t) + first;
      for (std::size_t g = 0; g < groups; ++g) {
        simd::each<T>(lanes<T>, [&]<class V>(std::size_t l) {
          simd::store(simd::load<V>(from + g * lanes<T> + l), stage + g * pitch + t * lanes<T> + l);
        });
      }
    }
    return;
  }
  for (std::size_t g = 0; g < groups; ++g) {
    const std::size_t here = first + g * width, present = std::min(width, x.extent(1) - here);
    T* const to = stage + g * pitch;
    if (plan.slices == 1) {
      gather_rows(here, x, to);
      continue;
    }
    const T* const from = x.data_handle() + here * x.stride(1);
    std::fill_n(to, staged(plan, count, to).rows * lanes<T>, T(0));
    for (std::size_t t = 0; t < count; ++t) {
      for (std::size_t c = 0; c < present; ++c) to[staged_at(plan, t, c)] = from[t * x.stride(0) + c * x.stride(1)];
    }
  }
}

/// Copies `groups` groups' rows from stages staged_size() apart to channels [first, ...) of x, all there and next to
/// each other: row by row.
template <class T>
DANAUS_INLINE void scatter_together(const RingPlan<T>& plan, std::size_t first, std::size_t groups, const T* stage,
                                    View<T, 2> x) noexcept {
  for (std::size_t t = 0; t < x.extent(0); ++t) {
    T* const to = x.row(t) + first;
    for (std::size_t g = 0; g < groups; ++g) {
      simd::each<T>(lanes<T>, [&]<class V>(std::size_t l) {
        simd::store(simd::load<V>(stage + g * staged_size(plan) + t * lanes<T> + l), to + g * lanes<T> + l);
      });
    }
  }
}

/// Copies one group's coefficients from a stage to channels [first, ...) of x.
template <class T>
DANAUS_INLINE void scatter(const RingPlan<T>& plan, std::size_t first, const T* stage, View<T, 2> x) noexcept {
  if (plan.slices == 1) return scatter_rows(first, stage, x);
  const std::size_t count = x.extent(0), present = std::min(plan.channels(), x.extent(1) - first);
  T* const to = x.data_handle() + first * x.stride(1);
  for (std::size_t t = 0; t < count; ++t) {
    for (std::size_t c = 0; c < present; ++c) to[t * x.stride(0) + c * x.stride(1)] = stage[staged_at(plan, t, c)];
  }
}

}  // namespace DANAUS_ISA
}  // namespace danaus
