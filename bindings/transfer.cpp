// SPDX-License-Identifier: Apache-2.0
#include <mutex>

#include <danaus/core/buffer.hpp>

#include "module.hpp"
#include "pool.hpp"
#include "rings.hpp"
#include "stream.hpp"
#include "table.hpp"
#include "transfer.hpp"

namespace danaus::bindings {
namespace {

constexpr const char* where = Coefficients::where;

/// Packed transfer functions, shared by their streams: samples in T, state in S.
template <class T, class S>
struct Layer {
  using value_type = T;
  using state_type = S;
  TransferShape shape;
  Buffer<S> coefficients;
  std::size_t chunk;  // samples

  Layer(const Array& b, const Array& a, const Array& h0) {
    const Coefficients given(b, a);
    const Input<double> direct(where, "h0", h0);
    shape = given.shape;
    expect_shape(where, "h0", direct.shape(), {shape.channels});
    chunk = chunk_length(shape);
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

  /// The responses' spectra, made when they are first asked for.
  TransferChunk<S> chunks(std::size_t threads) const {
    std::call_once(prepared_, [&] {
      plan_ = ring<S>(chunk, InLanes::channels);
      const std::size_t tiles = shape.tiles(), pieces = std::min(threads, tiles);
      const std::size_t each = TransferChunk<S>::groups * 2 * plan_->spectrum_size();
      spectra_.resize(tiles * each);
      std::vector<Scratch> scratch;
      for (std::size_t p = 0; p < pieces; ++p) scratch.emplace_back(prepare_chunk_workspace_bytes(*plan_, shape));
      executor(threads)(pieces, [&](std::size_t p) noexcept {
        for (std::size_t i = p * tiles / pieces; i < (p + 1) * tiles / pieces; ++i) {
          run().prepare_chunk(transfer(), *plan_, i, spectra_.data() + i * each, scratch[p].workspace());
        }
      });
    });
    return {plan_.get(), spectra_.data()};
  }

  /// As scan, the last `length` modulo `chunk` samples by it, those before in chunks; y and the states, (..., state).
  nb::tuple chunked(const Array& u, const nb::object& out, std::size_t threads) const {
    Input<T> in("ssm.chunked", "u", u);
    const auto [batch, length] = sequences("ssm.chunked", in, shape.channels);
    Result<T> y = output<T>("ssm.chunked", out, in.shape());
    in.shield_from(y, true);
    std::vector<std::size_t> extents(in.shape().begin(), in.shape().end() - 2);
    extents.push_back(shape.state());
    Result<S> states = make_array<S>(extents);
    std::fill_n(states.data(), batch * shape.state(), S(0));
    {
      const nb::gil_scoped_release unlocked;
      run_chunks(in.data(), batch, length, states.data(), y.data(), threads);
    }
    return nb::make_tuple(y, states);
  }
  void run_chunks(const T* u, std::size_t batch, std::size_t length, S* states, T* y, std::size_t threads) const {
    const std::size_t channels = shape.channels, tiles = shape.tiles(), whole = length / chunk * chunk;
    if (whole == 0) return scan(u, batch, Lengths{length}, states, y, threads);
    const TransferChunk<S> spectra = chunks(threads);
    const std::size_t work = batch * tiles, pieces = std::min(threads, std::max<std::size_t>(work, 1));
    std::vector<Scratch> scratch;
    for (std::size_t p = 0; p < pieces; ++p) scratch.emplace_back(chunk_workspace_bytes(*spectra.plan));
    executor(threads)(pieces, [&](std::size_t p) noexcept {
      for (std::size_t i = p * work / pieces; i < (p + 1) * work / pieces; ++i) {
        const std::size_t b = i / tiles, offset = b * length * channels, later = offset + whole * channels;
        S* const state = states + b * shape.state();
        run().chunk_tiles(transfer(), spectra, i % tiles, i % tiles + 1,
                          View<const T, 2>(u + offset, {whole, channels}), state,
                          View<T, 2>(y + offset, {whole, channels}), scratch[p].workspace());
        run().scan_tiles(transfer(), i % tiles, i % tiles + 1, View<const T, 2>(u + later, {length - whole, channels}),
                         state, View<T, 2>(y + later, {length - whole, channels}));
      }
    });
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

 private:
  mutable std::once_flag prepared_;
  mutable std::shared_ptr<const RingPlan<S>> plan_;
  mutable Buffer<S> spectra_;
};

template <class T, class S>
void bind(nb::module_& m, const char* name, const char* stream_name) {
  using Kind = Layer<T, S>;
  bind_layer<Kind>(m, name, stream_name, where,
                   "Rational transfer functions at work on sequences that arrive bit by bit.")
      .def(nb::init<const Array&, const Array&, const Array&>(), "b"_a, "a"_a, "h0"_a)
      .def("chunked", &Kind::chunked, "u"_a.noconvert(), "out"_a = nb::none(), "threads"_a = 1)
      .def_ro("chunk", &Kind::chunk)
      .def("state_after", &Kind::state_after, "u"_a.noconvert(), "y"_a.noconvert(), "threads"_a = 1,
           "lengths"_a = nb::none());
}

}  // namespace

void bind_transfer(nb::module_& m) {
  bind<float, float>(m, "Transfer32", "TransferStream32");
  bind<double, double>(m, "Transfer64", "TransferStream64");
  bind<float, double>(m, "TransferMixed", "TransferStreamMixed");
}

}  // namespace danaus::bindings
