// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include <danaus/core/buffer.hpp>
#include <danaus/core/stopwatch.hpp>
#include <danaus/fft/direct.hpp>
#include <danaus/ssm/dplr.hpp>
#include <danaus/ssm/dplr_kernel.hpp>
#include <danaus/ssm/evaluate.hpp>
#include <danaus/ssm/kernel.hpp>
#include <danaus/ssm/mimo.hpp>
#include <danaus/ssm/transfer.hpp>
#include <danaus/ssm/transfer_kernel.hpp>

namespace danaus {

/// Measures what the forms of one element type cost through a table of kernels (`ssm<T>()`, `dplr<T>()`, `mimo<T>()`,
/// `fft<T>()`, `transfer`), as the dispatcher has them: all that stays in cache.
template <class T, class Kernels>
class FormCalibration {
 public:
  /// Samples and results stand in `in` and `out`, of `elements` each.
  FormCalibration(const Kernels& kernels, T* in, T* out, std::size_t elements)
      : k_(kernels), in_(in), out_(out), elements_(elements) {
    diagonal(), low_rank(), products(), direct(), kernels_of_systems();
    coefficients<T>(&TypeRates::transfer);
    if constexpr (sizeof(T) == 4) coefficients<double>(&TypeRates::mixed);
  }

  /// At least five rounds of everything; the rest of the seconds, further ones.
  TypeRates run(double seconds) {
    watch_.run(seconds);
    TypeRates rates;
    for (const auto& solve : solve_) solve(rates);
    if (sizeof(T) == 8) rates.mixed = rates.transfer;
    return rates;
  }

 protected:
  static constexpr std::size_t small = std::size_t(32) << 20;  // bytes that may be in a cache from call to call
  static constexpr std::size_t rows = 512;                     // of the scans that stay in cache
  static constexpr double least = 1e-3;                        // ns: what differences of measured times are at least
  using Solve = std::function<void(TypeRates&)>;

  /// The samples of some channels whose next ones lie `stride` elements further, of the turn's share of those.
  View<const T, 2> samples(std::size_t length, std::size_t channels, std::size_t stride, std::size_t turn) const {
    return {in_ + turn * channels % stride, {length, stride}, {stride, 1}};
  }
  View<T, 2> results(std::size_t length, std::size_t channels, std::size_t stride, std::size_t turn) const {
    return {out_ + turn * channels % stride, {length, stride}, {stride, 1}};
  }
  /// Each some lines further into its page than the last: what begins at the same line of many pages is in each
  /// other's way in the caches.
  std::byte* bytes(std::size_t count) {
    const std::size_t lines = 11 * memory_.size() % 64;
    memory_.emplace_back(count + 65 * cache_line);
    return memory_.back().data() + lines * cache_line;
  }
  T* zeros(std::size_t count) { return reinterpret_cast<T*>(bytes(count * sizeof(T))); }
  Workspace workspace_of(std::size_t count) { return Workspace({bytes(count), count}); }
  static double positive(double ns) noexcept { return std::max(ns, least); }

  std::size_t time_diagonal(std::size_t channels, std::size_t modes, std::size_t slow) {
    const DiagonalShape shape{channels, modes, slow};
    const Diagonal<T> layer{shape, zeros(shape.coefficients())};
    T* const state = zeros(shape.state());
    return watch_.add(1, [=, this](std::size_t) {
      k_.template ssm<T>().scan_tiles(layer, 0, 1, samples(rows, channels, channels, 0), state,
                                      results(rows, channels, channels, 0));
    });
  }
  void diagonal() {
    const std::size_t four = time_diagonal(tile, 4, 0), twelve = time_diagonal(tile, 12, 0);
    const std::size_t five = time_diagonal(tile, 5, 0), pairs = time_diagonal(tile, 4, 4);
    const std::size_t more = time_diagonal(tile, 12, 12), odd = time_diagonal(tile, 5, 5);
    const std::size_t one = time_diagonal(1, 64, 0);
    solve_.push_back([=, this](TypeRates& r) {
      const auto row = [&](std::size_t i) { return watch_[i] / rows; };
      r.s4d.quad = positive((row(twelve) - row(four)) / 2);
      r.s4d.row = positive(row(four) - r.s4d.quad);
      r.s4d.few = positive(row(one) - row(four));
      r.s4d.single = positive(row(five) - row(four));
      r.s4d.slow_pair = positive((row(more) - row(pairs)) / 4);
      r.s4d.slow_single = positive(row(odd) - row(pairs));
    });
  }

