// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/ssm/transfer.hpp>
#include <danaus/ssm/transfer_kernel.hpp>
#include <danaus/ssm/transfer_past.hpp>

namespace danaus {

/// Transfer functions at work: samples in T, coefficients and state in S.
template <class T, class S>
struct TransferRun {
  void (*scan_tiles)(const Transfer<S>&, std::size_t first, std::size_t last, View<const T, 2> u, S* state,
                     View<T, 2> y) noexcept;
  void (*step)(const Transfer<S>&, View<const T, 2> u, View<S, 2> states, View<T, 2> y) noexcept;
  void (*state_after)(const Transfer<S>&, std::size_t index, View<const T, 2> u, View<const T, 2> y, S* state,
                      Workspace) noexcept;
};

/// All that one instruction set knows of transfer functions.
struct TransferKernels {
  TransferRun<float, float> f32;
  TransferRun<double, double> f64;
  TransferRun<float, double> mixed;
  void (*impulse_f32)(TransferShape, const double* a, double* s, std::size_t channels, float* out, std::size_t stride,
                      std::size_t length) noexcept;
  void (*impulse_f64)(TransferShape, const double* a, double* s, std::size_t channels, double* out, std::size_t stride,
                      std::size_t length) noexcept;

  template <class T, class S>
  const TransferRun<T, S>& run() const noexcept {
    if constexpr (sizeof(T) == 8) {
      return f64;
    } else if constexpr (sizeof(S) == 8) {
      return mixed;
    } else {
      return f32;
    }
  }
  template <class T>
  auto impulse() const noexcept {
    if constexpr (sizeof(T) == 4) {
      return impulse_f32;
    } else {
      return impulse_f64;
    }
  }
};

}  // namespace danaus
