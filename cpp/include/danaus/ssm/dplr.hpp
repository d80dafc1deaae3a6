// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <danaus/core/complex.hpp>
#include <danaus/core/error.hpp>
#include <danaus/core/tile.hpp>

namespace danaus {

/// The highest rank of the correction that the kernels are made for.
inline constexpr std::size_t dplr_ranks = 4;

/// Diagonal plus low rank systems in continuous time, one a channel, one of each conjugate pair:
///   x' = (diag(lambda) - sum_r p_r q_r^*) x + b u,   y = 2 Re(c x),
/// where q_r^* x = 2 Re(sum_n conj(q_rn) x_n). S4 (Gu, Goel and Re 2022) has q = p.
struct DplrParameters {
  std::size_t channels = 0, modes = 0, rank = 0;
  std::span<const Complex> lambda, b, c;  ///< (channels, modes)
  std::span<const Complex> p, q;          ///< (rank, channels, modes)
  std::span<const double> dt;             ///< (channels)
};

/// The same in discrete time, each state in units of the first column of the correction:
///   alpha_r = Re(sum_n row_rn s_n),   s_n <- s_n + delta_n s_n + input_n u - sum_r column_rn alpha_r,
///   y = Re(sum_n output_n s_n),
/// column_0n = 1. One correction a sample, and delta = a_bar - 1 keeps its digits at small steps.
struct DplrModes {
  std::size_t channels = 0, modes = 0, rank = 0;
  std::vector<Complex> delta, input, output;  ///< (channels, modes)
  std::vector<Complex> column, row;           ///< (channels, rank, modes)
};

/// Where a kernel reads them.
struct DplrModesView {
  std::size_t channels, modes, rank;
  const Complex *delta, *input, *output, *column, *row;
  explicit DplrModesView(const DplrModes& m) noexcept
      : channels(m.channels),
        modes(m.modes),
        rank(m.rank),
        delta(m.delta.data()),
        input(m.input.data()),
        output(m.output.data()),
        column(m.column.data()),
        row(m.row.data()) {}
};

/// Solves a x = b for `columns` right sides, in place, by elimination with pivots: a (n, n), b (n, columns), real or
/// complex. Singular where a pivot is below 1e-13 of the largest element of a.
template <class S>
[[nodiscard]] Outcome solve_small(std::vector<S>& a, std::size_t n, std::vector<S>& b, std::size_t columns) {
  double largest = 0;
  for (const S& x : a) largest = std::max(largest, std::abs(x));
  for (std::size_t k = 0; k < n; ++k) {
    std::size_t pivot = k;
    for (std::size_t i = k + 1; i < n; ++i) {
      if (std::abs(a[i * n + k]) > std::abs(a[pivot * n + k])) pivot = i;
    }
    if (!(std::abs(a[pivot * n + k]) > 1e-13 * largest)) return Outcome::singular;
    for (std::size_t j = 0; j < n; ++j) std::swap(a[k * n + j], a[pivot * n + j]);
    for (std::size_t j = 0; j < columns; ++j) std::swap(b[k * columns + j], b[pivot * columns + j]);
    for (std::size_t i = 0; i < n; ++i) {
      if (i == k) continue;
      const S share = a[i * n + k] / a[k * n + k];
      for (std::size_t j = k; j < n; ++j) a[i * n + j] -= share * a[k * n + j];
      for (std::size_t j = 0; j < columns; ++j) b[i * columns + j] -= share * b[k * columns + j];
    }
  }
  for (std::size_t k = 0; k < n; ++k) {
    for (std::size_t j = 0; j < columns; ++j) b[k * columns + j] /= a[k * n + k];
  }
  return Outcome::ok;
}

/// Divides the states of one channel by the first column, at most 1e15 apart (an element of it that is 0 becomes
/// 1e-15 of the largest: far below every rounding), after scaling it to the size of the input.
inline void normalize_dplr(DplrModes& out, std::size_t h) noexcept {
  const std::size_t count = out.modes, rank = out.rank;
  Complex* const column = &out.column[h * rank * count];
  Complex* const row = &out.row[h * rank * count];
  double most = 0, driven = 0;
  for (std::size_t n = 0; n < count; ++n) {
    most = std::max(most, std::abs(column[n]));
    driven = std::max(driven, std::abs(out.input[h * count + n]));
  }
  const double scale = most == 0 ? 1 : (driven > 0 ? driven : 1.0) / most;
  for (std::size_t n = 0; n < count; ++n) {
    const Complex first = most == 0                             ? (driven > 0 ? driven : 1.0)
                          : std::abs(column[n]) >= 1e-15 * most ? column[n]
                                                                : Complex(1e-15 * most);
    const Complex unit = scale * first;
    out.input[h * count + n] /= unit;
    out.output[h * count + n] *= unit;
    for (std::size_t r = 0; r < rank; ++r) {
      Complex& u = column[r * count + n];
      Complex& w = row[r * count + n];
      w *= unit / (r == 0 ? scale : 1.0);
      if (r > 0) u /= unit;
      if (r == 0 && most == 0) w = 0;
      if (r == 0) u = 1;
    }
  }
}

/// Bilinear (Cayley) discretisation, A_bar = 2 (I - dt A / 2)^-1 - I by one correction (Woodbury):
///   A_bar - I = diag(2 lambda D) - (4 / dt) D P G Q^* D,   B_bar = 2 (D B - D P G Q^* D B),
/// D = 1 / (2 / dt - lambda), G = (I + Q^* D P)^-1, real because pairs are conjugate.
/// Raises where 2 / dt is an eigenvalue of A. `normalized`: each state in units of the first column.
[[nodiscard]] inline DplrModes discretize(const DplrParameters& in, bool normalized = true) {
  const std::size_t count = in.modes, rank = in.rank, all = in.channels * count;
  DplrModes out{in.channels, count, rank, {}, {}, {}, {}, {}};
  out.delta.resize(all), out.input.resize(all), out.output.assign(in.c.begin(), in.c.end());
  out.column.resize(all * rank), out.row.resize(all * rank);
  std::vector<Complex> d(count);
  for (std::size_t h = 0; h < in.channels; ++h) {
    const auto at = [&](std::span<const Complex> x, std::size_t r, std::size_t n) {
      return x[r * all + h * count + n];
    };
    for (std::size_t n = 0; n < count; ++n) d[n] = 1.0 / (2.0 / in.dt[h] - at(in.lambda, 0, n));
    std::vector<double> gain(rank * rank, 0), right(rank * (rank + 1), 0);  // I + Q^* D P, then [I, Q^* D B]
    for (std::size_t r = 0; r < rank; ++r) {
      for (std::size_t n = 0; n < count; ++n) {
        const Complex left = 2.0 * std::conj(at(in.q, r, n)) * d[n];
        for (std::size_t s = 0; s < rank; ++s) gain[r * rank + s] += (left * at(in.p, s, n)).real();
        right[r * (rank + 1) + rank] += (left * at(in.b, 0, n)).real();
      }
      gain[r * rank + r] += 1;
      right[r * (rank + 1) + r] = 1;
    }
    require(solve_small(gain, rank, right, rank + 1) == Outcome::ok,
            [&] { return "ssm.S4: 2 / dt must not be an eigenvalue of A, is one in channel " + std::to_string(h); });
    for (std::size_t n = 0; n < count; ++n) {
      Complex input = d[n] * at(in.b, 0, n);
      out.delta[h * count + n] = 2.0 * at(in.lambda, 0, n) * d[n];
      for (std::size_t r = 0; r < rank; ++r) {
        const std::size_t to = (h * rank + r) * count + n;
        out.column[to] = d[n] * at(in.p, r, n);
        input -= out.column[to] * right[r * (rank + 1) + rank];
        for (std::size_t s = 0; s < rank; ++s) {
          out.row[to] += 8.0 / in.dt[h] * right[r * (rank + 1) + s] * std::conj(at(in.q, s, n)) * d[n];
        }
      }
      out.input[h * count + n] = 2.0 * input;
      out.output[h * count + n] *= 2.0;
    }
    if (normalized) normalize_dplr(out, h);
  }
  return out;
}

/// Where the channels and modes of a DPLR layer lie: lane l of tile i is channel i * tile + l; modes
/// in pairs, the first `carried` of them with what rounding took from their states.
struct DplrShape {
  std::size_t channels = 0, modes = 0, rank = 1;
  std::size_t carried = 0;  // even

