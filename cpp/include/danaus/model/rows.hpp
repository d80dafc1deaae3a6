// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

#include <danaus/model/layer.hpp>
#include <danaus/simd/math.hpp>

// Layers that treat each row on its own. x and y may be the same rows.
namespace danaus {
inline namespace DANAUS_ISA {

using Rows = View<float, 2>;
using ConstRows = View<const float, 2>;

/// y(r, i) = f(x(r, i)), f on lanes.
template <class F>
DANAUS_INLINE void map_rows(ConstRows x, Rows y, F f) noexcept {
  for (std::size_t r = 0; r < x.extent(0); ++r) {
    const float* const from = x.row(r);
    float* const to = y.row(r);
    simd::each<float>(x.extent(1), [&]<class V>(std::size_t i) { simd::store(f(simd::load<V>(from + i)), to + i); });
  }
}

/// Element-wise layers.
DANAUS_KERNEL void activate(const Layer& layer, ConstRows x, Rows y) noexcept {
  switch (layer.kind) {
    case LayerKind::gelu:
      return map_rows(x, y, [](auto v) { return simd::gelu(v); });
    case LayerKind::gelu_tanh:
      return map_rows(x, y, [](auto v) { return simd::gelu_tanh(v); });
    case LayerKind::relu:
      return map_rows(x, y, [](auto v) { return simd::relu(v); });
    case LayerKind::silu:
      return map_rows(x, y, [](auto v) { return simd::silu(v); });
    case LayerKind::sigmoid:
      return map_rows(x, y, [](auto v) { return simd::sigmoid(v); });
    case LayerKind::tanh:
      return map_rows(x, y, [](auto v) { return simd::tanh(v); });
    default: {
      const float gain = layer.gain;
      return map_rows(x, y, [gain](auto v) { return simd::log1p(decltype(v)(gain) * v); });
    }
  }
}

/// y = a sigmoid(b), where [a, b] is the row x; y has half its width.
DANAUS_KERNEL void gate(ConstRows x, Rows y) noexcept {
  const std::size_t half = y.extent(1);
  for (std::size_t r = 0; r < x.extent(0); ++r) {
    const float* const from = x.row(r);
    float* const to = y.row(r);
    simd::each<float>(half, [&]<class V>(std::size_t i) {
      simd::store(simd::load<V>(from + i) * simd::sigmoid(simd::load<V>(from + half + i)), to + i);
    });
  }
}

/// y = (x - center) weight + bias, per channel.
DANAUS_KERNEL void batch_norm(const Layer& layer, ConstRows x, Rows y) noexcept {
  for (std::size_t r = 0; r < x.extent(0); ++r) {
    const float* const from = x.row(r);
    float* const to = y.row(r);
    simd::each<float>(x.extent(1), [&]<class V>(std::size_t i) {
      const V v = simd::load<V>(from + i) - simd::load<V>(layer.center + i);
      simd::store(fma(v, simd::load<V>(layer.weight + i), simd::load<V>(layer.bias + i)), to + i);
    });
  }
}

/// y = x / sqrt(mean(x^2) + eps) weight.
DANAUS_KERNEL void rms_norm(const Layer& layer, ConstRows x, Rows y) noexcept {
  const std::size_t n = x.extent(1);
  for (std::size_t r = 0; r < x.extent(0); ++r) {
    const float* const from = x.row(r);
    float* const to = y.row(r);
    const float squares = simd::fold<float>(n, 0.0f, simd::plus, [&]<class V>(std::size_t i) {
      const V v = simd::load<V>(from + i);
      return v * v;
    });
    const float scale = 1.0f / std::sqrt(squares / static_cast<float>(n) + layer.eps);
    simd::each<float>(n, [&]<class V>(std::size_t i) {
      simd::store(simd::load<V>(from + i) * V(scale) * simd::load<V>(layer.weight + i), to + i);
    });
  }
}

/// y = (x - mean) / sqrt(variance + eps) weight + bias. What rounding takes from the mean is summed up and
/// subtracted, too, so that a large mean costs no digits.
DANAUS_KERNEL void layer_norm(const Layer& layer, ConstRows x, Rows y) noexcept {
  const std::size_t n = x.extent(1);
  const float count = static_cast<float>(n);
  for (std::size_t r = 0; r < x.extent(0); ++r) {
    const float* const from = x.row(r);
    float* const to = y.row(r);
    const auto sum = [n](auto f) { return simd::fold<float>(n, 0.0f, simd::plus, f); };
    const float mean = sum([&]<class V>(std::size_t i) { return simd::load<V>(from + i); }) / count;
    const float rest = sum([&]<class V>(std::size_t i) { return simd::load<V>(from + i) - V(mean); }) / count;
    const float squares = sum([&]<class V>(std::size_t i) {
      const V v = simd::load<V>(from + i) - V(mean) - V(rest);
      return v * v;
    });
    const float scale = 1.0f / std::sqrt(squares / count + layer.eps);
    simd::each<float>(n, [&]<class V>(std::size_t i) {
      const V v = (simd::load<V>(from + i) - V(mean) - V(rest)) * V(scale);
      simd::store(fma(v, simd::load<V>(layer.weight + i), simd::load<V>(layer.bias + i)), to + i);
    });
  }
}

/// y = the row of the table that x names. The caller has checked that it is there.
DANAUS_KERNEL void look_up(const Layer& layer, ConstRows x, Rows y) noexcept {
  for (std::size_t r = 0; r < x.extent(0); ++r) {
    const float* const from = layer.weight + static_cast<std::size_t>(x(r, 0)) * layer.out;
    float* const to = y.row(r);
    simd::each<float>(layer.out, [&]<class V>(std::size_t i) { simd::store(simd::load<V>(from + i), to + i); });
  }
}

DANAUS_KERNEL void copy_rows(ConstRows x, Rows y) noexcept {
  const auto copy = [](auto v) { return v; };
  const std::size_t rows = x.extent(0), width = x.extent(1);
  if (x.stride(0) == width && y.stride(0) == width) {  // one long row
    return map_rows(ConstRows(x.data_handle(), {1, rows * width}), Rows(y.data_handle(), {1, rows * width}), copy);
  }
  map_rows(x, y, copy);
}

/// Whether every value is a number: x - x is 0 for those alone.
DANAUS_KERNEL bool all_finite(const float* x, std::size_t n) noexcept {
  return simd::fold<float>(n, 0.0f, simd::plus, [&]<class V>(std::size_t i) {
           const V v = simd::load<V>(x + i);
           return v - v;
         }) == 0.0f;
}

/// y += x.
DANAUS_KERNEL void add_rows(ConstRows x, Rows y) noexcept {
  for (std::size_t r = 0; r < x.extent(0); ++r) {
    const float* const from = x.row(r);
    float* const to = y.row(r);
    simd::each<float>(x.extent(1), [&]<class V>(std::size_t i) {
      simd::store(simd::load<V>(to + i) + simd::load<V>(from + i), to + i);
    });
  }
}

}  // namespace DANAUS_ISA
}  // namespace danaus
