// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

#include <check.hpp>
#include <danaus/model/container.hpp>
#include <danaus/model/json.hpp>

/// A network straight from its description, in double precision: whole sequences, layer by layer, no
/// state, nothing fast.
namespace reference {

using danaus::Json;
using Row = std::vector<double>;
using Rows = std::vector<Row>;

class Evaluator {
 public:
  /// With a `unit` above 0 every layer's rows are moved at random by up to `unit` times the magnitudes
  /// that were summed, and states and poles alike: what rounding would do. The spread it makes is the network's
  /// condition.
  explicit Evaluator(const danaus::Container& file, double unit = 0, std::uint64_t seed = 1)
      : file_(file), description_(Json::parse(file.metadata().find("danaus")->second)), unit_(unit), random_(seed) {}

  /// `reduce`: mean and last pools give one row, as they do for a whole sequence.
  Rows operator()(const Rows& input, bool reduce) {
    reduce_ = reduce;
    return all(description_.at("layers"), input);
  }

  /// Input rows for each row that goes out, but for pools.
  std::size_t rate() const { return rate(description_.at("layers")); }

 private:
  static std::size_t rate(const Json& list) {
    std::size_t product = 1;
    for (const Json& layer : list.elements()) {
      if (const auto stride = layer.find("stride")) product *= stride->size();
    }
    return product;
  }

  Rows all(const Json& list, Rows x) {
    for (const Json& layer : list.elements()) x = one(layer, x);
    return x;
  }

  Rows one(const Json& layer, const Rows& x) {
    const std::string type = layer.at("type").string();
    if (type == "residual") {
      Rows y = all(layer.at("layers"), x);
      for (std::size_t t = 0; t < y.size(); ++t) {
        for (std::size_t i = 0; i < y[t].size(); ++i) y[t][i] += x[t][i];
      }
      return rounded(y);
    }
    if (type == "linear") return linear(layer, x);
    if (type == "conv1d") return convolution(layer, x);
    if (type == "s4d") return s4d(layer, x);
    if (type == "pool") return pool(layer.at("kind").string(), x);
    if (type == "embedding") return embedding(layer, x);
    Rows y = x, sizes(x.size(), Row(x[0].size()));
    for (std::size_t t = 0; t < y.size(); ++t) row_layer(layer, type, y[t], sizes[t]);
    return rounded(y, sizes);
  }

  void row_layer(const Json& layer, const std::string& type, Row& row, Row& size) {
    const std::size_t n = row.size();
    if (type == "glu") {
      for (std::size_t i = 0; i < n / 2; ++i) row[i] *= sigmoid(row[n / 2 + i]);
      row.resize(n / 2);
    } else if (type.ends_with("_norm")) {
      norm(layer, type, row, size);
    } else {
      const auto gain = layer.find("gain");
      const bool approximate = layer.find("approximate") && layer.at("approximate").string() == "tanh";
      for (double& v : row) v = activation(type, approximate, gain ? gain->number() : 1, v);
    }
  }

  static double sigmoid(double v) { return 1 / (1 + std::exp(-v)); }

  static double activation(const std::string& type, bool approximate, double gain, double v) {
    const double inner = std::sqrt(2 / 3.14159265358979323846) * (v + 0.044715 * v * v * v);
    if (type == "gelu")
      return approximate ? v / 2 * (1 + std::tanh(inner)) : v / 2 * (1 + std::erf(v / std::sqrt(2.0)));
    if (type == "relu") return std::max(v, 0.0);
    if (type == "silu") return v * sigmoid(v);
    if (type == "sigmoid") return sigmoid(v);
    if (type == "tanh") return std::tanh(v);
    return std::log1p(gain * v);
  }