  constexpr std::size_t lane_modes() const noexcept { return (modes + 1) / 2 * 2; }
  constexpr std::size_t tiles() const noexcept { return padded(channels) / tile; }
  /// Rows of coefficients a mode: step, input, output, the first row, turn; then columns and rows of the others.
  constexpr std::size_t mode_rows() const noexcept { return 5 + 4 * rank; }
  constexpr std::size_t tile_coefficients() const noexcept { return tile * (mode_rows() * lane_modes() + 1); }
  constexpr std::size_t coefficients() const noexcept { return tiles() * tile_coefficients(); }
  /// Elements of a tile's state: the modes, and alpha of each rank for the next sample.
  constexpr std::size_t tile_state() const noexcept { return tile * (2 * (lane_modes() + carried) + rank); }
  constexpr std::size_t state() const noexcept { return tiles() * tile_state(); }
};

/// The modes of channel h, those that change least a sample first.
inline std::vector<std::size_t> slowest_first(const DplrModes& modes, std::size_t h) {
  std::vector<std::size_t> order(modes.modes);
  std::iota(order.begin(), order.end(), std::size_t{0});
  const Complex* const delta = &modes.delta[h * modes.modes];
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t i, std::size_t j) { return std::abs(delta[i]) < std::abs(delta[j]); });
  return order;
}

