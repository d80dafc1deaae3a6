// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace danaus {

/// The element types of safetensors, in the order of the format's reference implementation, which
/// is also the order of their alignment.
enum class DType : std::uint8_t {
  boolean,
  f4,
  f6_e2m3,
  f6_e3m2,
  u8,
  i8,
  f8_e5m2,
  f8_e4m3,
  f8_e8m0,
  f8_e4m3fnuz,
  f8_e5m2fnuz,
  i16,
  u16,
  f16,
  bf16,
  i32,
  u32,
  f32,
  c64,
  f64,
  i64,
  u64,
};

namespace detail {

struct DTypeInfo {
  std::string_view name;
  std::size_t bits;
};

inline constexpr std::array<DTypeInfo, 22> dtypes = {
    {{"BOOL", 8},    {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6},     {"U8", 8},          {"I8", 8},
     {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"I16", 16},
     {"U16", 16},    {"F16", 16},    {"BF16", 16},   {"I32", 32},        {"U32", 32},        {"F32", 32},
     {"C64", 64},    {"F64", 64},    {"I64", 64},    {"U64", 64}}};

}  // namespace detail

/// The name that the format gives the type, such as `BF16`.
constexpr std::string_view dtype_name(DType type) noexcept {
  return detail::dtypes[static_cast<std::size_t>(type)].name;
}

/// Bits of one element; some types have fewer than eight.
constexpr std::size_t dtype_bits(DType type) noexcept {
  return detail::dtypes[static_cast<std::size_t>(type)].bits;
}

/// The type that the format calls `text`, if there is one.
constexpr std::optional<DType> dtype_named(std::string_view text) noexcept {
  for (std::size_t i = 0; i < detail::dtypes.size(); ++i) {
    if (detail::dtypes[i].name == text) return static_cast<DType>(i);
  }
  return std::nullopt;
}

/// IEEE 754 binary16 to binary32, exactly. The exponent is rebiased by adding 112; infinities and
/// NaN need as much again, and what was denormal is normalised by one subtraction.
constexpr float float_from_f16(std::uint16_t half) noexcept {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000u) << 16;
  const std::uint32_t magnitude = static_cast<std::uint32_t>(half & 0x7FFFu) << 13;
  const std::uint32_t exponent = magnitude & 0x0F800000u;
  std::uint32_t rebiased = magnitude + (112u << 23);
  if (exponent == 0x0F800000u) rebiased += 112u << 23;
  if (exponent == 0) {
    rebiased = std::bit_cast<std::uint32_t>(std::bit_cast<float>(rebiased + (1u << 23)) - 0x1p-14f);
  }
  return std::bit_cast<float>(sign | rebiased);
}

/// bfloat16 is the upper half of a binary32.
constexpr float float_from_bf16(std::uint16_t half) noexcept {
  return std::bit_cast<float>(static_cast<std::uint32_t>(half) << 16);
}

}  // namespace danaus
