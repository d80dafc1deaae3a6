// SPDX-License-Identifier: Apache-2.0
#include <danaus/core/buffer.hpp>
#include <danaus/ssm/transfer_numerator.hpp>

#include "module.hpp"
#include "pool.hpp"
#include "stream.hpp"
#include "table.hpp"

namespace danaus::bindings {
namespace {

constexpr const char* where = "ssm.TransferFunction";

/// b (H, N) and a (num_a, N), num_a a divisor of H.
struct Coefficients {
  Input<double> b, a;
  TransferShape shape;

  Coefficients(const Array& numerator, const Array& denominator)
      : b(where, "b", numerator), a(where, "a", denominator) {
    if (b.ndim() != 2 || b.size() == 0) wrong_shape(where, "b", "(H, N)", b.shape());
    shape = {b.shape(0), b.shape(1)};
    if (a.ndim() != 2 || a.size() == 0 || a.shape(1) != shape.order || shape.channels % a.shape(0) != 0) {
      wrong_shape(where, "a", "(num_a, " + std::to_string(shape.order) + "), num_a a divisor of H", a.shape());
    }
  }
  View<const double, 2> numerator() const noexcept { return {b.data(), {shape.channels, shape.order}}; }
  View<const double, 2> denominator() const noexcept { return {a.data(), {a.shape(0), shape.order}}; }
};

/// Packed transfer functions, shared by their streams: samples in T, state in S.
template <class T, class S>
struct Layer {
  using value_type = T;
  using state_type = S;
  TransferShape shape;
  Buffer<S> coefficients;

  Layer(const Array& b, const Array& a, const Array& h0) {
    const Coefficients given(b, a);
    const Input<double> direct(where, "h0", h0);
    shape = given.shape;
    expect_shape(where, "h0", direct.shape(), {shape.channels});
    coefficients.resize(shape.coefficients());
    pack_transfer<S>(shape, given.numerator(), given.denominator(), direct.span(), coefficients.data());
  }
  std::size_t channels() const noexcept { return shape.channels; }
  std::size_t state_size() const noexcept { return shape.state(); }
  Transfer<S> transfer() const noexcept { return {shape, coefficients.data()}; }
  static const TransferRun<T, S>& run() noexcept { return kernels().transfer->template run<T, S>(); }

  /// u (batch, lengths.whole, channels) to y, every tile of every sequence a piece of work.
  void scan(const T* u, std::size_t batch, const Lengths& lengths, S* states, T* y, std::size_t threads) const {
    const std::size_t channels = shape.channels, tiles = shape.tiles();
    executor(threads)(batch * tiles, [&](std::size_t i) noexcept {
      const std::size_t b = i / tiles, offset = b * lengths.whole * channels, length = lengths[b];
      run().scan_tiles(transfer(), i % tiles, i % tiles + 1, View<const T, 2>(u + offset, {length, channels}),
                       states + b * shape.state(), View<T, 2>(y + offset, {length, channels}));
    });
  }
  void step(View<const T, 2> u, View<S, 2> states, View<T, 2> y) const noexcept {
    run().step(transfer(), u, states, y);
  }

