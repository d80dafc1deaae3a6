// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <exception>
#include <mutex>

#include "module.hpp"
#include "pool.hpp"

namespace danaus::bindings {

/// work(h) for every channel on up to `threads` threads, without the GIL; what one of them throws is thrown
/// again here.
template <class Work>
void each_channel(std::size_t channels, std::size_t threads, const Work& work) {
  const nb::gil_scoped_release unlocked;
  std::exception_ptr thrown;
  std::mutex one;
  executor(std::max<std::size_t>(std::min(threads, channels), 1))(channels, [&](std::size_t h) noexcept {
    try {
      work(h);
    } catch (...) {
      const std::lock_guard alone(one);
      thrown = std::current_exception();
    }
  });
  if (thrown) std::rethrow_exception(thrown);
}

/// An array (H, N) of T with N >= 1, and its rows.
template <class T>
class Rows : public Input<T> {
 public:
  Rows(const char* where, const char* what, const Array& array) : Input<T>(where, what, array) {
    if (this->ndim() != 2 || this->shape(1) == 0) wrong_shape(where, what, "(H, N)", this->shape());
  }
  std::span<const T> operator[](std::size_t h) const noexcept {
    return this->span().subspan(h * this->shape(1), this->shape(1));
  }
  std::size_t channels() const noexcept { return this->shape(0); }
  std::size_t order() const noexcept { return this->shape(1); }
};

/// Row h of a new array (H, ...).
template <class T>
std::span<T> row_of(Result<T>& array, std::size_t h) noexcept {
  const std::size_t size = array.size() / array.shape(0);
  return {array.data() + h * size, size};
}

}  // namespace danaus::bindings
