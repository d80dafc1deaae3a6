// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <danaus/config.hpp>
#include <danaus/simd/isa.hpp>

// A vector of N lanes in the shape of C++26 <simd>, on GNU/Clang vector extensions. One lane is a
// plain scalar, so that a kernel written for any V is its own reference.
namespace danaus {
inline namespace DANAUS_ISA {
namespace simd {

inline constexpr std::size_t register_bytes = DANAUS_REGISTER_BYTES;
inline constexpr std::size_t registers = DANAUS_REGISTERS;

/// The signed integer as wide as T: what a comparison of T lanes yields.
template <class T>
using integer_of = std::conditional_t<sizeof(T) == 8, std::int64_t, std::int32_t>;

template <class T, std::size_t N>
struct vec {
  using value_type = T;
  typedef T storage __attribute__((vector_size(N * sizeof(T))));
  typedef T loose __attribute__((vector_size(N * sizeof(T)), aligned(alignof(T)), may_alias));
  storage v;

  vec() = default;
  /// The same value in every lane.
  DANAUS_INLINE vec(T value) noexcept : v(value - storage{}) {}
  /// Not a constructor: GCC 12 cannot overload one on a dependent vector_size type.
  DANAUS_INLINE static vec wrap(storage s) noexcept {
    vec r;
    r.v = s;
    return r;
  }

  static constexpr std::size_t size() noexcept { return N; }

  DANAUS_INLINE friend vec operator+(vec a, vec b) noexcept { return wrap(a.v + b.v); }
  DANAUS_INLINE friend vec operator-(vec a, vec b) noexcept { return wrap(a.v - b.v); }
  DANAUS_INLINE friend vec operator*(vec a, vec b) noexcept { return wrap(a.v * b.v); }
  DANAUS_INLINE friend vec operator/(vec a, vec b) noexcept { return wrap(a.v / b.v); }
  DANAUS_INLINE friend vec operator-(vec a) noexcept { return wrap(-a.v); }
  DANAUS_INLINE vec& operator+=(vec b) noexcept { return *this = *this + b; }
  DANAUS_INLINE vec& operator-=(vec b) noexcept { return *this = *this - b; }
  DANAUS_INLINE vec& operator*=(vec b) noexcept { return *this = *this * b; }

  // a * b + c in one expression: every compiler's default -ffp-contract may then fuse it.
  DANAUS_INLINE friend vec fma(vec a, vec b, vec c) noexcept { return wrap(a.v * b.v + c.v); }
  // c - a * b
  DANAUS_INLINE friend vec fnma(vec a, vec b, vec c) noexcept { return wrap(c.v - a.v * b.v); }

  // Lanes of integers (also: the masks that comparisons give).
  DANAUS_INLINE friend vec operator&(vec a, vec b) noexcept { return wrap(a.v & b.v); }
  DANAUS_INLINE friend vec operator|(vec a, vec b) noexcept { return wrap(a.v | b.v); }
  DANAUS_INLINE friend vec operator^(vec a, vec b) noexcept { return wrap(a.v ^ b.v); }
  DANAUS_INLINE friend vec operator~(vec a) noexcept { return wrap(~a.v); }
  DANAUS_INLINE friend vec operator<<(vec a, int s) noexcept { return wrap(a.v << s); }
  DANAUS_INLINE friend vec operator>>(vec a, int s) noexcept { return wrap(a.v >> s); }

  // Comparisons: all bits of a lane set, or none.
  using mask = vec<integer_of<T>, N>;
  DANAUS_INLINE friend mask operator<(vec a, vec b) noexcept { return mask::wrap(a.v < b.v); }
  DANAUS_INLINE friend mask operator>(vec a, vec b) noexcept { return mask::wrap(a.v > b.v); }
  DANAUS_INLINE friend mask operator<=(vec a, vec b) noexcept { return mask::wrap(a.v <= b.v); }
  DANAUS_INLINE friend mask operator>=(vec a, vec b) noexcept { return mask::wrap(a.v >= b.v); }
  DANAUS_INLINE friend mask operator==(vec a, vec b) noexcept { return mask::wrap(a.v == b.v); }
  DANAUS_INLINE friend mask operator!=(vec a, vec b) noexcept { return mask::wrap(a.v != b.v); }

  /// Per lane `a > b ? a : b`, so that a NaN in `a` gives `b`, and one in `b` stays.
  DANAUS_INLINE friend vec max(vec a, vec b) noexcept { return wrap(a.v > b.v ? a.v : b.v); }
  DANAUS_INLINE friend vec min(vec a, vec b) noexcept { return wrap(a.v < b.v ? a.v : b.v); }
};

/// As many lanes of T as one register holds.
template <class T>
using native = vec<T, (register_bytes > sizeof(T) ? register_bytes / sizeof(T) : 1)>;

/// Per lane `m ? a : b`.
template <class T, std::size_t N>
DANAUS_INLINE vec<T, N> select(vec<integer_of<T>, N> m, vec<T, N> a, vec<T, N> b) noexcept {
  return vec<T, N>::wrap(m.v ? a.v : b.v);
}

/// The lanes at `p`, which needs no more alignment than its element type.
template <class V>
DANAUS_INLINE V load(const typename V::value_type* p) noexcept {
  return V::wrap(static_cast<typename V::storage>(*reinterpret_cast<const typename V::loose*>(p)));
}
template <class T, std::size_t N>
DANAUS_INLINE void store(vec<T, N> x, T* p) noexcept {
  *reinterpret_cast<typename vec<T, N>::loose*>(p) = x.v;
}

/// The same bits as lanes of another type of the same width.
template <class To, class T, std::size_t N>
DANAUS_INLINE vec<To, N> bits(vec<T, N> x) noexcept {
  static_assert(sizeof(To) == sizeof(T));
  return vec<To, N>::wrap(__builtin_bit_cast(typename vec<To, N>::storage, x.v));
}

/// Each lane converted as by a cast.
template <class To, class T, std::size_t N>
DANAUS_INLINE vec<To, N> convert(vec<T, N> x) noexcept {
  return vec<To, N>::wrap(__builtin_convertvector(x.v, typename vec<To, N>::storage));
}

/// sizeof...(I) lanes of `x` from lane `First`. A shuffle: taking the address of an accumulator
/// makes GCC 12 keep it on the stack.
template <std::size_t First, class T, std::size_t N, std::size_t... I>
DANAUS_INLINE vec<T, sizeof...(I)> slice(vec<T, N> x, std::index_sequence<I...>) noexcept {
  return vec<T, sizeof...(I)>::wrap(__builtin_shufflevector(x.v, x.v, static_cast<int>(First + I)...));
}

/// The lanes of a, then those of b.
template <class T, std::size_t N, std::size_t... I>
DANAUS_INLINE vec<T, 2 * N> joined(vec<T, N> a, vec<T, N> b, std::index_sequence<I...>) noexcept {
  return vec<T, 2 * N>::wrap(__builtin_shufflevector(a.v, b.v, static_cast<int>(I)...));
}
template <class T, std::size_t N>
DANAUS_INLINE vec<T, 2 * N> joined(vec<T, N> a, vec<T, N> b) noexcept {
  return joined(a, b, std::make_index_sequence<2 * N>{});
}

/// op over all lanes, halving until one is left.
template <class T, std::size_t N, class Op>
DANAUS_INLINE T reduce(vec<T, N> x, Op op) noexcept {
  if constexpr (N == 1) {
    return x.v[0];
  } else {
    using half = std::make_index_sequence<N / 2>;
    return reduce(op(slice<0>(x, half{}), slice<N / 2>(x, half{})), op);
  }
}

struct Plus {
  template <class V>
  DANAUS_INLINE V operator()(V a, V b) const noexcept {
    return a + b;
  }
};
struct Maximum {
  template <class V>
  DANAUS_INLINE V operator()(V a, V b) const noexcept {
    return max(a, b);
  }
};
inline constexpr Plus plus{};
inline constexpr Maximum maximum{};

}  // namespace simd
}  // namespace DANAUS_ISA
}  // namespace danaus
