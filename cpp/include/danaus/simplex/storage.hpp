// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <danaus/simd/half.hpp>
#include <danaus/simd/memory.hpp>
#include <danaus/simd/part.hpp>

namespace danaus {

/// How scores lie in memory; they are computed in float or double.
enum class ElementType : unsigned char { f32, f64, f16, bf16 };

constexpr std::size_t element_bytes(ElementType s) noexcept {
  return s == ElementType::f64 ? 8 : s == ElementType::f32 ? 4 : 2;
}

/// Rows of any layout: element t of row r at data + r * between + t * along, both in elements.
struct Strided {
  const std::byte* data;
  ElementType storage;
  std::ptrdiff_t between, along;
};

/// Rows that are handled together where their elements do not follow each other: a cache line of floats.
inline constexpr std::size_t simplex_rows_together = 16;

inline namespace DANAUS_ISA {

/// `n` elements that follow each other, converted.
template <class T>
[[gnu::noinline]] DANAUS_KERNEL void read_line(ElementType storage, const std::byte* from, std::size_t n,
                                               T* to) noexcept {
  if (storage == ElementType::f64) {
    const auto* const p = reinterpret_cast<const double*>(from);
    for (std::size_t i = 0; i < n; ++i) to[i] = static_cast<T>(p[i]);
  } else if (storage == ElementType::f32) {
    const auto* const p = reinterpret_cast<const float*>(from);
    for (std::size_t i = 0; i < n; ++i) to[i] = static_cast<T>(p[i]);
  } else {
    const auto* const p = reinterpret_cast<const std::uint16_t*>(from);
    simd::each<float>(n, [&]<class V>(std::size_t i) {
      const auto half = simd::convert<std::uint32_t>(simd::load<simd::vec<std::uint16_t, V::size()>>(p + i));
      const V x = storage == ElementType::f16 ? simd::float_from_f16(half) : simd::float_from_bf16(half);
      if constexpr (sizeof(T) == 4) {
        simd::store(x, to + i);
      } else {
        simd::store(simd::convert<double>(x), to + i);
      }
    });
  }
}

template <class T>
[[gnu::noinline]] DANAUS_KERNEL void write_line(const T* from, std::size_t n, ElementType storage,
                                                std::byte* to) noexcept {
  if (storage == ElementType::f64) {
    auto* const p = reinterpret_cast<double*>(to);
    for (std::size_t i = 0; i < n; ++i) p[i] = static_cast<double>(from[i]);
  } else if (storage == ElementType::f32) {
    auto* const p = reinterpret_cast<float*>(to);
    for (std::size_t i = 0; i < n; ++i) p[i] = static_cast<float>(from[i]);
  } else {
    auto* const p = reinterpret_cast<std::uint16_t*>(to);
    simd::each<float>(n, [&]<class V>(std::size_t i) {
      const V x = [&] {
        if constexpr (sizeof(T) == 4) {
          return simd::load<V>(from + i);
        } else {
          return simd::convert<float>(simd::load<simd::vec<double, V::size()>>(from + i));
        }
      }();
      const auto half = storage == ElementType::f16 ? simd::f16_from_float(x) : simd::bf16_from_float(x);
      simd::store(simd::convert<std::uint16_t>(half), p + i);
    });
  }
}

/// to[r * pitch + t] = element t of row r, for rows of n. Where rows lie side by side they are transposed in registers.
template <class T>
[[gnu::noinline]] DANAUS_KERNEL void read_rows(const Strided& from, std::size_t rows, std::size_t n, T* to,
                                               std::size_t pitch) noexcept {
  const auto bytes = static_cast<std::ptrdiff_t>(element_bytes(from.storage));
  if (from.along == 1 || n == 1) {
    for (std::size_t r = 0; r < rows; ++r) {
      read_line(from.storage, from.data + static_cast<std::ptrdiff_t>(r) * from.between * bytes, n, to + r * pitch);
    }
    return;
  }
  constexpr std::size_t deep = 32;
  T lines[deep * simplex_rows_together];
  for (std::size_t t = 0; t < n; t += deep) {
    const std::size_t count = n - t < deep ? n - t : deep;
    for (std::size_t i = 0; i < count; ++i) {
      const std::byte* const line = from.data + static_cast<std::ptrdiff_t>(t + i) * from.along * bytes;
      T* const there = lines + i * simplex_rows_together;
      if (from.between == 1) {
        read_line(from.storage, line, rows, there);
      } else {  // neither axis is dense: nothing but single elements to be had
        alignas(8) std::byte dense[8 * simplex_rows_together];
        for (std::size_t r = 0; r < rows; ++r) {
          const auto at = static_cast<std::ptrdiff_t>(r) * bytes;
          std::memcpy(dense + at, line + at * from.between, static_cast<std::size_t>(bytes));
        }
        read_line(from.storage, dense, rows, there);
      }
    }
    simd::transpose(lines, simplex_rows_together, count, rows, to + t, pitch);
  }
}

/// Undoes read_rows.
template <class T>
[[gnu::noinline]] DANAUS_KERNEL void write_rows(const T* from, std::size_t pitch, std::size_t rows, std::size_t n,
                                                const Strided& to) noexcept {
  const auto bytes = static_cast<std::ptrdiff_t>(element_bytes(to.storage));
  auto* const data = const_cast<std::byte*>(to.data);
  if (to.along == 1 || n == 1) {
    for (std::size_t r = 0; r < rows; ++r) {
      write_line(from + r * pitch, n, to.storage, data + static_cast<std::ptrdiff_t>(r) * to.between * bytes);
    }
    return;
  }
  constexpr std::size_t deep = 32;
  T lines[deep * simplex_rows_together];
  for (std::size_t t = 0; t < n; t += deep) {
    const std::size_t count = n - t < deep ? n - t : deep;
    simd::transpose(from + t, pitch, rows, count, lines, simplex_rows_together);
    for (std::size_t i = 0; i < count; ++i) {
      std::byte* const line = data + static_cast<std::ptrdiff_t>(t + i) * to.along * bytes;
      const T* const here = lines + i * simplex_rows_together;
      if (to.between == 1) {
        write_line(here, rows, to.storage, line);
      } else {
        alignas(8) std::byte dense[8 * simplex_rows_together];
        write_line(here, rows, to.storage, dense);
        for (std::size_t r = 0; r < rows; ++r) {
          const auto at = static_cast<std::ptrdiff_t>(r) * bytes;
          std::memcpy(line + at * to.between, dense + at, static_cast<std::size_t>(bytes));
        }
      }
    }
  }
}

}  // namespace DANAUS_ISA
}  // namespace danaus
