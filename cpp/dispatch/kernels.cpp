// SPDX-License-Identifier: Apache-2.0
// Compiled once for each instruction set, always at -O3: everything it defines stands in the namespace
// of that instruction set (tests/packaging checks it).
#include "table.hpp"

#include <danaus/hippo/legs_kernels.hpp>
#include <danaus/model/run.hpp>
#include <danaus/ssm/diagonal_after.hpp>

#include "gradient.hpp"

namespace danaus {
inline namespace DANAUS_ISA {

template <class T>
constexpr SsmKernels<T> ssm_kernels{scan_tiles<T>, step<T>, kernel<T>, states_after<T>};

extern const FftKernels<float> fft_kernels_f32;  // fft.cpp
extern const FftKernels<double> fft_kernels_f64;

extern const DplrKernels<float> dplr_kernels_f32;  // dplr.cpp
extern const DplrKernels<double> dplr_kernels_f64;
extern const MimoKernels<float> mimo_kernels_f32;  // mimo.cpp
extern const MimoKernels<double> mimo_kernels_f64;
extern const MonarchKernels<float> monarch_kernels_f32;  // monarch.cpp
extern const MonarchKernels<double> monarch_kernels_f64;
extern const TransferKernels transfer_kernels;              // transfer.cpp
extern const LegsStepKernels<float> legs_step_kernels_f32;  // legs_steps.cpp
extern const LegsStepKernels<double> legs_step_kernels_f64;
extern const WindowKernels<float> window_kernels_f32;  // window.cpp
extern const WindowKernels<double> window_kernels_f64;
extern const SimplexKernels<float> simplex_kernels_f32;  // simplex.cpp
extern const SimplexKernels<double> simplex_kernels_f64;

extern const KernelTable kernel_table;
constexpr KernelTable kernel_table{
    DANAUS_ISA_NAME,        {run, all_finite},      ssm_kernels<float>,  ssm_kernels<double>,   legs_kernels<float>(),
    legs_kernels<double>(), &fft_kernels_f32,       &fft_kernels_f64,    &gradient_kernels_f32, &gradient_kernels_f64,
    &transfer_kernels,      &dplr_kernels_f32,      &dplr_kernels_f64,   &mimo_kernels_f32,     &mimo_kernels_f64,
    &legs_step_kernels_f32, &legs_step_kernels_f64, &window_kernels_f32, &window_kernels_f64,   &simplex_kernels_f32,
    &simplex_kernels_f64,   &monarch_kernels_f32,   &monarch_kernels_f64};

}  // namespace DANAUS_ISA
}  // namespace danaus
