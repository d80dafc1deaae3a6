// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include <danaus/config.hpp>

namespace danaus {

/// Channels are laid out in tiles of this many lanes, whatever the instruction set: one AVX-512
/// register of floats, two of AVX2, four of SSE or NEON. So packed weights and saved states mean
/// the same on every machine.
inline constexpr std::size_t tile = 16;

/// n rounded up to whole tiles.
DANAUS_INLINE constexpr std::size_t padded(std::size_t n) noexcept {
  return (n + tile - 1) / tile * tile;
}

}  // namespace danaus
