// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <danaus/core/error.hpp>

/// Mono 16-bit PCM, the kind of WAV that every recorder writes.
struct Wav {
  double sample_rate = 0;
  std::vector<float> samples;  ///< in [-1, 1)
};

/// Reads `path`; raises danaus::Error for anything but mono 16-bit PCM.
inline Wav read_wav(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) danaus::raise<danaus::FileError>("wav: " + path + " must be a file that can be read");
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  const auto number = [&bytes](std::size_t at, std::size_t size) {
    std::uint32_t value = 0;
    std::memcpy(&value, bytes.data() + at, size);
    return value;
  };
  const auto expect = [&path](bool holds, const char* what) {
    danaus::require(holds, [&] { return "wav: " + path + " must be " + what; });
  };
  expect(bytes.size() >= 12 && bytes.compare(0, 4, "RIFF") == 0 && bytes.compare(8, 4, "WAVE") == 0, "a WAV file");
  Wav wav;
  for (std::size_t at = 12; at + 8 <= bytes.size();) {
    const std::size_t begin = at + 8, size = std::min<std::size_t>(number(at + 4, 4), bytes.size() - begin);
    if (bytes.compare(at, 4, "fmt ") == 0) {
      expect(size >= 16 && number(begin, 2) == 1 && number(begin + 14, 2) == 16, "16-bit PCM");
      expect(number(begin + 2, 2) == 1, "mono");
      wav.sample_rate = number(begin + 4, 4);
    } else if (bytes.compare(at, 4, "data") == 0) {
      expect(wav.sample_rate > 0, "a WAV file whose format comes before its data");
      for (std::size_t i = 0; i + 2 <= size; i += 2) {
        wav.samples.push_back(static_cast<float>(static_cast<std::int16_t>(number(begin + i, 2))) / 32768.0f);
      }
      return wav;
    }
    at = begin + size + size % 2;
  }
  danaus::raise("wav: " + path + " must have a data chunk");
}
