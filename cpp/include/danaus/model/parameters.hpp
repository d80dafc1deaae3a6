// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <danaus/linalg/product.hpp>
#include <danaus/model/container.hpp>
#include <danaus/model/network.hpp>

namespace danaus {

/// Reads parameters from a container under their published names and packs them for the run
/// functions. Keeps what it packs in the network. Every value must be finite.
class Parameters {
 public:
  Parameters(const Container& file, Network& network) noexcept : file_(file), network_(network) {}

  bool has(const std::string& key) const noexcept { return file_.find(key) != nullptr; }
  const Shape& shape(const std::string& key) const { return file_.at(key).shape; }

  /// The extent `axis` of a tensor of rank >= axis + 1, at least 1.
  std::size_t extent(const std::string& key, std::size_t axis) const {
    const Shape& all = shape(key);
    require(axis < all.size() && all[axis] > 0, [&] {
      return "model.load: " + key + " must have at least " + std::to_string(axis + 1) +
             " axes and no empty one, has shape " + shape_text(all);
    });
    return all[axis];
  }

  std::vector<double> values(const std::string& key, const Shape& expected) const {
    std::vector<double> read = file_.doubles(key, expected);
    for (std::size_t i = 0; i < read.size(); ++i) {
      require(std::isfinite(static_cast<float>(read[i])), [&] {
        return "model.load: " + key + " must hold numbers that a float can hold, has " + std::to_string(read[i]) +
               " at " + std::to_string(i);
      });
    }
    return read;
  }

  /// `width` values, padded to whole tiles; `otherwise` where the file has none.
  const float* vector(const std::string& key, std::size_t width, float otherwise) {
    Buffer<float> padded_values(padded(width), 0.0f);
    if (has(key)) {
      const std::vector<double> read = values(key, {width});
      for (std::size_t i = 0; i < width; ++i) padded_values[i] = static_cast<float>(read[i]);
    } else {
      std::fill_n(padded_values.begin(), width, otherwise);
    }
    return keep(std::move(padded_values));
  }

  /// W (out, in), as (out, in) or the (out, in, 1) of a pointwise convolution, as panels of (in, out).
  const float* matrix(const std::string& key, std::size_t out, std::size_t in) {
    const bool pointwise = shape(key).size() == 3;
    const std::vector<double> w = values(key, pointwise ? Shape{out, in, 1} : Shape{out, in});
    return panels(View<const double, 2>(w.data(), {in, out}, {1, in}));
  }

  /// w (out, in, taps) as panels of (taps * in, out): what a window of rows is multiplied with.
  const float* windows(const std::string& key, std::size_t out, std::size_t in, std::size_t taps) {
    const std::vector<double> w = values(key, {out, in, taps});
    std::vector<double> ordered(w.size());
    for (std::size_t o = 0; o < out; ++o) {
      for (std::size_t c = 0; c < in; ++c) {
        for (std::size_t k = 0; k < taps; ++k) ordered[(k * in + c) * out + o] = w[(o * in + c) * taps + k];
      }
    }
    return panels(View<const double, 2>(ordered.data(), {taps * in, out}));
  }

  /// w (channels, 1, taps) as rows of taps, each padded to whole tiles.
  const float* taps(const std::string& key, std::size_t channels, std::size_t count) {
    const std::vector<double> w = values(key, {channels, 1, count});
    Buffer<float> rows(count * padded(channels), 0.0f);
    for (std::size_t c = 0; c < channels; ++c) {
      for (std::size_t k = 0; k < count; ++k) rows[k * padded(channels) + c] = static_cast<float>(w[c * count + k]);
    }
    return keep(std::move(rows));
  }

  /// Batch norm at inference: (x - running_mean) weight / sqrt(running_var + eps) + bias.
  void batch_norm(const std::string& prefix, std::size_t width, double eps, Layer& layer) {
    const std::vector<double> variance = values(prefix + "running_var", {width});
    const float* const weight = vector(prefix + "weight", width, 1);
    Buffer<float> scale(padded(width), 0.0f);
    for (std::size_t i = 0; i < width; ++i) {
      require(variance[i] + eps > 0, [&] {
        return "model.load: " + prefix + "running_var plus eps must be positive, is " +
               std::to_string(variance[i] + eps) + " at " + std::to_string(i);
      });
      scale[i] = static_cast<float>(static_cast<double>(weight[i]) / std::sqrt(variance[i] + eps));
      require(std::isfinite(scale[i]), [&] {
        return "model.load: " + prefix +
               "weight over the deviation must be a number that a float can hold, is not at " + std::to_string(i);
      });
    }
    layer.center = vector(prefix + "running_mean", width, 0);
    layer.weight = keep(std::move(scale));
    layer.bias = vector(prefix + "bias", width, 0);
  }

  /// A table as it stands.
  const float* table(const std::string& key, std::size_t rows, std::size_t width) {
    const std::vector<double> read = values(key, {rows, width});
    Buffer<float> copy(rows * width);
    for (std::size_t i = 0; i < read.size(); ++i) copy[i] = static_cast<float>(read[i]);
    return keep(std::move(copy));
  }

  /// Packed coefficients of a state-space layer.
  Diagonal<float> diagonal(DiagonalShape shape, std::span<const Mode> modes, std::span<const double> d) {
    Buffer<float> packed(shape.coefficients());
    pack_diagonal(shape, modes, d, packed.data());
    return {shape, keep(std::move(packed))};
  }

 private:
  const float* panels(View<const double, 2> w) {
    Buffer<float> packed(panel_size(w.extent(0), w.extent(1)));
    pack_panels(w, packed.data());
    return keep(std::move(packed));
  }

  const float* keep(Buffer<float> values) {
    network_.parameters.push_back(std::move(values));
    return network_.parameters.back().data();
  }

  const Container& file_;
  Network& network_;
};

}  // namespace danaus