  void norm(const Json& layer, const std::string& type, Row& row, Row& size) {
    const double n = static_cast<double>(row.size()), eps = layer.find("eps") ? layer.at("eps").number() : 1e-5;
    double mean = 0, squares = 0;
    for (const double v : row) mean += v / n;
    for (const double v : row) squares += (type == "rms_norm" ? v * v : (v - mean) * (v - mean)) / n;
    const Row weights = numbers(layer, "weight"), biases = numbers(layer, "bias");
    const Row means = numbers(layer, "running_mean"), variances = numbers(layer, "running_var");
    for (std::size_t i = 0; i < row.size(); ++i) {
      double& v = row[i];
      const double weight = value(weights, i, 1), bias = value(biases, i, 0);
      if (type == "layer_norm")
        size[i] = (std::fabs(v) + std::fabs(mean)) / std::sqrt(squares + eps) * std::fabs(weight);
      if (type == "layer_norm") v = (v - mean) / std::sqrt(squares + eps) * weight + bias;
      if (type == "rms_norm") v = v / std::sqrt(squares + eps) * weight;
      if (type != "batch_norm") continue;
      v = (v - value(means, i, 0)) / std::sqrt(variances[i] + eps) * weight + bias;
    }
  }

  Rows linear(const Json& layer, const Rows& x) {
    const std::size_t out = tensor(layer, "weight").shape[0];
    const Row weight = numbers(layer, "weight"), bias = numbers(layer, "bias");
    Rows y, sizes;
    for (const Row& row : x) {
      y.emplace_back();
      sizes.emplace_back();
      for (std::size_t o = 0; o < out; ++o) {
        double sum = value(bias, o, 0), size = std::fabs(sum);
        for (std::size_t i = 0; i < row.size(); ++i) {
          const double term = weight[o * row.size() + i] * row[i];
          sum += term;
          size += std::fabs(term);
        }
        y.back().push_back(sum);
        sizes.back().push_back(size);
      }
    }
    return rounded(y, sizes);
  }

  /// y(t, o) = b(o) + sum_{k, c} w(o, c, k) x(t stride + k - (taps - stride), c).
  Rows convolution(const Json& layer, const Rows& x) {
    const auto stride_given = layer.find("stride"), groups = layer.find("groups");
    const bool depthwise = groups && groups->size() > 1;
    const danaus::Shape shape = tensor(layer, "weight").shape;
    const std::size_t stride = stride_given ? stride_given->size() : 1, out = shape[0], in = shape[1], taps = shape[2];
    const Row weight = numbers(layer, "weight"), bias = numbers(layer, "bias");
    Rows y(x.size() / stride, Row(out)), sizes = y;
    for (std::size_t t = 0; t < y.size(); ++t) {
      for (std::size_t o = 0; o < out; ++o) {
        y[t][o] = value(bias, o, 0);
        for (std::size_t k = 0; k < taps; ++k) {
          if (t * stride + k + stride < taps) continue;  // before the first row
          const Row& row = x[t * stride + k + stride - taps];
          for (std::size_t c = 0; c < in; ++c) {
            const double term = weight[(o * in + c) * taps + k] * row[depthwise ? o : c];
            y[t][o] += term;
            sizes[t][o] += std::fabs(term);
          }
        }
      }
    }
    return rounded(y, sizes);
  }

  struct Mode {
    std::complex<double> a_bar, gain;
  };

  struct Kernel {
    Row log_dt, log_real, imag, b, c;
  };

  static Mode mode(const Json& layer, const Kernel& k, std::size_t h, std::size_t at, std::size_t first) {
    const double dt = std::exp(k.log_dt[h]);
    const std::complex<double> a(-std::exp(k.log_real[at]), k.imag[at]);
    const std::complex<double> b(value(k.b, 2 * at, 1), value(k.b, 2 * at + 1, 0));
    const std::complex<double> c(k.c[first + 2 * at], k.c[first + 2 * at + 1]);
    const std::string method = layer.find("discretization") ? layer.at("discretization").string() : "zoh";
    if (method == "bilinear") {
      return {(1.0 + dt * a / 2.0) / (1.0 - dt * a / 2.0), 2.0 * b * c * dt / (1.0 - dt * a / 2.0)};
    }
    const std::complex<double> a_bar = std::exp(dt * a);
    if (method == "zoh") return {a_bar, 2.0 * b * c * (a_bar - 1.0) / a};
    const std::complex<double> x = a * (std::exp(layer.at("length").number() * dt * a) - 1.0);
    return {a_bar, 2.0 * b * c * (a_bar - 1.0) * std::conj(x) / (std::norm(x) + 1e-7)};
  }

  /// Where `unit` moves a mode: what rounds is a_bar - 1.
  Mode moved(const Mode& from) {
    return {1.0 + (from.a_bar - 1.0) * (1 + unit_ * random_()), from.gain * (1 + unit_ * random_())};
  }

