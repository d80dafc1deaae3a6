// SPDX-License-Identifier: Apache-2.0
#include <danaus/simplex/entmax.hpp>
#include <danaus/simplex/kernels.hpp>
#include <danaus/simplex/log_softmax.hpp>
#include <danaus/simplex/perturb.hpp>
#include <danaus/simplex/pointwise.hpp>
#include <danaus/simplex/sample.hpp>
#include <danaus/simplex/softmax.hpp>
#include <danaus/simplex/sparsemax.hpp>
#include <danaus/simplex/topk.hpp>

namespace danaus {
inline namespace DANAUS_ISA {

extern const SimplexKernels<float> simplex_kernels_f32;
constexpr SimplexKernels<float> simplex_kernels_f32{
    {softmax_rows<float>, log_softmax_rows<float>, log_sum_rows<float>, sparsemax_rows<float>, entmax15_rows<float>,
     entmax_rows<float>, topk_rows<float>, nullptr, softmax_vjp_rows<float>, entmax_vjp_rows<float>,
     log_softmax_vjp_rows<float>, nullptr, sample_rows<float>, nullptr},
    read_rows<float>,
    write_rows<float>};

extern const SimplexKernels<double> simplex_kernels_f64;
constexpr SimplexKernels<double> simplex_kernels_f64{
    {softmax_rows<double>, log_softmax_rows<double>, log_sum_rows<double>, sparsemax_rows<double>,
     entmax15_rows<double>, entmax_rows<double>, topk_rows<double>, nucleus_rows<double>, softmax_vjp_rows<double>,
     entmax_vjp_rows<double>, log_softmax_vjp_rows<double>, pointwise_rows<double>, sample_rows<double>,
     perturb_rows<double>},
    read_rows<double>,
    write_rows<double>};

}  // namespace DANAUS_ISA
}  // namespace danaus
