// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <danaus/simplex/batch.hpp>
#include <danaus/simplex/storage.hpp>

namespace danaus {

/// The maps of simplex/ by number: what a table of kernels is asked for.
enum class Simplex : unsigned char {
  softmax,
  log_softmax,
  log_sum,
  sparsemax,
  entmax15,
  entmax,
  topk,
  nucleus,
  softmax_vjp,
  entmax_vjp,
  log_softmax_vjp,
  pointwise,
  sample,
  perturb,
  count,
};

/// Kernels in compute type T. A map that is null here is computed in double.
template <class T>
struct SimplexKernels {
  SimplexMap<T> map[static_cast<std::size_t>(Simplex::count)];
  void (*read)(const Strided&, std::size_t rows, std::size_t n, T* to, std::size_t pitch) noexcept;
  void (*write)(const T* from, std::size_t pitch, std::size_t rows, std::size_t n, const Strided&) noexcept;
};

}  // namespace danaus
