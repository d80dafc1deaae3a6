// SPDX-License-Identifier: Apache-2.0
// Compiled once for each instruction set, like kernels.cpp.
#include <danaus/fft/fft_kernels.hpp>

namespace danaus {
inline namespace DANAUS_ISA {

extern const FftKernels<float> fft_kernels_f32;
extern const FftKernels<double> fft_kernels_f64;
constexpr FftKernels<float> fft_kernels_f32 = fft_kernels<float>();
constexpr FftKernels<double> fft_kernels_f64 = fft_kernels<double>();

}  // namespace DANAUS_ISA
}  // namespace danaus
