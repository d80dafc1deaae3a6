// SPDX-License-Identifier: Apache-2.0
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>

#include <complex>
#include <memory>
#include <optional>

#include <danaus/core/buffer.hpp>
#include <danaus/fft/convolve.hpp>
#include <danaus/linalg/eigen.hpp>
#include <danaus/ssm/kernel.hpp>

#include "guarded.hpp"
#include "module.hpp"
#include "pool.hpp"
#include "table.hpp"

namespace danaus::bindings {
namespace {

/// delta and gain, complex (channels, modes), as modes.
std::vector<Mode> modes_of(const char* where, const Array& delta, const Array& gain) {
  const Input<Complex> d(where, "delta", delta), g(where, "gain", gain);
  if (d.ndim() != 2) wrong_shape(where, "delta", "(channels, modes)", d.shape());
  expect_shape(where, "gain", g.shape(), d.shape());
  std::vector<Mode> modes(d.size());
  for (std::size_t i = 0; i < modes.size(); ++i) modes[i] = {d.data()[i], g.data()[i]};
  return modes;
}

/// A packed layer, shared by its streams.
template <class T>
struct Layer {
  DiagonalShape shape;
  Buffer<T> coefficients;

  Layer(const Array& delta, const Array& gain, const Array& feedthrough) {
    const std::vector<Mode> modes = modes_of("ssm.S4D", delta, gain);
    const Input<double> d("ssm.S4D", "d", feedthrough);
    shape = {delta.shape(0), delta.shape(1)};
    shape.carried = slow_modes<T>(shape, modes);
    expect_shape("ssm.S4D", "d", d.shape(), {shape.channels});
    coefficients.resize(shape.coefficients());
    pack_diagonal<T>(shape, modes, d.span(), coefficients.data());
  }
  Diagonal<T> diagonal() const noexcept { return {shape, coefficients.data()}; }

  /// u (batch, length, channels) to y, every tile of every sequence a piece of work.
  void scan(const T* u, std::size_t batch, std::size_t length, T* states, T* y, std::size_t threads) const {
    const std::size_t channels = shape.channels, tiles = shape.tiles();
    executor(threads)(batch * tiles, [&](std::size_t i) noexcept {
      const std::size_t b = i / tiles, offset = b * length * channels;
      kernels().ssm<T>().scan_tiles(diagonal(), i % tiles, i % tiles + 1,
                                    View<const T, 2>(u + offset, {length, channels}), states + b * shape.state(),
                                    View<T, 2>(y + offset, {length, channels}));
    });
  }
};

template <class T>
class LayerStream {
 public:
  LayerStream(std::shared_ptr<const Layer<T>> layer, std::optional<std::size_t> batch)
      : layer_(std::move(layer)),
        batched_(batch.has_value()),
        batch_(batch.value_or(1)),
        state_(Buffer<T>(batch_ * layer_->shape.state(), T(0))) {
    if (batch_ == 0) throw nb::value_error("ssm.stream: batch must be at least 1, is 0");
  }

  Result<T> step(const Array& u, const nb::object& out) {
    Input<T> in("ssm.step", "u", u);
    const std::size_t channels = layer_->shape.channels, size = layer_->shape.state();
    expect_shape("ssm.step", "u", in.shape(), with_batch({channels}));
    Result<T> y = output<T>("ssm.step", out, with_batch({channels}));
    in.shield_from(y, true);
    state_.with([&](Buffer<T>& state) {
      kernels().ssm<T>().step(layer_->diagonal(), View<const T, 2>(in.data(), {batch_, channels}),
                              View<T, 2>(state.data(), {batch_, size}), View<T, 2>(y.data(), {batch_, channels}));
    });
    return y;
  }

  Result<T> run(const Array& u, const nb::object& out, std::size_t threads) {
    Input<T> in("ssm.run", "u", u);
    const std::size_t axis = batched_ ? 1 : 0, channels = layer_->shape.channels;
    if (in.ndim() != axis + 2) wrong_shape("ssm.run", "u", batched_ ? "(batch, length, H)" : "(length, H)", in.shape());
    const std::size_t length = in.shape(axis);
    expect_shape("ssm.run", "u", in.shape(), with_batch({length, channels}));
    Result<T> y = output<T>("ssm.run", out, with_batch({length, channels}));
    in.shield_from(y, true);
    state_.with([&](Buffer<T>& state) { layer_->scan(in.data(), batch_, length, state.data(), y.data(), threads); });
    return y;
  }

