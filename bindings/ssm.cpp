// SPDX-License-Identifier: Apache-2.0
#include <nanobind/stl/pair.h>

#include <complex>

#include <danaus/core/buffer.hpp>
#include <danaus/linalg/eigen.hpp>
#include <danaus/ssm/diagonal_after.hpp>

#include "module.hpp"
#include "pool.hpp"
#include "scratch.hpp"
#include "stream.hpp"
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
  using value_type = T;
  DiagonalShape shape;
  std::vector<Mode> modes;  // as sort_modes leaves them
  Buffer<T> coefficients;

  Layer(const Array& delta, const Array& gain, const Array& feedthrough) : modes(modes_of("ssm.S4D", delta, gain)) {
    const Input<double> d("ssm.S4D", "d", feedthrough);
    shape = {delta.shape(0), delta.shape(1)};
    shape.carried = slow_modes<T>(shape, modes);
    expect_shape("ssm.S4D", "d", d.shape(), {shape.channels});
    coefficients.resize(shape.coefficients());
    sort_modes(shape, modes);
    pack_diagonal<T>(shape, modes, d.span(), coefficients.data());
  }
  std::size_t channels() const noexcept { return shape.channels; }
  std::size_t state_size() const noexcept { return shape.state(); }
  Diagonal<T> diagonal() const noexcept { return {shape, coefficients.data()}; }

  /// u (batch, lengths.whole, channels) to y, every tile of every sequence a piece of work.
  void scan(const T* u, std::size_t batch, const Lengths& lengths, T* states, T* y, std::size_t threads) const {
    const std::size_t channels = shape.channels, tiles = shape.tiles();
    executor(threads)(batch * tiles, [&](std::size_t i) noexcept {
      const std::size_t b = i / tiles, offset = b * lengths.whole * channels, length = lengths[b];
      kernels().ssm<T>().scan_tiles(diagonal(), i % tiles, i % tiles + 1,
                                    View<const T, 2>(u + offset, {length, channels}), states + b * shape.state(),
                                    View<T, 2>(y + offset, {length, channels}));
    });
  }
  void step(View<const T, 2> u, View<T, 2> states, View<T, 2> y) const noexcept {
    kernels().ssm<T>().step(diagonal(), u, states, y);
  }

  /// The states after u (..., length, channels) alone: (..., state). Shares of the batch and of the channels are pieces
  /// of work.
  Result<T> state_after(const Array& array, std::size_t threads, const nb::object& ends) const {
    const char* const where = "ssm.prefill";
    const Input<T> u(where, "u", array);
    const std::size_t batch = sequences(where, u, shape.channels).first;
    const Lengths lengths = lengths_of(where, ends, u.shape());
    std::vector<std::size_t> extents(u.shape().begin(), u.shape().end() - 2);
    extents.push_back(shape.state());
    Result<T> states = make_array<T>(extents);
    std::vector<View<const T, 2>> each(batch);
    for (std::size_t b = 0; b < batch; ++b) {
      each[b] = View<const T, 2>(u.data() + b * lengths.whole * shape.channels, {lengths[b], shape.channels});
    }
    const std::size_t groups = (shape.channels + after_channels - 1) / after_channels;
    const std::size_t shares = std::min(std::max<std::size_t>(batch, 1), (threads + groups - 1) / groups);
    const std::size_t work = groups * shares, pieces = std::min(threads, work);
    std::vector<Scratch> scratch;
    scratch.reserve(pieces);
    for (std::size_t p = 0; p < pieces; ++p) {
      scratch.emplace_back(states_after_workspace_bytes<T>(shape, lengths.whole));
    }
    const nb::gil_scoped_release unlocked;
    executor(threads)(pieces, [&](std::size_t p) noexcept {
      for (std::size_t i = p * work / pieces; i < (p + 1) * work / pieces; ++i) {
        const std::size_t share = i % shares, first = share * batch / shares;
        kernels().ssm<T>().states_after(shape, modes, i / shares, each.data() + first,
                                        (share + 1) * batch / shares - first, states.data() + first * shape.state(),
                                        scratch[p].workspace());
      }
    });
    return states;
  }
};

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
void bind_diagonal(nb::module_& m, const char* name, const char* stream_name) {
  bind_layer<Layer<T>>(m, name, stream_name, "ssm.S4D",
                       "A diagonal state-space layer at work on sequences that arrive bit by bit.")
      .def(nb::init<const Array&, const Array&, const Array&>(), "delta"_a, "gain"_a, "d"_a)
      .def("state_after", &Layer<T>::state_after, "u"_a.noconvert(), "threads"_a = 1, "lengths"_a = nb::none());
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
  bind_diagonal<float>(m, "Diagonal32", "DiagonalStream32");
  bind_diagonal<double>(m, "Diagonal64", "DiagonalStream64");
  m.def("discretize", &discretize_modes, "a"_a, "c"_a, "dt"_a, "method"_a, "length"_a = 0.0);
  m.def("diagonalize", &diagonalize_dense, "a"_a, "b"_a, "c"_a);
  m.def("kernel32", &make_kernel<float>, "delta"_a, "gain"_a, "length"_a, "out"_a = nb::none(), "threads"_a = 1);
  m.def("kernel64", &make_kernel<double>, "delta"_a, "gain"_a, "length"_a, "out"_a = nb::none(), "threads"_a = 1);
}

}  // namespace danaus::bindings
