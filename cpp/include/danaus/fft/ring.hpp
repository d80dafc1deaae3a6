// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <concepts>
#include <numbers>
#include <utility>

#include <danaus/core/buffer.hpp>

namespace danaus {

/// Values that a transform works on side by side: a cache line of them on every instruction set.
/// A row of complex values is `lanes` real parts, then `lanes` imaginary parts: 128 bytes.
template <std::floating_point T>
inline constexpr std::size_t lanes = cache_line / sizeof(T);

/// The polynomials modulo x^n = i (a right angle) or x^n = 1 (a full turn).
enum class Turn : unsigned char { right_angle, full };

/// What stands in the lanes of a transform: channels side by side, or segments of time of one channel.
enum class InLanes : unsigned char { channels, segments };

constexpr InLanes segments_if(bool alone) noexcept {
  return alone ? InLanes::segments : InLanes::channels;
}

/// The smallest of 8, 10 and 12 times a power of two that is not below `least` and a multiple of `unit`, itself a power
/// of two; first which of the three it is.
constexpr std::pair<std::size_t, std::size_t> ring_size(std::size_t least, std::size_t unit = 1) noexcept {
  std::pair<std::size_t, std::size_t> best{0, std::size_t(-1)};
  for (const std::size_t first : {8u, 10u, 12u}) {
    std::size_t all = first * std::bit_ceil((least + first - 1) / first);
    while (all % unit != 0) all *= 2;
    if (all < best.second) best = {first, all};
  }
  return best;
}

/// Points of the ring for `least` coefficients; in segments, each a multiple of `width` next to each other: else 1.
constexpr std::size_t ring_points(std::size_t least, std::size_t width = 1) noexcept {
  if (width > 1) return width * ring_size((least + width - 1) / width, width).second;
  if (least <= 4) return least <= 2 ? 2 : 4;
  return ring_size(least).second;
}

/// How polynomials modulo x^n = i are transformed, `channels()` at a time, real and imaginary parts in lanes: either
/// those of `lanes` channels side by side, or those of one channel cut into `lanes` segments of time, which needs a
/// workspace of 1 / lanes the size: the first pass is then the one across segments.
///
/// Rows: a first pass of radix `top` over rows `block` apart, then blocks of `block` rows, each finished by passes
/// of radix 12, 10, 8, 4 or 2 while it stays in cache: `top` blocks with channels in lanes, and one, with the `top`
/// blocks in its lanes, with segments. Built once in double precision; read by any number of threads.
template <std::floating_point T>
struct RingPlan {
  struct Level {
    std::size_t radix;     ///< 2, 4 or 8; of segments the first may be 10 or 12
    std::size_t rows;      ///< of each of the `radix` blocks it leaves
    std::size_t twiddles;  ///< where in `twiddles` its (rows, radix - 1) factors begin
  };
  std::size_t segments = 1;
  std::size_t top = 2;    ///< 2, 4, 8, 10, 12 or 16
  std::size_t block = 1;  ///< n / top: a power of two, but for segments also 3 or 5 times one
  std::size_t levels = 0;
  std::array<Level, 32> level{};
  Buffer<T> twiddles;  ///< of the levels: exp(-2 pi i j q / (radix rows)) as (cos, sin)
  Buffer<T> twist;     ///< y_0^m exp(-2 pi i m q / n) for row m of block q, y_0^n = i or 1: (block, top) pairs
                       ///< (cos, sin), or with segments (block) rows of complex lanes
  Buffer<T> turns;     ///< (top): y_0^{j block}

