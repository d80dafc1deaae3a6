// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <concepts>
#include <span>

#include <danaus/ssm/kernel.hpp>

namespace danaus {

/// Scratch that `kernel_vjp` needs for one channel.
template <std::floating_point T>
std::size_t kernel_vjp_workspace_bytes(std::size_t modes, std::size_t length) noexcept {
  const std::size_t block = kernel_block(length), blocks = (length + block - 1) / block, columns = 4 * padded(modes);
  return workspace_size<T>(panel_size(block, columns)) + workspace_size<T>(blocks * columns) +
         workspace_size<T>(block) + workspace_size<double>(6 * padded(modes));
}

inline namespace DANAUS_ISA {

/// z where it is alive, 0 where |z|^2 is no more than `least`.
DANAUS_INLINE ComplexLanes flushed(ComplexLanes z, double least) noexcept {
  using V = ComplexLanes::V;
  const auto lives = z.re * z.re + z.im * z.im > V(least);
  return {select(lives, z.re, V(0.0)), select(lives, z.im, V(0.0))};
}

/// Poles a_bar, their powers x = a_bar^block and block a_bar^(block - 1), as planes of padded(modes): re and im each.
DANAUS_INLINE void block_powers(std::span<const Mode> modes, std::size_t block, double* planes) noexcept {
  const std::size_t count = padded(modes.size());
  std::fill_n(planes, 6 * count, 0.0);
  for (std::size_t n = 0; n < modes.size(); ++n) {
    const double re = 1 + modes[n].delta.real(), im = modes[n].delta.imag();
    double before_re = re, before_im = im;
    raise_to(before_re, before_im, block - 1);
    const bool gone = before_re * before_re + before_im * before_im <= negligible<double> * negligible<double>;
    if (gone) before_re = before_im = 0;
    planes[n] = re;
    planes[count + n] = im;
    planes[2 * count + n] = re * before_re - im * before_im;
    planes[3 * count + n] = re * before_im + im * before_re;
    planes[4 * count + n] = static_cast<double>(block) * before_re;
    planes[5 * count + n] = static_cast<double>(block) * before_im;
  }
}

/// Panels of depth `block` and four times padded(modes) columns, modes in lanes: row j holds Re and Im of a_bar^j, then
/// Re and Im of j a_bar^(j-1).
template <std::floating_point T>
DANAUS_INLINE void powers_by_row(const double* poles, std::size_t count, std::size_t block, T* panels) noexcept {
  using V = ComplexLanes::V;
  const std::size_t quarter = count * block;
  for (std::size_t n = 0; n < count; n += V::size()) {
    const ComplexLanes pole{simd::load<V>(poles + n), simd::load<V>(poles + count + n)};
    ComplexLanes power{V(1.0), V(0.0)}, slope{V(0.0), V(0.0)};
    for (std::size_t j = 0; j < block; ++j) {
      T* const out = panels + n / tile * tile * block + j * tile + n % tile;
      simd::store(simd::convert<T>(power.re), out);
      simd::store(simd::convert<T>(power.im), out + quarter);
      simd::store(simd::convert<T>(slope.re), out + 2 * quarter);
      simd::store(simd::convert<T>(slope.im), out + 3 * quarter);
      const V next(static_cast<double>(j + 1));
      slope = {next * power.re, next * power.im};
      power = flushed(power * pole, negligible<T> * negligible<T>);
    }
  }
}

/// The gradients of the kernel K_l = sum_n Re(gain_n a_bar_n^l), a_bar = 1 + delta, given those of K:
///   dgain_n = conj(sum_l grad_l a_bar_n^l),   ddelta_n = conj(gain_n sum_l grad_l l a_bar_n^(l-1)),
/// where the gradient of a real number by a complex z is its derivative by Re z plus i that by Im z.
///
/// grad (length); out (modes): the gradients of delta and gain in place of these. With l = i J + j the sums over j are
/// a matrix product of grad as (length / J, J) with a_bar^j and j a_bar^(j-1), built in double precision; those over i
/// are Horner's rule for the polynomial in a_bar^J and for its derivative, in double precision. 8 modes length flop;
/// needs length / J, about its square root, times 4 modes numbers, never modes times length. Error: 2^-24 (2^-53)
/// times J + 3 of sum_l |grad_l| |a_bar^l|, and l times that for ddelta, and of the powers about length 2^-53.
template <std::floating_point T>
DANAUS_KERNEL void kernel_vjp(std::span<const Mode> modes, std::span<const T> grad, std::span<Mode> out,
                              Workspace scratch) noexcept {
  using V = ComplexLanes::V;
  using Narrow = simd::vec<T, V::size()>;
  const std::size_t length = grad.size(), block = kernel_block(length), blocks = (length + block - 1) / block;
  const std::size_t count = padded(modes.size()), columns = 4 * count, whole = length / block;
  T* const panels = scratch.take<T>(panel_size(block, columns));
  T* const sums = scratch.take<T>(blocks * columns);
  T* const last = scratch.take<T>(block);
  double* const planes = scratch.take<double>(6 * count);
  block_powers(modes, block, planes);
  powers_by_row(planes, count, block, panels);
  const T* const none = nullptr;
  product(View<const T, 2>(grad.data(), {whole, block}), panels, none, View<T, 2>(sums, {whole, columns}));
  if (whole < blocks) {
    for (std::size_t j = 0; j < block; ++j) last[j] = whole * block + j < length ? grad[whole * block + j] : T(0);
    product(View<const T, 2>(last, {1, block}), panels, none, View<T, 2>(sums + whole * columns, {1, columns}));
  }
  alignas(64) double value[4][V::size()];
  for (std::size_t n = 0; n < count; n += V::size()) {
    const ComplexLanes x{simd::load<V>(planes + 2 * count + n), simd::load<V>(planes + 3 * count + n)};
    const ComplexLanes dx{simd::load<V>(planes + 4 * count + n), simd::load<V>(planes + 5 * count + n)};
    ComplexLanes sum{V(0.0), V(0.0)}, slope{V(0.0), V(0.0)};
    for (std::size_t i = blocks; i-- > 0;) {
      const auto at = [&](std::size_t quarter) {
        return simd::convert<double>(simd::load<Narrow>(sums + i * columns + quarter * count + n));
      };
      sum = flushed(sum, 0x1p-1000);
      slope = flushed(slope, 0x1p-1000);
      const ComplexLanes by_x = slope * x, by_dx = sum * dx, moved = sum * x;
      slope = {by_x.re + (by_dx.re + at(2)), by_x.im + (by_dx.im + at(3))};
      sum = {moved.re + at(0), moved.im + at(1)};
    }
    simd::store(sum.re, value[0]);
    simd::store(sum.im, value[1]);
    simd::store(slope.re, value[2]);
    simd::store(slope.im, value[3]);
    for (std::size_t l = 0; l < std::min(V::size(), modes.size() - std::min(n, modes.size())); ++l) {
      const double re = modes[n + l].gain.real(), im = modes[n + l].gain.imag();
      out[n + l].delta = {re * value[2][l] - im * value[3][l], -(re * value[3][l] + im * value[2][l])};
      out[n + l].gain = {value[0][l], -value[1][l]};
    }
  }
}

}  // namespace DANAUS_ISA
}  // namespace danaus
