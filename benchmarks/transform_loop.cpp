// SPDX-License-Identifier: Apache-2.0
// The transform that convolutions are made of, alone: complex points to the ring x^n = 1, in its own order of values.
//
//   ./transform_loop POINTS GROUPS   then any lines; answers {"ns": a signal}; GROUPS of 16 signals, one after the
//   other
#include <danaus/fft/convolve.hpp>
#include <random>
#include <string>
#include <vector>

#include "served.hpp"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s POINTS GROUPS\n", argv[0]);
    return 2;
  }
  using namespace danaus;
  const std::size_t points = std::stoul(argv[1]), groups = std::stoul(argv[2]);
  // As ConvolutionPlan chooses: long signals one by one.
  const RingPlan<float> plan(points, segments_if(points > 8192), Turn::full, ring_radix);
  const std::size_t parts = lanes<float> / plan.channels(), size = plan.channels() * points;
  Buffer<float> re(groups * lanes<float> * points), im(re.size());
  Buffer<float> work(plan.work_size());
  std::mt19937 random;
  std::normal_distribution<float> normal;
  for (float& x : re) x = normal(random);
  for (float& x : im) x = normal(random);
  return served::serve([&](const std::string&) {
    const double ns = served::nanoseconds([&] {
      for (std::size_t i = 0; i < groups * parts; ++i) {
        forth(plan, Coefficients<const float>{&re[i * size], plan.channels(), points},
              static_cast<const float*>(&im[i * size]), work.data());
        served::keep(work);
      }
    });
    return "{\"ns\": " + std::to_string(ns / static_cast<double>(groups * lanes<float>)) + "}";
  });
}
