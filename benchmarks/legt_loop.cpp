// SPDX-License-Identifier: Apache-2.0
// HiPPO-LegT as it was published: forward Euler for a batch, O(N) by a sum from below and an alternating one from
// above, one sequence after the other. A plain scalar loop.
//
//   ./legt_loop N SIGNAL.f32   (L, 64) samples, then any lines; answers {"ns": a sample and channel}
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <vector>

#include "served.hpp"

namespace {

constexpr std::size_t batch = 64;

/// x <- x + h (B u - r_n sum_{k<=n} r_k x_k - (-1)^n r_n sum_{k>n} (-1)^k r_k x_k).
void step(std::vector<float>& state, std::vector<float>& above, std::size_t order, const float* u, float h) {
  for (std::size_t b = 0; b < batch; ++b) {
    float* const x = state.data() + b * order;
    float beyond = 0, upto = 0;
    for (std::size_t n = order; n-- > 0;) {
      const float r = std::sqrt(2.0f * static_cast<float>(n) + 1.0f);
      above[n] = beyond;
      beyond += (n % 2 == 0 ? r : -r) * x[n];
    }
    for (std::size_t n = 0; n < order; ++n) {
      const float r = std::sqrt(2.0f * static_cast<float>(n) + 1.0f);
      upto += r * x[n];
      x[n] += h * r * (u[b] - upto - (n % 2 == 0 ? above[n] : -above[n]));
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s N SIGNAL.f32\n", argv[0]);
    return 2;
  }
  std::ifstream file(argv[2], std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  std::vector<float> signal(bytes.size() / sizeof(float));
  std::memcpy(signal.data(), bytes.data(), signal.size() * sizeof(float));
  const std::size_t order = std::stoul(argv[1]);
  std::vector<float> state(batch * order), above(order);
  return served::serve([&](const std::string&) {
    const double ns = served::nanoseconds([&] {
      for (std::size_t k = 0; k + batch <= signal.size(); k += batch) {
        step(state, above, order, signal.data() + k, 1e-5f);
      }
      served::keep(state);
    });
    return "{\"ns\": " + std::to_string(ns / static_cast<double>(signal.size())) + "}";
  });
}
