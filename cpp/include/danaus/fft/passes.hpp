// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

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
  } else if (radix == 2) {
    f(std::integral_constant<std::size_t, 2>{});
  } else if (radix == 12) {
    f(std::integral_constant<std::size_t, 12>{});
  } else {
    f(std::integral_constant<std::size_t, 10>{});
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
    if constexpr (R <= 8) {
      if (level + 1 == plan.levels) return last_pass<R, Forth, V>(data);
    }
    if constexpr (Forth) pass<R, true, V>(data, rows, twiddles);
    for (std::size_t j = 0; j < R; ++j) transform_block<Forth>(plan, level + 1, data + j * rows * 2 * lanes<T>);
    if constexpr (!Forth) pass<R, false, V>(data, rows, twiddles);
  });
}

/// A block from `level` on: forth, times its part of a spectrum, and back, depth first.
template <class T>
[[gnu::noinline]] DANAUS_KERNEL void multiply_block(const RingPlan<T>& plan, std::size_t level, T* data,
                                                    const T* spectrum) noexcept {
  using V = simd::native<T>;
  constexpr std::size_t row = 2 * lanes<T>;
  if (plan.levels == 0) {  // one row
    for (std::size_t lane = 0; lane < lanes<T>; lane += V::size()) {
      (Lanes<V>::load(data + lane) * Lanes<V>::load(spectrum + lane)).store(data + lane);
    }
    return;
  }
  const std::size_t radix = plan.level[level].radix, rows = plan.level[level].rows;
  const T* const twiddles = plan.twiddles.data() + plan.level[level].twiddles;
  with_radix(radix, [&](auto R) {
    if constexpr (R <= 8) {
      if (level + 1 == plan.levels) return turn_around<R, V>(data, spectrum);
    }
    pass<R, true, V>(data, rows, twiddles);
    for (std::size_t j = 0; j < R; ++j) {
      multiply_block(plan, level + 1, data + j * rows * row, spectrum + j * rows * row);
    }
    pass<R, false, V>(data, rows, twiddles);
  });
}

