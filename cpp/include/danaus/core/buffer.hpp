// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <new>
#include <vector>

#include <danaus/core/workspace.hpp>

namespace danaus {

/// Allocates at cache-line boundaries. For set-up code and owners; run code never allocates.
template <class T>
struct LineAllocator {
  using value_type = T;
  LineAllocator() noexcept = default;
  template <class U>
  LineAllocator(const LineAllocator<U>&) noexcept {}
  T* allocate(std::size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), std::align_val_t{cache_line})); }
  void deallocate(T* p, std::size_t) noexcept { ::operator delete(p, std::align_val_t{cache_line}); }
  friend bool operator==(LineAllocator, LineAllocator) noexcept { return true; }
};

/// A vector whose first element stands at a cache line.
template <class T>
using Buffer = std::vector<T, LineAllocator<T>>;

/// The workspace over all of `bytes`.
inline Workspace workspace(Buffer<std::byte>& bytes) noexcept {
  return Workspace({bytes.data(), bytes.size()});
}

}  // namespace danaus
