// SPDX-License-Identifier: Apache-2.0
// Streams audio through a model; one repetition is the whole file, frame by frame, from a fresh state.
//
//   ./digits_step MODEL.safetensors AUDIO.f32   then any lines; answers {"ns": of a step, "outputs": of the last}
#include <danaus/model/model.hpp>

#include <fstream>
#include <iterator>

#include "served.hpp"

namespace {

std::vector<float> read_floats(const char* path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s MODEL.safetensors AUDIO.f32\n", argv[0]);
    return 2;
  }
  try {
    const danaus::Model model = danaus::load(argv[1]);
    const std::vector<float> audio = read_floats(argv[2]);
    danaus::Stream stream = model.stream();
    const std::size_t frame = stream.frame_size(), steps = audio.size() / frame;
    danaus::require(steps > 0, [] { return std::string("the audio must hold at least one frame"); });
    std::vector<float> outputs(model.network().outputs);
    return served::serve([&](const std::string&) {
      stream.reset();
      const double ns = served::nanoseconds([&] {
        for (std::size_t t = 0; t < steps; ++t) {
          stream.step(std::span(audio).subspan(t * frame, frame), outputs);
          served::keep(outputs);
        }
      });
      std::string answer = "{\"ns\": " + std::to_string(ns / static_cast<double>(steps)) + ", \"outputs\": [";
      for (std::size_t i = 0; i < outputs.size(); ++i) {
        char number[40];
        std::snprintf(number, sizeof number, "%s%.9g", i > 0 ? ", " : "", static_cast<double>(outputs[i]));
        answer += number;
      }
      return answer + "]}";
    });
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
