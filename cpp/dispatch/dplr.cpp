// SPDX-License-Identifier: Apache-2.0
// Compiled once for each instruction set; see kernels.cpp.
#include "table.hpp"

#include <danaus/ssm/dplr_kernel.hpp>

namespace danaus {
inline namespace DANAUS_ISA {

extern const DplrKernels<float> dplr_kernels_f32;
extern const DplrKernels<double> dplr_kernels_f64;
constexpr DplrKernels<float> dplr_kernels_f32{scan_tiles<float>, step<float>, kernel<float>};
constexpr DplrKernels<double> dplr_kernels_f64{scan_tiles<double>, step<double>, kernel<double>};

}  // namespace DANAUS_ISA
}  // namespace danaus
