// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstring>
#include <vector>

#include <check.hpp>
#include <danaus/core/buffer.hpp>
#include <danaus/model/sequence.hpp>

/// Rows and layers that the tests put together by hand.
namespace layers {

inline constexpr double unit = 0x1p-24;
inline constexpr float gap = 77;  ///< what stands between rows

/// Rows `stride` apart, a gap between them.
struct Table {
  std::size_t rows, width, stride;
  danaus::Buffer<float> values;

  Table(std::size_t r, std::size_t w, std::size_t s) : rows(r), width(w), stride(s), values(r * s + 1, gap) {}
  static Table random(check::Random& next, std::size_t r, std::size_t w, std::size_t s, double scale = 1,
                      double shift = 0) {
    Table table(r, w, s);
    for (std::size_t t = 0; t < r; ++t) {
      for (std::size_t i = 0; i < w; ++i) table(t, i) = static_cast<float>(shift + scale * next());
    }
    return table;
  }
  float& operator()(std::size_t t, std::size_t i) { return values[t * stride + i]; }
  double operator()(std::size_t t, std::size_t i) const { return static_cast<double>(values[t * stride + i]); }
  danaus::Rows view() { return {values.data(), {rows, width}, {stride, 1}}; }
  danaus::ConstRows view() const { return {values.data(), {rows, width}, {stride, 1}}; }
  danaus::Rows some(std::size_t first, std::size_t count) { return view().rows(first, count); }
  danaus::ConstRows some(std::size_t first, std::size_t count) const { return view().rows(first, count); }

  /// The same bits in every row.
  bool same(const Table& other) const {
    if (rows != other.rows || width != other.width) return false;
    for (std::size_t t = 0; t < rows; ++t) {
      if (std::memcmp(&values[t * stride], &other.values[t * other.stride], width * sizeof(float)) != 0) return false;
    }
    return true;
  }
  /// Nothing was written from `written` on to the next row.
  bool gaps_stand(std::size_t written) const {
    for (std::size_t t = 0; t < rows; ++t) {
      for (std::size_t i = written; i < stride; ++i) {
        if (values[t * stride + i] != gap) return false;
      }
    }
    return values.back() == gap;
  }
};

inline std::vector<float> numbers(check::Random& next, std::size_t n) {
  std::vector<float> all(n);
  for (float& x : all) x = static_cast<float>(next());
  return all;
}

/// `values` and zeros up to whole tiles.
inline danaus::Buffer<float> padded_copy(const std::vector<float>& values) {
  danaus::Buffer<float> copy(values.begin(), values.end());
  copy.resize(danaus::padded(values.size()), 0.0f);
  return copy;
}

}  // namespace layers
