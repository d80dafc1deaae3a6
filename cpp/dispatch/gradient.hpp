// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include <danaus/core/view.hpp>
#include <danaus/core/workspace.hpp>
#include <danaus/fft/ring.hpp>
#include <danaus/ssm/diagonal.hpp>
#include <danaus/ssm/dplr_vjp.hpp>

namespace danaus {

/// The gradients of one element type: of convolutions, kernels and scans.
template <class T>
struct GradientKernels {
  void (*convolve_vjp)(const RingPlan<T>&, std::size_t first, View<const T, 3> u, View<const T, 2> k,
                       View<const T, 3> grad, View<T, 3> du, View<T, 2> dk, Workspace) noexcept;
  void (*kernel_vjp)(std::span<const Mode>, std::span<const T> grad, std::span<Mode> out, Workspace) noexcept;
  void (*scan_tiles_vjp)(const Diagonal<T>&, std::size_t first, std::size_t last, View<const T, 2> grad, T* state,
                         View<T, 2> du) noexcept;
  void (*transfer_kernel_vjp)(View<const double, 2> b, View<const double, 2> a, std::size_t repeat, std::size_t first,
                              View<const T, 2> grad, View<double, 2> db, View<double, 2> da, Workspace) noexcept;
  void (*transfer_response)(View<const double, 2> b, View<const double, 2> a, std::size_t repeat, std::size_t first,
                            View<double, 2> out, Workspace) noexcept;
  void (*dplr_kernel_vjp)(DplrVjpShape, const double* constants, const double* grad, double* sums, Workspace) noexcept;
};

inline namespace DANAUS_ISA {

extern const GradientKernels<float> gradient_kernels_f32;
extern const GradientKernels<double> gradient_kernels_f64;

}  // namespace DANAUS_ISA
}  // namespace danaus
