// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <memory>
#include <span>
#include <string>

#include <danaus/core/error.hpp>
#include <danaus/core/executor.hpp>
#include <danaus/hippo/legs.hpp>
#include <danaus/hippo/legs_step.hpp>

namespace danaus {

/// Online memory of `channels` signals by a one-step method of HiPPO-LegS: the first sample exactly, x = u e_0, then
/// one step of LegsMethod a sample, O(N) each; coefficients and samples are T, a step's numbers are made in double
/// precision and rounded once. It approximates what LegsMemory has exactly, with the same verbs and the same times.
template <class T>
class LegsStepMemory {
 public:
  LegsStepMemory(const LegsStepKernels<T>& steps, const LegsKernels<T>& kernels, LegsMethod method, std::size_t order,
                 std::size_t channels)
      : steps_(steps), kernels_(kernels), method_(method), shape_{order, channels, legs_carries<T> ? 2u : 1u} {
    require(order > 0 && order <= 2048,
            [&] { return "hippo.Memory: n must be 1 to 2048, got " + std::to_string(order); });
    require(channels > 0, [] { return "hippo.Memory: channels must be positive, got 0"; });
    if (method == LegsMethod::forward_euler) check_forward(order);
    tables_ = std::make_shared<const LegsStepTables>(legs_step_tables(order));
    state_.assign(shape_.size(), T(0));
    plan_.resize(planned);
    scratch_.resize(steps_.workspace_bytes(order));
  }

  std::size_t order() const noexcept { return shape_.order; }
  std::size_t channels() const noexcept { return shape_.channels; }
  double time() const noexcept { return time_; }

  /// One sample of every channel, held for one unit of time.
  void step(std::span<const T> sample) { extend(View<const T, 2>(sample.data(), {1, sample.size()})); }

  /// Samples (L, channels), one unit of time each. Channels are pieces of work.
  void extend(View<const T, 2> samples, const Executor& executor = {}) {
    check_channels(samples.extent(1));
    take(samples, nullptr, executor);
  }
  /// Sample k holds until ends[k]; ends (L) increase from beyond time().
  void extend(View<const T, 2> samples, std::span<const double> ends, const Executor& executor = {}) {
    check_channels(samples.extent(1));
    require(ends.size() == samples.extent(0), [&] {
      return "hippo.Memory: times must hold one end time for each of the " + std::to_string(samples.extent(0)) +
             " samples, got " + std::to_string(ends.size());
    });
    legs_check_increasing(ends, time_);
    take(samples, ends.data(), executor);
  }

  /// out (channels, N).
  void coefficients(View<T, 2> out) const noexcept {
    for (std::size_t c = 0; c < channels(); ++c)
      for (std::size_t n = 0; n < order(); ++n) out(c, n) = state_[shape_.at(c, n)];
  }

  /// out (times, channels): the remembered signal at any times. The first call makes tables.
  void reconstruct(std::span<const double> times, View<T, 2> out) const {
    require(time_ > 0, [] { return "hippo.Memory: reconstruct needs at least one sample, got none"; });
    Exact exact(*this);
    kernels_.reconstruct(exact.tables, exact.state(), times, out, workspace(exact.scratch));
  }

  /// Appends what `other` remembers, whatever its method: exact for the two polynomials.
  void merge(const LegsStepMemory& other) {
    require(other.order() == order() && other.channels() == channels(), [&] {
      return "hippo.Memory: merge needs a memory of " + std::to_string(channels()) +
             " channels and n = " + std::to_string(order()) + ", got " + std::to_string(other.channels()) + " and " +
             std::to_string(other.order());
    });
    if (other.time_ == 0) return;
    Exact first(*this);
    const Exact second(other);
    kernels_.merge(first.tables, first.state(), second.state(), workspace(first.scratch));
    time_ = first.state().start();
    std::fill(state_.begin(), state_.end(), T(0));
    for (std::size_t c = 0; c < channels(); ++c)
      for (std::size_t n = 0; n < order(); ++n)
        state_[shape_.at(c, n)] = static_cast<T>(first.state().coefficients()[n * channels() + c]);
  }

  void reset() noexcept {
    time_ = 0;
    std::fill(state_.begin(), state_.end(), T(0));
  }

