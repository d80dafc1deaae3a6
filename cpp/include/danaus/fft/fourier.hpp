// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include <danaus/fft/fourier_plan.hpp>

namespace danaus {

/// Real or complex signals: element t of channel c at re[t * step + c * apart], its imaginary part at the same place of
/// im, null for real ones. Complex numbers side by side have im = re + 1 and even strides.
template <class T>
struct Signals {
  T* re = nullptr;
  T* im = nullptr;
  std::size_t count = 0, channels = 0, step = 1, apart = 1;

  bool is_paired() const noexcept { return im == re + 1; }
};

/// Scratch of `fourier`.
template <std::floating_point T>
std::size_t fourier_workspace_bytes(const FourierPlan<T>& plan) noexcept {
  return 2 * workspace_size<T>(plan.stage_size()) + workspace_size<T>(plan.ring->work_size());
}

inline namespace DANAUS_ISA {

/// A group's points in a workspace: rows of lanes, real and imaginary parts in turn, or all real parts, then all
/// imaginary ones.
template <class T>
struct Points {
  T* re;
  T* im;
  std::size_t step;

  Points(const FourierPlan<T>& plan, T* stage) noexcept
      : re(stage), im(stage + (plan.step() == 1 ? plan.stage_size() / 2 : lanes<T>)), step(plan.step()) {}
  Points swapped() const noexcept {
    Points other = *this;
    std::swap(other.re, other.im);
    return other;
  }
};

/// f<V>(offset) for the places of points [first, last): of a point's lanes, or of V::size() points next to each other.
template <class T, class F>
DANAUS_INLINE void each_point(std::size_t step, std::size_t first, std::size_t last, F f) noexcept {
  if (step == 1) {
    simd::each<T>(last - first, [&]<class V>(std::size_t i) { f.template operator()<V>(first + i, first + i); });
  } else {
    for (std::size_t t = first; t < last; ++t) {
      simd::each<T>(lanes<T>, [&]<class V>(std::size_t l) { f.template operator()<V>(t * step + l, t); });
    }
  }
}

/// A factor for point t, or for as many points as V has lanes.
template <class V, class T>
DANAUS_INLINE V factor(std::size_t step, const T* p) noexcept {
  return step == 1 ? simd::load<V>(p) : V(*p);
}

/// Copies signals to points [0, count); what is not there becomes zero.
template <class T>
[[gnu::noinline]] DANAUS_KERNEL void load_points(const FourierPlan<T>& plan, Signals<const T> x, std::size_t first,
                                                 std::size_t count, Points<T> to) noexcept {
  const std::size_t width = plan.channels(), present = std::min(width, x.channels - first), given = x.count;
  const T* const re = x.re + first * x.apart;
  const bool paired = x.is_paired();
  std::size_t done = 0;
  if (to.step > 1 && paired && x.step == 2) {  // numbers of a channel next to each other: transpose
    gather_rows(first, View<const T, 2>(x.re, {2 * given, x.channels}, {1, x.apart}), to.re);
    done = given;
  } else if (to.step == 1 && paired && x.step == 2) {
    using V = simd::native<T>;
    for (; done + V::size() <= given; done += V::size()) {
      const auto [even, odd] = simd::unzipped(simd::load<V>(re + 2 * done), simd::load<V>(re + 2 * done + V::size()));
      simd::store(even, to.re + done);
      simd::store(odd, to.im + done);
    }
  } else if (to.step > 1 && paired && x.apart == 2 && present == width) {
    using V = simd::native<T>;
    for (; done < given; ++done) {
      const T* const p = re + done * x.step;
      for (std::size_t l = 0; l < lanes<T>; l += V::size()) {
        const auto [even, odd] = simd::unzipped(simd::load<V>(p + 2 * l), simd::load<V>(p + 2 * l + V::size()));
        simd::store(even, to.re + done * to.step + l);
        simd::store(odd, to.im + done * to.step + l);
      }
    }
  } else if (to.step > 1 && x.apart == 1 && present == width) {
    for (; done < given; ++done) {
      simd::each<T>(lanes<T>, [&]<class V>(std::size_t l) {
        const std::size_t at = done * x.step + l, here = done * to.step + l;
        simd::store(simd::load<V>(re + at), to.re + here);
        simd::store(x.im == nullptr ? V(T(0)) : simd::load<V>(x.im + first + at), to.im + here);
      });
    }
  }
  for (std::size_t t = done; t < count; ++t) {
    for (std::size_t c = 0; c < width; ++c) {
      const bool there = t < given && c < present;
      const std::size_t at = (first + c) * x.apart + t * x.step;
      to.re[t * to.step + c] = there ? x.re[at] : T(0);
      to.im[t * to.step + c] = there && x.im != nullptr ? x.im[at] : T(0);
    }
  }
}

/// The first y.count points, times `scale`, to signals.
template <class T>
[[gnu::noinline]] DANAUS_KERNEL void store_points(const FourierPlan<T>& plan, Points<T> from, T scale,
                                                  std::size_t first, Signals<T> y) noexcept {
  const std::size_t width = plan.channels(), present = std::min(width, y.channels - first);
  T* const re = y.re + first * y.apart;
  const bool paired = y.is_paired();
  using V = simd::native<T>;
  std::size_t done = 0;
  if (scale != T(1)) {
    each_point<T>(from.step, 0, y.count, [&]<class W>(std::size_t at, std::size_t) {
      simd::store(simd::load<W>(from.re + at) * W(scale), from.re + at);
      simd::store(simd::load<W>(from.im + at) * W(scale), from.im + at);
    });
  }
  if (from.step > 1 && paired && y.step == 2) {
    scatter_rows(first, static_cast<const T*>(from.re), View<T, 2>(y.re, {2 * y.count, y.channels}, {1, y.apart}));
    return;
  }
  if (from.step == 1 && paired && y.step == 2) {
    for (; done + V::size() <= y.count; done += V::size()) {
      const auto [low, high] = simd::zipped(simd::load<V>(from.re + done), simd::load<V>(from.im + done));
      simd::store(low, re + 2 * done);
      simd::store(high, re + 2 * done + V::size());
    }
  } else if (from.step > 1 && paired && y.apart == 2 && present == width) {
    for (; done < y.count; ++done) {
      T* const p = re + done * y.step;
      for (std::size_t l = 0; l < lanes<T>; l += V::size()) {
        const std::size_t at = done * from.step + l;
        const auto [low, high] = simd::zipped(simd::load<V>(from.re + at), simd::load<V>(from.im + at));
        simd::store(low, p + 2 * l);
        simd::store(high, p + 2 * l + V::size());
      }
    }
  } else if (from.step > 1 && y.apart == 1 && present == width) {
    for (; done < y.count; ++done) {
      simd::each<T>(lanes<T>, [&]<class W>(std::size_t l) {
        const std::size_t at = done * from.step + l, there = done * y.step + l;
        simd::store(simd::load<W>(from.re + at), re + there);
        if (y.im != nullptr) simd::store(simd::load<W>(from.im + at), y.im + first + there);
      });
    }
  }
  for (; done < y.count; ++done) {
    for (std::size_t c = 0; c < present; ++c) {
      const std::size_t at = (first + c) * y.apart + done * y.step;
      y.re[at] = from.re[done * from.step + c];
      if (y.im != nullptr) y.im[at] = from.im[done * from.step + c];
    }
  }
}

/// x_t <- x_t times the chirp, t < plan.length.
template <class T>
DANAUS_INLINE void times_chirp(const FourierPlan<T>& plan, Points<T> x) noexcept {
  const T* const cosine = plan.chirp.data();
  const T* const sine = cosine + plan.length;
  each_point<T>(x.step, 0, plan.length, [&]<class V>(std::size_t at, std::size_t t) {
    const V re = simd::load<V>(x.re + at), im = simd::load<V>(x.im + at);
    const V c = factor<V>(x.step, cosine + t), s = factor<V>(x.step, sine + t);
    simd::store(fnma(im, s, re * c), x.re + at);
    simd::store(fma(im, c, re * s), x.im + at);
  });
}

/// z_k <- sum_{t < length} x_t exp(-2 pi i t k / length); x may be changed.
template <class T>
[[gnu::noinline]] DANAUS_KERNEL void transform_points(const FourierPlan<T>& plan, Points<T> x, Points<T> z,
                                                      T* work) noexcept {
  constexpr std::size_t row = 2 * lanes<T>;
  const RingPlan<T>& ring = *plan.ring;
  const auto block = [&](std::size_t q) { return work + q * ring.pitch() * row; };
  const Coefficients<const T> from{x.re, x.step, plan.length};
  if (!plan.chirp.empty()) {
    times_chirp(plan, x);
    enter_rows(ring, from, static_cast<const T*>(x.im), work);
    for (std::size_t q = 0; q < ring.blocks(); ++q) {
      multiply_block(ring, 0, block(q), plan.filter.data() + q * ring.block * row);
    }
    leave_rows(ring, static_cast<const T*>(work), T(1), Coefficients<T>{z.re, z.step, plan.length}, z.im,
               Handover::store);
    return times_chirp(plan, z);
  }
  forth(ring, from, x.im, work);
  for (std::size_t q = 0; q < ring.blocks(); ++q) {
    for (std::size_t m = 0; m < ring.block; ++m) {
      const T* const values = block(q) + m * row;
      const std::size_t at = plan.order[q * ring.block + m] * z.step;
      simd::each<T>(lanes<T>, [&]<class V>(std::size_t l) {
        simd::store(simd::load<V>(values + l), z.re + at + l);
        simd::store(simd::load<V>(values + lanes<T> + l), z.im + at + l);
      });
    }
  }
}

/// out_k <- (a + b) + w_k (a - b) for a = z_k, b = conj(z_{m-k}), k < last, where w_k = -i exp(-2 pi i k / n) on the
/// way forth, its conjugate on the way back: between the m = n / 2 points of a packed real signal and twice the m + 1
/// values of its transform. z has m + 1 points.
template <bool Forth, class T>
[[gnu::noinline]] DANAUS_KERNEL void combine_halves(const FourierPlan<T>& plan, Points<T> z, std::size_t last,
                                                    Points<T> out) noexcept {
  const std::size_t m = plan.length;
  const T* const cosine = plan.halves.data();
  const T* const sine = cosine + m + 1;
  each_point<T>(z.step, 0, last, [&]<class V>(std::size_t at, std::size_t k) {
    V br, bi;
    if (z.step == 1) {
      const std::size_t other = m + 1 - k - V::size();
      br = simd::reversed(simd::load<V>(z.re + other));
      bi = simd::reversed(simd::load<V>(z.im + other));
    } else {
      const std::size_t other = at + (m - 2 * k) * z.step;
      br = simd::load<V>(z.re + other);
      bi = simd::load<V>(z.im + other);
    }
    const V ar = simd::load<V>(z.re + at), ai = simd::load<V>(z.im + at);
    const V dr = ar - br, di = ai + bi, c = factor<V>(z.step, cosine + k);
    const V s = Forth ? factor<V>(z.step, sine + k) : -factor<V>(z.step, sine + k);
    simd::store(fnma(di, s, fma(dr, c, ar + br)), out.re + at);
    simd::store(fma(di, c, fma(dr, s, ai - bi)), out.im + at);
  });
}

/// Point `to` <- point `from`, its imaginary part times `sign`.
template <class T>
DANAUS_INLINE void copy_point(Points<T> z, std::size_t width, std::size_t from, std::size_t to, T sign) noexcept {
  for (std::size_t c = 0; c < width; ++c) {
    z.re[to * z.step + c] = z.re[from * z.step + c];
    z.im[to * z.step + c] = sign * z.im[from * z.step + c];
  }
}

/// Discrete Fourier transforms of channels [first, first + plan.channels()), as far as there are:
///   forth  y_k = sum_t x_t exp(-2 pi i t k / n)        back  y_t = 1/n sum_k x_k exp(2 pi i t k / n)
/// for k, t < n; of real signals k <= n / 2 (`x` real forth, `y` real back; the other values are the conjugates, and
/// imaginary parts where they must vanish are ignored).
///
/// x of at most as many elements as the transform takes, zeros follow; y may be x where strides agree. 5 n log2(n) flop
/// (complex), half as many (real of even n), about five times as many with a chirp. Error: about 0.3 eps log2(n) of the
/// root mean square; twice that with a chirp.
template <std::floating_point T>
DANAUS_KERNEL void fourier(const FourierPlan<T>& plan, bool back, std::size_t first, Signals<const T> x, Signals<T> y,
                           Workspace scratch) noexcept {
  const std::size_t m = plan.length, n = plan.points, width = plan.channels();
  Points<T> in(plan, scratch.take<T>(plan.stage_size())), out(plan, scratch.take<T>(plan.stage_size()));
  T* const work = scratch.take<T>(plan.ring->work_size());
  const T scale = back ? T(1) / static_cast<T>(n) : T(1);
  if (!plan.real) {  // back: real and imaginary parts change places, before and after
    load_points(plan, x, first, m, in);
    transform_points(plan, back ? in.swapped() : in, back ? out.swapped() : out, work);
    return store_points(plan, out, scale, first, y);
  }
  const auto erase_imaginary = [&](Points<T> z, std::size_t k) {
    for (std::size_t c = 0; c < width; ++c) z.im[k * z.step + c] = T(0);
  };
  if (n % 2 == 1) {
    load_points(plan, x, first, back ? n / 2 + 1 : n, in);
    if (back) {
      erase_imaginary(in, 0);
      for (std::size_t k = 1; k <= n / 2; ++k) copy_point(in, width, k, n - k, T(-1));
    }
    transform_points(plan, back ? in.swapped() : in, back ? out.swapped() : out, work);
    return store_points(plan, out, scale, first, y);
  }
  // Even: neighbours are real and imaginary parts.
  const auto packed = [&]<class U>(Signals<U> s) {
    return Signals<U>{s.re, s.re + s.step, s.count / 2, s.channels, 2 * s.step, s.apart};
  };
  if (back) {
    load_points(plan, x, first, m + 1, in);
    erase_imaginary(in, 0);
    erase_imaginary(in, m);
    combine_halves<false>(plan, in, m, out);
    transform_points(plan, out.swapped(), in.swapped(), work);
    return store_points(plan, in, scale, first, packed(y));
  }
  load_points(plan, packed(x), first, m, in);
  if (x.count % 2 == 1) {  // the last one has no neighbour
    const std::size_t t = x.count / 2;
    for (std::size_t c = 0; c < std::min(width, x.channels - first); ++c) {
      in.re[t * in.step + c] = x.re[(first + c) * x.apart + 2 * t * x.step];
    }
  }
  transform_points(plan, in, out, work);
  copy_point(out, width, 0, m, T(1));
  combine_halves<true>(plan, out, m + 1, in);
  store_points(plan, in, T(0.5), first, y);
}

}  // namespace DANAUS_ISA
}  // namespace danaus
