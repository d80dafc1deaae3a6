// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include <danaus/core/view.hpp>
#include <danaus/core/workspace.hpp>
#include <danaus/fft/fft_kernels.hpp>
#include <danaus/hippo/legs.hpp>
#include <danaus/hippo/legs_step.hpp>
#include <danaus/hippo/window.hpp>
#include <danaus/model/stream.hpp>
#include <danaus/ssm/diagonal.hpp>
#include <danaus/ssm/dplr.hpp>
#include <danaus/ssm/mimo.hpp>
#include <danaus/ssm/transfer_kernels.hpp>

namespace danaus {

/// State-space kernels of one element type.
template <class T>
struct SsmKernels {
  void (*scan_tiles)(const Diagonal<T>&, std::size_t first, std::size_t last, View<const T, 2> u, T* state,
                     View<T, 2> y) noexcept;
  void (*step)(const Diagonal<T>&, View<const T, 2> u, View<T, 2> states, View<T, 2> y) noexcept;
  void (*kernel)(std::span<const Mode>, std::span<T> out, Workspace) noexcept;
  void (*states_after)(DiagonalShape, std::span<const Mode>, std::size_t group, const View<const T, 2>* u,
                       std::size_t count, T* states, Workspace) noexcept;
};

template <class T>
struct GradientKernels;  // gradient.hpp

template <class T>
struct SimplexKernels;  // danaus/simplex/kernels.hpp

template <class T>
struct MonarchKernels;  // monarch_kernels.hpp

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
  const FftKernels<float>* fft_f32;
  const FftKernels<double>* fft_f64;
  const GradientKernels<float>* gradient_f32;
  const GradientKernels<double>* gradient_f64;
  const TransferKernels* transfer;
  const DplrKernels<float>* dplr_f32;
  const DplrKernels<double>* dplr_f64;
  const MimoKernels<float>* mimo_f32;
  const MimoKernels<double>* mimo_f64;
  const LegsStepKernels<float>* legs_steps_f32;
  const LegsStepKernels<double>* legs_steps_f64;
  const WindowKernels<float>* window_f32;
  const WindowKernels<double>* window_f64;
  const SimplexKernels<float>* simplex_f32;
  const SimplexKernels<double>* simplex_f64;
  const MonarchKernels<float>* monarch_f32;
  const MonarchKernels<double>* monarch_f64;

  template <class T>
  const SsmKernels<T>& ssm() const noexcept {
    return *of<T>(&ssm_f32, &ssm_f64);
  }
  template <class T>
  const LegsKernels<T>& legs() const noexcept {
    return *of<T>(&legs_f32, &legs_f64);
  }
  template <class T>
  const FftKernels<T>& fft() const noexcept {
    return *of<T>(fft_f32, fft_f64);
  }
  template <class T>
  const GradientKernels<T>& gradient() const noexcept {
    return *of<T>(gradient_f32, gradient_f64);
  }
  template <class T>
  const DplrKernels<T>& dplr() const noexcept {
    return *of<T>(dplr_f32, dplr_f64);
  }
  template <class T>
  const MimoKernels<T>& mimo() const noexcept {
    return *of<T>(mimo_f32, mimo_f64);
  }
  template <class T>
  const LegsStepKernels<T>& legs_steps() const noexcept {
    return *of<T>(legs_steps_f32, legs_steps_f64);
  }
  template <class T>
  const WindowKernels<T>& window() const noexcept {
    return *of<T>(window_f32, window_f64);
  }
  template <class T>
  const SimplexKernels<T>& simplex() const noexcept {
    return *of<T>(simplex_f32, simplex_f64);
  }
  template <class T>
  const MonarchKernels<T>& monarch() const noexcept {
    return *of<T>(monarch_f32, monarch_f64);
  }

 private:
  template <class T, class F32, class F64>
  static auto of(F32 f32, F64 f64) noexcept {
    if constexpr (sizeof(T) == 4) {
      return f32;
    } else {
      return f64;
    }
  }
};

/// The table of the best instruction set that this machine has and DANAUS_MAX_ISA allows.
const KernelTable& kernels() noexcept;

}  // namespace danaus
