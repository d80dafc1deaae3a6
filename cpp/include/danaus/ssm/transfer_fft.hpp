// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <concepts>

#include <danaus/fft/transform.hpp>
#include <danaus/ssm/transfer_kernel.hpp>

namespace danaus {

/// Scratch of response_by_transform.
inline std::size_t response_workspace_bytes(const RingPlan<float>& plan) noexcept {
  return 2 * workspace_size<float>(plan.spectrum_size()) + 2 * workspace_size<float>(tile * plan.points()) +
         transform_workspace_bytes(plan);
}

/// Root mean square of the last samples of a response, against its peak, from which on it counts as ended.
inline constexpr float ended = 0x1p-24F;

inline namespace DANAUS_ISA {

/// out <- out / below, rows of complex lanes.
DANAUS_INLINE void divide_spectra(std::size_t rows, const float* below, float* out) noexcept {
  constexpr std::size_t L = lanes<float>;
  for (std::size_t r = 0; r < rows; ++r, below += 2 * L, out += 2 * L) {
    simd::each<float>(L, [&]<class V>(std::size_t l) {
      const V br = simd::load<V>(below + l), bi = simd::load<V>(below + L + l);
      const V tr = simd::load<V>(out + l), ti = simd::load<V>(out + L + l);
      const V scale = V(1.0F) / fma(br, br, fma(bi, bi, V(0.0F)));
      simd::store(fma(tr, br, fma(ti, bi, V(0.0F))) * scale, out + l);
      simd::store(fma(ti, br, fnma(tr, bi, V(0.0F))) * scale, out + L + l);
    });
  }
}

/// Whether in every lane the last `order` of the 2 n samples in `re` and then `im` are small beside the largest.
DANAUS_INLINE bool has_ended(const float* re, const float* im, std::size_t n, std::size_t order) noexcept {
  bool all = true;
  simd::each<float>(tile, [&]<class V>(std::size_t l) {
    V peak(0.0F), energy(0.0F);
    for (std::size_t t = 0; t < n; ++t) {
      const V x = simd::load<V>(re + t * tile + l), y = simd::load<V>(im + t * tile + l);
      peak = max(peak, max(max(x, -x), max(y, -y)));
    }
    for (std::size_t t = n - order; t < n; ++t) {
      const V y = simd::load<V>(im + t * tile + l);
      energy = fma(y, y, energy);
    }
    const V most = peak * V(ended) * peak * V(ended) * V(static_cast<float>(order));
    const V excess = select(energy <= most, V(0.0F), V(1.0F));  // no number is no end
    all = all && simd::reduce(excess, [](auto x, auto y) { return x + y; }) == 0.0F;
  });
  return all;
}

/// The response of b / A of a tile of channels to an impulse by transforms, where it ends within 2 n samples,
/// n = plan.points() > order, channels in lanes: in the ring x^n = i
///   h_0 + h_1 x + ... = b / A   has real parts h_j and imaginary parts h_{n+j}, j < n,
/// but for what comes later, which is added with alternating signs to sample j mod 2 n. False, and nothing of use in
/// `out`, where the last samples show that more comes.
///
/// b and a: order + 1 rows of tile lanes, b_i and a_i at row i (a_0 = 1). out[l * stride + t] for `channels` lanes,
/// t < length: the samples h_{t+1}, 0 beyond 2 n. 15 n log2(n) flop a channel, whatever the order. Error: about 2^-23
/// |b / A|_2 |a|_2 max 1 / |A| / sqrt(n).
DANAUS_KERNEL bool response_by_transform(const RingPlan<float>& plan, std::size_t order, const float* b, const float* a,
                                         std::size_t channels, float* out, std::size_t stride, std::size_t length,
                                         Workspace scratch) noexcept {
  const std::size_t n = plan.points();
  DANAUS_EXPECTS(plan.segments == 1 && n > order && lanes<float> == tile);
  float* const values = scratch.take<float>(plan.spectrum_size());
  float* const below = scratch.take<float>(plan.spectrum_size());
  float* const re = scratch.take<float>(tile * n);
  float* const im = scratch.take<float>(tile * n);
  const View<const float, 2>* const none = nullptr;
  spectrum(plan, 0, View<const float, 2>(b, {order + 1, tile}), none, values, scratch);
  spectrum(plan, 0, View<const float, 2>(a, {order + 1, tile}), none, below, scratch);
  divide_spectra(plan.rows(), below, values);
  const View<float, 2> later(im, {n, tile});
  coefficients(plan, 0, static_cast<const float*>(values), 1.0F / static_cast<float>(n), View<float, 2>(re, {n, tile}),
               &later, scratch);
  if (!has_ended(re, im, n, order)) return false;
  const std::size_t first = std::min(n - 1, length), second = std::min(n, length - first);
  scatter_columns(static_cast<const float*>(re + tile), first, channels, out, stride);
  scatter_columns(static_cast<const float*>(im), second, channels, out + first, stride);
  for (std::size_t l = 0; l < channels && first + second < length; ++l) {
    std::fill_n(out + l * stride + first + second, length - first - second, 0.0F);
  }
  return true;
}

}  // namespace DANAUS_ISA
}  // namespace danaus
