// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <check.hpp>
#include <danaus/model/container.hpp>
#include <model/container_files.hpp>

using container_files::Bytes;
using container_files::file_of;
using container_files::one;
using container_files::opened;
using container_files::sample;
using danaus::Container;
using danaus::Error;
using danaus::Tensor;

namespace {

/// A header of tensors of bytes that lie there.
std::string bytes_at(const std::vector<std::pair<int, int>>& ranges) {
  std::string header;
  for (const auto& [begin, end] : ranges) {
    const std::string name = danaus::concat("t", header.size());
    header += danaus::concat(header.empty() ? "{\"" : ",\"", name, "\":{\"dtype\":\"U8\",\"shape\":[", end - begin,
                             "],\"data_offsets\":[", begin, ",", end, "]}");
  }
  return header + "}";
}

}  // namespace

TEST(container_refuses_a_wrong_frame) {
  for (std::size_t n = 0; n < 8; ++n) {
    CHECK_RAISES(Container::from_bytes(Bytes(n)), Error, "must hold at least 8 bytes, holds " + std::to_string(n));
  }
  Bytes file = file_of("{}", 0);
  const auto with_size = [&file](std::uint64_t size) {
    std::memcpy(file.data(), &size, 8);
    return file;
  };
  CHECK_RAISES(Container::from_bytes(with_size(3)), Error, "the header must end within the 10 bytes, has 3 bytes");
  CHECK_RAISES(Container::from_bytes(with_size(100'000'000)), Error, "the header must end within");
  CHECK_RAISES(Container::from_bytes(with_size(100'000'001)), Error, "at most 100000000 bytes, has 100000001");
  CHECK_RAISES(Container::from_bytes(with_size(~std::uint64_t{0})), Error, "has 18446744073709551615");
  CHECK_RAISES(Container::from_bytes(with_size(~std::uint64_t{0} - 7)), Error, "at most 100000000 bytes");
  CHECK_RAISES(Container::from_bytes(with_size(0)), Error, "must begin with {, begins with \"\"");
  CHECK_RAISES(Container::from_bytes(with_size(1)), Error, "json.parse: header must have a key in quotes at byte 1");
}

TEST(container_refuses_a_header_that_is_no_object) {
  for (const char* const header : {"[]", " {}", "null", "\"{}\"", "1", "\n{}"}) {
    CHECK_RAISES(opened(header), Error, "must begin with {");
  }
  CHECK_RAISES(opened("{}}"), Error, "json.parse: header must have nothing more at byte 2");
  CHECK_RAISES(opened(std::string_view("{}\0", 3)), Error, "nothing more");
  CHECK_RAISES(opened("{\"a\xFF\":1}"), Error, "well-formed UTF-8 at byte 3");
  CHECK_RAISES(opened("{\"w\":" + std::string(100, '[')), Error, "at most 64 levels");
  CHECK(opened("{}").tensors().empty() && opened("{}      ").tensors().empty() &&
        opened("{ \n\t}\r\n").metadata().empty());
}

TEST(container_refuses_wrong_metadata) {
  CHECK_RAISES(opened("{\"__metadata__\":null}"), Error, "header.__metadata__ must be an object, is null");
  CHECK_RAISES(opened("{\"__metadata__\":[]}"), Error, "must be an object, is an array");
  CHECK_RAISES(opened("{\"__metadata__\":{\"a\":1}}"), Error,
               "header.__metadata__.a must be a string, is the number 1");
  CHECK_RAISES(opened("{\"__metadata__\":{\"a\":{}}}"), Error, "must be a string, is an object");
  CHECK_RAISES(opened("{\"__metadata__\":{\"a\":\"\",\"a\":\"\"}}"), Error, "has \"a\" twice");
  CHECK(opened("{\"__metadata__\":{}}").metadata().empty());
}

TEST(container_refuses_entries_that_are_not_of_the_form) {
  CHECK_RAISES(opened("{\"w\":1}"), Error, "header.w must be an object, is the number 1");
  CHECK_RAISES(opened("{\"w\":{}}"), Error, "header.w must have the member \"dtype\", has none");
  CHECK_RAISES(opened("{\"w\":{\"dtype\":\"U8\"}}"), Error, "must have the member \"shape\", has \"dtype\"");
  CHECK_RAISES(opened("{\"w\":{\"dtype\":\"U8\",\"shape\":[0]}}"), Error, "must have the member \"data_offsets\"");
  CHECK_RAISES(opened(one("Q8", "[0]", "[0,0]")), Error, "tensor \"w\" must have a dtype of the format, has \"Q8\"");
  CHECK_RAISES(opened(one("f32", "[0]", "[0,0]")), Error, "has \"f32\"");
  CHECK_RAISES(opened(one("", "[0]", "[0,0]")), Error, "has \"\"");
  CHECK_RAISES(opened("{\"w\":{\"dtype\":8,\"shape\":[],\"data_offsets\":[0,0]}}"), Error,
               "header.w.dtype must be a string");
  const std::string twice = one("U8", "[0]", "[0,0]");
  CHECK_RAISES(opened(twice.substr(0, twice.size() - 1) + "," + twice.substr(1)), Error, "has \"w\" twice");
  CHECK(opened("{\"w\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0],\"new\":[{}]}}").tensors().size() == 1);
}

