// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <danaus/ssm/transfer.hpp>

#include "arrays.hpp"

namespace danaus::bindings {

/// b (H, N) and a (num_a, N), num_a a divisor of H.
struct Coefficients {
  static constexpr const char* where = "ssm.TransferFunction";
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

}  // namespace danaus::bindings
