// SPDX-License-Identifier: Apache-2.0
// Compiled once for each instruction set; see kernels.cpp.
#include <danaus/hippo/window_kernels.hpp>

namespace danaus {
inline namespace DANAUS_ISA {

extern const WindowKernels<float> window_kernels_f32;
extern const WindowKernels<double> window_kernels_f64;
constexpr WindowKernels<float> window_kernels_f32 = window_kernels<float>();
constexpr WindowKernels<double> window_kernels_f64 = window_kernels<double>();

}  // namespace DANAUS_ISA
}  // namespace danaus
