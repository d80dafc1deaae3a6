// SPDX-License-Identifier: Apache-2.0
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>

#include <complex>

#include <danaus/core/buffer.hpp>
#include <danaus/ssm/dplr_kernel.hpp>
#include <danaus/ssm/dplr_truncated.hpp>

#include "module.hpp"
#include "pool.hpp"
#include "stream.hpp"
#include "table.hpp"

namespace danaus::bindings {
namespace {

const char* const where = "ssm.S4";

/// The parameters of a layer, and its modes in discrete time.
class System {
 public:
  System(const Array& lambda, const Array& p, const Array& q, const Array& b, const Array& c, const Array& dt)
      : lambda_(where, "lambda_", lambda),
        p_(where, "p", p),
        q_(where, "q", q),
        b_(where, "b", b),
        c_(where, "c", c),
        dt_(where, "dt", dt) {
    if (lambda_.ndim() != 2 || lambda_.size() == 0) wrong_shape(where, "lambda_", "(H, N/2)", lambda_.shape());
    const std::size_t channels = lambda_.shape(0), modes = lambda_.shape(1);
    if (p_.ndim() != 3 || p_.shape(0) == 0 || p_.shape(0) > dplr_ranks) {
      wrong_shape(where, "p", "(rank, H, N/2), rank 1 to " + std::to_string(dplr_ranks) + ",", p_.shape());
    }
    expect_shape(where, "p", p_.shape(), {p_.shape(0), channels, modes});
    expect_shape(where, "q", q_.shape(), p_.shape());
    expect_shape(where, "b", b_.shape(), lambda_.shape());
    expect_shape(where, "c", c_.shape(), lambda_.shape());
    expect_shape(where, "dt", dt_.shape(), {channels});
    modes_ = discretize(parameters());
  }

  DplrParameters parameters() const noexcept {
    return {lambda_.shape(0), lambda_.shape(1), p_.shape(0), lambda_.span(), b_.span(),
            c_.span(),        p_.span(),        q_.span(),   dt_.span()};
  }
  const DplrModes& modes() const noexcept { return modes_; }

  /// Whether every number of the discrete system is finite.
  bool finite() const noexcept {
    const auto all = [](const std::vector<Complex>& x) {
      return std::all_of(x.begin(), x.end(),
                         [](Complex z) { return std::isfinite(z.real()) && std::isfinite(z.imag()); });
    };
    return all(modes_.delta) && all(modes_.input) && all(modes_.output) && all(modes_.column) && all(modes_.row);
  }

  template <class T>
  Result<T> kernel(std::size_t length, const nb::object& out, std::size_t threads) const {
    const std::size_t channels = modes_.channels;
    Result<T> k = output<T>("ssm.kernel", out, {channels, length});
    const std::size_t block = dplr_block(modes_.modes, modes_.rank, length, std::min(channels, tile));
    const std::size_t each = block == 0 ? tile : 1, work = (channels + each - 1) / each;
    const std::size_t pieces = std::min(std::max<std::size_t>(threads, 1), work);
    const std::size_t bytes = dplr_workspace_bytes<T>(modes_.modes, modes_.rank, length, block);
    std::vector<Buffer<std::byte>> scratch(pieces, Buffer<std::byte>(bytes));
    const nb::gil_scoped_release unlocked;
    executor(threads)(pieces, [&](std::size_t piece) noexcept {
      for (std::size_t i = piece * work / pieces; i < (piece + 1) * work / pieces; ++i) {
        const std::size_t first = i * each, count = std::min(each, channels - first);
        kernels().dplr<T>().kernel(DplrModesView(modes_), first, block,
                                   View<T, 2>(k.data() + first * length, {count, length}), workspace(scratch[piece]));
      }
    });
    return k;
  }

  /// A_bar of every channel, real (channels, N, N).
  Result<double> dense() const {
    const DplrModes modes = discretize(parameters(), false);
    const std::size_t size = 2 * modes.modes;
    Result<double> a = make_array<double>({modes.channels, size, size});
    for (std::size_t h = 0; h < modes.channels; ++h) {
      const std::vector<double> one = dense_transition(modes, h);
      std::copy(one.begin(), one.end(), a.data() + h * size * size);
    }
    return a;
  }

  /// c taken for the truncated one: the kernels' spectra, (channels, length / 2 + 1).
  Result<Complex> truncated_spectrum(std::size_t length, std::size_t threads) const {
    const std::size_t points = length / 2 + 1, channels = modes_.channels;
    Result<Complex> k = make_array<Complex>({channels, points});
    std::vector<Outcome> outcomes(channels, Outcome::ok);
    {
      const nb::gil_scoped_release unlocked;
      executor(threads)(channels, [&](std::size_t h) noexcept {
        outcomes[h] = CauchyKernel(parameters(), h).evaluate(length, {k.data() + h * points, points});
      });
    }
    refuse(outcomes, length);
    return k;
  }