  std::size_t time_low_rank(std::size_t channels, std::size_t modes, std::size_t rank, std::size_t slow) {
    const DplrShape shape{channels, modes, rank, slow};
    const Dplr<T> layer{shape, zeros(shape.coefficients())};
    T* const state = zeros(shape.state());
    return watch_.add(1, [=, this](std::size_t) {
      k_.template dplr<T>().scan_tiles(layer, 0, 1, samples(rows, channels, channels, 0), state,
                                       results(rows, channels, channels, 0));
    });
  }
  void low_rank() {
    const std::size_t eight = time_low_rank(tile, 8, 1, 0), more = time_low_rank(tile, 16, 1, 0);
    const std::size_t slow = time_low_rank(tile, 16, 1, 16), two = time_low_rank(tile, 16, 2, 0);
    const std::size_t many = time_low_rank(tile, 128, 1, 0), one = time_low_rank(1, 8, 1, 0);
    solve_.push_back([=, this](TypeRates& r) {
      const auto row = [&](std::size_t i) { return watch_[i] / rows; };
      r.s4.mode = positive((row(more) - row(eight)) / 8);
      r.s4.row = positive(row(eight) - 8 * r.s4.mode);
      r.s4.few = positive(row(one) - row(eight));
      r.s4.slow = positive((row(slow) - row(more)) / 16);
      r.s4.rank = positive((row(two) - row(more)) / 16);
      r.s4.far = positive((row(many) - r.s4.row) / 128 - r.s4.mode);
    });
  }

  std::size_t time_products(std::size_t channels, std::size_t modes) {
    MimoShape shape{channels, channels, modes, 0};
    const Mimo<T> layer{shape, zeros(shape.coefficients()), false};
    T* const state = zeros(shape.state());
    const Workspace scratch = workspace_of(mimo_workspace_bytes<T>(shape, rows));
    return watch_.add(1, [=, this](std::size_t) {
      k_.template mimo<T>().scan(layer, samples(rows, channels, channels, 0), state,
                                 results(rows, channels, channels, 0), scratch);
    });
  }
  void products() {
    const std::size_t narrow = time_products(tile, tile), wide = time_products(4 * tile, tile);
    const std::size_t deep = time_products(tile, 4 * tile);
    solve_.push_back([=, this](TypeRates& r) {
      const auto row = [&](std::size_t i) { return watch_[i] / rows; };
      constexpr double n = tile;
      r.s5.product = positive((row(wide) - row(narrow)) / (4 * n * 3 * n));
      r.s5.mode = positive((row(deep) - row(narrow)) / (3 * n) - 4 * n * r.s5.product);
      r.s5.row = positive(row(narrow) - n * (r.s5.mode + 4 * n * r.s5.product));
    });
  }

  template <class S>
  std::size_t time_transfer(std::size_t channels, std::size_t order, std::size_t length, std::size_t stride) {
    const TransferShape shape{channels, order};
    S* const coefficients = reinterpret_cast<S*>(bytes((shape.coefficients() + shape.state()) * sizeof(S)));
    S* const state = coefficients + shape.coefficients();
    const std::size_t bytes_in_all = length * stride * 2 * sizeof(T);
    return watch_.add(bytes_in_all <= small ? 3 * stride / channels : 1, [=, this](std::size_t turn) {
      k_.transfer->template run<T, S>().scan_tiles({shape, coefficients}, 0, shape.tiles(),
                                                   samples(length, channels, stride, turn), state,
                                                   results(length, channels, stride, turn));
    });
  }
  template <class S>
  void coefficients(TypeRates::Coefficients TypeRates::* which) {
    const std::size_t some = time_transfer<S>(tile, 16, rows, tile), more = time_transfer<S>(tile, 64, rows, tile);
    const std::size_t one = time_transfer<S>(1, 16, rows, 1);
    solve_.push_back([=, this](TypeRates& r) {
      TypeRates::Coefficients& c = r.*which;
      c.coefficient = positive((watch_[more] - watch_[some]) / rows / 48);
      c.row = positive(watch_[some] / rows - 16 * c.coefficient);
      c.few = positive((watch_[one] - watch_[some]) / rows);
    });
  }

