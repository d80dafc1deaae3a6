// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/monarch/multiply.hpp>
#include <danaus/monarch/project.hpp>

namespace danaus {

/// Monarch kernels of one element type.
template <class T>
struct MonarchKernels {
  void (*multiply)(std::span<const PackedStage<T>>, View<const T, 2> x, View<T, 2> y, Workspace) noexcept;
  void (*run_stage)(const PackedStage<T>&, std::size_t first, std::size_t last, std::size_t rows, const T* in,
                    std::size_t in_stride, T* out, std::size_t out_stride, Workspace) noexcept;
  void (*project_blocks)(const Projection<T>&, std::size_t first, Workspace) noexcept;
  std::size_t project_lanes;
};

}  // namespace danaus
