// SPDX-License-Identifier: Apache-2.0
#include "check.hpp"

#include <danaus/core/buffer.hpp>
#include <danaus/core/executor.hpp>
#include <danaus/core/view.hpp>

using namespace danaus;

TEST(view_indexes_rows_and_strides) {
  float data[24];
  for (int i = 0; i < 24; ++i) data[i] = static_cast<float>(i);
  const View<float, 2> whole(data, {4, 6});
  CHECK(whole(2, 3) == 15);
  CHECK(whole.rows(1, 2)(1, 5) == 17);
  const View<const float, 2> columns(data, {4, 3}, {6, 2});  // every second column
  CHECK(columns(3, 2) == 22);
  const View<const float, 2> readable = whole;
  CHECK(readable.row(3) == data + 18);
}

TEST(workspace_gives_aligned_pieces_and_takes_them_back) {
  Buffer<std::byte> bytes(workspace_size<float>(5) + workspace_size<double>(3));
  Workspace outer = workspace(bytes);
  const float* const first = outer.take<float>(5);
  CHECK(reinterpret_cast<std::uintptr_t>(first) % cache_line == 0);
  const auto callee = [](Workspace inner) { return inner.take<double>(3); };
  CHECK(callee(outer) == callee(outer));
}

TEST(executor_without_a_pool_runs_every_piece_once) {
  std::vector<int> hits(37, 0);
  Executor{}(hits.size(), [&](std::size_t i) noexcept { ++hits[i]; });
  for (int h : hits) CHECK(h == 1);
}
