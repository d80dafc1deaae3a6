// SPDX-License-Identifier: Apache-2.0
#include "table.hpp"

#include <cstdlib>
#include <cstring>

namespace danaus {

#if defined(__x86_64__)
namespace x86_64 {
extern const KernelTable kernel_table;
}
namespace x86_64_v3 {
extern const KernelTable kernel_table;
}
namespace x86_64_v4 {
extern const KernelTable kernel_table;
}
#else
namespace aarch64 {
extern const KernelTable kernel_table;
}
#endif

namespace {

const KernelTable& select() noexcept {
#if defined(__x86_64__)
  const char* const limit = std::getenv("DANAUS_MAX_ISA");
  const auto allowed = [limit](const char* isa) { return limit == nullptr || std::strcmp(limit, isa) >= 0; };
  if (allowed("x86-64-v4") && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) {
    return x86_64_v4::kernel_table;
  }
  if (allowed("x86-64-v3") && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
      __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("f16c")) {
    return x86_64_v3::kernel_table;
  }
  return x86_64::kernel_table;
#else
  return aarch64::kernel_table;
#endif
}

}  // namespace

const KernelTable& kernels() noexcept {
  static const KernelTable& best = select();
  return best;
}

}  // namespace danaus
