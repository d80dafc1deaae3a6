// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <memory>
#include <mutex>
#include <vector>

#include <danaus/fft/ring.hpp>

#include "table.hpp"

namespace danaus::bindings {

/// The plan of a ring x^n = i, n >= least: one of the last few that were asked for, or a new one.
template <class T>
std::shared_ptr<const RingPlan<T>> ring(std::size_t least, InLanes in_lanes) {
  struct Entry {
    std::size_t least;
    InLanes in_lanes;
    std::shared_ptr<const RingPlan<T>> plan;
  };
  static std::mutex mutex;
  static std::vector<Entry> recent;  // the newest last
  {
    const std::lock_guard lock(mutex);
    const auto found = std::find_if(recent.begin(), recent.end(),
                                    [&](const Entry& e) { return e.least == least && e.in_lanes == in_lanes; });
    if (found != recent.end()) {
      std::rotate(found, found + 1, recent.end());
      return recent.back().plan;
    }
  }
  auto plan = std::make_shared<const RingPlan<T>>(least, in_lanes, Turn::right_angle, kernels().fft<T>().radix);
  const std::lock_guard lock(mutex);
  if (recent.size() == 16) recent.erase(recent.begin());
  recent.push_back({least, in_lanes, plan});
  return plan;
}

}  // namespace danaus::bindings
