// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/core/workspace.hpp>
#include <danaus/fft/gather.hpp>

namespace danaus {

/// Scratch of `spectrum` and `coefficients`.
template <std::floating_point T>
std::size_t transform_workspace_bytes(const RingPlan<T>& plan) noexcept {
  return workspace_size<T>(plan.work_size()) + 2 * workspace_size<T>(staged_size(plan));
}

inline namespace DANAUS_ISA {

/// The radix of a plan's passes that suits this instruction set.
inline constexpr std::size_t ring_radix = simd::registers >= 32 ? 8 : 4;

/// Forth from coefficients, in `work`.
template <class T>
[[gnu::noinline]] DANAUS_KERNEL void forth(const RingPlan<T>& plan, Coefficients<const T> from, const T* im,
                                           T* work) noexcept {
  enter_rows(plan, from, im, work);
  for (std::size_t q = 0; q < plan.blocks(); ++q) {
    transform_block<true>(plan, 0, work + q * plan.pitch() * 2 * lanes<T>);
  }
}

/// The values of sum_t x(t, c) z^t, t < x.extent(0) <= plan.points(), at the n points z with z^n = i (or 1), for
/// channels [first, first + plan.channels()): plan.rows() rows of real and imaginary parts in the plan's own order.
///
/// x any strides; x_im null or the coefficients' imaginary parts, at most as many; `out` may not overlap them.
/// 5 n log2(n) flop a channel. Error: about 0.3 eps log2(n) of the values' root mean square.
template <std::floating_point T>
DANAUS_KERNEL void spectrum(const RingPlan<T>& plan, std::size_t first, View<const T, 2> x,
                            const View<const T, 2>* x_im, T* out, Workspace scratch) noexcept {
  constexpr std::size_t row = 2 * lanes<T>;
  DANAUS_EXPECTS(x.extent(0) <= plan.points() && (x_im == nullptr || x_im->extent(0) <= x.extent(0)));
  T* const work = scratch.take<T>(plan.work_size());
  Coefficients<const T> from = in_place(plan, first, x);
  const T* im = nullptr;
  if (x_im != nullptr || !stands_ready(plan, first, x)) {
    T* const stage = scratch.take<T>(staged_size(plan));
    gather(plan, first, 1, x, stage);
    from = staged(plan, x.extent(0), static_cast<const T*>(stage));
  }
  if (x_im != nullptr) {
    T* const stage = scratch.take<T>(staged_size(plan));
    gather(plan, first, 1, *x_im, stage);
    std::fill_n(stage + x_im->extent(0) * plan.channels(), (x.extent(0) - x_im->extent(0)) * plan.channels(), T(0));
    im = stage;
  }
  forth(plan, from, im, work);
  for (std::size_t q = 0; q < plan.blocks(); ++q) {
    const T* const block = work + q * plan.pitch() * row;
    simd::each<T>(plan.block * row, [&]<class V>(std::size_t i) {
      simd::store(simd::load<V>(block + i), out + q * plan.block * row + i);
    });
  }
}

/// Undoes `spectrum` but for the factor n, then scales: x(t, c) and x_im(t, c) (null: not wanted) become the real and
/// imaginary parts of the first x.extent(0) coefficients. `values` is left alone.
template <std::floating_point T>
DANAUS_KERNEL void coefficients(const RingPlan<T>& plan, std::size_t first, const T* values, T scale, View<T, 2> x,
                                const View<T, 2>* x_im, Workspace scratch) noexcept {
  constexpr std::size_t row = 2 * lanes<T>;
  DANAUS_EXPECTS(x.extent(0) <= plan.points());
  T* const work = scratch.take<T>(plan.work_size());
  T* const re = scratch.take<T>(staged_size(plan));
  T* const im = x_im == nullptr ? nullptr : scratch.take<T>(staged_size(plan));
  for (std::size_t q = 0; q < plan.blocks(); ++q) {
    T* const block = work + q * plan.pitch() * row;
    simd::each<T>(plan.block * row, [&]<class V>(std::size_t i) {
      simd::store(simd::load<V>(values + q * plan.block * row + i), block + i);
    });
    transform_block<false>(plan, 0, block);
  }
  leave_rows(plan, static_cast<const T*>(work), scale, staged(plan, x.extent(0), re), im, Handover::store);
  scatter(plan, first, 1, static_cast<const T*>(re), x);
  if (im != nullptr) scatter(plan, first, 1, static_cast<const T*>(im), *x_im);
}

}  // namespace DANAUS_ISA
}  // namespace danaus
