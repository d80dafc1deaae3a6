// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>

#include <danaus/fft/butterfly.hpp>
#include <danaus/simd/memory.hpp>

namespace danaus {
inline namespace DANAUS_ISA {

/// A radix-R pass over a block of R q rows: q butterflies of rows q apart, then their twiddles (back:
/// twiddles first). Decimation in frequency: the R blocks it leaves are transformed on their own.
template <std::size_t R, bool Forth, class V, class T>
DANAUS_INLINE void pass(T* data, std::size_t q, const T* twiddles) noexcept {
  constexpr std::size_t row = 2 * lanes<T>;
  for (std::size_t m = 0; m < q; ++m) {
    const T* const turn = twiddles + 2 * (R - 1) * m;
    for (std::size_t lane = 0; lane < lanes<T>; lane += V::size()) {
      T* const p = data + row * m + lane;
      Lanes<V> x[R];
      simd::unrolled<R>([&](auto j) {
        x[j] = Lanes<V>::load(p + row * q * j);
        if constexpr (!Forth && j > 0) x[j] = x[j].back(turn + 2 * j - 2);
      });
      dft<R, Forth>(x);
      simd::unrolled<R>([&](auto j) {
        if constexpr (Forth && j > 0) x[j] = x[j].times(turn + 2 * j - 2);
        x[j].store(p + row * q * j);
      });
    }
  }
}

/// Asks for R rows of a spectrum 32 rows before they are needed: it streams from memory past all else.
template <std::size_t R, class T>
DANAUS_INLINE void ask_ahead(const T* spectrum) noexcept {
  simd::unrolled<2 * R>([&](auto line) { simd::prefetch(spectrum, (64 + line) * cache_line); });
}

/// The last pass forth, the product with a spectrum, and the first pass back, in registers.
template <std::size_t R, class V, class T>
DANAUS_INLINE void turn_around(T* data, const T* spectrum) noexcept {
  constexpr std::size_t row = 2 * lanes<T>;
  ask_ahead<R>(spectrum);
  for (std::size_t lane = 0; lane < lanes<T>; lane += V::size()) {
    T* const p = data + lane;
    Lanes<V> x[R];
    simd::unrolled<R>([&](auto j) { x[j] = Lanes<V>::load(p + row * j); });
    dft<R, true>(x);
    simd::unrolled<R>([&](auto j) { x[j] = x[j] * Lanes<V>::load(spectrum + row * j + lane); });
    dft<R, false>(x);
    simd::unrolled<R>([&](auto j) { x[j].store(p + row * j); });
  }
}

/// The last pass forth or the first back: no twiddles.
template <std::size_t R, bool Forth, class V, class T>
DANAUS_INLINE void last_pass(T* data) noexcept {
  constexpr std::size_t row = 2 * lanes<T>;
  for (std::size_t lane = 0; lane < lanes<T>; lane += V::size()) {
    Lanes<V> x[R];
    simd::unrolled<R>([&](auto j) { x[j] = Lanes<V>::load(data + row * j + lane); });
    dft<R, Forth>(x);
    simd::unrolled<R>([&](auto j) { x[j].store(data + row * j + lane); });
  }
}

/// Calls f with the radix as a constant.
template <class F>
DANAUS_INLINE void with_radix(std::size_t radix, F f) noexcept {
  if (radix == 8) {
    f(std::integral_constant<std::size_t, 8>{});
  } else if (radix == 4) {
    f(std::integral_constant<std::size_t, 4>{});
  } else {
    f(std::integral_constant<std::size_t, 2>{});
  }
}

/// Transforms a block in place from `level` on, depth first.
template <bool Forth, class T>
[[gnu::noinline]] DANAUS_KERNEL void transform_block(const RingPlan<T>& plan, std::size_t level, T* data) noexcept {
  using V = simd::native<T>;
  if (level == plan.levels) return;
  const std::size_t radix = plan.level[level].radix, rows = plan.level[level].rows;
  const T* const twiddles = plan.twiddles.data() + plan.level[level].twiddles;
  with_radix(radix, [&](auto R) {
    if (level + 1 == plan.levels) return last_pass<R, Forth, V>(data);
    if constexpr (Forth) pass<R, true, V>(data, rows, twiddles);
    for (std::size_t j = 0; j < R; ++j) transform_block<Forth>(plan, level + 1, data + j * rows * 2 * lanes<T>);
    if constexpr (!Forth) pass<R, false, V>(data, rows, twiddles);
  });
}

/// Calls f with the number of slices as a constant.
template <class T, class F>
DANAUS_INLINE void with_slices(std::size_t slices, F f) noexcept {
  if (slices == 1) return f(std::integral_constant<std::size_t, 1>{});
  if (slices == 2) return f(std::integral_constant<std::size_t, 2>{});
  if (slices == 4) return f(std::integral_constant<std::size_t, 4>{});
  if constexpr (lanes<T> > 8) {
    if (slices == 16) return f(std::integral_constant<std::size_t, 16>{});
  }
  f(std::integral_constant<std::size_t, 8>{});
}

/// x conj(w)
template <class V>
DANAUS_INLINE Lanes<V> conjugate_product(Lanes<V> x, Lanes<V> w) noexcept {
  return {fma(x.im, w.im, x.re * w.re), fnma(x.re, w.im, x.im * w.re)};
}

/// 1 where lane & Distance is 0, else -1.
template <class V, std::size_t Distance>
DANAUS_INLINE V alternating() noexcept {
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    using T = typename V::value_type;
    return V::wrap(typename V::storage{((I & Distance) == 0 ? T(1) : T(-1))...});
  }(std::make_index_sequence<V::size()>{});
}

/// The S-point transforms across the lanes of a row, forth or back, scrambled order.
template <std::size_t S, bool Forth, class V, class T, std::size_t N>
DANAUS_INLINE void transform_lanes(const RingPlan<T>& plan, Lanes<V> (&x)[N]) noexcept {
  constexpr std::size_t passes = std::countr_zero(S);
  simd::unrolled<passes>([&](auto step) {
    constexpr std::size_t pass = Forth ? step : passes - 1 - step, distance = S >> (pass + 1);
    const T* const turn = &plan.lane_turns[2 * lanes<T> * pass];
    if constexpr (!Forth && distance > 1) {
      simd::unrolled<N>([&](auto i) { x[i] = conjugate_product(x[i], Lanes<V>::load(turn + i * V::size())); });
    }
    if constexpr (distance >= V::size()) {
      constexpr std::size_t apart = distance / V::size();
      simd::unrolled<N>([&](auto i) {
        if constexpr (i % (2 * apart) < apart) dft2<Forth>(x[i], x[i + apart]);
      });
    } else {
      simd::unrolled<N>([&](auto i) {  // lower lane: sum; upper lane: lower - upper
        const V sign = alternating<V, distance>();
        x[i] = {fma(x[i].re, sign, simd::exchanged<distance>(x[i].re)),
                fma(x[i].im, sign, simd::exchanged<distance>(x[i].im))};
      });
    }
    if constexpr (Forth && distance > 1) {
      simd::unrolled<N>([&](auto i) { x[i] = x[i] * Lanes<V>::load(turn + i * V::size()); });
    }
  });
}

/// The transforms across the lanes of rows [first, first + count), forth or back; nothing with one slice.
template <bool Forth, class T>
[[gnu::noinline]] DANAUS_KERNEL void finish_rows(const RingPlan<T>& plan, std::size_t first, std::size_t count,
                                                 T* data) noexcept {
  using V = simd::native<T>;
  if (plan.slices == 1) return;
  with_slices<T>(plan.slices, [&](auto S) {
    for (std::size_t m = 0; m < count; ++m) {
      T* const p = data + 2 * lanes<T> * m;
      const T* const twist = &plan.lane_twist[2 * lanes<T> * (first + m)];
      constexpr std::size_t N = lanes<T> / V::size();
      Lanes<V> x[N];
      simd::unrolled<N>([&](auto i) {
        x[i] = Lanes<V>::load(p + i * V::size());
        if constexpr (Forth) x[i] = x[i] * Lanes<V>::load(twist + i * V::size());
      });
      transform_lanes<S, Forth>(plan, x);
      simd::unrolled<N>([&](auto i) {
        if constexpr (!Forth) x[i] = conjugate_product(x[i], Lanes<V>::load(twist + i * V::size()));
        x[i].store(p + i * V::size());
      });
    }
  });
}

/// Rows [first, first + count) forth across the lanes, times their part of the spectrum, and back.
template <std::size_t S, class T>
DANAUS_INLINE void multiply_rows(const RingPlan<T>& plan, std::size_t first, std::size_t count, T* data,
                                 const T* spectrum) noexcept {
  using V = simd::native<T>;
  constexpr std::size_t N = lanes<T> / V::size();
  for (std::size_t m = 0; m < count; ++m) {
    T* const p = data + 2 * lanes<T> * m;
    Lanes<V> x[N], twist[N];
    simd::unrolled<N>([&](auto i) { x[i] = Lanes<V>::load(p + i * V::size()); });
    if constexpr (S > 1) {
      simd::unrolled<N>([&](auto i) {
        twist[i] = Lanes<V>::load(&plan.lane_twist[2 * lanes<T> * (first + m) + i * V::size()]);
        x[i] = x[i] * twist[i];
      });
      transform_lanes<S, true>(plan, x);
    }
    simd::unrolled<N>([&](auto i) { x[i] = x[i] * Lanes<V>::load(spectrum + 2 * lanes<T> * m + i * V::size()); });
    if constexpr (S > 1) {
      transform_lanes<S, false>(plan, x);
      simd::unrolled<N>([&](auto i) { x[i] = conjugate_product(x[i], twist[i]); });
    }
    simd::unrolled<N>([&](auto i) { x[i].store(p + i * V::size()); });
  }
}

/// A block from `level` on: forth, times its part of a spectrum, and back, depth first. One slice only.
template <class T>
[[gnu::noinline]] DANAUS_KERNEL void multiply_block(const RingPlan<T>& plan, std::size_t level, T* data,
                                                    const T* spectrum) noexcept {
  using V = simd::native<T>;
  constexpr std::size_t row = 2 * lanes<T>;
  if (plan.levels == 0) return multiply_rows<1>(plan, 0, 1, data, spectrum);
  const std::size_t radix = plan.level[level].radix, rows = plan.level[level].rows;
  const T* const twiddles = plan.twiddles.data() + plan.level[level].twiddles;
  with_radix(radix, [&](auto R) {
    if (level + 1 == plan.levels) return turn_around<R, V>(data, spectrum);
    pass<R, true, V>(data, rows, twiddles);
    for (std::size_t j = 0; j < R; ++j) {
      multiply_block(plan, level + 1, data + j * rows * row, spectrum + j * rows * row);
    }
    pass<R, false, V>(data, rows, twiddles);
  });
}

/// Where the rows of coefficients of a group of channels stand: row m at data + m * stride. Coefficient t of channel c
/// is lane c * slices + t % slices of row t / slices. Of each channel the first `rows` rows are looked at, the others
/// are zero.
template <class T>
struct Coefficients {
  T* data;
  std::size_t stride;
  std::size_t rows;
};

/// How many blocks have a row m among the first `count` rows.
DANAUS_INLINE std::size_t live_blocks(std::size_t count, std::size_t m, std::size_t block) noexcept {
  return m < count ? (count - m - 1) / block + 1 : 0;
}

/// The first pass, from coefficients to `work`. im: null, or where imaginary parts stand like the real ones.
template <std::size_t R, class T>
DANAUS_INLINE void enter(const RingPlan<T>& plan, Coefficients<const T> from, const T* im, T* work) noexcept {
  using V = simd::native<T>;
  constexpr std::size_t row = 2 * lanes<T>;
  const std::size_t pitch = plan.pitch() * row, across = from.stride * plan.block;
  const T* const turns = plan.turns.data();
  for (std::size_t m = 0; m < plan.block; ++m) {
    const T* const twist = &plan.twist[2 * R * m];
    const std::size_t live = live_blocks(from.rows, m, plan.block), here = m * from.stride;
    for (std::size_t lane = 0; lane < lanes<T>; lane += V::size()) {
      Lanes<V> x[R];
      simd::unrolled<R>([&](auto j) {
        x[j] = Lanes<V>{V(T(0)), V(T(0))};
        if (j < live) {
          const V re = simd::load<V>(from.data + here + j * across + lane);
          if (im == nullptr) {
            x[j] = j == 0 ? Lanes<V>{re, V(T(0))} : Lanes<V>{re * V(turns[2 * j]), re * V(turns[2 * j + 1])};
          } else {
            x[j] = Lanes<V>{re, simd::load<V>(im + here + j * across + lane)}.times(turns + 2 * j);
          }
        }
      });
      dft<R, true>(x);
      T* const to = work + m * row + lane;
      simd::unrolled<R>([&](auto q) { x[q].times(twist + 2 * q).store(to + q * pitch); });
    }
  }
}

/// How the last pass back hands over its results.
enum class Handover : unsigned char {
  store,          ///< real parts to their place; imaginary ones, too, where there is one
  past_cache,     ///< the same, real parts bypassing the caches, see simd::store_past_cache
  add_imaginary,  ///< imaginary parts only, added to what stands there
};

/// The last pass back, from `work` to coefficients, times `scale`: `to` is the place of real parts, `im` (may be null)
/// that of imaginary ones.
template <std::size_t R, class T>
DANAUS_INLINE void leave(const RingPlan<T>& plan, const T* work, T scale, Coefficients<T> to, T* im,
                         Handover how) noexcept {
  using V = simd::native<T>;
  constexpr std::size_t row = 2 * lanes<T>;
  const std::size_t pitch = plan.pitch() * row, across = to.stride * plan.block;
  const T* const turns = plan.turns.data();
  for (std::size_t m = 0; m < plan.block; ++m) {
    const T* const twist = &plan.twist[2 * R * m];
    const std::size_t live = live_blocks(to.rows, m, plan.block), here = m * to.stride;
    for (std::size_t lane = 0; lane < lanes<T>; lane += V::size()) {
      const T* const from = work + m * row + lane;
      Lanes<V> x[R];
      simd::unrolled<R>([&](auto q) { x[q] = Lanes<V>::load(from + q * pitch).back(twist + 2 * q); });
      dft<R, false>(x);
      simd::unrolled<R>([&](auto j) {
        if (j < live) {
          const V c(scale * turns[2 * j]), s(scale * turns[2 * j + 1]);
          const std::size_t at = here + j * across + lane;
          if (how == Handover::add_imaginary) {
            simd::store(fnma(x[j].re, s, fma(x[j].im, c, simd::load<V>(im + at))), im + at);
          } else {
            const V re = fma(x[j].im, s, x[j].re * c);
            if (how == Handover::past_cache) {
              simd::store_past_cache(re, to.data + at);
            } else {
              simd::store(re, to.data + at);
            }
            if (im != nullptr) simd::store(fnma(x[j].re, s, x[j].im * c), im + at);
          }
        }
      });
    }
  }
}

/// Calls f with the radix of the first pass as a constant.
template <class F>
DANAUS_INLINE void with_top(std::size_t top, F f) noexcept {
  switch (top) {
    case 2:
      return f(std::integral_constant<std::size_t, 2>{});
    case 4:
      return f(std::integral_constant<std::size_t, 4>{});
    case 8:
      return f(std::integral_constant<std::size_t, 8>{});
    case 10:
      return f(std::integral_constant<std::size_t, 10>{});
    case 12:
      return f(std::integral_constant<std::size_t, 12>{});
    default:
      return f(std::integral_constant<std::size_t, 16>{});
  }
}

/// enter and leave for every first radix: one copy of them, they are long.
template <class T>
[[gnu::noinline]] DANAUS_KERNEL void enter_rows(const RingPlan<T>& plan, Coefficients<const T> from, const T* im,
                                                T* work) noexcept {
  with_top(plan.top, [&](auto R) { enter<R>(plan, from, im, work); });
}
template <class T>
[[gnu::noinline]] DANAUS_KERNEL void leave_rows(const RingPlan<T>& plan, const T* work, T scale, Coefficients<T> to,
                                                T* im, Handover how) noexcept {
  with_top(plan.top, [&](auto R) { leave<R>(plan, work, scale, to, im, how); });
}

}  // namespace DANAUS_ISA
}  // namespace danaus
