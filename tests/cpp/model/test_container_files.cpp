// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <check.hpp>
#include <danaus/model/container.hpp>
#include <danaus/model/container_write.hpp>
#include <model/container_files.hpp>

using container_files::Bytes;
using container_files::sample;
using danaus::Container;
using danaus::Error;
using danaus::FileError;
using danaus::Tensor;

namespace {

/// A folder for one test, removed with what the test names in it.
class Folder {
 public:
  Folder() {
    std::string path = "/tmp/danaus-XXXXXX";
    path_ = ::mkdtemp(path.data());
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    for (const std::string& file : files_) std::remove(file.c_str());
    ::rmdir(path_.c_str());
  }
  const std::string& path() const { return path_; }
  std::string file(const std::string& name, std::span<const std::byte> bytes) {
    std::string path = this->file(name);
    std::FILE* const out = std::fopen(path.c_str(), "wb");
    if (!bytes.empty()) std::fwrite(bytes.data(), 1, bytes.size(), out);
    std::fclose(out);
    return path;
  }
  std::string file(const std::string& name) {
    files_.push_back(path_ + "/" + name);
    return files_.back();
  }

 private:
  std::string path_;
  std::vector<std::string> files_;
};

bool same_bytes(std::span<const std::byte> a, std::span<const std::byte> b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

}  // namespace

TEST(container_written_twice_is_the_same_and_aligned) {
  const Bytes bytes = sample();
  const Container container = Container::from_bytes(bytes);
  CHECK(danaus::safetensors_bytes(container.tensors(), container.metadata()) == bytes);
  for (const Tensor& tensor : container.tensors()) {
    const auto offset = tensor.bytes.data() - container.tensors()[0].bytes.data();
    CHECK(tensor.bytes.empty() || offset % static_cast<std::ptrdiff_t>(danaus::dtype_bits(tensor.dtype) / 8) == 0);
  }
  std::uint64_t header = 0;
  std::memcpy(&header, bytes.data(), 8);
  CHECK(header % 8 == 0);
}

TEST(container_opens_files_mapped_or_read) {
  Folder folder;
  const std::string path = folder.file("model.safetensors", sample());
  CHECK(Container::open(path).floats("scale", {})[0] == 7);
  const auto mapped = danaus::FileBytes::map(path), read = danaus::FileBytes::read(path);
  CHECK(same_bytes(mapped.bytes(), sample()) && same_bytes(read.bytes(), sample()));
  for (const std::size_t size : {std::size_t{65535}, std::size_t{65536}, std::size_t{65537}, std::size_t{1000000}}) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 2654435761u >> 24);
    const std::string large = folder.file("large", bytes);
    CHECK(same_bytes(danaus::FileBytes::map(large).bytes(), bytes));
    CHECK(same_bytes(danaus::FileBytes::read(large).bytes(), bytes));
  }
}

TEST(container_that_cannot_be_read_is_a_file_error) {
  Folder folder;
  CHECK_RAISES(Container::open(folder.path() + "/none"), FileError, "must be a file that can be read: No such file");
  CHECK_RAISES(Container::open(folder.path()), FileError, "must be a file that can be read: Is a directory");
  CHECK_RAISES(danaus::FileBytes::read(folder.path()), FileError, "Is a directory");
  CHECK_RAISES(Container::open(""), FileError, "file.open: \"\" must be");
  CHECK_RAISES(Container::open(std::string("/dev/null\0x", 11)), FileError, "Invalid argument");
  CHECK_RAISES(Container::open("/dev/null"), FileError, "must be a regular file");
  const std::string pipe = folder.file("pipe");
  CHECK(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK_RAISES(Container::open(pipe), FileError, "must be a regular file");
  const std::string locked = folder.file("locked", sample());
  ::chmod(locked.c_str(), 0);
  if (::geteuid() != 0) CHECK_RAISES(Container::open(locked), FileError, "Permission denied");
  CHECK_RAISES(Container::open(folder.file("empty", {})), Error, "must hold at least 8 bytes, holds 0");
}

TEST(container_saved_over_itself_stays_readable) {
  Folder folder;
  const std::string path = folder.file("model.safetensors", sample());
  const Container before = Container::open(path);
  danaus::write_safetensors(path, before.tensors().subspan(0, 1));
  CHECK(before.floats("scale", {})[0] == 7 && before.tensors().size() == 4);
  CHECK(Container::open(path).tensors().size() == 1);
  CHECK_RAISES(danaus::write_safetensors(folder.path() + "/no/such", {}), FileError, "file.write: ");
  CHECK_RAISES(danaus::write_safetensors(folder.path(), {}), FileError, "must be a file that can be written");
}

TEST(container_write_refuses_what_could_not_be_read) {
  const std::vector<float> values(6);
  const auto write = [&](std::string name, danaus::Shape shape, danaus::Metadata metadata = {}) {
    const Tensor tensor = danaus::tensor_over<float>(std::move(name), values, std::move(shape));
    return danaus::safetensors_bytes(std::span(&tensor, 1), metadata);
  };
  CHECK(!write("w", {2, 3}).empty());
  CHECK_RAISES(write("w", {7}), Error, "container.write: tensor \"w\" must have the bytes of F32[7], has 24");
  CHECK_RAISES(write("w", {std::numeric_limits<std::size_t>::max(), 6}), Error, "must have the bytes of");
  CHECK_RAISES(write("w", danaus::Shape(33, 1)), Error, "must have the bytes of");
  CHECK_RAISES(write("__metadata__", {6}), Error, "has \"__metadata__\" twice");
  CHECK_RAISES(write("\xFF", {6}), Error, "names and metadata must be UTF-8");
  CHECK_RAISES(write("w", {6}, {{"a", "\xFF"}}), Error, "names and metadata must be UTF-8");
  const std::vector<Tensor> twice(2, danaus::tensor_over<float>("w", values, {6}));
  CHECK_RAISES(danaus::safetensors_bytes(twice), Error, "a name of its own");
}
