// SPDX-License-Identifier: Apache-2.0
#include "scratch.hpp"

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

#include <danaus/core/buffer.hpp>

namespace danaus::bindings {
namespace {

constexpr std::size_t most_kept = std::size_t(256) << 20;

struct Block {
  void* memory;
  std::size_t bytes;
};

/// What is kept, smallest first.
class Shelf {
 public:
  /// The smallest kept block of at least `bytes`, but not of more than twice as many.
  Block take(std::size_t bytes) {
    {
      const std::lock_guard lock(mutex_);
      const auto found = std::find_if(blocks_.begin(), blocks_.end(), [&](const Block& b) { return b.bytes >= bytes; });
      if (found != blocks_.end() && found->bytes <= 2 * bytes + cache_line) {
        const Block block = *found;
        blocks_.erase(found);
        kept_ -= block.bytes;
        return block;
      }
    }
    return {allocate_lines(bytes), bytes};
  }
  void put_back(Block block) noexcept {
    {
      const std::lock_guard lock(mutex_);
      if (kept_ + block.bytes <= most_kept && blocks_.size() < blocks_.capacity()) {
        const auto after =
            std::find_if(blocks_.begin(), blocks_.end(), [&](const Block& b) { return b.bytes >= block.bytes; });
        blocks_.insert(after, block);
        kept_ += block.bytes;
        return;
      }
    }
    free_lines(block.memory, block.bytes);
  }

  Shelf() { blocks_.reserve(64); }

 private:
  std::mutex mutex_;
  std::vector<Block> blocks_;
  std::size_t kept_ = 0;
};

Shelf& shelf() {
  static Shelf& kept = *new Shelf;  // results may outlive every static object
  return kept;
}

}  // namespace

Scratch::Scratch(std::size_t bytes) : memory_(nullptr), bytes_(0) {
  const Block block = shelf().take(std::max(bytes, cache_line));
  memory_ = block.memory;
  bytes_ = block.bytes;
}
Scratch::~Scratch() {
  if (memory_ != nullptr) shelf().put_back({memory_, bytes_});
}
Scratch::Scratch(Scratch&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

}  // namespace danaus::bindings
