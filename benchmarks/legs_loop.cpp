// SPDX-License-Identifier: Apache-2.0
// HiPPO-LegS as it was published: one bilinear step of A / k a sample, O(N) by the structure of A. A plain scalar loop.
//
//   ./legs_loop N[xBATCH] SIGNAL.f32   then any lines; answers {"ns": a sample of the batch, "coefficients": [...]}
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "served.hpp"

namespace {

/// A = -(r_n r_m below the diagonal, n + 1 on it), B = r, r_n = sqrt(2n + 1):
///   x <- (I - A/2k)^-1 [(I + A/2k) x + B u/k],
/// both halves by a running sum of r_m x_m over m < n; one sequence of the batch after the other, a root an element.
class Legs {
 public:
  Legs(std::size_t order, std::size_t batch) : state_(order * batch), order_(order) {}

  void reset() {
    state_.assign(state_.size(), 0.0f);
    k_ = 0;
  }

  void step(const float* u) {
    const float k = static_cast<float>(++k_), half = 0.5f / k;
    for (float* state = state_.data(); state < state_.data() + state_.size(); state += order_, ++u) {
      float before = 0, after = 0;
      for (std::size_t n = 0; n < order_; ++n) {
        const float diagonal = half * static_cast<float>(n + 1), x = state[n];
        const float r = std::sqrt(2.0f * static_cast<float>(n) + 1.0f);
        const float forward = x - half * r * before - diagonal * x + r * *u / k;
        const float y = (forward - half * r * after) / (1.0f + diagonal);
        before += r * x;
        after += r * y;
        state[n] = y;
      }
    }
  }

  const std::vector<float>& state() const { return state_; }

 private:
  std::vector<float> state_;
  std::size_t order_, k_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s N[xBATCH] SIGNAL.f32\n", argv[0]);
    return 2;
  }
  std::ifstream file(argv[2], std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  std::vector<float> signal(bytes.size() / sizeof(float));
  std::memcpy(signal.data(), bytes.data(), signal.size() * sizeof(float));
  const std::string shape(argv[1]);
  const std::size_t cross = shape.find('x'), batch = cross == shape.npos ? 1 : std::stoul(shape.substr(cross + 1));
  const std::size_t length = signal.size() / batch;
  Legs memory(std::stoul(shape), batch);
  return served::serve([&](const std::string&) {
    memory.reset();
    const double ns = served::nanoseconds([&] {
      for (std::size_t k = 0; k < length; ++k) memory.step(signal.data() + k * batch);
      served::keep(memory.state());
    });
    std::string answer = "{\"ns\": " + std::to_string(ns / static_cast<double>(length)) + ", \"coefficients\": [";
    for (std::size_t n = 0; n < memory.state().size(); ++n) {
      char number[40];
      std::snprintf(number, sizeof number, "%s%.9g", n > 0 ? ", " : "", static_cast<double>(memory.state()[n]));
      answer += number;
    }
    return answer + "]}";
  });
}
