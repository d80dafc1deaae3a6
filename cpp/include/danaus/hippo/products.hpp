// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/hippo/legs.hpp>
#include <danaus/simd/loop.hpp>

// The small matrix products of the LegS memory: tables times a few columns, in double precision.
namespace danaus {
inline namespace DANAUS_ISA {
namespace legendre {

using Lanes = simd::native<double>;
inline constexpr std::size_t lanes = Lanes::size();
/// Registers worked on side by side, so that the latency of the recurrence is hidden. Measured with
/// 2 to 8: four is best with 16 registers (the weights then come from memory) and with 32.
inline constexpr std::size_t chains = 4;
/// Channels of one pass of the many-channel kernels.
inline constexpr std::size_t strip = legs_strip;

DANAUS_INLINE constexpr std::size_t padded(std::size_t count, std::size_t to) noexcept {
  return (count + to - 1) / to * to;
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

}  // namespace legendre
}  // namespace DANAUS_ISA
}  // namespace danaus
