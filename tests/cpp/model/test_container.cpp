// SPDX-License-Identifier: Apache-2.0
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <check.hpp>
#include <danaus/model/container.hpp>
#include <danaus/model/container_write.hpp>
#include <model/container_files.hpp>

using container_files::one;
using container_files::opened;
using container_files::sample;
using danaus::any_extent;
using danaus::Container;
using danaus::DType;
using danaus::Error;
using danaus::Tensor;

namespace {

/// Every pattern of sixteen bits: (-1)^s 2^(e - bias) (1 + m / 2^p), and so on, spelled out.
double sixteen_bits(unsigned pattern, int mantissa_bits, int bias) {
  const double sign = pattern >> 15 != 0 ? -1 : 1;
  const int exponent = static_cast<int>(pattern & 0x7FFFu) >> mantissa_bits;
  const int mantissa = static_cast<int>(pattern) & ((1 << mantissa_bits) - 1);
  if (exponent == (0x7FFF >> mantissa_bits)) return mantissa != 0 ? std::nan("") : sign * HUGE_VAL;
  if (exponent == 0) return sign * std::ldexp(mantissa, 1 - bias - mantissa_bits);
  return sign * std::ldexp(mantissa + (1 << mantissa_bits), exponent - bias - mantissa_bits);
}

}  // namespace

TEST(container_gives_back_what_was_written) {
  const Container container = Container::from_bytes(sample());
  CHECK(container.tensors().size() == 4);
  CHECK(container.tensors()[0].name == "layers.0.poles" && container.tensors()[3].name == "scale");
  CHECK(container.metadata().size() == 2 && container.metadata().find("quote \"\\\n")->second == "\xC3\xA9");
  CHECK((container.floats("layers.0.weight", {2, 3}) == std::vector<float>{1, -2, 3.5f, 0, 1e-40f, 6}));
  CHECK((container.doubles("layers.0.weight", {any_extent, 3}) == std::vector<double>{1, -2, 3.5, 0, 1e-40f, 6}));
  CHECK((container.doubles("layers.0.poles", {2}) == std::vector<double>{0.1, 1e300}));
  CHECK((container.floats("scale", {}) == std::vector<float>{7}));
  CHECK(container.floats("none", {any_extent, any_extent}).empty());
  CHECK(container.at("scale").dtype == DType::f32 && container.at("layers.0.poles").dtype == DType::f64);
  CHECK(container.find("layers.0") == nullptr && container.find("") == nullptr && container.find("z") == nullptr);
}

TEST(container_moves_without_moving_its_bytes) {
  static_assert(!std::is_copy_constructible_v<Container> && std::is_nothrow_move_constructible_v<danaus::FileBytes>);
  Container first = Container::from_bytes(sample());
  const std::byte* const where = first.at("scale").bytes.data();
  const Container second = std::move(first);
  CHECK(second.at("scale").bytes.data() == where && second.floats("scale", {})[0] == 7);
}

TEST(container_reads_at_any_alignment) {
  for (std::size_t pad = 0; pad < 9; ++pad) {
    std::string header = one("F64", "[1]", "[1,9]");
    header.back() = ',';
    header += "\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}" + std::string(pad, ' ');
    const double want = std::bit_cast<double>(std::uint64_t{0x0807060504030201});
    CHECK(opened(header, 9).doubles("w", {1})[0] == want);
  }
}

TEST(container_knows_every_dtype_of_the_format) {
  for (const auto& info : danaus::detail::dtypes) {
    const auto type = danaus::dtype_named(info.name);
    CHECK(type.has_value() && danaus::dtype_name(*type) == info.name && danaus::dtype_bits(*type) == info.bits);
    const Container container = opened(one(info.name, "[4,2]", danaus::concat("[0,", info.bits, "]")), info.bits);
    CHECK(container.at("w").dtype == *type && container.at("w").bytes.size() == info.bits);
    const bool real = info.name == "F16" || info.name == "BF16" || info.name == "F32" || info.name == "F64";
    if (real) {
      CHECK(container.floats("w", {4, 2}).size() == 8);
    } else {
      CHECK_RAISES(container.floats("w", {4, 2}), Error,
                   "tensor \"w\" must be F16, BF16, F32 or F64, is " + std::string(info.name));
      CHECK_RAISES(container.doubles("w", {4, 2}), Error, "container.floats");
    }
  }
  CHECK_RAISES(opened(one("F4", "[3]", "[0,1]"), 1), Error, "whole number of bytes");
}

TEST(container_converts_every_f16_and_bf16_exactly) {
  std::vector<std::uint16_t> patterns(65536);
  for (std::size_t i = 0; i < patterns.size(); ++i) patterns[i] = static_cast<std::uint16_t>(i);
  const Tensor f16{"f16", DType::f16, {65536}, std::as_bytes(std::span(patterns))};
  const Tensor bf16{"bf16", DType::bf16, {65536}, std::as_bytes(std::span(patterns))};
  for (const auto& [tensor, mantissa, bias] : {std::tuple{f16, 10, 15}, std::tuple{bf16, 7, 127}}) {
    const std::vector<float> floats = danaus::elements_as<float>(tensor);
    const std::vector<double> doubles = danaus::elements_as<double>(tensor);
    for (unsigned i = 0; i < patterns.size(); ++i) {
      const double want = sixteen_bits(i, mantissa, bias);
      const bool nan = std::isnan(want) && std::isnan(floats[i]) && std::isnan(doubles[i]);
      const bool same = floats[i] == want && doubles[i] == want && std::signbit(floats[i]) == std::signbit(want);
      if (!nan && !same) check::fail(__FILE__, __LINE__, tensor.name.c_str(), check::numbers(floats[i], want));
    }
  }
}

TEST(container_checks_the_shape_asked_for) {
  const Container container = Container::from_bytes(sample());
  CHECK_RAISES(container.floats("layers.0.weight", {3, 2}), Error,
               "container.shape: tensor \"layers.0.weight\" must have shape [3, 2], has [2, 3]");
  CHECK_RAISES(container.floats("layers.0.weight", {6}), Error, "must have shape [6], has [2, 3]");
  CHECK_RAISES(container.doubles("layers.0.weight", {any_extent, 2, 1}), Error, "must have shape [?, 2, 1]");
  CHECK_RAISES(container.floats("scale", {1}), Error, "must have shape [1], has []");
}

TEST(container_names_what_it_has) {
  CHECK_RAISES(Container::from_bytes(sample()).at("layers.0.bias"), Error,
               "container.at: must hold the tensor \"layers.0.bias\", has \"layers.0.poles\", \"layers.0.weight\", "
               "\"none\", \"scale\"");
  CHECK_RAISES(opened("{}").at("x"), Error, "has none");
  std::vector<Tensor> many;
  for (int i = 100; i < 200; ++i) many.push_back({danaus::concat("t", i), DType::u8, {0}, {}});
  const Container container = Container::from_bytes(danaus::safetensors_bytes(many));
  CHECK_RAISES(container.at("t150x"), Error,
               "has ..., \"t147\", \"t148\", \"t149\", \"t150\", \"t151\", \"t152\", \"t153\", \"t154\", ...");
  CHECK_RAISES(container.at("a"), Error, "has \"t100\", \"t101\"");
  CHECK_RAISES(container.at("z"), Error, "\"t198\", \"t199\"");
}
