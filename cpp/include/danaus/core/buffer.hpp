// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <new>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <danaus/core/workspace.hpp>

namespace danaus {

/// From this size on memory is asked for in huge pages, where the system has them: strided reading of megabytes
/// otherwise misses the address translation at every row.
inline constexpr std::size_t huge_page = std::size_t(1) << 21;

/// `bytes` of memory, uninitialised, that begin at a cache line. For set-up code and owners; run code never allocates.
inline void* allocate_lines(std::size_t bytes) {
  const std::size_t line = bytes >= huge_page ? huge_page : cache_line;
  void* const memory = ::operator new(bytes, std::align_val_t{line});
#if defined(__linux__)
  if (bytes >= huge_page) ::madvise(memory, bytes, MADV_HUGEPAGE);
#endif
  return memory;
}
/// Gives back what allocate_lines(bytes) returned.
inline void free_lines(void* memory, std::size_t bytes) noexcept {
  ::operator delete(memory, std::align_val_t{bytes >= huge_page ? huge_page : cache_line});
}

/// Allocates at cache-line boundaries.
template <class T>
struct LineAllocator {
  using value_type = T;
  LineAllocator() noexcept = default;
  template <class U>
  LineAllocator(const LineAllocator<U>&) noexcept {}
  T* allocate(std::size_t n) { return static_cast<T*>(allocate_lines(n * sizeof(T))); }
  void deallocate(T* p, std::size_t n) noexcept { free_lines(p, n * sizeof(T)); }
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
