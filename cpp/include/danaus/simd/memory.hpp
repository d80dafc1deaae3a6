// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include <danaus/simd/loop.hpp>

namespace danaus {
inline namespace DANAUS_ISA {
namespace simd {

/// Asks for the cache line `bytes` behind p, soon to be read; it may lie beyond what p points into.
DANAUS_INLINE void prefetch(const void* p, std::size_t bytes) noexcept {
  __builtin_prefetch(static_cast<const char*>(p) + bytes, 0, 3);
}

/// Asks for the cache line of p, soon to be written.
DANAUS_INLINE void prefetch_to_write(const void* p) noexcept {
  __builtin_prefetch(p, 1, 3);
}

/// Stores lanes without reading what stood there into the caches: for results larger than these, written once.
/// p must be a multiple of the register's size. Call settle() before other threads may look.
template <class T, std::size_t N>
DANAUS_INLINE void store_past_cache(vec<T, N> x, T* p) noexcept {
#if defined(__clang__)
  __builtin_nontemporal_store(x.v, reinterpret_cast<typename vec<T, N>::storage*>(p));
#else
#if defined(__AVX512F__)
  if constexpr (N * sizeof(T) == 64) {
    __builtin_ia32_movntps512(reinterpret_cast<float*>(p), __builtin_bit_cast(typename vec<float, 16>::storage, x.v));
    return;
  }
#endif
#if defined(__AVX__)
  if constexpr (N * sizeof(T) == 32) {
    __builtin_ia32_movntps256(reinterpret_cast<float*>(p), __builtin_bit_cast(typename vec<float, 8>::storage, x.v));
    return;
  }
#endif
#if defined(__SSE2__)
  if constexpr (N * sizeof(T) == 16) {
    __builtin_ia32_movntps(reinterpret_cast<float*>(p), __builtin_bit_cast(typename vec<float, 4>::storage, x.v));
    return;
  }
#endif
  store(x, p);
#endif
}

/// Makes what store_past_cache wrote visible in order.
DANAUS_INLINE void settle() noexcept {
#if defined(__SSE2__)
  __builtin_ia32_sfence();
#endif
}

template <std::size_t Distance, bool Upper, class T, std::size_t N, std::size_t... I>
DANAUS_INLINE vec<T, N> interleaved(vec<T, N> a, vec<T, N> b, std::index_sequence<I...>) noexcept {
  constexpr auto from = [](std::size_t lane) {
    const bool second = (lane & Distance) != 0;
    return static_cast<int>(Upper ? (second ? N + lane : lane + Distance) : (second ? N + lane - Distance : lane));
  };
  return vec<T, N>::wrap(__builtin_shufflevector(a.v, b.v, from(I)...));
}

/// Lane j of x[i] changes places with lane i of x[j].
template <std::size_t Distance, class T, std::size_t N>
DANAUS_INLINE void transpose(vec<T, N> (&x)[N]) noexcept {
  if constexpr (Distance > 0) {
    unrolled<N>([&](auto i) {
      if constexpr ((i & Distance) == 0) {
        const vec<T, N> a = x[i], b = x[i + Distance];
        x[i] = interleaved<Distance, false>(a, b, std::make_index_sequence<N>{});
        x[i + Distance] = interleaved<Distance, true>(a, b, std::make_index_sequence<N>{});
      }
    });
    transpose<Distance / 2>(x);
  }
}

/// The even lanes of a, then of b; and the odd ones.
template <class T, std::size_t N>
DANAUS_INLINE std::pair<vec<T, N>, vec<T, N>> unzipped(vec<T, N> a, vec<T, N> b) noexcept {
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    return std::pair(vec<T, N>::wrap(__builtin_shufflevector(a.v, b.v, static_cast<int>(2 * I)...)),
                     vec<T, N>::wrap(__builtin_shufflevector(a.v, b.v, static_cast<int>(2 * I + 1)...)));
  }(std::make_index_sequence<N>{});
}

/// Undoes unzipped: lanes of a and b in turn.
template <class T, std::size_t N>
DANAUS_INLINE std::pair<vec<T, N>, vec<T, N>> zipped(vec<T, N> a, vec<T, N> b) noexcept {
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    constexpr auto from = [](std::size_t lane) { return static_cast<int>(lane / 2 + lane % 2 * N); };
    return std::pair(vec<T, N>::wrap(__builtin_shufflevector(a.v, b.v, from(I)...)),
                     vec<T, N>::wrap(__builtin_shufflevector(a.v, b.v, from(N + I)...)));
  }(std::make_index_sequence<N>{});
}

/// The lanes from last to first.
template <class T, std::size_t N>
DANAUS_INLINE vec<T, N> reversed(vec<T, N> x) noexcept {
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    return vec<T, N>::wrap(__builtin_shufflevector(x.v, x.v, static_cast<int>(N - 1 - I)...));
  }(std::make_index_sequence<N>{});
}

/// How results are written.
enum class Writing : unsigned char { cached, past_cache };

template <std::size_t N, Writing How, class T>
DANAUS_INLINE void transpose_squares(const T* from, std::size_t from_stride, std::size_t rows, std::size_t columns,
                                     T* to, std::size_t to_stride) noexcept {
  const std::size_t high = rows / N * N, wide = columns / N * N;
  for (std::size_t i = 0; i < high; i += N) {
    for (std::size_t j = 0; j < wide; j += N) {
      vec<T, N> x[N];
      unrolled<N>([&](auto r) { x[r] = load<vec<T, N>>(from + (i + r) * from_stride + j); });
      transpose<N / 2>(x);
      unrolled<N>([&](auto r) {
        T* const p = to + (j + r) * to_stride + i;
        How == Writing::past_cache ? store_past_cache(x[r], p) : store(x[r], p);
      });
    }
  }
  if constexpr (N > 1) {
    constexpr std::size_t half = N / 2;
    const T* const below = from + high * from_stride;
    if (high > 0 && wide < columns) {
      transpose_squares<half, How>(from + wide, from_stride, high, columns - wide, to + wide * to_stride, to_stride);
    }
    if (high < rows) transpose_squares<half, How>(below, from_stride, rows - high, columns, to + high, to_stride);
  }
}

/// to[j * to_stride + i] = from[i * from_stride + j] for i < rows and j < columns, in squares of whole registers, of
/// half ones where these no longer fit, and so on. Past the caches: each square's columns must be aligned in `to`.
template <Writing How = Writing::cached, class T>
[[gnu::noinline]] DANAUS_KERNEL void transpose(const T* from, std::size_t from_stride, std::size_t rows,
                                               std::size_t columns, T* to, std::size_t to_stride) noexcept {
  transpose_squares<native<T>::size(), How>(from, from_stride, rows, columns, to, to_stride);
}

}  // namespace simd
}  // namespace DANAUS_ISA
}  // namespace danaus
