// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <danaus/core/error.hpp>
#include <danaus/model/json.hpp>

namespace {

using danaus::Json;
using danaus::JsonKind;

void expect(bool holds) {
  if (!holds) std::abort();
}

/// Calls `f`, which may raise an Error but nothing else. Whether it did not.
template <class F>
bool works(const F& f) {
  try {
    f();
    return true;
  } catch (const danaus::Error&) {
    return false;
  }
}

/// Calls every accessor; exactly those that fit the kind work.
void try_accessors(const Json& json) {
  const JsonKind kind = json.kind();
  const bool object = kind == JsonKind::object, array = kind == JsonKind::array;
  expect(works([&] { static_cast<void>(json.boolean()); }) == (kind == JsonKind::boolean));
  expect(works([&] { static_cast<void>(json.number()); }) == (kind == JsonKind::number));
  expect(works([&] { static_cast<void>(json.string()); }) == (kind == JsonKind::string));
  expect(works([&] { static_cast<void>(json.count()); }) == (object || array));
  expect(works([&] { static_cast<void>(json.find("")); }) == object);
  expect(!works([&] { static_cast<void>(json.at(SIZE_MAX)); }));
  const bool integer = works([&] { static_cast<void>(json.integer()); });
  const bool size = works([&] { static_cast<void>(json.size()); });
  expect(!integer || static_cast<double>(json.integer()) == json.number());
  expect(!size || static_cast<double>(json.size()) == json.number());
}

/// Walks over all values and counts them. The accessors of the first few are enough: raising is slow.
std::size_t visit(const Json& json, std::size_t before = 0) {
  const bool object = json.kind() == JsonKind::object, array = json.kind() == JsonKind::array;
  if (before < 8) try_accessors(json);
  std::size_t values = 1, count = 0;
  if (array) {
    for (const Json element : json.elements()) values += visit(element, before + values), ++count;
  }
  if (object) {
    for (const auto& [key, value] : json.items()) {
      expect(json.find(key).has_value());
      values += visit(value, before + values), ++count;
    }
  }
  expect(!(object || array) || count == json.count());
  return values;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  works([&] { expect(visit(Json::parse(text)) <= size); });
  return 0;
}
