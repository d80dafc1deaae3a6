// SPDX-License-Identifier: Apache-2.0
// Compiled once for each instruction set; see kernels.cpp.
#include "gradient.hpp"

#include <danaus/fft/convolve_vjp.hpp>
#include <danaus/ssm/diagonal_vjp.hpp>
#include <danaus/ssm/dplr_vjp_run.hpp>
#include <danaus/ssm/kernel_vjp.hpp>
#include <danaus/ssm/transfer_vjp.hpp>

namespace danaus {
inline namespace DANAUS_ISA {

template <class T>
constexpr GradientKernels<T> gradient_kernels{convolve_vjp<T>,        kernel_vjp<T>,     scan_tiles_vjp<T>,
                                              transfer_kernel_vjp<T>, transfer_response, dplr_kernel_vjp};

constexpr GradientKernels<float> gradient_kernels_f32 = gradient_kernels<float>;
constexpr GradientKernels<double> gradient_kernels_f64 = gradient_kernels<double>;

}  // namespace DANAUS_ISA
}  // namespace danaus
