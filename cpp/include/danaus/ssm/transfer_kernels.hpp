// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/ssm/transfer.hpp>
#include <danaus/ssm/transfer_chunk.hpp>
#include <danaus/ssm/transfer_fft.hpp>
#include <danaus/ssm/transfer_gain.hpp>
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
  void (*prepare_chunk)(const Transfer<S>&, const RingPlan<S>&, std::size_t index, S* spectra, Workspace) noexcept;
  void (*chunk_tiles)(const Transfer<S>&, const TransferChunk<S>&, std::size_t first, std::size_t last,
                      View<const T, 2> u, S* state, View<T, 2> y, Workspace) noexcept;
};

/// Impulse responses: values in T, states in S.
template <class T, class S>
using ImpulseRun = void (*)(std::size_t order, const S* a, S* s, std::size_t channels, T* out, std::size_t stride,
                            std::size_t length) noexcept;

/// All that one instruction set knows of transfer functions.
struct TransferKernels {
  TransferRun<float, float> f32;
  TransferRun<double, double> f64;
  TransferRun<float, double> mixed;
  ImpulseRun<float, float> impulse_single;
  ImpulseRun<float, double> impulse_f32;
  ImpulseRun<double, double> impulse_f64;
  bool (*response_by_transform)(const RingPlan<float>&, std::size_t order, const float* b, const float* a,
                                std::size_t channels, float* out, std::size_t stride, std::size_t length,
                                Workspace) noexcept;
  void (*power_gain)(std::size_t order, double* a, double* gain) noexcept;

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
  template <class T, class S>
  ImpulseRun<T, S> impulse() const noexcept {
    if constexpr (sizeof(T) == 8) {
      return impulse_f64;
    } else if constexpr (sizeof(S) == 8) {
      return impulse_f32;
    } else {
      return impulse_single;
    }
  }
};

}  // namespace danaus
