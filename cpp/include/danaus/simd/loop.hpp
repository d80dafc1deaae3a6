// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/simd/vec.hpp>

namespace danaus {
inline namespace DANAUS_ISA {
namespace simd {

/// Calls f(I) for I = 0, ..., N - 1 as integral constants: a loop that is certain to be unrolled.
template <std::size_t N, class F>
DANAUS_INLINE void unrolled(F f) noexcept {
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (f(std::integral_constant<std::size_t, I>{}), ...);
  }(std::make_index_sequence<N>{});
}

template <std::size_t N, class T, class F>
DANAUS_INLINE void each_from(std::size_t i, std::size_t n, F& f) noexcept {
  for (; i + N <= n; i += N) f.template operator()<vec<T, N>>(i);
  if constexpr (N > 1) {
    if (i < n) each_from<N / 2, T>(i, n, f);
  }
}

/// Calls f<V>(i) over [0, n) with the widest V that still fits: whole registers, then one half,
/// one quarter, ... down to one lane. A kernel written as such an f has no remainder loop.
template <class T, class F>
DANAUS_INLINE void each(std::size_t n, F f) noexcept {
  each_from<native<T>::size(), T>(0, n, f);
}

template <std::size_t N, class T, class Op, class F>
DANAUS_INLINE T fold_tail(T total, std::size_t i, std::size_t n, Op op, F& f) noexcept {
  if (i + N <= n) {
    total = op(vec<T, 1>(total), vec<T, 1>(reduce(f.template operator()<vec<T, N>>(i), op))).v[0];
    i += N;
  }
  if constexpr (N > 1) {
    return i < n ? fold_tail<N / 2>(total, i, n, op, f) : total;
  } else {
    return total;
  }
}

/// Folds what f<V>(i) returns over [0, n) with `op`, beginning with `init`, the neutral element of
/// op. Four registers are summed side by side, so that op's latency is hidden.
template <class T, class Op, class F>
DANAUS_INLINE T fold(std::size_t n, T init, Op op, F f) noexcept {
  using V = native<T>;
  constexpr std::size_t N = V::size();
  std::size_t i = 0;
  T total = init;
  if (n >= N) {
    V a(init);
    if (n >= 4 * N) {
      V b(init), c(init), d(init);
      for (; i + 4 * N <= n; i += 4 * N) {
        a = op(a, f.template operator()<V>(i));
        b = op(b, f.template operator()<V>(i + N));
        c = op(c, f.template operator()<V>(i + 2 * N));
        d = op(d, f.template operator()<V>(i + 3 * N));
      }
      a = op(op(a, b), op(c, d));
    }
    for (; i + N <= n; i += N) a = op(a, f.template operator()<V>(i));
    total = reduce(a, op);
  }
  if constexpr (N > 1) {
    if (i < n) return fold_tail<N / 2>(total, i, n, op, f);
  }
  return total;
}

}  // namespace simd
}  // namespace DANAUS_ISA
}  // namespace danaus
