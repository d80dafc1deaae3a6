// SPDX-License-Identifier: Apache-2.0
#pragma once

#if defined(__unix__)
#include <unistd.h>
#endif

#include <array>
#include <cmath>
#include <memory>
#include <utility>

#include <danaus/fft/convolve.hpp>
#include <danaus/ssm/calibrate_forms.hpp>

namespace danaus {

/// Measures all constants of one element type: those of the forms, and what whole convolutions and the samples of a
/// scan cost at every length and stride.
template <class T, class Kernels>
class TypeCalibration : public FormCalibration<T, Kernels> {
 public:
  TypeCalibration(const Kernels& kernels, T* in, T* out, std::size_t elements)
      : FormCalibration<T, Kernels>(kernels, in, out, elements) {
    rings();
  }

 private:
  using Forms = FormCalibration<T, Kernels>;
  using Forms::elements_, Forms::k_, Forms::watch_, Forms::solve_;
  using Forms::small, Forms::positive, Forms::samples, Forms::results, Forms::zeros, Forms::workspace_of;
  static constexpr std::size_t carry_order = 48;  // of the scan whose waiting is measured: about as fast as a ring
  static constexpr double group_begins = 100;     // ns
  static constexpr std::size_t most_spectra = 8 * lanes<T> * 2 * rate_lengths.back();  // of 8 groups, the longest
  static constexpr std::size_t usual = 2;  // of rate_strides: whole calls are measured, as far as the spectra have room

  /// Groups or tiles that are worked on in a measured call.
  static std::size_t together(std::size_t s, std::size_t l) noexcept {
    const std::size_t room = most_spectra / (lanes<T> * 2 * rate_lengths[l]);
    return std::min({rate_strides[s], s == usual ? rate_strides[s] : 2, room});
  }

  auto plan_of(std::size_t length, std::size_t channels) const {
    return std::make_shared<const ConvolutionPlan<T>>(channels, length, length, [&](std::size_t points, InLanes lanes) {
      return std::make_shared<const RingPlan<T>>(points, lanes, Turn::right_angle, k_.template fft<T>().radix);
    });
  }
  /// Some groups of channels of those that lie `stride` apart, others every turn.
  std::size_t time_ring(std::size_t length, std::size_t channels, std::size_t stride) {
    const auto plan = plan_of(length, channels);
    const std::size_t all = most_spectra, each = plan->spectra_size();
    const std::size_t apart = std::max<std::size_t>(std::min(stride / channels, all / each), 1);
    const std::size_t bytes_in_all = length * stride * 4 * sizeof(T);
    return watch_.add(bytes_in_all <= small ? 3 * stride / channels : 1, [=, this](std::size_t turn) {
      k_.template fft<T>().convolve(*plan, 0, plan->groups(), samples(length, channels, stride, turn),
                                    spectra_ + turn % apart * each, results(length, channels, stride, turn), scratch_);
    });
  }
  void rings() {
    using Turns = std::array<std::array<std::size_t, rate_lengths.size()>, rate_strides.size()>;
    Turns ring{}, carry{};
    spectra_ = zeros(most_spectra);
    scratch_ = workspace_of(convolve_workspace_bytes(*plan_of(rate_lengths.back(), 2 * lanes<T>)));
    for (std::size_t s = 0; s < rate_strides.size(); ++s) {
      for (std::size_t l = 0; l < rate_lengths.size(); ++l) {
        const std::size_t length = rate_lengths[l], apart = rate_strides[s], most = elements_ / length;
        const auto stride = [&](std::size_t width, std::size_t times) { return std::min(width * times, most); };
        if (s > 0 && stride(lanes<T>, apart) == stride(lanes<T>, rate_strides[s - 1])) {
          ring[s][l] = ring[s - 1][l];  // the samples have no room further apart
        } else {
          ring[s][l] = time_ring(length, together(s, l) * lanes<T>, stride(lanes<T>, apart));
        }
        if (s > 0 && stride(tile, apart) == stride(tile, rate_strides[s - 1])) {
          carry[s][l] = carry[s - 1][l];
        } else {
          carry[s][l] =
              this->template time_transfer<T>(together(s, l) * tile, carry_order, length, stride(tile, apart));
        }
      }
    }
    const std::size_t one = time_ring(rate_lengths[3], 1, 1);
    // Further apart or longer never costs a row less, and what disturbs a measurement adds to it: each entry is the
    // least of those from it on.
    solve_.push_back([=, this](TypeRates& r) {
      const double near = r.transfer.row + carry_order * r.transfer.coefficient;
      for (std::size_t s = rate_strides.size(); s-- > 0;) {
        for (std::size_t l = rate_lengths.size(); l-- > 0;) {
          const double length = static_cast<double>(rate_lengths[l]), groups = static_cast<double>(together(s, l));
          r.ring[s][l] = positive((watch_[ring[s][l]] / groups - group_begins) / length);
          r.carry[s][l] = std::max(watch_[carry[s][l]] / groups / length - near, 0.0);
          for (const auto& [s1, l1] : {std::pair(s + 1, l), std::pair(s, l + 1)}) {
            if (s1 == rate_strides.size() || l1 == rate_lengths.size()) continue;
            r.ring[s][l] = std::min(r.ring[s][l], r.ring[s1][l1]);
            r.carry[s][l] = std::min(r.carry[s][l], r.carry[s1][l1]);
          }
        }
      }
      const double rows = static_cast<double>(rate_lengths[3] / lanes<T>);
      r.segment = positive((watch_[one] - group_begins) / rows - r.ring[0][3]);
    });
  }

  T* spectra_ = nullptr;
  Workspace scratch_;
};

/// Bytes of the first-level cache for data.
inline double first_cache_bytes() noexcept {
#if defined(_SC_LEVEL1_DCACHE_SIZE)
  if (const long found = ::sysconf(_SC_LEVEL1_DCACHE_SIZE); found > 0) return static_cast<double>(found);
#endif
  return 32768;
}

/// The constants of this machine, measured for so many seconds, but at least five times each (a few seconds), in 250
/// MB. What a call of the caller's costs stays as it is in `rates`.
template <class Kernels>
Rates calibrate(const Kernels& kernels, Rates rates, double seconds) {
  constexpr std::size_t bytes = rate_lengths.back() * 16 * cache_line;
  rates.first_cache = first_cache_bytes();
  const auto measure = [&]<class T>(T) {
    constexpr std::size_t count = bytes / sizeof(T);
    Buffer<T> in(count + 4096), out(count + 4096);
    // Samples as most arrays have them, off the lines of the cache; results as the bindings make them.
    return TypeCalibration<T, Kernels>(kernels, in.data() + 16 / sizeof(T), out.data() + 37 * lanes<T>, count)
        .run(seconds / 2);
  };
  rates.single = measure(float());
  rates.twice = measure(double());
  return rates;
}

}  // namespace danaus
