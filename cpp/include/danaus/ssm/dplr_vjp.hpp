// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <utility>

#include <danaus/core/complex.hpp>
#include <danaus/core/error.hpp>
#include <danaus/core/view.hpp>
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
  /// Samples between two kept states, about the square root of the length.
  std::size_t segment() const noexcept { return kernel_block(length); }
  std::size_t segments() const noexcept { return (length + segment() - 1) / segment(); }
};

/// Scratch of dplr_kernel_vjp.
inline std::size_t dplr_vjp_workspace_bytes(DplrVjpShape shape) noexcept {
  const std::size_t state = 2 * shape.modes * tile;
  return workspace_size<double>(shape.segments() * state) + workspace_size<double>((shape.segment() + 1) * state) +
         workspace_size<double>(shape.segment() * shape.rank * tile) + workspace_size<double>(state);
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

inline namespace DANAUS_ISA {

/// Added to every state, so that what decays settles above the denormals, and products of two of them, too.
inline constexpr double still = 0x1p-400;

/// One column block of channels: what the functions below share.
template <std::size_t Rank>
struct DplrLanes {
  using V = simd::native<double>;
  DplrVjpShape shape;
  const double* constants;

  DANAUS_INLINE ComplexLanes constant(std::size_t which, std::size_t n) const noexcept {
    const double* const at = constants + (n * shape.planes() + 2 * which) * tile;
    return {simd::load<V>(at), simd::load<V>(at + tile)};
  }
  DANAUS_INLINE static ComplexLanes value(const double* x, std::size_t n) noexcept {
    return {simd::load<V>(x + 2 * n * tile), simd::load<V>(x + (2 * n + 1) * tile)};
  }
  DANAUS_INLINE static void put(ComplexLanes z, double* x, std::size_t n) noexcept {
    simd::store(z.re, x + 2 * n * tile);
    simd::store(z.im, x + (2 * n + 1) * tile);
  }
  /// conj(a) b
  DANAUS_INLINE static ComplexLanes turned(ComplexLanes a, ComplexLanes b) noexcept {
    return {fma(a.im, b.im, a.re * b.re), fnma(a.im, b.re, a.re * b.im)};
  }
  DANAUS_INLINE static void add(ComplexLanes z, double* sums, std::size_t n) noexcept {
    const ComplexLanes s = value(sums, n);
    put({s.re + z.re, s.im + z.im}, sums, n);
  }

  /// s_r = 2 Re(w_r . x)
  DANAUS_INLINE void inner(const double* x, V* s) const noexcept {
    for (std::size_t r = 0; r < Rank; ++r) s[r] = V(0.0);
    for (std::size_t n = 0; n < shape.modes; ++n) {
      const ComplexLanes here = value(x, n);
      for (std::size_t r = 0; r < Rank; ++r) {
        const ComplexLanes w = constant(4 + 2 * r, n);
        s[r] = fnma(w.im, here.im, fma(w.re, here.re, s[r]));
      }
    }
    for (std::size_t r = 0; r < Rank; ++r) s[r] = s[r] + s[r];
  }
  /// (R x)_n
  DANAUS_INLINE ComplexLanes resolved(ComplexLanes x, const V* s, std::size_t n) const noexcept {
    ComplexLanes z = constant(0, n) * x;
    for (std::size_t r = 0; r < Rank; ++r) {
      const ComplexLanes f = constant(3 + 2 * r, n);
      z = {fnma(f.re, s[r], z.re), fnma(f.im, s[r], z.im)};
    }
    return z;
  }
  /// to = A_bar x = 2 R x - x; s as inner has it.
  DANAUS_INLINE void step(const double* x, const V* s, double* to) const noexcept {
    for (std::size_t n = 0; n < shape.modes; ++n) {
      const ComplexLanes here = value(x, n), z = resolved(here, s, n);
      put({(z.re + z.re) - here.re + V(still), (z.im + z.im) - here.im + V(still)}, to, n);
    }
  }
  /// t_r = 2 Re(f_r^* m)
  DANAUS_INLINE void inner_back(const double* m, V* t) const noexcept {
    for (std::size_t r = 0; r < Rank; ++r) t[r] = V(0.0);
    for (std::size_t n = 0; n < shape.modes; ++n) {
      const ComplexLanes here = value(m, n);
      for (std::size_t r = 0; r < Rank; ++r) {
        const ComplexLanes f = constant(3 + 2 * r, n);
        t[r] = fma(f.im, here.im, fma(f.re, here.re, t[r]));
      }
    }
    for (std::size_t r = 0; r < Rank; ++r) t[r] = t[r] + t[r];
  }
  /// (R^* m)_n
  DANAUS_INLINE ComplexLanes resolved_back(ComplexLanes m, const V* t, std::size_t n) const noexcept {
    ComplexLanes y = turned(constant(0, n), m);
    for (std::size_t r = 0; r < Rank; ++r) {
      const ComplexLanes w = constant(4 + 2 * r, n);
      y = {fnma(w.re, t[r], y.re), fma(w.im, t[r], y.im)};
    }
    return y;
  }
  /// Adds y conj(z), y s_r and z t_r to the sums.
  DANAUS_INLINE void gather(ComplexLanes y, ComplexLanes z, const V* s, const V* t, std::size_t n,
                            double* sums) const noexcept {
    const std::size_t apart = 2 * shape.modes * tile;
    add(turned(z, y), sums, n);
    for (std::size_t r = 0; r < Rank; ++r) {
      add({y.re * s[r], y.im * s[r]}, sums + (3 + 2 * r) * apart, n);
      add({z.re * t[r], z.im * t[r]}, sums + (4 + 2 * r) * apart, n);
    }
  }
};

/// A lane block of dplr_kernel_vjp.
template <std::size_t Rank>
DANAUS_INLINE void dplr_lanes_vjp(DplrVjpShape shape, const double* constants, const double* grad, double* sums,
                                  Workspace scratch) noexcept {
  using Lanes = DplrLanes<Rank>;
  using V = typename Lanes::V;
  const Lanes lanes{shape, constants};
  const std::size_t state = 2 * shape.modes * tile, segment = shape.segment(), segments = shape.segments();
  double* const kept = scratch.take<double>(segments * state);
  double* const states = scratch.take<double>((segment + 1) * state);
  double* const inners = scratch.take<double>(segment * Rank * tile);
  double* const m = scratch.take<double>(state);
  const V dt = simd::load<V>(constants + shape.planes() * shape.modes * tile);
  V s[Rank], t[Rank], of_b[Rank];
  for (std::size_t n = 0; n < shape.modes; ++n) {  // x_0 = B_bar = dt R b
    Lanes::put(lanes.constant(1, n), states, n);
    Lanes::put({V(still), V(still)}, m, n);
  }
  lanes.inner(states, of_b);
  for (std::size_t n = 0; n < shape.modes; ++n) {
    const ComplexLanes z = lanes.resolved(Lanes::value(states, n), of_b, n);
    Lanes::put({dt * z.re, dt * z.im}, kept, n);
  }
  for (std::size_t i = 0; i + 1 < segments; ++i) {  // the states at the beginning of each segment
    double *here = states, *next = states + state;
    for (std::size_t n = 0; n < shape.modes; ++n) Lanes::put(Lanes::value(kept + i * state, n), here, n);
    for (std::size_t l = 0; l < segment; ++l, std::swap(here, next)) {
      lanes.inner(here, s);
      lanes.step(here, s, next);
    }
    for (std::size_t n = 0; n < shape.modes; ++n) Lanes::put(Lanes::value(here, n), kept + (i + 1) * state, n);
  }
  for (std::size_t i = segments; i-- > 0;) {
    const std::size_t first = i * segment, rows = std::min(segment, shape.length - first);
    for (std::size_t n = 0; n < shape.modes; ++n) Lanes::put(Lanes::value(kept + i * state, n), states, n);
    for (std::size_t l = 0; l < rows; ++l) {
      lanes.inner(states + l * state, s);
      for (std::size_t r = 0; r < Rank; ++r) simd::store(s[r], inners + (l * Rank + r) * tile);
      lanes.step(states + l * state, s, states + (l + 1) * state);
    }
    for (std::size_t l = rows; l-- > 0;) {
      const double *here = states + l * state, *next = here + state;
      const V g = simd::load<V>(grad + (first + l) * tile);
      for (std::size_t r = 0; r < Rank; ++r) s[r] = simd::load<V>(inners + (l * Rank + r) * tile);
      lanes.inner_back(m, t);
      for (std::size_t n = 0; n < shape.modes; ++n) {
        const ComplexLanes costate = Lanes::value(m, n), y = lanes.resolved_back(costate, t, n);
        const ComplexLanes x = Lanes::value(here, n), after = Lanes::value(next, n), c = lanes.constant(2, n);
        const V half(0.5);  // R x = (x + A_bar x) / 2
        lanes.gather(y, {half * (x.re + after.re), half * (x.im + after.im)}, s, t, n, sums);
        Lanes::add({g * x.re, g * x.im}, sums + state, n);
        Lanes::put(
            {fma(g, c.re, (y.re + y.re) - costate.re) + V(still), fnma(g, c.im, (y.im + y.im) - costate.im) + V(still)},
            m, n);
      }
    }
  }
  lanes.inner_back(m, t);
  const V half = dt * V(0.5);
  for (std::size_t r = 0; r < Rank; ++r) s[r] = half * of_b[r];
  for (std::size_t n = 0; n < shape.modes; ++n) {  // B_bar = dt R b depends on A as a step from b / 2 does
    const ComplexLanes y = lanes.resolved_back(Lanes::value(m, n), t, n), x = Lanes::value(kept, n);
    lanes.gather(y, {V(0.5) * x.re, V(0.5) * x.im}, s, t, n, sums);
    Lanes::put(y, sums + 2 * state, n);
  }
}

/// What the gradients of the kernel K_l = 2 Re(c . A_bar^l B_bar) of a tile of channels are made of, in lanes.
///
/// constants: shape.constants() rows by pack_dplr_vjp; grad: shape.length rows, the gradient of K; sums: shape.sums()
/// rows, overwritten, for unpack_dplr_vjp. The states x_l = A_bar^l B_bar run forth, m_l = grad_l conj(c) + A_bar^*
/// m_{l+1} runs back, each by O(modes rank) a sample; with z_l = R x_l and y_l = R^* m_{l+1} the gradient by dt A is
/// sum_l y_l z_l^*, of which only what the parameters ask for is summed. The states of one segment are kept at a time,
/// and those at the segments' beginnings: about 2 sqrt(length) modes numbers a channel. In double precision; some
/// 80 modes length flop a channel at rank 1.
DANAUS_KERNEL void dplr_kernel_vjp(DplrVjpShape shape, const double* constants, const double* grad, double* sums,
                                   Workspace scratch) noexcept {
  std::fill_n(sums, shape.sums() * tile, 0.0);
  if (shape.length == 0) return;
  for (std::size_t lane = 0; lane < tile; lane += simd::native<double>::size()) {
    switch (shape.rank) {
      case 1:
        dplr_lanes_vjp<1>(shape, constants + lane, grad + lane, sums + lane, scratch);
        break;
      case 2:
        dplr_lanes_vjp<2>(shape, constants + lane, grad + lane, sums + lane, scratch);
        break;
      case 3:
        dplr_lanes_vjp<3>(shape, constants + lane, grad + lane, sums + lane, scratch);
        break;
      default:
        dplr_lanes_vjp<4>(shape, constants + lane, grad + lane, sums + lane, scratch);
        break;
    }
  }
}

}  // namespace DANAUS_ISA
}  // namespace danaus
