// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdio>
#include <exception>
#include <iostream>
#include <string>

// A benchmark program waits for lines on its standard input and answers each with one repetition, as a line of JSON:
// so the harness can let several programs take turns. By hand:  yes step | head -50 | ./program ...
namespace served {

template <class F>
double nanoseconds(F&& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin).count();
}

/// Keeps the compiler from leaving out the work that gave `value`.
template <class T>
void keep(const T& value) {
  asm volatile("" : : "g"(&value) : "memory");
}

/// `answer(line)` gives the JSON of one repetition.
template <class F>
int serve(F&& answer) {
  try {
    for (std::string line; std::getline(std::cin, line);) {
      std::puts(answer(line).c_str());
      std::fflush(stdout);
    }
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}

}  // namespace served
