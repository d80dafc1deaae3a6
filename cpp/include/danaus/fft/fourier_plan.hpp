// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <memory>
#include <numbers>

#include <danaus/fft/transform.hpp>

namespace danaus {

/// Discrete Fourier transforms of n points in natural order, `channels()` signals at a time: of complex signals, or of
/// real ones, which give or come from the n / 2 + 1 values up to half the sampling rate.
///
/// Real signals of even n are transformed as n / 2 complex points. Lengths 2, 4 and 8, 10, 12 times a power of two are
/// transformed as they are, others as convolutions with a chirp (Bluestein 1970) in a ring of at least twice the
/// length. Built once in double precision; read by any number of threads.
template <std::floating_point T>
struct FourierPlan {
  std::size_t points = 1;  ///< n
  std::size_t length = 1;  ///< of the complex transform: n or n / 2
  bool real = false;
  std::shared_ptr<const RingPlan<T>> ring;
  Buffer<std::uint32_t> order;  ///< where a row of the ring's spectrum belongs; empty with a chirp
  Buffer<T> chirp;              ///< (length) cosines, then sines, of -pi t^2 / length; may be empty
  Buffer<T> filter;             ///< the spectrum of its conjugate over the ring's points
  Buffer<T> halves;             ///< real, even n: -sin, then -cos, of 2 pi k / n for k <= n / 2

  /// For n points, 1 <= n < 2^31. Signals one by one, in segments, where can_be_alone(n, real).
  /// make(least, in_lanes) makes the plan of a ring x^m = 1, `spectrum` is that of fft/transform.hpp, perhaps a
  /// dispatcher's choice.
  template <class MakeRing, class Spectrum>
  FourierPlan(std::size_t n, bool is_real, InLanes in_lanes, MakeRing&& make, Spectrum spectrum)
      : points(n), length(is_real && n % 2 == 0 ? n / 2 : n), real(is_real) {
    if (is_ring(length)) {
      ring = make(length, in_lanes);
      order.resize(ring->rows());
      for (std::size_t p = 0; p < order.size(); ++p) order[p] = static_cast<std::uint32_t>(ring->frequency(p));
    } else {
      ring = make(2 * length - 1, in_lanes);
      prepare_chirp(spectrum);
    }
    if (real && n % 2 == 0) {
      for (const double ahead : {0.25, 0.5}) {  // -sin x = cos(x + pi / 2), -cos x = cos(x + pi)
        for (std::size_t k = 0; k <= length; ++k) {
          const double turn = static_cast<double>(k) / static_cast<double>(n) + ahead;
          halves.push_back(static_cast<T>(std::cos(2 * std::numbers::pi * turn)));
        }
      }
    }
  }

  /// Whether a ring has just m points.
  static constexpr bool is_ring(std::size_t m) noexcept {
    while (m > 12 && m % 2 == 0) m /= 2;
    return m == 2 || m == 4 || m == 8 || m == 10 || m == 12;
  }
  /// Whether a signal of n points can be transformed on its own.
  static constexpr bool can_be_alone(std::size_t n, bool is_real) noexcept {
    const std::size_t m = is_real && n % 2 == 0 ? n / 2 : n;
    return m >= lanes<T> * lanes<T> && (!is_ring(m) || RingPlan<T>::fits_segments(m));
  }

  std::size_t channels() const noexcept { return ring->channels(); }
  /// Values of a transform.
  std::size_t values() const noexcept { return real ? points / 2 + 1 : points; }
  /// Elements from one point to the next in a workspace, real and imaginary parts in rows of lanes; or 1: parts apart.
  std::size_t step() const noexcept { return ring->segments == 1 ? 2 * lanes<T> : 1; }
  /// Elements of a workspace for a transform's points and one more.
  std::size_t stage_size() const noexcept { return 2 * (length + 1 + 2 * lanes<T>)*channels(); }

 private:
  template <class Spectrum>
  void prepare_chirp(Spectrum spectrum) {
    const std::size_t m = ring->points(), width = channels();
    Buffer<T> re(m * width, T(0)), im(m * width, T(0));
    const auto put = [&](std::size_t t, T c, T s) {
      std::fill_n(&re[t * width], width, c);
      std::fill_n(&im[t * width], width, s);
    };
    chirp.resize(2 * length);
    for (std::size_t t = 0; t < length; ++t) {
      // t^2 modulo 2 length, exactly
      const auto square = static_cast<double>(std::uint64_t(t) * t % (2 * std::uint64_t(length)));
      const double angle = std::numbers::pi * square / static_cast<double>(length);
      chirp[t] = static_cast<T>(std::cos(angle));
      chirp[length + t] = static_cast<T>(-std::sin(angle));
      const T c = static_cast<T>(std::cos(angle) / static_cast<double>(m));
      const T s = static_cast<T>(std::sin(angle) / static_cast<double>(m));
      put(t, c, s);
      if (t > 0) put(m - t, c, s);
    }
    filter.resize(ring->spectrum_size());
    const View<const T, 2> x(re.data(), {m, width}), y(im.data(), {m, width});
    Buffer<std::byte> scratch(transform_workspace_bytes(*ring));
    spectrum(*ring, 0, x, &y, filter.data(), workspace(scratch));
  }
};

}  // namespace danaus
