// SPDX-License-Identifier: Apache-2.0
#pragma once

// The instruction set this translation unit is compiled for. Everything that touches a vector
// stands in `inline namespace DANAUS_ISA`, so that objects compiled with different flags never
// share a symbol. DANAUS_SCALAR asks for one lane: the reference build.
#if defined(DANAUS_SCALAR)
#define DANAUS_ISA scalar
#define DANAUS_ISA_NAME "scalar"
#define DANAUS_REGISTER_BYTES 4
#define DANAUS_REGISTERS 16
#elif defined(__AVX512F__) && defined(__AVX512VL__) && defined(__AVX512BW__) && defined(__AVX512DQ__)
#define DANAUS_ISA x86_64_v4
#define DANAUS_ISA_NAME "x86-64-v4"
#define DANAUS_REGISTER_BYTES 64
#define DANAUS_REGISTERS 32
#elif defined(__AVX2__) && defined(__FMA__)
#define DANAUS_ISA x86_64_v3
#define DANAUS_ISA_NAME "x86-64-v3"
#define DANAUS_REGISTER_BYTES 32
#define DANAUS_REGISTERS 16
#elif defined(__SSE2__)
#define DANAUS_ISA x86_64
#define DANAUS_ISA_NAME "x86-64"
#define DANAUS_REGISTER_BYTES 16
#define DANAUS_REGISTERS 16
#elif defined(__aarch64__)
#define DANAUS_ISA aarch64
#define DANAUS_ISA_NAME "aarch64"
#define DANAUS_REGISTER_BYTES 16
#define DANAUS_REGISTERS 32
#else
#define DANAUS_ISA scalar
#define DANAUS_ISA_NAME "scalar"
#define DANAUS_REGISTER_BYTES 4
#define DANAUS_REGISTERS 16
#endif

// x86_64 is also a macro of GNU compilers on some targets; the namespace must stay a name.
#if defined(x86_64)
#undef x86_64
#endif
