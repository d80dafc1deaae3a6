// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include <danaus/ssm/impulse.hpp>

// State space to transfer function. Set-up code.
namespace danaus::convert {

/// I - 2 v v^T / (v^T v) applied from both sides, v zero up to and with row `k`: clears column k of a
/// (n, n) below its subdiagonal.
template <Arithmetic R>
void reflect_column(std::vector<R>& a, std::size_t n, std::size_t k) {
  using std::abs, std::sqrt;
  std::vector<R> v(n, R(0.0));
  R square = 0.0;
  for (std::size_t i = k + 1; i < n; ++i) {
    v[i] = a[i * n + k];
    square = square + v[i] * v[i];
  }
  const R head = v[k + 1], length = sqrt(square);
  if (static_cast<double>(square - head * head) == 0) return;
  v[k + 1] = static_cast<double>(head) < 0 ? head - length : head + length;
  const R scale = R(1.0) / (square + abs(head) * length);  // 2 / (v^T v)
  std::vector<R> dot(n, R(0.0));
  for (std::size_t i = k + 1; i < n; ++i) {
    for (std::size_t j = k; j < n; ++j) dot[j] = dot[j] + v[i] * a[i * n + j];
  }
  for (std::size_t i = k + 1; i < n; ++i) {
    const R weight = v[i] * scale;
    for (std::size_t j = k; j < n; ++j) a[i * n + j] = a[i * n + j] - weight * dot[j];
  }
  for (std::size_t i = 0; i < n; ++i) {
    R sum = 0.0;
    for (std::size_t j = k + 1; j < n; ++j) sum = sum + a[i * n + j] * v[j];
    sum = sum * scale;
    for (std::size_t j = k + 1; j < n; ++j) a[i * n + j] = a[i * n + j] - sum * v[j];
  }
}

/// a_1..a_N of det(z I - A): orthogonal reduction to Hessenberg form, then the leading principal minors,
///   p_i(z) = (z - h_ii) p_{i-1} - sum_{m=1}^{i-1} h_{i-m,i} (s_i s_{i-1} .. s_{i-m+1}) p_{i-m-1},
/// s the subdiagonal (La Budde; Rehman and Ipsen 2011). 10/3 N^3 + N^3 / 6 multiply-adds.
template <Arithmetic R>
std::vector<R> characteristic_polynomial(std::vector<R> a, std::size_t n) {
  for (std::size_t k = 0; k + 2 < n; ++k) reflect_column(a, n, k);
  std::vector<std::vector<R>> p(n + 1);  // p[i][k]: coefficient of z^{i-k}
  p[0] = {R(1.0)};
  for (std::size_t i = 1; i <= n; ++i) {
    p[i].assign(i + 1, R(0.0));
    const R diagonal = a[(i - 1) * n + i - 1];
    for (std::size_t k = 0; k < i; ++k) {
      p[i][k] = p[i][k] + p[i - 1][k];
      p[i][k + 1] = p[i][k + 1] - diagonal * p[i - 1][k];
    }
    R product = 1.0;
    for (std::size_t m = 1; m < i; ++m) {
      product = product * a[(i - m) * n + i - m - 1];
      const R weight = product * a[(i - m - 1) * n + i - 1];
      const std::vector<R>& minor = p[i - m - 1];
      for (std::size_t k = 0; k < minor.size(); ++k) p[i][k + m + 1] = p[i][k + m + 1] - weight * minor[k];
    }
  }
  return {p[n].begin() + 1, p[n].end()};
}

/// The transfer function of A (N, N), B (N), C (N) in the arithmetic R, rounded: a from the characteristic
/// polynomial, b_i = sum_{j<i} a_j h_{i-j} (a_0 = 1) from the Markov parameters h_n = C A^{n-1} B.
template <Arithmetic R>
void transfer_of_state_space(std::span<const double> dense, std::span<const double> in, std::span<const double> out,
                             std::span<double> b, std::span<double> a) {
  const std::size_t n = in.size();
  const std::vector<R> matrix(dense.begin(), dense.end()), input(in.begin(), in.end()), output(out.begin(), out.end());
  const std::vector<R> h = impulse_of_state_space<R>(matrix, input, output, n);
  const std::vector<R> polynomial = characteristic_polynomial<R>(matrix, n);
  for (std::size_t i = 0; i < n; ++i) {
    R sum = h[i];
    for (std::size_t j = 1; j <= i; ++j) sum = sum + h[i - j] * static_cast<double>(polynomial[j - 1]);
    b[i] = static_cast<double>(sum);
    a[i] = static_cast<double>(polynomial[i]);
  }
}

/// What a transfer function's own recursion in double precision, and in twice the digits, makes of b and a,
/// against h: the larger relative error. The second is what the coefficients hold, the first what running
/// them gives.
inline double transfer_error(std::span<const double> b, std::span<const double> a, std::span<const double> h) {
  return std::fmax(relative_error(impulse_of_transfer<double>(b, a, h.size()), h),
                   relative_error(impulse_of_transfer<Twofold>(b, a, h.size()), h));
}

/// A (N, N) row by row, B (N), C (N) to b (N), a (N). In double precision; where that leaves an error above
/// 1e-11, once more in twice the digits. Returns the error of the kernel over `length` samples, relative to
/// its peak.
[[nodiscard]] inline double state_space_to_transfer(std::span<const double> dense, std::span<const double> in,
                                                    std::span<const double> out, std::size_t length,
                                                    std::span<double> b, std::span<double> a) {
  const std::vector<double> h = impulse_of_state_space<double>(dense, in, out, length);
  transfer_of_state_space<double>(dense, in, out, b, a);
  double error = transfer_error(b, a, h);
  if (error <= 1e-11) return error;
  std::vector<double> precise_b(b.size()), precise_a(a.size());
  transfer_of_state_space<Twofold>(dense, in, out, precise_b, precise_a);
  const double precise = transfer_error(precise_b, precise_a, h);
  if (precise < error) {
    error = precise;
    std::copy(precise_b.begin(), precise_b.end(), b.begin());
    std::copy(precise_a.begin(), precise_a.end(), a.begin());
  }
  return error;
}

}  // namespace danaus::convert
