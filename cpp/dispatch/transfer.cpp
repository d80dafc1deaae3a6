// SPDX-License-Identifier: Apache-2.0
#include <danaus/ssm/transfer_kernels.hpp>

namespace danaus {
inline namespace DANAUS_ISA {

template <class T, class S>
constexpr TransferRun<T, S> transfer_run{scan_tiles<T, S>, step<T, S>, state_after<T, S>, prepare_chunk<S>,
                                         chunk_tiles<T, S>};

extern const TransferKernels transfer_kernels;
constexpr TransferKernels transfer_kernels{
    transfer_run<float, float>,  transfer_run<double, double>, transfer_run<float, double>, impulse_tile<float, float>,
    impulse_tile<float, double>, impulse_tile<double, double>, response_by_transform,       power_gain};

}  // namespace DANAUS_ISA
}  // namespace danaus
