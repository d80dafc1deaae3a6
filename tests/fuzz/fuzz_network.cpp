// SPDX-License-Identifier: Apache-2.0
// The input is the description of a network; its tensors are always the same few, of many shapes. Whatever
// is built must run, whole and as a stream, and give the same.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <danaus/core/error.hpp>
#include <danaus/model/container_write.hpp>
#include <danaus/model/model.hpp>

namespace {

void expect(bool holds) {
  if (!holds) std::abort();
}

/// A tensor of small numbers that owns its bytes.
struct Numbers {
  std::string name;
  danaus::Shape shape;
  std::vector<float> values;

  Numbers(std::string n, danaus::Shape s) : name(std::move(n)), shape(std::move(s)) {
    std::size_t count = 1;
    for (const std::size_t extent : shape) count *= extent;
    for (std::size_t i = 0; i < count; ++i) values.push_back(0.25f * static_cast<float>(i % 7) - 0.6f);
  }
  danaus::Tensor tensor() const {
    return {name, danaus::DType::f32, shape, std::as_bytes(std::span<const float>(values))};
  }
};

const std::vector<Numbers>& tensors() {
  static const std::vector<Numbers> all{
      {"a.weight", {4, 3}},
      {"a.bias", {4}},
      {"b.weight", {4, 4}},
      {"c.weight", {4, 3, 5}},
      {"d.weight", {4, 1, 3}},
      {"e.weight", {6, 4}},
      {"n.weight", {4}},
      {"n.bias", {4}},
      {"v.running_mean", {3}},
      {"v.running_var", {3}},
      {"s.D", {4}},
      {"s.kernel.log_dt", {4}},
      {"s.kernel.C", {4, 2, 2}},
      {"s.kernel.A_imag", {4, 2}},
      {"s.kernel.log_A_real", {4, 2}},
      {"t.D", {4}},
      {"t.kernel.log_dt", {4}},
      {"t.kernel.C", {2, 4, 2, 2}},
      {"t.kernel.A_imag", {4, 2}},
      {"t.kernel.log_A_real", {4, 2}},
      {"w.weight", {5, 4}},
      {"z.weight", {0, 4}},
  };
  return all;
}

void run_everything(const danaus::Model& model) {
  const danaus::Network& network = model.network();
  if (danaus::step_width(network) > 4096) return;  // slow, not wrong
  const std::size_t rows = 3 * network.rows + 1;
  std::vector<float> samples(rows * network.channels);
  for (std::size_t i = 0; i < samples.size(); ++i) samples[i] = static_cast<float>(i % 2);
  const std::vector<float> whole = model(samples);
  expect(whole.size() == model.output_rows(rows) * network.outputs);
  if (network.bidirectional) return;
  danaus::Stream stream = model.stream();
  std::vector<float> out(stream.outputs_for(rows) * network.outputs);
  stream.run(samples, rows, out);
  if (network.reduces) return;
  for (std::size_t i = 0; i < out.size(); ++i)
    expect(out[i] == whole[i] || (std::isnan(out[i]) && std::isnan(whole[i])));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<danaus::Tensor> list;
  for (const Numbers& n : tensors()) list.push_back(n.tensor());
  const std::string description(reinterpret_cast<const char*>(data), size);
  try {
    const auto file = danaus::safetensors_bytes(list, {{"danaus", description}});
    run_everything(danaus::Model(danaus::Container::from_bytes(file)));
  } catch (const danaus::Error&) {
  }
  return 0;
}
