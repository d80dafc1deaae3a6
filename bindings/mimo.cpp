// SPDX-License-Identifier: Apache-2.0
#include <nanobind/stl/pair.h>

#include <complex>

#include <danaus/core/buffer.hpp>
#include <danaus/ssm/mimo_scan.hpp>

#include "module.hpp"
#include "pool.hpp"
#include "stream.hpp"
#include "table.hpp"

namespace danaus::bindings {
namespace {

const char* const where = "ssm.S5";

/// A packed layer, shared by its streams.
template <class T>
struct MimoLayer {
  using value_type = T;
  MimoShape shape;
  bool feeds;
  Buffer<T> coefficients;

  MimoLayer(const Array& lambda, const Array& b, const Array& c, const Array& d, const Array& dt,
            const std::string& method) {
    const Input<Complex> poles(where, "lambda_", lambda), in(where, "b", b), out(where, "c", c);
    const Input<double> through(where, "d", d), steps(where, "dt", dt);
    if (poles.ndim() != 1 || poles.size() == 0) wrong_shape(where, "lambda_", "(P/2,)", poles.shape());
    if (in.ndim() != 2) wrong_shape(where, "b", "(P/2, H)", in.shape());
    if (out.ndim() != 2) wrong_shape(where, "c", "(H_out, P/2)", out.shape());
    const std::size_t modes = poles.size(), inputs = in.shape(1), outputs = out.shape(0);
    expect_shape(where, "b", in.shape(), {modes, inputs});
    expect_shape(where, "c", out.shape(), {outputs, modes});
    expect_shape(where, "dt", steps.shape(), {modes});
    feeds = through.size() > 0;
    expect_shape(where, "d", through.shape(), {feeds ? inputs : 0});
    if (feeds) expect_shape(where, "d", through.shape(), {outputs});
    const MimoModes system = discretize(
        MimoParameters{inputs, outputs, modes, poles.span(), in.span(), out.span(), through.span(), steps.span()},
        method == "bilinear" ? Discretization::bilinear : Discretization::zoh);
    shape = mimo_shape<T>(system);
    coefficients.resize(shape.coefficients());
    pack_mimo<T>(shape, system, through.span(), coefficients.data());
  }
  std::size_t channels() const noexcept { return shape.inputs; }
  std::size_t outputs() const noexcept { return shape.outputs; }
  std::size_t state_size() const noexcept { return shape.state(); }
  Mimo<T> layer() const noexcept { return {shape, coefficients.data(), feeds}; }

  /// u (batch, lengths.whole, inputs) to y (batch, lengths.whole, outputs): a sequence a thread, or where there are
  /// fewer of them than threads, many rows at once, the matrix products cut by rows and the recurrence by modes.
  void scan(const T* u, std::size_t batch, const Lengths& lengths, T* states, T* y, std::size_t threads) const {
    const std::size_t whole = lengths.whole;
    if (batch >= threads || whole < 2 * mimo_rows) {
      const std::size_t pieces = std::min(threads, batch);
      std::vector<Buffer<std::byte>> scratch(pieces, Buffer<std::byte>(mimo_workspace_bytes<T>(shape, whole)));
      executor(threads)(pieces, [&](std::size_t p) noexcept {
        for (std::size_t b = p * batch / pieces; b < (p + 1) * batch / pieces; ++b) {
          kernels().mimo<T>().scan(layer(), View<const T, 2>(u + b * whole * shape.inputs, {lengths[b], shape.inputs}),
                                   states + b * shape.state(),
                                   View<T, 2>(y + b * whole * shape.outputs, {lengths[b], shape.outputs}),
                                   workspace(scratch[p]));
        }
      });
      return;
    }
    for (std::size_t b = 0; b < batch; ++b) {
      scan_together(View<const T, 2>(u + b * whole * shape.inputs, {lengths[b], shape.inputs}),
                    states + b * shape.state(), View<T, 2>(y + b * whole * shape.outputs, {lengths[b], shape.outputs}),
                    threads);
    }
  }

  void step(View<const T, 2> u, View<T, 2> states, View<T, 2> y) const {
    Buffer<std::byte> scratch(mimo_workspace_bytes<T>(shape, u.extent(0)));
    kernels().mimo<T>().step(layer(), u, states, y, workspace(scratch));
  }

 private:
  void scan_together(View<const T, 2> u, T* state, View<T, 2> y, std::size_t threads) const {
    const std::size_t most = std::min<std::size_t>(u.extent(0), 16 * mimo_rows * threads);
    Buffer<T> drives(most * shape.width());
    std::vector<Buffer<std::byte>> scratch(threads, Buffer<std::byte>(mimo_read_bytes<T>(shape, mimo_rows)));
    const Executor run = executor(threads);
    for (std::size_t t = 0; t < u.extent(0); t += most) {
      const std::size_t rows = std::min(most, u.extent(0) - t);
      const View<T, 2> part(drives.data(), {rows, shape.width()});
      const auto share = [&](std::size_t p) { return p * rows / threads; };
      run(threads, [&](std::size_t p) noexcept {
        const std::size_t first = share(p), count = share(p + 1) - first;
        kernels().mimo<T>().drive(layer(), u.rows(t + first, count), part.rows(first, count));
      });
      run(shape.tiles(), [&](std::size_t i) noexcept { kernels().mimo<T>().advance(layer(), i, i + 1, part, state); });
      run(threads, [&](std::size_t p) noexcept {
        const std::size_t first = share(p), count = share(p + 1) - first;
        kernels().mimo<T>().read(layer(), View<const T, 2>(part.rows(first, count)), u.rows(t + first, count),
                                 y.rows(t + first, count), workspace(scratch[p]));
      });
    }
  }
};

template <class T>
void bind_one(nb::module_& m, const char* name, const char* stream_name) {
  bind_layer<MimoLayer<T>>(m, name, stream_name, where,
                           "A layer of many inputs and outputs at work on sequences that arrive bit by bit.")
      .def(nb::init<const Array&, const Array&, const Array&, const Array&, const Array&, const std::string&>(),
           "lambda_"_a, "b"_a, "c"_a, "d"_a, "dt"_a, "method"_a);
}

}  // namespace

void bind_mimo(nb::module_& m) {
  bind_one<float>(m, "Mimo32", "MimoStream32");
  bind_one<double>(m, "Mimo64", "MimoStream64");
}

}  // namespace danaus::bindings
