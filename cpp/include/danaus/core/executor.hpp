// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <type_traits>

#include <danaus/config.hpp>

namespace danaus {

/// Where independent pieces of work run. danaus starts no threads of its own: a program that has
/// a pool wraps it in two function calls; the default does the pieces one after the other.
class Executor {
 public:
  using Piece = void (*)(const void* work, std::size_t index) noexcept;
  /// Calls piece(work, i) for every i in [0, count) and returns when all are done.
  using ForEach = void (*)(void* pool, std::size_t count, Piece piece, const void* work) noexcept;

  constexpr Executor() noexcept = default;
  constexpr Executor(void* pool, ForEach for_each, std::size_t threads) noexcept
      : pool_(pool), for_each_(for_each), threads_(threads) {}

  /// How many pieces may run at the same time: the number of workspaces a caller must bring.
  constexpr std::size_t threads() const noexcept { return threads_; }

  /// Calls work(i) for every i in [0, count), in any order, perhaps at the same time.
  template <class Work>
  void operator()(std::size_t count, const Work& work) const noexcept {
    static_assert(std::is_nothrow_invocable_v<const Work&, std::size_t>);
    if (for_each_ == nullptr || count < 2) {
      for (std::size_t i = 0; i < count; ++i) work(i);
      return;
    }
    for_each_(
        pool_, count, [](const void* w, std::size_t i) noexcept { (*static_cast<const Work*>(w))(i); },
        std::addressof(work));
  }

 private:
  void* pool_ = nullptr;
  ForEach for_each_ = nullptr;
  std::size_t threads_ = 1;
};

}  // namespace danaus
