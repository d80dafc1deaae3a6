// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <danaus/config.hpp>

namespace danaus {

inline constexpr std::size_t cache_line = 64;

/// Bytes that `count` elements of T take from a Workspace, alignment included.
template <class T>
DANAUS_INLINE constexpr std::size_t workspace_size(std::size_t count) noexcept {
  return (count * sizeof(T) + cache_line - 1) / cache_line * cache_line;
}

/// Scratch memory that the caller owns and a run function carves up, cache line by cache line.
/// Pass it by value: what a callee took is free again when it returns.
class Workspace {
 public:
  constexpr Workspace() noexcept = default;
  /// `bytes` must begin at a multiple of `cache_line`.
  DANAUS_INLINE explicit Workspace(std::span<std::byte> bytes) noexcept
      : next_(bytes.data()), end_(bytes.data() + bytes.size()) {
    DANAUS_EXPECTS(reinterpret_cast<std::uintptr_t>(next_) % cache_line == 0);
  }

  /// The next `count` elements, uninitialised.
  template <class T>
  DANAUS_INLINE T* take(std::size_t count) noexcept {
    std::byte* const here = next_;
    next_ += workspace_size<T>(count);
    DANAUS_EXPECTS(next_ <= end_);
    return reinterpret_cast<T*>(here);
  }

 private:
  std::byte* next_ = nullptr;
  std::byte* end_ = nullptr;
};

}  // namespace danaus
