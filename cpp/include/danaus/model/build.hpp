// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <string>
#include <utility>

#include <danaus/model/container.hpp>
#include <danaus/model/json.hpp>
#include <danaus/model/network.hpp>
#include <danaus/model/parameters.hpp>
#include <danaus/model/s4d.hpp>

namespace danaus {

/// Builds a network from the description in a container's metadata (see docs/model-file.md).
class Builder {
 public:
  explicit Builder(const Container& file) : parameters_(file, network_) {
    const auto found = file.metadata().find("danaus");
    require(found != file.metadata().end(), [] {
      return std::string(
          "model.load: the file must carry a \"danaus\" description in its __metadata__, has none; "
          "see docs/model-file.md");
    });
    const Json description = Json::parse(found->second, "danaus");
    const std::size_t version = description.at("version").size();
    require(version == 1, [&] { return "model.load: version must be 1, is " + std::to_string(version); });
    describe(description);
    for (const Tensor& t : file.tensors()) {
      std::size_t count = 1;
      for (const std::size_t extent : t.shape) count *= extent;
      network_.scalars += count;
    }
    width_ = network_.channels;
    add_layers(description.at("layers"));
    finish();
  }

  Network take() && { return std::move(network_); }

 private:
  void describe(const Json& description) {
    const Json input = description.at("input");
    network_.channels = input.at("channels").size();
    if (network_.channels == 0 || network_.channels > most_values) {
      input.at("channels").fail("load", "between 1 and " + std::to_string(most_values));
    }
    if (const auto rate = input.find("sample_rate")) {
      network_.description.sample_rate = rate->number();
      if (!(rate->number() > 0 && rate->number() < 1e12)) rate->fail("load", "positive");
    }
    if (const auto name = description.find("name")) network_.description.name = name->string();
    if (const auto summary = description.find("summary")) network_.description.summary = summary->string();
    if (const auto labels = description.find("labels")) {
      for (const Json& label : labels->elements()) network_.description.labels.push_back(label.string());
    }
  }

  void add_layers(const Json& list) {
    for (const Json& spec : list.elements()) add_layer(spec);
  }

  void add_layer(const Json& spec) {
    const std::string type = spec.at("type").string();
    Layer layer{.in = width_, .out = width_, .rate = strides_};
    if (type == "residual") return add_residual(spec, layer);
    if (type == "linear") {
      add_linear(spec, layer);
    } else if (type == "conv1d") {
      add_convolution(spec, layer);
    } else if (type == "layer_norm" || type == "rms_norm" || type == "batch_norm") {
      add_norm(spec, type, layer);
    } else if (type == "glu") {
      layer.kind = LayerKind::glu;
      if (width_ % 2 != 0) spec.fail("load", "a glu after an even width, comes after " + std::to_string(width_));
      layer.out = width_ / 2;
    } else if (type == "s4d") {
      add_s4d(spec, layer);
    } else if (type == "pool") {
      add_pool(spec, layer);
    } else if (type == "embedding") {
      add_embedding(spec, layer);
    } else {
      add_activation(spec, type, layer);
    }
    push(layer, spec);
  }

  void add_residual(const Json& spec, Layer layer) {
    const std::size_t width = width_, strides = strides_;
    layer.slot = depth_++;
    network_.slots = std::max(network_.slots, depth_);
    layer.kind = LayerKind::save;
    push(layer, spec);
    add_layers(spec.at("layers"));
    if (width_ != width || strides_ != strides) {
      spec.fail("load", "a residual whose layers keep width " + std::to_string(width) + " and rate");
    }
    --depth_;
    layer.kind = LayerKind::add;
    push(layer, spec);
  }

  void add_linear(const Json& spec, Layer& layer) {
    const std::string prefix = prefix_of(spec);
    layer.kind = LayerKind::linear;
    layer.out = parameters_.extent(prefix + "weight", 0);
    layer.weight = parameters_.matrix(prefix + "weight", layer.out, width_);
    layer.bias = parameters_.vector(prefix + "bias", layer.out, 0);
  }

  void add_convolution(const Json& spec, Layer& layer) {
    const std::string prefix = prefix_of(spec);
    const auto stride = spec.find("stride");
    const auto groups = spec.find("groups");
    layer.out = parameters_.extent(prefix + "weight", 0);
    layer.taps = parameters_.extent(prefix + "weight", 2);
    layer.stride = stride ? stride->size() : 1;
    if (layer.stride == 0 || layer.stride > layer.taps) {
      stride->fail("load", "a stride between 1 and the " + std::to_string(layer.taps) + " taps");
    }
    layer.bias = parameters_.vector(prefix + "bias", layer.out, 0);
    if (!groups || groups->size() == 1) {
      layer.kind = LayerKind::conv;
      layer.weight = parameters_.windows(prefix + "weight", layer.out, width_, layer.taps);
    } else {
      if (groups->size() != width_ || layer.out != width_ || layer.stride != 1) {
        groups->fail("load", "1, or the " + std::to_string(width_) + " channels (depthwise) with stride 1");
      }
      layer.kind = LayerKind::depthwise;
      layer.weight = parameters_.taps(prefix + "weight", width_, layer.taps);
    }
  }