  Result<T> state() const {
    Result<T> copy = make_array<T>(with_batch({layer_->shape.state()}));
    state_.with([&](const Buffer<T>& state) { std::copy(state.begin(), state.end(), copy.data()); });
    return copy;
  }
  void set_state(const Array& state) {
    const Input<T> in("ssm.state", "state", state);
    expect_shape("ssm.state", "state", in.shape(), with_batch({layer_->shape.state()}));
    state_.with([&](Buffer<T>& kept) { std::copy_n(in.data(), in.size(), kept.begin()); });
  }
  void reset() {
    state_.with([](Buffer<T>& state) { std::fill(state.begin(), state.end(), T(0)); });
  }
  LayerStream copy() const { return *this; }

 private:
  std::vector<std::size_t> with_batch(std::vector<std::size_t> shape) const {
    if (batched_) shape.insert(shape.begin(), batch_);
    return shape;
  }

  std::shared_ptr<const Layer<T>> layer_;
  bool batched_;
  std::size_t batch_;
  Guarded<Buffer<T>> state_;
};

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

template <class T>
void bind_layer(nb::module_& m, const char* name, const char* stream_name) {
  using L = Layer<T>;
  using S = LayerStream<T>;
  nb::class_<S>(m, stream_name, "A diagonal state-space layer at work on sequences that arrive bit by bit.")
      .def("step", &S::step, "u"_a.noconvert(), "out"_a = nb::none(),
           "One sample of every sequence: (H,) or (batch, H).")
      .def("run", &S::run, "u"_a.noconvert(), nb::kw_only(), "out"_a = nb::none(), "threads"_a = 1,
           "A chunk of any length: (length, H) or (batch, length, H).")
      .def_prop_rw("state", &S::state, &S::set_state, nb::for_getter(nb::rv_policy::automatic),
                   "Everything remembered, a copy; put back, it resumes bit for bit.")
      .def("reset", &S::reset, "Forgets everything.")
      .def("copy", &S::copy, "An independent stream in the same state.");
  nb::class_<L>(m, name)
      .def(nb::init<const Array&, const Array&, const Array&>(), "delta"_a, "gain"_a, "d"_a)
      .def(
          "scan",
          [](const L& layer, const Array& u, const nb::object& out, std::size_t threads) {
            Input<T> in("ssm.S4D", "u", u);
            const auto [batch, length] = sequences("ssm.S4D", in, layer.shape.channels);
            Result<T> y = output<T>("ssm.S4D", out, in.shape());
            in.shield_from(y, true);
            Buffer<T> states(batch * layer.shape.state(), T(0));
            const nb::gil_scoped_release unlocked;
            layer.scan(in.data(), batch, length, states.data(), y.data(), threads);
            return y;
          },
          "u"_a.noconvert(), nb::kw_only(), "out"_a = nb::none(), "threads"_a = 1)
      .def(
          "stream",
          [](std::shared_ptr<L> layer, std::optional<std::size_t> batch) { return S(std::move(layer), batch); },
          "batch"_a = nb::none())
      .def_prop_ro("state_size", [](const L& layer) { return layer.shape.state(); });
}

template <class T>
Result<T> make_kernel(const Array& delta, const Array& gain, std::size_t length, const nb::object& out,
                      std::size_t threads) {
  const std::vector<Mode> modes = modes_of("ssm.kernel", delta, gain);
  const std::size_t channels = delta.shape(0), each = delta.shape(1);
  Result<T> k = output<T>("ssm.kernel", out, {channels, length});
  const std::size_t pieces = std::min(std::max<std::size_t>(threads, 1), channels);
  const std::size_t bytes = kernel_workspace_bytes<T>(each, length);
  std::vector<Buffer<std::byte>> scratch(pieces, Buffer<std::byte>(bytes));
  const nb::gil_scoped_release unlocked;
  executor(threads)(pieces, [&](std::size_t p) noexcept {
    for (std::size_t h = p * channels / pieces; h < (p + 1) * channels / pieces; ++h) {
      kernels().ssm<T>().kernel(std::span<const Mode>(modes).subspan(h * each, each),
                                std::span<T>(k.data() + h * length, length), workspace(scratch[p]));
    }
  });
  return k;
}

template <class T>
Result<T> convolve(const Array& u, const Array& k, const nb::object& out, std::size_t threads) {
  const char* const where = "ssm.causal_convolve";
  Input<T> in(where, "u", u), filter(where, "k", k);
  if (filter.ndim() != 2) wrong_shape(where, "k", "(channels, taps)", filter.shape());
  const std::size_t channels = filter.shape(0), taps = filter.shape(1);
  const auto [batch, length] = sequences(where, in, channels);
  Result<T> y = output<T>(where, out, in.shape());
  if (in.size() == 0) return y;
  in.shield_from(y, true);
  filter.shield_from(y, false);
  const nb::gil_scoped_release unlocked;
  const FourierPlan<T> plan(length);
  const std::size_t tiles = padded(channels) / tile, work = batch * tiles;
  const std::size_t pieces = std::min(std::max<std::size_t>(threads, 1), work);
  std::vector<Buffer<std::byte>> scratch(pieces, Buffer<std::byte>(convolve_workspace_bytes(plan)));
  executor(threads)(pieces, [&](std::size_t p) noexcept {
    for (std::size_t i = p * work / pieces; i < (p + 1) * work / pieces; ++i) {
      const std::size_t offset = i / tiles * length * channels;
      kernels().ssm<T>().convolve_tile(plan, i % tiles * tile, View<const T, 2>(in.data() + offset, {length, channels}),
                                       View<const T, 2>(filter.data(), {channels, taps}),
                                       View<T, 2>(y.data() + offset, {length, channels}), workspace(scratch[p]));
    }
  });
  return y;
}

/// a and c (channels, modes), dt (channels): delta and gain.
std::pair<Result<Complex>, Result<Complex>> discretize_modes(const Array& a, const Array& c, const Array& dt,
                                                             const std::string& method, double length) {
  const char* const where = "ssm.discretize";
  const Input<Complex> poles(where, "a", a), weights(where, "c", c);
  const Input<double> steps(where, "dt", dt);
  if (poles.ndim() != 2) wrong_shape(where, "a", "(channels, modes)", poles.shape());
  expect_shape(where, "c", weights.shape(), poles.shape());
  expect_shape(where, "dt", steps.shape(), {poles.shape(0)});
  Result<Complex> delta = make_array<Complex>(poles.shape()), gain = make_array<Complex>(poles.shape());
  const Discretization how = method == "bilinear" ? Discretization::bilinear
                             : method == "dss"    ? Discretization::dss
                                                  : Discretization::zoh;
  for (std::size_t i = 0; i < poles.size(); ++i) {
    const Mode mode = discretize(poles.data()[i], weights.data()[i], steps.data()[i / poles.shape(1)], how, length);
    delta.data()[i] = mode.delta;
    gain.data()[i] = mode.gain;
  }
  return {delta, gain};
}

Result<Complex> complex_array(const std::vector<Complex>& values) {
  Result<Complex> copy = make_array<Complex>({values.size()});
  std::copy(values.begin(), values.end(), copy.data());
  return copy;
}

/// Dense A (N, N), B (N), C (N): a, b, c of the diagonal system, and the condition of the passage.
nb::tuple diagonalize_dense(const Array& a, const Array& b, const Array& c) {
  const char* const where = "ssm.from_state_space";
  const Input<double> dense(where, "A", a), in(where, "B", b), out(where, "C", c);
  if (dense.ndim() != 2 || dense.shape(0) != dense.shape(1) || dense.size() == 0) {
    wrong_shape(where, "A", "(N, N)", dense.shape());
  }
  const std::size_t n = dense.shape(0);
  expect_shape(where, "B", in.shape(), {n});
  expect_shape(where, "C", out.shape(), {n});
  Diagonalized system;
  const Outcome outcome = diagonalize(View<const double, 2>(dense.data(), {n, n}), in.span(), out.span(), system);
  if (outcome != Outcome::ok) {
    throw nb::value_error("ssm.from_state_space: A must be diagonalisable, its eigenvectors do not span the space");
  }
  return nb::make_tuple(complex_array(system.a), complex_array(system.b), complex_array(system.c), system.condition);
}

}  // namespace

void bind_ssm(nb::module_& m) {
  bind_layer<float>(m, "Diagonal32", "DiagonalStream32");
  bind_layer<double>(m, "Diagonal64", "DiagonalStream64");
  m.def("discretize", &discretize_modes, "a"_a, "c"_a, "dt"_a, "method"_a, "length"_a = 0.0);
  m.def("diagonalize", &diagonalize_dense, "a"_a, "b"_a, "c"_a);
  m.def("kernel32", &make_kernel<float>, "delta"_a, "gain"_a, "length"_a, "out"_a = nb::none(), "threads"_a = 1);
  m.def("kernel64", &make_kernel<double>, "delta"_a, "gain"_a, "length"_a, "out"_a = nb::none(), "threads"_a = 1);
  m.def("convolve32", &convolve<float>, "u"_a, "k"_a, "out"_a = nb::none(), "threads"_a = 1);
  m.def("convolve64", &convolve<double>, "u"_a, "k"_a, "out"_a = nb::none(), "threads"_a = 1);
}

}  // namespace danaus::bindings
