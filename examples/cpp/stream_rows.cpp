// SPDX-License-Identifier: Apache-2.0
// Streams rows of float32 from standard input through any model, a step at a time, and writes the outputs of the
// last step to standard output, float32 again: a building block for pipes.
//
//   danaus_stream_rows japanese_vowels.safetensors < rows.f32 > scores.f32
#include <danaus/model/model.hpp>

#include <cstdio>
#include <exception>
#include <vector>

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s MODEL.safetensors < ROWS > SCORES\n", argv[0]);
    return 2;
  }
  try {
    const danaus::Model model = danaus::load(argv[1]);
    danaus::Stream stream = model.stream();
    std::vector<float> frame(stream.frame_size()), scores(model.network().outputs);
    std::size_t steps = 0;
    for (; std::fread(frame.data(), sizeof(float), frame.size(), stdin) == frame.size(); ++steps) {
      stream.step(frame, scores);
    }
    danaus::require(steps > 0, [&] {
      return "standard input must hold at least one frame of " + std::to_string(frame.size()) + " floats, holds none";
    });
    std::fwrite(scores.data(), sizeof(float), scores.size(), stdout);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 2;
  }
}
