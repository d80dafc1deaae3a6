// SPDX-License-Identifier: Apache-2.0
// Streams a recording through a trained model, a few milliseconds at a time, as a device would.
//
//   danaus_stream_wav digits.safetensors recording.wav
//
// Prints the running answer every 100 ms and the final scores.
#include <danaus/model/model.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <span>

#include "wav.hpp"

namespace {

std::size_t best(std::span<const float> scores) {
  return static_cast<std::size_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
}

void stream(const danaus::Model& model, const Wav& wav) {
  const danaus::Network& network = model.network();
  const auto& about = network.description;
  danaus::require(network.channels == 1 && about.sample_rate == wav.sample_rate && !wav.samples.empty(), [&] {
    return "the recording must be mono at " + std::to_string(about.sample_rate) + " Hz and not empty, is at " +
           std::to_string(wav.sample_rate) + " Hz with " + std::to_string(wav.samples.size()) + " samples";
  });
  danaus::Stream state = model.stream();
  const std::size_t frame = state.frame_size();
  std::vector<float> samples = wav.samples;
  samples.resize((samples.size() + frame - 1) / frame * frame, 0.0f);  // the last frame is filled up with zeros
  std::vector<float> scores(network.outputs);

  const double frame_ms = 1e3 * static_cast<double>(frame) / about.sample_rate;
  const std::size_t shown_every = std::max<std::size_t>(1, static_cast<std::size_t>(100 / frame_ms));
  double busy_us = 0;
  for (std::size_t t = 0; t * frame < samples.size(); ++t) {
    const auto begin = std::chrono::steady_clock::now();
    state.step(std::span<const float>(samples).subspan(t * frame, frame), scores);
    busy_us += std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count();
    if ((t + 1) % shown_every == 0) {
      std::printf("%6.2f s  %s\n", static_cast<double>(t + 1) * frame_ms / 1e3, about.labels[best(scores)].c_str());
    }
  }
  for (std::size_t i = 0; i < scores.size(); ++i)
    std::printf("%s %.9g\n", about.labels[i].c_str(), static_cast<double>(scores[i]));
  std::printf("answer %s, %.2f us a step of %.1f ms\n", about.labels[best(scores)].c_str(),
              busy_us / static_cast<double>(samples.size() / frame), frame_ms);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s MODEL.safetensors RECORDING.wav\n", argv[0]);
    return 2;
  }
  try {
    const danaus::Model model = danaus::load(argv[1]);
    danaus::require(model.network().description.labels.size() == model.network().outputs,
                    [] { return std::string("the model must name its outputs"); });
    stream(model, read_wav(argv[2]));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 2;
  }
}
