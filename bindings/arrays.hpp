// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include <danaus/core/view.hpp>

#include "scratch.hpp"

// The one place where arrays from Python are looked at: type, shape, layout. What passes is a View.
namespace danaus::bindings {

namespace nb = nanobind;

/// Any array on the CPU, read only.
using Array = nb::ndarray<nb::ro, nb::device::cpu>;
/// An array to write to.
template <class T>
using Writable = nb::ndarray<T, nb::device::cpu>;
/// A new NumPy array.
template <class T>
using Result = nb::ndarray<nb::numpy, T>;

/// The NumPy name of an element type.
std::string dtype_name(nb::dlpack::dtype type);
template <class T>
std::string dtype_name() {
  return dtype_name(nb::dtype<T>());
}

/// `(2, 3)`
std::string shape_text(const std::vector<std::size_t>& shape);

/// The shape of an array.
template <class A>
std::vector<std::size_t> shape_of(const A& array) {
  std::vector<std::size_t> shape(array.ndim());
  for (std::size_t i = 0; i < shape.size(); ++i) shape[i] = array.shape(i);
  return shape;
}

/// ValueError: `where: what must have shape (2, 3), has (4,)`.
[[noreturn]] void wrong_shape(const char* where, const char* what, const std::string& wanted,
                              const std::vector<std::size_t>& got);
void expect_shape(const char* where, const char* what, const std::vector<std::size_t>& got,
                  const std::vector<std::size_t>& wanted);

/// Copies a strided array of any rank to consecutive elements.
void copy_strided(const Array& from, std::size_t element, std::byte* to);

/// Whether the elements of the array stand one after the other, as those of an empty one do.
template <class A>
bool is_contiguous(const A& array) {
  if (array.size() == 0) return true;
  std::int64_t step = 1;
  for (std::size_t i = array.ndim(); i-- > 0;) {
    if (array.shape(i) != 1 && array.stride(i) != step) return false;
    step *= static_cast<std::int64_t>(array.shape(i));
  }
  return true;
}

/// The elements of an array of type T, one after the other: its own, or a copy where it has strides.
/// TypeError for another element type: danaus never casts silently.
template <class T>
class Input {
 public:
  Input(const char* where, const char* what, const Array& array) : array_(array), shape_(shape_of(array)) {
    if (array.dtype() != nb::dtype<T>()) {
      const std::string wanted = dtype_name<T>();
      throw nb::type_error((std::string(where) + ": " + what + " must be " + wanted + ", is " +
                            dtype_name(array.dtype()) + "; convert it with .astype(\"" + wanted + "\")")
                               .c_str());
    }
    if (array.size() > 0 && !is_contiguous(array)) {
      copy_.resize(array.size());
      copy_strided(array, sizeof(T), reinterpret_cast<std::byte*>(copy_.data()));
    }
  }

  /// Copies the elements where writing to `out` could change them before they are read. `in_place`:
  /// element i of `out` may take the place of element i.
  template <class R>
  void shield_from(const R& out, bool in_place) {
    if (!copy_.empty() || array_.size() == 0 || out.size() == 0) return;
    const auto first = reinterpret_cast<std::uintptr_t>(array_.data()), last = first + array_.size() * sizeof(T);
    const auto target = reinterpret_cast<std::uintptr_t>(out.data()), end = target + out.size() * sizeof(*out.data());
    if (last <= target || end <= first || (in_place && first == target && last == end)) return;
    copy_.assign(data(), data() + size());
  }

  const T* data() const noexcept { return copy_.empty() ? static_cast<const T*>(array_.data()) : copy_.data(); }
  std::size_t size() const noexcept { return array_.size(); }
  std::size_t ndim() const noexcept { return shape_.size(); }
  std::size_t shape(std::size_t i) const noexcept { return shape_[i]; }
  const std::vector<std::size_t>& shape() const noexcept { return shape_; }
  std::span<const T> span() const noexcept { return {data(), size()}; }

 private:
  Array array_;
  std::vector<std::size_t> shape_;
  std::vector<T> copy_;
};

/// A new array of the shape, uninitialised, in memory that an earlier one of about its size may have left; strides in
/// elements, by default those of C.
template <class T>
Result<T> make_array(const std::vector<std::size_t>& shape, const std::int64_t* strides = nullptr) {
  std::size_t count = 1;
  for (const std::size_t extent : shape) count *= extent;
  auto memory = std::make_unique<Scratch>(count * sizeof(T));
  T* const data = memory->workspace().template take<T>(0);
  nb::capsule owner(memory.get(), [](void* p) noexcept { delete static_cast<Scratch*>(p); });
  memory.release();
  return Result<T>(data, shape.size(), shape.data(), owner, strides);
}

/// `out` where it is given, fits and can be written to; else a new array.
template <class T>
Result<T> output(const char* where, const nb::object& out, const std::vector<std::size_t>& shape) {
  if (out.is_none()) return make_array<T>(shape);
  Writable<T> given;
  if (!nb::try_cast<Writable<T>>(out, given, false) || !is_contiguous(given)) {
    throw nb::type_error(
        (std::string(where) + ": out must be a writable, C-contiguous " + dtype_name<T>() + " array").c_str());
  }
  expect_shape(where, "out", shape_of(given), shape);
  return Result<T>(given);
}

}  // namespace danaus::bindings
