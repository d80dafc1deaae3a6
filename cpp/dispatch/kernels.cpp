// SPDX-License-Identifier: Apache-2.0
// Compiled once for each instruction set, always at -O3: everything it defines stands in the namespace
// of that instruction set (tests/packaging checks it).
#include "table.hpp"

#include <danaus/fft/convolve.hpp>
#include <danaus/hippo/legs_kernels.hpp>
#include <danaus/model/run.hpp>
#include <danaus/ssm/kernel.hpp>

namespace danaus {
inline namespace DANAUS_ISA {

template <class T>
constexpr SsmKernels<T> ssm_kernels{scan_tiles<T>, step<T>, kernel<T>, convolve_tile<T>};

extern const DplrKernels<float> dplr_kernels_f32;
extern const DplrKernels<double> dplr_kernels_f64;
extern const MimoKernels<float> mimo_kernels_f32;
extern const MimoKernels<double> mimo_kernels_f64;
extern const KernelTable kernel_table;
constexpr KernelTable kernel_table{
    DANAUS_ISA_NAME,        {run, all_finite}, ssm_kernels<float>, ssm_kernels<double>, legs_kernels<float>(),
    legs_kernels<double>(), &dplr_kernels_f32, &dplr_kernels_f64,  &mimo_kernels_f32,   &mimo_kernels_f64};

}  // namespace DANAUS_ISA
}  // namespace danaus
