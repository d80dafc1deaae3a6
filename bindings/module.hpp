// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "arrays.hpp"

namespace danaus::bindings {

using namespace nb::literals;

void bind_convolution(nb::module_& m);
void bind_fourier(nb::module_& m);
void bind_ssm(nb::module_& m);
void bind_dplr(nb::module_& m);
void bind_mimo(nb::module_& m);
void bind_hippo(nb::module_& m);
void bind_hippo_systems(nb::module_& m);
void bind_window(nb::module_& m);
void bind_convert(nb::module_& m);
void bind_reduce(nb::module_& m);
void bind_gradient(nb::module_& m);
void bind_gradient_recurrent(nb::module_& m);
void bind_transfer(nb::module_& m);
void bind_transfer_kernel(nb::module_& m);
void bind_evaluate(nb::module_& m);
void bind_simplex(nb::module_& m);
void bind_model(nb::module_& m);
void bind_monarch(nb::module_& m);

}  // namespace danaus::bindings
