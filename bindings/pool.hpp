// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include <danaus/core/executor.hpp>

namespace danaus::bindings {

/// An executor of up to `threads` threads of the extension's one pool, the caller's among them. While
/// the pool is busy with another caller's work, the pieces run in the caller's thread.
Executor executor(std::size_t threads);

}  // namespace danaus::bindings