  /// The time, then the coefficients (parts, channels, N), part 1 what rounding took from them, where it is kept.
  Buffer<double> state() const {
    Buffer<double> all{time_};
    for (std::size_t i = 0; i < numbers(); ++i) all.push_back(static_cast<double>(state_[place(i)]));
    return all;
  }
  std::size_t state_size() const noexcept { return 1 + numbers(); }
  void restore(std::span<const double> state) {
    require(state.size() == state_size(), [&] {
      return "hippo.Memory: the state must hold " + std::to_string(state_size()) + " numbers, got " +
             std::to_string(state.size());
    });
    require(std::isfinite(state[0]) && state[0] >= 0,
            [] { return "hippo.Memory: the state must come from a memory of the same shape"; });
    time_ = state[0];
    for (std::size_t i = 0; i < numbers(); ++i) state_[place(i)] = static_cast<T>(state[1 + i]);
  }

 private:
  static constexpr std::size_t planned = 1024;  // samples whose steps are computed ahead

  /// The same coefficients as an exact memory's, for what it can do with them.
  struct Exact {
    explicit Exact(const LegsStepMemory& memory) : tables(legs_tables(memory.order(), 1)), channels(memory.channels()) {
      data.assign(state().size(), 0);
      data[0] = memory.time_;
      for (std::size_t c = 0; c < channels; ++c)
        for (std::size_t n = 0; n < memory.order(); ++n)
          state().coefficients()[n * channels + c] = static_cast<double>(memory.state_[memory.shape_.at(c, n)]);
      scratch.resize(memory.kernels_.workspace_bytes(tables, channels));
    }
    LegsState<double> state() noexcept { return {data.data(), tables, channels}; }
    LegsState<const double> state() const noexcept { return {data.data(), tables, channels}; }
    LegsTables tables;
    std::size_t channels;
    Buffer<double> data;
    Buffer<std::byte> scratch;
  };

  /// Forward Euler multiplies on its way by up to `most`: refused where the rounding errors of T would reach 1e-3.
  static void check_forward(std::size_t order) {
    const double limit = 1e-3 / static_cast<double>(std::numeric_limits<T>::epsilon());
    const double most = legs_forward_transient(order, limit);
    require(most <= limit, [&] {
      char bound[32];
      std::snprintf(bound, sizeof bound, "%.0e", limit);
      return "hippo.Memory: method 'forward_euler' must not be used with n = " + std::to_string(order) +
             ": before it decays it multiplies rounding errors by more than " + bound +
             "; take 'bilinear' or 'backward_euler', which are stable for every n";
    });
  }

  void take(View<const T, 2> samples, const double* ends, const Executor& executor) {
    const std::size_t pieces = std::min(executor.threads(), shape_.pieces()), each = steps_.workspace_bytes(order());
    if (scratch_.size() < pieces * each) scratch_.resize(pieces * each);
    std::size_t done = 0;
    if (time_ == 0 && samples.extent(0) > 0) {
      for (std::size_t c = 0; c < channels(); ++c) state_[shape_.at(c, 0)] = samples(0, c);
      time_ = ends == nullptr ? 1 : ends[0];
      done = 1;
    }
    while (done < samples.extent(0)) {
      const std::size_t count = std::min(planned, samples.extent(0) - done);
      for (std::size_t k = 0; k < count; ++k) {
        const double to = ends == nullptr ? time_ + 1 : ends[done + k];
        plan_[k] = legs_step(method_, time_, to);
        time_ = to;
      }
      executor(pieces, [&](std::size_t i) noexcept {
        steps_.scan(*tables_, shape_, i * shape_.pieces() / pieces, (i + 1) * shape_.pieces() / pieces, plan_.data(),
                    samples.rows(done, count), state_.data(), Workspace({scratch_.data() + i * each, each}));
      });
      done += count;
    }
  }
  std::size_t numbers() const noexcept { return shape_.parts * channels() * order(); }
  std::size_t place(std::size_t i) const noexcept {
    const std::size_t row = i / order();
    return shape_.at(row % channels(), i % order(), row / channels());
  }
  void check_channels(std::size_t got) const {
    require(got == channels(), [&] {
      return "hippo.Memory: samples must have " + std::to_string(channels()) + " channels, got " + std::to_string(got);
    });
  }

  LegsStepKernels<T> steps_;
  LegsKernels<T> kernels_;
  LegsMethod method_;
  LegsStepShape shape_;
  std::shared_ptr<const LegsStepTables> tables_;
  double time_ = 0;
  Buffer<T> state_;
  Buffer<LegsStep> plan_;
  Buffer<std::byte> scratch_;
};

}  // namespace danaus
