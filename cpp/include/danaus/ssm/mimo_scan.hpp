// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/core/view.hpp>
#include <danaus/core/workspace.hpp>
#include <danaus/ssm/diagonal.hpp>
#include <danaus/ssm/mimo.hpp>

namespace danaus {
inline namespace DANAUS_ISA {

/// drive = B u: u (rows, inputs), drive (rows, width). 2 rows inputs width flop, one matrix product.
template <std::floating_point T>
DANAUS_KERNEL void drive(const Mimo<T>& layer, View<const T, 2> u, View<T, 2> drives) noexcept {
  product(u, layer.b(), static_cast<const T*>(nullptr), drives);
}

/// One mode tile over the rows of `drives`, which become its states.
template <bool Carries, class T>
DANAUS_INLINE void advance_tile(const T* delta, View<T, 2> drives, T* state) noexcept {
  using V = simd::native<T>;
  for (std::size_t lane = 0; lane < tile; lane += V::size()) {
    const V dr = simd::load<V>(delta + lane), di = simd::load<V>(delta + tile + lane), hush(silence<T>);
    Carried<V, Carries> re, im;
    re.load(state + lane);
    im.load(state + tile + lane);
    for (std::size_t t = 0; t < drives.extent(0); ++t) {
      T* const row = drives.row(t) + lane;
      const V xr = re.x, xi = im.x;
      re.add(fma(dr, xr, fnma(di, xi, simd::load<V>(row) + hush)));
      im.add(fma(dr, xi, fma(di, xr, simd::load<V>(row + tile))));
      simd::store(re.x, row);
      simd::store(im.x, row + tile);
    }
    re.store(state + lane);
    im.store(state + tile + lane);
  }
}

/// Mode tiles [first, last) over the rows of `drives` (rows, width), in place: s <- s + delta s + drive. `state` as
/// MimoShape::state() says.
template <std::floating_point T>
DANAUS_KERNEL void advance(const Mimo<T>& layer, std::size_t first, std::size_t last, View<T, 2> drives,
                           T* state) noexcept {
  for (std::size_t i = first; i < last; ++i) {
    const std::size_t at = 2 * tile * i, before = 2 * tile * std::min(i, layer.shape.carried);
    const View<T, 2> part(drives.data_handle() + at, {drives.extent(0), 2 * tile}, {drives.stride(0), 1});
    if (i < layer.shape.carried) {
      advance_tile<true>(layer.delta() + at, part, state + at + before);
    } else {
      advance_tile<false>(layer.delta() + at, part, state + at + before);
    }
  }
}

/// y = Re(C s) + d u: states (rows, width), u (rows, inputs), y (rows, outputs), which may be u where inputs = outputs.
template <std::floating_point T>
DANAUS_KERNEL void read(const Mimo<T>& layer, View<const T, 2> states, View<const T, 2> u, View<T, 2> y,
                        Workspace scratch) noexcept {
  const std::size_t outputs = layer.shape.outputs, stride = padded(outputs);
  T* const staged = scratch.take<T>(std::min(mimo_rows, y.extent(0)) * stride);
  for (std::size_t t = 0; t < y.extent(0); t += mimo_rows) {
    const std::size_t rows = std::min(mimo_rows, y.extent(0) - t);
    product(states.rows(t, rows), layer.c(), static_cast<const T*>(nullptr),
            View<T, 2>(staged, {rows, outputs}, {stride, 1}));
    for (std::size_t r = 0; r < rows; ++r) {
      const T *const from = staged + r * stride, *const in = u.row(t + r), *const d = layer.d();
      T* const to = y.row(t + r);
      if (layer.feeds) {
        simd::each<T>(outputs, [&]<class V>(std::size_t o) {
          simd::store(fma(simd::load<V>(d + o), simd::load<V>(in + o), simd::load<V>(from + o)), to + o);
        });
      } else {
        simd::each<T>(outputs, [&]<class V>(std::size_t o) { simd::store(simd::load<V>(from + o), to + o); });
      }
    }
  }
}

/// The layer over a chunk of one sequence: u (rows, inputs), y (rows, outputs), any row stride; y may be u where there
/// are as many of both. The bits do not depend on how a sequence is cut. 2 rows width (inputs + outputs) flop.
template <std::floating_point T>
DANAUS_KERNEL void scan(const Mimo<T>& layer, View<const T, 2> u, T* state, View<T, 2> y, Workspace scratch) noexcept {
  T* const drives = scratch.take<T>(std::min(mimo_rows, u.extent(0)) * layer.shape.width());
  for (std::size_t t = 0; t < u.extent(0); t += mimo_rows) {
    const std::size_t rows = std::min(mimo_rows, u.extent(0) - t);
    const View<T, 2> part(drives, {rows, layer.shape.width()});
    drive(layer, u.rows(t, rows), part);
    advance(layer, 0, layer.shape.tiles(), part, state);
    read(layer, View<const T, 2>(part), u.rows(t, rows), y.rows(t, rows), scratch);
  }
}

/// One sample of each of u.extent(0) sequences: u (batch, inputs), states (batch, state()), y (batch, outputs). The
/// matrices are read once for 64 of them.
template <std::floating_point T>
DANAUS_KERNEL void step(const Mimo<T>& layer, View<const T, 2> u, View<T, 2> states, View<T, 2> y,
                        Workspace scratch) noexcept {
  T* const drives = scratch.take<T>(std::min(mimo_rows, u.extent(0)) * layer.shape.width());
  for (std::size_t b = 0; b < u.extent(0); b += mimo_rows) {
    const std::size_t rows = std::min(mimo_rows, u.extent(0) - b);
    const View<T, 2> part(drives, {rows, layer.shape.width()});
    drive(layer, u.rows(b, rows), part);
    for (std::size_t r = 0; r < rows; ++r) {
      advance(layer, 0, layer.shape.tiles(), part.rows(r, 1), states.row(b + r));
    }
    read(layer, View<const T, 2>(part), u.rows(b, rows), y.rows(b, rows), scratch);
  }
}

}  // namespace DANAUS_ISA
}  // namespace danaus
