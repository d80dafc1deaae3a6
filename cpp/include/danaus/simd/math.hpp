// SPDX-License-Identifier: Apache-2.0
#pragma once

// The elementary functions on vec<float, N>: polynomials, no table, no libm. NaN in, NaN out, in
// every lane; the whole range of float, denormals included.
//
// Above each function stands its largest error in ulps (distance from the exact value over the
// spacing of floats there; the smallest denormal where that is the spacing), with FMA and without.
// Measured with GCC 12: with FMA at every float; without it erf, gelu, sigmoid and tanh at every float,
// the others at every 11th, gated activations at every third of 2^-6 <= |x| < 128.
// tests/cpp/simd/test_math.cpp asserts them; DANAUS_EXHAUSTIVE=1 in its environment takes every float.
#include <danaus/simd/activation.hpp>
#include <danaus/simd/erf.hpp>
#include <danaus/simd/exp.hpp>
#include <danaus/simd/log.hpp>
#include <danaus/simd/trig.hpp>
