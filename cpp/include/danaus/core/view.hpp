// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <type_traits>

#include <danaus/config.hpp>

namespace danaus {

/// Elements somebody else owns, row-major by default: the part of std::mdspan we use, under its
/// names. Strides count elements and may be larger than the extents ask for.
template <class T, std::size_t Rank>
class View {
 public:
  using Extents = std::array<std::size_t, Rank>;

  constexpr View() noexcept = default;
  DANAUS_INLINE constexpr View(T* data, Extents extents) noexcept : data_(data), extents_(extents) {
    std::size_t step = 1;
    for (std::size_t r = Rank; r-- > 0; step *= extents_[r]) strides_[r] = step;
  }
  DANAUS_INLINE constexpr View(T* data, Extents extents, Extents strides) noexcept
      : data_(data), extents_(extents), strides_(strides) {}
  template <class U>
    requires(std::is_same_v<const U, T> && !std::is_same_v<U, T>)
  DANAUS_INLINE constexpr View(View<U, Rank> other) noexcept
      : View(other.data_handle(), other.extents(), other.strides()) {}

  DANAUS_INLINE constexpr T* data_handle() const noexcept { return data_; }
  DANAUS_INLINE constexpr std::size_t extent(std::size_t r) const noexcept { return extents_[r]; }
  DANAUS_INLINE constexpr std::size_t stride(std::size_t r) const noexcept { return strides_[r]; }
  DANAUS_INLINE constexpr Extents extents() const noexcept { return extents_; }
  DANAUS_INLINE constexpr Extents strides() const noexcept { return strides_; }

  template <class... I>
    requires(sizeof...(I) == Rank)
  DANAUS_INLINE constexpr T& operator()(I... index) const noexcept {
    const Extents at{static_cast<std::size_t>(index)...};
    std::size_t offset = 0;
    for (std::size_t r = 0; r < Rank; ++r) {
      DANAUS_EXPECTS(at[r] < extents_[r]);
      offset += at[r] * strides_[r];
    }
    return data_[offset];
  }

  /// Where the row `r` of the first axis begins.
  DANAUS_INLINE constexpr T* row(std::size_t r) const noexcept { return data_ + r * strides_[0]; }

  /// `count` rows of the first axis, from row `first`.
  DANAUS_INLINE constexpr View rows(std::size_t first, std::size_t count) const noexcept {
    DANAUS_EXPECTS(first + count <= extents_[0]);
    View part = *this;
    part.data_ += first * strides_[0];
    part.extents_[0] = count;
    return part;
  }

 private:
  T* data_ = nullptr;
  Extents extents_{};
  Extents strides_{};
};

template <class T>
using MatrixView = View<T, 2>;

}  // namespace danaus
