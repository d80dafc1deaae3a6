// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <danaus/core/error.hpp>
#include <danaus/model/text.hpp>

namespace danaus {

enum class JsonKind : std::uint8_t { null, boolean, number, string, array, object };

namespace detail {

/// One value, or the key of a member. A container is followed by what it holds, in order.
struct JsonNode {
  std::uint32_t begin;  ///< where its text begins; for a string, the first byte inside the quotes
  std::uint32_t size;   ///< bytes of a scalar; elements of an array; members of an object
  std::uint32_t end;    ///< index of the first node after this one and all that it holds
  JsonKind kind;
};

/// A whole document: the text, with the strings unescaped in place, and 16 bytes for each value.
struct JsonTape {
  std::string name;
  std::string text;
  std::vector<JsonNode> nodes;

  std::string_view scalar(std::size_t i) const noexcept {
    return std::string_view(text).substr(nodes[i].begin, nodes[i].size);
  }
};

/// Writes `tape.nodes` from `tape.text`, or raises. The stack is bounded by `depth_limit`, memory by
/// eight bytes for each byte of text.
class JsonParser {
 public:
  static constexpr std::size_t depth_limit = 64;

  explicit JsonParser(JsonTape& tape) : tape_(tape), text_(tape.text) {}

  void document() {
    require(text_.size() < std::numeric_limits<std::uint32_t>::max(),
            [&] { return concat("json.parse: ", tape_.name, " must be shorter than 4 GiB"); });
    tape_.nodes.reserve(std::min(text_.size() / 2 + 1, values_at_most()));
    skip_space();
    value(0);
    skip_space();
    if (at_ < text_.size()) fail("nothing more");
  }

 private:
  /// Every value but the first stands behind one of these.
  std::size_t values_at_most() const noexcept {
    const auto opens = [](char c) { return c == '[' || c == '{' || c == ',' || c == ':'; };
    return 2 + static_cast<std::size_t>(std::count_if(text_.begin(), text_.end(), opens));
  }

  char peek() const noexcept { return at_ < text_.size() ? text_[at_] : '\0'; }

  bool take(char c) noexcept {
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  void skip_space() noexcept {
    while (at_ < text_.size() && std::string_view(" \t\n\r").find(text_[at_]) != std::string_view::npos) ++at_;
  }

  [[noreturn]] void fail(const char* wanted) const {
    const std::string has = at_ < text_.size() ? concat("has ", quoted(std::string_view(text_).substr(at_), 12))
                                               : std::string("ends there");
    raise(concat("json.parse: ", tape_.name, " must have ", wanted, " at byte ", at_, ", ", has));
  }

  std::size_t push(JsonKind kind, std::size_t begin, std::size_t size) {
    const std::size_t index = tape_.nodes.size();
    tape_.nodes.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(size),
                           static_cast<std::uint32_t>(index + 1), kind});
    return index;
  }

  void close(std::size_t index, std::size_t count) noexcept {
    tape_.nodes[index].size = static_cast<std::uint32_t>(count);
    tape_.nodes[index].end = static_cast<std::uint32_t>(tape_.nodes.size());
  }

  void value(std::size_t depth) {
    const char c = peek();
    if ((c == '{' || c == '[') && depth == depth_limit) fail("at most 64 levels of arrays and objects");
    if (c == '{') return object(depth);
    if (c == '[') return array(depth);
    if (c == '"') return string();
    if (c == 't') return word("true", JsonKind::boolean);
    if (c == 'f') return word("false", JsonKind::boolean);
    if (c == 'n') return word("null", JsonKind::null);
    number();
  }

  void array(std::size_t depth) {
    const std::size_t index = push(JsonKind::array, at_++, 0);
    skip_space();
    if (take(']')) return;
    for (std::size_t count = 1;; ++count) {
      skip_space();
      value(depth + 1);
      skip_space();
      if (take(']')) return close(index, count);
      if (!take(',')) fail("a comma or the closing bracket");
    }
  }

  void object(std::size_t depth) {
    const std::size_t index = push(JsonKind::object, at_++, 0);
    skip_space();
    if (take('}')) return;
    for (std::size_t count = 1;; ++count) {
      skip_space();
      if (peek() != '"') fail("a key in quotes");
      string();
      skip_space();
      if (!take(':')) fail("a colon after the key");
      skip_space();
      value(depth + 1);
      skip_space();
      if (take('}')) {
        close(index, count);
        return refuse_duplicates(index);
      }
      if (!take(',')) fail("a comma or the closing brace");
    }
  }

