// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <memory>

#include <danaus/fft/transform.hpp>

namespace danaus {

/// Whether the channels of a convolution in blocks of at least `least` samples are transformed one by one, in segments,
/// `width` of them: where a workspace side by side would not stay in a cache of 2 MiB, or most lanes would be empty.
constexpr bool stands_alone(std::size_t channels, std::size_t least, std::size_t width) noexcept {
  return 2 * cache_line * least > (std::size_t(1) << 20) ||
         2 * channels * ring_points(least, width) <= width * ring_points(least);
}

/// How `channels` kernels of up to `taps` taps are applied to sequences: in blocks of block() samples, the channels
/// in groups of `lanes`, side by side or each on its own in segments; so also those that fill half a group or less.
template <std::floating_point T>
struct ConvolutionPlan {
  using Ring = std::shared_ptr<const RingPlan<T>>;
  std::size_t channels = 0;
  Ring body;
  Ring tail;  ///< of the last, smaller group; null: that of the others

  /// For sequences of `length` samples at a time. ring(least, in_lanes) makes or finds the plan of a ring.
  template <class MakeRing>
  ConvolutionPlan(std::size_t channels_, std::size_t taps, std::size_t length, MakeRing&& ring) : channels(channels_) {
    const std::size_t least = block_for(taps, length), left = channels % lanes<T>;
    body = ring(least, segments_if(stands_alone(channels, least, lanes<T>)));
    if (body->segments == 1 && RingPlan<T>::fits_segments(block()) && left > 0 && 2 * left <= lanes<T>) {
      tail = ring(block(), InLanes::segments);
    }
  }

