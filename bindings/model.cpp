// SPDX-License-Identifier: Apache-2.0
#include <nanobind/stl/optional.h>
#include <nanobind/stl/vector.h>

#include <optional>

#include <danaus/model/model.hpp>

#include "guarded.hpp"
#include "module.hpp"
#include "pool.hpp"
#include "table.hpp"

namespace danaus::bindings {
namespace {

/// Input of a model: float32, or whole numbers where it looks them up in a table.
class Frames {
 public:
  Frames(const char* where, const Network& network, const Array& array) {
    const nb::dlpack::dtype type = array.dtype();
    const bool whole = type.code == static_cast<std::uint8_t>(nb::dlpack::dtype_code::Int) ||
                       type.code == static_cast<std::uint8_t>(nb::dlpack::dtype_code::UInt);
    if (network.vocabulary > 0 && whole) {
      shape_ = shape_of(array);
      if (type == nb::dtype<std::int64_t>()) convert<std::int64_t>(where, array);
      if (type == nb::dtype<std::int32_t>()) convert<std::int32_t>(where, array);
      if (type == nb::dtype<std::uint8_t>()) convert<std::uint8_t>(where, array);
    }
    if (!shape_.empty() && converted_.size() == array.size()) return;
    input_.emplace(where, "u", array);
    shape_ = input_->shape();
  }

  std::span<const float> values() const noexcept {
    return input_ ? input_->span() : std::span<const float>(converted_);
  }
  const std::vector<std::size_t>& shape() const noexcept { return shape_; }
  void shield_from(const Result<float>& out) {
    if (input_) input_->shield_from(out, false);
  }

 private:
  template <class I>
  void convert(const char* where, const Array& array) {
    const Input<I> ids(where, "u", array);
    converted_.resize(ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) converted_[i] = static_cast<float>(ids.data()[i]);
  }

  std::optional<Input<float>> input_;
  std::vector<float> converted_;
  std::vector<std::size_t> shape_;
};

class ModelStream {
 public:
  ModelStream(const Model& model, std::optional<std::size_t> batch)
      : stream_(model.stream(batch.value_or(1))), batched_(batch.has_value()) {}

  Result<float> step(const Array& frame, const nb::object& out) {
    const Network& network = stream_.fixed().network();
    Frames in("model.step", network, frame);
    std::vector<std::size_t> flat = with_batch({stream_.fixed().frame_size()});
    if (in.shape() != flat && in.shape() != with_batch({network.rows, network.channels})) {
      wrong_shape("model.step", "frame",
                  shape_text(with_batch({network.rows, network.channels})) + " or " + shape_text(flat), in.shape());
    }
    Result<float> y = output<float>("model.step", out, with_batch({network.outputs}));
    in.shield_from(y);
    stream_.with([&](Stream& stream) { stream.step(in.values(), {y.data(), y.size()}); });
    return y;
  }

  Result<float> run(const Array& samples, const nb::object& out) {
    const Network& network = stream_.fixed().network();
    Frames in("model.run", network, samples);
    const std::size_t axis = batched_ ? 1 : 0;
    const bool flat = network.channels == 1 && in.shape().size() == axis + 1;  // channel axis left out
    const std::size_t count = in.shape().size() > axis ? in.shape()[axis] : 0;
    if (!flat && in.shape() != with_batch({count, network.channels})) {
      wrong_shape("model.run", "u",
                  batched_ ? "(" + std::to_string(stream_.fixed().batch()) + ", length, " +
                                 std::to_string(network.channels) + ")"
                           : "(length, " + std::to_string(network.channels) + ")",
                  in.shape());
    }
    if (flat) expect_shape("model.run", "u", in.shape(), with_batch({count}));
    Result<float> y;
    stream_.with([&](Stream& stream) {  // room and run in one go: another thread may complete a frame in between
      {
        const nb::gil_scoped_acquire locked;  // nobody waits for the stream with the GIL in hand
        y = output<float>("model.run", out, with_batch({stream.outputs_for(count), network.outputs}));
        in.shield_from(y);
      }
      stream.run(in.values(), count, {y.data(), y.size()});
    });
    return y;
  }

  Result<float> state() const {
    Result<float> copy = make_array<float>(with_batch({stream_.fixed().state_size()}));
    stream_.with([&](const Stream& stream) { std::copy(stream.state().begin(), stream.state().end(), copy.data()); });
    return copy;
  }
  void set_state(const Array& state) {
    const Input<float> in("model.state", "state", state);
    expect_shape("model.state", "state", in.shape(), with_batch({stream_.fixed().state_size()}));
    stream_.with([&](Stream& stream) { stream.set_state(in.span()); });
  }
  void reset() {
    stream_.with([](Stream& stream) { stream.reset(); });
  }
  ModelStream copy() const { return *this; }
  std::size_t pending() const {
    return stream_.with([](const Stream& stream) { return stream.pending(); });
  }

 private:
  std::vector<std::size_t> with_batch(std::vector<std::size_t> shape) const {
    if (batched_) shape.insert(shape.begin(), stream_.fixed().batch());
    return shape;
  }

