// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include <danaus/core/workspace.hpp>
#include <danaus/hippo/structured.hpp>
#include <danaus/hippo/transition.hpp>

// Set-up of the memories of windows and decays, x' = (A x + B u) / theta with u held between samples.
namespace danaus {

/// How a sample is taken in: exactly, or by the generalised bilinear transform with `alpha`.
struct WindowMethod {
  bool exact = true;
  double alpha = 0.5;
};

/// The run functions of one instruction set; window_kernels<T>() in hippo/window_kernels.hpp fills it.
template <class T>
struct WindowKernels;

/// out (rows, width) += a b, a (rows, depth) and b (depth, width) in double; width a multiple of 8.
using DenseProduct = void (*)(const double* a, std::size_t a_row, std::size_t a_column, std::size_t rows,
                              std::size_t depth, const double* b, std::size_t b_row, double* out, std::size_t out_row,
                              std::size_t width) noexcept;

/// What all memories of one measure, order and step share. The exact ones hold, with E = exp(h A) transposed so that
/// columns lie side by side: `powers`, E^(4^i) (N, stride) each, and `impulses` (chunk, stride), row i the response of
/// the state to a unit sample that `chunk` - 1 - i samples followed.
struct WindowTables {
  Measure measure = Measure::legt;
  MeasureOptions options;
  Structure structure;
  WindowMethod method;
  double rate = 1;  // steps h are this many times the samples' time
  std::size_t order = 0;
  std::size_t stride = 0;
  std::size_t chunk = 0;  // 4^(levels - 1) samples wait before they are folded in; 0: none do
  std::size_t levels = 0;
  Buffer<double> powers;
  Buffer<double> impulses;

