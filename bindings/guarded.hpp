// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nanobind/nanobind.h>

#include <mutex>
#include <utility>

namespace danaus::bindings {

/// State that several Python threads may reach at the same time: one call after the other, without
/// the GIL. Which comes first is then the callers' business; nothing is torn.
template <class T>
class Guarded {
 public:
  explicit Guarded(T value) : value_(std::move(value)) {}
  Guarded(const Guarded& other) : value_(other.with([](const T& value) { return value; })) {}

  template <class F>
  auto with(F f) {
    const nanobind::gil_scoped_release unlocked;
    const std::lock_guard alone(mutex_);
    return f(value_);
  }
  template <class F>
  auto with(F f) const {
    const nanobind::gil_scoped_release unlocked;
    const std::lock_guard alone(mutex_);
    return f(value_);
  }

  /// For what never changes: sizes.
  const T& fixed() const noexcept { return value_; }

 private:
  mutable std::mutex mutex_;
  T value_;
};

}  // namespace danaus::bindings
