// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <bit>
#include <memory>

#include <danaus/fft/transform.hpp>

namespace danaus {

/// How `channels` kernels of up to `taps` taps are applied to sequences: in blocks of block() samples, the channels
/// in groups. The channels that fill no group of `lanes` get a plan with slices, so that one channel fills the lanes.
template <std::floating_point T>
struct ConvolutionPlan {
  using Ring = std::shared_ptr<const RingPlan<T>>;
  std::size_t channels = 0;
  Ring body;
  Ring tail;  ///< of the last, smaller group; null: there is none

  /// For sequences of `length` samples at a time. ring(least, slices) makes or finds the plan of a ring.
  template <class MakeRing>
  ConvolutionPlan(std::size_t channels_, std::size_t taps, std::size_t length, MakeRing&& ring)
      : channels(channels_), body(ring(block_for(taps, length), 1)) {
    const std::size_t left = std::bit_ceil(channels % lanes<T>);
    if (channels % lanes<T> != 0 && left < lanes<T> && body->points() >= 2 * lanes<T>) {
      tail = ring(body->points(), lanes<T> / left);
    }
  }

  std::size_t groups() const noexcept { return (channels + lanes<T> - 1) / lanes<T>; }
  const RingPlan<T>& ring(std::size_t group) const noexcept {
    return tail != nullptr && (group + 1) * lanes<T> > channels ? *tail : *body;
  }
  /// Samples that one transform takes.
  std::size_t block() const noexcept { return body->points(); }
  /// Elements of all spectra, a group after the other.
  std::size_t spectra_size() const noexcept {
    return (groups() - (tail != nullptr)) * body->spectrum_size() + (tail != nullptr ? tail->spectrum_size() : 0);
  }
  /// Elements of what a group carries from one block to the next.
  std::size_t carry_size() const noexcept {
    return std::max(staged_size(*body), tail != nullptr ? staged_size(*tail) : 0);
  }

