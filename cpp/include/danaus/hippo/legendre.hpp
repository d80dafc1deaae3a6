// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/hippo/legs.hpp>
#include <danaus/simd/loop.hpp>

// Sums against Legendre polynomials, the inner loops of the LegS memory. Each comes twice: for one
// channel, with points in lanes, and for many, with channels in lanes.
namespace danaus {
inline namespace DANAUS_ISA {
namespace legendre {

using Lanes = simd::native<double>;
inline constexpr std::size_t lanes = Lanes::size();
/// Registers worked on side by side, so that the latency of the recurrence is hidden. Measured with
/// 2 to 8: four is best with 16 registers (the weights then come from memory) and with 32.
inline constexpr std::size_t chains = 4;
/// Channels of one pass of the many-channel kernels.
inline constexpr std::size_t strip = 32;

DANAUS_INLINE constexpr std::size_t padded(std::size_t count, std::size_t to) noexcept {
  return (count + to - 1) / to * to;
}

/// Weighted points and where their moments go, for `width` channels: 1, or a multiple of `lanes`.
/// sums (N + 1, width), even and odd (points, width), basis (N + 1, legs_block). For one channel
/// `sums` has a register for each moment, which `close` adds up.
struct Moments {
  const double* growth;
  std::size_t rows;
  std::size_t width;
  double* sums;
  double* x;
  double* even;
  double* odd;
  double* basis;
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

/// A matrix and its two strides.
struct Matrix {
  const double* data;
  std::size_t row;
  std::size_t column;
};

template <std::size_t R, std::size_t W>
DANAUS_INLINE void product_tile(Matrix a, std::size_t depth, const double* b, std::size_t b_row, double* out,
                                std::size_t out_row) noexcept {
  using V = Lanes;
  V sum[R][W];
  for (std::size_t r = 0; r < R; ++r)
    for (std::size_t w = 0; w < W; ++w) sum[r][w] = simd::load<V>(out + r * out_row + w * lanes);
  for (std::size_t k = 0; k < depth; ++k, a.data += a.column, b += b_row) {
    V right[W];
    for (std::size_t w = 0; w < W; ++w) right[w] = simd::load<V>(b + w * lanes);
    for (std::size_t r = 0; r < R; ++r) {
      const V left(a.data[r * a.row]);
      for (std::size_t w = 0; w < W; ++w) sum[r][w] = fma(left, right[w], sum[r][w]);
    }
  }
  for (std::size_t r = 0; r < R; ++r)
    for (std::size_t w = 0; w < W; ++w) simd::store(sum[r][w], out + r * out_row + w * lanes);
}

template <std::size_t R, std::size_t W>
DANAUS_INLINE void product_rows(Matrix a, std::size_t rows, std::size_t depth, const double* b, std::size_t b_row,
                                double* out, std::size_t out_row) noexcept {
  for (; rows >= R; rows -= R, a.data += R * a.row, out += R * out_row)
    product_tile<R, W>(a, depth, b, b_row, out, out_row);
  if constexpr (R > 1) product_rows<R / 2, W>(a, rows, depth, b, b_row, out, out_row);
}

/// out(r, c) += sum_k a(r, k) b(k, c) for `width` columns, a multiple of `lanes`.
DANAUS_KERNEL void add_product(Matrix a, std::size_t rows, std::size_t depth, const double* b, std::size_t b_row,
                               double* out, std::size_t out_row, std::size_t width) noexcept {
  constexpr std::size_t R = simd::registers >= 32 ? 8 : 4;
  std::size_t c = 0;
  for (; c + 2 * lanes <= width; c += 2 * lanes) product_rows<R, 2>(a, rows, depth, b + c, b_row, out + c, out_row);
  if (c < width) product_rows<R, 1>(a, rows, depth, b + c, b_row, out + c, out_row);
}

/// even[i] = sum over even n of f_n a(n, i), odd[i] likewise; i < count, a multiple of chains * lanes.
DANAUS_KERNEL void evaluate(const double* a, std::size_t stride, std::size_t rows, const double* f, double* even,
                            double* odd, std::size_t count) noexcept {
  using V = Lanes;
  constexpr std::size_t J = chains;
  for (std::size_t i = 0; i < count; i += J * lanes) {
    V e[J], o[J];
    for (std::size_t j = 0; j < J; ++j) e[j] = o[j] = V(0);
    const double* at = a + i;
    std::size_t n = 0;
    for (; n + 1 < rows; n += 2, at += 2 * stride) {
      const V g(f[n]), h(f[n + 1]);
      for (std::size_t j = 0; j < J; ++j) {
        e[j] = fma(g, simd::load<V>(at + j * lanes), e[j]);
        o[j] = fma(h, simd::load<V>(at + stride + j * lanes), o[j]);
      }
    }
    for (std::size_t j = 0; j < J; ++j) {
      if (n < rows) e[j] = fma(V(f[n]), simd::load<V>(at + j * lanes), e[j]);
      simd::store(e[j], even + i + j * lanes);
      simd::store(o[j], odd + i + j * lanes);
    }
  }
}

/// Begins with no points.
DANAUS_INLINE void open(const Moments& m) noexcept {
  const std::size_t size = m.rows * (m.width == 1 ? lanes : m.width);
  for (std::size_t i = 0; i < size; i += lanes) simd::store(Lanes(0), m.sums + i);
}

/// Adds the `count` points in m.x, m.even and `odd`, which is m.odd or m.even. All three have room
/// for whole blocks.
inline void add(const Moments& m, const double* odd, std::size_t count) noexcept {
  if (m.width == 1) {
    const std::size_t whole = padded(count, chains * lanes);
    for (std::size_t i = count; i < whole; ++i) m.x[i] = m.even[i] = 0;
    if (odd != m.even)
      for (std::size_t i = count; i < whole; ++i) m.odd[i] = 0;
    add_points(m, odd, whole);
    return;
  }
  for (std::size_t i = count; i < padded(count, legs_block); ++i) m.x[i] = 0;
  for (std::size_t i = 0; i < count; i += legs_block) {
    const std::size_t depth = count - i < legs_block ? count - i : legs_block;
    fill_basis(m.growth, m.rows, m.x + i, m.basis);
    add_product({m.basis, 2 * legs_block, 1}, (m.rows + 1) / 2, depth, m.even + i * m.width, m.width, m.sums,
                2 * m.width, m.width);
    add_product({m.basis + legs_block, 2 * legs_block, 1}, m.rows / 2, depth, odd + i * m.width, m.width,
                m.sums + m.width, 2 * m.width, m.width);
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
