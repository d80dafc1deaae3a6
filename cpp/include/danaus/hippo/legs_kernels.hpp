// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/hippo/reconstruct.hpp>

namespace danaus {
inline namespace DANAUS_ISA {

/// The run functions of the LegS memory for the instruction set this file is compiled for.
template <class T>
constexpr LegsKernels<T> legs_kernels() noexcept {
  return {&legs::workspace_bytes, &legs::absorb<T>, &legs::fold,           &legs::settle, &legs::coefficients<T>,
          &legs::merge,           &legs::recall<T>, &legs::reconstruct<T>, &legs::moments};
}

}  // namespace DANAUS_ISA
}  // namespace danaus
