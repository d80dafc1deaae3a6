// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

namespace danaus {

/// Nanoseconds of jobs that take turns: the shortest of each, so that what else the machine does matters little.
class Stopwatch {
 public:
  using Job = std::function<void(std::size_t turn)>;

  /// The number by which the job's time is known. Each round begins with `warm` turns that do not count.
  std::size_t add(std::size_t warm, Job job) {
    jobs_.push_back(std::move(job));
    warm_.push_back(warm);
    best_.push_back(1e18);
    return jobs_.size() - 1;
  }
  /// Rounds until the seconds are over, but at least five.
  void run(double seconds) {
    const auto begin = std::chrono::steady_clock::now();
    for (std::size_t round = 0; round < 5 || since(begin) < seconds * 1e9; ++round) {
      for (std::size_t i = 0; i < jobs_.size(); ++i) {
        for (std::size_t turn = 0; turn < warm_[i]; ++turn) jobs_[i](turn);
        double passed = 0;
        for (std::size_t again = 0; again < 20 && passed < (again < 2 ? 3e6 : 1e5); ++again) {
          const auto start = std::chrono::steady_clock::now();
          jobs_[i](round + again);
          const double taken = since(start);
          best_[i] = std::min(best_[i], taken);
          passed += taken;
        }
      }
    }
  }
  double operator[](std::size_t i) const noexcept { return best_[i]; }

 private:
  static double since(std::chrono::steady_clock::time_point start) noexcept {
    return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count();
  }
  std::vector<Job> jobs_;
  std::vector<std::size_t> warm_;
  std::vector<double> best_;
};

}  // namespace danaus