  std::size_t time_direct(std::size_t taps) {
    T* const packed = zeros(direct_size<T>(lanes<T>, taps));
    const Workspace scratch = workspace_of(direct_workspace_bytes<T>(taps));
    return watch_.add(1, [=, this](std::size_t) {
      k_.template fft<T>().convolve_direct(packed, taps, 0, 1, samples(32, lanes<T>, lanes<T>, 0),
                                           results(32, lanes<T>, lanes<T>, 0), scratch);
    });
  }
  void direct() {
    const std::size_t eight = time_direct(8), more = time_direct(32);
    solve_.push_back([=, this](TypeRates& r) {
      r.direct.tap = positive((watch_[more] - watch_[eight]) / 32 / 24);
      r.direct.row = positive(watch_[eight] / 32 - 8 * r.direct.tap);
    });
  }

  void kernels_of_systems() {
    const std::size_t lengths[]{256, 4096};
    constexpr std::size_t modes = 32, order = 64;
    std::size_t s4d[2], s4[2];
    for (std::size_t i = 0; i < 2; ++i) {
      const std::size_t length = lengths[i], block = dplr_block(modes, 1, length, tile);
      const Workspace one = workspace_of(kernel_workspace_bytes<T>(modes, length));
      const Workspace two = workspace_of(dplr_workspace_bytes<T>(modes, 1, length, block));
      s4d[i] = watch_.add(1, [=, this, system = std::vector<Mode>(modes, {{-0.01, 0.1}, 1.0})](std::size_t) {
        k_.template ssm<T>().kernel(system, {out_, length}, one);
      });
      const std::vector<Complex> some(tile * modes, {-0.01, 0.1});
      s4[i] = watch_.add(1, [=, this, system = DplrModes{tile, modes, 1, some, some, some, some, some}](std::size_t) {
        k_.template dplr<T>().kernel(DplrModesView(system), 0, block, View<T, 2>(out_, {tile, length}), two);
      });
    }
    const TransferShape shape{tile, order};
    double* const system = reinterpret_cast<double*>(bytes(2 * tile * shape.rows() * sizeof(double)));
    const std::size_t response = watch_.add(1, [=, this](std::size_t) {
      k_.transfer->template impulse<T, double>()(response_rows(shape.order), system, system + tile * shape.rows(), tile,
                                                 out_, rows, rows);
    });
    solve_.push_back([=, this](TypeRates& r) {
      const double few = watch_[s4d[0]] / modes, many = watch_[s4d[1]] / modes;  // 32 p + 256 s, 128 p + 4096 s
      r.kernel.s4d_sample = positive((many - 4 * few) / (4096 - 4 * 256));
      r.kernel.s4d_power = positive((few - 256 * r.kernel.s4d_sample) / 32);
      const double less = watch_[s4[0]] / (tile * modes), more = watch_[s4[1]] / (tile * modes);
      r.kernel.s4_sample = positive((more - less) / (4096 - 256));
      r.kernel.s4_set_up = positive((less - 256 * r.kernel.s4_sample) / modes);
      r.kernel.transfer_sample = positive(watch_[response] / (order * rows));
    });
  }

  const Kernels& k_;
  T *in_, *out_;
  std::size_t elements_;
  Stopwatch watch_;
  std::vector<Solve> solve_;
  std::vector<Buffer<std::byte>> memory_;
};

}  // namespace danaus
