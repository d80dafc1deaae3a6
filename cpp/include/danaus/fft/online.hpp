// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

#include <danaus/fft/convolve.hpp>

namespace danaus {

/// Samples whose products are summed one by one.
inline constexpr std::size_t direct_samples = 32;

/// The exact convolution of signals that arrive sample by sample with kernels of any length, without delay.
///
/// Pairs (input, output) are tiled by squares of T inputs and T outputs, each a product in the ring x^T = i: kernel
/// taps [(d-1) T, (d+1) T) as a complex polynomial times the inputs leave the outputs in the imaginary parts. Near
/// squares (d = 1) of 32, 64, ..., `near` samples are due at once when their inputs are complete, those of the relaxed
/// scheme (Hoeven 2002; Oncescu et al. 2024). Far squares (d >= 2) of near, 2 near, 4 near, ... samples have T samples
/// of time: their work is dealt out over these, so that no sample takes long. All far products for one block of
/// outputs are summed as spectra: one transform forth and one back a level and T samples.
template <std::floating_point T>
struct OnlinePlan {
  struct Level {
    std::size_t size;      ///< T
    std::size_t farthest;  ///< the largest d; but for the last level 2, or 3 where the inputs are an even block
    std::shared_ptr<const RingPlan<T>> ring;
    std::size_t spectra;  ///< where, in a group's spectra, those of d = 2, 3, ... begin
    std::size_t blocks;   ///< where, in a group's state, the spectra of its last `farthest - 1` blocks of inputs begin
  };
  std::size_t channels = 0, taps = 0, near = direct_samples;
  std::vector<std::shared_ptr<const RingPlan<T>>> rings;  ///< of the near squares
  std::vector<Level> levels;                              ///< of the far ones
  std::size_t group_spectra = 0, group_state = 0;         ///< elements
  Buffer<T> direct;                                       ///< (groups, direct_samples, lanes): the first taps
  Buffer<T> spectra;                                      ///< (groups, group_spectra)

