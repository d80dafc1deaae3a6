// SPDX-License-Identifier: Apache-2.0
#include "gradient.hpp"

#include <nanobind/stl/pair.h>
#include <nanobind/stl/tuple.h>

#include <algorithm>
#include <array>
#include <complex>
#include <tuple>

#include <danaus/core/buffer.hpp>
#include <danaus/fft/convolve_vjp.hpp>
#include <danaus/ssm/discretize_vjp.hpp>
#include <danaus/ssm/kernel_vjp.hpp>

#include "module.hpp"
#include "pool.hpp"
#include "rings.hpp"
#include "shares.hpp"
#include "stream.hpp"
#include "table.hpp"

namespace danaus::bindings {
namespace {

/// delta and gain, complex (channels, modes), as modes.
std::vector<Mode> paired(const char* where, const Array& delta, const Array& gain) {
  const Input<Complex> d(where, "delta", delta), g(where, "gain", gain);
  if (d.ndim() != 2) wrong_shape(where, "delta", "(channels, modes)", d.shape());
  expect_shape(where, "gain", g.shape(), d.shape());
  std::vector<Mode> modes(d.size());
  for (std::size_t i = 0; i < modes.size(); ++i) modes[i] = {d.data()[i], g.data()[i]};
  return modes;
}

/// Of u and grad (batch, length, channels) and k (channels, taps), where wanted, du and dk.
template <class T>
void convolve_vjp_into(std::size_t batch, std::size_t length, std::size_t channels, std::size_t taps, const T* u,
                       const T* k, const T* grad, T* du, T* dk, std::size_t threads) {
  const nb::gil_scoped_release unlocked;
  const std::array<std::size_t, 3> signal{batch, length, channels};
  const std::array<std::size_t, 2> filter{channels, taps};
  if (batch * length == 0) {
    if (dk != nullptr) std::fill_n(dk, channels * taps, T(0));
    return;
  }
  const bool few = 2 * channels <= lanes<T> && length >= lanes<T> * lanes<T>;
  const std::shared_ptr<const RingPlan<T>> plan = ring<T>(length, segments_if(few));
  const std::size_t width = plan->channels();
  Shares shares((channels + width - 1) / width, threads, convolve_vjp_workspace_bytes(*plan));
  shares.run(threads, [&](std::size_t g, Workspace scratch) noexcept {
    kernels().gradient<T>().convolve_vjp(*plan, g * width, View<const T, 3>(u, signal), View<const T, 2>(k, filter),
                                         View<const T, 3>(grad, signal), View<T, 3>(du, signal), View<T, 2>(dk, filter),
                                         scratch);
  });
}

/// u and grad (..., length, channels), k (channels, taps): du and dk.
template <class T>
std::pair<Result<T>, Result<T>> convolve_vjp(const Array& u, const Array& k, const Array& grad,
                                             const nb::object& du_out, const nb::object& dk_out, std::size_t threads) {
  const char* const where = "ssm.gradient.causal_convolve_vjp";
  Input<T> in(where, "u", u), filter(where, "k", k), back(where, "grad", grad);
  if (filter.ndim() != 2) wrong_shape(where, "k", "(channels, taps)", filter.shape());
  const auto [batch, length] = sequences(where, in, filter.shape(0));
  expect_shape(where, "grad", back.shape(), in.shape());
  Result<T> du = output<T>(where, du_out, in.shape()), dk = output<T>(where, dk_out, filter.shape());
  in.shield_from(du, true);
  back.shield_from(du, true);
  filter.shield_from(du, false);
  in.shield_from(dk, false);
  back.shield_from(dk, false);
  filter.shield_from(dk, true);
  convolve_vjp_into<T>(batch, length, filter.shape(0), filter.shape(1), in.data(), filter.data(), back.data(),
                       du.data(), dk.data(), threads);
  return {du, dk};
}

/// du alone.
template <class T>
Result<T> convolve_back(const Array& k, const Array& grad, std::size_t threads) {
  const char* const where = "ssm.gradient.causal_convolve_vjp";
  const Input<T> filter(where, "k", k), back(where, "grad", grad);
  if (filter.ndim() != 2) wrong_shape(where, "k", "(channels, taps)", filter.shape());
  const auto [batch, length] = sequences(where, back, filter.shape(0));
  Result<T> du = make_array<T>(back.shape());
  convolve_vjp_into<T>(batch, length, filter.shape(0), filter.shape(1), nullptr, filter.data(), back.data(), du.data(),
                       nullptr, threads);
  return du;
}

/// dk alone, of `taps` lags.
template <class T>
Result<T> correlate(const Array& u, const Array& grad, std::size_t taps, std::size_t threads) {
  const char* const where = "ssm.gradient.causal_convolve_vjp";
  const Input<T> in(where, "u", u), back(where, "grad", grad);
  const std::size_t channels = in.ndim() == 0 ? 0 : in.shape(in.ndim() - 1);
  const auto [batch, length] = sequences(where, in, channels);
  expect_shape(where, "grad", back.shape(), in.shape());
  Result<T> dk = make_array<T>({channels, taps});
  convolve_vjp_into<T>(batch, length, channels, taps, in.data(), nullptr, back.data(), nullptr, dk.data(), threads);
  return dk;
}

/// delta, gain (channels, modes), dk (channels, length): the gradients of delta and gain.
template <class T>
std::pair<Result<Complex>, Result<Complex>> modes_vjp(const Array& delta, const Array& gain, const Array& grad,
                                                      std::size_t threads) {
  const char* const where = "ssm.gradient.modes_vjp";
  const std::vector<Mode> modes = paired(where, delta, gain);
  const Input<T> dk(where, "dk", grad);
  const std::size_t channels = delta.shape(0), each = delta.shape(1);
  if (dk.ndim() != 2 || dk.shape(0) != channels) {
    wrong_shape(where, "dk", "(" + std::to_string(channels) + ", length)", dk.shape());
  }
  const std::size_t length = dk.shape(1);
  Result<Complex> ddelta = make_array<Complex>({channels, each}), dgain = make_array<Complex>({channels, each});
  std::vector<Mode> found(modes.size());
  {
    const nb::gil_scoped_release unlocked;
    Shares shares(channels, threads, kernel_vjp_workspace_bytes<T>(each, length));
    shares.run(threads, [&](std::size_t h, Workspace scratch) noexcept {
      kernels().gradient<T>().kernel_vjp(std::span<const Mode>(modes).subspan(h * each, each),
                                         dk.span().subspan(h * length, length),
                                         std::span<Mode>(found).subspan(h * each, each), scratch);
    });
  }
  for (std::size_t i = 0; i < found.size(); ++i) {
    ddelta.data()[i] = found[i].delta;
    dgain.data()[i] = found[i].gain;
  }
  return {ddelta, dgain};
}

/// a, c and the gradients of delta and gain (channels, modes), dt (channels): the gradients of a, c and dt.
std::tuple<Result<Complex>, Result<Complex>, Result<double>> discretize_modes_vjp(const Array& a, const Array& c,
                                                                                  const Array& dt, const Array& delta,
                                                                                  const Array& gain,
                                                                                  const std::string& method,
                                                                                  double length) {
  const char* const where = "ssm.gradient.discretize_vjp";
  const Input<Complex> poles(where, "a", a), weights(where, "c", c);
  const Input<double> steps(where, "dt", dt);
  const std::vector<Mode> grad = paired(where, delta, gain);
  if (poles.ndim() != 2) wrong_shape(where, "a", "(channels, modes)", poles.shape());
  expect_shape(where, "c", weights.shape(), poles.shape());
  expect_shape(where, "dt", steps.shape(), {poles.shape(0)});
  expect_shape(where, "delta", shape_of(delta), poles.shape());
  Result<Complex> da = make_array<Complex>(poles.shape()), dc = make_array<Complex>(poles.shape());
  Result<double> ddt = make_array<double>(steps.shape());
  std::fill_n(ddt.data(), ddt.size(), 0.0);
  const Discretization how = method == "bilinear" ? Discretization::bilinear
                             : method == "dss"    ? Discretization::dss
                                                  : Discretization::zoh;
  for (std::size_t i = 0; i < poles.size(); ++i) {
    const std::size_t h = i / poles.shape(1);
    const ModeGradient by = discretize_vjp(poles.data()[i], weights.data()[i], steps.data()[h], how, length, grad[i]);
    da.data()[i] = by.a;
    dc.data()[i] = by.c;
    ddt.data()[h] += by.dt;
  }
  return {da, dc, ddt};
}

/// delta, gain (channels, modes), d (channels), grad (..., length, channels): the gradient of the scan's input.
template <class T>
Result<T> scan_input_vjp(const Array& delta, const Array& gain, const Array& feedthrough, const Array& grad,
                         const nb::object& out, std::size_t threads) {
  const char* const where = "ssm.gradient.scan_vjp";
  const std::vector<Mode> modes = paired(where, delta, gain);
  const Input<double> d(where, "d", feedthrough);
  DiagonalShape shape{delta.shape(0), delta.shape(1)};
  shape.carried = slow_modes<T>(shape, modes);
  expect_shape(where, "d", d.shape(), {shape.channels});
  Input<T> in(where, "grad", grad);
  const auto [batch, length] = sequences(where, in, shape.channels);
  Result<T> du = output<T>(where, out, in.shape());
  if (in.size() == 0) return du;
  in.shield_from(du, true);
  const nb::gil_scoped_release unlocked;
  Buffer<T> coefficients(shape.coefficients());
  pack_diagonal<T>(shape, modes, d.span(), coefficients.data());
  const std::size_t tiles = shape.tiles(), channels = shape.channels, rows = length;
  Buffer<T> states(batch * shape.state(), T(0));
  executor(threads)(batch * tiles, [&](std::size_t i) noexcept {
    const std::size_t offset = i / tiles * rows * channels;
    kernels().gradient<T>().scan_tiles_vjp(
        {shape, coefficients.data()}, i % tiles, i % tiles + 1, View<const T, 2>(in.data() + offset, {rows, channels}),
        states.data() + i / tiles * shape.state(), View<T, 2>(du.data() + offset, {rows, channels}));
  });
  return du;
}

template <class T>
void bind_typed(nb::module_& m, const std::string& bits) {
  const auto name = [&bits](const char* what) { return what + bits; };
  m.def(name("convolve_vjp").c_str(), &convolve_vjp<T>, "u"_a, "k"_a, "grad"_a, "du"_a = nb::none(),
        "dk"_a = nb::none(), "threads"_a = 1);
  m.def(name("convolve_back").c_str(), &convolve_back<T>, "k"_a, "grad"_a, "threads"_a = 1);
  m.def(name("correlate").c_str(), &correlate<T>, "u"_a, "grad"_a, "taps"_a, "threads"_a = 1);
  m.def(name("modes_vjp").c_str(), &modes_vjp<T>, "delta"_a, "gain"_a, "dk"_a, "threads"_a = 1);
  m.def(name("scan_vjp").c_str(), &scan_input_vjp<T>, "delta"_a, "gain"_a, "d"_a, "grad"_a, "out"_a = nb::none(),
        "threads"_a = 1);
}

}  // namespace

void bind_gradient(nb::module_& m) {
  bind_typed<float>(m, "32");
  bind_typed<double>(m, "64");
  m.def("discretize_vjp", &discretize_modes_vjp, "a"_a, "c"_a, "dt"_a, "delta"_a, "gain"_a, "method"_a,
        "length"_a = 0.0);
}

}  // namespace danaus::bindings