  Guarded<Stream> stream_;
  bool batched_;
};

/// u (batch, length, channels), of which sequence b has lengths[b] rows, to out (batch, rows, outputs).
/// Rows beyond a sequence's end are zeros.
Result<float> run_batch(const Model& model, const Array& u, const Array& lengths, const nb::object& out,
                        std::size_t threads) {
  const Network& network = model.network();
  Frames in("model", network, u);
  const Input<std::int64_t> rows("model", "lengths", lengths);
  if (in.shape().size() != 3 || in.shape()[2] != network.channels) {
    wrong_shape("model", "u", "(batch, length, " + std::to_string(network.channels) + ")", in.shape());
  }
  const std::size_t batch = in.shape()[0], length = in.shape()[1], results = model.output_rows(length);
  expect_shape("model", "lengths", rows.shape(), {batch});
  for (std::size_t b = 0; b < batch; ++b) {
    const std::int64_t n = rows.data()[b];
    require(n > 0 && static_cast<std::size_t>(n) <= length, [&] {
      return "model: lengths must be between 1 and the " + std::to_string(length) + " rows of u, is " +
             std::to_string(n) + " for sequence " + std::to_string(b);
    });
    const std::size_t values = static_cast<std::size_t>(n) * network.channels;
    expect_input(network, model.kernels(), "model", in.values().subspan(b * length * network.channels, values));
  }
  Result<float> y = output<float>("model", out, {batch, results, network.outputs});
  in.shield_from(y);
  const std::size_t pieces = std::min(std::max<std::size_t>(threads, 1), std::max<std::size_t>(batch, 1));
  std::vector<Evaluator> evaluators(pieces, model.evaluator());
  for (Evaluator& evaluator : evaluators) evaluator.reserve(length);
  const nb::gil_scoped_release unlocked;
  executor(threads)(pieces, [&](std::size_t p) noexcept {
    for (std::size_t b = p * batch / pieces; b < (p + 1) * batch / pieces; ++b) {
      float* const here = y.data() + b * results * network.outputs;
      const std::size_t count = static_cast<std::size_t>(rows.data()[b]);
      evaluators[p].run(in.values().data() + b * length * network.channels, count, here);
      std::fill(here + model.output_rows(count) * network.outputs, here + results * network.outputs, 0.0f);
    }
  });
  return y;
}

nb::list poles_of(const Model& model) {
  nb::list all;
  for (const Poles& p : model.network().poles) {
    nb::dict entry;
    entry["layer"] = p.layer;
    entry["channels"] = p.channels;
    entry["modes"] = p.modes;
    entry["radius"] = p.radius;
    entry["memory"] = p.memory;
    all.append(entry);
  }
  return all;
}

Model model_of(nb::bytes file) {
  const auto* const first = reinterpret_cast<const std::byte*>(file.c_str());
  return Model(Container::from_bytes({first, first + file.size()}), kernels().network);
}

}  // namespace

void bind_model(nb::module_& m) {
  nb::class_<ModelStream>(m, "ModelStream", "A model at work on sequences that arrive bit by bit.")
      .def("step", &ModelStream::step, "frame"_a, "out"_a = nb::none(),
           "One step: a frame (rows, channels), or flat, with a leading batch axis where the stream has one; the "
           "outputs.")
      .def("run", &ModelStream::run, "u"_a, nb::kw_only(), "out"_a = nb::none(),
           "A chunk (length, channels) of any length; what does not fill a frame waits for the next call.")
      .def_prop_rw("state", &ModelStream::state, &ModelStream::set_state, nb::for_getter(nb::rv_policy::automatic),
                   "Everything remembered, a copy; put back, it resumes bit for bit.")
      .def_prop_ro("pending", &ModelStream::pending, "Rows of an unfinished frame.")
      .def("reset", &ModelStream::reset, "Forgets everything.")
      .def("copy", &ModelStream::copy, "An independent stream in the same state.");
  nb::class_<Model>(m, "Model")
      .def_static("open", [](const std::string& path) { return Model(Container::open(path), kernels().network); })
      .def_static("from_bytes", &model_of)
      .def("run", &run_batch, "u"_a, "lengths"_a, "out"_a = nb::none(), "threads"_a = 1)
      .def(
          "stream", [](const Model& model, std::optional<std::size_t> batch) { return ModelStream(model, batch); },
          "batch"_a = nb::none())
      .def_prop_ro("name", [](const Model& model) { return model.network().description.name; })
      .def_prop_ro("summary", [](const Model& model) { return model.network().description.summary; })
      .def_prop_ro("labels", [](const Model& model) { return model.network().description.labels; })
      .def_prop_ro("sample_rate", [](const Model& model) { return model.network().description.sample_rate; })
      .def_prop_ro("channels", [](const Model& model) { return model.network().channels; })
      .def_prop_ro("rows", [](const Model& model) { return model.network().rows; })
      .def_prop_ro("outputs", [](const Model& model) { return model.network().outputs; })
      .def_prop_ro("vocabulary", [](const Model& model) { return model.network().vocabulary; })
      .def_prop_ro("reduces", [](const Model& model) { return model.network().reduces; })
      .def_prop_ro("causal", [](const Model& model) { return !model.network().bidirectional; })
      .def_prop_ro("parameters", [](const Model& model) { return model.network().scalars; })
      .def_prop_ro("macs", [](const Model& model) { return step_macs(model.network()); })
      .def_prop_ro("state_size", [](const Model& model) { return model.network().state_size; })
      .def_prop_ro("poles", &poles_of);
}

}  // namespace danaus::bindings
