// SPDX-License-Identifier: Apache-2.0
#include <nanobind/stl/tuple.h>

#include <list>
#include <string>
#include <vector>

#include <danaus/core/buffer.hpp>
#include <danaus/monarch/monarch_kernels.hpp>

#include "module.hpp"
#include "pool.hpp"
#include "shares.hpp"
#include "table.hpp"

namespace danaus::bindings {
namespace {

/// Below this much arithmetic, or bytes of weights for a few rows, a second thread costs more than it gives; and rows
/// that a thread takes at least, for each reads all weights.
constexpr double worth_threads_flop = 1.2e7, worth_threads_bytes = 6e6;
constexpr std::size_t least_rows = 6;

/// Block-diagonal factors, packed, the first to be applied first.
template <class T>
class Stages {
 public:
  /// A factor "inside" or "across" with weights (blocks, outs, ins).
  void add(const std::string& order, const Array& weights) {
    const Input<T> w(where, "weights", weights);
    const BlockStage stage = checked(order, w.shape());
    Buffer<T>& packed = packed_.emplace_back(stage.packed());
    pack_stage<T>(stage, view_of<T>(w), packed.data());
    PackedStage<T> whole;
    whole.stage = stage;
    whole.weights = packed.data();
    push(whole, stage.packed() * sizeof(T));
  }

  /// One whose weights are 16-bit patterns of `storage`.
  void add_halves(const std::string& order, const Array& patterns, const std::string& storage) {
    const Input<std::uint16_t> w(where, "weights", patterns);
    PackedStage<T> packed;
    packed.stage = checked(order, w.shape());
    packed.storage = storage == "bfloat16" ? Storage::bfloat16 : Storage::float16;
    Buffer<std::uint16_t>& codes = codes_.emplace_back(packed.stage.packed());
    pack_halves(packed.stage, packed.storage, view_of<std::uint16_t>(w), codes.data());
    packed.codes = codes.data();
    push(packed, codes.size() * 2);
  }

  /// One whose weights are integers of 8 or 4 bits times scales (blocks, outs, groups of inputs).
  void add_integers(const std::string& order, const Array& integers, const Array& scales, std::size_t group, int bits) {
    if constexpr (sizeof(T) == 4) {
      const Input<std::int8_t> w(where, "weights", integers);
      const Input<float> s(where, "scales", scales);
      PackedStage<float> packed;
      packed.stage = checked(order, w.shape());
      packed.storage = bits == 8 ? Storage::int8 : Storage::int4;
      packed.group = std::max<std::size_t>(group, 1);
      expect_shape(where, "scales", s.shape(), {w.shape(0), w.shape(1), packed.groups()});
      const std::size_t groups = packed.stage.groups();
      Buffer<std::uint16_t>& codes = codes_.emplace_back(groups * code_words(packed.storage, packed.stage.ins));
      Buffer<float>& packed_scales = packed_.emplace_back(groups * packed.groups() * row_lanes);
      pack_integers(packed, view_of<std::int8_t>(w), view_of<float>(s), codes.data(), packed_scales.data());
      packed.codes = codes.data();
      packed.scales = packed_scales.data();
      push(packed, codes.size() * 2 + packed_scales.size() * sizeof(float));
    }
  }

  Result<T> multiply(const Array& x, const nb::object& out, std::size_t threads) const {
    require(!stages_.empty(), [] { return "monarch: at least one factor must be given, are none"; });
    Input<T> in(where, "x", x);
    const std::size_t inputs = stages_.front().stage.inputs(), outputs = stages_.back().stage.outputs();
    if (in.ndim() == 0 || in.shape().back() != inputs) {
      wrong_shape(where, "x", "(..., " + std::to_string(inputs) + ")", in.shape());
    }
    std::vector<std::size_t> shape = in.shape();
    shape.back() = outputs;
    Result<T> y = output<T>(where, out, shape);
    in.shield_from(y, false);
    const std::size_t rows = in.size() / inputs;
    if (rows == 0) return y;
    const double flop = 2 * static_cast<double>(parameters_) * static_cast<double>(rows);
    const View<const T, 2> from(in.data(), {rows, inputs});
    const View<T, 2> to(y.data(), {rows, outputs});
    const nb::gil_scoped_release unlocked;
    if (threads > 1 && rows >= 2 * least_rows && flop >= worth_threads_flop) {
      by_rows(from, to, std::min(threads, rows / least_rows));
    } else if (threads > 1 && static_cast<double>(bytes_) >= worth_threads_bytes) {
      by_outputs(from, to, threads);
    } else {
      by_rows(from, to, 1);
    }
    return y;
  }