  /// y_t = D u_t + sum_n Re(gain_n s_n), s_n <- a_bar_n s_n + u_t; the second kernel runs from the end and
  /// stops one row short.
  Rows s4d(const Json& layer, const Rows& x) {
    const danaus::Shape shape = tensor(layer, "kernel.C").shape;
    const bool two_ways = shape.size() == 4 && shape[0] == 2;
    const std::size_t modes = shape[shape.size() - 2], width = shape[shape.size() - 3], length = x.size();
    const Kernel k{numbers(layer, "kernel.log_dt"), numbers(layer, "kernel.log_A_real"),
                   numbers(layer, "kernel.A_imag"), numbers(layer, "kernel.B"), numbers(layer, "kernel.C")};
    const Row d = numbers(layer, "D");
    Rows y(length, Row(width)), sizes = y;
    for (std::size_t h = 0; h < width; ++h) {
      for (std::size_t t = 0; t < length; ++t) y[t][h] = d[h] * x[t][h];
      for (std::size_t n = 0; n < modes; ++n) {
        const Mode ahead = moved(mode(layer, k, h, h * modes + n, 0));
        std::complex<double> s = 0;
        for (std::size_t t = 0; t < length; ++t) {
          s = (ahead.a_bar * s + x[t][h]) * (1 + unit_ * random_());
          y[t][h] += (ahead.gain * s).real();
          sizes[t][h] += std::abs(ahead.gain) * std::abs(s);
        }
        if (!two_ways) continue;
        const Mode back = moved(mode(layer, k, h, h * modes + n, 2 * width * modes));
        s = 0;
        for (std::size_t t = length; t-- > 1;) {
          s = (back.a_bar * s + x[t][h]) * (1 + unit_ * random_());
          y[t - 1][h] += (back.gain * s).real();
          sizes[t - 1][h] += std::abs(back.gain) * std::abs(s);
        }
      }
    }
    return rounded(y, sizes);
  }

  Rows pool(const std::string& kind, const Rows& x) {
    Rows y = x;
    if (kind != "last") {
      for (std::size_t t = 0; t < x.size(); ++t) {
        for (std::size_t i = 0; i < x[t].size(); ++i) {
          double sum = 0;
          for (std::size_t s = 0; s <= t; ++s) sum += x[s][i];
          y[t][i] = sum / static_cast<double>(t + 1);
        }
      }
    }
    if (reduce_ && kind != "running_mean") y = {y.back()};
    return rounded(y);
  }

  Rows embedding(const Json& layer, const Rows& x) {
    const std::size_t width = tensor(layer, "weight").shape[1];
    const Row table = numbers(layer, "weight");
    Rows y(x.size(), Row(width));
    for (std::size_t t = 0; t < x.size(); ++t) {
      for (std::size_t i = 0; i < width; ++i) y[t][i] = table[static_cast<std::size_t>(x[t][0]) * width + i];
    }
    return y;
  }

  static std::string key(const Json& layer, const char* name) { return layer.at("prefix").string() + "." + name; }
  const danaus::Tensor& tensor(const Json& layer, const char* name) { return file_.at(key(layer, name)); }

  /// A tensor of doubles, empty where the file has none.
  Row numbers(const Json& layer, const char* name) {
    const danaus::Tensor* const found = file_.find(key(layer, name));
    if (found == nullptr) return {};
    Row values(found->bytes.size() / sizeof(double));
    if (!values.empty()) std::memcpy(values.data(), found->bytes.data(), found->bytes.size());
    return values;
  }
  static double value(const Row& values, std::size_t i, double otherwise) {
    return values.empty() ? otherwise : values[i];
  }

  Rows rounded(Rows y, const Rows& sizes = {}) {
    if (unit_ == 0) return y;
    for (std::size_t t = 0; t < y.size(); ++t) {
      double most = 0;
      for (const double v : y[t]) most = std::max(most, std::fabs(v));
      for (std::size_t i = 0; i < y[t].size(); ++i)
        y[t][i] += unit_ * random_() * (most + (sizes.empty() ? 0 : sizes[t][i]));
    }
    return y;
  }

  const danaus::Container& file_;
  Json description_;
  double unit_;
  check::Random random_;
  bool reduce_ = false;
};

}  // namespace reference
