// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#if defined(__unix__) || defined(__APPLE__)
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#define DANAUS_HAS_POSIX_FILES 1
#else
#define DANAUS_HAS_POSIX_FILES 0
#endif

#include <danaus/core/error.hpp>
#include <danaus/model/text.hpp>

namespace danaus {

/// The bytes of a regular file, or bytes from elsewhere, with one owner. Moving it leaves the bytes
/// where they are.
class FileBytes {
 public:
  FileBytes() = default;
  explicit FileBytes(std::vector<std::byte> bytes) noexcept : owned_(std::move(bytes)) {}

  /// Shares the file's pages with the operating system where it can, else as `read`. The file may
  /// be replaced meanwhile but must not shrink: what is cut off a mapped file kills its reader.
  static FileBytes map(const std::string& path) {
#if DANAUS_HAS_POSIX_FILES
    const Stream file = open(path);
    struct stat about{};
    if (::fstat(::fileno(file.get()), &about) != 0) refuse(path, errno);
    const bool fits = static_cast<unsigned long long>(about.st_size) <= std::numeric_limits<std::size_t>::max();
    const std::size_t size = fits ? static_cast<std::size_t>(about.st_size) : 0;
    void* const pages = size > 0 ? ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, ::fileno(file.get()), 0) : MAP_FAILED;
    if (pages != MAP_FAILED) {
      FileBytes result;
      result.mapped_ = {static_cast<const std::byte*>(pages), Unmap{size}};
      return result;
    }
#endif
    return read(path);
  }

  /// A copy of the file as it is now.
  static FileBytes read(const std::string& path) {
    const Stream file = open(path);
    std::vector<std::byte> bytes;
    std::size_t size = 0;
    do {
      bytes.resize(size + size / 2 + 65536);
      size += std::fread(bytes.data() + size, 1, bytes.size() - size, file.get());
    } while (size == bytes.size());
    if (std::ferror(file.get()) != 0) refuse(path, errno);
    bytes.resize(size);
    return FileBytes(std::move(bytes));
  }

  std::span<const std::byte> bytes() const noexcept {
    if (mapped_ != nullptr) return {mapped_.get(), mapped_.get_deleter().size};
    return owned_;
  }

 private:
  struct Unmap {
    std::size_t size;
    void operator()([[maybe_unused]] const std::byte* pages) const noexcept {
#if DANAUS_HAS_POSIX_FILES
      ::munmap(const_cast<std::byte*>(pages), size);
#endif
    }
  };
  struct Close {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };
  using Stream = std::unique_ptr<std::FILE, Close>;

  [[noreturn]] static void refuse(const std::string& path, int code) {
    raise<FileError>(concat("file.open: ", quoted(path, 400),
                            " must be a file that can be read: ", std::generic_category().message(code)));
  }

  /// Never waits, not even for the other end of a pipe.
  static Stream open(const std::string& path) {
    if (path.find('\0') != std::string::npos) refuse(path, EINVAL);
#if DANAUS_HAS_POSIX_FILES
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) refuse(path, errno);
    Stream file(::fdopen(descriptor, "rb"));
    if (file == nullptr) {
      const int code = errno;
      ::close(descriptor);
      refuse(path, code);
    }
    struct stat about{};
    if (::fstat(descriptor, &about) != 0) refuse(path, errno);
    if (S_ISDIR(about.st_mode)) refuse(path, EISDIR);
    if (!S_ISREG(about.st_mode)) raise<FileError>(concat("file.open: ", quoted(path, 400), " must be a regular file"));
#else
    Stream file(std::fopen(path.c_str(), "rb"));
    if (file == nullptr) refuse(path, errno);
#endif
    return file;
  }

  std::vector<std::byte> owned_;
  std::unique_ptr<const std::byte, Unmap> mapped_;
};

}  // namespace danaus
