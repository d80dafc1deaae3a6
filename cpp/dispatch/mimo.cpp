// SPDX-License-Identifier: Apache-2.0
// Compiled once for each instruction set; see kernels.cpp.
#include "table.hpp"

#include <danaus/ssm/mimo_scan.hpp>

namespace danaus {
inline namespace DANAUS_ISA {

extern const MimoKernels<float> mimo_kernels_f32;
extern const MimoKernels<double> mimo_kernels_f64;
constexpr MimoKernels<float> mimo_kernels_f32{drive<float>, advance<float>, read<float>, scan<float>, step<float>};
constexpr MimoKernels<double> mimo_kernels_f64{drive<double>, advance<double>, read<double>, scan<double>,
                                               step<double>};

}  // namespace DANAUS_ISA
}  // namespace danaus
