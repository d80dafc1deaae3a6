// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <span>
#include <string>
#include <vector>

#include <danaus/model/json.hpp>
#include <danaus/model/parameters.hpp>

namespace danaus {

/// The method a description names, zoh where it names none.
inline Discretization discretization(const Json& spec) {
  const std::optional<Json> method = spec.find("discretization");
  if (!method || method->text() == "zoh") return Discretization::zoh;
  if (method->text() == "bilinear") return Discretization::bilinear;
  if (method->text() == "dss") return Discretization::dss;
  method->fail("discretization", "\"zoh\", \"bilinear\" or \"dss\"");
}

/// What the poles of a layer's modes say about it.
inline Poles describe_poles(const std::string& name, DiagonalShape shape, std::span<const Mode> modes) {
  Poles poles{name, shape.channels, shape.modes};
  for (const Mode& mode : modes) poles.radius = std::max(poles.radius, std::abs(1.0 + mode.delta));
  poles.memory = poles.radius < 1 ? -1 / std::log(poles.radius) : HUGE_VAL;
  return poles;
}

/// Reads S4D layers stored under the names of the published minimal S4D:
///   D (H), kernel.log_dt (H), kernel.log_A_real and kernel.A_imag (H, N/2), kernel.C (H, N/2, 2),
/// A = -exp(log_A_real) + i A_imag; optionally kernel.B (H, N/2, 2), 1 where it is missing. With
/// kernel.C of shape (2, H, N/2, 2) the second half is the kernel that looks forward in time.
/// Discretised in double precision.
class S4DReader {
 public:
  S4DReader(Parameters& parameters, const Json& spec) : parameters_(parameters), spec_(spec) {
    prefix_ = spec.at("prefix").string();
    const Shape& c = parameters.shape(key("kernel.C"));
    two_ways_ = c.size() == 4 && c[0] == 2;
    const std::size_t axis = c.size() == 4 ? 1 : 0;
    shape_ = {parameters.extent(key("kernel.C"), axis), parameters.extent(key("kernel.C"), axis + 1)};
    c_ = parameters.values(key("kernel.C"), c.size() == 4 ? Shape{two_ways_ ? 2u : 1u, shape_.channels, shape_.modes, 2}
                                                          : Shape{shape_.channels, shape_.modes, 2});
  }

  /// Fills in the layer's kind and kernels, and tells its poles.
  void read(Layer& layer, std::vector<Poles>& poles) {
    const std::vector<double> d = parameters_.values(key("D"), {shape_.channels});
    layer.kind = two_ways_ ? LayerKind::bidirectional : LayerKind::s4d;
    const std::vector<Mode> forward = modes(0);
    layer.forward = packed(forward, d);
    poles.push_back(describe_poles(prefix_, shape_, forward));
    if (two_ways_) {
      layer.backward = packed(modes(c_.size() / 2), std::vector<double>(shape_.channels, 0.0));
    }
  }

  std::size_t channels() const noexcept { return shape_.channels; }

 private:
  std::string key(const char* name) const { return prefix_.empty() ? name : prefix_ + "." + name; }

  Diagonal<float> packed(const std::vector<Mode>& all, std::span<const double> d) {
    DiagonalShape shape = shape_;
    shape.carried = slow_modes<float>(shape, all);
    return parameters_.diagonal(shape, all, d);
  }

  /// Modes of the kernel whose C begins at `first`.
  std::vector<Mode> modes(std::size_t first) const {
    const Shape pairs{shape_.channels, shape_.modes};
    const std::vector<double> log_dt = parameters_.values(key("kernel.log_dt"), {shape_.channels});
    const std::vector<double> log_real = parameters_.values(key("kernel.log_A_real"), pairs);
    const std::vector<double> imag = parameters_.values(key("kernel.A_imag"), pairs);
    std::vector<double> b;
    if (parameters_.has(key("kernel.B"))) b = parameters_.values(key("kernel.B"), {pairs[0], pairs[1], 2});
    const Discretization method = discretization(spec_);
    const std::optional<Json> given = spec_.find("length");
    if (method == Discretization::dss && !given) spec_.fail("discretization", "dss with a \"length\"");
    const double length = given ? given->number() : 0;
    std::vector<Mode> all(shape_.channels * shape_.modes);
    for (std::size_t i = 0; i < all.size(); ++i) {
      const Complex a(-std::exp(log_real[i]), imag[i]);
      Complex c(c_[first + 2 * i], c_[first + 2 * i + 1]);
      if (!b.empty()) c *= Complex(b[2 * i], b[2 * i + 1]);
      all[i] = discretize(a, c, std::exp(log_dt[i / shape_.modes]), method, length);
      expect_finite(all[i], i);
    }
    return all;
  }

  void expect_finite(const Mode& mode, std::size_t i) const {
    const auto finite = [](Complex z) {
      return std::isfinite(static_cast<float>(z.real())) && std::isfinite(static_cast<float>(z.imag()));
    };
    require(finite(mode.delta) && finite(mode.gain), [&] {
      return "model.load: " + prefix_ + " must discretise to finite numbers, does not in channel " +
             std::to_string(i / shape_.modes) + ", mode " + std::to_string(i % shape_.modes);
    });
  }

  Parameters& parameters_;
  Json spec_;
  std::string prefix_;
  DiagonalShape shape_;
  bool two_ways_ = false;
  std::vector<double> c_;
};

}  // namespace danaus