  /// O(k log k) for k keys, so that no choice of keys makes it slow.
  void refuse_duplicates(std::size_t object) const {
    if (tape_.nodes[object].size < 2) return;
    std::vector<std::uint32_t> keys;
    keys.reserve(tape_.nodes[object].size);
    for (std::uint32_t i = static_cast<std::uint32_t>(object) + 1; i < tape_.nodes[object].end;
         i = tape_.nodes[i + 1].end) {
      keys.push_back(i);
    }
    std::sort(keys.begin(), keys.end(), [&](auto a, auto b) { return tape_.scalar(a) < tape_.scalar(b); });
    const auto twice = std::adjacent_find(keys.begin(), keys.end(),
                                          [&](auto a, auto b) { return tape_.scalar(a) == tape_.scalar(b); });
    if (twice == keys.end()) return;
    raise(concat("json.parse: ", tape_.name, " must have each key of an object once, has ",
                 quoted(tape_.scalar(*twice)), " twice in the object at byte ", tape_.nodes[object].begin));
  }

  void word(std::string_view spelling, JsonKind kind) {
    if (std::string_view(text_).substr(at_, spelling.size()) != spelling) fail("a value");
    push(kind, at_, spelling.size());
    at_ += spelling.size();
  }

  bool digits() noexcept {
    const std::size_t begin = at_;
    while (peek() >= '0' && peek() <= '9') ++at_;
    return at_ > begin;
  }

  void number() {
    const std::size_t begin = at_;
    const bool negative = take('-');
    if (!take('0') && !digits()) fail(negative ? "a digit" : "a value");
    if (take('.') && !digits()) fail("a digit");
    if (take('e') || take('E')) {
      if (!take('+')) static_cast<void>(take('-'));
      if (!digits()) fail("a digit");
    }
    double ignored = 0;
    const auto read = std::from_chars(text_.data() + begin, text_.data() + at_, ignored);
    if (read.ec != std::errc{}) {
      at_ = begin;
      fail("a number that a double can hold");
    }
    push(JsonKind::number, begin, at_ - begin);
  }

  /// Unescapes in place: no escape is shorter than what it stands for.
  void string() {
    const std::size_t begin = ++at_;
    std::size_t out = begin;
    while (peek() != '"') {
      if (at_ == text_.size()) fail("the closing quote of a string");
      if (static_cast<unsigned char>(text_[at_]) < 0x20) fail("no control character in a string");
      if (text_[at_] == '\\') {
        out = escape(out);
        continue;
      }
      const std::size_t length = utf8_length(std::string_view(text_).substr(at_));
      if (length == 0) fail("well-formed UTF-8");
      for (std::size_t i = 0; i < length; ++i) text_[out++] = text_[at_++];
    }
    push(JsonKind::string, begin, out - begin);
    ++at_;
  }

  std::size_t escape(std::size_t out) {
    ++at_;
    constexpr std::string_view letters = "\"\\/bfnrt", meanings = "\"\\/\b\f\n\r\t";
    const std::size_t which = at_ < text_.size() ? letters.find(text_[at_]) : std::string_view::npos;
    if (which != std::string_view::npos) {
      ++at_;
      text_[out] = meanings[which];
      return out + 1;
    }
    if (!take('u')) fail("an escape that JSON knows");
    std::uint32_t code = four_hex_digits();
    if (code >= 0xDC00 && code < 0xE000) fail("a high surrogate before a low one");
    if (code >= 0xD800 && code < 0xDC00) {
      if (!take('\\') || !take('u')) fail("a low surrogate after a high one");
      const std::uint32_t low = four_hex_digits();
      if (low < 0xDC00 || low >= 0xE000) fail("a low surrogate after a high one");
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    return static_cast<std::size_t>(utf8_put(code, text_.data() + out) - text_.data());
  }

  std::uint32_t four_hex_digits() {
    std::uint32_t code = 0;
    const char* const first = text_.data() + at_;
    const char* const last = text_.data() + std::min(at_ + 4, text_.size());
    const auto read = std::from_chars(first, last, code, 16);
    if (read.ptr != first + 4) fail("four hexadecimal digits");
    at_ += 4;
    return code;
  }

  JsonTape& tape_;
  std::string& text_;
  std::size_t at_ = 0;
};

}  // namespace detail
}  // namespace danaus
