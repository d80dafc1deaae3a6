// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>

#include <danaus/simd/loop.hpp>

// Registers of which only the first lanes count, and lanes picked by comparison.
namespace danaus {
inline namespace DANAUS_ISA {
namespace simd {

/// The first `count` < V::size() lanes from p, `fill` in the others. Reads nothing behind them.
template <class V>
DANAUS_INLINE V load_part(const typename V::value_type* p, std::size_t count, typename V::value_type fill) noexcept {
  using T = typename V::value_type;
#if defined(__AVX512F__)
  if constexpr (sizeof(typename V::storage) == 64 && std::is_same_v<T, float>) {
    return V::wrap(__builtin_ia32_loadups512_mask(p, V(fill).v, static_cast<unsigned short>((1u << count) - 1)));
  } else if constexpr (sizeof(typename V::storage) == 64 && std::is_same_v<T, double>) {
    return V::wrap(__builtin_ia32_loadupd512_mask(p, V(fill).v, static_cast<unsigned char>((1u << count) - 1)));
  } else
#endif
      if constexpr (V::size() == 1) {
    return count == 0 ? V(fill) : load<V>(p);
  } else {
    T lanes[V::size()];
    store(V(fill), lanes);
    std::memcpy(lanes, p, count * sizeof(T));
    return load<V>(lanes);
  }
}

/// Stores the first `count` < N lanes.
template <class T, std::size_t N>
DANAUS_INLINE void store_part(vec<T, N> x, T* p, std::size_t count) noexcept {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) * N == 64 && std::is_same_v<T, float>) {
    __builtin_ia32_storeups512_mask(p, x.v, static_cast<unsigned short>((1u << count) - 1));
  } else if constexpr (sizeof(T) * N == 64 && std::is_same_v<T, double>) {
    __builtin_ia32_storeupd512_mask(p, x.v, static_cast<unsigned char>((1u << count) - 1));
  } else
#endif
      if constexpr (N == 1) {
    if (count > 0) store(x, p);
  } else {
    T lanes[N];
    store(x, lanes);
    std::memcpy(p, lanes, count * sizeof(T));
  }
}

/// Calls f(i, N) for every whole register of [0, n) and f(i, count) for what remains, always with one width: for
/// kernels too large to be compiled for each.
template <class T, class F>
DANAUS_INLINE void parts(std::size_t n, F f) noexcept {
  constexpr std::size_t N = native<T>::size();
  std::size_t i = 0;
  for (; i + N <= n; i += N) f(i, N);
  if (i < n) f(i, n - i);
}
template <class V>
DANAUS_INLINE V load_some(const typename V::value_type* p, std::size_t count, typename V::value_type fill) noexcept {
  return count == V::size() ? load<V>(p) : load_part<V>(p, count, fill);
}
template <class T, std::size_t N>
DANAUS_INLINE void store_some(vec<T, N> x, T* p, std::size_t count) noexcept {
  if (count == N) {
    store(x, p);
  } else {
    store_part(x, p, count);
  }
}

/// op over all lanes, in every lane.
template <class T, std::size_t N, class Op>
DANAUS_INLINE vec<T, N> reduce_to_all(vec<T, N> x, Op op) noexcept {
  const auto step = [&]<std::size_t Distance>(auto self, vec<T, N> v) -> vec<T, N> {
    if constexpr (Distance == 0) {
      return v;
    } else {
      const auto turned = [&]<std::size_t... I>(std::index_sequence<I...>) {
        return vec<T, N>::wrap(__builtin_shufflevector(v.v, v.v, static_cast<int>(I ^ Distance)...));
      }(std::make_index_sequence<N>{});
      return self.template operator()<Distance / 2>(self, op(v, turned));
    }
  };
  return step.template operator()<N / 2>(step, x);
}

/// Whether any lane of x is above that of t.
template <class T, std::size_t N>
DANAUS_INLINE bool any_above(vec<T, N> x, vec<T, N> t) noexcept {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) * N == 64 && std::is_same_v<T, float>) {
    return __builtin_ia32_cmpps512_mask(x.v, t.v, 30, static_cast<unsigned short>(-1), 4) != 0;
  } else if constexpr (sizeof(T) * N == 64 && std::is_same_v<T, double>) {
    return __builtin_ia32_cmppd512_mask(x.v, t.v, 30, static_cast<unsigned char>(-1), 4) != 0;
  } else
#elif defined(__AVX__)
  if constexpr (sizeof(T) * N == 32 && std::is_same_v<T, float>) {
    return __builtin_ia32_movmskps256(bits<float>(x > t).v) != 0;
  } else
#endif
  {
    return reduce(x > t, [](auto a, auto b) { return a | b; }) != 0;
  }
}

/// Stores the lanes of x above that of t one after the other at p, where a whole register must fit; how many they are.
template <class T, std::size_t N>
DANAUS_INLINE std::size_t store_above(vec<T, N> x, vec<T, N> t, T* p) noexcept {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) * N == 64 && std::is_same_v<T, float>) {
    const unsigned short in = __builtin_ia32_cmpps512_mask(x.v, t.v, 30, static_cast<unsigned short>(-1), 4);
    store(vec<T, N>::wrap(__builtin_ia32_compresssf512_mask(x.v, x.v, in)), p);
    return static_cast<std::size_t>(__builtin_popcount(in));
  } else if constexpr (sizeof(T) * N == 64 && std::is_same_v<T, double>) {
    const unsigned char in = __builtin_ia32_cmppd512_mask(x.v, t.v, 30, static_cast<unsigned char>(-1), 4);
    store(vec<T, N>::wrap(__builtin_ia32_compressdf512_mask(x.v, x.v, in)), p);
    return static_cast<std::size_t>(__builtin_popcount(in));
  } else
#endif
  {
    const auto in = x > t;
    std::size_t count = 0;
    unrolled<N>([&](auto i) {
      p[count] = x.v[i.value];
      count += static_cast<std::size_t>(in.v[i.value] & 1);
    });
    return count;
  }
}

}  // namespace simd
}  // namespace DANAUS_ISA
}  // namespace danaus
