// SPDX-License-Identifier: Apache-2.0
#include "../../../bindings/pool.hpp"

#include <atomic>
#include <thread>
#include <vector>

#include "check.hpp"

using danaus::bindings::executor;

TEST(pool_runs_every_piece_once_for_any_count_and_threads) {
  for (std::size_t threads = 1; threads < 6; ++threads) {
    for (std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{1000}}) {
      std::vector<std::atomic<int>> hits(count);
      executor(threads)(count, [&](std::size_t i) noexcept { hits[i].fetch_add(1); });
      for (const auto& h : hits) CHECK(h.load() == 1);
    }
  }
}

TEST(pool_serves_many_callers_at_once) {
  std::vector<std::thread> callers;
  std::atomic<std::size_t> total{0};
  for (int c = 0; c < 8; ++c) {
    callers.emplace_back([&total] {
      for (int round = 0; round < 200; ++round) {
        std::vector<std::size_t> squares(37, 0);  // plain memory: what a piece wrote is seen when the call returns
        executor(3)(squares.size(), [&](std::size_t i) noexcept { squares[i] = i * i; });
        for (const std::size_t s : squares) total.fetch_add(s, std::memory_order_relaxed);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK(total.load() == 8u * 200u * (36u * 37u * 73u / 6u));
}
