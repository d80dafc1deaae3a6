// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <span>

#include <danaus/core/workspace.hpp>
#include <danaus/linalg/product.hpp>
#include <danaus/ssm/discretize.hpp>

namespace danaus {

/// The length of the blocks in which a kernel of `length` samples is built: about its square root,
/// whole tiles.
inline std::size_t kernel_block(std::size_t length) noexcept {
  return std::clamp<std::size_t>(padded(static_cast<std::size_t>(std::sqrt(static_cast<double>(length)))), tile, 256);
}

/// Scratch that `kernel` needs for one channel.
template <std::floating_point T>
std::size_t kernel_workspace_bytes(std::size_t modes, std::size_t length) noexcept {
  const std::size_t block = kernel_block(length), blocks = (length + block - 1) / block;
  return workspace_size<T>(blocks * 2 * modes) + workspace_size<T>(panel_size(2 * modes, block)) +
         workspace_size<T>(block);
}

inline namespace DANAUS_ISA {

/// Powers below this share of their first value are written as 0: a product of two that remain is no
/// denormal, and what is left out is far below the last place of the kernel's largest value.
template <std::floating_point T>
inline constexpr double negligible = sizeof(T) == 4 ? 0x1p-62 : 0x1p-510;

/// Complex lanes in double precision.
struct ComplexLanes {
  using V = simd::native<double>;
  V re, im;
  DANAUS_INLINE friend ComplexLanes operator*(ComplexLanes a, ComplexLanes b) noexcept {
    return {fnma(a.im, b.im, a.re * b.re), fma(a.im, b.re, a.re * b.im)};
  }
};

/// base^exponent by squaring.
DANAUS_INLINE void raise_to(double& re, double& im, std::size_t exponent) noexcept {
  double base_re = re, base_im = im;
  re = 1;
  im = 0;
  for (; exponent != 0; exponent >>= 1) {
    if (exponent & 1) {
      const double r = re * base_re - im * base_im;
      im = re * base_im + im * base_re;
      re = r;
    }
    const double r = base_re * base_re - base_im * base_im;
    base_im = 2 * base_re * base_im;
    base_re = r;
  }
}

/// Rows 2n and 2n + 1 of the panels: Re and -Im of a_bar^j for j in [0, block).
template <std::floating_point T>
DANAUS_INLINE void powers_within(std::span<const Mode> modes, std::size_t block, T* panels) noexcept {
  using V = ComplexLanes::V;
  constexpr std::size_t lanes = V::size();
  const std::size_t depth = 2 * modes.size();
  for (std::size_t n = 0; n < modes.size(); ++n) {
    const double re = 1 + modes[n].delta.real(), im = modes[n].delta.imag();
    alignas(64) double start_re[lanes], start_im[lanes];
    double r = 1, i = 0;
    for (std::size_t l = 0; l < lanes; ++l) {
      start_re[l] = r;
      start_im[l] = i;
      const double next = r * re - i * im;
      i = r * im + i * re;
      r = next;
    }
    const ComplexLanes stride{V(r), V(i)};  // a_bar^lanes
    ComplexLanes power{simd::load<V>(start_re), simd::load<V>(start_im)};
    for (std::size_t j = 0; j < block; j += lanes) {
      const auto alive = power.re * power.re + power.im * power.im > V(negligible<T> * negligible<T>);
      power = {select(alive, power.re, V(0.0)), select(alive, power.im, V(0.0))};
      T* const out = panels + j / tile * tile * depth + 2 * n * tile + j % tile;
      simd::store(simd::convert<T>(power.re), out);
      simd::store(simd::convert<T>(-power.im), out + tile);
      power = power * stride;
    }
  }
}

/// Row i of `rows` (blocks, 2 modes): Re and Im of gain a_bar^(i block), one pair per mode.
template <std::floating_point T>
DANAUS_INLINE void powers_across(std::span<const Mode> modes, std::size_t block, std::size_t blocks, T* rows) noexcept {
  const std::size_t depth = 2 * modes.size();
  for (std::size_t n = 0; n < modes.size(); ++n) {
    double stride_re = 1 + modes[n].delta.real(), stride_im = modes[n].delta.imag();
    raise_to(stride_re, stride_im, block);
    double re = modes[n].gain.real(), im = modes[n].gain.imag();
    const double least = negligible<T> * negligible<T> * (re * re + im * im);
    for (std::size_t i = 0; i < blocks; ++i) {
      if (re * re + im * im < least) re = im = 0;
      rows[i * depth + 2 * n] = static_cast<T>(re);
      rows[i * depth + 2 * n + 1] = static_cast<T>(im);
      const double next = re * stride_re - im * stride_im;
      im = re * stride_im + im * stride_re;
      re = next;
    }
  }
}

/// The convolution kernel of one channel: out[l] = sum_n Re(gain_n a_bar_n^l), l in [0, out.size()).
///
/// In blocks of J samples, l = i J + j, as the matrix product (gain a_bar^{iJ}) (a_bar^j), its
/// factors built in double precision: 4 modes out.size() flop, no transform, any length. Accuracy in
/// units of sum_n |gain_n|: 3e-7 in float (measured up to 64 modes), in double that of the powers,
/// about out.size() 2^-53.
template <std::floating_point T>
DANAUS_KERNEL void kernel(std::span<const Mode> modes, std::span<T> out, Workspace scratch) noexcept {
  if (out.empty()) return;
  const std::size_t block = kernel_block(out.size()), blocks = (out.size() + block - 1) / block;
  const std::size_t depth = 2 * modes.size(), whole = out.size() / block;
  T* const rows = scratch.take<T>(blocks * depth);
  T* const panels = scratch.take<T>(panel_size(depth, block));
  powers_within(modes, block, panels);
  powers_across(modes, block, blocks, rows);
  product(View<const T, 2>(rows, {whole, depth}), panels, static_cast<const T*>(nullptr),
          View<T, 2>(out.data(), {whole, block}));
  if (whole < blocks) {
    T* const last = scratch.take<T>(block);
    product(View<const T, 2>(rows + whole * depth, {1, depth}), panels, static_cast<const T*>(nullptr),
            View<T, 2>(last, {1, block}));
    for (std::size_t l = whole * block; l < out.size(); ++l) out[l] = last[l - whole * block];
  }
}

}  // namespace DANAUS_ISA
}  // namespace danaus
