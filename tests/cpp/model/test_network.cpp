// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <set>
#include <vector>

#include <check.hpp>
#include <model/model_files.hpp>
#include <model/reference.hpp>

// Whole networks against the reference, which reads the same file and knows nothing of kernels.
using namespace danaus;
using model_files::File;
using model_files::RandomNetwork;

namespace {

reference::Rows as_rows(const std::vector<float>& values, std::size_t width) {
  reference::Rows rows;
  for (std::size_t i = 0; i < values.size(); i += width) {
    rows.emplace_back();
    for (std::size_t c = 0; c < width; ++c) rows.back().push_back(static_cast<double>(values[i + c]));
  }
  return rows;
}

/// How far eight roundings of every sum may move the network's outputs, as tried eight times; twice
/// the largest of these, since a try is no bound.
double spread(const Container& file, const reference::Rows& input, const reference::Rows& want, bool reduce) {
  double most = 0;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    const reference::Rows moved = reference::Evaluator(file, 8 * 0x1p-24, seed)(input, reduce);
    for (std::size_t t = 0; t < want.size(); ++t) {
      for (std::size_t i = 0; i < want[t].size(); ++i) most = std::max(most, std::fabs(moved[t][i] - want[t][i]));
    }
  }
  return 2 * most;
}

void compare(const File& file, const std::vector<float>& samples, std::size_t channels) {
  const Container container = file.container();
  const Model model(container);
  reference::Evaluator evaluate(container);
  CHECK(model.network().rows == evaluate.rate() && model.network().channels == channels);
  reference::Rows input = as_rows(samples, channels);
  while (input.size() % evaluate.rate() != 0) input.emplace_back(channels, 0.0);  // the last step is filled up
  const bool reduce = model.network().reduces;
  const reference::Rows want = evaluate(input, reduce);
  const std::vector<float> got = model(samples);
  CHECK(got.size() == want.size() * want[0].size() &&
        got.size() == model.output_rows(samples.size() / channels) * model.network().outputs);
  if (got.size() != want.size() * want[0].size()) return;
  const double most = spread(container, input, want, reduce);
  CHECK(most < 1e-2);
  const int before = check::failures();
  for (std::size_t t = 0; t < want.size(); ++t) {
    for (std::size_t i = 0; i < want[t].size(); ++i) CHECK_NEAR(got[t * want[t].size() + i], want[t][i], most);
  }
  if (check::failures() > before) std::printf("%s\n", file.description().c_str());
}

}  // namespace

TEST(network_of_random_layers_is_the_reference) {
  std::set<LayerKind> seen;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    RandomNetwork random(
        seed, {.bidirectional = seed % 4 == 0, .pools = seed % 3 != 0, .widest = seed % 10 == 0 ? 40u : 20u});
    const std::size_t count = seed % 25 == 0 ? 150 * 6 : 1 + random.pick(60);
    compare(random.file, random.sequence(count), random.channels);
    const Model model = random.file.model();
    for (const Layer& layer : model.network().layers) seen.insert(layer.kind);
  }
  CHECK(seen.size() == static_cast<std::size_t>(LayerKind::add) + 1);  // every kind there is
}

TEST(network_whose_rates_multiply) {
  for (std::size_t first = 1; first <= 3; ++first) {
    for (std::size_t second = 1; second <= 3; ++second) {
      for (const char* const kind : {"", "mean", "last", "running_mean"}) {
        check::Random random(first * 10 + second);
        File file;
        model_files::put_s4d(file, random, "a", 3, 4, false, false);
        file.add(R"({"type":"s4d","prefix":"a"})");
        file.put_random(random, "b.weight", {5, 3, 4}, 0.5);
        file.add(R"({"type":"conv1d","prefix":"b","stride":)" + std::to_string(first) + "}");
        model_files::put_s4d(file, random, "c", 5, 3, false, true);
        file.add(R"({"type":"residual","layers":[{"type":"s4d","prefix":"c"},{"type":"gelu"}]})");
        file.put_random(random, "d.weight", {18, 5, 3}, 0.5);
        file.add(R"({"type":"conv1d","prefix":"d","stride":)" + std::to_string(second) + "}");
        model_files::put_s4d(file, random, "e", 18, 3, false, true);
        file.add(R"({"type":"s4d","prefix":"e"})");
        if (*kind != 0) file.add(std::string(R"({"type":"pool","kind":")") + kind + "\"}");
        for (const std::size_t count : {1u, 5u, 6u, 36u, 70u}) {
          std::vector<float> samples(count * 3);
          for (float& x : samples) x = static_cast<float>(random());
          compare(file, samples, 3);
        }
      }
    }
  }
}

TEST(network_without_layers_copies) {
  File file;
  const std::vector<float> samples = {1, 2, 3, 4, 5, 6};
  CHECK(file.model()(samples) == samples);
  file.add(R"({"type":"residual","layers":[]})");
  CHECK((file.model()(samples) == std::vector<float>{2, 4, 6, 8, 10, 12}));
  file.layers = R"({"type":"pool","kind":"mean"})";
  CHECK((file.model()(samples) == std::vector<float>{2.5f, 3.5f, 4.5f}));
  file.layers = R"({"type":"pool","kind":"last"})";
  CHECK((file.model()(samples) == std::vector<float>{4, 5, 6}));
}

TEST(network_deep_in_residuals) {
  // x + (x + (... + (x + x))): each of 25 adds one.
  File file;
  for (int i = 0; i < 25; ++i) file.layers = R"({"type":"residual","layers":[)" + file.layers + "]}";
  const std::vector<float> samples = {1, -2, 0.5f};
  CHECK((file.model()(samples) == std::vector<float>{26, -52, 13}));
}

TEST(network_counts_what_a_step_takes) {
  check::Random random(1);
  File file;
  file.put_random(random, "a.weight", {8, 3, 4});
  file.add(R"({"type":"conv1d","prefix":"a","stride":2})");
  model_files::put_s4d(file, random, "b", 8, 5, false, false);
  file.add(R"({"type":"s4d","prefix":"b"})");
  file.put_random(random, "c.weight", {2, 8});
  file.add(R"({"type":"linear","prefix":"c"})");
  const Model model = file.model();
  const Network& network = model.network();
  CHECK(network.rows == 2 && network.outputs == 2 && network.channels == 3);
  CHECK(step_macs(network) == 8 * 3 * 4 + 6 * 8 * 5 + 2 * 8);
  CHECK(network.poles.size() == 1 && network.poles[0].layer == "b" && network.poles[0].channels == 8);
  CHECK(network.poles[0].modes == 5 && network.poles[0].radius > 0 && network.poles[0].radius < 1);
  CHECK_CLOSE(std::exp(-1 / network.poles[0].memory), network.poles[0].radius, 1e-12);
}

TEST(evaluator_forgets_the_sequence_before) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    RandomNetwork random(seed, {.bidirectional = seed % 2 == 0});
    const Model model = random.file.model();
    const std::vector<float> first = random.sequence(100), second = random.sequence(31);
    Evaluator evaluator = model.evaluator();
    for (const std::size_t count : {100u, 10u}) evaluator.reserve(count);  // what was reserved stays
    for (int i = 0; i < 2; ++i) {
      std::vector<float> a(model.output_rows(100) * model.network().outputs);
      std::vector<float> b(model.output_rows(31) * model.network().outputs);
      evaluator.run(first.data(), 100, a.data());
      evaluator.run(second.data(), 31, b.data());
      CHECK(a == model(first) && b == model(second));
    }
  }
}