  std::size_t groups() const noexcept { return (channels + lanes<T> - 1) / lanes<T>; }
  const RingPlan<T>& ring(std::size_t group) const noexcept {
    return tail != nullptr && (group + 1) * lanes<T> > channels ? *tail : *body;
  }
  /// Transforms of a group: one, or one for each channel.
  std::size_t parts(std::size_t group) const noexcept {
    return ring(group).segments == 1 ? 1 : std::min(lanes<T>, channels - group * lanes<T>);
  }
  /// Samples that one transform takes.
  std::size_t block() const noexcept { return body->points(); }
  /// Where a group's spectra begin, a part after the other; spectra_at(groups()) elements are enough for all.
  std::size_t spectra_at(std::size_t group) const noexcept { return group * lanes<T> * 2 * block(); }
  /// Elements of all spectra.
  std::size_t spectra_size() const noexcept {
    const std::size_t last = groups() - 1;
    return channels == 0 ? 0 : spectra_at(last) + parts(last) * ring(last).spectrum_size();
  }
  /// Elements of copies of a group's coefficients.
  std::size_t stage_size() const noexcept {
    const auto of = [](const RingPlan<T>& ring) { return ring.segments * staged_size(ring); };
    return std::max(of(*body), tail != nullptr ? of(*tail) : 0);
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

/// Scratch of `convolve`, `convolve_on` and `filter`.
template <std::floating_point T>
std::size_t convolve_workspace_bytes(const ConvolutionPlan<T>& plan) noexcept {
  const auto of = [](const RingPlan<T>& ring) {
    return workspace_size<T>(ring.work_size()) + 2 * workspace_size<T>(staged_size(ring));
  };
  return workspace_size<T>(gathered_groups * plan.stage_size()) +
         std::max(of(*plan.body), plan.tail != nullptr ? of(*plan.tail) : 0);
}

/// What a filter does with its taps k_j and, where it has them, its backward taps b_j:
///   causal:      y_t = sum_j k_j u_{t-j} + sum_j b_j u_{t+1+j}
///   correlation: y_t = sum_j k_j u_{t+j}   (the adjoint of the causal one)
enum class FilterKind : unsigned char { causal, correlation };

inline namespace DANAUS_ISA {

/// Makes plans of rings that suit this instruction set, for ConvolutionPlan.
template <std::floating_point T>
std::shared_ptr<const RingPlan<T>> new_ring(std::size_t least, InLanes in_lanes) {
  return std::make_shared<const RingPlan<T>>(least, in_lanes, Turn::right_angle, ring_radix);
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
  const std::size_t n = ring.points(), width = ring.channels();
  std::fill_n(turned, (n - b.extent(0)) * width, T(0));
  for (std::size_t j = 0; j < b.extent(0); ++j) std::copy_n(stage + j * width, width, turned + (n - 1 - j) * width);
  T* const work = scratch.take<T>(ring.work_size());
  forth(ring, staged(ring, n, static_cast<const T*>(turned)), static_cast<const T*>(nullptr), work);
  for (std::size_t q = 0; q < ring.blocks(); ++q) {
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
    const T scale = T(1) / static_cast<T>(ring.points());
    const T sign = kind == FilterKind::correlation ? -scale : scale;  // z^-j for z^j: on the circle the conjugate
    for (std::size_t part = 0; part < plan.parts(g); ++part) {
      const std::size_t here = g * lanes<T> + part * ring.channels();
      T* const out = spectra + plan.spectra_at(g) + part * ring.spectrum_size();
      spectrum(ring, here, k, static_cast<const View<const T, 2>*>(nullptr), out, scratch);
      for (std::size_t m = 0; m < ring.rows(); ++m) {
        T* const row = out + m * 2 * lanes<T>;
        simd::each<T>(lanes<T>, [&]<class V>(std::size_t l) {
          simd::store(simd::load<V>(row + l) * V(scale), row + l);
          simd::store(simd::load<V>(row + lanes<T> + l) * V(sign), row + lanes<T> + l);
        });
      }
      if (backward != nullptr) add_backward(ring, here, *backward, scale, out, scratch);
    }
  }
}

/// Coefficients through a filter: forth, times the spectrum, back. im: null or where imaginary parts go.
template <class T>
[[gnu::noinline]] DANAUS_KERNEL void pass_through(const RingPlan<T>& ring, Coefficients<const T> from, const T* values,
                                                  T* work, Coefficients<T> to, T* im, Handover how) noexcept {
  constexpr std::size_t row = 2 * lanes<T>;
  enter_rows(ring, from, static_cast<const T*>(nullptr), work);
  for (std::size_t q = 0; q < ring.blocks(); ++q) {
    multiply_block(ring, 0, work + q * ring.pitch() * row, values + q * ring.block * row);
  }
  leave_rows(ring, static_cast<const T*>(work), T(1), to, im, how);
}

/// Filters groups [first, last), whose channels are transformed side by side.
template <class T>
[[gnu::noinline]] DANAUS_KERNEL void convolve_groups(const ConvolutionPlan<T>& plan, std::size_t first,
                                                     std::size_t last, View<const T, 2> u, const T* spectra,
                                                     View<T, 2> y, Workspace scratch) noexcept {
  const RingPlan<T>& ring = *plan.body;
  const bool past_cache = bypasses(y) && to_line(y.data_handle()) == 0;
  const bool apart = plan.block() >= 2048 && u.stride(1) == 1 && u.stride(0) > 2 * lanes<T>;
  T* const work = scratch.take<T>(ring.work_size());
  T* const stage = scratch.take<T>(gathered_groups * plan.stage_size());
  for (std::size_t g = first; g < last;) {
    const std::size_t here = g * lanes<T>;
    const std::size_t count = apart && (g + 2) * lanes<T> <= plan.channels ? std::min(last - g, gathered_groups) : 1;
    const bool copied = count > 1 || !stands_ready(ring, here, u);
    if (copied) gather(ring, here, count, u, stage);
    // Large results in rows that do not begin at cache lines are written for all these groups together, too.
    const bool spread = (count > 1 && !past_cache) || !stands_ready(ring, here, y);
    for (std::size_t i = 0; i < count; ++i) {
      T* const copy = stage + i * staged_size(ring);
      const std::size_t channel = here + i * lanes<T>;
      pass_through(ring, copied ? staged(ring, u.extent(0), static_cast<const T*>(copy)) : in_place(ring, channel, u),
                   spectra + plan.spectra_at(g + i), work,
                   spread ? staged(ring, y.extent(0), copy) : in_place(ring, channel, y), static_cast<T*>(nullptr),
                   !spread && past_cache ? Handover::past_cache : Handover::store);
    }
    if (spread) scatter(ring, here, count, static_cast<const T*>(stage), y);
    g += count;
  }
}

/// Filters channels [first, last) that are transformed in segments.
template <class T>
[[gnu::noinline]] DANAUS_KERNEL void convolve_channels(const ConvolutionPlan<T>& plan, std::size_t first,
                                                       std::size_t last, View<const T, 2> u, const T* spectra,
                                                       View<T, 2> y, Workspace scratch) noexcept {
  const RingPlan<T>& ring = plan.ring(first / lanes<T>);
  T* const work = scratch.take<T>(ring.work_size());
  T* const stage = scratch.take<T>(gathered_groups * plan.stage_size());
  const bool copied = !stands_ready(ring, first, u), spread = !stands_ready(ring, first, y);
  for (std::size_t c = first; c < last;) {
    std::size_t count = std::min(gathered_groups * lanes<T>, last - c);
    // Where rows of y are written, the channels that are worked on together end at a cache line.
    if (const std::size_t over = y.extent(0) == 0 ? 0 : to_line(y.data_handle() + c); over > 0 && spread) {
      count = std::min(count - lanes<T> * (count > lanes<T>)+over, last - c);
    }
    if (copied) gather(ring, c, count, u, stage);
    for (std::size_t i = 0; i < count; ++i) {
      T* const copy = stage + i * staged_size(ring);
      pass_through(ring, copied ? staged(ring, u.extent(0), static_cast<const T*>(copy)) : in_place(ring, c + i, u),
                   spectra + (c + i) * ring.spectrum_size(), work,
                   spread ? staged(ring, y.extent(0), copy) : in_place(ring, c + i, y), static_cast<T*>(nullptr),
                   Handover::store);
    }
    if (spread) scatter(ring, c, count, static_cast<const T*>(stage), y);
    c += count;
  }
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
  const std::size_t end = std::min(last * lanes<T>, plan.channels);
  std::size_t middle = plan.body->segments > 1 ? first : last;
  if (plan.tail != nullptr) middle = std::min(middle, plan.channels / lanes<T>);
  if (first < middle) convolve_groups(plan, first, middle, u, spectra, y, scratch);
  if (middle * lanes<T> < end) convolve_channels(plan, middle * lanes<T>, end, u, spectra, y, scratch);
  simd::settle();
}

/// re, im: the product of `count` new samples, in stages. Adds what is carried to the first `count` coefficients in re
/// and carries the rest.
template <class T>
DANAUS_INLINE void advance_carry(const RingPlan<T>& ring, std::size_t count, T* re, const T* im, T* carry) noexcept {
  const std::size_t width = ring.channels(), all = ring.points() * width, now = count * width;
  simd::each<T>(all,
                [&]<class V>(std::size_t i) { simd::store(simd::load<V>(re + i) + simd::load<V>(carry + i), re + i); });
  std::copy_n(re + now, all - now, carry);
  std::copy_n(im, now, carry + all - now);
}

/// The same for sequences of any length, in blocks: `carry` holds, for each group (all of them, stage_size() apart),
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
      T* const stage = rest.take<T>(plan.stage_size());
      T* const im = rest.take<T>(staged_size(ring));
      const std::size_t here = g * lanes<T>, parts = plan.parts(g), width = ring.channels();
      const View<const T, 2> part = u.rows(t, count);
      const bool copied = !stands_ready(ring, here, part);
      if (copied) gather(ring, here, parts, part, stage);
      for (std::size_t i = 0; i < parts; ++i) {
        T* const re = stage + i * staged_size(ring);
        const Coefficients<const T> from =
            copied ? staged(ring, count, static_cast<const T*>(re)) : in_place(ring, here + i * width, part);
        pass_through(ring, from, spectra + plan.spectra_at(g) + i * ring.spectrum_size(), work, staged(ring, n, re), im,
                     Handover::store);
        advance_carry(ring, count, re, static_cast<const T*>(im),
                      carry + g * plan.stage_size() + i * staged_size(ring));
      }
      scatter(ring, here, parts, static_cast<const T*>(stage), y.rows(t, count));
    }
  }
}

}  // namespace DANAUS_ISA
}  // namespace danaus
