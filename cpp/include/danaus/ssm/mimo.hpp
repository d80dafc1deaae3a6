// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <numeric>
#include <span>
#include <vector>

#include <danaus/core/complex.hpp>
#include <danaus/core/workspace.hpp>
#include <danaus/linalg/product.hpp>
#include <danaus/ssm/discretize.hpp>

namespace danaus {

/// A diagonal system of many inputs and outputs in continuous time, one of each conjugate pair (S5, Smith, Warrington
/// and Linderman 2023): x' = lambda x + B u, y = 2 Re(C x) + d u.
struct MimoParameters {
  std::size_t inputs = 0, outputs = 0, modes = 0;
  std::span<const Complex> lambda;  ///< (modes)
  std::span<const Complex> b;       ///< (modes, inputs)
  std::span<const Complex> c;       ///< (outputs, modes)
  std::span<const double> d;        ///< (outputs) where it feeds input i to output i, or empty
  std::span<const double> dt;       ///< (modes)
};

/// The same in discrete time, slow modes first: s <- s + delta s + B u, y = Re(C s) + d u. Each state is in units of
/// its largest input gain, C takes the rest.
struct MimoModes {
  std::size_t inputs = 0, outputs = 0, modes = 0;
  std::vector<Complex> delta;  ///< (modes)
  std::vector<Complex> b;      ///< (modes, inputs)
  std::vector<Complex> c;      ///< (outputs, modes)
};

/// delta = exp(dt lambda) - 1, b_bar = delta / lambda b (zoh); the bilinear forms as in `Mode`.
[[nodiscard]] inline MimoModes discretize(const MimoParameters& in, Discretization method) {
  MimoModes out{in.inputs, in.outputs, in.modes, {}, {}, {}};
  out.delta.resize(in.modes), out.b.resize(in.modes * in.inputs), out.c.resize(in.outputs * in.modes);
  std::vector<Mode> modes(in.modes);
  std::vector<std::size_t> order(in.modes);
  for (std::size_t n = 0; n < in.modes; ++n) modes[n] = discretize(in.lambda[n], 0.5, in.dt[n], method, 0);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t i, std::size_t j) { return std::abs(modes[i].delta) < std::abs(modes[j].delta); });
  for (std::size_t n = 0; n < in.modes; ++n) {
    const std::size_t from = order[n];
    double most = 0;
    for (std::size_t h = 0; h < in.inputs; ++h) {
      out.b[n * in.inputs + h] = modes[from].gain * in.b[from * in.inputs + h];
      most = std::max(most, std::abs(out.b[n * in.inputs + h]));
    }
    if (most == 0) most = 1;
    for (std::size_t h = 0; h < in.inputs; ++h) out.b[n * in.inputs + h] /= most;
    for (std::size_t o = 0; o < in.outputs; ++o) out.c[o * in.modes + n] = 2 * most * in.c[o * in.modes + from];
    out.delta[n] = modes[from].delta;
  }
  return out;
}

/// Where the modes lie: `tile` in the lanes of a mode tile, whose row is their real parts, then their imaginary parts.
struct MimoShape {
  std::size_t inputs = 0, outputs = 0, modes = 0;
  std::size_t carried = 0;  ///< mode tiles, the first ones, that keep what rounding takes

  constexpr std::size_t tiles() const noexcept { return padded(modes) / tile; }
  /// Elements of a row of drives or states.
  constexpr std::size_t width() const noexcept { return 2 * tile * tiles(); }
  /// Elements of the state of one sequence.
  constexpr std::size_t state() const noexcept { return 2 * tile * (tiles() + carried); }
  /// Elements of the packed layer: delta, B and C as panels, d.
  constexpr std::size_t coefficients() const noexcept {
    return width() + panel_size(inputs, width()) + panel_size(width(), outputs) + padded(outputs);
  }
};

/// The shape of a layer in element type T: in float, tiles with a mode that changes by less than 1/32 a sample carry.
template <std::floating_point T>
MimoShape mimo_shape(const MimoModes& modes) {
  const auto slow = sizeof(T) == 4 ? std::count_if(modes.delta.begin(), modes.delta.end(),
                                                   [](Complex delta) { return std::abs(delta) < 1.0 / 32; })
                                   : 0;
  return {modes.inputs, modes.outputs, modes.modes, padded(static_cast<std::size_t>(slow)) / tile};
}

/// A layer ready to run. Owns nothing.
template <std::floating_point T>
struct Mimo {
  MimoShape shape;
  const T* coefficients = nullptr;
  bool feeds = false;  ///< whether there is a d

  DANAUS_INLINE const T* delta() const noexcept { return coefficients; }
  DANAUS_INLINE const T* b() const noexcept { return delta() + shape.width(); }
  DANAUS_INLINE const T* c() const noexcept { return b() + panel_size(shape.inputs, shape.width()); }
  DANAUS_INLINE const T* d() const noexcept { return c() + panel_size(shape.width(), shape.outputs); }
};

/// Packs modes and feedthrough d (outputs, or empty) for `Mimo`.
template <std::floating_point T>
void pack_mimo(MimoShape shape, const MimoModes& modes, std::span<const double> d, T* out) {
  const std::size_t width = shape.width();
  const auto at = [](std::size_t n) { return n / tile * 2 * tile + n % tile; };
  for (std::size_t i = 0; i < shape.coefficients(); ++i) out[i] = T(0);
  // A lane without a mode forgets at once: nothing can pile up in it.
  for (std::size_t n = 0; n < shape.tiles() * tile; ++n) out[at(n)] = T(-1);
  std::vector<double> b(shape.inputs * width), c(width * shape.outputs);
  for (std::size_t n = 0; n < shape.modes; ++n) {
    out[at(n)] = static_cast<T>(modes.delta[n].real());
    out[at(n) + tile] = static_cast<T>(modes.delta[n].imag());
    for (std::size_t h = 0; h < shape.inputs; ++h) {
      b[h * width + at(n)] = modes.b[n * shape.inputs + h].real();
      b[h * width + at(n) + tile] = modes.b[n * shape.inputs + h].imag();
    }
    for (std::size_t o = 0; o < shape.outputs; ++o) {
      c[at(n) * shape.outputs + o] = modes.c[o * shape.modes + n].real();
      c[(at(n) + tile) * shape.outputs + o] = -modes.c[o * shape.modes + n].imag();
    }
  }
  const Mimo<T> layer{shape, out};
  const auto part = [&](const T* where) { return out + (where - out); };
  pack_panels(View<const double, 2>(b.data(), {shape.inputs, width}), part(layer.b()));
  pack_panels(View<const double, 2>(c.data(), {width, shape.outputs}), part(layer.c()));
  for (std::size_t o = 0; o < d.size(); ++o) part(layer.d())[o] = static_cast<T>(d[o]);
}

/// Rows that go through a layer together.
inline constexpr std::size_t mimo_rows = 64;

/// Scratch of `read`, and of `scan` and `step`, for so many rows at most.
template <std::floating_point T>
std::size_t mimo_read_bytes(MimoShape shape, std::size_t rows) noexcept {
  return workspace_size<T>(std::min(rows, mimo_rows) * padded(shape.outputs));
}
template <std::floating_point T>
std::size_t mimo_workspace_bytes(MimoShape shape, std::size_t rows) noexcept {
  return workspace_size<T>(std::min(rows, mimo_rows) * shape.width()) + mimo_read_bytes<T>(shape, rows);
}

}  // namespace danaus
