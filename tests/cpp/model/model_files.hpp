// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

#include <check.hpp>
#include <danaus/model/container_write.hpp>
#include <danaus/model/model.hpp>

/// Model files that the tests put together in memory.
namespace model_files {

using danaus::Shape;

struct File {
  struct Values {
    Shape shape;
    std::vector<double> values;
  };

  std::map<std::string, Values> tensors;
  std::string input = R"({"channels":3})";
  std::string layers;  ///< what stands between the brackets of "layers"
  std::string others;  ///< further members of the description, each with a comma before it
  std::string version = "1";

  void put(const std::string& name, Shape shape, std::vector<double> values) {
    tensors[name] = {std::move(shape), std::move(values)};
  }
  /// Numbers in [shift - scale, shift + scale), each one a float can hold.
  void put_random(check::Random& random, const std::string& name, const Shape& shape, double scale = 1,
                  double shift = 0) {
    std::size_t count = 1;
    for (const std::size_t extent : shape) count *= extent;
    std::vector<double> values(count);
    for (double& x : values) x = static_cast<double>(static_cast<float>(shift + scale * random()));
    put(name, shape, std::move(values));
  }

  void add(const std::string& layer) { layers += (layers.empty() ? "" : ",") + layer; }

  std::string description() const {
    return "{\"version\":" + version + ",\"input\":" + input + ",\"layers\":[" + layers + "]" + others + "}";
  }

  danaus::Container container() const {
    std::vector<danaus::Tensor> all;
    for (const auto& [name, tensor] : tensors)
      all.push_back(danaus::tensor_over<double>(name, tensor.values, tensor.shape));
    return danaus::Container::from_bytes(danaus::safetensors_bytes(all, {{"danaus", description()}}));
  }
  danaus::Model model() const { return danaus::Model(container()); }
};

inline std::string member(const char* name, std::size_t value) {
  return std::string(",\"") + name + "\":" + std::to_string(value);
}

/// The parameters of one S4D kernel, or of both.
inline void put_s4d(File& file, check::Random& random, const std::string& prefix, std::size_t width, std::size_t modes,
                    bool two_ways, bool with_b) {
  file.put_random(random, prefix + ".D", {width});
  file.put_random(random, prefix + ".kernel.log_dt", {width}, 2.3, -4.6);
  file.put_random(random, prefix + ".kernel.log_A_real", {width, modes}, 1, -0.7);
  file.put_random(random, prefix + ".kernel.A_imag", {width, modes}, 20, 5);
  const Shape c = two_ways ? Shape{2, width, modes, 2} : Shape{width, modes, 2};
  file.put_random(random, prefix + ".kernel.C", c);
  if (with_b) file.put_random(random, prefix + ".kernel.B", {width, modes, 2});
}

/// Networks of random layers, each type in many places.
class RandomNetwork {
 public:
  struct Options {
    bool bidirectional = false;
    bool pools = true;
    std::size_t widest = 24;
  };

  RandomNetwork(std::uint64_t seed, Options options) : random_(seed), options_(options) {
    vocabulary_ = pick(5) == 0 ? 2 + pick(9) : 0;
    channels = vocabulary_ != 0 ? 1 : 1 + pick(options_.widest);
    width_ = channels;
    file.input = "{\"channels\":" + std::to_string(channels) + "}";
    std::string list;
    if (vocabulary_ != 0) append(list, embedding());
    const std::size_t count = 1 + pick(6);
    for (std::size_t i = 0; i < count; ++i) append(list, any(0));
    if (options_.bidirectional) append(list, s4d(true));
    if (options_.pools && pick(2) == 0) {
      append(list, pool(pick(2) == 0 ? "mean" : "last"));
      append(list, pick(2) == 0 ? linear(1 + pick(7)) : R"({"type":"residual","layers":[{"type":"gelu"}]})");
    }
    file.layers = list;
  }

  /// A sequence that the network takes: (count, channels).
  std::vector<float> sequence(std::size_t count) {
    std::vector<float> values(count * channels);
    for (float& x : values)
      x = vocabulary_ != 0 ? static_cast<float>(pick(vocabulary_)) : static_cast<float>(2 * random_());
    return values;
  }

  std::size_t pick(std::size_t below) {
    return static_cast<std::size_t>((random_() + 1) / 2 * static_cast<double>(below)) % below;
  }

  File file;
  std::size_t channels = 0;

 private:
  static void append(std::string& list, const std::string& layer) { list += (list.empty() ? "" : ",") + layer; }