/// Where the first `count` coefficients of each of plan.channels() channels stand, the others are zero: coefficient t
/// in the lanes at data + t * stride; of a plan in segments at data + t.
template <class T>
struct Coefficients {
  T* data;
  std::size_t stride;
  std::size_t count;
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
    const std::size_t live = live_blocks(from.count, m, plan.block), here = m * from.stride;
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
    const std::size_t live = live_blocks(to.count, m, plan.block), here = m * to.stride;
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

/// Calls f(j, place of the values) for each segment j that has values [m, m + V::size()) among the first `count`
/// coefficients; the last of them may have fewer.
template <class V, class T, class F>
DANAUS_INLINE void each_segment(const RingPlan<T>& plan, std::size_t m, std::size_t count, F f) noexcept {
  simd::unrolled<lanes<T>>([&](auto j) {
    const std::size_t at = j * plan.block + m;
    f(j, at, at < count ? std::min(count - at, V::size()) : 0);
  });
}

/// `present` lanes at p, then zeros.
template <class V, class T>
DANAUS_INLINE V load_part(const T* p, std::size_t present) noexcept {
  if (present == V::size()) return simd::load<V>(p);
  T values[V::size()] = {};
  std::copy_n(p, present, values);
  return simd::load<V>(values);
}

/// The rows and columns of a square of V::size() rows change places, for each such square of x.
template <class V, std::size_t R>
DANAUS_INLINE void turn_squares(Lanes<V> (&x)[R]) noexcept {
  constexpr std::size_t N = V::size();
  simd::unrolled<R / N>([&](auto square) {
    V re[N], im[N];
    simd::unrolled<N>([&](auto i) {
      re[i] = x[square * N + i].re;
      im[i] = x[square * N + i].im;
    });
    simd::transpose<N / 2>(re);
    simd::transpose<N / 2>(im);
    simd::unrolled<N>([&](auto i) { x[square * N + i] = {re[i], im[i]}; });
  });
}

/// `enter` for a plan in segments: lanes are V::size() times on the way in, segments on the way out.
template <class T>
[[gnu::noinline]] DANAUS_KERNEL void enter_segments(const RingPlan<T>& plan, Coefficients<const T> from, const T* im,
                                                    T* work) noexcept {
  using V = simd::native<T>;
  constexpr std::size_t row = 2 * lanes<T>, N = V::size(), R = lanes<T>;
  const T* const turns = plan.turns.data();
  for (std::size_t m = 0; m < plan.block; m += N) {
    Lanes<V> x[R];
    each_segment<V>(plan, m, from.count, [&](auto j, std::size_t at, std::size_t present) {
      x[j] = Lanes<V>{V(T(0)), V(T(0))};
      if (present == 0) return;
      const V re = load_part<V>(from.data + at, present);
      if (im == nullptr) {
        x[j] = j == 0 ? Lanes<V>{re, V(T(0))} : Lanes<V>{re * V(turns[2 * j]), re * V(turns[2 * j + 1])};
      } else {
        x[j] = Lanes<V>{re, load_part<V>(im + at, present)}.times(turns + 2 * j);
      }
    });
    dft<R, true>(x);
    turn_squares(x);
    simd::unrolled<R>([&](auto q) {
      const std::size_t at = (m + q % N) * row + q / N * N;
      (x[q] * Lanes<V>::load(plan.twist.data() + at)).store(work + at);
    });
  }
}

/// V::size() times of every segment back, before their turns.
template <class V, class T>
DANAUS_INLINE void leave_column(const RingPlan<T>& plan, const T* work, std::size_t m,
                                Lanes<V> (&x)[lanes<T>]) noexcept {
  constexpr std::size_t row = 2 * lanes<T>, N = V::size();
  simd::unrolled<lanes<T>>([&](auto q) {
    const std::size_t at = (m + q % N) * row + q / N * N;
    x[q] = conjugate_product(Lanes<V>::load(work + at), Lanes<V>::load(plan.twist.data() + at));
  });
  turn_squares(x);
  dft<lanes<T>, false>(x);
}

/// `leave` for a plan in segments.
template <class T>
[[gnu::noinline]] DANAUS_KERNEL void leave_segments(const RingPlan<T>& plan, const T* work, T scale, Coefficients<T> to,
                                                    T* im, Handover how) noexcept {
  using V = simd::native<T>;
  constexpr std::size_t N = V::size(), R = lanes<T>;
  T turns[2 * R];
  for (std::size_t j = 0; j < 2 * R; ++j) turns[j] = scale * plan.turns[j];
  std::size_t m = 0;
  if (im == nullptr && to.count >= (R - 1) * plan.block) {  // the rule: real parts only, of whole segments
    const std::size_t last = std::min(plan.block, to.count - (R - 1) * plan.block) / N * N;
    const bool past_cache = how == Handover::past_cache;
    for (; m < last; m += N) {
      Lanes<V> x[R];
      leave_column(plan, work, m, x);
      simd::unrolled<R>([&](auto j) {
        const V re = fma(x[j].im, V(turns[2 * j + 1]), x[j].re * V(turns[2 * j]));
        T* const p = to.data + j * plan.block + m;
        past_cache ? simd::store_past_cache(re, p) : simd::store(re, p);
      });
    }
  }
  const auto put = [](V value, T* p, std::size_t present) {
    T values[N];
    simd::store(value, values);
    std::copy_n(values, present, p);
  };
  for (; m < plan.block; m += N) {
    Lanes<V> x[R];
    leave_column(plan, work, m, x);
    each_segment<V>(plan, m, to.count, [&](auto j, std::size_t at, std::size_t present) {
      if (present == 0) return;
      const V c(turns[2 * j]), s(turns[2 * j + 1]);
      if (how != Handover::add_imaginary) put(fma(x[j].im, s, x[j].re * c), to.data + at, present);
      if (im == nullptr) return;
      const V before = how == Handover::add_imaginary ? load_part<V>(im + at, present) : V(T(0));
      put(fnma(x[j].re, s, fma(x[j].im, c, before)), im + at, present);
    });
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
  if (plan.segments > 1) return enter_segments(plan, from, im, work);
  with_top(plan.top, [&](auto R) { enter<R>(plan, from, im, work); });
}
template <class T>
[[gnu::noinline]] DANAUS_KERNEL void leave_rows(const RingPlan<T>& plan, const T* work, T scale, Coefficients<T> to,
                                                T* im, Handover how) noexcept {
  if (plan.segments > 1) return leave_segments(plan, work, scale, to, im, how);
  with_top(plan.top, [&](auto R) { leave<R>(plan, work, scale, to, im, how); });
}

}  // namespace DANAUS_ISA
}  // namespace danaus
