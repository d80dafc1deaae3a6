// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <span>
#include <string>

#include <danaus/core/error.hpp>
#include <danaus/core/tile.hpp>
#include <danaus/hippo/window.hpp>

namespace danaus {

/// Online memory of `channels` signals by x' = (A x + B u) / theta, u held between samples: sliding windows (legt, lmu,
/// fout, fourier_decay) and decays (lagt, tlagt, glagt, foud). Exact (by chunks, in double inside) or by the bilinear
/// transform and Euler's methods. Times are counted in samples. Copies share the tables. A NaN stays in its channel,
/// for good: reset, or restore an earlier state. No call but construction, copying and saving allocates.
template <class T>
class WindowMemory {
 public:
  WindowMemory(const WindowKernels<T>& kernels, std::shared_ptr<const WindowTables> tables, std::size_t channels,
               double longest = std::numeric_limits<double>::infinity())
      : kernels_(kernels), tables_(std::move(tables)), longest_(longest), rows_(structured_rows(tables_->order)) {
    require(channels > 0, [] { return "hippo.Memory: channels must be positive, got 0"; });
    const WindowTables& t = *tables_;
    require(longest_ >= 1, [&] { return unstable(1); });
    state_.channels = channels;
    past_.assign(t.chunked() ? (t.order + t.chunk) * channels : 0, 0);
    tiles_.assign(t.chunked() ? 0 : padded(channels) * t.order, T(0));
    scratch_.resize(kernels_.workspace_bytes(t, channels));
    if (!t.chunked()) unit_ = kernels_.tables(t.structure, t.map(1), rows_.data());
    bind();
  }
  WindowMemory(const WindowMemory& other)
      : kernels_(other.kernels_),
        tables_(other.tables_),
        longest_(other.longest_),
        unit_(other.unit_),
        state_(other.state_),
        rows_(other.rows_),
        past_(other.past_),
        tiles_(other.tiles_),
        scratch_(other.scratch_.size()) {
    bind();
  }
  WindowMemory& operator=(const WindowMemory& other) {
    if (this != &other) *this = WindowMemory(other);
    return *this;
  }
  WindowMemory(WindowMemory&&) noexcept = default;  // buffers keep their place
  WindowMemory& operator=(WindowMemory&&) noexcept = default;
  ~WindowMemory() = default;

  std::size_t order() const noexcept { return tables_->order; }
  std::size_t channels() const noexcept { return state_.channels; }
  double time() const noexcept { return state_.time; }

  /// One sample of every channel, held for one unit of time.
  void step(std::span<const T> sample) { extend(View<const T, 2>(sample.data(), {1, sample.size()})); }
  /// Samples (L, channels), one unit of time each.
  void extend(View<const T, 2> samples) {
    check_channels(samples.extent(1));
    kernels_.absorb(*tables_, unit_, state_, samples, nullptr, workspace(scratch_));
  }
  /// Sample k holds until ends[k]; ends (L) increase from beyond time().
  void extend(View<const T, 2> samples, std::span<const double> ends) {
    check_channels(samples.extent(1));
    require(!tables_->chunked(), [] {
      return "hippo.Memory: times must be None for this measure with method 'exact', whose tables are those of one "
             "step; "
             "method 'bilinear' takes any times";
    });
    require(ends.size() == samples.extent(0), [&] {
      return "hippo.Memory: times must hold one end time for each of the " + std::to_string(samples.extent(0)) +
             " samples, got " + std::to_string(ends.size());
    });
    double now = time();
    for (const double end : ends) {
      require(end > now && std::isfinite(end), [&] {
        return "hippo.Memory: times must be finite and increase from beyond " + std::to_string(now) + ", got " +
               std::to_string(end);
      });
      require(end - now <= longest_, [&] { return unstable(end - now); });
      now = end;
    }
    kernels_.absorb(*tables_, unit_, state_, samples, ends.data(), workspace(scratch_));
  }

  /// out (channels, N). Reading changes no bit of the memory. Not for two threads at once: they share the scratch.
  void coefficients(View<T, 2> out) const { kernels_.coefficients(*tables_, state_, out, workspace(scratch_)); }
  /// out (times, channels): the remembered signal at any times; beyond the window its basis functions go on.
  void reconstruct(std::span<const double> times, View<T, 2> out) const {
    require(time() > 0, [] { return "hippo.Memory: reconstruct needs at least one sample, got none"; });
    kernels_.reconstruct(*tables_, state_, times, out, workspace(scratch_));
  }

  void reset() noexcept {
    state_.time = 0;
    state_.count = 0;
    std::fill(past_.begin(), past_.end(), 0.0);
    std::fill(tiles_.begin(), tiles_.end(), T(0));
  }

  /// How many numbers `save` writes: time, count, and the state (samples that wait included).
  std::size_t state_size() const noexcept { return 2 + past_.size() + tiles_.size(); }
  /// Everything the memory knows; given back to `restore`, it goes on with the same bits.
  void save(std::span<double> out) const noexcept {
    DANAUS_EXPECTS(out.size() == state_size());
    out[0] = state_.time;
    out[1] = static_cast<double>(state_.count);
    std::copy(tiles_.begin(), tiles_.end(), std::copy(past_.begin(), past_.end(), out.begin() + 2));
  }
  void restore(std::span<const double> in) {
    require(in.size() == state_size(), [&] {
      return "hippo.Memory: the state must hold " + std::to_string(state_size()) + " numbers, got " +
             std::to_string(in.size());
    });
    require(in[0] >= 0 && std::isfinite(in[0]) && in[1] >= 0 && in[1] < 0x1p53 && in[1] == std::floor(in[1]),
            [] { return "hippo.Memory: the state must come from a memory of the same shape"; });
    state_.time = in[0];
    state_.count = static_cast<std::size_t>(in[1]);
    const auto tiles = in.begin() + 2 + static_cast<std::ptrdiff_t>(past_.size());
    std::copy(in.begin() + 2, tiles, past_.begin());
    std::transform(tiles, in.end(), tiles_.begin(), [](double x) { return static_cast<T>(x); });
  }

 private:
  void bind() noexcept {
    unit_.rows = rows_.data();
    state_.x = past_.data();
    state_.samples = past_.data() + (past_.empty() ? 0 : tables_->order * state_.channels);
    state_.tiles = tiles_.data();
  }
  std::string unstable(double gap) const {
    return "hippo.Memory: forward Euler must take steps of at most " + std::to_string(longest_) +
           " samples here (spectral radius of I + h A at most 1), got " + std::to_string(gap) +
           "; a longer theta or method 'bilinear' is stable";
  }
  void check_channels(std::size_t got) const {
    require(got == channels(), [&] {
      return "hippo.Memory: samples must have " + std::to_string(channels()) + " channels, got " + std::to_string(got);
    });
  }

  WindowKernels<T> kernels_;
  std::shared_ptr<const WindowTables> tables_;
  double longest_;
  StructuredTables<T> unit_;
  WindowState<T> state_;
  Buffer<T> rows_;
  Buffer<double> past_;
  Buffer<T> tiles_;
  mutable Buffer<std::byte> scratch_;
};

}  // namespace danaus
