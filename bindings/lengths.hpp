// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "arrays.hpp"

// Sequences of different lengths in one batch (batch, length, channels): what lies beyond a sequence's end is not read.
namespace danaus::bindings {

using namespace nb::literals;

/// How many samples each sequence of a batch has: `whole`, or fewer where they are given.
struct Lengths {
  std::size_t whole = 0;
  std::vector<std::size_t> each = {};

  std::size_t operator[](std::size_t b) const noexcept { return each.empty() ? whole : each[b]; }
};

/// `lengths`, integers (batch,) in 0 .. u.shape(1) or None, for u (batch, length, channels).
inline Lengths lengths_of(const char* where, const nb::object& lengths, const std::vector<std::size_t>& u) {
  Lengths found{u.size() < 2 ? 0 : u[u.size() - 2]};
  if (lengths.is_none()) return found;
  const std::string what = std::string(where) + ": lengths";
  if (u.size() != 3) {
    throw nb::value_error((what + " need u of shape (batch, length, H), it has " + shape_text(u)).c_str());
  }
  const nb::module_ numpy = nb::module_::import_("numpy");
  nb::object array = numpy.attr("asarray")(lengths);
  const std::string kind = nb::cast<std::string>(array.attr("dtype").attr("kind"));
  if (kind != "i" && kind != "u") {
    const nb::object type = array.attr("dtype");
    throw nb::type_error((what + " must be integers, are " + nb::str(nb::handle(type)).c_str()).c_str());
  }
  array = numpy.attr("ascontiguousarray")(array, "dtype"_a = "int64");
  const Input<std::int64_t> values(where, "lengths", nb::cast<Array>(array));
  expect_shape(where, "lengths", values.shape(), {u[0]});
  for (const std::int64_t value : values.span()) {
    if (value < 0 || static_cast<std::size_t>(value) > found.whole) {
      throw nb::value_error(
          (what + " must be from 0 to " + std::to_string(found.whole) + ", one is " + std::to_string(value)).c_str());
    }
    found.each.push_back(static_cast<std::size_t>(value));
  }
  return found;
}

/// y (batch, length, channels), one after the other: 0 beyond each sequence's end.
template <class T>
void clear_beyond(const Lengths& lengths, T* y, std::size_t batch, std::size_t channels) noexcept {
  for (std::size_t b = 0; b < batch; ++b) {
    std::fill(y + (b * lengths.whole + lengths[b]) * channels, y + (b + 1) * lengths.whole * channels, T(0));
  }
}

}  // namespace danaus::bindings
