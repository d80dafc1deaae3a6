// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <span>
#include <string>

#include <danaus/core/error.hpp>
#include <danaus/core/executor.hpp>
#include <danaus/hippo/legs.hpp>

namespace danaus {

/// Online memory of `channels` signals by the exact HiPPO-LegS projection: after samples u_k held
/// over cells of [0, t) it knows, per channel, x_n(t) = (1/t) int_0^t u(s) r_n P_n(2s/t - 1) ds,
/// n < N, to 1e-11, however long the sequence and however it was fed. Samples and coefficients are
/// T, what happens inside is double. Copies share the tables. No call but construction and copying
/// allocates.
template <class T>
class LegsMemory {
 public:
  /// `kernels`: legs_kernels<T>() of legs_kernels.hpp, or a dispatcher's choice.
  LegsMemory(const LegsKernels<T>& kernels, std::size_t order, std::size_t channels = 1)
      : LegsMemory(kernels, make_tables(order), channels) {}
  /// Shares tables with others of its order.
  LegsMemory(const LegsKernels<T>& kernels, std::shared_ptr<const LegsTables> tables, std::size_t channels)
      : kernels_(kernels), tables_(std::move(tables)), channels_(channels) {
    require(channels > 0, [] { return "hippo.Memory: channels must be positive, got 0"; });
    state_.assign(legs().size(), 0);
    scratch_.resize(kernels_.workspace_bytes(*tables_, channels_));
  }

  std::size_t order() const noexcept { return tables_->order; }
  std::size_t channels() const noexcept { return channels_; }
  /// The memory spans [0, time).
  double time() const noexcept { return legs().time(); }
  const std::shared_ptr<const LegsTables>& tables() const noexcept { return tables_; }

  /// One sample of every channel, held for one unit of time.
  void step(std::span<const T> sample) {
    check_channels(sample.size());
    push(sample, nullptr);
  }
  /// Or until `end`.
  void step(std::span<const T> sample, double end) {
    check_channels(sample.size());
    legs_check_increasing({&end, 1}, time());
    push(sample, &end);
  }
  /// Samples (L, channels), one unit of time each. Strips of channels are pieces of work; with more threads than ever
  /// before it allocates. The bits are the same for any number.
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
    legs_check_increasing(ends, time());
    take(samples, ends.data(), executor);
  }

  /// out (channels, N). Reading changes no bit of the memory. An empty memory has zeros. Not for two
  /// threads at once: they would share the scratch.
  void coefficients(View<T, 2> out) const {
    require(out.extent(0) == channels_ && out.extent(1) == order(), [&] {
      return "hippo.Memory: coefficients must have shape " + shape(channels_, order()) + ", got " +
             shape(out.extent(0), out.extent(1));
    });
    kernels_.coefficients(*tables_, legs(), out, workspace(scratch_));
  }

  /// out (times, channels): the remembered signal at any times.
  void reconstruct(std::span<const double> times, View<T, 2> out) const {
    require(time() > 0, [] { return "hippo.Memory: reconstruct needs at least one sample, got none"; });
    require(out.extent(0) == times.size() && out.extent(1) == channels_, [&] {
      return "hippo.Memory: the reconstruction must have shape " + shape(times.size(), channels_) + ", got " +
             shape(out.extent(0), out.extent(1));
    });
    kernels_.reconstruct(*tables_, legs(), times, out, workspace(scratch_));
  }

  /// Appends what `other` remembers: its time 0 becomes this memory's time(). Exact.
  void merge(const LegsMemory& other) {
    require(other.order() == order() && other.channels_ == channels_, [&] {
      return "hippo.Memory: merge needs a memory of shape " + shape(channels_, order()) + ", got " +
             shape(other.channels_, other.order());
    });
    require(other.tables_->chunk == tables_->chunk, [] { return "hippo.Memory: merge needs equal chunks"; });
    kernels_.merge(*tables_, legs(), other.legs(), workspace(scratch_));
  }

  void reset() noexcept { std::fill(state_.begin(), state_.end(), 0.0); }

  /// Everything the memory knows; its copy, given back to `restore`, goes on with the same bits.
  std::span<const double> state() const noexcept { return state_; }
  std::size_t state_size() const noexcept { return state_.size(); }
  void restore(std::span<const double> state) {
    require(state.size() == state_.size(), [&] {
      return "hippo.Memory: the state must hold " + std::to_string(state_.size()) + " numbers, got " +
             std::to_string(state.size());
    });
    const LegsState<const double> next(state.data(), *tables_, channels_);
    require(std::isfinite(next.start()) && next.start() >= 0 && next.pending() >= 0 &&
                next.pending() < static_cast<double>(tables_->chunk) && next.pending() == std::floor(next.pending()),
            [] { return "hippo.Memory: the state must come from a memory of the same shape"; });
    legs_check_increasing({next.ends(), next.cells()}, next.start());
    std::copy(state.begin(), state.end(), state_.begin());
  }

 private:
  void take(View<const T, 2> samples, const double* ends, const Executor& executor) {
    const std::size_t strips = (channels_ + legs_strip - 1) / legs_strip, pieces = std::min(executor.threads(), strips);
    if (pieces < 2) return kernels_.absorb(*tables_, legs(), samples, ends, workspace(scratch_));
    const std::size_t each = kernels_.workspace_bytes(*tables_, channels_);
    if (scratch_.size() < pieces * each) scratch_.resize(pieces * each);
    for (std::size_t done = 0; done < samples.extent(0);) {
      const std::size_t left = samples.extent(0) - done;
      done += legs().push(samples.rows(done, left), ends == nullptr ? nullptr : ends + done);
      if (!legs().full()) return;
      executor(pieces, [&](std::size_t i) noexcept {
        const std::size_t last = std::min(channels_, (i + 1) * strips / pieces * legs_strip);
        kernels_.fold(*tables_, legs(), i * strips / pieces * legs_strip, last,
                      Workspace({scratch_.data() + i * each, each}));
      });
      legs().forget_cells();
    }
  }
  void push(std::span<const T> sample, const double* end) noexcept {
    legs().push(View<const T, 2>(sample.data(), {1, sample.size()}), end);
    if (legs().full()) kernels_.settle(*tables_, legs(), workspace(scratch_));
  }
  static std::shared_ptr<const LegsTables> make_tables(std::size_t order) {
    require(order > 0 && order <= 2048,
            [&] { return "hippo.Memory: n must be 1 to 2048, got " + std::to_string(order); });
    return std::make_shared<const LegsTables>(legs_tables(order));
  }
  static std::string shape(std::size_t a, std::size_t b) {
    std::string text("(");
    return text.append(std::to_string(a)).append(", ").append(std::to_string(b)).append(")");
  }
  void check_channels(std::size_t got) const {
    require(got == channels_, [&] {
      return "hippo.Memory: samples must have " + std::to_string(channels_) + " channels, got " + std::to_string(got);
    });
  }
  LegsState<double> legs() noexcept { return {state_.data(), *tables_, channels_}; }
  LegsState<const double> legs() const noexcept { return {state_.data(), *tables_, channels_}; }

  LegsKernels<T> kernels_;
  std::shared_ptr<const LegsTables> tables_;
  std::size_t channels_;
  Buffer<double> state_;
  mutable Buffer<std::byte> scratch_;
};

}  // namespace danaus
