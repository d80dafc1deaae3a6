// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include <danaus/core/tile.hpp>
#include <danaus/fft/convolve.hpp>
#include <danaus/fft/direct.hpp>
#include <danaus/ssm/rates.hpp>

namespace danaus {

/// The systems whose evaluations are weighed. `transfer_mixed`: samples in float, states in double.
enum class Form : unsigned char { s4d, s4, s5, transfer, transfer_mixed };

/// The ways to run a whole sequence. `chunked`: transforms of a chunk each, the numerator carried; offered by nobody
/// yet.
enum class Evaluation : unsigned char { scan, convolution, chunked };
inline constexpr std::size_t evaluations = 3;

/// A layer and the sequences it is to run on.
struct Task {
  Form form = Form::s4d;
  std::size_t order = 1;  ///< conjugate pairs a channel (s4d, s4), of all (s5); N of a transfer function
  std::size_t rank = 1;   ///< of the correction of s4
  std::size_t slow = 0;   ///< pairs that carry what rounding takes: those that change by less than 1/32 a sample, float
  std::size_t length = 1, channels = 1, batch = 1;
  std::size_t element = 4;  ///< bytes of a sample: 4 or 8
  std::size_t threads = 1;
  bool kept = true;  ///< whether the kernel's spectrum is there already
};

/// Seconds of every evaluation; infinite where it does not apply.
struct Estimate {
  std::array<double, evaluations> seconds{};

