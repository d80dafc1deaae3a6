// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/fft/direct.hpp>
#include <danaus/fft/fourier.hpp>
#include <danaus/fft/online.hpp>

namespace danaus {

/// The transforms of one element type for one instruction set: what owners such as a dispatcher are given.
template <class T>
struct FftKernels {
  std::size_t radix;  ///< of the plans' passes
  void (*spectrum)(const RingPlan<T>&, std::size_t first, View<const T, 2> x, const View<const T, 2>* x_im, T* out,
                   Workspace) noexcept;
  void (*coefficients)(const RingPlan<T>&, std::size_t first, const T* values, T scale, View<T, 2> x,
                       const View<T, 2>* x_im, Workspace) noexcept;
  void (*filter)(const ConvolutionPlan<T>&, std::size_t first, std::size_t last, View<const T, 2> k,
                 const View<const T, 2>* backward, FilterKind, T* spectra, Workspace) noexcept;
  void (*convolve)(const ConvolutionPlan<T>&, std::size_t first, std::size_t last, View<const T, 2> u, const T* spectra,
                   View<T, 2> y, Workspace) noexcept;
  void (*convolve_on)(const ConvolutionPlan<T>&, std::size_t first, std::size_t last, View<const T, 2> u,
                      const T* spectra, T* carry, View<T, 2> y, Workspace) noexcept;
  void (*convolve_direct)(const T* packed, std::size_t taps, std::size_t first, std::size_t last, View<const T, 2> u,
                          View<T, 2> y, Workspace) noexcept;
  void (*online_step)(const OnlinePlan<T>&, const T* u, T* state, T* y, Workspace) noexcept;
  void (*fourier)(const FourierPlan<T>&, bool back, std::size_t first, Signals<const T> x, Signals<T> y,
                  Workspace) noexcept;
};

inline namespace DANAUS_ISA {

template <class T>
constexpr FftKernels<T> fft_kernels() noexcept {
  return {ring_radix,      &spectrum<T>,        &coefficients<T>, &filter<T>, &convolve<T>,
          &convolve_on<T>, &convolve_direct<T>, &online_step<T>,  &fourier<T>};
}

}  // namespace DANAUS_ISA
}  // namespace danaus
