// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <danaus/model/container.hpp>
#include <danaus/model/container_write.hpp>

/// Containers that the tests open.
namespace container_files {

using Bytes = std::vector<std::byte>;

/// A file with this header and so many bytes of data: 0, 1, 2, ...
inline Bytes file_of(std::string_view header, std::size_t data = 0) {
  Bytes file(8 + header.size() + data);
  const std::uint64_t size = header.size();
  std::memcpy(file.data(), &size, 8);
  std::memcpy(file.data() + 8, header.data(), header.size());
  for (std::size_t i = 0; i < data; ++i) file[8 + header.size() + i] = static_cast<std::byte>(i);
  return file;
}

inline danaus::Container opened(std::string_view header, std::size_t data = 0) {
  return danaus::Container::from_bytes(file_of(header, data));
}

/// A header whose one tensor `w` is this.
inline std::string one(std::string_view dtype, std::string_view shape, std::string_view offsets) {
  return danaus::concat("{\"w\":{\"dtype\":\"", dtype, "\",\"shape\":", shape, ",\"data_offsets\":", offsets, "}}");
}

/// Six values as floats and doubles, an empty tensor, a scalar, and metadata.
inline Bytes sample() {
  static const std::vector<float> matrix = {1, -2, 3.5f, 0, 1e-40f, 6}, scalar = {7};
  static const std::vector<double> vector = {0.1, 1e300};
  const std::vector<danaus::Tensor> tensors = {danaus::tensor_over<float>("layers.0.weight", matrix, {2, 3}),
                                               danaus::tensor_over<double>("layers.0.poles", vector, {2}),
                                               danaus::tensor_over<float>("scale", scalar, {}),
                                               danaus::tensor_over<float>("none", {}, {0, 4})};
  return danaus::safetensors_bytes(tensors, {{"format", "pt"}, {"quote \"\\\n", "\xC3\xA9"}});
}

}  // namespace container_files
