// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace danaus {

/// The pieces of a message one behind the other: strings, and integers in decimal.
template <class... Piece>
std::string concat(const Piece&... pieces) {
  std::string text;
  const auto append = [&text](const auto& piece) {
    if constexpr (std::is_integral_v<std::remove_cvref_t<decltype(piece)>>) {
      text += std::to_string(piece);
    } else {
      text += piece;
    }
  };
  (append(pieces), ...);
  return text;
}

/// Bytes of the UTF-8 sequence that `text` begins with; 0 where there is none or it is not well
/// formed: overlong forms, surrogates and code points above U+10FFFF are not (Unicode, table 3-7).
inline std::size_t utf8_length(std::string_view text) noexcept {
  const auto byte = [text](std::size_t i) noexcept { return static_cast<unsigned char>(text[i]); };
  if (text.empty()) return 0;
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first < 0xC2 || first > 0xF4) return 0;
  const std::size_t length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  if (text.size() < length) return 0;
  const unsigned low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  const unsigned high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  if (byte(1) < low || byte(1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  return length;
}

/// Writes the code point as UTF-8 to `out`, one to four bytes, and returns where it ends.
inline char* utf8_put(std::uint32_t code, char* out) noexcept {
  const auto put = [&out](std::uint32_t byte) noexcept {
    *out++ = static_cast<char>(static_cast<unsigned char>(byte));
  };
  if (code < 0x80) {
    put(code);
    return out;
  }
  if (code < 0x800) put(0xC0 | code >> 6);
  if (code >= 0x800 && code < 0x10000) put(0xE0 | code >> 12);
  if (code >= 0x10000) {
    put(0xF0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3F));
  }
  if (code >= 0x800) put(0x80 | (code >> 6 & 0x3F));
  put(0x80 | (code & 0x3F));
  return out;
}

/// `text` in quotes as an error message can show it, whatever it holds: control characters and
/// ill-formed bytes become `?`, and what is longer than `limit` bytes ends in dots.
inline std::string quoted(std::string_view text, std::size_t limit = 60) {
  std::string shown = "\"";
  std::size_t i = 0;
  while (i < text.size() && i < limit) {
    const std::size_t length = utf8_length(text.substr(i));
    const bool printable = length > 1 || (length == 1 && text[i] >= ' ' && text[i] != '\x7f');
    if (printable) {
      shown += text.substr(i, length);
    } else {
      shown += '?';
    }
    i += length > 0 ? length : 1;
  }
  shown += i < text.size() ? "...\"" : "\"";
  return shown;
}

}  // namespace danaus
