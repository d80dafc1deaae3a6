// SPDX-License-Identifier: Apache-2.0
#pragma once

// The elementary functions on vec<float, N>: polynomials, no table, no libm. NaN in, NaN out, in
// every lane; the whole range of float, denormals included.
//
// Above each function stands its largest error in ulps (distance from the exact value over the
// spacing of floats there; the smallest denormal where that is the spacing), with FMA and without.
// Measured with GCC 12 by DANAUS_EXHAUSTIVE=11 (every 11th float or denser) of tests/cpp/simd/test_math.cpp,
// which asserts them. Wherever the compiler may fuse a product and a sum, the bounds hold either way.
#include <danaus/simd/activation.hpp>
#include <danaus/simd/erf.hpp>
#include <danaus/simd/exp.hpp>
#include <danaus/simd/log.hpp>
#include <danaus/simd/trig.hpp>
