// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/hippo/legs.hpp>
#include <danaus/hippo/products.hpp>

// Sums against Legendre polynomials, the inner loops of the LegS memory. Each comes twice: for one
// channel, with points in lanes, and for many, with channels in lanes.
namespace danaus {
inline namespace DANAUS_ISA {
namespace legendre {

/// Weighted points and where their moments go, for `width` channels: 1, or a multiple of `lanes`.
/// sums (rows, width), x and change (points), even and odd (points, width), basis (rows, legs_block).
/// For one channel `sums` has a register for each moment, which `close` adds up.
struct Moments {
  const double* growth = nullptr;
  std::size_t rows = 0;
  std::size_t width = 0;
  double* sums = nullptr;
  double* x = nullptr;
  double* change = nullptr;
  double* even = nullptr;
  double* odd = nullptr;
  double* basis = nullptr;
};

/// sums[n] += sum_i w_i p_n(x_i) with w = even for even n, odd for odd n; points in lanes.
/// `count` is a multiple of chains * lanes.
DANAUS_KERNEL void add_points(const Moments& m, const double* odd, std::size_t count) noexcept {
  using V = Lanes;
  constexpr std::size_t J = chains;
  for (std::size_t i = 0; i < count; i += J * lanes) {
    V x[J], p[J], q[J], e[J], o[J];
    for (std::size_t j = 0; j < J; ++j) {
      x[j] = p[j] = simd::load<V>(m.x + i + j * lanes);
      e[j] = simd::load<V>(m.even + i + j * lanes);
      o[j] = simd::load<V>(odd + i + j * lanes);
      q[j] = V(1);
    }
    double* sum = m.sums;
    for (std::size_t n = 0; n + 1 < m.rows; n += 2, sum += 2 * lanes) {  // q = p_n, p = p_{n+1}
      V s = simd::load<V>(sum), t = simd::load<V>(sum + lanes);
      const V a(m.growth[n + 1]), b(m.growth[n + 2]);
      for (std::size_t j = 0; j < J; ++j) {
        s = fma(e[j], q[j], s);
        t = fma(o[j], p[j], t);
        q[j] = fma(a * x[j], p[j], -q[j]);
        p[j] = fma(b * x[j], q[j], -p[j]);
      }
      simd::store(s, sum);
      simd::store(t, sum + lanes);
    }
    if (m.rows % 2 == 1) {
      V s = simd::load<V>(sum);
      for (std::size_t j = 0; j < J; ++j) s = fma(e[j], q[j], s);
      simd::store(s, sum);
    }
  }
}

/// Where points come from: a node of the tables, moved by Moments::change. For the mirror images of
/// the nodes `sign` is -1.
struct Moved {
  const double* node;  // r_n P_n(node), rows `stride` apart
  std::size_t stride;
  const double* drift;
  double sign;
};

/// As add_points, with weights m.even, of the differences d_n = p_n(x_i) - p_n(x_i - change_i):
///   d_{n+1} = growth_n (x d_n + change p_n(x - change)) - d_{n-1},
/// whose rounding errors shrink with the change.
DANAUS_KERNEL void add_changes(const Moments& m, Moved from, std::size_t count) noexcept {
  using V = Lanes;
  constexpr std::size_t J = chains;
  for (std::size_t i = 0; i < count; i += J * lanes) {
    V x[J], d[J], p[J], q[J], e[J];
    for (std::size_t j = 0; j < J; ++j) {
      x[j] = simd::load<V>(m.x + i + j * lanes);
      d[j] = p[j] = simd::load<V>(m.change + i + j * lanes);
      e[j] = simd::load<V>(m.even + i + j * lanes);
      q[j] = V(0);
    }
    double* sum = m.sums;
    const double* at = from.node + i + from.stride;
    for (std::size_t n = 0; n + 1 < m.rows; n += 2, sum += 2 * lanes, at += 2 * from.stride) {
      V s = simd::load<V>(sum), t = simd::load<V>(sum + lanes);
      const V a(m.growth[n + 1]), b(m.growth[n + 2]), f(from.sign * from.drift[n + 1]), g(from.drift[n + 2]);
      for (std::size_t j = 0; j < J; ++j) {
        s = fma(e[j], q[j], s);
        t = fma(e[j], p[j], t);
        q[j] = fma(a * x[j], p[j], fma(f * d[j], simd::load<V>(at + j * lanes), -q[j]));
        p[j] = fma(b * x[j], q[j], fma(g * d[j], simd::load<V>(at + from.stride + j * lanes), -p[j]));
      }
      simd::store(s, sum);
      simd::store(t, sum + lanes);
    }
    if (m.rows % 2 == 1) {
      V s = simd::load<V>(sum);
      for (std::size_t j = 0; j < J; ++j) s = fma(e[j], q[j], s);
      simd::store(s, sum);
    }
  }
}

/// p_n(x_i), n < rows, for one block of points: basis (rows, legs_block).
DANAUS_KERNEL void fill_basis(const double* growth, std::size_t rows, const double* x, double* basis) noexcept {
  using V = Lanes;
  constexpr std::size_t J = chains;
  for (std::size_t i = 0; i < legs_block; i += J * lanes) {
    V y[J], p[J], q[J];
    for (std::size_t j = 0; j < J; ++j) {
      y[j] = simd::load<V>(x + i + j * lanes);
      p[j] = V(1);
      q[j] = V(0);
    }
    for (std::size_t n = 0; n < rows; ++n) {
      const V a(growth[n]);
      for (std::size_t j = 0; j < J; ++j) {
        simd::store(p[j], basis + n * legs_block + i + j * lanes);
        const V next = fma(a * y[j], p[j], -q[j]);
        q[j] = p[j];
        p[j] = next;
      }
    }
  }
}

/// The differences d_n of `add_changes` for one block of points, whose nodes begin at from.node.
DANAUS_KERNEL void fill_changes(const Moments& m, Moved from, const double* x, const double* change) noexcept {
  using V = Lanes;
  constexpr std::size_t J = chains;
  for (std::size_t i = 0; i < legs_block; i += J * lanes) {
    V y[J], d[J], p[J], q[J];
    for (std::size_t j = 0; j < J; ++j) {
      y[j] = simd::load<V>(x + i + j * lanes);
      d[j] = simd::load<V>(change + i + j * lanes);
      p[j] = q[j] = V(0);
    }
    for (std::size_t n = 0; n < m.rows; ++n) {
      const V a(m.growth[n]), f(n % 2 == 1 ? from.sign * from.drift[n] : from.drift[n]);
      const double* const at = from.node + n * from.stride + i;
      for (std::size_t j = 0; j < J; ++j) {
        simd::store(p[j], m.basis + n * legs_block + i + j * lanes);
        const V next = fma(a * y[j], p[j], fma(f * d[j], simd::load<V>(at + j * lanes), -q[j]));
        q[j] = p[j];
        p[j] = next;
      }
    }
  }
}

/// Begins with no points.
DANAUS_INLINE void open(const Moments& m) noexcept {
  const std::size_t size = m.rows * (m.width == 1 ? lanes : m.width);
  for (std::size_t i = 0; i < size; i += lanes) simd::store(Lanes(0), m.sums + i);
}

DANAUS_INLINE void pad(double* x, std::size_t count, std::size_t to) noexcept {
  for (std::size_t i = count; i < padded(count, to); ++i) x[i] = 0;
}

/// Adds the points [first, first + depth), whose polynomials are in m.basis.
DANAUS_INLINE void add_block(const Moments& m, const double* odd, std::size_t first, std::size_t depth) noexcept {
  const std::size_t row = 2 * m.width, step = 2 * legs_block;
  add_product({m.basis, step, 1}, (m.rows + 1) / 2, depth, m.even + first * m.width, m.width, m.sums, row, m.width);
  add_product({m.basis + legs_block, step, 1}, m.rows / 2, depth, odd + first * m.width, m.width, m.sums + m.width, row,
              m.width);
}

/// Adds the `count` points in m.x, m.even and `odd`, which is m.odd or m.even. All have room for
/// whole blocks.
inline void add(const Moments& m, const double* odd, std::size_t count) noexcept {
  if (m.width == 1) {
    constexpr std::size_t whole = chains * lanes;
    pad(m.x, count, whole);
    pad(m.even, count, whole);
    if (odd != m.even) pad(m.odd, count, whole);
    add_points(m, odd, padded(count, whole));
    return;
  }
  pad(m.x, count, legs_block);
  for (std::size_t i = 0; i < count; i += legs_block) {
    fill_basis(m.growth, m.rows, m.x + i, m.basis);
    add_block(m, odd, i, count - i < legs_block ? count - i : legs_block);
  }
}

/// Adds the differences that `from` describes at the `count` points in m.x, m.change and m.even.
inline void add(const Moments& m, Moved from, std::size_t count) noexcept {
  const std::size_t whole = m.width == 1 ? chains * lanes : legs_block;
  pad(m.x, count, whole);
  pad(m.change, count, whole);
  if (m.width == 1) {
    pad(m.even, count, whole);
    add_changes(m, from, padded(count, whole));
    return;
  }
  for (std::size_t i = 0; i < count; i += legs_block, from.node += legs_block) {
    fill_changes(m, from, m.x + i, m.change + i);
    add_block(m, m.even, i, count - i < legs_block ? count - i : legs_block);
  }
}

/// Ends a sum over points: m.sums is (rows, width) from here on.
DANAUS_KERNEL void close(const Moments& m) noexcept {
  if (m.width != 1) return;
  for (std::size_t n = 0; n < m.rows; ++n) m.sums[n] = simd::reduce(simd::load<Lanes>(m.sums + n * lanes), simd::plus);
}

}  // namespace legendre
}  // namespace DANAUS_ISA
}  // namespace danaus
