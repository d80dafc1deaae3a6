// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include <danaus/monarch/run_stage.hpp>

namespace danaus {

/// Rows of a batch that go through all stages together, so that weights are read once for all of them and what stands
/// between the stages stays in the second level of cache.
DANAUS_INLINE constexpr std::size_t row_chunk(std::size_t widest, std::size_t element) noexcept {
  const std::size_t fit = (std::size_t(1) << 20) / (widest * element + 1);
  return std::min<std::size_t>(48, std::max<std::size_t>(fit / 12 * 12, 24));
}

/// Elements between the rows of what stands between two stages: lanes may be read beyond the last, and rows that lie a
/// multiple of 4096 bytes apart would share the sets of the first cache.
DANAUS_INLINE constexpr std::size_t between_stride(std::size_t width) noexcept {
  return padded(width) + tile + (padded(width) % 64 == 0 ? 0 : tile);
}

/// Elements of the widest thing that stages read or write between them.
template <class T>
DANAUS_INLINE std::size_t widest_between(std::span<const PackedStage<T>> stages) noexcept {
  std::size_t widest = stages.front().stage.inputs();
  for (const PackedStage<T>& s : stages) widest = std::max(widest, s.stage.outputs());
  return widest;
}

/// Scratch that multiply needs for a batch of `rows`.
template <class T>
std::size_t multiply_workspace_bytes(std::span<const PackedStage<T>> stages, std::size_t rows) noexcept {
  const std::size_t widest = widest_between(stages), chunk = std::min(rows, row_chunk(widest, sizeof(T)));
  std::size_t stage = 0;
  for (const PackedStage<T>& s : stages) stage = std::max(stage, stage_workspace_bytes(s, chunk));
  return 2 * workspace_size<T>(chunk * between_stride(widest)) + stage;
}

inline namespace DANAUS_ISA {

/// Rows copied to where lanes may be read beyond them.
template <class T>
DANAUS_INLINE void copy_rows(const T* from, std::size_t from_stride, std::size_t rows, std::size_t width, T* to,
                             std::size_t to_stride) noexcept {
  for (std::size_t r = 0; r < rows; ++r) {
    std::copy_n(from + r * from_stride, width, to + r * to_stride);
    std::fill_n(to + r * to_stride + width, tile, T(0));
  }
}

/// y = stages[n - 1] ... stages[0] x for every row: a Monarch matrix is two stages, a chain is more. x (rows, inputs)
/// and y (rows, outputs) must not overlap. Scratch: multiply_workspace_bytes.
template <std::floating_point T>
DANAUS_KERNEL void multiply(std::span<const PackedStage<T>> stages, View<const T, 2> x, View<T, 2> y,
                            Workspace scratch) noexcept {
  const std::size_t rows = x.extent(0), widest = widest_between(stages), most = row_chunk(widest, sizeof(T));
  const std::size_t stride = between_stride(widest), chunk = std::min(rows, most);
  T* const between[2] = {scratch.take<T>(chunk * stride), scratch.take<T>(chunk * stride)};
  for (std::size_t r = 0; r < rows; r += chunk) {
    const std::size_t count = std::min(chunk, rows - r);
    const T* in = x.row(r);
    std::size_t in_stride = x.stride(0);
    if (stages[0].stage.lanes == StageLanes::blocks) {
      copy_rows(in, in_stride, count, x.extent(1), between[1], stride);
      in = between[1];
      in_stride = stride;
    }
    for (std::size_t s = 0; s < stages.size(); ++s) {
      const bool final = s + 1 == stages.size();
      T* const out = final ? y.row(r) : between[s % 2];
      const std::size_t out_stride = final ? y.stride(0) : stride;
      run_stage(stages[s], 0, stages[s].stage.groups(), count, in, in_stride, out, out_stride, scratch);
      in = out;
      in_stride = out_stride;
    }
  }
}

}  // namespace DANAUS_ISA
}  // namespace danaus
