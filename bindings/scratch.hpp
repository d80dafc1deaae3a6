// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include <danaus/core/workspace.hpp>

namespace danaus::bindings {

/// Memory for the duration of a call or of a result, uninitialised, from blocks that earlier ones left: page faults
/// would otherwise cost more than many a kernel. At most 256 MB in 64 blocks are kept.
class Scratch {
 public:
  explicit Scratch(std::size_t bytes);
  ~Scratch();
  Scratch(Scratch&& other) noexcept;
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  Workspace workspace() const noexcept { return Workspace({static_cast<std::byte*>(memory_), bytes_}); }

 private:
  void* memory_;
  std::size_t bytes_;
};

}  // namespace danaus::bindings
