// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include <danaus/config.hpp>

namespace danaus {

/// The sizes of a Monarch matrix of shape (s j, k p): `right` (k, q, p) and `left` (j, s, r), k q = j r. Its input is
/// k blocks of p, its output s rows of j, and
///   M[s' j + j', k' p + p'] = sum over t = k' q + q' = r' j + j' of left[j', s', r'] right[k', q', p']:
/// the middle values, written block by block, are read again row by row. That is the permutation P of M = P L P R.
struct MonarchShape {
  std::size_t k, q, p, j, s, r;

  DANAUS_INLINE constexpr std::size_t inputs() const noexcept { return k * p; }
  DANAUS_INLINE constexpr std::size_t outputs() const noexcept { return s * j; }
  DANAUS_INLINE constexpr std::size_t middle() const noexcept { return k * q; }
  DANAUS_INLINE constexpr std::size_t parameters() const noexcept { return k * q * p + j * s * r; }
};

/// The least q' >= 0 whose middle value k' q + q' is read by group j'; those of one block and group lie j apart.
DANAUS_INLINE constexpr std::size_t first_slot(const MonarchShape& m, std::size_t block, std::size_t group) noexcept {
  return (group + m.j - block * m.q % m.j) % m.j;
}

/// The rank of block (group, block): how many middle values lead from the one to the other. q / j where j divides q,
/// else that or one more.
DANAUS_INLINE constexpr std::size_t block_rank(const MonarchShape& m, std::size_t block, std::size_t group) noexcept {
  const std::size_t first = first_slot(m, block, group);
  return first < m.q ? (m.q - first + m.j - 1) / m.j : 0;
}

}  // namespace danaus
