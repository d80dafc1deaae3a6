// SPDX-License-Identifier: Apache-2.0
// What one core of this machine can do at most, measured: float32 fused multiply-adds and reads from each memory level.
//
//   ./peak L1_BYTES L2_BYTES MEMORY_BYTES   then lines "FMA", "L1", "L2", "memory"
#include <danaus/core/buffer.hpp>
#include <danaus/simd/vec.hpp>

#include <algorithm>
#include <cstdlib>

#include "served.hpp"

namespace {

using V = danaus::simd::native<float>;
constexpr std::size_t lanes = V::size();

/// Independent chains: enough to hide a latency of 5 cycles at 2 operations a cycle, few enough for 16 registers.
constexpr std::size_t chains = 12;

double fma_gflops() {
  constexpr std::size_t rounds = 20000;
  volatile float source = 0.5f;
  const V a(source), b(source);
  V x[chains];
  for (V& v : x) v = V(source);
  const double ns = served::nanoseconds([&] {
    for (std::size_t i = 0; i < rounds; ++i) {
      for (V& v : x) v = fma(v, a, b);
    }
  });
  served::keep(x);
  return 2.0 * static_cast<double>(lanes * chains * rounds) / ns;
}

/// The sum of `count` floats, a multiple of 8 vectors. By value only: what has an address does not stay in registers.
[[gnu::noinline]] V sum(const float* data, std::size_t count) noexcept {
  constexpr std::size_t wide = 8;
  V part[wide];
  for (V& v : part) v = V(0.0f);
  for (std::size_t i = 0; i < count; i += wide * lanes) {
    for (std::size_t k = 0; k < wide; ++k) part[k] += danaus::simd::load<V>(data + i + k * lanes);
  }
  V all(0.0f);
  for (const V& v : part) all += v;
  return all;
}

double read_gbps(const float* data, std::size_t count, std::size_t passes) {
  const double ns = served::nanoseconds([&] {
    for (std::size_t p = 0; p < passes; ++p) {
      const V all = sum(data, count);
      served::keep(all);
    }
  });
  return 4.0 * static_cast<double>(count * passes) / ns;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: %s L1_BYTES L2_BYTES MEMORY_BYTES\n", argv[0]);
    return 2;
  }
  const auto floats = [&](int i) { return std::strtoull(argv[i], nullptr, 10) / 4 / (8 * lanes) * (8 * lanes); };
  const std::size_t l1 = floats(1), l2 = floats(2), memory = floats(3);
  const std::size_t window = std::min(memory, std::size_t{1} << 24) / (8 * lanes) * (8 * lanes);
  danaus::Buffer<float> data(memory);
  std::fill(data.begin(), data.end(), 1.0f);
  std::size_t next = 0;
  return served::serve([&](const std::string& what) {
    double value = 0;
    if (what == "FMA") value = fma_gflops();
    if (what == "L1") value = read_gbps(data.data(), l1, (std::size_t{1} << 22) / l1);
    if (what == "L2") value = read_gbps(data.data(), l2, std::max<std::size_t>(2, (std::size_t{1} << 22) / l2));
    if (what == "memory") {  // another window each time, so that none is found in a cache
      if (next + window > memory) next = 0;
      value = read_gbps(data.data() + next, window, 1);
      next += window;
    }
    return "{\"value\": " + std::to_string(value) + "}";
  });
}
