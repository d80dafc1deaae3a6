// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include <danaus/core/view.hpp>
#include <danaus/core/workspace.hpp>
#include <danaus/fft/plan.hpp>
#include <danaus/hippo/legs.hpp>
#include <danaus/model/stream.hpp>
#include <danaus/ssm/diagonal.hpp>
#include <danaus/ssm/transfer_kernels.hpp>

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

/// Everything the extension runs, compiled once for each instruction set.
struct KernelTable {
  const char* isa;
  NetworkKernels network;
  SsmKernels<float> ssm_f32;
  SsmKernels<double> ssm_f64;
  LegsKernels<float> legs_f32;
  LegsKernels<double> legs_f64;
  const TransferKernels* transfer;

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
};

/// The table of the best instruction set that this machine has and DANAUS_MAX_ISA allows.
const KernelTable& kernels() noexcept;

}  // namespace danaus
