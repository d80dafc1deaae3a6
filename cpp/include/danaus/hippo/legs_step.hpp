// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstddef>
#include <span>

#include <danaus/core/buffer.hpp>
#include <danaus/core/tile.hpp>
#include <danaus/core/view.hpp>
#include <danaus/core/workspace.hpp>
#include <danaus/hippo/quadrature.hpp>

// One-step methods of HiPPO-LegS, x' = (A x + B u) / t: plain data. No vectors here: every instruction set shares it.
//
// u e_0 is the fixed point (A e_0 = -B), so that z = x - u e_0 obeys z' = A z in log time, and a step is
//   y = (I - backward A)^-1 (I + forward A) z,   x <- y + u e_0.
// With r_n = sqrt(2n + 1), D_n = 1 + backward (n + 1), g the one of the two that is not zero, and one running sum c:
//   x_n <- x_n + (d_n z_n - q_n c_n),   d_n = -(forward + backward) (n + 1) / D_n,   q_n = g r_n / D_n,
//   c_{n+1} = p_n c_n + s_n z_n,        p_n = (1 - backward n) / D_n,                s_n = gain r_n / D_n,
// where `gain` is 2 for the bilinear method (c sums r (z + y)) and 1 for the others (c sums r y or r z). One fused
// operation leads from c_n to c_{n+1}. Late steps are small: float keeps what rounding takes from x (Kahan) beside it,
// so that a million of them err no more than one.
namespace danaus {

/// How a step of LegS is approximated. Log time takes h = log(t1 / t0), which is exact for the differential
/// equation's weights; the published code takes h = (t1 - t0) / t0 on both sides.
enum class LegsMethod : unsigned char { bilinear, hippo_bilinear, backward_euler, forward_euler };

/// The numbers of one step.
struct LegsStep {
  double forward;
  double backward;
  double share;  // g
  double gain;
};

/// The step over a cell [from, to), 0 < from < to.
inline LegsStep legs_step(LegsMethod method, double from, double to) noexcept {
  const double ratio = (to - from) / from;
  const double h = method == LegsMethod::hippo_bilinear ? ratio : std::log1p(ratio);
  if (method == LegsMethod::backward_euler) return {0, h, h, 1};
  if (method == LegsMethod::forward_euler) return {h, 0, h, 1};
  return {0.5 * h, 0.5 * h, 0.5 * h, 2};
}

/// Channels up to this many are kept one after the other, with samples in lanes; more are kept in tiles, with channels
/// in lanes. Five channels in a tile of 16 cost about what five alone do.
inline constexpr std::size_t legs_lone = 4;

/// Whether what rounding takes from the coefficients is kept.
template <class T>
inline constexpr bool legs_carries = sizeof(T) == 4;

/// The shape of the coefficients in memory: (channels, parts, N), or (tiles, N, parts, tile); the second part is what
/// rounding took.
struct LegsStepShape {
  std::size_t order;
  std::size_t channels;
  std::size_t parts;
  DANAUS_INLINE bool lone() const noexcept { return channels <= legs_lone; }
  /// Pieces that may be worked on independently.
  DANAUS_INLINE std::size_t pieces() const noexcept { return lone() ? channels : padded(channels) / tile; }
  DANAUS_INLINE std::size_t piece() const noexcept { return lone() ? order * parts : order * parts * tile; }
  DANAUS_INLINE std::size_t size() const noexcept { return pieces() * piece(); }
  /// Where part p of x_n of channel c stands.
  DANAUS_INLINE std::size_t at(std::size_t c, std::size_t n, std::size_t p = 0) const noexcept {
    return lone() ? (c * parts + p) * order + n : ((c / tile * order + n) * parts + p) * tile + c % tile;
  }
};

/// Samples whose steps are made at once, and rows of coefficients in one block of a table.
inline constexpr std::size_t legs_batch = 8, legs_rows = 64;
/// Lanes of the widest register: how far reversed tables reach beyond both ends.
inline constexpr std::size_t legs_widest = 64;

/// What the steps of one order share: r_n and n in both directions, padded so that whole registers can be read. Beyond
/// the ends r is 0 and n is 0.
struct LegsStepTables {
  std::size_t order = 0;
  Buffer<double> root;            // (N) and padding
  Buffer<double> index;           // (N) and padding
  Buffer<double> reversed_root;   // r_n at position reach - n
  Buffer<double> reversed_index;  // n likewise
  std::size_t reach = 0;
};

inline LegsStepTables legs_step_tables(std::size_t order) {
  LegsStepTables t;
  t.order = order;
  const std::size_t rows = (order + legs_rows - 1) / legs_rows * legs_rows;
  t.root.assign(rows, 0);
  t.index.assign(rows, 0);
  t.reach = order + legs_widest;
  t.reversed_root.assign(t.reach + 2 * legs_widest, 0);
  t.reversed_index.assign(t.reach + 2 * legs_widest, 0);
  for (std::size_t n = 0; n < order; ++n) {
    t.root[n] = t.reversed_root[t.reach - n] = legendre_root(n);
    t.index[n] = t.reversed_index[t.reach - n] = static_cast<double>(n);
  }
  return t;
}

/// The largest factor by which forward Euler multiplies a vector on its way, ||prod_k (I + h_k A)|| in the Frobenius
/// norm over unit cells 1, 2, ..., or the first above `limit`. O(N^2) a step, N^2 / 2 steps at most.
inline double legs_forward_transient(std::size_t order, double limit) {
  Buffer<double> x(order * order, 0), sum(order);
  for (std::size_t n = 0; n < order; ++n) x[n * order + n] = 1;
  double most = 1;
  for (std::size_t k = 1; k <= order * order / 2 + 2 && most <= limit; ++k) {
    const double h = std::log1p(1 / static_cast<double>(k));
    double square = 0;
    sum.assign(order, 0);
    for (std::size_t n = 0; n < order; ++n) {
      const double r = legendre_root(n), a = 1 - h * static_cast<double>(n + 1);
      for (std::size_t c = 0; c < order; ++c) {
        double& z = x[n * order + c];
        const double before = z;
        z = a * before - h * r * sum[c];
        sum[c] += r * before;
        square += z * z;
      }
    }
    if (std::sqrt(square) > most * std::sqrt(static_cast<double>(order)))
      most = std::sqrt(square / static_cast<double>(order));
  }
  return most;
}

/// The run functions of one instruction set; legs_step_kernels<T>() in hippo/legs_scan.hpp fills it.
template <class T>
struct LegsStepKernels {
  std::size_t (*workspace_bytes)(std::size_t order) noexcept;
  /// Steps pieces [first, last) of x over the rows of u.
  void (*scan)(const LegsStepTables&, LegsStepShape, std::size_t first, std::size_t last, const LegsStep* steps,
               View<const T, 2> u, T* x, Workspace) noexcept;
  /// The transpose of `scan` in tiles: grad, d loss / d x after the rows, becomes that before them; du is written.
  void (*scan_vjp)(const LegsStepTables&, LegsStepShape, std::size_t first, std::size_t last, const LegsStep* steps,
                   View<T, 2> du, T* grad, Workspace) noexcept;
};

}  // namespace danaus
