// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace danaus {

/// Lengths at which the cost of whole convolutions, and of samples on their way, is known: every fourth power of two.
inline constexpr std::array<std::size_t, 6> rate_lengths{64, 256, 1024, 4096, 16384, 65536};
/// And how many times its own width a group of channels lies from its next sample.
inline constexpr std::array<std::size_t, 4> rate_strides{1, 4, 32, 64};

/// Nanoseconds at each of rate_strides and rate_lengths.
using RateTable = std::array<std::array<double, rate_lengths.size()>, rate_strides.size()>;

/// What one element type costs on a machine: nanoseconds of one thread, a tile or a group of channels at a time, its
/// samples in cache. `few` comes in addition where channels are fewer than a tile has.
struct TypeRates {
  struct Diagonal {
    double row, few;                ///< a sample of a tile, in and out
    double quad, single;            ///< four modes together, one alone (a sample)
    double slow_pair, slow_single;  ///< the same for modes that carry what rounding takes
  } s4d{};
  struct LowRank {
    double row, few, mode;
    double slow, rank, far;  ///< more a mode: where it carries, for each further rank, beyond the first-level cache
  } s4{};
  struct Products {
    double row, mode, product;  ///< a sample; a mode of it; a multiply-add of the matrices
  } s5{};
  struct Coefficients {
    double row, few, coefficient;
  } transfer{}, mixed{};  ///< states in the type of the samples, and in double
  struct Direct {
    double row, tap;  ///< a sample of a group, and a tap of it
  } direct{};
  struct Kernels {
    double s4d_power, s4d_sample;  ///< a mode: 2 sqrt(L) powers, L samples of a channel
    double s4_set_up, s4_sample;   ///< a channel: modes^2, modes L
    double transfer_sample;        ///< a coefficient of a tile and sample
  } kernel{};
  double segment = 0;  ///< a row of a ring in segments, more than a row of channels side by side
  RateTable ring{};    ///< a row of a ring forth, times a spectrum and back, samples and spectrum from where they stand
  RateTable carry{};   ///< what a scan waits for a row of a tile that is not in cache
};

/// The constants of a machine, nanoseconds but for the sizes of the caches.
struct Rates {
  double scan_call = 0, convolution_call = 0, fork = 0;  ///< a call; more where several threads work at it
  double tile = 0, group = 0;                            ///< the beginning of a tile's scan, of a group's convolution
  double state = 0;                                      ///< a byte of the states that a scan begins with
  double first_cache = 0;                                ///< bytes of the first-level cache
  TypeRates single{}, twice{};                           ///< float, double
};

/// visit(name, value) for every constant, in one order.
template <class R, class Visit>
void each_rate(R& rates, Visit&& visit) {
  visit("call.scan", rates.scan_call);
  visit("call.convolution", rates.convolution_call);
  visit("call.fork", rates.fork);
  visit("tile", rates.tile);
  visit("group", rates.group);
  visit("state", rates.state);
  visit("first_cache", rates.first_cache);
  const auto type = [&](const std::string& head, auto& t) {
    const auto some = [&](const char* area, std::initializer_list<const char*> names, auto&... values) {
      const char* const* name = names.begin();
      (visit(head + area + *name++, values), ...);
    };
    some(".s4d.", {"row", "few", "quad", "single", "slow_pair", "slow_single"}, t.s4d.row, t.s4d.few, t.s4d.quad,
         t.s4d.single, t.s4d.slow_pair, t.s4d.slow_single);
    some(".s4.", {"row", "few", "mode", "slow", "rank", "far"}, t.s4.row, t.s4.few, t.s4.mode, t.s4.slow, t.s4.rank,
         t.s4.far);
    some(".s5.", {"row", "mode", "product"}, t.s5.row, t.s5.mode, t.s5.product);
    some(".transfer.", {"row", "few", "coefficient"}, t.transfer.row, t.transfer.few, t.transfer.coefficient);
    some(".transfer_mixed.", {"row", "few", "coefficient"}, t.mixed.row, t.mixed.few, t.mixed.coefficient);
    some(".direct.", {"row", "tap"}, t.direct.row, t.direct.tap);
    some(".kernel.", {"s4d_power", "s4d_sample", "s4_set_up", "s4_sample", "transfer_sample"}, t.kernel.s4d_power,
         t.kernel.s4d_sample, t.kernel.s4_set_up, t.kernel.s4_sample, t.kernel.transfer_sample);
    some(".", {"segment"}, t.segment);
    for (std::size_t s = 0; s < rate_strides.size(); ++s) {
      for (std::size_t l = 0; l < rate_lengths.size(); ++l) {
        const auto named = [&](const char* what) {
          std::string name = head;
          name += what;
          name += std::to_string(rate_strides[s]);
          name += '.';
          name += std::to_string(rate_lengths[l]);
          return name;
        };
        visit(named(".ring."), t.ring[s][l]);
        visit(named(".carry."), t.carry[s][l]);
      }
    }
  };
  type("float32", rates.single);
  type("float64", rates.twice);
}

}  // namespace danaus