  /// Whether samples wait for a chunk: exact memories of measures that have no O(N) exact step.
  bool chunked() const noexcept { return chunk > 0; }
  StructuredMap map(double gap, bool transposed = false) const noexcept {
    const auto verb = method.exact ? StructuredMap::Verb::held : StructuredMap::Verb::step;
    return {verb, transposed, rate * gap, method.alpha};
  }
};

namespace window {

/// F = exp(M) - I for M (size, size), rows `stride` apart: Taylor's polynomial of degree 15 of M / 2^s in Paterson and
/// Stockmeyer's order, |M / 2^s| < 0.6, then F <- 2 F + F F. As x' = A x is a contraction for every measure, rounding
/// grows with |M| only: 2^s 1e-16.
inline Buffer<double> exponential_less_one(Buffer<double> m, std::size_t size, std::size_t stride,
                                           DenseProduct product) {
  double most = 0;
  for (std::size_t i = 0; i < size; ++i) {
    double sum = 0;
    for (std::size_t j = 0; j < size; ++j) sum += std::abs(m[i * stride + j]);
    most = std::max(most, sum);
  }
  const int halvings = most > 0.6 ? static_cast<int>(std::ceil(std::log2(most / 0.6))) : 0;
  for (double& x : m) x = std::ldexp(x, -halvings);
  const auto times = [&](const Buffer<double>& a, const Buffer<double>& b, Buffer<double>& sum) {
    product(a.data(), stride, 1, size, size, b.data(), stride, sum.data(), stride, stride);
  };
  Buffer<double> power[4] = {m, {}, {}, {}};  // M, M^2, M^3, M^4
  for (std::size_t i = 1; i < 4; ++i) {
    power[i].assign(m.size(), 0);
    times(power[i - 1], m, power[i]);
  }
  double inverse[16] = {1};
  for (int k = 1; k < 16; ++k) inverse[k] = inverse[k - 1] / k;
  Buffer<double> f(m.size(), 0), next(m.size());
  for (std::size_t block = 4; block-- > 0;) {  // f <- f M^4 + sum_j M^j / (4 block + j)!, less the identity at the end
    std::fill(next.begin(), next.end(), 0.0);
    if (block < 3) times(f, power[3], next);
    for (std::size_t j = 1; j < 4; ++j) {
      for (std::size_t i = 0; i < f.size(); ++i) next[i] += inverse[4 * block + j] * power[j - 1][i];
    }
    for (std::size_t i = 0; block > 0 && i < size; ++i) next[i * stride + i] += inverse[4 * block];
    std::swap(f, next);
  }
  for (int turn = 0; turn < halvings; ++turn) {
    next = f;
    for (double& x : next) x *= 2;
    times(f, f, next);
    std::swap(f, next);
  }
  return f;
}

/// Scales the tables from LegT's coefficients to those of LMU, (-1)^n r_n times as large.
inline void scale_to_lmu(WindowTables& t) {
  std::vector<double> d(t.order);
  for (std::size_t n = 0; n < t.order; ++n) d[n] = (n % 2 == 0 ? 1 : -1) * legendre_root(n);
  for (std::size_t i = 0; i < t.chunk; ++i) {
    for (std::size_t n = 0; n < t.order; ++n) t.impulses[i * t.stride + n] *= d[n];
  }
  for (std::size_t i = 0; i < t.levels * t.order; ++i) {
    for (std::size_t n = 0; n < t.order; ++n) t.powers[i * t.stride + n] *= d[n] / d[i % t.order];
  }
}

inline void fill_exact(WindowTables& t, DenseProduct product) {
  const std::size_t n = t.order, stride = t.stride = (n + 8) / 8 * 8, square = n * stride;
  const Measure measure = t.measure == Measure::lmu ? Measure::legt : t.measure;
  Buffer<double> a(n * n), b(n), m((n + 1) * stride, 0);
  MeasureOptions unit = t.options;
  unit.theta = 1;
  transition(measure, unit, View<double, 2>(a.data(), {n, n}), std::span<double>(b));
  for (std::size_t i = 0; i < n; ++i) {  // [[A, B], [0, 0]], transposed
    m[n * stride + i] = t.rate * b[i];
    for (std::size_t j = 0; j < n; ++j) m[j * stride + i] = t.rate * a[i * n + j];
  }
  const Buffer<double> f = exponential_less_one(std::move(m), n + 1, stride, product);
  Buffer<double> power(f.begin(), f.begin() + static_cast<std::ptrdiff_t>(square)), next(square);
  for (std::size_t i = 0; i < n; ++i) {
    power[i * stride + i] += 1;
    for (std::size_t j = n; j < stride; ++j) power[i * stride + j] = 0;
  }
  t.powers.assign(t.levels * square, 0);
  t.impulses.assign(t.chunk * stride, 0);
  std::copy_n(f.begin() + static_cast<std::ptrdiff_t>(n * stride), n,
              t.impulses.end() - static_cast<std::ptrdiff_t>(stride));
  for (std::size_t count = 1, level = 0;; count *= 2) {
    if (count == std::size_t{1} << (2 * level)) {
      std::copy(power.begin(), power.end(), t.powers.begin() + static_cast<std::ptrdiff_t>(level++ * square));
    }
    if (count == t.chunk) break;
    double* const last = t.impulses.data() + (t.chunk - count) * stride;
    product(last, stride, 1, count, n, power.data(), stride, last - count * stride, stride, stride);
    std::fill(next.begin(), next.end(), 0.0);
    product(power.data(), stride, 1, n, n, power.data(), stride, next.data(), stride, stride);
    std::swap(power, next);
  }
  if (t.measure == Measure::lmu) scale_to_lmu(t);
}

}  // namespace window

/// Tables of a memory whose samples are `rate` steps apart (1 / theta, or dt for the measures without a window).
/// `product` makes those of the exact method, in O(N^3 log(rate N^2)); `levels` = 0 takes 256 samples a chunk for
/// N <= 64, else 1024.
inline WindowTables window_tables(Measure measure, const MeasureOptions& options, std::size_t n, double rate,
                                  WindowMethod method, DenseProduct product, std::size_t levels = 0) {
  WindowTables t;
  t.measure = measure;
  t.options = options;
  t.structure = structure(measure, options, n);
  t.method = method;
  t.rate = rate;
  t.order = n;
  if (method.exact && measure != Measure::foud) {
    t.levels = levels > 0 ? levels : n <= 64 ? 5 : 6;
    t.chunk = std::size_t{1} << (2 * (t.levels - 1));
    window::fill_exact(t, product);
  }
  return t;
}

/// A memory's numbers, which the caller owns. All zeros is the empty memory.
template <class T>
struct WindowState {
  double time = 0;
  std::size_t count = 0;  // samples so far
  std::size_t channels = 0;
  double* x = nullptr;        // chunked: (N, channels) before the samples that wait
  double* samples = nullptr;  // chunked: (chunk, channels)
  T* tiles = nullptr;         // else: (tiles, N, tile)
};

template <class T>
struct WindowKernels {
  DenseProduct product;
  std::size_t (*workspace_bytes)(const WindowTables&, std::size_t channels) noexcept;
  void (*absorb)(const WindowTables&, const StructuredTables<T>& unit, WindowState<T>&, View<const T, 2> samples,
                 const double* ends, Workspace) noexcept;
  void (*coefficients)(const WindowTables&, const WindowState<T>&, View<T, 2> out, Workspace) noexcept;
  void (*reconstruct)(const WindowTables&, const WindowState<T>&, std::span<const double> times, View<T, 2> out,
                      Workspace) noexcept;
  StructuredTables<T> (*tables)(const Structure&, StructuredMap, T* rows) noexcept;
  void (*scan)(const WindowTables&, const StructuredTables<T>&, View<const T, 2> u, std::size_t every, T* state,
               View<T, 3> out, Workspace) noexcept;
  void (*scan_vjp)(const WindowTables&, const StructuredTables<T>&, std::size_t every, View<const T, 3> grad, T* state,
                   View<T, 2> du, Workspace) noexcept;
};

}  // namespace danaus
