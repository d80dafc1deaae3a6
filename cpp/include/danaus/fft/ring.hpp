// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <concepts>
#include <numbers>

#include <danaus/core/buffer.hpp>

namespace danaus {

/// Values that a transform works on side by side: a cache line of them on every instruction set.
/// A row of complex values is `lanes` real parts, then `lanes` imaginary parts: 128 bytes.
template <std::floating_point T>
inline constexpr std::size_t lanes = cache_line / sizeof(T);

/// The polynomials modulo x^n = i (a right angle) or x^n = 1 (a full turn).
enum class Turn : unsigned char { right_angle, full };

/// How polynomials modulo x^n = i are transformed, `channels()` at a time, real and imaginary parts in
/// lanes. With one slice a row holds one coefficient of `lanes` channels. With S slices it holds S
/// coefficients next to each other of lanes / S channels; a transform is then rows = n / S times
/// shorter and stays in cache, and S-point transforms across the lanes complete it.
///
/// Rows: a first pass of radix `top` over rows `block` apart, then `top` blocks, each finished by passes
/// of radix 8, 4 or 2 while it stays in cache. Built once in double precision; read by any number of threads.
template <std::floating_point T>
struct RingPlan {
  struct Level {
    std::size_t radix;     ///< 2, 4 or 8
    std::size_t rows;      ///< of each of the `radix` blocks it leaves
    std::size_t twiddles;  ///< where in `twiddles` its (rows, radix - 1) factors begin
  };
  std::size_t slices = 1;
  std::size_t rows = 2;   ///< 2, 4 or 8, 10, 12 times a power of two
  std::size_t top = 2;    ///< 2, 4, 8, 10, 12 or 16
  std::size_t block = 1;  ///< rows / top, a power of two
  std::size_t levels = 0;
  std::array<Level, 32> level{};
  Buffer<T> twiddles;    ///< of the levels: exp(-2 pi i j q / (radix rows)) as (cos, sin)
  Buffer<T> twist;       ///< (block, top): y_0^m exp(-2 pi i m q / rows) for row m of block q, y_0^rows = i or 1
  Buffer<T> turns;       ///< (top): y_0^{j block}
  Buffer<T> lane_twist;  ///< with slices: a row for each row of a spectrum, z^s with z^slices = y, s = lane % slices
  Buffer<T> lane_turns;  ///< with slices: a row for each of the log2(slices) passes across lanes

  /// For polynomials of `least` coefficients. `radix`: 8 suits 32 vector registers, 4 suits 16.
  explicit RingPlan(std::size_t least, std::size_t slices_ = 1, Turn turn = Turn::right_angle, std::size_t radix = 8)
      : slices(slices_) {
    const double angle = turn == Turn::right_angle ? 0.25 : 0.0;  // of x^n, in turns
    choose_rows((least + slices - 1) / slices, radix);
    choose_levels(radix);
    const auto n = static_cast<double>(rows);
    twist.reserve(2 * rows);
    for (std::size_t m = 0; m < block; ++m) {
      for (std::size_t q = 0; q < top; ++q) {
        append(twist, (angle * static_cast<double>(m) - static_cast<double>(m * q % rows)) / n);
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
    if (slices > 1) prepare_lanes(angle);
  }

  /// n
  std::size_t points() const noexcept { return slices * rows; }
  std::size_t channels() const noexcept { return lanes<T> / slices; }
  /// Rows from one block to the next in the workspace: one more than it has, so that a column of the
  /// first pass does not fall into one set of the cache.
  std::size_t pitch() const noexcept { return block + 1; }
  /// Elements of the workspace that holds a transform.
  std::size_t work_size() const noexcept { return 2 * lanes<T> * top * pitch(); }
  /// Elements of a spectrum.
  std::size_t spectrum_size() const noexcept { return 2 * lanes<T> * rows; }

  /// Which power of exp(-2 pi i / rows) row `position` of a spectrum stands for.
  std::size_t frequency(std::size_t position) const noexcept {
    std::size_t k = position / block, step = top, rest = position % block;
    for (std::size_t l = 0; l < levels; ++l) {
      k += rest / level[l].rows * step;
      step *= level[l].radix;
      rest %= level[l].rows;
    }
    return k;
  }

 private:
  static void append(Buffer<T>& to, double turns_of_circle) {
    const double angle = 2 * std::numbers::pi * turns_of_circle;
    to.push_back(static_cast<T>(std::cos(angle)));
    to.push_back(static_cast<T>(std::sin(angle)));
  }
  /// The smallest of 2, 4 and 8, 10, 12 times a power of two that is not below `least`.
  void choose_rows(std::size_t least, std::size_t radix) noexcept {
    if (least <= 4) {
      rows = top = least <= 2 ? 2 : 4;
      return;
    }
    rows = std::size_t(-1) / 2;
    for (const std::size_t first : {8u, 10u, 12u}) {
      const std::size_t all = first * std::bit_ceil((least + first - 1) / first);
      if (all < rows) {
        rows = all;
        top = first;
      }
    }
    if (top == 8 && radix == 8 && rows >= 16384) top = 16;
    block = rows / top;
  }
  /// 8s outside, what remains of the power of two inside.
  void choose_levels(std::size_t radix) noexcept {
    auto power = static_cast<std::size_t>(std::countr_zero(block));
    std::size_t left = block;
    while (power > 0) {
      std::size_t step = power == 1 ? 1 : 2;
      if (power == 3 || (radix == 8 && power > 4)) step = 3;
      power -= step;
      left >>= step;
      level[levels++] = {std::size_t(1) << step, left, 0};
    }
  }
  void prepare_lanes(double angle) {
    lane_twist.resize(spectrum_size());
    const auto share = [&](std::size_t lane) {
      return static_cast<double>(lane % slices) / static_cast<double>(slices);
    };
    const auto write = [](T* row, std::size_t lane, double turns_of_circle) {
      row[lane] = static_cast<T>(std::cos(2 * std::numbers::pi * turns_of_circle));
      row[lane + lanes<T>] = static_cast<T>(std::sin(2 * std::numbers::pi * turns_of_circle));
    };
    for (std::size_t p = 0; p < rows; ++p) {
      const double y = (angle - static_cast<double>(frequency(p))) / static_cast<double>(rows);
      for (std::size_t lane = 0; lane < lanes<T>; ++lane) {
        write(&lane_twist[2 * lanes<T> * p], lane, y * share(lane));
      }
    }
    for (std::size_t distance = slices / 2; distance > 0; distance /= 2) {
      const std::size_t at = lane_turns.size();
      lane_turns.resize(at + 2 * lanes<T>);
      for (std::size_t lane = 0; lane < lanes<T>; ++lane) {
        const std::size_t place = lane % (2 * distance);
        const std::size_t turned = place < distance ? 0 : place - distance;
        write(&lane_turns[at], lane, -static_cast<double>(turned) / static_cast<double>(2 * distance));
      }
    }
  }
};

}  // namespace danaus