  std::size_t groups() const noexcept { return (channels + lanes<T> - 1) / lanes<T>; }
  /// Samples that are kept, and outputs that are prepared.
  std::size_t kept() const noexcept { return 2 * (levels.empty() ? near : levels.back().size); }
  /// Elements of the state of one sequence: the position, then each group's inputs, outputs to come, and spectra.
  std::size_t state_size() const noexcept { return lanes<T> + groups() * group_state; }
};

/// Scratch of online_step.
template <std::floating_point T>
std::size_t online_workspace_bytes(const OnlinePlan<T>& plan) noexcept {
  return workspace_size<T>((plan.levels.empty() ? *plan.rings.back() : *plan.levels.back().ring).work_size());
}

/// Plans for kernels k (taps, channels), any strides. ring(least, alone) makes plans of rings, `spectrum` is that of
/// fft/transform.hpp, perhaps a dispatcher's choice.
template <std::floating_point T, class MakeRing, class Spectrum>
OnlinePlan<T> plan_online(View<const T, 2> k, MakeRing&& ring, Spectrum spectrum) {
  OnlinePlan<T> plan;
  plan.channels = k.extent(1);
  plan.taps = k.extent(0);
  const std::size_t groups = plan.groups();
  // The largest near squares of all channels are due in one sample: about 2^18 values.
  const std::size_t most =
      std::clamp<std::size_t>(std::bit_floor((std::size_t(1) << 19) / (groups * lanes<T>)+1), 64, 2048);
  while (plan.near < plan.taps && plan.near < most) plan.near *= 2;
  for (std::size_t size = direct_samples; size <= plan.near; size *= 2) {
    plan.rings.push_back(ring(size, InLanes::channels));
    plan.group_spectra += plan.rings.back()->spectrum_size();
  }
  const auto farthest = [&](std::size_t size) { return plan.taps < 2 ? 1 : (plan.taps - 2) / size + 1; };
  for (std::size_t size = plan.near; farthest(size) >= 2; size *= 2) {
    const bool last = farthest(size) <= 5;
    plan.levels.push_back({size, last ? farthest(size) : 3, ring(size, InLanes::channels), plan.group_spectra, 0});
    plan.group_spectra += (plan.levels.back().farthest - 1) * plan.levels.back().ring->spectrum_size();
    if (last) break;
  }
  plan.group_state = 2 * plan.kept() * lanes<T>;
  for (typename OnlinePlan<T>::Level& level : plan.levels) {
    level.blocks = plan.group_state;
    plan.group_state += (level.farthest - 1) * level.ring->spectrum_size();
  }
  plan.direct.assign(groups * direct_samples * lanes<T>, T(0));
  plan.spectra.resize(groups * plan.group_spectra);
  std::size_t bytes = transform_workspace_bytes(*plan.rings.back());
  for (const typename OnlinePlan<T>::Level& level : plan.levels) {
    bytes = std::max(bytes, transform_workspace_bytes(*level.ring));
  }
  Buffer<std::byte> scratch(bytes);
  for (std::size_t g = 0; g < groups; ++g) {
    // taps [(d-1) size, (d+1) size) of the group, scaled, as a complex polynomial; out: where its spectrum goes
    const auto transform_window = [&](const RingPlan<T>& r, std::size_t size, std::size_t d, T* out) {
      const auto taps = [&](std::size_t begin) {
        begin = std::min(begin, plan.taps);
        return k.rows(begin, std::min(size, plan.taps - begin));
      };
      const View<const T, 2> re = taps((d - 1) * size), im = taps(d * size);
      spectrum(r, g * lanes<T>, re, &im, out, workspace(scratch));
      const T scale = T(1) / static_cast<T>(size);
      std::transform(out, out + r.spectrum_size(), out, [&](T x) { return scale * x; });
    };
    for (std::size_t j = 0; j < std::min(direct_samples, plan.taps); ++j) {
      for (std::size_t l = 0; l < lanes<T> && g * lanes<T> + l < plan.channels; ++l) {
        plan.direct[(g * direct_samples + j) * lanes<T> + l] = k(j, g * lanes<T> + l);
      }
    }
    T* out = &plan.spectra[g * plan.group_spectra];
    for (const auto& r : plan.rings) {
      transform_window(*r, r->points(), 1, out);
      out += r->spectrum_size();
    }
    for (const auto& level : plan.levels) {
      for (std::size_t d = 2; d <= level.farthest; ++d, out += level.ring->spectrum_size()) {
        transform_window(*level.ring, level.size, d, out);
      }
    }
  }
  return plan;
}

/// How many samples a state has seen: written as digits that T holds exactly.
template <class T>
std::uint64_t position(const T* state) noexcept {
  std::uint64_t n = 0;
  for (std::size_t i = 4; i-- > 0;) n = n << 16 | static_cast<std::uint64_t>(state[i]);
  return n;
}
/// Whether a state begins with such a number, and not the last there is.
template <class T>
bool is_position(const T* state) noexcept {
  for (std::size_t i = 0; i < 4; ++i) {
    if (!(state[i] >= 0 && state[i] <= 0xffff && state[i] == std::floor(state[i]))) return false;
  }
  return state[3] < 0xffff;
}
template <class T>
void set_position(T* state, std::uint64_t n) noexcept {
  for (std::size_t i = 0; i < 4; ++i, n >>= 16) state[i] = static_cast<T>(n & 0xffff);
}

inline namespace DANAUS_ISA {

/// A near square of one group: `inputs` times taps to the outputs that follow.
template <class T>
DANAUS_INLINE void near_square(const RingPlan<T>& ring, const T* inputs, const T* values, T* outputs,
                               Workspace scratch) noexcept {
  T* const work = scratch.take<T>(ring.work_size());
  pass_through(ring, Coefficients<const T>{inputs, lanes<T>, ring.points()}, values, work,
               Coefficients<T>{nullptr, lanes<T>, ring.points()}, outputs, Handover::add_imaginary);
}

/// Writes what is read again much later: past the caches where p stands as that needs it.
template <class V, class T>
DANAUS_INLINE void put_away(V x, T* p, bool aligned) noexcept {
  aligned ? simd::store_past_cache(x, p) : simd::store(x, p);
}

/// Keeps a transform for later blocks.
template <class T>
DANAUS_INLINE void keep_rows(const RingPlan<T>& ring, const T* work, T* kept) noexcept {
  constexpr std::size_t row = 2 * lanes<T>;
  const bool aligned = to_line(kept) == 0;
  for (std::size_t q = 0; q < ring.blocks(); ++q) {
    const T* const p = work + q * ring.pitch() * row;
    T* const k = kept + q * ring.block * row;
    simd::each<T>(ring.block * row, [&]<class V>(std::size_t i) { put_away(simd::load<V>(p + i), k + i, aligned); });
  }
  simd::settle();
}

/// Fetches a transform that was kept.
template <class T>
DANAUS_INLINE void fetch_rows(const RingPlan<T>& ring, const T* kept, T* work) noexcept {
  constexpr std::size_t row = 2 * lanes<T>;
  for (std::size_t q = 0; q < ring.blocks(); ++q) {
    T* const p = work + q * ring.pitch() * row;
    const T* const k = kept + q * ring.block * row;
    simd::each<T>(ring.block * row, [&]<class V>(std::size_t i) { simd::store(simd::load<V>(k + i), p + i); });
  }
}

/// work <- work times a spectrum, plus another spectrum times a further one where there is one.
template <class T>
DANAUS_INLINE void multiply_add(const RingPlan<T>& ring, const T* filter, const T* block, const T* other,
                                T* work) noexcept {
  using V = simd::native<T>;
  constexpr std::size_t row = 2 * lanes<T>;
  for (std::size_t q = 0; q < ring.blocks(); ++q) {
    for (std::size_t m = 0; m < ring.block; ++m) {
      const std::size_t at = (q * ring.block + m) * row;
      T* const p = work + (q * ring.pitch() + m) * row;
      for (std::size_t lane = 0; lane < lanes<T>; lane += V::size()) {
        Lanes<V> x = Lanes<V>::load(p + lane) * Lanes<V>::load(filter + at + lane);
        if (block != nullptr) x = x + Lanes<V>::load(block + at + lane) * Lanes<V>::load(other + at + lane);
        x.store(p + lane);
      }
    }
  }
}

/// sum <- the products of `count` spectra, block(0), block(1), ..., with as many filters, one after the other, from row
/// `first` to row `last`; sum may be one of the spectra.
template <class T, class Block>
DANAUS_INLINE void sum_products(const RingPlan<T>& ring, std::size_t first, std::size_t last, std::size_t count,
                                Block block, const T* filters, T* sum) noexcept {
  using V = simd::native<T>;
  constexpr std::size_t row = 2 * lanes<T>;
  const std::size_t size = ring.spectrum_size();
  const bool aligned = to_line(sum) == 0;
  const T* blocks[5];
  for (std::size_t e = 0; e < count; ++e) blocks[e] = block(e);
  for (std::size_t at = first * row; at < last * row; at += row) {
    for (std::size_t lane = at; lane < at + lanes<T>; lane += V::size()) {
      Lanes<V> x{V(T(0)), V(T(0))};
      for (std::size_t e = 0; e < count; ++e) {
        x = x + Lanes<V>::load(blocks[e] + lane) * Lanes<V>::load(filters + e * size + lane);
      }
      put_away(x.re, sum + lane, aligned);
      put_away(x.im, sum + lane + lanes<T>, aligned);
    }
  }
  simd::settle();
}

/// Parts of a level's work for one group and block.
DANAUS_INLINE std::size_t far_parts(bool last) noexcept {
  return last ? 4 : 1;
}

/// A part of the work that block i of a level's inputs makes for one group: transform it, multiply it and the blocks
/// before it by their spectra, d = 2, 3, ..., and add what comes back to block i + 2 of the outputs. The last level,
/// which looks back furthest, does one after the other, the products in two halves, and keeps their sum in the place of
/// the oldest block; the others, which look back by one even block only, do all at once.
template <class T>
DANAUS_INLINE void far_square(const OnlinePlan<T>& plan, std::size_t which, std::uint64_t i, std::size_t part,
                              const T* values, T* group, Workspace scratch) noexcept {
  const auto& level = plan.levels[which];
  const RingPlan<T>& ring = *level.ring;
  const std::size_t size = ring.spectrum_size(), blocks = level.farthest - 1;
  const bool last = which + 1 == plan.levels.size();
  T* const work = scratch.take<T>(ring.work_size());
  const T* const filter = values + level.spectra;
  const auto block = [&](std::uint64_t b) { return group + level.blocks + b % blocks * size; };
  if (part == 1 || part == 2) {
    const auto before = [&](std::size_t e) { return block(i - e); };
    return sum_products(ring, (part - 1) * ring.rows() / 2, part * ring.rows() / 2,
                        std::min<std::uint64_t>(blocks, i + 1), before, filter, block(i + 1));
  }
  if (part == 0) {
    const T* const inputs = group + i * level.size % plan.kept() * lanes<T>;
    forth(ring, Coefficients<const T>{inputs, lanes<T>, ring.points()}, static_cast<const T*>(nullptr), work);
    if (last || i % 2 == 0) keep_rows(ring, static_cast<const T*>(work), block(i));
    if (last) return;
    const bool second = blocks > 1 && i % 2 == 1;
    multiply_add(ring, filter, second ? block(i - 1) : nullptr, filter + size, work);
  } else {
    fetch_rows(ring, static_cast<const T*>(block(i + 1)), work);
  }
  for (std::size_t q = 0; q < ring.blocks(); ++q) {
    transform_block<false>(ring, 0, work + q * ring.pitch() * 2 * lanes<T>);
  }
  T* const outputs = group + (plan.kept() + (i + 2) * level.size % plan.kept()) * lanes<T>;
  leave_rows(ring, static_cast<const T*>(work), T(1), Coefficients<T>{nullptr, lanes<T>, ring.points()}, outputs,
             Handover::add_imaginary);
}

/// The products of the last few inputs, those since the last multiple of direct_samples, with the first taps.
template <class T>
DANAUS_INLINE void direct_sum(const T* taps, const T* inputs, std::size_t count, T* output) noexcept {
  using V = simd::native<T>;
  for (std::size_t lane = 0; lane < lanes<T>; lane += V::size()) {
    V even = simd::load<V>(output + lane), odd(T(0));
    std::size_t j = 0;
    for (; j + 2 <= count; j += 2) {  // inputs[count - 1 - j] meets tap j
      even = fma(simd::load<V>(inputs + (count - 1 - j) * lanes<T> + lane), simd::load<V>(taps + j * lanes<T> + lane),
                 even);
      odd = fma(simd::load<V>(inputs + (count - 2 - j) * lanes<T> + lane),
                simd::load<V>(taps + (j + 1) * lanes<T> + lane), odd);
    }
    if (j < count) even = fma(simd::load<V>(inputs + lane), simd::load<V>(taps + j * lanes<T> + lane), even);
    simd::store(even + odd, output + lane);
  }
}

/// What is due once the n-th sample has been answered: near squares of all groups at once, far ones piece by piece.
template <class T>
DANAUS_INLINE void work_ahead(const OnlinePlan<T>& plan, std::uint64_t n, T* groups, Workspace scratch) noexcept {
  const std::size_t kept = plan.kept(), count = plan.groups();
  if (n % direct_samples == 0) {
    const std::size_t size = std::min<std::uint64_t>(std::uint64_t(1) << std::countr_zero(n), plan.near);
    const auto which = static_cast<std::size_t>(std::countr_zero(size / direct_samples));
    std::size_t offset = 0;
    for (std::size_t r = 0; r < which; ++r) offset += plan.rings[r]->spectrum_size();
    for (std::size_t g = 0; g < count; ++g) {
      T* const group = groups + g * plan.group_state;
      near_square(*plan.rings[which], group + (n - size) % kept * lanes<T>,
                  plan.spectra.data() + g * plan.group_spectra + offset, group + (kept + n % kept) * lanes<T>, scratch);
    }
  }
  // A level's parts are dealt out over its size samples; levels take turns, so that they rarely meet.
  const std::size_t turn = plan.levels.empty() ? 0 : plan.near / count / plan.levels.size();
  for (std::size_t l = 0; l < plan.levels.size(); ++l) {
    const std::size_t size = plan.levels[l].size, at = n % size, parts = far_parts(l + 1 == plan.levels.size()) * count;
    if (n < size) continue;
    const auto done = [&](std::size_t p) {  // parts finished after p samples
      return p == 0 ? 0 : std::min(size, p + l * turn) * parts / size;
    };
    for (std::size_t part = done(at); part < done(at + 1); ++part) {
      const std::size_t g = part % count;
      far_square(plan, l, n / size - 1, part / count, plan.spectra.data() + g * plan.group_spectra,
                 groups + g * plan.group_state, scratch);
    }
  }
}

/// One sample of every channel: y_t = sum_j k_j u_{t-j} over all samples so far, exactly; u and y (channels), y may be
/// u; `state` as OnlinePlan::state_size() says, zeros at the beginning.
///
/// On average 20 log2(near) + 20 log2(T) a far level flop a channel and sample. Error: that of convolve.
template <std::floating_point T>
DANAUS_KERNEL void online_step(const OnlinePlan<T>& plan, const T* u, T* state, T* y, Workspace scratch) noexcept {
  const std::uint64_t n = position(state);
  const std::size_t kept = plan.kept(), now = n % kept, recent = n % direct_samples;
  T* const groups = state + lanes<T>;
  for (std::size_t g = 0; g < plan.groups(); ++g) {
    T* const group = groups + g * plan.group_state;
    T* const input = group + now * lanes<T>;
    T* const output = group + (kept + now) * lanes<T>;
    const std::size_t first = g * lanes<T>, count = std::min(lanes<T>, plan.channels - first);
    std::copy_n(u + first, count, input);
    std::fill(input + count, input + lanes<T>, T(0));
    direct_sum(plan.direct.data() + g * direct_samples * lanes<T>, input - recent * lanes<T>, recent + 1, output);
    std::copy_n(output, count, y + first);
    std::fill_n(output, lanes<T>, T(0));
  }
  set_position(state, n + 1);
  work_ahead(plan, n + 1, groups, scratch);
}

}  // namespace DANAUS_ISA
}  // namespace danaus