  /// The states after the last rows of u and y, (..., length, channels), that are each sequence's: (..., state).
  Result<S> state_after(const Array& u, const Array& y, std::size_t threads, const nb::object& ends) const {
    const Input<T> in("ssm.stream_after", "u", u), out("ssm.stream_after", "y", y);
    const std::size_t channels = shape.channels, tiles = shape.tiles();
    const std::size_t batch = sequences("ssm.stream_after", in, channels).first;
    expect_shape("ssm.stream_after", "y", out.shape(), in.shape());
    const Lengths lengths = lengths_of("ssm.stream_after", ends, in.shape());
    std::vector<std::size_t> extents(in.shape().begin(), in.shape().end() - 2);
    extents.push_back(shape.state());
    Result<S> states = make_array<S>(extents);
    const std::size_t work = batch * tiles, pieces = std::min(threads, std::max<std::size_t>(work, 1));
    std::vector<Buffer<std::byte>> scratch(pieces, Buffer<std::byte>(state_after_workspace_bytes<S>(shape)));
    const nb::gil_scoped_release unlocked;
    executor(threads)(pieces, [&](std::size_t p) noexcept {
      for (std::size_t i = p * work / pieces; i < (p + 1) * work / pieces; ++i) {
        const std::size_t b = i / tiles, offset = b * lengths.whole * channels;
        run().state_after(transfer(), i % tiles, View<const T, 2>(in.data() + offset, {lengths[b], channels}),
                          View<const T, 2>(out.data() + offset, {lengths[b], channels}),
                          states.data() + b * shape.state() + i % tiles * shape.tile_state(), workspace(scratch[p]));
      }
    });
    return states;
  }
};

/// Runs `visit(tile, a, s)` for every tile, its rows of a and, as the state, of b packed.
template <class F>
void each_tile(const Coefficients& given, std::size_t threads, F visit) {
  const TransferShape shape = given.shape;
  const std::size_t tiles = shape.tiles(), pieces = std::min(threads, tiles), rows = tile * shape.rows();
  const std::size_t sharing = shape.channels / given.a.shape(0);
  // One behind the other: apart by another distance, loads of the one may wait for stores of the other (a tenth
  // slower).
  std::vector<Buffer<double>> scratch(pieces, Buffer<double>(2 * rows));
  const View<const double, 2> b = given.numerator(), a = given.denominator();
  const nb::gil_scoped_release unlocked;
  executor(threads)(pieces, [&](std::size_t p) noexcept {
    for (std::size_t i = p * tiles / pieces; i < (p + 1) * tiles / pieces; ++i) {
      std::fill(scratch[p].begin(), scratch[p].end(), 0.0);
      double *const factors = scratch[p].data(), *const state = factors + rows;
      for (std::size_t l = 0; l < std::min(tile, shape.channels - i * tile); ++l) {
        const std::size_t h = i * tile + l;
        for (std::size_t j = 0; j < shape.order; ++j) {
          factors[j * tile + l] = a(h / sharing, j);
          state[j * tile + l] = b(h, j);
        }
      }
      visit(i, factors, state);
    }
  });
}

/// The impulse response (H, length): h0, h_1, h_2, ...
template <class T>
Result<T> impulse_response(const Array& b, const Array& a, const Array& h0, std::size_t length, const nb::object& out,
                           std::size_t threads) {
  const Coefficients given(b, a);
  const Input<double> direct(where, "h0", h0);
  const TransferShape shape = given.shape;
  expect_shape(where, "h0", direct.shape(), {shape.channels});
  Result<T> k = output<T>("ssm.kernel", out, {shape.channels, length});
  if (length == 0) return k;
  T* const first = k.data();
  for (std::size_t h = 0; h < shape.channels; ++h) first[h * length] = static_cast<T>(direct.data()[h]);
  each_tile(given, threads, [&](std::size_t i, const double* factors, double* state) noexcept {
    kernels().transfer->impulse<T>()(shape, factors, state, std::min(tile, shape.channels - i * tile),
                                     first + i * tile * length + 1, length, length - 1);
  });
  return k;
}

/// b_1 .. b_N of the numerator whose response, repeated with period `length`, is that of b; see impulse_tile.
Result<double> truncate_numerator(const Array& b, const Array& a, std::size_t length, std::size_t threads) {
  const Coefficients given(b, a);
  const TransferShape shape = given.shape;
  Result<double> truncated = make_array<double>({shape.channels, shape.order});
  double* const to = truncated.data();
  each_tile(given, threads, [&](std::size_t i, const double* factors, double* state) noexcept {
    const std::size_t channels = std::min(tile, shape.channels - i * tile);
    kernels().transfer->impulse<double>()(shape, factors, state, channels, nullptr, 0, length);
    for (std::size_t l = 0; l < channels; ++l) {
      const std::size_t row = (i * tile + l) * shape.order;
      for (std::size_t j = 0; j < shape.order; ++j) to[row + j] = given.b.data()[row + j] - state[j * tile + l];
    }
  });
  return truncated;
}

/// k (H, samples) and a (num_a, N) to b (H, N); see numerator_of_kernel.
Result<double> numerator(const Array& k, const Array& a) {
  const Input<double> kernel(where, "kernel", k), factors(where, "a", a);
  if (kernel.ndim() != 2 || kernel.size() == 0) wrong_shape(where, "kernel", "(H, length)", kernel.shape());
  const std::size_t channels = kernel.shape(0);
  if (factors.ndim() != 2 || factors.size() == 0 || channels % factors.shape(0) != 0) {
    wrong_shape(where, "a", "(num_a, N), num_a a divisor of H", factors.shape());
  }
  const std::size_t order = factors.shape(1);
  Result<double> b = make_array<double>({channels, order});
  const nb::gil_scoped_release unlocked;
  numerator_of_kernel(View<const double, 2>(kernel.data(), {channels, kernel.shape(1)}),
                      View<const double, 2>(factors.data(), {factors.shape(0), order}),
                      View<double, 2>(b.data(), {channels, order}));
  return b;
}

template <class T, class S>
void bind(nb::module_& m, const char* name, const char* stream_name) {
  using Kind = Layer<T, S>;
  bind_layer<Kind>(m, name, stream_name, where,
                   "Rational transfer functions at work on sequences that arrive bit by bit.")
      .def(nb::init<const Array&, const Array&, const Array&>(), "b"_a, "a"_a, "h0"_a)
      .def("state_after", &Kind::state_after, "u"_a.noconvert(), "y"_a.noconvert(), "threads"_a = 1,
           "lengths"_a = nb::none());
}

}  // namespace

void bind_transfer(nb::module_& m) {
  bind<float, float>(m, "Transfer32", "TransferStream32");
  bind<double, double>(m, "Transfer64", "TransferStream64");
  bind<float, double>(m, "TransferMixed", "TransferStreamMixed");
  m.def("transfer_kernel32", &impulse_response<float>, "b"_a, "a"_a, "h0"_a, "length"_a, "out"_a = nb::none(),
        "threads"_a = 1);
  m.def("transfer_kernel64", &impulse_response<double>, "b"_a, "a"_a, "h0"_a, "length"_a, "out"_a = nb::none(),
        "threads"_a = 1);
  m.def("truncate_numerator", &truncate_numerator, "b"_a, "a"_a, "length"_a, "threads"_a = 1);
  m.def("numerator_of_kernel", &numerator, "kernel"_a, "a"_a);
}

}  // namespace danaus::bindings
