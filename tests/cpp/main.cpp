// SPDX-License-Identifier: Apache-2.0
#include "check.hpp"

#include <danaus/simd/isa.hpp>

namespace check {

/// Runs every case whose name contains one of the arguments (all without arguments).
int run_all(int argc, char** argv) {
  int passed = 0, failed = 0;
  for (const Case& c : cases()) {
    bool wanted = argc < 2;
    for (int i = 1; i < argc; ++i) wanted = wanted || std::strstr(c.name, argv[i]) != nullptr;
    if (!wanted) continue;
    const int before = failures();
    c.run();
    if (failures() == before) {
      ++passed;
    } else {
      ++failed;
      std::printf("FAILED %s\n", c.name);
    }
  }
  std::printf("%s: %d passed, %d failed\n", DANAUS_ISA_NAME, passed, failed);
  return failed != 0 || passed == 0;
}

}  // namespace check

int main(int argc, char** argv) {
#if defined(__x86_64__) && defined(__AVX512F__)
  const bool supported = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
#elif defined(__x86_64__) && defined(__AVX2__)
  const bool supported = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  const bool supported = true;
#endif
  if (!supported) {
    std::printf("%s: this machine cannot run it\n", DANAUS_ISA_NAME);
    return 77;
  }
  return check::run_all(argc, argv);
}
