// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <utility>

#include <danaus/ssm/dplr_vjp.hpp>

namespace danaus {

inline namespace DANAUS_ISA {

/// Added to every state, so that what decays settles above the denormals, and products of two of them, too.
inline constexpr double still = 0x1p-400;

/// One column block of channels: what the functions below share.
template <std::size_t Rank>
struct DplrVjpLanes {
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
  /// Adds y conj(z), y s_r and z t_r of `rows` samples to the sums, one mode after the other; z = (x + next x) / 2,
  /// where x of sample i is at x + i state, s at s + i Rank rows, y and t likewise.
  DANAUS_INLINE void gather(const double* y, const double* t, const double* x, const double* s, std::size_t rows,
                            double* sums) const noexcept {
    const std::size_t state = 2 * shape.modes * tile;
    for (std::size_t n = 0; n < shape.modes; ++n) {
      ComplexLanes by_lambda = value(sums, n), by_p[Rank], by_q[Rank];
      for (std::size_t r = 0; r < Rank; ++r) {
        by_p[r] = value(sums + (3 + 2 * r) * state, n);
        by_q[r] = value(sums + (4 + 2 * r) * state, n);
      }
      ComplexLanes before = value(x, n);
      for (std::size_t i = 0; i < rows; ++i) {
        const ComplexLanes after = value(x + (i + 1) * state, n), at = value(y + i * state, n);
        const V half(0.5);
        const ComplexLanes z{half * (before.re + after.re), half * (before.im + after.im)};
        by_lambda.re = fma(z.im, at.im, fma(z.re, at.re, by_lambda.re));
        by_lambda.im = fnma(z.im, at.re, fma(z.re, at.im, by_lambda.im));
        for (std::size_t r = 0; r < Rank; ++r) {
          const V by_s = simd::load<V>(s + (i * Rank + r) * tile), by_t = simd::load<V>(t + (i * Rank + r) * tile);
          by_p[r] = {fma(at.re, by_s, by_p[r].re), fma(at.im, by_s, by_p[r].im)};
          by_q[r] = {fma(z.re, by_t, by_q[r].re), fma(z.im, by_t, by_q[r].im)};
        }
        before = after;
      }
      put(by_lambda, sums, n);
      for (std::size_t r = 0; r < Rank; ++r) {
        put(by_p[r], sums + (3 + 2 * r) * state, n);
        put(by_q[r], sums + (4 + 2 * r) * state, n);
      }
    }
  }
  /// Adds g x of `rows` samples to the sums.
  DANAUS_INLINE void weigh(const double* g, const double* x, std::size_t rows, double* sums) const noexcept {
    const std::size_t state = 2 * shape.modes * tile;
    for (std::size_t n = 0; n < shape.modes; ++n) {
      ComplexLanes sum = value(sums, n);
      for (std::size_t i = 0; i < rows; ++i) {
        const ComplexLanes here = value(x + i * state, n);
        const V by = simd::load<V>(g + i * tile);
        sum = {fma(by, here.re, sum.re), fma(by, here.im, sum.im)};
      }
      put(sum, sums, n);
    }
  }
  /// y = R^* m, and m <- g conj(c) + A_bar^* m.
  DANAUS_INLINE void step_back(V g, double* m, double* y, double* t) const noexcept {
    V inners[Rank];
    inner_back(m, inners);
    for (std::size_t r = 0; r < Rank; ++r) simd::store(inners[r], t + r * tile);
    for (std::size_t n = 0; n < shape.modes; ++n) {
      const ComplexLanes here = value(m, n), back = resolved_back(here, inners, n), c = constant(2, n);
      put(back, y, n);
      put({fma(g, c.re, (back.re + back.re) - here.re) + V(still),
           fnma(g, c.im, (back.im + back.im) - here.im) + V(still)},
          m, n);
    }
  }
};

/// The samples of a segment, from its last: m runs back over them, and their parts go into the sums.
template <std::size_t Rank>
DANAUS_INLINE void weigh_and_gather(const DplrVjpLanes<Rank>& lanes, const double* states, const double* inners,
                                    const double* grad, std::size_t rows, double* m, double* ys, double* ts,
                                    double* sums) noexcept {
  using V = typename DplrVjpLanes<Rank>::V;
  const std::size_t state = 2 * lanes.shape.modes * tile;
  for (std::size_t end = rows; end > 0;) {
    const std::size_t count = std::min(gathered_rows, end), first = end - count;
    for (std::size_t i = count; i-- > 0;) {
      lanes.step_back(simd::load<V>(grad + (first + i) * tile), m, ys + i * state, ts + i * Rank * tile);
    }
    lanes.gather(ys, ts, states + first * state, inners + first * Rank * tile, count, sums);
    lanes.weigh(grad + first * tile, states + first * state, count, sums + state);
    end = first;
  }
}

/// A lane block of dplr_kernel_vjp.
template <std::size_t Rank>
DANAUS_INLINE void dplr_lanes_vjp(DplrVjpShape shape, const double* constants, const double* grad, double* sums,
                                  Workspace scratch) noexcept {
  using Lanes = DplrVjpLanes<Rank>;
  using V = typename Lanes::V;
  const Lanes lanes{shape, constants};
  const std::size_t state = 2 * shape.modes * tile, segment = shape.segment(), segments = shape.segments();
  double* const kept = scratch.take<double>(segments * state);
  double* const states = scratch.take<double>((segment + 1) * state);
  double* const inners = scratch.take<double>(segment * Rank * tile);
  double* const m = scratch.take<double>(state);
  double* const ys = scratch.take<double>(gathered_rows * state);
  double* const ts = scratch.take<double>(gathered_rows * Rank * tile);
  const V dt = simd::load<V>(constants + shape.planes() * shape.modes * tile);
  V s[Rank], of_b[Rank];
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
    weigh_and_gather(lanes, states, inners, grad + first * tile, rows, m, ys, ts, sums);
  }
  // B_bar = dt R b depends on A as a step from b / 2 would: z = B_bar / 2 and s = dt / 2 times that of b.
  V none(0.0);
  lanes.step_back(none, m, ys, ts);
  const V half = dt * V(0.5);
  for (std::size_t r = 0; r < Rank; ++r) simd::store(half * of_b[r], inners + r * tile);
  for (std::size_t n = 0; n < shape.modes; ++n) {
    Lanes::put(Lanes::value(kept, n), states, n);
    Lanes::put({none, none}, states + state, n);
    Lanes::put(Lanes::value(ys, n), sums + 2 * state, n);
  }
  lanes.gather(ys, ts, states, inners, 1, sums);
}

/// What the gradients of the kernel K_l = 2 Re(c . A_bar^l B_bar) of a tile of channels are made of, in lanes.
///
/// constants: shape.constants() rows by pack_dplr_vjp; grad: shape.length rows, the gradient of K; sums: shape.sums()
/// rows, overwritten, for unpack_dplr_vjp. The states x_l = A_bar^l B_bar run forth, m_l = grad_l conj(c) + A_bar^*
/// m_{l+1} runs back, each by O(modes rank) a sample; with z_l = R x_l and y_l = R^* m_{l+1} the gradient by dt A is
/// sum_l y_l z_l^*, of which only what the parameters ask for is summed. The states of one segment are kept at a time,
/// and those at the segments' beginnings: length / 48 + 48 states a channel. In double precision; some
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
