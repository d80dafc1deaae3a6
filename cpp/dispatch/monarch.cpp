// SPDX-License-Identifier: Apache-2.0
// Compiled once for each instruction set; see kernels.cpp.
#include <danaus/monarch/monarch_kernels.hpp>

namespace danaus {
inline namespace DANAUS_ISA {

extern const MonarchKernels<float> monarch_kernels_f32;
extern const MonarchKernels<double> monarch_kernels_f64;
constexpr MonarchKernels<float> monarch_kernels_f32{multiply<float>, run_stage<float>, project_blocks<float>,
                                                    project_lanes<float>};
constexpr MonarchKernels<double> monarch_kernels_f64{multiply<double>, run_stage<double>, project_blocks<double>,
                                                     project_lanes<double>};

}  // namespace DANAUS_ISA
}  // namespace danaus