/// The shape of a layer in element type T: in float, modes that change by less than 1/8 a sample carry
/// what rounding takes from them (see slow_modes of the diagonal layer).
template <std::floating_point T>
DplrShape dplr_shape(const DplrModes& modes) {
  std::size_t most = 0;
  for (std::size_t h = 0; sizeof(T) == 4 && h < modes.channels; ++h) {
    const auto first = modes.delta.begin() + static_cast<std::ptrdiff_t>(h * modes.modes);
    const auto slow = std::count_if(first, first + static_cast<std::ptrdiff_t>(modes.modes),
                                    [](Complex delta) { return std::abs(delta) < 1.0 / 8; });
    most = std::max(most, static_cast<std::size_t>(slow));
  }
  return {modes.channels, modes.modes, modes.rank, (most + 1) / 2 * 2};
}

/// A DPLR layer ready to run. Owns nothing.
template <std::floating_point T>
struct Dplr {
  DplrShape shape;
  const T* coefficients = nullptr;
};

/// Packs modes and feedthrough d (channels) for `Dplr`. A mode moves by s <- turn s + step s with turn = 1 or, where
/// a_bar lies nearer to it, -1: step = a_bar - turn then keeps the digits of the modes far above the sampling rate,
/// which the bilinear rule puts at -1 (in float, LegS with N = 256 and dt = 0.1: 1.4e-5 of the output without, 1.5e-6
/// with it).
template <std::floating_point T>
void pack_dplr(DplrShape shape, const DplrModes& modes, std::span<const double> d, T* out) {
  const std::size_t rows = shape.mode_rows(), lane_modes = shape.lane_modes(), block = shape.tile_coefficients();
  std::fill(out, out + shape.coefficients(), T(0));  // a lane without a mode forgets at once: turn = step = 0
  for (std::size_t h = 0; h < shape.channels; ++h) {
    T* const here = out + h / tile * block + h % tile;
    const std::vector<std::size_t> order = slowest_first(modes, h);
    for (std::size_t n = 0; n < shape.modes; ++n) {
      T* next = here + n * rows * tile;
      const auto put = [&](Complex z) {
        next[0] = static_cast<T>(z.real());
        next[tile] = static_cast<T>(z.imag());
        next += 2 * tile;
      };
      const std::size_t at = h * shape.modes + order[n];
      const double turn = modes.delta[at].real() < -1 ? -1 : 1;
      put(modes.delta[at] + (1 - turn)), put(modes.input[at]), put(modes.output[at]);
      for (std::size_t r = 0; r < shape.rank; ++r) {
        const std::size_t of = (h * shape.rank + r) * shape.modes + order[n];
        if (r > 0) put(modes.column[of]);
        put(modes.row[of]);
        if (r > 0) continue;
        next[0] = static_cast<T>(turn);
        next += tile;
      }
    }
    here[lane_modes * rows * tile] = static_cast<T>(d[h]);
  }
}

}  // namespace danaus
