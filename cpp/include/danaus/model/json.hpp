// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include <danaus/core/error.hpp>
#include <danaus/model/json_parse.hpp>

namespace danaus {

template <class Item>
class JsonRange;
struct JsonMember;

/// A value of a JSON document (RFC 8259, strictly: UTF-8 only, no duplicate keys, no more than 64
/// levels). A Json is a small handle, copied freely; the document lives as long as any handle to it.
/// An accessor that does not fit the value raises an Error which names the path to it, as in
/// `config.layers[2].width must be a non-negative integer, is the number -1`.
class Json {
 public:
  /// The value that `text` spells. `name` stands for the document in messages. Memory: the text
  /// once more, and at most eight bytes for each of its bytes.
  static Json parse(std::string_view text, std::string name = "document") {
    auto tape = std::make_shared<detail::JsonTape>();
    tape->name = std::move(name);
    tape->text = text;
    detail::JsonParser(*tape).document();
    return Json(std::move(tape), 0);
  }

  JsonKind kind() const noexcept { return node().kind; }
  bool is_null() const noexcept { return kind() == JsonKind::null; }

  bool boolean() const {
    expect(JsonKind::boolean, "boolean", "true or false");
    return scalar() == "true";
  }

  /// The nearest double.
  double number() const {
    expect(JsonKind::number, "number", "a number");
    double value = 0;
    read(value);
    return value;
  }

  /// Exactly, from an integer literal: `1.0`, `1e3` and `-0` are none.
  std::int64_t integer() const {
    std::int64_t value = 0;
    if (kind() != JsonKind::number || scalar() == "-0" || !read(value)) fail("integer", "an integer of 64 bits");
    return value;
  }

  /// As `integer`, for extents and counts.
  std::size_t size() const {
    std::size_t value = 0;
    if (kind() != JsonKind::number || !read(value)) fail("size", "a non-negative integer");
    return value;
  }

  std::string string() const { return std::string(text()); }

  /// As `string`, without a copy: valid as long as some handle to the document is.
  std::string_view text() const {
    expect(JsonKind::string, "string", "a string");
    return scalar();
  }

  /// Elements of an array or members of an object.
  std::size_t count() const {
    if (kind() != JsonKind::array && kind() != JsonKind::object) fail("count", "an array or an object");
    return node().size;
  }

  /// The elements of an array, in order: `for (const Json value : json.elements())`.
  JsonRange<Json> elements() const;

  /// The members of an object, in order: `for (const auto& [key, value] : json.items())`.
  JsonRange<JsonMember> items() const;

  /// The member `key` of an object, if it is there. Linear in the members.
  std::optional<Json> find(std::string_view key) const {
    expect(JsonKind::object, "find", "an object");
    for (std::uint32_t i = at_ + 1; i < node().end; i = tape_->nodes[i + 1].end) {
      if (tape_->scalar(i) == key) return Json(tape_, i + 1);
    }
    return std::nullopt;
  }

  /// The member `key` of an object.
  Json at(std::string_view key) const {
    std::optional<Json> value = find(key);
    if (!value) raise(concat("json.at: ", path(), " must have the member ", quoted(key), ", has ", keys()));
    return *std::move(value);
  }

  /// The element `index` of an array. Linear in the elements: to visit all, use `elements`.
  Json at(std::size_t index) const {
    expect(JsonKind::array, "at", "an array");
    if (index >= node().size) fail("at", concat("an array of more than ", index));
    std::uint32_t i = at_ + 1;
    for (; index > 0; --index) i = tape_->nodes[i].end;
    return Json(tape_, i);
  }

  /// Where this value stands: `name.key[index]`. Linear in the document; meant for messages.
  std::string path() const { return path(at_); }

  /// Raises an Error of the form `area.function: <path> must be <wanted>, is <what this is>`.
  [[noreturn]] void fail(std::string_view function, std::string_view wanted) const {
    raise(concat("json.", function, ": ", path(), " must be ", wanted, ", is ", described()));
  }

 private:
  template <class Item>
  friend class JsonRange;

