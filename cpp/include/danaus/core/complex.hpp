// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <complex>

namespace danaus {

/// Set-up is done in double precision throughout.
using Complex = std::complex<double>;

}  // namespace danaus
