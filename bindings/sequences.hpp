// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <utility>

#include "arrays.hpp"

// Batches of sequences (..., length, channels) of any layout.
namespace danaus::bindings {

/// Whether an array's elements stand one after the other if its last two axes change places.
template <class A>
bool is_exchanged(const A& array) {
  const std::size_t rank = array.ndim();
  std::int64_t step = 1;
  const auto dense = [&](std::size_t axis) {
    const bool fits = array.shape(axis) == 1 || array.stride(axis) == step;
    step *= static_cast<std::int64_t>(array.shape(axis));
    return fits;
  };
  bool fits = dense(rank - 2) && dense(rank - 1);
  for (std::size_t axis = rank - 2; axis-- > 0;) fits = fits && dense(axis);
  return fits;
}

/// Sequences as they stand in memory, time or channels next to each other; else a copy.
template <class T>
class Sequences {
 public:
  /// u (..., length, channels)
  Sequences(const char* where, const char* what, const Array& u, std::size_t channels)
      : array_(u), shape_(shape_of(u)) {
    const std::size_t rank = u.ndim();
    if (rank < 2 || u.shape(rank - 1) != channels) {
      wrong_shape(where, what, "(..., length, " + std::to_string(channels) + ")", shape_);
    }
    bool direct = u.dtype() == nb::dtype<T>();
    for (std::size_t axis = 0; axis < rank; ++axis) direct = direct && (u.shape(axis) < 2 || u.stride(axis) >= 0);
    direct = direct && (stride_of(rank - 1) == 1 || stride_of(rank - 2) == 1);
    if (!direct) copy_.emplace(where, what, u);  // also refuses other element types
  }

  /// Copies the elements where writing to `out` could change them before they are read.
  template <class R>
  void shield_from(const char* where, const char* what, const R& out) {
    if (copy_ || size() == 0) return;
    bool same = static_cast<const void*>(array_.data()) == static_cast<const void*>(out.data());
    std::size_t last = 0;
    for (std::size_t axis = 0; axis < shape_.size(); ++axis) {
      same = same && (shape_[axis] < 2 || array_.stride(axis) == out.stride(axis));
      last += (shape_[axis] - 1) * stride_of(axis);
    }
    const auto first = reinterpret_cast<std::uintptr_t>(array_.data()), end = first + (last + 1) * sizeof(T);
    const auto target = reinterpret_cast<std::uintptr_t>(out.data()), target_end = target + out.size() * sizeof(T);
    if (!same && target < end && first < target_end) {
      copy_.emplace(where, what, array_);
      copy_->shield_from(out, false);
    }
  }

  const std::vector<std::size_t>& shape() const noexcept { return shape_; }
  std::size_t size() const noexcept { return array_.size(); }
  std::size_t length() const noexcept { return shape_[shape_.size() - 2]; }
  std::size_t batch() const noexcept {
    std::size_t count = 1;
    for (std::size_t axis = 0; axis + 2 < shape_.size(); ++axis) count *= shape_[axis];
    return count;
  }
  /// Whether time is what stands next to each other.
  bool time_inside() const noexcept { return !copy_ && shape_.back() > 1 && stride_of(shape_.size() - 1) != 1; }

  /// Sequence b of the batch.
  View<const T, 2> operator()(std::size_t b) const noexcept {
    const std::size_t rank = shape_.size(), length = shape_[rank - 2], channels = shape_[rank - 1];
    if (copy_) return View<const T, 2>(copy_->data() + b * length * channels, {length, channels});
    std::size_t offset = 0;
    for (std::size_t axis = rank - 2; axis-- > 0; b /= shape_[axis]) offset += b % shape_[axis] * stride_of(axis);
    return View<const T, 2>(static_cast<const T*>(array_.data()) + offset, {length, channels},
                            {stride_of(rank - 2), stride_of(rank - 1)});
  }

 private:
  /// 1 where the array has one element along the axis.
  std::size_t stride_of(std::size_t axis) const noexcept {
    return shape_[axis] < 2 ? 1 : static_cast<std::size_t>(array_.stride(axis));
  }

  Array array_;
  std::vector<std::size_t> shape_;
  std::optional<Input<T>> copy_;
};

/// Results for sequences: `out` where it is given (C order, or with its last two axes exchanged), else a new array in
/// the layout of u.
template <class T>
Result<T> output_like(const char* where, const nb::object& out, const Sequences<T>& u) {
  const std::vector<std::size_t>& shape = u.shape();
  if (out.is_none()) {
    if (!u.time_inside()) return make_array<T>(shape);
    std::vector<std::int64_t> strides(shape.size());
    std::int64_t step = 1;
    const auto dense = [&](std::size_t axis) {
      strides[axis] = step;
      step *= static_cast<std::int64_t>(shape[axis]);
    };
    dense(shape.size() - 2);
    dense(shape.size() - 1);
    for (std::size_t axis = shape.size() - 2; axis-- > 0;) dense(axis);
    return make_array<T>(shape, strides.data());
  }
  Writable<T> given;
  if (!nb::try_cast<Writable<T>>(out, given, false) ||
      !(is_contiguous(given) || (given.ndim() >= 2 && is_exchanged(given)))) {
    throw nb::type_error((std::string(where) + ": out must be a writable " + dtype_name<T>() +
                          " array, C-contiguous or with its last two axes exchanged")
                             .c_str());
  }
  expect_shape(where, "out", shape_of(given), shape);
  return Result<T>(given);
}

/// Sequence b of a batch of results.
template <class T>
View<T, 2> sequence(const Result<T>& y, std::size_t b) noexcept {
  const std::size_t rank = y.ndim(), length = y.shape(rank - 2), channels = y.shape(rank - 1);
  return View<T, 2>(y.data() + b * length * channels, {length, channels},
                    {static_cast<std::size_t>(y.stride(rank - 2)), static_cast<std::size_t>(y.stride(rank - 1))});
}

}  // namespace danaus::bindings
