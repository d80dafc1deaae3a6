// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cassert>

/// For the few lines that a kernel cannot do without: lane operations and views.
#define DANAUS_INLINE [[gnu::always_inline]] inline

/// For a kernel: whatever it calls is compiled into it, so that one object holds one
/// instruction set and nothing a linker could exchange for another object's copy.
#define DANAUS_KERNEL [[gnu::flatten]] inline

/// What a caller promises. Checked in debug builds; Python checks shapes before it calls.
#define DANAUS_EXPECTS(condition) assert(condition)

#if defined(__cpp_exceptions) || defined(__EXCEPTIONS)
#define DANAUS_HAS_EXCEPTIONS 1
#else
#define DANAUS_HAS_EXCEPTIONS 0
#endif