  void add_norm(const Json& spec, const std::string& type, Layer& layer) {
    const std::string prefix = prefix_of(spec);
    const auto eps = spec.find("eps");
    layer.eps = static_cast<float>(eps ? eps->number() : 1e-5);
    if (!(layer.eps >= 0 && layer.eps < 1e30f)) eps->fail("load", "a number of at least 0");
    if (type == "batch_norm") {
      layer.kind = LayerKind::batch_norm;
      parameters_.batch_norm(prefix, width_, static_cast<double>(layer.eps), layer);
      return;
    }
    layer.kind = type == "layer_norm" ? LayerKind::layer_norm : LayerKind::rms_norm;
    layer.weight = parameters_.vector(prefix + "weight", width_, 1);
    layer.bias = parameters_.vector(prefix + "bias", width_, 0);
  }

  void add_s4d(const Json& spec, Layer& layer) {
    S4DReader reader(parameters_, spec);
    if (reader.channels() != width_) {
      spec.fail("load", "an s4d of " + std::to_string(width_) + " channels, has " + std::to_string(reader.channels()));
    }
    reader.read(layer, network_.poles);
    network_.bidirectional = network_.bidirectional || layer.kind == LayerKind::bidirectional;
  }

  void add_pool(const Json& spec, Layer& layer) {
    const Json kind = spec.at("kind");
    if (kind.text() == "mean") {
      layer.kind = LayerKind::mean;
    } else if (kind.text() == "last") {
      layer.kind = LayerKind::last;
    } else if (kind.text() == "running_mean") {
      layer.kind = LayerKind::running_mean;
    } else {
      kind.fail("load", "\"mean\", \"last\" or \"running_mean\"");
    }
    if (layer.reduces() && depth_ > 0) spec.fail("load", "outside a residual");
  }

  void add_embedding(const Json& spec, Layer& layer) {
    const std::string key = prefix_of(spec) + "weight";
    if (!network_.layers.empty() || width_ != 1) spec.fail("load", "an embedding as the first layer, of 1 channel");
    network_.vocabulary = parameters_.extent(key, 0);
    layer.kind = LayerKind::embedding;
    layer.out = parameters_.extent(key, 1);
    layer.weight = parameters_.table(key, network_.vocabulary, layer.out);
  }

  void add_activation(const Json& spec, const std::string& type, Layer& layer) {
    constexpr std::pair<const char*, LayerKind> kinds[] = {
        {"relu", LayerKind::relu},       {"silu", LayerKind::silu}, {"gelu", LayerKind::gelu},
        {"sigmoid", LayerKind::sigmoid}, {"tanh", LayerKind::tanh}, {"log1p", LayerKind::log1p},
    };
    for (const auto& [name, kind] : kinds) {
      if (type != name) continue;
      layer.kind = kind;
      if (const auto approximate = spec.find("approximate"); kind == LayerKind::gelu && approximate) {
        const bool tanh = approximate->text() == "tanh";
        if (!tanh && approximate->text() != "none") approximate->fail("load", "\"none\" or \"tanh\"");
        if (tanh) layer.kind = LayerKind::gelu_tanh;
      }
      if (const auto gain = spec.find("gain")) {
        layer.gain = static_cast<float>(gain->number());
        if (!std::isfinite(layer.gain)) gain->fail("load", "a number that a float can hold");
      }
      return;
    }
    spec.at("type").fail("load",
                         "one of linear, conv1d, layer_norm, rms_norm, batch_norm, gelu, relu, silu, sigmoid, tanh, "
                         "log1p, glu, residual, s4d, pool, embedding");
  }

  /// Gives the layer its place in the state and makes its width the next layer's.
  void push(Layer& layer, const Json& spec) {
    if (reduced_ && layer.remembers()) spec.fail("load", "a layer that treats each row alone: it follows a pool");
    if (network_.layers.size() >= most_layers) spec.fail("load", "one of at most 10000 layers");
    reduced_ = reduced_ || layer.reduces();
    layer.state = network_.state_size;
    if (layer.taps != 0) network_.state_size += padded(layer.history() * layer.in);
    network_.state_size += layer.forward.shape.state() + layer.backward.shape.state();
    if (layer.kind == LayerKind::mean || layer.kind == LayerKind::running_mean) {
      network_.state_size += 2 * padded(layer.in) + tile;
    }
    width_ = layer.out;
    strides_ *= layer.stride;
    if (width_ > most_values || strides_ > most_values) spec.fail("load", "narrower");
    network_.layers.push_back(layer);
  }

  /// Counts rates from the input, now that all strides are known.
  void finish() {
    network_.rows = strides_;
    network_.outputs = width_;
    network_.reduces = reduced_;
    for (Layer& layer : network_.layers) layer.rate = strides_ / layer.rate;
    const std::size_t labels = network_.description.labels.size();
    require(labels == 0 || labels == width_, [&] {
      return "model.load: there must be a label for each of the " + std::to_string(width_) + " outputs, there are " +
             std::to_string(labels);
    });
    require((2 + network_.slots) * step_width(network_) <= most_values, [] {
      return std::string("model.load: a step must keep at most 2^20 values between its layers, keeps more");
    });
  }

  static std::string prefix_of(const Json& spec) {
    const std::string prefix = spec.at("prefix").string();
    return prefix.empty() ? prefix : prefix + ".";
  }

  static constexpr std::size_t most_values = std::size_t{1} << 20, most_layers = 10000;

  Network network_;
  Parameters parameters_;
  std::size_t width_ = 0;    // of the rows so far
  std::size_t strides_ = 1;  // input rows for each row so far
  std::size_t depth_ = 0;    // residuals that are open
  bool reduced_ = false;     // a pool has come
};

/// The network that a container describes. Raises Error where it describes none.
inline Network build_network(const Container& file) {
  return Builder(file).take();
}

}  // namespace danaus
