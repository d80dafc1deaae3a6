// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include <danaus/core/error.hpp>
#include <danaus/model/container.hpp>
#include <danaus/model/container_write.hpp>

namespace {

using danaus::Container;
using danaus::Tensor;

void expect(bool holds) {
  if (!holds) std::abort();
}

/// Calls `f`, which may raise an Error but nothing else.
template <class F>
void may_raise(const F& f) {
  try {
    f();
  } catch (const danaus::Error&) {
  }
}

/// A change of any byte of the tensor must reach the result: reads them all.
unsigned sum(std::span<const std::byte> bytes) {
  unsigned total = 0;
  for (const std::byte b : bytes) total += std::to_integer<unsigned>(b);
  return total;
}

void read_everything(const Container& container) {
  static volatile unsigned sink = 0;
  for (const auto& [key, value] : container.metadata()) sink = sink + static_cast<unsigned>(key.size() + value.size());
  for (const Tensor& tensor : container.tensors()) {
    expect(container.find(tensor.name) == &tensor && &container.at(tensor.name) == &tensor);
    expect(danaus::detail::tensor_bytes(tensor.dtype, tensor.shape) == tensor.bytes.size());
    sink = sink + sum(tensor.bytes);
    may_raise([&] { static_cast<void>(container.floats(tensor.name, tensor.shape)); });
    may_raise([&] { static_cast<void>(container.doubles(tensor.name, {danaus::any_extent, danaus::any_extent})); });
    may_raise([&] { static_cast<void>(container.at(tensor.name + "x")); });
  }
  may_raise([&] { static_cast<void>(container.at("")); });
}

/// What was read can be written, and reads as the same again.
void read_back(const Container& container) {
  const auto bytes = danaus::safetensors_bytes(container.tensors(), container.metadata());
  const Container again = Container::from_bytes(bytes);
  expect(again.metadata() == container.metadata() && again.tensors().size() == container.tensors().size());
  for (const Tensor& tensor : container.tensors()) {
    const Tensor& copy = again.at(tensor.name);
    expect(copy.dtype == tensor.dtype && copy.shape == tensor.shape && copy.bytes.size() == tensor.bytes.size());
    expect(tensor.bytes.empty() || std::memcmp(copy.bytes.data(), tensor.bytes.data(), tensor.bytes.size()) == 0);
  }
}

void everything_with(std::vector<std::byte> bytes) {
  std::optional<Container> container;
  may_raise([&] { container.emplace(Container::from_bytes(std::move(bytes))); });
  if (!container) return;
  read_everything(*container);
  read_back(*container);
  // What is built from a container goes here: may_raise([&] { ... *container ... });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::byte> bytes(size);
  if (size > 0) std::memcpy(bytes.data(), data, size);
  everything_with(bytes);

  // The same bytes as a header of the right length and what follows its last brace as data, so that
  // mutations need not keep the length in step.
  const std::string text(reinterpret_cast<const char*>(data), size);
  const std::uint64_t header = text.rfind('}') + 1;
  std::vector<std::byte> framed(8);
  std::memcpy(framed.data(), &header, 8);
  framed.insert(framed.end(), bytes.begin(), bytes.end());
  everything_with(std::move(framed));
  return 0;
}