  /// c taken for the truncated one: the true one, and what the passage's condition is in each channel.
  std::pair<Result<Complex>, Result<double>> untruncated(std::size_t length, std::size_t threads) const {
    const std::size_t channels = modes_.channels;
    Result<Complex> c = make_array<Complex>({channels, modes_.modes});
    Result<double> condition = make_array<double>({channels});
    std::vector<Outcome> outcomes(channels, Outcome::ok);
    const DplrModes modes = discretize(parameters(), false);
    {
      const nb::gil_scoped_release unlocked;
      executor(threads)(channels, [&](std::size_t h) noexcept {
        outcomes[h] = untruncate(parameters(), modes, h, length, c.data() + h * modes.modes, condition.data()[h]);
      });
    }
    refuse(outcomes, length);
    return {c, condition};
  }

 private:
  static void refuse(const std::vector<Outcome>& outcomes, std::size_t length) {
    for (std::size_t h = 0; h < outcomes.size(); ++h) {
      require(outcomes[h] == Outcome::ok, [&] {
        return "ssm.S4: I - A_bar^" + std::to_string(length) + " must have an inverse, is singular in channel " +
               std::to_string(h);
      });
    }
  }

  Input<Complex> lambda_, p_, q_, b_, c_;
  Input<double> dt_;
  DplrModes modes_;
};

/// A packed layer, shared by its streams.
template <class T>
struct DplrLayer {
  using value_type = T;
  DplrShape shape;
  Buffer<T> coefficients;

  DplrLayer(const System& system, const Array& feedthrough) : shape(dplr_shape<T>(system.modes())) {
    const Input<double> d(where, "d", feedthrough);
    expect_shape(where, "d", d.shape(), {shape.channels});
    coefficients.resize(shape.coefficients());
    pack_dplr<T>(shape, system.modes(), d.span(), coefficients.data());
  }
  std::size_t channels() const noexcept { return shape.channels; }
  std::size_t state_size() const noexcept { return shape.state(); }
  Dplr<T> layer() const noexcept { return {shape, coefficients.data()}; }

  /// u (batch, lengths.whole, channels) to y, every tile of every sequence a piece of work.
  void scan(const T* u, std::size_t batch, const Lengths& lengths, T* states, T* y, std::size_t threads) const {
    const std::size_t channels = shape.channels, tiles = shape.tiles();
    executor(threads)(batch * tiles, [&](std::size_t i) noexcept {
      const std::size_t b = i / tiles, offset = b * lengths.whole * channels, length = lengths[b];
      kernels().dplr<T>().scan_tiles(layer(), i % tiles, i % tiles + 1,
                                     View<const T, 2>(u + offset, {length, channels}), states + b * shape.state(),
                                     View<T, 2>(y + offset, {length, channels}));
    });
  }
  void step(View<const T, 2> u, View<T, 2> states, View<T, 2> y) const noexcept {
    kernels().dplr<T>().step(layer(), u, states, y);
  }
};

template <class T>
void bind_one(nb::module_& m, const char* name, const char* stream_name) {
  bind_layer<DplrLayer<T>>(m, name, stream_name, where,
                           "A diagonal plus low rank layer at work on sequences that arrive bit by bit.")
      .def(nb::init<const System&, const Array&>(), "system"_a, "d"_a);
}

}  // namespace

void bind_dplr(nb::module_& m) {
  nb::class_<System>(m, "DplrSystem")
      .def(nb::init<const Array&, const Array&, const Array&, const Array&, const Array&, const Array&>(), "lambda_"_a,
           "p"_a, "q"_a, "b"_a, "c"_a, "dt"_a)
      .def_prop_ro("finite", &System::finite)
      .def("kernel32", &System::kernel<float>, "length"_a, "out"_a = nb::none(), "threads"_a = 1)
      .def("kernel64", &System::kernel<double>, "length"_a, "out"_a = nb::none(), "threads"_a = 1)
      .def("dense", &System::dense)
      .def("truncated_spectrum", &System::truncated_spectrum, "length"_a, "threads"_a = 1)
      .def("untruncated", &System::untruncated, "length"_a, "threads"_a = 1);
  bind_one<float>(m, "Dplr32", "DplrStream32");
  bind_one<double>(m, "Dplr64", "DplrStream64");
}

}  // namespace danaus::bindings
