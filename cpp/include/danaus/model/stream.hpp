// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include <danaus/core/buffer.hpp>
#include <danaus/core/error.hpp>
#include <danaus/model/run.hpp>

namespace danaus {

/// The run functions of one instruction set.
struct NetworkKernels {
  void (*run)(const Network&, const Chunk&, Workspace) noexcept = nullptr;
  bool (*all_finite)(const float*, std::size_t) noexcept = nullptr;
};

inline namespace DANAUS_ISA {

/// Those of the instruction set this translation unit is compiled for.
inline NetworkKernels network_kernels() noexcept {
  return {run, all_finite};
}

}  // namespace DANAUS_ISA

/// Refuses input that no network can make sense of, before anything is changed by it.
inline void expect_input(const Network& network, const NetworkKernels& kernels, const char* what,
                         std::span<const float> input) {
  if (!kernels.all_finite(input.data(), input.size())) {
    const auto bad = std::find_if_not(input.begin(), input.end(), [](float v) { return std::isfinite(v); });
    raise(std::string(what) + ": input must be finite, is " + std::to_string(*bad) + " at value " +
          std::to_string(bad - input.begin()));
  }
  if (network.vocabulary == 0) return;
  const float limit = static_cast<float>(network.vocabulary);
  const auto bad = std::find_if(input.begin(), input.end(),
                                [limit](float v) { return !(v >= 0 && v < limit && v == std::floor(v)); });
  require(bad == input.end(), [&] {
    return std::string(what) + ": input must be whole numbers from 0 to " + std::to_string(network.vocabulary - 1) +
           ", is " + std::to_string(*bad) + " at value " + std::to_string(bad - input.begin());
  });
}

/// A model at work on sequences that arrive bit by bit: what it remembers of `batch` sequences.
///
/// After construction nothing is allocated. `state()` is everything it knows: a copy of it, put back
/// later or into another stream of the same model, resumes bit for bit.
class Stream {
 public:
  /// Raises Error for a network that needs whole sequences.
  Stream(std::shared_ptr<const Network> network, NetworkKernels kernels, std::size_t batch = 1)
      : network_(std::move(network)), kernels_(kernels), batch_(batch) {
    require(!network_->bidirectional, [] {
      return std::string("model.stream: the model must be causal; a bidirectional layer needs the whole sequence");
    });
    require(batch > 0 && batch <= (std::size_t{1} << 20),
            [&] { return "model.stream: batch must be between 1 and 2^20, is " + std::to_string(batch); });
    pending_ = network_->rows > 1 ? padded(1 + (network_->rows - 1) * network_->channels) : 0;
    state_.assign(batch * state_size(), 0.0f);
    frame_.resize(frame_size());
    scratch_.resize(std::max(run_workspace_bytes(*network_, batch, 1), run_workspace_bytes(*network_, 1, block_steps)));
  }

  const Network& network() const noexcept { return *network_; }
  std::size_t batch() const noexcept { return batch_; }
  /// Values a step takes of one sequence: rows * channels.
  std::size_t frame_size() const noexcept { return network_->rows * network_->channels; }
  /// Floats remembered of one sequence.
  std::size_t state_size() const noexcept { return pending_ + network_->state_size; }

  /// One step of every sequence: frames (batch, rows, channels) to out (batch, outputs).
  void step(std::span<const float> frames, std::span<float> out) {
    expect_size("frames", frames.size(), batch_ * frame_size());
    expect_size("out", out.size(), batch_ * network_->outputs);
    for (std::size_t b = 0; b < batch_; ++b) {
      require(pending(b) == 0, [&] {
        return "model.step: no part of a frame may be waiting, " + std::to_string(pending(b)) +
               " rows are; use run, or flush first";
      });
    }
    expect_input(*network_, kernels_, "model.step", frames);
    kernels_.run(*network_, Chunk{batch_, 1, false, frames.data(), states(0), out.data(), state_size()}, scratch());
  }

  /// Outputs that `run` gives for `count` more rows.
  std::size_t outputs_for(std::size_t count) const noexcept { return (pending(0) + count) / network_->rows; }

