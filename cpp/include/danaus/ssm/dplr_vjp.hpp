// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <utility>

#include <danaus/core/complex.hpp>
#include <danaus/core/error.hpp>
#include <danaus/core/tile.hpp>
#include <danaus/core/workspace.hpp>
#include <danaus/ssm/kernel.hpp>

namespace danaus {

/// One channel of a diagonal plus low rank system in conjugate halves: A = diag(lambda) - sum_r p_r q_r^* on the full
/// spectrum, sampled by the bilinear rule; the rows of p and q stand `apart` elements apart.
struct DplrChannel {
  const Complex *lambda, *p, *q, *b, *c;
  std::size_t apart = 0;
  double dt = 1;
};

/// The most columns that p and q may have.
inline constexpr std::size_t most_rank = 4;

/// Sizes, in rows of `tile` doubles, of what dplr_kernel_vjp works on.
struct DplrVjpShape {
  std::size_t modes = 0, rank = 0, length = 0;

  /// E = 1 / (1 - dt lambda / 2), b and c, then f and w of each column, re and im; see pack_dplr_vjp.
  constexpr std::size_t planes() const noexcept { return 2 * (3 + 2 * rank); }
  constexpr std::size_t constants() const noexcept { return planes() * modes + 1; }
  /// The sums that the gradients are made of: y conj(z), x dK, R^* m_0, then y s and z t of each column.
  constexpr std::size_t sums() const noexcept { return 2 * (3 + 2 * rank) * modes; }
  /// Samples between two kept states: about the square root of the length, and few enough for the second-level cache.
  std::size_t segment() const noexcept { return std::min<std::size_t>(kernel_block(length), 48); }
  std::size_t segments() const noexcept { return (length + segment() - 1) / segment(); }
};

/// Samples whose parts are summed together.
inline constexpr std::size_t gathered_rows = 8;

/// Scratch of dplr_kernel_vjp.
inline std::size_t dplr_vjp_workspace_bytes(DplrVjpShape shape) noexcept {
  const std::size_t state = 2 * shape.modes * tile;
  return workspace_size<double>(shape.segments() * state) + workspace_size<double>((shape.segment() + 1) * state) +
         workspace_size<double>(shape.segment() * shape.rank * tile) + workspace_size<double>(state) +
         workspace_size<double>(gathered_rows * state) + workspace_size<double>(gathered_rows * shape.rank * tile);
}

/// The real rank x rank matrix (1 + dt/2 q^* E p)^-1 of a channel. singular where 2/dt is an eigenvalue of A.
[[nodiscard]] inline Outcome dplr_core(DplrVjpShape shape, const DplrChannel& channel, double* inverse) noexcept {
  const std::size_t rank = shape.rank;
  std::array<std::array<double, 2 * most_rank>, most_rank> m{};
  for (std::size_t r = 0; r < rank; ++r) {
    for (std::size_t s = 0; s < rank; ++s) {
      for (std::size_t n = 0; n < shape.modes; ++n) {
        const Complex e = 1.0 / (1.0 - channel.dt / 2 * channel.lambda[n]);
        m[r][s] +=
            channel.dt * (std::conj(channel.q[r * channel.apart + n]) * e * channel.p[s * channel.apart + n]).real();
      }
    }
    m[r][r] += 1;
    m[r][rank + r] = 1;
  }
  for (std::size_t k = 0; k < rank; ++k) {
    std::size_t pivot = k;
    for (std::size_t r = k + 1; r < rank; ++r) pivot = std::abs(m[r][k]) > std::abs(m[pivot][k]) ? r : pivot;
    if (!(std::abs(m[pivot][k]) > 0)) return Outcome::singular;
    std::swap(m[k], m[pivot]);
    for (std::size_t r = 0; r < rank; ++r) {
      if (r == k) continue;
      const double by = m[r][k] / m[k][k];
      for (std::size_t s = k; s < 2 * rank; ++s) m[r][s] -= by * m[k][s];
    }
  }
  for (std::size_t r = 0; r < rank; ++r) {
    for (std::size_t s = 0; s < rank; ++s) inverse[r * rank + s] = m[r][rank + s] / m[r][r];
  }
  return Outcome::ok;
}

/// Fills lane `lane` of `constants`: with R = (1 - dt A / 2)^-1, R x = E x - sum_r f_r 2 Re(w_r . x), where f = E p and
/// w = dt/2 (1 + dt/2 q^* E p)^-1 q^* E (Woodbury). A_bar = 2 R - 1, B_bar = dt R b.
inline void pack_dplr_vjp(DplrVjpShape shape, const DplrChannel& channel, const double* inverse, std::size_t lane,
                          double* constants) noexcept {
  for (std::size_t n = 0; n < shape.modes; ++n) {
    double* const out = constants + n * shape.planes() * tile + lane;
    const auto put = [&](std::size_t which, Complex z) {
      out[2 * which * tile] = z.real();
      out[(2 * which + 1) * tile] = z.imag();
    };
    const Complex e = 1.0 / (1.0 - channel.dt / 2 * channel.lambda[n]);
    put(0, e);
    put(1, channel.b[n]);
    put(2, channel.c[n]);
    for (std::size_t r = 0; r < shape.rank; ++r) {
      Complex w = 0;
      for (std::size_t s = 0; s < shape.rank; ++s) {
        w += inverse[r * shape.rank + s] * std::conj(channel.q[s * channel.apart + n]);
      }
      put(3 + 2 * r, e * channel.p[r * channel.apart + n]);
      put(4 + 2 * r, channel.dt / 2 * w * e);
    }
  }
  constants[shape.planes() * shape.modes * tile + lane] = channel.dt;
}

/// The gradients by the halves of lambda, p, q, b and c, and by dt.
struct DplrGradient {
  Complex *lambda, *p, *q, *b, *c;
  std::size_t apart = 0;
  double dt = 0;
};

/// The gradients of a channel from lane `lane` of the sums of dplr_kernel_vjp. With M the gradient by dt A,
/// M = sum y z^*: by lambda dt diag M, by p -dt M q, by q -dt M^* p, by dt Re tr(M^* A) and what B_bar = dt R b adds;
/// twice, as a half stands for both conjugates.
inline void unpack_dplr_vjp(DplrVjpShape shape, const DplrChannel& channel, const double* inverse, std::size_t lane,
                            const double* sums, DplrGradient& out) noexcept {
  const auto get = [&](std::size_t which, std::size_t n) {
    const double* const at = sums + (2 * which * shape.modes + 2 * n) * tile + lane;
    const auto heard = [](double x) { return std::abs(x) < 0x1p-300 ? 0.0 : x; };  // what `still` alone left
    return Complex(heard(at[0]), heard(at[tile]));
  };
  out.dt = 0;
  for (std::size_t n = 0; n < shape.modes; ++n) {
    const Complex by_lambda = get(0, n), by_b = get(2, n);
    out.lambda[n] = 2 * channel.dt * by_lambda;
    out.c[n] = 2.0 * std::conj(get(1, n));
    out.b[n] = 2 * channel.dt * by_b;
    out.dt += 2 * (std::conj(by_lambda) * channel.lambda[n] + std::conj(by_b) * channel.b[n]).real();
    for (std::size_t r = 0; r < shape.rank; ++r) {
      const Complex by_p = get(3 + 2 * r, n);
      out.p[r * out.apart + n] = -4.0 * by_p;
      out.dt -= 4 / channel.dt * (std::conj(by_p) * channel.p[r * channel.apart + n]).real();
      Complex by_q = 0;
      for (std::size_t s = 0; s < shape.rank; ++s) by_q += inverse[s * shape.rank + r] * get(4 + 2 * s, n);
      out.q[r * out.apart + n] = -2 * channel.dt * by_q;
    }
  }
}

}  // namespace danaus
