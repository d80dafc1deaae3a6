// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include <danaus/core/workspace.hpp>

namespace danaus {

/// What the maps of simplex/ share. A map takes a batch of rows and the parameters it looks at.
struct SimplexParameters {
  double scale = 1;       ///< scores are multiplied by it: 1 / temperature
  double alpha = 1.5;     ///< entmax
  double mass = 1;        ///< nucleus
  std::size_t count = 1;  ///< top-k; order of Taylor's polynomial
  std::uint64_t key = 0;  ///< of the random numbers
  bool sink = false;      ///< one more score a row, in `other`, that takes part in the sum alone
};

/// Rows of scores, each one after the other in memory, with pitches in elements between them. `out` may be `in`.
template <class T>
struct ScoreRows {
  const T* in;
  std::ptrdiff_t in_pitch;
  const T* other;  ///< gradients, or what the map wants besides; null where it wants nothing
  std::ptrdiff_t other_pitch;
  T* out;
  std::ptrdiff_t out_pitch;
  std::size_t rows, n;
  std::size_t first;  ///< the number of the first row among all of the call

  DANAUS_INLINE const T* x(std::size_t r) const noexcept { return in + static_cast<std::ptrdiff_t>(r) * in_pitch; }
  DANAUS_INLINE const T* g(std::size_t r) const noexcept {
    return other + static_cast<std::ptrdiff_t>(r) * other_pitch;
  }
  DANAUS_INLINE T* y(std::size_t r) const noexcept { return out + static_cast<std::ptrdiff_t>(r) * out_pitch; }
};

/// A map in compute type T: row r of `out` from row r of `in`.
template <class T>
using SimplexMap = void (*)(const SimplexParameters&, const ScoreRows<T>&, Workspace) noexcept;

/// Elements that are summed in T before the sum is continued in double.
inline constexpr std::size_t simplex_block = 2048;

/// Bytes that any map needs for rows of n.
template <class T>
constexpr std::size_t simplex_workspace_bytes(std::size_t n) noexcept {
  return 2 * workspace_size<T>(n + 64) + workspace_size<double>(n / simplex_block + 2) +
         workspace_size<std::uint32_t>(n / 64 + 2);
}

}  // namespace danaus
