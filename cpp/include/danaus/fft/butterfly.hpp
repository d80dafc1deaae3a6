// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include <danaus/fft/ring.hpp>
#include <danaus/simd/loop.hpp>

namespace danaus {
inline namespace DANAUS_ISA {

/// Complex values of some channels of a row: its real parts at p, its imaginary parts `lanes` further on.
template <class V>
struct Lanes {
  using T = typename V::value_type;
  V re, im;

  DANAUS_INLINE static Lanes load(const T* p) noexcept { return {simd::load<V>(p), simd::load<V>(p + lanes<T>)}; }
  DANAUS_INLINE void store(T* p) const noexcept {
    simd::store(re, p);
    simd::store(im, p + lanes<T>);
  }
  DANAUS_INLINE friend Lanes operator+(Lanes a, Lanes b) noexcept { return {a.re + b.re, a.im + b.im}; }
  DANAUS_INLINE friend Lanes operator-(Lanes a, Lanes b) noexcept { return {a.re - b.re, a.im - b.im}; }
  DANAUS_INLINE friend Lanes operator*(Lanes a, Lanes b) noexcept {
    return {fnma(a.im, b.im, a.re * b.re), fma(a.im, b.re, a.re * b.im)};
  }
  /// Times cos + i sin, which stand at `turn`.
  DANAUS_INLINE Lanes times(const T* turn) const noexcept {
    const V c(turn[0]), s(turn[1]);
    return {fnma(im, s, re * c), fma(im, c, re * s)};
  }
  /// Times cos - i sin.
  DANAUS_INLINE Lanes back(const T* turn) const noexcept {
    const V c(turn[0]), s(turn[1]);
    return {fma(im, s, re * c), fnma(re, s, im * c)};
  }
};

/// x conj(w)
template <class V>
DANAUS_INLINE Lanes<V> conjugate_product(Lanes<V> x, Lanes<V> w) noexcept {
  return {fma(x.im, w.im, x.re * w.re), fnma(x.re, w.im, x.im * w.re)};
}

/// a -+ i b: minus on the way forth, plus on the way back.
template <bool Forth, class V>
DANAUS_INLINE Lanes<V> plus_turned(Lanes<V> a, Lanes<V> b) noexcept {
  if constexpr (Forth) {
    return {a.re + b.im, a.im - b.re};
  } else {
    return {a.re - b.im, a.im + b.re};
  }
}

/// Discrete Fourier transforms of a few points in registers, natural order: x_k <- sum_j x_j exp(-+2 pi i j k / R).
/// `at(j)` is where point j stands in x.
template <bool Forth, class V>
DANAUS_INLINE void dft2(Lanes<V>& a, Lanes<V>& b) noexcept {
  const Lanes<V> sum = a + b;
  b = a - b;
  a = sum;
}

template <bool Forth, class V>
DANAUS_INLINE void dft4(Lanes<V>& a, Lanes<V>& b, Lanes<V>& c, Lanes<V>& d) noexcept {
  const Lanes<V> s = a + c, t = a - c, u = b + d, v = b - d;
  a = s + u;
  c = s - u;
  b = plus_turned<Forth>(t, v);
  d = plus_turned<!Forth>(t, v);
}

template <bool Forth, class V>
DANAUS_INLINE void dft3(Lanes<V>& a, Lanes<V>& b, Lanes<V>& c) noexcept {
  using T = typename V::value_type;
  const V half(T(0.5)), root(T(0.8660254037844386468));
  const Lanes<V> sum = b + c, difference = b - c;
  const Lanes<V> middle{fnma(half, sum.re, a.re), fnma(half, sum.im, a.im)};
  a = a + sum;
  const Lanes<V> side{root * difference.re, root * difference.im};
  b = plus_turned<Forth>(middle, side);
  c = plus_turned<!Forth>(middle, side);
}

template <bool Forth, class V>
DANAUS_INLINE void dft5(Lanes<V>& a, Lanes<V>& b, Lanes<V>& c, Lanes<V>& d, Lanes<V>& e) noexcept {
  using T = typename V::value_type;
  const V c1(T(0.30901699437494742410)), c2(T(-0.80901699437494742410)), s1(T(0.95105651629515357212)),
      s2(T(0.58778525229247312917));
  const Lanes<V> s = b + e, t = c + d, u = b - e, v = c - d;
  const Lanes<V> m1{fma(c2, t.re, fma(c1, s.re, a.re)), fma(c2, t.im, fma(c1, s.im, a.im))};
  const Lanes<V> m2{fma(c1, t.re, fma(c2, s.re, a.re)), fma(c1, t.im, fma(c2, s.im, a.im))};
  const Lanes<V> n1{fma(s2, v.re, s1 * u.re), fma(s2, v.im, s1 * u.im)};
  const Lanes<V> n2{fnma(s1, v.re, s2 * u.re), fnma(s1, v.im, s2 * u.im)};
  a = a + s + t;
  b = plus_turned<Forth>(m1, n1);
  e = plus_turned<!Forth>(m1, n1);
  c = plus_turned<Forth>(m2, n2);
  d = plus_turned<!Forth>(m2, n2);
}

/// Times exp(-+2 pi i K / 16).
template <bool Forth, std::size_t K, class V>
DANAUS_INLINE Lanes<V> sixteenth(Lanes<V> x) noexcept {
  using T = typename V::value_type;
  constexpr T c[] = {T(1), T(0.92387953251128675613), T(0.70710678118654752440), T(0.38268343236508977173), T(0)};
  if constexpr (K == 0) {
    return x;
  } else if constexpr (K == 4) {
    return Forth ? Lanes<V>{x.im, -x.re} : Lanes<V>{-x.im, x.re};
  } else if constexpr (K > 4) {
    return sixteenth<Forth, K - 4>(sixteenth<Forth, 4>(x));
  } else if constexpr (K == 2) {
    const V h(c[2]);
    return Forth ? Lanes<V>{h * (x.re + x.im), h * (x.im - x.re)} : Lanes<V>{h * (x.re - x.im), h * (x.im + x.re)};
  } else {
    const T turn[2] = {c[K], Forth ? -c[4 - K] : c[4 - K]};
    return x.times(turn);
  }
}

template <bool Forth, class V>
DANAUS_INLINE void dft8(Lanes<V> (&x)[8]) noexcept {
  using T = typename V::value_type;
  const V h(T(0.70710678118654752440));
  Lanes<V> a0 = x[0] + x[4], a1 = x[1] + x[5], a2 = x[2] + x[6], a3 = x[3] + x[7];
  const Lanes<V> b0 = x[0] - x[4], b1 = x[1] - x[5], b2 = x[2] - x[6], b3 = x[3] - x[7];
  dft4<Forth>(a0, a1, a2, a3);
  // b1 and b3 wait for their factor h exp(-+pi i / 4), h exp(-+3 pi i / 4), which the last sums take along.
  const Lanes<V> c1 = plus_turned<Forth>(b1, b1), c3 = plus_turned<!Forth>(b3, b3);  // the latter times -1
  const Lanes<V> s = plus_turned<Forth>(b0, b2), d = plus_turned<!Forth>(b0, b2);
  const Lanes<V> t = c1 - c3, e = c1 + c3;
  x[0] = a0;
  x[2] = a1;
  x[4] = a2;
  x[6] = a3;
  x[1] = {fma(h, t.re, s.re), fma(h, t.im, s.im)};
  x[5] = {fnma(h, t.re, s.re), fnma(h, t.im, s.im)};
  const Lanes<V> up{fma(h, e.im, d.re), fnma(h, e.re, d.im)}, down{fnma(h, e.im, d.re), fma(h, e.re, d.im)};
  x[3] = Forth ? up : down;
  x[7] = Forth ? down : up;
}

template <std::size_t R, bool Forth, class V>
DANAUS_INLINE void dft(Lanes<V> (&x)[R]) noexcept {
  if constexpr (R == 2) {
    dft2<Forth>(x[0], x[1]);
  } else if constexpr (R == 4) {
    dft4<Forth>(x[0], x[1], x[2], x[3]);
  } else if constexpr (R == 8) {
    dft8<Forth>(x);
  } else if constexpr (R == 16) {
    simd::unrolled<4>([&](auto j) { dft4<Forth>(x[j], x[j + 4], x[j + 8], x[j + 12]); });
    simd::unrolled<3>([&](auto q) {
      simd::unrolled<3>([&](auto j) { x[4 * q + j + 5] = sixteenth<Forth, (q + 1) * (j + 1)>(x[4 * q + j + 5]); });
    });
    simd::unrolled<4>([&](auto q) { dft4<Forth>(x[4 * q], x[4 * q + 1], x[4 * q + 2], x[4 * q + 3]); });
    // What stands at 4 q + r is frequency q + 4 r.
    simd::unrolled<3>([&](auto q) {
      simd::unrolled<3 - q>([&](auto r) { std::swap(x[4 * q + r + q + 1], x[4 * (r + q + 1) + q]); });
    });
  } else {
    // R = 3 * 4 or 5 * 2 without common factor: no twiddles, only the order of Good and Thomas.
    static_assert(R == 12 || R == 10);
    constexpr std::size_t A = R == 12 ? 3 : 5, B = R / A;
    Lanes<V> y[R];
    simd::unrolled<B>([&](auto b) {
      simd::unrolled<A>([&](auto a) { y[A * b + a] = x[(B * a + A * b) % R]; });
      if constexpr (A == 3) {
        dft3<Forth>(y[A * b], y[A * b + 1], y[A * b + 2]);
      } else {
        dft5<Forth>(y[A * b], y[A * b + 1], y[A * b + 2], y[A * b + 3], y[A * b + 4]);
      }
    });
    simd::unrolled<A>([&](auto a) {
      if constexpr (B == 4) {
        dft4<Forth>(y[a], y[a + A], y[a + 2 * A], y[a + 3 * A]);
      } else {
        dft2<Forth>(y[a], y[a + A]);
      }
    });
    simd::unrolled<R>([&](auto k) { x[k] = y[k % A + A * (k % B)]; });
  }
}

}  // namespace DANAUS_ISA
}  // namespace danaus
