// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include <danaus/core/buffer.hpp>

#include "arrays.hpp"
#include "guarded.hpp"
#include "lengths.hpp"

namespace danaus::bindings {

/// u (..., length, channels): batch, length.
template <class T>
std::pair<std::size_t, std::size_t> sequences(const char* where, const Input<T>& u, std::size_t channels) {
  if (u.ndim() < 2 || u.shape(u.ndim() - 1) != channels) {
    wrong_shape(where, "u", "(..., length, " + std::to_string(channels) + ")", u.shape());
  }
  std::size_t batch = 1;
  for (std::size_t i = 0; i + 2 < u.ndim(); ++i) batch *= u.shape(i);
  return {batch, u.shape(u.ndim() - 2)};
}

/// The element type of a layer's state: `state_type` where it has one, else `value_type`.
template <class Layer>
struct StateOf {
  using type = typename Layer::value_type;
};
template <class Layer>
  requires requires { typename Layer::state_type; }
struct StateOf<Layer> {
  using type = typename Layer::state_type;
};

/// How many channels come out of a layer: as many as go in, unless it has outputs().
template <class Layer>
std::size_t outputs_of(const Layer& layer) {
  if constexpr (requires { layer.outputs(); }) {
    return layer.outputs();
  } else {
    return layer.channels();
  }
}

/// A layer at work on sequences that arrive bit by bit. Layer, shared by its streams, has an element
/// type `value_type`, `channels()`, `state_size()` in elements a sequence, and
///   scan(u, batch, lengths, states, y, threads): u, y (batch, lengths.whole, channels), states (batch, state_size()),
///     sequence b over its first lengths[b] rows; the others are neither read nor written
///   step(u, states, y): views (batch, channels), (batch, state_size()), (batch, channels)
/// and, where y has other channels than u, `outputs()`; where not every state is one, `expect_state(state)` raises.
template <class Layer>
class LayerStream {
 public:
  using T = typename Layer::value_type;
  using S = typename StateOf<Layer>::type;

  LayerStream(std::shared_ptr<const Layer> layer, std::optional<std::size_t> batch)
      : layer_(std::move(layer)),
        batched_(batch.has_value()),
        batch_(batch.value_or(1)),
        state_(Buffer<S>(batch_ * layer_->state_size(), S(0))) {
    if (batch_ == 0) throw nb::value_error("ssm.stream: batch must be at least 1, is 0");
  }

  Result<T> step(const Array& u, const nb::object& out) {
    Input<T> in("ssm.step", "u", u);
    const std::size_t channels = layer_->channels(), outputs = outputs_of(*layer_), size = layer_->state_size();
    expect_shape("ssm.step", "u", in.shape(), with_batch({channels}));
    Result<T> y = output<T>("ssm.step", out, with_batch({outputs}));
    in.shield_from(y, true);
    state_.with([&](Buffer<S>& state) {
      layer_->step(View<const T, 2>(in.data(), {batch_, channels}), View<S, 2>(state.data(), {batch_, size}),
                   View<T, 2>(y.data(), {batch_, outputs}));
    });
    return y;
  }

  Result<T> run(const Array& u, const nb::object& out, std::size_t threads, const nb::object& ends) {
    Input<T> in("ssm.run", "u", u);
    const std::size_t axis = batched_ ? 1 : 0, channels = layer_->channels();
    if (in.ndim() != axis + 2) wrong_shape("ssm.run", "u", batched_ ? "(batch, length, H)" : "(length, H)", in.shape());
    const std::size_t length = in.shape(axis);
    expect_shape("ssm.run", "u", in.shape(), with_batch({length, channels}));
    const Lengths lengths = lengths_of("ssm.run", ends, in.shape());
    Result<T> y = output<T>("ssm.run", out, with_batch({length, outputs_of(*layer_)}));
    in.shield_from(y, true);
    state_.with([&](Buffer<S>& state) {
      layer_->scan(in.data(), batch_, lengths, state.data(), y.data(), threads);
      clear_beyond(lengths, y.data(), batch_, outputs_of(*layer_));
    });
    return y;
  }

