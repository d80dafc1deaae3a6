// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <danaus/model/build.hpp>
#include <danaus/model/stream.hpp>

namespace danaus {

/// Runs whole sequences through a network, one at a time, with its own memory: one for each thread.
class Evaluator {
 public:
  Evaluator(std::shared_ptr<const Network> network, NetworkKernels kernels)
      : network_(std::move(network)),
        kernels_(kernels),
        state_(network_->state_size),
        frame_(network_->rows * network_->channels) {}

  /// Makes room for a sequence of `count` rows, so that `run` allocates nothing.
  void reserve(std::size_t count) {
    const std::size_t steps = network_->bidirectional ? steps_for(count) : std::min(steps_for(count), block_steps);
    const std::size_t bytes = run_workspace_bytes(*network_, 1, steps);
    if (scratch_.size() < bytes) scratch_.resize(bytes);
    const std::size_t values = steps * network_->rows * network_->channels;
    if (network_->bidirectional && network_->rows > 1 && frame_.size() < values) frame_.resize(values);
  }

  /// Steps of a sequence of `count` rows; the last is filled up with zeros.
  std::size_t steps_for(std::size_t count) const noexcept { return (count + network_->rows - 1) / network_->rows; }

  /// samples (count, channels), count > 0, reserved for; out (1 or steps_for(count), outputs).
  void run(const float* samples, std::size_t count, float* out) noexcept {
    const std::size_t frame = network_->rows * network_->channels, steps = steps_for(count);
    std::fill(state_.begin(), state_.end(), 0.0f);
    if (network_->bidirectional) return run_at_once(samples, count, steps, out);
    const std::size_t whole = count / network_->rows;
    for (std::size_t t = 0; t < whole;) {
      const std::size_t some = std::min(whole - t, block_steps);
      run_steps(samples + t * frame, some, t + some == steps, out);
      t += some;
    }
    if (whole < steps) {
      fill_up(samples + whole * frame, count % network_->rows * network_->channels);
      run_steps(frame_.data(), 1, true, out);
    }
  }

 private:
  void run_steps(const float* samples, std::size_t steps, bool last, float*& out) noexcept {
    float* const here = network_->reduces && !last ? nullptr : out;
    kernels_.run(*network_, Chunk{1, steps, network_->reduces, samples, state_.data(), here}, workspace(scratch_));
    if (!network_->reduces) out += steps * network_->outputs;
  }

  void run_at_once(const float* samples, std::size_t count, std::size_t steps, float* out) noexcept {
    if (count % network_->rows != 0) {
      fill_up(samples, count * network_->channels);
      samples = frame_.data();
    }
    run_steps(samples, steps, true, out);
  }

  void fill_up(const float* samples, std::size_t values) noexcept {
    std::copy_n(samples, values, frame_.begin());
    std::fill(frame_.begin() + static_cast<std::ptrdiff_t>(values), frame_.end(), 0.0f);
  }

  std::shared_ptr<const Network> network_;
  NetworkKernels kernels_;
  Buffer<float> state_;
  Buffer<float> frame_;
  Buffer<std::byte> scratch_;
};

/// A trained model: immutable, cheap to copy, shared by its streams.
class Model {
 public:
  explicit Model(const Container& file, NetworkKernels kernels = network_kernels())
      : network_(std::make_shared<const Network>(build_network(file))), kernels_(kernels) {}

  const Network& network() const noexcept { return *network_; }

  /// A stream of `batch` sequences, from the beginning.
  Stream stream(std::size_t batch = 1) const { return Stream(network_, kernels_, batch); }

  Evaluator evaluator() const { return Evaluator(network_, kernels_); }

  /// Rows that a whole sequence of `count` rows gives.
  std::size_t output_rows(std::size_t count) const noexcept {
    return network_->reduces ? 1 : (count + network_->rows - 1) / network_->rows;
  }

  /// A whole sequence: samples (count, channels) to (output_rows(count), outputs).
  std::vector<float> operator()(std::span<const float> samples) const {
    const std::size_t channels = network_->channels, count = samples.size() / channels;
    require(!samples.empty() && samples.size() % channels == 0, [&] {
      return "model: samples must be rows of " + std::to_string(channels) + " values, at least one; there are " +
             std::to_string(samples.size()) + " values";
    });
    expect_input(*network_, kernels_, "model", samples);
    std::vector<float> out(output_rows(count) * network_->outputs);
    Evaluator whole = evaluator();
    whole.reserve(count);
    whole.run(samples.data(), count, out.data());
    return out;
  }

  const NetworkKernels& kernels() const noexcept { return kernels_; }

 private:
  std::shared_ptr<const Network> network_;
  NetworkKernels kernels_;
};

/// Reads a model file (safetensors with a danaus description). Raises FileError where the file cannot
/// be read and Error where it is not a model.
inline Model load(const std::string& path) {
  return Model(Container::open(path));
}

}  // namespace danaus