 private:
  /// A ring of n points gives the product of n samples and n taps whole: what exceeds n are imaginary parts. So
  /// no block is longer than the kernel, but for short ones.
  static std::size_t block_for(std::size_t taps, std::size_t length) noexcept {
    return 2 * taps > length ? std::max<std::size_t>(length, 1) : std::max(taps, std::min<std::size_t>(length, 512));
  }
};

/// Groups whose samples are copied together where they do not stand ready, or stand too far apart.
inline constexpr std::size_t gathered_groups = 2;

/// Scratch of `convolve` and `filter`.
template <std::floating_point T>
std::size_t convolve_workspace_bytes(const ConvolutionPlan<T>& plan) noexcept {
  const auto of = [](const RingPlan<T>& ring) {
    return workspace_size<T>(ring.work_size()) + 2 * workspace_size<T>(gathered_groups * staged_size(ring)) +
           2 * workspace_size<T>(staged_size(ring));
  };
  return std::max(of(*plan.body), plan.tail != nullptr ? of(*plan.tail) : 0);
}

/// What a filter does with its taps k_j and, where it has them, its backward taps b_j:
///   causal:      y_t = sum_j k_j u_{t-j} + sum_j b_j u_{t+1+j}
///   correlation: y_t = sum_j k_j u_{t+j}   (the adjoint of the causal one)
enum class FilterKind : unsigned char { causal, correlation };

inline namespace DANAUS_ISA {

/// Makes plans of rings that suit this instruction set, for ConvolutionPlan.
template <std::floating_point T>
std::shared_ptr<const RingPlan<T>> new_ring(std::size_t least, std::size_t slices) {
  return std::make_shared<const RingPlan<T>>(least, slices, Turn::right_angle, ring_radix);
}

/// Adds to a spectrum, times scale, that of taps b_j at lag -(1 + j): z^{-(1+j)} = conj(z^{1+j}) on the circle.
template <class T>
DANAUS_INLINE void add_backward(const RingPlan<T>& ring, std::size_t first, View<const T, 2> b, T scale, T* out,
                                Workspace scratch) noexcept {
  constexpr std::size_t row = 2 * lanes<T>;
  // Taps in reverse order at x^{n-1-j}: there x^{-(1+j)} = -i x^{n-1-j}.
  T* const stage = scratch.take<T>(staged_size(ring));
  T* const turned = scratch.take<T>(staged_size(ring));
  gather(ring, first, 1, b, stage);
  std::fill_n(turned, staged_size(ring), T(0));
  for (std::size_t j = 0; j < b.extent(0); ++j) {
    for (std::size_t c = 0; c < ring.channels(); ++c) {
      turned[staged_at(ring, ring.points() - 1 - j, c)] = stage[staged_at(ring, j, c)];
    }
  }
  T* const work = scratch.take<T>(ring.work_size());
  forth(ring, staged(ring, ring.points(), static_cast<const T*>(turned)), static_cast<const T*>(nullptr), work);
  for (std::size_t q = 0; q < ring.top; ++q) {
    for (std::size_t m = 0; m < ring.block; ++m) {
      const T* const value = work + (q * ring.pitch() + m) * row;
      T* const sum = out + (q * ring.block + m) * row;
      simd::each<T>(lanes<T>, [&]<class V>(std::size_t l) {  // times -i
        simd::store(fma(simd::load<V>(value + lanes<T> + l), V(scale), simd::load<V>(sum + l)), sum + l);
        simd::store(fnma(simd::load<V>(value + l), V(scale), simd::load<V>(sum + lanes<T> + l)), sum + lanes<T> + l);
      });
    }
  }
}

/// The spectra of groups [first, last) of kernels k (taps, channels), any strides, taps <= plan.block(), scaled by 1/n,
/// to `spectra` (all groups'). backward: null or further taps of the same kind, see FilterKind; `backward` asks for
/// sequences of at most plan.block() samples, and so do correlations.
template <std::floating_point T>
DANAUS_KERNEL void filter(const ConvolutionPlan<T>& plan, std::size_t first, std::size_t last, View<const T, 2> k,
                          const View<const T, 2>* backward, FilterKind kind, T* spectra, Workspace scratch) noexcept {
  for (std::size_t g = first; g < last; ++g) {
    const RingPlan<T>& ring = plan.ring(g);
    T* const out = spectra + g * plan.body->spectrum_size();
    spectrum(ring, g * lanes<T>, k, static_cast<const View<const T, 2>*>(nullptr), out, scratch);
    const T scale = T(1) / static_cast<T>(ring.points());
    const T sign = kind == FilterKind::correlation ? -scale : scale;  // z^-j for z^j: on the circle the conjugate
    for (std::size_t m = 0; m < ring.rows; ++m) {
      T* const row = out + m * 2 * lanes<T>;
      simd::each<T>(lanes<T>, [&]<class V>(std::size_t l) {
        simd::store(simd::load<V>(row + l) * V(scale), row + l);
        simd::store(simd::load<V>(row + lanes<T> + l) * V(sign), row + lanes<T> + l);
      });
    }
    if (backward != nullptr) add_backward(ring, g * lanes<T>, *backward, scale, out, scratch);
  }
}

/// Coefficients through a filter: forth, times the spectrum, back. im: null or where imaginary parts go.
template <class T>
[[gnu::noinline]] DANAUS_KERNEL void pass_through(const RingPlan<T>& ring, Coefficients<const T> from, const T* values,
                                                  T* work, Coefficients<T> to, T* im, Handover how) noexcept {
  constexpr std::size_t row = 2 * lanes<T>;
  enter_rows(ring, from, static_cast<const T*>(nullptr), work);
  for (std::size_t q = 0; q < ring.top; ++q) {
    T* const block = work + q * ring.pitch() * row;
    const T* const part = values + q * ring.block * row;
    if (ring.slices == 1) {
      multiply_block(ring, 0, block, part);
    } else {
      transform_block<true>(ring, 0, block);
      with_slices<T>(ring.slices, [&](auto S) { multiply_rows<S>(ring, q * ring.block, ring.block, block, part); });
      transform_block<false>(ring, 0, block);
    }
  }
  leave_rows(ring, static_cast<const T*>(work), T(1), to, im, how);
}

/// Whether rows of y may be written past the caches: larger than these, whole registers apart.
template <class T>
DANAUS_INLINE bool bypasses(View<T, 2> y) noexcept {
  return y.extent(0) * y.extent(1) * sizeof(T) >= (std::size_t(4) << 20) &&
         reinterpret_cast<std::uintptr_t>(y.data_handle()) % cache_line == 0 && y.stride(0) % lanes<T> == 0;
}

/// Filters groups [first, last) of one sequence of at most plan.block() samples: u, y (length, channels), any strides;
/// y may be u.
///
/// Two transforms of n = plan.block() points a channel: 10 n log2(n) + 10 n flop. Error: about
/// 1e-7 (float), 2e-16 (double) times log2(4 n) |u|_2 |k|_2.
template <std::floating_point T>
DANAUS_KERNEL void convolve(const ConvolutionPlan<T>& plan, std::size_t first, std::size_t last, View<const T, 2> u,
                            const T* spectra, View<T, 2> y, Workspace scratch) noexcept {
  DANAUS_EXPECTS(u.extent(0) <= plan.block());
  const bool past_cache = bypasses(y);
  const bool together = plan.block() >= 2048 && u.stride(1) == 1 && u.stride(0) > 2 * lanes<T>;
  for (std::size_t g = first; g < last;) {
    const RingPlan<T>& ring = plan.ring(g);
    Workspace rest = scratch;
    T* const work = rest.take<T>(ring.work_size());
    const bool ready = stands_ready(ring, g * lanes<T>, u);
    std::size_t count = 1;
    if (ready && together) {
      while (count < gathered_groups && g + count < last &&
             stands_ready(plan.ring(g + count), (g + count) * lanes<T>, u)) {
        ++count;
      }
    }
    T* const stage = rest.take<T>(count * staged_size(ring));
    const bool copied = !ready || count > 1;
    if (copied) gather(ring, g * lanes<T>, count, u, stage);
    // Large results in rows that do not begin at cache lines are written for all these groups together, too.
    const bool spread = count > 1 && !past_cache && stands_ready(ring, g * lanes<T>, y);
    T* const out = rest.take<T>(spread ? count * staged_size(ring) : staged_size(ring));
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t here = (g + i) * lanes<T>;
      const T* const values = spectra + (g + i) * plan.body->spectrum_size();
      const T* const copy = stage + i * staged_size(ring);
      const Coefficients<const T> from = copied ? staged(ring, u.extent(0), copy) : in_place(ring, here, u);
      if (!spread && stands_ready(ring, here, y)) {
        pass_through(ring, from, values, work, in_place(ring, here, y), static_cast<T*>(nullptr),
                     past_cache ? Handover::past_cache : Handover::store);
        continue;
      }
      T* const result = out + (spread ? i * staged_size(ring) : 0);
      pass_through(ring, from, values, work, staged(ring, y.extent(0), result), static_cast<T*>(nullptr),
                   Handover::store);
      if (!spread) scatter(ring, here, static_cast<const T*>(result), y);
    }
    if (spread) scatter_together(ring, g * lanes<T>, count, static_cast<const T*>(out), y);
    g += count;
  }
  if (past_cache) simd::settle();
}

/// re, im: the product of `count` new samples, in stages. Adds what is carried to the first `count` coefficients in re
/// and carries the rest.
template <class T>
DANAUS_INLINE void advance_carry(const RingPlan<T>& ring, std::size_t count, T* re, const T* im, T* carry) noexcept {
  const std::size_t n = ring.points();
  simd::each<T>(ring.rows * lanes<T>,
                [&]<class V>(std::size_t i) { simd::store(simd::load<V>(re + i) + simd::load<V>(carry + i), re + i); });
  if (count == n) {
    std::copy_n(im, ring.rows * lanes<T>, carry);
  } else if (ring.slices == 1 || ring.slices == lanes<T>) {  // coefficients one after the other
    const std::size_t step = lanes<T> / ring.slices;
    std::copy_n(re + count * step, (n - count) * step, carry);
    std::copy_n(im, count * step, carry + (n - count) * step);
  } else {
    for (std::size_t t = 0; t < n; ++t) {
      for (std::size_t c = 0; c < ring.channels(); ++c) {
        carry[staged_at(ring, t, c)] =
            t + count < n ? re[staged_at(ring, t + count, c)] : im[staged_at(ring, t + count - n, c)];
      }
    }
  }
}

/// The same for sequences of any length, in blocks: `carry` holds, for each group (all of them, carry_size() apart),
/// what earlier samples still contribute to the next plan.block() outputs; zeros at the beginning. Chunks of any length
/// may follow each other; every chunk costs whole blocks.
template <std::floating_point T>
DANAUS_KERNEL void convolve_on(const ConvolutionPlan<T>& plan, std::size_t first, std::size_t last, View<const T, 2> u,
                               const T* spectra, T* carry, View<T, 2> y, Workspace scratch) noexcept {
  const std::size_t n = plan.block();
  for (std::size_t t = 0; t < u.extent(0); t += n) {
    const std::size_t count = std::min(n, u.extent(0) - t);
    for (std::size_t g = first; g < last; ++g) {
      const RingPlan<T>& ring = plan.ring(g);
      Workspace rest = scratch;
      T* const work = rest.take<T>(ring.work_size());
      T* const re = rest.take<T>(staged_size(ring));
      T* const im = rest.take<T>(staged_size(ring));
      const View<const T, 2> part = u.rows(t, count);
      Coefficients<const T> from = in_place(ring, g * lanes<T>, part);
      if (!stands_ready(ring, g * lanes<T>, part)) {
        gather(ring, g * lanes<T>, 1, part, re);
        from = staged(ring, count, static_cast<const T*>(re));
      }
      const Coefficients<T> whole = staged(ring, ring.points(), re);
      pass_through(ring, from, spectra + g * plan.body->spectrum_size(), work, whole, im, Handover::store);
      advance_carry(ring, count, re, im, carry + g * plan.carry_size());
      scatter(ring, g * lanes<T>, re, y.rows(t, count));
    }
  }
}

}  // namespace DANAUS_ISA
}  // namespace danaus