  Result<S> state() const {
    Result<S> copy = make_array<S>(with_batch({layer_->state_size()}));
    state_.with([&](const Buffer<S>& state) { std::copy(state.begin(), state.end(), copy.data()); });
    return copy;
  }
  void set_state(const Array& state) {
    const Input<S> in("ssm.state", "state", state);
    expect_shape("ssm.state", "state", in.shape(), with_batch({layer_->state_size()}));
    if constexpr (requires { layer_->expect_state(in.data()); }) {
      for (std::size_t b = 0; b < batch_; ++b) layer_->expect_state(in.data() + b * layer_->state_size());
    }
    state_.with([&](Buffer<S>& kept) { std::copy_n(in.data(), in.size(), kept.begin()); });
  }
  void reset() {
    state_.with([](Buffer<S>& state) { std::fill(state.begin(), state.end(), S(0)); });
  }
  LayerStream copy() const { return *this; }

 private:
  std::vector<std::size_t> with_batch(std::vector<std::size_t> shape) const {
    if (batched_) shape.insert(shape.begin(), batch_);
    return shape;
  }

  std::shared_ptr<const Layer> layer_;
  bool batched_;
  std::size_t batch_;
  Guarded<Buffer<S>> state_;
};

/// Binds a Layer with scan, stream and state_size, and its stream class. `where` begins its error messages.
template <class Layer>
nb::class_<Layer> bind_layer(nb::module_& m, const char* name, const char* stream_name, const char* where,
                             const char* about) {
  using namespace nb::literals;
  using T = typename Layer::value_type;
  using State = typename StateOf<Layer>::type;
  using S = LayerStream<Layer>;
  nb::class_<S>(m, stream_name, about)
      .def("step", &S::step, "u"_a.noconvert(), "out"_a = nb::none(),
           "One sample of every sequence: (H,) or (batch, H).")
      .def("run", &S::run, "u"_a.noconvert(), nb::kw_only(), "out"_a = nb::none(), "threads"_a = 1,
           "lengths"_a = nb::none(),
           "A chunk of any length: (length, H) or (batch, length, H). lengths (batch,): how many of its samples are "
           "each "
           "sequence's; outputs beyond are 0.")
      .def_prop_rw("state", &S::state, &S::set_state, nb::for_getter(nb::rv_policy::automatic),
                   "Everything remembered, a copy; put back, it resumes bit for bit.")
      .def("reset", &S::reset, "Forgets everything.")
      .def("copy", &S::copy, "An independent stream in the same state.");
  return nb::class_<Layer>(m, name)
      .def(
          "scan",
          [where](const Layer& layer, const Array& u, const nb::object& out, std::size_t threads,
                  const nb::object& ends) {
            Input<T> in(where, "u", u);
            const std::size_t batch = sequences(where, in, layer.channels()).first;
            const Lengths lengths = lengths_of(where, ends, in.shape());
            std::vector<std::size_t> shape = in.shape();
            shape.back() = outputs_of(layer);
            Result<T> y = output<T>(where, out, shape);
            in.shield_from(y, true);
            Buffer<State> states(batch * layer.state_size(), State(0));
            const nb::gil_scoped_release unlocked;
            layer.scan(in.data(), batch, lengths, states.data(), y.data(), threads);
            clear_beyond(lengths, y.data(), batch, outputs_of(layer));
            return y;
          },
          "u"_a.noconvert(), nb::kw_only(), "out"_a = nb::none(), "threads"_a = 1, "lengths"_a = nb::none())
      .def(
          "stream",
          [](std::shared_ptr<Layer> layer, std::optional<std::size_t> batch) { return S(std::move(layer), batch); },
          "batch"_a = nb::none())
      .def_prop_ro("state_size", &Layer::state_size);
}

}  // namespace danaus::bindings
