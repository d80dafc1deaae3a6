// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <vector>

#include "pool.hpp"
#include "scratch.hpp"

namespace danaus::bindings {

/// How `work` equal jobs are dealt out: pieces, each with scratch of its own.
struct Shares {
  std::size_t work, pieces;
  std::vector<Scratch> scratch;

  Shares(std::size_t jobs, std::size_t threads, std::size_t bytes)
      : work(jobs), pieces(std::min(std::max<std::size_t>(threads, 1), jobs)) {
    scratch.reserve(pieces);
    for (std::size_t p = 0; p < pieces; ++p) scratch.emplace_back(bytes);
  }

  /// job(i, workspace) for every i.
  template <class Job>
  void run(std::size_t threads, const Job& job) {
    executor(threads)(pieces, [&](std::size_t p) noexcept {
      for (std::size_t i = p * work / pieces; i < (p + 1) * work / pieces; ++i) job(i, scratch[p].workspace());
    });
  }
};

}  // namespace danaus::bindings
