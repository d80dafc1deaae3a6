// SPDX-License-Identifier: Apache-2.0
// Compiled once for each instruction set; see kernels.cpp.
#include "table.hpp"

#include <danaus/hippo/legs_scan.hpp>

namespace danaus {
inline namespace DANAUS_ISA {

extern const LegsStepKernels<float> legs_step_kernels_f32;
extern const LegsStepKernels<double> legs_step_kernels_f64;
constexpr LegsStepKernels<float> legs_step_kernels_f32{legs::legs_step_kernels<float>()};
constexpr LegsStepKernels<double> legs_step_kernels_f64{legs::legs_step_kernels<double>()};

}  // namespace DANAUS_ISA
}  // namespace danaus