 private:
  void by_rows(View<const T, 2> x, View<T, 2> y, std::size_t threads) const {
    const std::size_t rows = x.extent(0), pieces = std::min(threads, rows), most = (rows + pieces - 1) / pieces;
    Shares shares(pieces, pieces, multiply_workspace_bytes<T>(stages_, most));
    shares.run(threads, [&](std::size_t i, Workspace scratch) noexcept {
      const std::size_t first = i * rows / pieces, last = (i + 1) * rows / pieces;
      kernels().monarch<T>().multiply(stages_, x.rows(first, last - first), y.rows(first, last - first), scratch);
    });
  }
  /// The outputs of every stage in pieces: for few rows of large matrices.
  void by_outputs(View<const T, 2> x, View<T, 2> y, std::size_t threads) const {
    const std::size_t rows = x.extent(0), stride = between_stride(widest_between<T>(stages_));
    Scratch memory(2 * workspace_size<T>(rows * stride));
    Workspace between = memory.workspace();
    T* const buffers[2] = {between.template take<T>(rows * stride), between.template take<T>(rows * stride)};
    const T* in = x.row(0);
    std::size_t in_stride = x.stride(0);
    if (stages_[0].stage.lanes == StageLanes::blocks) {
      for (std::size_t r = 0; r < rows; ++r) {
        std::copy_n(x.row(r), in_stride, buffers[1] + r * stride);
        std::fill_n(buffers[1] + r * stride + in_stride, tile, T(0));
      }
      in = buffers[1];
      in_stride = stride;
    }
    for (std::size_t s = 0; s < stages_.size(); ++s) {
      const bool final = s + 1 == stages_.size();
      T* const out = final ? y.row(0) : buffers[s % 2];
      const std::size_t out_stride = final ? y.stride(0) : stride, groups = stages_[s].stage.groups();
      const std::size_t pieces = std::min(threads, groups);
      Shares shares(pieces, pieces, stage_workspace_bytes(stages_[s], rows));
      shares.run(threads, [&](std::size_t i, Workspace scratch) noexcept {
        kernels().monarch<T>().run_stage(stages_[s], i * groups / pieces, (i + 1) * groups / pieces, rows, in,
                                         in_stride, out, out_stride, scratch);
      });
      in = out;
      in_stride = out_stride;
    }
  }

  static constexpr const char* where = "monarch";

  template <class E>
  static View<const E, 3> view_of(const Input<E>& w) {
    return View<const E, 3>(w.data(), {w.shape(0), w.shape(1), w.shape(2)});
  }
  BlockStage checked(const std::string& order, const std::vector<std::size_t>& shape) const {
    if (shape.size() != 3 || shape[0] * shape[1] * shape[2] == 0) {
      wrong_shape(where, "weights", "(blocks, outs, ins)", shape);
    }
    const BlockStage stage(order == "inside" ? BlockOrder::inside : BlockOrder::across, shape[0], shape[1], shape[2]);
    require(stages_.empty() || stages_.back().stage.outputs() == stage.inputs(),
            [] { return "monarch: every factor must take as many values as the one before gives"; });
    return stage;
  }
  void push(const PackedStage<T>& stage, std::size_t bytes) {
    stages_.push_back(stage);
    parameters_ += stage.stage.parameters();
    bytes_ += bytes;
  }

  std::list<Buffer<T>> packed_;  // whose elements never move
  std::list<Buffer<std::uint16_t>> codes_;
  std::vector<PackedStage<T>> stages_;
  std::size_t parameters_ = 0, bytes_ = 0;
};

template <class T>
void bind_stages(nb::module_& m, const char* name) {
  nb::class_<Stages<T>>(m, name, "Block-diagonal factors at work.")
      .def(nb::init<>())
      .def("add", &Stages<T>::add, "order"_a, "weights"_a)
      .def("add_halves", &Stages<T>::add_halves, "order"_a, "patterns"_a, "storage"_a)
      .def("add_integers", &Stages<T>::add_integers, "order"_a, "integers"_a, "scales"_a, "group"_a, "bits"_a)
      .def("__call__", &Stages<T>::multiply, "x"_a.noconvert(), "out"_a = nb::none(), "threads"_a = 1);
}

/// w (outputs, inputs) by k x j blocks with q middle values an input block: right (k, q, p), left (j, s, r), the sum of
/// squares of each block (k, j) and of what is left of it, and which have converged.
template <class T>
std::tuple<Result<T>, Result<T>, Result<double>, Result<double>, Result<std::uint8_t>> project(
    const Array& w, std::size_t k, std::size_t j, std::size_t q, std::size_t threads) {
  const char* const where = "monarch.project";
  const Input<T> in(where, "w", w);
  if (in.ndim() != 2 || in.size() == 0) wrong_shape(where, "w", "(outputs, inputs)", in.shape());
  const bool fit = k > 0 && j > 0 && in.shape(1) % k == 0 && in.shape(0) % j == 0 && q > 0 && k * q % j == 0;
  require(fit, [] { return "monarch.project: blocks must divide the shape of w"; });
  const MonarchShape shape{k, q, in.shape(1) / k, j, in.shape(0) / j, k * q / j};
  Result<T> right = make_array<T>({k, q, shape.p}), left = make_array<T>({j, shape.s, shape.r});
  Result<double> whole = make_array<double>({k, j}), error = make_array<double>({k, j});
  Result<std::uint8_t> done = make_array<std::uint8_t>({k, j});
  std::fill_n(right.data(), right.size(), T(0));
  std::fill_n(left.data(), left.size(), T(0));
  const nb::gil_scoped_release unlocked;
  const MonarchKernels<T>& run = kernels().monarch<T>();
  const std::size_t work = (k * j + run.project_lanes - 1) / run.project_lanes;
  const Projection<T> to{View<const T, 2>(in.data(), {in.shape(0), in.shape(1)}),
                         shape,
                         right.data(),
                         left.data(),
                         whole.data(),
                         error.data(),
                         done.data()};
  Shares shares(work, threads, project_workspace_bytes<T>(shape, run.project_lanes));
  shares.run(threads, [&](std::size_t i, Workspace scratch) noexcept {
    run.project_blocks(to, i * run.project_lanes, scratch);
  });
  return {right, left, whole, error, done};
}

template <class T>
void bind_project(nb::module_& m, const char* name) {
  m.def(name, &project<T>, "w"_a.noconvert(), "k"_a, "j"_a, "q"_a, "threads"_a = 1);
}

}  // namespace

void bind_monarch(nb::module_& m) {
  bind_stages<float>(m, "MonarchStages32");
  bind_stages<double>(m, "MonarchStages64");
  bind_project<float>(m, "monarch_project32");
  bind_project<double>(m, "monarch_project64");
}

}  // namespace danaus::bindings