  /// For polynomials of `least` coefficients; a plan in segments takes what fits_segments() says. `radix`: 8 suits 32
  /// vector registers, 4 suits 16.
  explicit RingPlan(std::size_t least, InLanes in_lanes = InLanes::channels, Turn turn = Turn::right_angle,
                    std::size_t radix = 8) {
    const bool alone = in_lanes == InLanes::segments;
    const double angle = turn == Turn::right_angle ? 0.25 : 0.0;  // of x^n, in turns
    if (alone) {
      segments = top = lanes<T>;
      block = ring_points(least, top) / top;
    } else {
      choose_top(least, radix);
    }
    choose_levels(radix);
    const auto n = static_cast<double>(points());
    for (std::size_t m = 0; m < block; ++m) {
      const auto turned = [&](std::size_t q) {
        return (angle * static_cast<double>(m) - static_cast<double>(m * q % points())) / n;
      };
      if (alone) {
        for (std::size_t q = 0; q < top; ++q) twist.push_back(cosine(turned(q)));
        for (std::size_t q = 0; q < top; ++q) twist.push_back(sine(turned(q)));
      } else {
        for (std::size_t q = 0; q < top; ++q) append(twist, turned(q));
      }
    }
    for (std::size_t j = 0; j < top; ++j) append(turns, angle * static_cast<double>(j) / static_cast<double>(top));
    for (std::size_t l = 0; l < levels; ++l) {
      level[l].twiddles = twiddles.size();
      const auto size = static_cast<double>(level[l].radix * level[l].rows);
      for (std::size_t j = 0; j < level[l].rows; ++j) {
        for (std::size_t q = 1; q < level[l].radix; ++q) append(twiddles, -static_cast<double>(j * q) / size);
      }
    }
  }

  /// Whether a plan in segments has just n points.
  static constexpr bool fits_segments(std::size_t n) noexcept { return n > 0 && n % (lanes<T> * lanes<T>) == 0; }

  /// n
  std::size_t points() const noexcept { return top * block; }
  std::size_t channels() const noexcept { return lanes<T> / segments; }
  std::size_t blocks() const noexcept { return top / segments; }
  /// Rows of a spectrum.
  std::size_t rows() const noexcept { return blocks() * block; }
  /// Rows from one block to the next in the workspace: one more than it has, so that a column of the
  /// first pass does not fall into one set of the cache.
  std::size_t pitch() const noexcept { return block + 1; }
  /// Elements of the workspace that holds a transform.
  std::size_t work_size() const noexcept { return 2 * lanes<T> * blocks() * pitch(); }
  /// Elements of a spectrum.
  std::size_t spectrum_size() const noexcept { return 2 * lanes<T> * rows(); }

  /// Which power of exp(-2 pi i / n) row `position` of a spectrum stands for, with segments in lane `segment`.
  std::size_t frequency(std::size_t position, std::size_t segment = 0) const noexcept {
    std::size_t k = position / block + segment, step = top, rest = position % block;
    for (std::size_t l = 0; l < levels; ++l) {
      k += rest / level[l].rows * step;
      step *= level[l].radix;
      rest %= level[l].rows;
    }
    return k;
  }

 private:
  static T cosine(double turns_of_circle) { return static_cast<T>(std::cos(2 * std::numbers::pi * turns_of_circle)); }
  static T sine(double turns_of_circle) { return static_cast<T>(std::sin(2 * std::numbers::pi * turns_of_circle)); }
  static void append(Buffer<T>& to, double turns_of_circle) {
    to.push_back(cosine(turns_of_circle));
    to.push_back(sine(turns_of_circle));
  }
  void choose_top(std::size_t least, std::size_t radix) noexcept {
    if (least <= 4) {
      top = least <= 2 ? 2 : 4;
      return;
    }
    const auto [first, all] = ring_size(least);
    top = first == 8 && radix == 8 && all >= 16384 ? 16 : first;
    block = all / top;
  }
  /// 12 or 10 outside where 3 or 5 is a factor, then 8s, what remains of the power of two inside.
  void choose_levels(std::size_t radix) noexcept {
    std::size_t left = block;
    const auto add = [&](std::size_t step) {
      left /= step;
      level[levels++] = {step, left, 0};
    };
    if (left % 3 == 0) add(12);
    if (left % 5 == 0) add(10);
    while (left > 1) add(left == 2 ? 2 : left == 8 || (radix == 8 && left > 16) ? 8 : 4);
  }
};

}  // namespace danaus
