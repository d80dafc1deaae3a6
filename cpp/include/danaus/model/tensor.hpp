// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <danaus/core/error.hpp>
#include <danaus/model/dtype.hpp>
#include <danaus/model/text.hpp>

namespace danaus {

static_assert(std::endian::native == std::endian::little, "safetensors are little-endian");

using Shape = std::vector<std::size_t>;

/// In an expected shape: whatever the file has.
inline constexpr std::size_t any_extent = std::numeric_limits<std::size_t>::max();

/// `[2, 3]`, with `?` for any_extent.
inline std::string shape_text(const Shape& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    text += concat(i > 0 ? ", " : "", shape[i] == any_extent ? "?" : std::to_string(shape[i]));
  }
  text += "]";
  return text;
}

/// A named array in a container, row-major. `bytes` are the container's and may lie at any address.
struct Tensor {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
  std::span<const std::byte> bytes;
};

namespace detail {

/// Bytes of `shape` elements, nothing where that is no whole number or none that fits.
inline std::optional<std::size_t> tensor_bytes(DType dtype, const Shape& shape) noexcept {
  std::size_t total = dtype_bits(dtype);
  for (const std::size_t extent : shape) {
    if (extent > 0 && total > std::numeric_limits<std::size_t>::max() / extent) return std::nullopt;
    total *= extent;
  }
  if (total % 8 != 0) return std::nullopt;
  return total / 8;
}

template <class T, class Stored, class Convert>
std::vector<T> copy_as(std::span<const std::byte> from, Convert convert) {
  std::vector<T> to(from.size() / sizeof(Stored));
  for (std::size_t i = 0; i < to.size(); ++i) {
    Stored element;
    std::memcpy(&element, from.data() + i * sizeof element, sizeof element);
    to[i] = static_cast<T>(convert(element));
  }
  return to;
}

}  // namespace detail

/// `tensor`, which must have the extents of `expected`, where any_extent matches all.
inline const Tensor& expect_shape(const Tensor& tensor, const Shape& expected) {
  const auto agrees = [](std::size_t got, std::size_t want) { return want == any_extent || got == want; };
  require(std::equal(tensor.shape.begin(), tensor.shape.end(), expected.begin(), expected.end(), agrees), [&] {
    return concat("container.shape: tensor ", quoted(tensor.name), " must have shape ", shape_text(expected), ", has ",
                  shape_text(tensor.shape));
  });
  return tensor;
}

/// A copy of the elements of a tensor of F16, BF16, F32 or F64 as T: float or double.
template <std::floating_point T>
std::vector<T> elements_as(const Tensor& tensor) {
  const auto same = [](auto x) noexcept { return x; };
  switch (tensor.dtype) {
    case DType::f16:
      return detail::copy_as<T, std::uint16_t>(tensor.bytes, float_from_f16);
    case DType::bf16:
      return detail::copy_as<T, std::uint16_t>(tensor.bytes, float_from_bf16);
    case DType::f32:
      return detail::copy_as<T, float>(tensor.bytes, same);
    case DType::f64:
      return detail::copy_as<T, double>(tensor.bytes, same);
    default:
      raise(concat("container.floats: tensor ", quoted(tensor.name), " must be F16, BF16, F32 or F64, is ",
                   dtype_name(tensor.dtype)));
  }
}

}  // namespace danaus