  Json(std::shared_ptr<const detail::JsonTape> tape, std::uint32_t at) noexcept : tape_(std::move(tape)), at_(at) {}

  const detail::JsonNode& node() const noexcept { return tape_->nodes[at_]; }
  std::string_view scalar() const noexcept { return tape_->scalar(at_); }

  /// Whether the whole literal is a T.
  template <class T>
  bool read(T& value) const noexcept {
    const std::string_view literal = scalar();
    const char* const last = literal.data() + literal.size();
    const auto end = std::from_chars(literal.data(), last, value);
    return end.ec == std::errc{} && end.ptr == last;
  }

  void expect(JsonKind wanted, std::string_view function, std::string_view words) const {
    if (kind() != wanted) fail(function, words);
  }

  std::string described() const {
    switch (kind()) {
      case JsonKind::number:
        return concat("the number ", scalar().substr(0, 40));
      case JsonKind::string:
        return concat("the string ", quoted(scalar()));
      case JsonKind::array:
        return concat("an array of ", node().size);
      case JsonKind::object:
        return "an object";
      default:
        return std::string(scalar());
    }
  }

  /// The first few keys of an object.
  std::string keys() const {
    std::string list;
    std::uint32_t i = at_ + 1;
    for (std::size_t shown = 0; i < node().end && shown < 8; ++shown, i = tape_->nodes[i + 1].end) {
      list += concat(shown > 0 ? ", " : "", quoted(tape_->scalar(i), 40));
    }
    return list.empty() ? "none" : concat(list, i < node().end ? ", ..." : "");
  }

  /// The parent is the nearest node before this one that ends after it.
  std::string path(std::uint32_t at) const {
    if (at == 0) return tape_->name;
    const auto& nodes = tape_->nodes;
    std::uint32_t parent = at - 1;
    while (nodes[parent].end <= at) --parent;
    if (nodes[parent].kind == JsonKind::object) return concat(path(parent), ".", shown_key(tape_->scalar(at - 1)));
    std::size_t index = 0;
    for (std::uint32_t i = parent + 1; i < at; i = nodes[i].end) ++index;
    return concat(path(parent), "[", index, "]");
  }

  static std::string shown_key(std::string_view key) {
    for (const char c : key) {
      const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
      if (!plain) return quoted(key);
    }
    return key.size() > 60 ? quoted(key) : std::string(key);
  }

  std::shared_ptr<const detail::JsonTape> tape_;
  std::uint32_t at_;
};

struct JsonMember {
  std::string_view key;  ///< valid as long as `value` or another handle to the document
  Json value;
};

/// What `elements` and `items` give to a range-based for. Keeps the document alive.
template <class Item>
class JsonRange {
 public:
  struct End {};

  class Iterator {
   public:
    Iterator(Json parent, std::uint32_t at) noexcept : parent_(std::move(parent)), at_(at) {}
    Item operator*() const {
      if constexpr (keyed) {
        return {parent_.tape_->scalar(at_), Json(parent_.tape_, at_ + 1)};
      } else {
        return Json(parent_.tape_, at_);
      }
    }
    Iterator& operator++() noexcept {
      at_ = parent_.tape_->nodes[at_ + (keyed ? 1 : 0)].end;
      return *this;
    }
    bool operator==(End) const noexcept { return at_ == parent_.node().end; }

   private:
    static constexpr bool keyed = !std::is_same_v<Item, Json>;
    Json parent_;
    std::uint32_t at_;
  };

  explicit JsonRange(Json parent) noexcept : parent_(std::move(parent)) {}
  Iterator begin() const noexcept { return Iterator(parent_, parent_.at_ + 1); }
  End end() const noexcept { return {}; }

 private:
  Json parent_;
};

inline JsonRange<Json> Json::elements() const {
  expect(JsonKind::array, "elements", "an array");
  return JsonRange<Json>(*this);
}

inline JsonRange<JsonMember> Json::items() const {
  expect(JsonKind::object, "items", "an object");
  return JsonRange<JsonMember>(*this);
}

}  // namespace danaus
