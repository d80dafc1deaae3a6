// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include <danaus/core/view.hpp>
#include <danaus/core/workspace.hpp>
#include <danaus/fft/plan.hpp>
#include <danaus/hippo/legs.hpp>
#include <danaus/model/stream.hpp>
#include <danaus/ssm/diagonal.hpp>
#include <danaus/ssm/dplr.hpp>
#include <danaus/ssm/mimo.hpp>

namespace danaus {

/// State-space kernels of one element type.
template <class T>
struct SsmKernels {
  void (*scan_tiles)(const Diagonal<T>&, std::size_t first, std::size_t last, View<const T, 2> u, T* state,
                     View<T, 2> y) noexcept;
  void (*step)(const Diagonal<T>&, View<const T, 2> u, View<T, 2> states, View<T, 2> y) noexcept;
  void (*kernel)(std::span<const Mode>, std::span<T> out, Workspace) noexcept;
  void (*convolve_tile)(const FourierPlan<T>&, std::size_t first, View<const T, 2> u, View<const T, 2> k, View<T, 2> y,
                        Workspace) noexcept;
};

/// Diagonal plus low rank kernels of one element type.
template <class T>
struct DplrKernels {
  void (*scan_tiles)(const Dplr<T>&, std::size_t first, std::size_t last, View<const T, 2> u, T* state,
                     View<T, 2> y) noexcept;
  void (*step)(const Dplr<T>&, View<const T, 2> u, View<T, 2> states, View<T, 2> y) noexcept;
  void (*kernel)(const DplrModesView&, std::size_t first, std::size_t block, View<T, 2> out, Workspace) noexcept;
};

/// Kernels of one element type for systems of many inputs and outputs.
template <class T>
struct MimoKernels {
  void (*drive)(const Mimo<T>&, View<const T, 2> u, View<T, 2> drive) noexcept;
  void (*advance)(const Mimo<T>&, std::size_t first, std::size_t last, View<T, 2> drive, T* state) noexcept;
  void (*read)(const Mimo<T>&, View<const T, 2> states, View<const T, 2> u, View<T, 2> y, Workspace) noexcept;
  void (*scan)(const Mimo<T>&, View<const T, 2> u, T* state, View<T, 2> y, Workspace) noexcept;
  void (*step)(const Mimo<T>&, View<const T, 2> u, View<T, 2> states, View<T, 2> y, Workspace) noexcept;
};

/// Everything the extension runs, compiled once for each instruction set.
struct KernelTable {
  const char* isa;
  NetworkKernels network;
  SsmKernels<float> ssm_f32;
  SsmKernels<double> ssm_f64;
  LegsKernels<float> legs_f32;
  LegsKernels<double> legs_f64;
  const DplrKernels<float>* dplr_f32;
  const DplrKernels<double>* dplr_f64;
  const MimoKernels<float>* mimo_f32;
  const MimoKernels<double>* mimo_f64;

  template <class T>
  const SsmKernels<T>& ssm() const noexcept {
    if constexpr (sizeof(T) == 4) {
      return ssm_f32;
    } else {
      return ssm_f64;
    }
  }
  template <class T>
  const LegsKernels<T>& legs() const noexcept {
    if constexpr (sizeof(T) == 4) {
      return legs_f32;
    } else {
      return legs_f64;
    }
  }
  template <class T>
  const DplrKernels<T>& dplr() const noexcept {
    if constexpr (sizeof(T) == 4) {
      return *dplr_f32;
    } else {
      return *dplr_f64;
    }
  }
  template <class T>
  const MimoKernels<T>& mimo() const noexcept {
    if constexpr (sizeof(T) == 4) {
      return *mimo_f32;
    } else {
      return *mimo_f64;
    }
  }
};

/// The table of the best instruction set that this machine has and DANAUS_MAX_ISA allows.
const KernelTable& kernels() noexcept;

}  // namespace danaus
