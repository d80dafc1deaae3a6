// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cmath>
#include <concepts>
#include <numbers>

#include <danaus/core/buffer.hpp>
#include <danaus/core/error.hpp>
#include <danaus/core/tile.hpp>
#include <danaus/simd/vec.hpp>

namespace danaus {

/// What transforms of one length need: built once in double precision, read by any number of
/// threads. `length` is a power of two.
template <std::floating_point T>
struct FourierPlan {
  std::size_t length = 1;
  Buffer<T> roots;  ///< cos and -sin of 2 pi k / length, k in [0, length): exp(-2 pi i k / length)
  Buffer<T> twist;  ///< cos and sin of pi k / (2 length): turns x^length = 1 into x^length = i

  /// For at least `least` points.
  explicit FourierPlan(std::size_t least) : length(std::bit_ceil(least)), roots(2 * length), twist(2 * length) {
    const double n = static_cast<double>(length);
    for (std::size_t k = 0; k < length; ++k) {
      const double angle = 2 * std::numbers::pi * static_cast<double>(k) / n;
      roots[2 * k] = static_cast<T>(std::cos(angle));
      roots[2 * k + 1] = static_cast<T>(-std::sin(angle));
      twist[2 * k] = static_cast<T>(std::cos(angle / 4));
      twist[2 * k + 1] = static_cast<T>(std::sin(angle / 4));
    }
  }
};

inline namespace DANAUS_ISA {

/// Complex values of some channels of a tile. Point j of a transform is `tile` real parts, then
/// `tile` imaginary parts, at data + 2 tile j.
template <class V>
struct Lanes {
  V re, im;
  using T = typename V::value_type;

  DANAUS_INLINE static Lanes load(const T* p) noexcept { return {simd::load<V>(p), simd::load<V>(p + tile)}; }
  DANAUS_INLINE void store(T* p) const noexcept {
    simd::store(re, p);
    simd::store(im, p + tile);
  }
  DANAUS_INLINE friend Lanes operator+(Lanes a, Lanes b) noexcept { return {a.re + b.re, a.im + b.im}; }
  DANAUS_INLINE friend Lanes operator-(Lanes a, Lanes b) noexcept { return {a.re - b.re, a.im - b.im}; }
  DANAUS_INLINE friend Lanes operator*(Lanes a, Lanes b) noexcept {
    return {fnma(a.im, b.im, a.re * b.re), fma(a.im, b.re, a.re * b.im)};
  }
  /// Times a root (cos, sin), or its conjugate.
  template <bool Conjugate>
  DANAUS_INLINE Lanes times(const T* root) const noexcept {
    return *this * Lanes{V(root[0]), V(Conjugate ? -root[1] : root[1])};
  }
  DANAUS_INLINE Lanes times_i() const noexcept { return {-im, re}; }
};

/// Radix-4 butterflies over `points` points, decimation in frequency: quarters of the input become
/// four transforms of a quarter the length, one after the other.
template <class V, class T>
DANAUS_INLINE void split_quarters(const FourierPlan<T>& plan, T* data, std::size_t points) noexcept {
  const std::size_t quarter = points / 4, step = plan.length / points;
  for (std::size_t j = 0; j < quarter; ++j) {
    for (std::size_t lane = 0; lane < tile; lane += V::size()) {
      T* const p = data + 2 * tile * j + lane;
      T* const at[4] = {p, p + 2 * tile * quarter, p + 4 * tile * quarter, p + 6 * tile * quarter};
      const auto a = Lanes<V>::load(at[0]), b = Lanes<V>::load(at[1]), c = Lanes<V>::load(at[2]),
                 d = Lanes<V>::load(at[3]);
      const auto sum = a + c, difference = a - c, odd = b + d, turned = (b - d).times_i();
      (sum + odd).store(at[0]);
      (difference - turned).template times<false>(&plan.roots[2 * j * step]).store(at[1]);
      (sum - odd).template times<false>(&plan.roots[4 * j * step]).store(at[2]);
      (difference + turned).template times<false>(&plan.roots[6 * j * step]).store(at[3]);
    }
  }
}

/// What undoes split_quarters, but for a factor 4.
template <class V, class T>
DANAUS_INLINE void join_quarters(const FourierPlan<T>& plan, T* data, std::size_t points) noexcept {
  const std::size_t quarter = points / 4, step = plan.length / points;
  for (std::size_t j = 0; j < quarter; ++j) {
    for (std::size_t lane = 0; lane < tile; lane += V::size()) {
      T* const p = data + 2 * tile * j + lane;
      T* const at[4] = {p, p + 2 * tile * quarter, p + 4 * tile * quarter, p + 6 * tile * quarter};
      const auto a = Lanes<V>::load(at[0]);
      const auto b = Lanes<V>::load(at[1]).template times<true>(&plan.roots[2 * j * step]);
      const auto c = Lanes<V>::load(at[2]).template times<true>(&plan.roots[4 * j * step]);
      const auto d = Lanes<V>::load(at[3]).template times<true>(&plan.roots[6 * j * step]);
      const auto even = a + c, difference = a - c, odd = b + d, turned = (b - d).times_i();
      (even + odd).store(at[0]);
      (difference + turned).store(at[1]);
      (even - odd).store(at[2]);
      (difference - turned).store(at[3]);
    }
  }
}

/// Two points: the same forth and back.
template <class V, class T>
DANAUS_INLINE void butterfly(T* data) noexcept {
  for (std::size_t lane = 0; lane < tile; lane += V::size()) {
    const auto a = Lanes<V>::load(data + lane), b = Lanes<V>::load(data + 2 * tile + lane);
    (a + b).store(data + lane);
    (a - b).store(data + 2 * tile + lane);
  }
}

/// In place, natural order to the order in which decimation leaves it: depth first, so that short
/// transforms stay in cache. 5 n log2(n) flop a channel, n = points.
template <class T>
inline void transform(const FourierPlan<T>& plan, T* data, std::size_t points) noexcept {
  using V = simd::native<T>;
  if (points == 2) return butterfly<V>(data);
  if (points < 4) return;
  split_quarters<V>(plan, data, points);
  for (std::size_t q = 0; q < 4; ++q) transform(plan, data + q * points / 4 * 2 * tile, points / 4);
}

/// Undoes `transform` but for a factor `points`.
template <class T>
inline void transform_back(const FourierPlan<T>& plan, T* data, std::size_t points) noexcept {
  using V = simd::native<T>;
  if (points == 2) return butterfly<V>(data);
  if (points < 4) return;
  for (std::size_t q = 0; q < 4; ++q) transform_back(plan, data + q * points / 4 * 2 * tile, points / 4);
  join_quarters<V>(plan, data, points);
}

}  // namespace DANAUS_ISA
}  // namespace danaus