  /// `count` rows of every sequence, samples (batch, count, channels), any count: what does not fill a
  /// frame waits for the next call. out (batch, outputs_for(count), outputs).
  void run(std::span<const float> samples, std::size_t count, std::span<float> out) {
    require(count < most_rows, [&] {
      return "model.run: count must be below " + std::to_string(most_rows) + " rows, is " + std::to_string(count);
    });
    const std::size_t results = outputs_for(count);
    expect_size("samples", samples.size(), batch_ * count * network_->channels);
    expect_size("out", out.size(), batch_ * results * network_->outputs);
    for (std::size_t b = 1; b < batch_; ++b) {
      require(pending(b) == pending(0), [] {
        return std::string("model.run: the same number of rows must be waiting in every sequence of the batch");
      });
    }
    expect_input(*network_, kernels_, "model.run", samples);
    for (std::size_t b = 0; b < batch_; ++b) {
      run_one(b, samples.data() + b * count * network_->channels, count, out.data() + b * results * network_->outputs);
    }
  }

  /// Rows of an unfinished frame.
  std::size_t pending(std::size_t sequence = 0) const noexcept {
    return pending_ == 0 ? 0 : static_cast<std::size_t>(state_[sequence * state_size()]);
  }

  /// Everything remembered: (batch, state_size()).
  std::span<const float> state() const noexcept { return state_; }

  void set_state(std::span<const float> state) {
    expect_size("state", state.size(), state_.size());
    for (std::size_t b = 0; b < batch_ && pending_ != 0; ++b) {
      const float waiting = state[b * state_size()];
      require(waiting >= 0 && waiting < static_cast<float>(network_->rows) && waiting == std::floor(waiting), [&] {
        return "model.state: the rows waiting must be a whole number below " + std::to_string(network_->rows) +
               ", are " + std::to_string(waiting);
      });
      const std::size_t values = static_cast<std::size_t>(waiting) * network_->channels;
      expect_input(*network_, kernels_, "model.state", state.subspan(b * state_size() + 1, values));
    }
    std::copy(state.begin(), state.end(), state_.begin());
  }

  /// Forgets everything.
  void reset() noexcept { std::fill(state_.begin(), state_.end(), 0.0f); }

 private:
  float* states(std::size_t sequence) noexcept { return state_.data() + sequence * state_size() + pending_; }
  Workspace scratch() noexcept { return workspace(scratch_); }

  static void expect_size(const char* what, std::size_t got, std::size_t want) {
    require(got == want, [&] {
      return std::string("model.stream: ") + what + " must have " + std::to_string(want) + " values, has " +
             std::to_string(got);
    });
  }

  void run_one(std::size_t b, const float* samples, std::size_t count, float* out) noexcept {
    const std::size_t rows = network_->rows, channels = network_->channels;
    if (const std::size_t waiting = pending(b); waiting > 0) {  // complete the frame that was begun
      const std::size_t taken = std::min(count, rows - waiting);
      float* const kept = state_.data() + b * state_size() + 1;
      if (waiting + taken < rows) {
        std::copy_n(samples, taken * channels, kept + waiting * channels);
        kept[-1] = static_cast<float>(waiting + taken);
        return;
      }
      std::copy_n(kept, waiting * channels, frame_.data());
      std::copy_n(samples, taken * channels, frame_.data() + waiting * channels);
      samples += taken * channels;
      count -= taken;
      std::fill_n(kept - 1, pending_, 0.0f);  // equal histories leave equal states, however they were cut
      kernels_.run(*network_, Chunk{1, 1, false, frame_.data(), states(b), out}, scratch());
      out += network_->outputs;
    }
    while (count >= rows) {
      const std::size_t steps = std::min(count / rows, block_steps);
      kernels_.run(*network_, Chunk{1, steps, false, samples, states(b), out}, scratch());
      samples += steps * frame_size();
      count -= steps * rows;
      out += steps * network_->outputs;
    }
    if (count > 0) {
      float* const kept = state_.data() + b * state_size();
      std::copy_n(samples, count * channels, kept + 1);
      kept[0] = static_cast<float>(count);
    }
  }

  static constexpr std::size_t most_rows =
      std::numeric_limits<std::size_t>::max() >> 24;  // times channels: no overflow

  std::shared_ptr<const Network> network_;
  NetworkKernels kernels_;
  std::size_t batch_;
  std::size_t pending_ = 0;  // floats of each state that hold an unfinished frame
  Buffer<float> state_;      // (batch, state_size())
  Buffer<float> frame_;
  Buffer<std::byte> scratch_;
};

}  // namespace danaus
