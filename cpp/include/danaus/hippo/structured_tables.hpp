// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/hippo/structured.hpp>
#include <danaus/simd/isa.hpp>

// The tables of a structured map, O(N) in double precision and rounded once. Run code: an irregular sample makes its
// own, once for all channels.
namespace danaus {
inline namespace DANAUS_ISA {
namespace structured {

using Verb = StructuredMap::Verb;

/// x'_n = keep x_n + delta_n x_n - beta_n S,  S <- sigma_n S + tau_n x_n,  rows (delta, beta, tau, sigma, eps, kappa)
/// in the order of the pass. The solve is y_n = g_n (x_n - c p_n S), S = sum_{k<n} q_k y_k, g_n = 1 / (1 + c d_n). The
/// adjoint runs from the last n with beta and tau exchanged: its S is the negative of the adjoint sum.
template <class T>
DANAUS_KERNEL void triangular_tables(const Structure& s, StructuredMap map, StructuredTables<T>& t, T* rows) noexcept {
  using K = typename StructuredTables<T>::Kernel;
  const bool step = map.verb == Verb::step, solve = map.verb == Verb::solve || (step && map.alpha > 0);
  const double h = map.verb == Verb::multiply ? 1 : map.c, c = step ? map.alpha * h : h;
  t.kernel = s.carried || !step ? K::carried : map.transposed ? K::gathered : K::driven;
  t.keep = step ? T(1) : T(0);
  t.input = t.kernel == K::carried ? static_cast<T>(-s.drive) : T(1);
  t.output = t.kernel == K::carried ? static_cast<T>(s.drive) : T(1);
  for (std::size_t i = 0; i < s.order; ++i, rows += 6) {
    const std::size_t n = map.transposed ? s.order - 1 - i : i;
    const double d = s.d.data()[n], p = s.p.data()[n], q = s.q.data()[n], g = solve ? 1 / (1 + c * d) : 1;
    const double beta = h * p * g, tau = q * g;
    rows[0] = static_cast<T>(map.verb == Verb::solve ? g : -h * d * g);
    rows[1] = static_cast<T>(map.transposed ? tau : beta);
    rows[2] = static_cast<T>(map.transposed ? beta : tau);
    rows[3] = static_cast<T>(solve ? (1 + c * (d - p * q)) * g : 1.0);
    rows[4] = static_cast<T>(h * g * s.b.data()[n]);
    rows[5] = static_cast<T>(solve ? tau * c * s.b.data()[n] : 0.0);
  }
}

/// The window's solve, (T + c R^2) w = q x, is Thomas' elimination with pivots e_n = c r_n^2 + 1 / (4 e_{n-1}), all
/// positive: z_n = (q_n x_n + z_{n-1} / 2) / e_n going up, w_n = z_n - w_{n+1} / (2 e_n) going down. Then y = T w / q,
/// or y - x = -c p w, which keeps the digits of small steps. The adjoint has 1/2 negated, p and q exchanged.
template <class T>
DANAUS_KERNEL void window_tables(const Structure& s, StructuredMap map, StructuredTables<T>& t, T* rows) noexcept {
  using K = typename StructuredTables<T>::Kernel;
  const std::size_t order = s.order;
  const bool step = map.verb == Verb::step;
  const double* const in = map.transposed ? s.p.data() : s.q.data();
  const double* const out = map.transposed ? s.q.data() : s.p.data();
  const double h = map.verb == Verb::multiply ? 1 : map.c, c = step ? map.alpha * h : h;
  t.keep = step ? T(1) : T(0);
  t.input = T(-1);
  t.output = static_cast<T>(h);
  if (map.verb == Verb::multiply || (step && map.alpha == 0)) {
    t.kernel = K::prefix;
    for (std::size_t i = 0; i < order; ++i, rows += 4) {
      const std::size_t n = map.transposed ? order - 1 - i : i;
      const double sign = n % 2 == 0 ? 1 : -1;
      rows[0] = static_cast<T>(in[n]);
      rows[1] = static_cast<T>(sign * in[n]);
      rows[2] = static_cast<T>(-h * out[n]);
      rows[3] = static_cast<T>(-h * sign * out[n]);
    }
    return;
  }
  const double gain = step ? 1 / map.alpha : 1, half = map.transposed ? -0.5 : 0.5;
  const bool small = step ? c <= 0.25 : c * static_cast<double>(order) <= 0.25;
  t.kernel = small ? K::increments : K::direct;
  t.keep = T(1);
  if (t.kernel == K::direct) t.keep = static_cast<T>(1 - gain);
  double before = 0;
  for (std::size_t n = 0; n < order; ++n, rows += 4) {
    double pivot = c * (2 * static_cast<double>(n) + 1);
    if (n == 0) pivot += 0.5;
    if (n + 1 == order) pivot += 0.5;
    if (n > 0) pivot += 0.25 * before;
    before = 1 / pivot;
    rows[0] = static_cast<T>(in[n] * before);
    rows[1] = static_cast<T>(half * before);
    rows[2] = static_cast<T>(t.kernel == K::increments ? gain * c * out[n] : gain * half / in[n]);
    rows[3] = static_cast<T>(before);
  }
}

/// Pairs as complex numbers: z' = keep z + e z + v m,  m = input u - sum l x,  rows (e, l, v) of two numbers each. The
/// solve is Sherman and Morrison's: e = 1 / (1 + c decay - i c d), v = e phi, l = (c feedback / den) conj(e) phi,
/// den = 1 + c feedback phi^T e phi.
template <class T>
DANAUS_KERNEL void rotation_tables(const Structure& s, StructuredMap map, StructuredTables<T>& t, T* rows) noexcept {
  const bool step = map.verb == Verb::step, solve = map.verb == Verb::solve || (step && map.alpha > 0);
  const double h = map.verb == Verb::multiply ? 1 : map.c, c = step ? map.alpha * h : h;
  const double gain = step && map.alpha > 0 ? 1 / map.alpha : 1, whole = 1 + c * s.decay;
  t.kernel = StructuredTables<T>::Kernel::rotations;
  t.keep = step || map.verb == Verb::held ? T(1) : T(0);
  double met = 0;
  for (std::size_t n = 0; solve && n < s.order; n += 2) {
    met += s.b.data()[n] * s.b.data()[n] * whole / (whole * whole + c * s.d.data()[n] * c * s.d.data()[n]);
  }
  const double den = 1 + c * s.feedback * met, input = solve ? c * s.gain / den : s.gain;
  double lost = 0;
  for (std::size_t n = 0; n < s.order; n += 2, rows += 6) {
    const double w = s.d.data()[n], phi = s.b.data()[n];
    double e[2] = {-h * s.decay, h * w}, l[2] = {s.feedback * phi, 0}, v[2] = {h * phi, 0};
    if (solve) {
      const double norm = 1 / (whole * whole + c * w * c * w), inverse[2] = {whole * norm, c * w * norm};
      lost = -(whole * c * s.decay + c * w * c * w) * norm;
      e[0] = step ? gain * lost : inverse[0];
      e[1] = gain * inverse[1];
      l[0] = c * s.feedback / den * phi * inverse[0];
      l[1] = -c * s.feedback / den * phi * inverse[1];
      v[0] = gain * phi * inverse[0];
      v[1] = gain * phi * inverse[1];
    } else if (map.verb == Verb::held) {
      const double shrunk = std::exp(-h * s.decay), turned = std::sin(0.5 * h * w);
      e[0] = std::expm1(-h * s.decay) - 2 * shrunk * turned * turned;
      e[1] = 2 * shrunk * turned * std::cos(0.5 * h * w);
      const double norm = phi / (s.decay * s.decay + w * w);  // e / (-decay + i w)
      v[0] = (e[1] * w - e[0] * s.decay) * norm;
      v[1] = -(e[1] * s.decay + e[0] * w) * norm;
    }
    if (map.transposed) e[1] = -e[1];
    const double* const left = map.transposed ? v : l;
    const double* const right = map.transposed ? l : v;
    rows[0] = static_cast<T>(e[0]);
    rows[1] = static_cast<T>(e[1]);
    for (std::size_t i = 0; i < 2; ++i) {
      rows[2 + i] = static_cast<T>(left[i]);
      rows[4 + i] = static_cast<T>(right[i]);
    }
  }
  t.input = static_cast<T>(input);
  t.output = static_cast<T>(-input);
}

}  // namespace structured

/// The tables of a map; `rows` has structured_rows(order) elements.
template <class T>
DANAUS_KERNEL StructuredTables<T> structured_tables(const Structure& s, StructuredMap map, T* rows) noexcept {
  StructuredTables<T> t;
  t.order = s.order;
  t.transposed = map.transposed;
  t.rows = rows;
  switch (s.kind) {
    case Structure::Kind::triangular:
      structured::triangular_tables(s, map, t, rows);
      break;
    case Structure::Kind::window:
      structured::window_tables(s, map, t, rows);
      break;
    case Structure::Kind::rotations:
      structured::rotation_tables(s, map, t, rows);
  }
  return t;
}

}  // namespace DANAUS_ISA
}  // namespace danaus
