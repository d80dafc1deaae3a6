// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <danaus/core/error.hpp>
#include <danaus/model/file.hpp>
#include <danaus/model/json.hpp>
#include <danaus/model/tensor.hpp>
#include <danaus/model/text.hpp>

namespace danaus {

using Metadata = std::map<std::string, std::string, std::less<>>;

/// A safetensors file: eight bytes with the length of the header, the header (JSON: what each
/// tensor is and where), the data. Everything is checked on opening, as strictly as the reference
/// implementation does it: the tensors cover the data without gap or overlap. What then remains is
/// in memory once, and nothing of it is copied until asked for.
class Container {
 public:
  static constexpr std::size_t header_limit = 100'000'000;  ///< as in the reference implementation
  static constexpr std::size_t rank_limit = 32;

  /// Maps the file at `path` (see FileBytes::map). FileError: it cannot be read. Error: it is wrong.
  static Container open(const std::string& path) { return Container(FileBytes::map(path)); }

  static Container from_bytes(std::vector<std::byte> bytes) { return Container(FileBytes(std::move(bytes))); }

  explicit Container(FileBytes file) : file_(std::move(file)) {
    const std::span<const std::byte> all = file_.bytes();
    const std::string_view text = header(all);
    const std::span<const std::byte> data = all.subspan(8 + text.size());
    const Json json = Json::parse(text, "header");
    for (const auto& [key, value] : json.items()) {
      if (key == "__metadata__") {
        for (const auto& [word, meaning] : value.items()) metadata_.emplace(word, meaning.text());
      } else {
        tensors_.push_back(tensor(key, value, data));
      }
    }
    expect_cover(data);
    std::sort(tensors_.begin(), tensors_.end(), [](const Tensor& a, const Tensor& b) { return a.name < b.name; });
  }

  const Metadata& metadata() const noexcept { return metadata_; }

  /// By name, ascending.
  std::span<const Tensor> tensors() const noexcept { return tensors_; }

  /// Null if there is none of that name.
  const Tensor* find(std::string_view name) const noexcept {
    const auto at = position(name);
    return at != tensors_.end() && at->name == name ? &*at : nullptr;
  }

  const Tensor& at(std::string_view name) const {
    const Tensor* const tensor = find(name);
    if (tensor == nullptr) raise(concat("container.at: must hold the tensor ", quoted(name), ", has ", near(name)));
    return *tensor;
  }

  /// A copy of a tensor of F16, BF16, F32 or F64, which must have the `expected` shape.
  std::vector<float> floats(std::string_view name, const Shape& expected) const {
    return elements_as<float>(expect_shape(at(name), expected));
  }
  std::vector<double> doubles(std::string_view name, const Shape& expected) const {
    return elements_as<double>(expect_shape(at(name), expected));
  }

 private:
  static std::string_view header(std::span<const std::byte> all) {
    require(all.size() >= 8, [&] { return concat("container.open: must hold at least 8 bytes, holds ", all.size()); });
    std::uint64_t size = 0;
    std::memcpy(&size, all.data(), sizeof size);
    require(size <= header_limit, [&] {
      return concat("container.open: the header must have at most ", header_limit, " bytes, has ", size,
                    " (is this a safetensors file?)");
    });
    require(size <= all.size() - 8, [&] {
      return concat("container.open: the header must end within the ", all.size(), " bytes, has ", size, " bytes");
    });
    const std::string_view text(reinterpret_cast<const char*>(all.data()) + 8, static_cast<std::size_t>(size));
    require(text.substr(0, 1) == "{", [&] {
      return concat("container.open: the header must begin with {, begins with ", quoted(text.substr(0, 1)));
    });
    return text;
  }

  template <class... Piece>
  [[noreturn]] static void refuse(std::string_view name, const Piece&... what) {
    raise(concat("container.open: tensor ", quoted(name), " must ", what...));
  }

  static Tensor tensor(std::string_view name, const Json& entry, std::span<const std::byte> data) {
    const Json type = entry.at("dtype"), extents = entry.at("shape"), offsets = entry.at("data_offsets");
    const std::optional<DType> dtype = dtype_named(type.text());
    if (!dtype) refuse(name, "have a dtype of the format, has ", quoted(type.text()));
    const std::size_t rank = extents.kind() == JsonKind::array ? extents.count() : 0;
    if (rank > rank_limit) refuse(name, "have at most 32 dimensions, has ", rank);
    Shape shape;
    shape.reserve(rank);
    for (const Json extent : extents.elements()) shape.push_back(extent.size());

    if (offsets.count() != 2) offsets.fail("elements", "an array of two offsets");
    const std::size_t begin = offsets.at(0).size(), end = offsets.at(1).size();
    const auto range = [&] { return concat(", has bytes ", begin, " to ", end); };
    if (begin > end) refuse(name, "begin before it ends", range());
    if (end > data.size()) refuse(name, "end within the ", data.size(), " bytes of data", range());
    const std::optional<std::size_t> size = detail::tensor_bytes(*dtype, shape);
    if (!size) refuse(name, "be a whole number of bytes that fits in memory, has shape ", shape_text(shape));
    if (*size != end - begin) {
      refuse(name, "take the ", *size, " bytes of ", type.text(), shape_text(shape), range());
    }
    return {std::string(name), *dtype, std::move(shape), data.subspan(begin, end - begin)};
  }

  /// The tensors cover the data: each begins where the one before it ends.
  void expect_cover(std::span<const std::byte> data) {
    std::sort(tensors_.begin(), tensors_.end(), [](const Tensor& a, const Tensor& b) {
      return std::pair(a.bytes.data(), a.bytes.size()) < std::pair(b.bytes.data(), b.bytes.size());
    });
    std::size_t covered = 0;
    for (const Tensor& tensor : tensors_) {
      const auto begin = static_cast<std::size_t>(tensor.bytes.data() - data.data());
      if (begin != covered) {
        refuse(tensor.name, "begin at byte ", covered, " of the data, where the one before ends, begins at ", begin);
      }
      covered += tensor.bytes.size();
    }
    require(covered == data.size(), [&] {
      return concat("container.open: the tensors must cover the ", data.size(), " bytes of data, cover ", covered);
    });
  }

  std::vector<Tensor>::const_iterator position(std::string_view name) const noexcept {
    return std::lower_bound(tensors_.begin(), tensors_.end(), name,
                            [](const Tensor& tensor, std::string_view text) { return tensor.name < text; });
  }

  /// Up to eight names from about where `name` would stand.
  std::string near(std::string_view name) const {
    const auto place = static_cast<std::size_t>(position(name) - tensors_.begin());
    const std::size_t last = std::min(tensors_.size(), std::max<std::size_t>(place + 4, 8));
    const std::size_t first = last > 8 ? last - 8 : 0;
    std::string list = first > 0 ? "..., " : "";
    for (std::size_t i = first; i < last; ++i) list += concat(i > first ? ", " : "", quoted(tensors_[i].name));
    return tensors_.empty() ? "none" : concat(list, last < tensors_.size() ? ", ..." : "");
  }

  FileBytes file_;
  Metadata metadata_;
  std::vector<Tensor> tensors_;
};

}  // namespace danaus
