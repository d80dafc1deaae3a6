// SPDX-License-Identifier: Apache-2.0
#pragma once

// Every elementary function on vec<float, N>: branch-free polynomials, no table, no libm.
#include <danaus/simd/activation.hpp>
#include <danaus/simd/erf.hpp>
#include <danaus/simd/exp.hpp>
#include <danaus/simd/log.hpp>
#include <danaus/simd/trig.hpp>