  double operator[](Evaluation e) const noexcept { return seconds[static_cast<std::size_t>(e)]; }
  /// The fastest.
  Evaluation best() const noexcept {
    return static_cast<Evaluation>(std::min_element(seconds.begin(), seconds.end()) - seconds.begin());
  }
};

namespace costs {

inline double number(std::size_t n) noexcept {
  return static_cast<double>(n);
}

/// Between its entries linear in the logarithms of stride and length, from the last length on in that of the length;
/// before the first entries, and from the last stride on, constant.
inline double at(const RateTable& table, double stride, double length) noexcept {
  const double place = std::max((std::log2(std::max(length, 1.0)) - 6) / 2, 0.0);
  const auto left = std::min(static_cast<std::size_t>(place), rate_lengths.size() - 2);
  const double right = place - number(left);
  const auto along = [&](std::size_t s) { return table[s][left] + right * (table[s][left + 1] - table[s][left]); };
  std::size_t s = 0;
  while (s + 2 < rate_strides.size() && stride > number(rate_strides[s + 1])) ++s;
  const double first = std::log2(number(rate_strides[s])), last = std::log2(number(rate_strides[s + 1]));
  const double between = std::clamp((std::log2(std::max(stride, 1.0)) - first) / (last - first), 0.0, 1.0);
  const double value = along(s) + between * (along(s + 1) - along(s));
  return std::max(value, 0.0);
}

/// The share of the work that the busiest of `threads` threads has, where it comes in `pieces` equal ones.
inline double share(std::size_t pieces, std::size_t threads) noexcept {
  const std::size_t hands = std::clamp<std::size_t>(threads, 1, std::max<std::size_t>(pieces, 1));
  return number((pieces + hands - 1) / hands) / number(std::max<std::size_t>(pieces, 1));
}

/// A row of a tile of a diagonal system: fours of modes and single ones, before them pairs that carry.
inline double diagonal_row(const TypeRates::Diagonal& r, const Task& task, double few) noexcept {
  const std::size_t slices = task.channels >= tile ? 1 : tile / std::bit_ceil(task.channels);
  const std::size_t modes = (task.order + slices - 1) / slices;
  const std::size_t slow = task.element == 4 ? std::min((task.slow + slices - 1) / slices, modes) : 0;
  const std::size_t plain = modes - slow;
  return r.row + few * r.few + number(slow / 2) * r.slow_pair + number(slow % 2) * r.slow_single +
         number(plain / 4) * r.quad + number(plain % 4) * r.single;
}

/// A row of a tile of a system with a correction: coefficients and states are read for every sample.
inline double low_rank_row(const TypeRates::LowRank& r, const Task& task, double cache, double few) noexcept {
  const std::size_t modes = (task.order + 1) / 2 * 2, rank = std::max<std::size_t>(task.rank, 1);
  const std::size_t slow = task.element == 4 ? std::min((task.slow + 1) / 2 * 2, modes) : 0;
  const std::size_t rows = (7 + 4 * rank) * modes + 2 * slow;
  const double beyond = std::clamp(number(rows * tile * task.element) / cache - 1, 0.0, 0.25) * 4;
  return r.row + few * r.few + number(modes) * (r.mode + beyond * r.far + number(rank - 1) * r.rank) +
         number(slow) * r.slow;
}

/// Seconds of one thread that only reads and writes rows, and works on each for row ns.
inline double scan_seconds(const Task& task, const Rates& rates, const TypeRates& r) noexcept {
  const std::size_t tiles = padded(task.channels) / tile;
  const double few = task.channels % tile != 0 ? 1 / number(tiles) : 0;  // the last tile's rows go lane by lane
  double row = 0, variables = 2 * number(task.order);
  const auto coefficients = [&](const TypeRates::Coefficients& c) {
    const std::size_t rows = std::max<std::size_t>(8, (task.order + 3) / 4 * 4);
    variables = number(rows + 17) * (task.form == Form::transfer_mixed ? 8 / number(task.element) : 1);
    return c.row + few * c.few + number(rows) * c.coefficient;
  };
  switch (task.form) {
    case Form::s4d:
      row = diagonal_row(r.s4d, task, few);
      break;
    case Form::s4:
      row = low_rank_row(r.s4, task, rates.first_cache, few);
      break;
    case Form::s5: {
      const double modes = number(padded(task.order)), width = number(padded(task.channels));
      const double all = number(task.length) * (r.s5.row + modes * (r.s5.mode + 4 * width * r.s5.product));
      return (rates.scan_call + all * number(task.batch) * share(task.batch, task.threads)) * 1e-9;
    }
    case Form::transfer:
      row = coefficients(r.transfer);
      break;
    case Form::transfer_mixed:
      row = coefficients(r.mixed);
      break;
  }
  row += at(r.carry, number(tiles), number(task.length * task.batch));
  const double pieces = number(task.batch * tiles);
  const double states = pieces * number(tile * task.element) * variables * rates.state;
  const bool forks = task.threads > 1 && task.batch * tiles > 1;
  return (rates.scan_call + (forks ? rates.fork : 0) + states +
          pieces * (rates.tile + number(task.length) * row) * share(task.batch * tiles, task.threads)) *
         1e-9;
}

/// The kernel itself, ns of one thread.
inline double kernel_ns(const Task& task, const TypeRates::Kernels& r) noexcept {
  const double order = number(task.order), length = number(task.length), channels = number(task.channels);
  switch (task.form) {
    case Form::s4d:
      return channels * order * (2 * std::sqrt(length) * r.s4d_power + length * r.s4d_sample);
    case Form::s4:
      return channels * order *
             (order * r.s4_set_up + length * number(std::max<std::size_t>(task.rank, 1)) * r.s4_sample);
    default:
      return number(padded(task.channels) / tile) * order * length * r.transfer_sample;
  }
}

/// The groups of channels through a ring, or where the taps are few their sums, ns of one thread.
inline double groups_ns(const Task& task, const Rates& rates, const TypeRates& r) noexcept {
  const std::size_t lanes = cache_line / task.element, groups = (task.channels + lanes - 1) / lanes;
  if (task.length <= most_direct_taps) {
    return number(groups * task.length) * (r.direct.row + number(padded_taps(task.length)) * r.direct.tap);
  }
  // As ConvolutionPlan chooses.
  const bool alone = stands_alone(task.channels, task.length, lanes);
  const std::size_t points = ring_points(task.length, alone ? lanes : 1), left = task.channels % lanes;
  const bool tail = !alone && left > 0 && 2 * left <= lanes && points % (lanes * lanes) == 0;
  const std::size_t few = alone ? task.channels : tail ? left : 0;
  const double stride = number(task.channels) / number(lanes), row = at(r.ring, stride, number(points));
  const double together = number(groups - tail) * (rates.group + number(points) * row);
  const bool measured = 2 * cache_line * points > (std::size_t(1) << 20);  // the table has rows in segments there
  const double single = rates.group + number(points / lanes) * (row + (measured ? 0 : r.segment));
  return (alone ? 0 : together) + number(few) * single;
}

inline double convolution_seconds(const Task& task, const Rates& rates, const TypeRates& r) noexcept {
  const std::size_t lanes = cache_line / task.element, groups = (task.channels + lanes - 1) / lanes;
  const std::size_t pieces = task.batch * ((groups + 1) / 2);  // the channels of two groups go together
  const double once = groups_ns(task, rates, r);
  double all = once * number(task.batch) * share(pieces, task.threads);
  if (!task.kept) {  // the spectrum is one of a convolution's two transforms, and its scaling
    const double filter = task.length <= most_direct_taps ? 0.1 : 0.6;
    all += (kernel_ns(task, r.kernel) + filter * once) * share(groups, task.threads);
  }
  const bool forks = task.threads > 1 && pieces > 1;
  return (rates.convolution_call * (task.kept ? 1 : 3) + (forks ? rates.fork : 0) + all) * 1e-9;
}

}  // namespace costs

/// What every evaluation of the task takes, by the constants of a machine.
///
/// scan: call + tiles (tile + L (row(order) + carry)), a tile of 16 channels at a time. convolution: call + groups
/// (group + n ring(n)), n the ring's points, those of few channels in the lanes of one row; up to 40 samples L (row + L
/// tap); kernel and spectrum in addition where they are not kept. An s5 system has no convolution of its own.
inline Estimate estimate(const Task& task, const Rates& rates) noexcept {
  const TypeRates& r = task.element == 4 ? rates.single : rates.twice;
  Estimate found;
  found.seconds.fill(std::numeric_limits<double>::infinity());
  if (task.channels == 0 || task.length == 0 || task.batch == 0) {
    found.seconds[0] = rates.scan_call * 1e-9;
    return found;
  }
  found.seconds[static_cast<std::size_t>(Evaluation::scan)] = costs::scan_seconds(task, rates, r);
  if (task.form != Form::s5) {
    found.seconds[static_cast<std::size_t>(Evaluation::convolution)] = costs::convolution_seconds(task, rates, r);
  }
  return found;
}

/// The evaluation of the task that takes least.
inline Evaluation choose(const Task& task, const Rates& rates) noexcept {
  return estimate(task, rates).best();
}

}  // namespace danaus