  std::string prefix() { return "net." + std::to_string(prefixes_++); }
  static std::string head(const char* type, const std::string& name) {
    return std::string("{\"type\":\"") + type + "\",\"prefix\":\"" + name + "\"";
  }

  std::string embedding() {
    const std::string name = prefix();
    width_ = 1 + pick(options_.widest);
    file.put_random(random_, name + ".weight", {vocabulary_, width_});
    return head("embedding", name) + "}";
  }

  std::string linear(std::size_t out) {
    const std::string name = prefix();
    const double scale = 1.5 / std::sqrt(static_cast<double>(width_));
    file.put_random(random_, name + ".weight", pick(4) == 0 ? Shape{out, width_, 1} : Shape{out, width_}, scale);
    if (pick(3) != 0) file.put_random(random_, name + ".bias", {out});
    width_ = out;
    return head("linear", name) + "}";
  }

  std::string convolution(bool keep) {
    const std::string name = prefix();
    const bool depthwise = pick(3) == 0;
    const std::size_t taps = 1 + pick(5), stride = keep || depthwise ? 1 : 1 + pick(std::min<std::size_t>(taps, 3));
    const std::size_t out = keep || depthwise ? width_ : 1 + pick(options_.widest);
    const double scale = 1.5 / std::sqrt(static_cast<double>((depthwise ? 1 : width_) * taps));
    file.put_random(random_, name + ".weight", {out, depthwise ? 1 : width_, taps}, scale);
    if (pick(3) != 0) file.put_random(random_, name + ".bias", {out});
    std::string layer = head("conv1d", name);
    if (stride > 1 || pick(2) == 0) layer += member("stride", stride);
    if (depthwise) layer += member("groups", width_);
    width_ = out;
    return layer + "}";
  }

  std::string norm(const char* type) {
    const std::string name = prefix();
    if (pick(4) != 0) file.put_random(random_, name + ".weight", {width_}, 0.5, 1);
    if (type[0] != 'r' && pick(4) != 0) file.put_random(random_, name + ".bias", {width_});
    if (type[0] == 'b') {
      file.put_random(random_, name + ".running_mean", {width_});
      file.put_random(random_, name + ".running_var", {width_}, 0.4, 1);
    }
    return head(type, name) + (pick(2) == 0 ? ",\"eps\":1e-3}" : "}");
  }

  std::string s4d(bool two_ways) {
    const std::string name = prefix();
    put_s4d(file, random_, name, width_, 1 + pick(6), two_ways, pick(2) == 0);
    const char* const methods[] = {"}", R"(,"discretization":"zoh"})", R"(,"discretization":"bilinear"})",
                                   R"(,"discretization":"dss","length":40})"};
    return head("s4d", name) + methods[pick(4)];
  }

  static std::string pool(const char* kind) { return std::string(R"({"type":"pool","kind":")") + kind + "\"}"; }

  std::string residual(std::size_t depth) {
    const std::size_t width = width_;
    std::string list;
    const std::size_t count = pick(4);
    inside_ = true;
    for (std::size_t i = 0; i < count; ++i) append(list, any(depth + 1));
    inside_ = depth > 0;
    if (width_ != width) append(list, linear(width));
    return R"({"type":"residual","layers":[)" + list + "]}";
  }

  std::string any(std::size_t depth) {
    switch (pick(13)) {
      case 0:
        return linear(1 + pick(options_.widest));
      case 1:
      case 2:
        return convolution(inside_);
      case 3:
        return norm("layer_norm");
      case 4:
        return norm("rms_norm");
      case 5:
        return norm("batch_norm");
      case 6:
        if (width_ % 2 != 0) return linear(width_ + 1);
        width_ /= 2;
        return R"({"type":"glu"})";
      case 7:
      case 8:
        return s4d(options_.bidirectional && pick(2) == 0);
      case 9:
        return depth < 3 ? residual(depth) : R"({"type":"silu"})";
      case 10:
        return pool("running_mean");
      default: {
        const char* const plain[] = {R"({"type":"relu"})",
                                     R"({"type":"silu"})",
                                     R"({"type":"gelu"})",
                                     R"({"type":"sigmoid"})",
                                     R"({"type":"tanh"})",
                                     R"({"type":"gelu","approximate":"tanh"})",
                                     R"({"type":"relu"},{"type":"log1p","gain":3.5})"};
        return plain[pick(7)];
      }
    }
  }

  check::Random random_;
  Options options_;
  std::size_t vocabulary_ = 0, width_ = 0, prefixes_ = 0;
  bool inside_ = false;  // a residual
};

}  // namespace model_files
