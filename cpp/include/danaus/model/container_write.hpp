// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <danaus/core/error.hpp>
#include <danaus/model/container.hpp>
#include <danaus/model/tensor.hpp>
#include <danaus/model/text.hpp>

namespace danaus {

/// A view of `values` as a tensor, for writing. The values must outlive it.
template <class T>
  requires(std::is_same_v<T, float> || std::is_same_v<T, double>)
Tensor tensor_over(std::string name, std::span<const T> values, Shape shape) {
  return {std::move(name), sizeof(T) == 4 ? DType::f32 : DType::f64, std::move(shape), std::as_bytes(values)};
}

namespace detail {

/// `text` as a JSON string.
inline std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_length(text.substr(i));
    require(length > 0,
            [&] { return concat("container.write: names and metadata must be UTF-8, has ", quoted(text)); });
    if (static_cast<unsigned char>(text[i]) < 0x20) {
      std::array<char, 8> escape{};
      std::snprintf(escape.data(), escape.size(), "\\u%04x", static_cast<unsigned>(text[i]));
      out += escape.data();
    } else {
      if (text[i] == '"' || text[i] == '\\') out += '\\';
      out += text.substr(i, length);
    }
    i += length;
  }
  out += '"';
  return out;
}

inline std::string joined(const Shape& extents) {
  std::string out;
  for (const std::size_t extent : extents) out += concat(out.empty() ? "[" : ",", extent);
  return out.empty() ? "[]" : concat(out, "]");
}

inline void expect_writable(const std::vector<const Tensor*>& tensors) {
  std::vector<std::string_view> names;
  for (const Tensor* const tensor : tensors) {
    require(tensor->shape.size() <= Container::rank_limit &&
                tensor_bytes(tensor->dtype, tensor->shape) == tensor->bytes.size(),
            [&] {
              return concat("container.write: tensor ", quoted(tensor->name), " must have the bytes of ",
                            dtype_name(tensor->dtype), shape_text(tensor->shape), ", has ", tensor->bytes.size());
            });
    names.push_back(tensor->name);
  }
  names.push_back("__metadata__");
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  require(twice == names.end(), [&] {
    return concat("container.write: every tensor must have a name of its own, other than __metadata__; has ",
                  quoted(*twice), " twice");
  });
}

}  // namespace detail

/// The bytes of a safetensors file. Tensors stand in the order of the reference implementation: by
/// descending alignment, then by name; the data begins at a multiple of eight bytes.
inline std::vector<std::byte> safetensors_bytes(std::span<const Tensor> tensors, const Metadata& metadata = {}) {
  std::vector<const Tensor*> order;
  for (const Tensor& tensor : tensors) order.push_back(&tensor);
  detail::expect_writable(order);
  std::sort(order.begin(), order.end(), [](const Tensor* a, const Tensor* b) {
    return a->dtype != b->dtype ? a->dtype > b->dtype : a->name < b->name;
  });

  std::string header;
  for (const auto& [key, value] : metadata) {
    header +=
        concat(header.empty() ? "{\"__metadata__\":{" : ",", detail::json_string(key), ":", detail::json_string(value));
  }
  header += header.empty() ? "{" : "}";
  std::size_t end = 0;
  for (const Tensor* const tensor : order) {
    const std::size_t begin = end;
    end += tensor->bytes.size();
    header += concat(header.size() > 1 ? "," : "", detail::json_string(tensor->name), ":{\"dtype\":\"",
                     dtype_name(tensor->dtype), "\",\"shape\":", detail::joined(tensor->shape),
                     ",\"data_offsets\":", detail::joined({begin, end}), "}");
  }
  header += "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  require(header.size() <= Container::header_limit, [] { return "container.write: the header must be below 100 MB"; });

  std::vector<std::byte> file(8 + header.size() + end);
  std::byte* next = file.data();
  const auto append = [&next](std::span<const std::byte> bytes) { next = std::copy(bytes.begin(), bytes.end(), next); };
  const std::uint64_t size = header.size();
  append(std::as_bytes(std::span(&size, 1)));
  append(std::as_bytes(std::span(header)));
  for (const Tensor* const tensor : order) append(tensor->bytes);
  return file;
}

/// Writes a safetensors file. It is written beside `path` and then renamed, so that whoever reads or
/// has mapped the file that was there keeps that one whole.
inline void write_safetensors(const std::string& path, std::span<const Tensor> tensors, const Metadata& metadata = {}) {
  const std::vector<std::byte> bytes = safetensors_bytes(tensors, metadata);
  const std::string part = path + ".part";
  errno = 0;
  std::FILE* const file = std::fopen(part.c_str(), "wb");
  bool written = file != nullptr && std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
  if (file != nullptr) written = std::fclose(file) == 0 && written;
  written = written && std::rename(part.c_str(), path.c_str()) == 0;
  if (written) return;
  const int code = errno;
  if (file != nullptr) std::remove(part.c_str());
  raise<FileError>(concat("file.write: ", quoted(path, 400),
                          " must be a file that can be written: ", std::generic_category().message(code)));
}

}  // namespace danaus