TEST(container_refuses_absurd_shapes) {
  const auto extents = [](std::size_t n) {
    std::string shape = "[1";
    for (std::size_t i = 1; i < n; ++i) shape += ",1";
    return shape + "]";
  };
  CHECK(opened(one("U8", extents(32), "[0,1]"), 1).at("w").shape.size() == 32);
  CHECK_RAISES(opened(one("U8", extents(33), "[0,1]"), 1), Error, "at most 32 dimensions, has 33");
  CHECK_RAISES(opened(one("U8", "7", "[0,7]"), 7), Error, "header.w.shape must be an array, is the number 7");
  CHECK_RAISES(opened(one("U8", "{\"a\":1}", "[0,7]"), 7), Error, "header.w.shape must be an array");
  for (const char* const extent : {"-1", "1.0", "1e0", "\"1\"", "null", "[1]", "18446744073709551616", "-0"}) {
    CHECK_RAISES(opened(one("U8", danaus::concat("[", extent, "]"), "[0,1]"), 1), Error,
                 "header.w.shape[0] must be a non-negative integer");
  }
  for (const char* const shape : {"[18446744073709551615]", "[4294967296,4294967296]", "[2305843009213693952]",
                                  "[1,9223372036854775808,2]", "[4294967296,4294967296,0]"}) {
    CHECK_RAISES(opened(one("U8", shape, "[0,0]")), Error, "a whole number of bytes that fits in memory");
  }
  CHECK(opened(one("F64", "[0,18446744073709551615]", "[0,0]")).at("w").bytes.empty());
}

TEST(container_refuses_absurd_offsets) {
  const auto bad = [](const char* offsets, std::size_t data = 4) { return opened(one("U8", "[4]", offsets), data); };
  CHECK(bad("[0,4]").at("w").bytes.size() == 4);
  CHECK_RAISES(bad("[0,5]"), Error, "tensor \"w\" must end within the 4 bytes of data, has bytes 0 to 5");
  CHECK_RAISES(bad("[0,18446744073709551615]"), Error, "must end within");
  CHECK_RAISES(bad("[18446744073709551615,3]"), Error, "must begin before it ends");
  CHECK_RAISES(bad("[4,0]"), Error, "must begin before it ends, has bytes 4 to 0");
  CHECK_RAISES(bad("[0,3]"), Error, "must take the 4 bytes of U8[4], has bytes 0 to 3");
  CHECK_RAISES(bad("[0,4]", 3), Error, "must end within the 3 bytes");
  CHECK_RAISES(bad("[-1,3]"), Error, "header.w.data_offsets[0] must be a non-negative integer, is the number -1");
  CHECK_RAISES(bad("[0,4.0]"), Error, "header.w.data_offsets[1] must be a non-negative integer");
  CHECK_RAISES(bad("[0,\"4\"]"), Error, "header.w.data_offsets[1]");
  CHECK_RAISES(bad("[0]"), Error, "must be an array of two offsets, is an array of 1");
  CHECK_RAISES(bad("[0,4,4]"), Error, "must be an array of two offsets");
  CHECK_RAISES(bad("{\"a\":0,\"b\":4}"), Error, "header.w.data_offsets must be an array");
  CHECK_RAISES(bad("4"), Error, "header.w.data_offsets must be");
}

TEST(container_tensors_cover_the_data) {
  using Ranges = std::vector<std::pair<int, int>>;
  const auto laid_out = [](const Ranges& ranges, std::size_t data) { return opened(bytes_at(ranges), data); };
  CHECK(laid_out({{2, 5}, {0, 2}, {2, 2}, {0, 0}, {5, 5}}, 5).tensors().size() == 5);
  CHECK_RAISES(laid_out({{0, 2}, {1, 3}}, 3), Error, "must begin at byte 2 of the data, where the one before ends");
  CHECK_RAISES(laid_out({{0, 3}, {0, 3}}, 3), Error, "must begin at byte 3");
  CHECK_RAISES(laid_out({{0, 3}, {1, 2}}, 3), Error, "begins at 1");
  CHECK_RAISES(laid_out({{0, 1}, {2, 3}}, 3), Error, "must begin at byte 1 of the data");
  CHECK_RAISES(laid_out({{1, 3}}, 3), Error, "must begin at byte 0 of the data");
  CHECK_RAISES(laid_out({{0, 2}, {1, 1}}, 2), Error, "must begin at byte 2 of the data");
  CHECK_RAISES(laid_out({{0, 2}}, 3), Error, "the tensors must cover the 3 bytes of data, cover 2");
  CHECK_RAISES(laid_out({{0, 2}, {3, 3}}, 3), Error, "must begin at byte 2 of the data");
  CHECK_RAISES(opened("{}", 1), Error, "the tensors must cover the 1 bytes of data, cover 0");
}

TEST(container_truncated_anywhere_raises) {
  const Bytes whole = sample();
  for (std::size_t n = 0; n < whole.size(); ++n) {
    CHECK_RAISES(Container::from_bytes(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n))), Error,
                 "must");
  }
  Bytes longer = whole;
  longer.push_back({});
  CHECK_RAISES(Container::from_bytes(longer), Error, "must cover");
}

TEST(container_with_any_byte_of_the_header_changed_raises_or_reads) {
  const Bytes whole = sample();
  std::uint64_t header = 0;
  std::memcpy(&header, whole.data(), 8);
  std::size_t read = 0, refused = 0;
  for (std::size_t i = 0; i < 8 + header; ++i) {
    for (unsigned value = 0; value < 256; ++value) {
      Bytes bytes = whole;
      bytes[i] = static_cast<std::byte>(value);
      try {
        const Container container = Container::from_bytes(std::move(bytes));
        std::size_t total = 0;
        for (const Tensor& tensor : container.tensors()) total += tensor.bytes.size();
        CHECK(total == whole.size() - 8 - header);
        ++read;
      } catch (const Error&) {
        ++refused;
      }
    }
  }
  CHECK(read > 8 + header && refused > read);
}
