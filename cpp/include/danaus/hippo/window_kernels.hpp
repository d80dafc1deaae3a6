// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/hippo/window_basis.hpp>
#include <danaus/hippo/window_step.hpp>

namespace danaus {
inline namespace DANAUS_ISA {
namespace window {

DANAUS_KERNEL void dense_product(const double* a, std::size_t a_row, std::size_t a_column, std::size_t rows,
                                 std::size_t depth, const double* b, std::size_t b_row, double* out,
                                 std::size_t out_row, std::size_t width) noexcept {
  legendre::add_product({a, a_row, a_column}, rows, depth, b, b_row, out, out_row, width);
}

/// Takes in samples (L, channels); `ends` are the L end times of their cells, or nullptr: one unit of time each.
template <class T>
inline void absorb(const WindowTables& t, const StructuredTables<T>& unit, WindowState<T>& state,
                   View<const T, 2> samples, const double* ends, Workspace space) noexcept {
  t.chunked() ? absorb_chunks(t, state, samples, space) : absorb_steps(t, unit, state, samples, ends, space);
}

/// own (N, channels) <- the coefficients now. The state keeps its bits.
template <class T>
inline void present(const WindowTables& t, const WindowState<T>& state, double* own, Workspace space) noexcept {
  if (t.chunked()) return collapse(t, state, state.count % t.chunk, own, space);
  for (std::size_t n = 0; n < t.order; ++n) {
    for (std::size_t c = 0; c < state.channels; ++c) {
      own[n * state.channels + c] = static_cast<double>(state.tiles[(c / tile * t.order + n) * tile + c % tile]);
    }
  }
}

/// out (channels, N) <- the coefficients now.
template <class T>
inline void coefficients(const WindowTables& t, const WindowState<T>& state, View<T, 2> out, Workspace space) noexcept {
  double* const own = space.take<double>(t.order * state.channels);
  present(t, state, own, space);
  for (std::size_t c = 0; c < state.channels; ++c)
    for (std::size_t n = 0; n < t.order; ++n) out(c, n) = static_cast<T>(own[n * state.channels + c]);
}

/// out (times, channels) <- the remembered signal at `times`, which are times of samples: sum_n x_n basis_n(age).
template <class T>
inline void reconstruct(const WindowTables& t, const WindowState<T>& state, std::span<const double> times,
                        View<T, 2> out, Workspace space) noexcept {
  double* const own = space.take<double>(t.order * state.channels);
  double* const basis = space.take<double>(t.order * ages);
  double* const sum = space.take<double>(ages);
  double age[ages];
  present(t, state, own, space);
  for (std::size_t first = 0; first < times.size(); first += ages) {
    const std::size_t left = times.size() - first, count = left < ages ? left : ages;
    for (std::size_t i = 0; i < ages; ++i) age[i] = (state.time - times.data()[first + (i < count ? i : 0)]) * t.rate;
    fill_basis(t.measure, t.options, t.order, age, basis);
    for (std::size_t c = 0; c < state.channels; ++c) {
      for (std::size_t i = 0; i < ages; ++i) sum[i] = 0;
      for (std::size_t n = 0; n < t.order; ++n) {
        for (std::size_t i = 0; i < ages; ++i) sum[i] += own[n * state.channels + c] * basis[n * ages + i];
      }
      for (std::size_t i = 0; i < count; ++i) out(first + i, c) = static_cast<T>(sum[i]);
    }
  }
}

/// What every verb needs, for any number of samples.
template <class T>
inline std::size_t workspace_bytes(const WindowTables& t, std::size_t channels) noexcept {
  const std::size_t read = workspace_size<double>(t.order * channels) + workspace_size<double>(t.order * ages) +
                           workspace_size<double>(ages);
  if (!t.chunked()) {
    return read + workspace_size<T>(structured_scratch<T>(t.order)) + workspace_size<T>(structured_rows(t.order));
  }
  const std::size_t one = Strip::bytes(t, 1), many = Strip::bytes(t, legs::pass_width(legs::pass(channels)));
  return read + (one > many ? one : many);
}

template <class T>
inline void scan(const WindowTables& t, const StructuredTables<T>& tables, View<const T, 2> u, std::size_t every,
                 T* state, View<T, 3> out, Workspace space) noexcept {
  t.chunked() ? scan_chunks(t, u, every, state, out, space) : scan_steps(t, tables, u, every, state, out, space);
}

template <class T>
inline void scan_vjp(const WindowTables& t, const StructuredTables<T>& tables, std::size_t every, View<const T, 3> grad,
                     T* state, View<T, 2> du, Workspace space) noexcept {
  t.chunked() ? scan_chunks_vjp(t, every, grad, state, du, space)
              : scan_steps_vjp(t, tables, every, grad, state, du, space);
}

}  // namespace window

/// The run functions of the memories of windows and decays for the instruction set this file is compiled for.
template <class T>
constexpr WindowKernels<T> window_kernels() noexcept {
  return {&window::dense_product,  &window::workspace_bytes<T>, &window::absorb<T>, &window::coefficients<T>,
          &window::reconstruct<T>, &structured_tables<T>,       &window::scan<T>,   &window::scan_vjp<T>};
}

}  // namespace DANAUS_ISA
}  // namespace danaus
