// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <limits>
#include <span>
#include <vector>

#include <check.hpp>
#include <model/model_files.hpp>

// Streams: however a sequence arrives, the bits are those of the whole.
using namespace danaus;
using model_files::File;
using model_files::RandomNetwork;

namespace {

bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}

/// A whole sequence through a stream of one, in chunks of up to `longest` rows.
std::vector<float> in_chunks(Stream& stream, const std::vector<float>& samples, RandomNetwork& random,
                             std::size_t longest) {
  const std::size_t channels = stream.network().channels, rows = samples.size() / channels;
  std::vector<float> all;
  for (std::size_t t = 0; t < rows;) {
    const std::size_t count = std::min(rows - t, random.pick(longest + 1));
    std::vector<float> out(stream.outputs_for(count) * stream.network().outputs);
    stream.run({samples.data() + t * channels, count * channels}, count, out);
    all.insert(all.end(), out.begin(), out.end());
    t += count;
  }
  return all;
}

std::vector<float> in_steps(Stream& stream, std::span<const float> samples) {
  std::vector<float> all, out(stream.network().outputs);
  for (std::size_t i = 0; i + stream.frame_size() <= samples.size(); i += stream.frame_size()) {
    stream.step(samples.subspan(i, stream.frame_size()), out);
    all.insert(all.end(), out.begin(), out.end());
  }
  return all;
}

/// A network of two input rows a step: 18 channels, so that no part of a frame fits where it may not.
File two_rows_a_step(std::size_t channels) {
  check::Random random(channels);
  File file;
  file.input = "{\"channels\":" + std::to_string(channels) + "}";
  model_files::put_s4d(file, random, "a", channels, 3, false, false);
  file.add(R"({"type":"s4d","prefix":"a"})");
  file.put_random(random, "b.weight", {5, channels, 3});
  file.add(R"({"type":"conv1d","prefix":"b","stride":2})");
  file.add(R"({"type":"pool","kind":"running_mean"})");
  return file;
}

std::vector<float> noise(std::size_t n, std::uint64_t seed) {
  check::Random random(seed);
  std::vector<float> values(n);
  for (float& x : values) x = static_cast<float>(random());
  return values;
}

}  // namespace

TEST(stream_in_steps_in_chunks_and_whole_gives_the_same_bits) {
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    RandomNetwork random(seed, {.pools = false});
    const Model model = random.file.model();
    const std::size_t rows = model.network().rows * (1 + random.pick(seed % 15 == 0 ? 200 : 20));
    const std::vector<float> samples = random.sequence(rows), whole = model(samples);
    Stream steps = model.stream(), chunks = model.stream();
    CHECK(same_bits(in_steps(steps, samples), whole));
    for (const std::size_t longest : {1u, 5u, 300u}) {
      chunks.reset();
      CHECK(same_bits(in_chunks(chunks, samples, random, longest), whole));
      CHECK(chunks.pending() == 0);
    }
  }
}

TEST(stream_of_pools_ends_where_the_whole_does) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    RandomNetwork random(seed, {});
    const Model model = random.file.model();
    const std::size_t rows = model.network().rows * (1 + random.pick(90)), outputs = model.network().outputs;
    const std::vector<float> samples = random.sequence(rows), whole = model(samples);
    Stream stream = model.stream();
    const std::vector<float> all = in_chunks(stream, samples, random, 40);
    CHECK(all.size() == rows / model.network().rows * outputs);
    CHECK(same_bits(std::span(all).last(outputs), std::span(whole).last(outputs)));
  }
}

TEST(whole_sequence_is_filled_up_with_zeros) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    RandomNetwork random(seed, {.bidirectional = seed % 2 == 0});
    const Model model = random.file.model();
    const std::size_t rate = model.network().rows;
    std::vector<float> samples = random.sequence(1 + random.pick(50));
    const std::vector<float> whole = model(samples);
    while (samples.size() % (rate * random.channels) != 0) samples.push_back(0);
    CHECK(same_bits(model(samples), whole));
  }
}

TEST(stream_of_a_batch_gives_each_sequence_its_bits) {
  for (std::uint64_t seed = 1; seed <= 80; ++seed) {
    RandomNetwork random(seed, {});
    const Model model = random.file.model();
    const Network& network = model.network();
    const std::size_t batch = 1 + random.pick(5), steps = 1 + random.pick(20), frame = network.rows * network.channels;
    const std::size_t rows = steps * network.rows + random.pick(network.rows);
    std::vector<float> samples = random.sequence(batch * rows), alone, results(batch * network.outputs);
    Stream stepped = model.stream(batch), run = model.stream(batch);
    for (std::size_t b = 0; b < batch; ++b) {
      Stream one = model.stream();
      const std::vector<float> out =
          in_steps(one, std::span(samples).subspan(b * rows * network.channels, steps * frame));
      alone.insert(alone.end(), out.begin(), out.end());
    }
    for (std::size_t t = 0; t < steps; ++t) {
      std::vector<float> frames;
      for (std::size_t b = 0; b < batch; ++b) {
        const auto from = samples.begin() + static_cast<std::ptrdiff_t>(b * rows * network.channels + t * frame);
        frames.insert(frames.end(), from, from + static_cast<std::ptrdiff_t>(frame));
      }
      stepped.step(frames, results);
      for (std::size_t b = 0; b < batch; ++b) {
        CHECK(same_bits(std::span(results).subspan(b * network.outputs, network.outputs),
                        std::span(alone).subspan((b * steps + t) * network.outputs, network.outputs)));
      }
    }
    std::vector<float> all(batch * run.outputs_for(rows) * network.outputs);
    run.run(samples, rows, all);
    CHECK(same_bits(all, alone));
    CHECK(run.pending(batch - 1) == rows - steps * network.rows);
  }
}

TEST(stream_keeps_the_rows_of_an_unfinished_frame) {
  for (std::size_t channels = 1; channels <= 40; ++channels) {  // around every multiple of a tile
    const Model model = two_rows_a_step(channels).model();
    const std::vector<float> samples = noise(7 * channels, 5), more = noise(channels, 6);
    std::vector<float> joined = samples;
    joined.insert(joined.end(), more.begin(), more.end());
    Stream one = model.stream(), other = model.stream();
    const std::vector<float> want = in_steps(other, joined);
    std::vector<float> got(20);
    for (std::size_t t = 0; t < 7; ++t) {
      CHECK(one.pending() == t % 2 && one.outputs_for(1) == t % 2 && one.outputs_for(3) == 1 + t % 2);
      one.run({samples.data() + t * channels, channels}, 1, {got.data() + t / 2 * 5, t % 2 * 5});
    }
    one.run({}, 0, {});
    CHECK(one.pending() == 1);
    const std::vector<float> kept(one.state().begin(), one.state().end());
    CHECK_RAISES(one.step(noise(2 * channels, 1), std::span(got).first(5)), Error, "waiting");
    CHECK(same_bits(one.state(), kept));
    Stream resumed = model.stream();
    resumed.set_state(kept);
    resumed.run(more, 1, {got.data() + 15, 5});
    CHECK(same_bits(got, want));
    CHECK(resumed.pending() == 0);
  }
}

TEST(stream_state_depends_on_the_samples_alone) {
  const Model model = two_rows_a_step(18).model();
  const std::vector<float> samples = noise(18 * 31, 5);  // ends within a frame
  RandomNetwork random(6, {.pools = false});
  Stream at_once = model.stream(), cut = model.stream();
  std::vector<float> out(at_once.outputs_for(31) * 5);
  at_once.run(samples, 31, out);
  in_chunks(cut, samples, random, 3);
  CHECK(same_bits(at_once.state(), cut.state()));
}

TEST(stream_state_resumes_bit_for_bit) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    RandomNetwork random(seed, {});
    const Model model = random.file.model();
    const std::size_t rows = 2 + random.pick(60), cut = random.pick(rows);
    const std::vector<float> samples = random.sequence(rows),
                             head(samples.begin(),
                                  samples.begin() + static_cast<std::ptrdiff_t>(cut * random.channels)),
                             tail(samples.begin() + static_cast<std::ptrdiff_t>(cut * random.channels), samples.end());
    Stream whole = model.stream(), first = model.stream(), second = model.stream();
    const std::vector<float> want = in_chunks(whole, samples, random, 1000);
    std::vector<float> got = in_chunks(first, head, random, 1000);
    in_chunks(second, random.sequence(17), random, 3);  // whatever it knew is gone
    second.set_state(first.state());
    CHECK(second.state().size() == second.state_size() && same_bits(second.state(), first.state()));
    const std::vector<float> rest = in_chunks(second, tail, random, 1000);
    got.insert(got.end(), rest.begin(), rest.end());
    CHECK(same_bits(got, want));
    whole.reset();
    CHECK(whole.pending() == 0 && same_bits(in_chunks(whole, samples, random, 7), want));
    Stream copy = first;  // its own memory
    in_chunks(first, random.sequence(9), random, 4);
    CHECK(same_bits(in_chunks(copy, tail, random, 1000), rest));
  }
}

TEST(stream_refuses_states_that_cannot_be) {
  const Model model = two_rows_a_step(3).model();
  Stream stream = model.stream(2);
  std::vector<float> out(2 * stream.outputs_for(3) * 5);
  stream.run(noise(2 * 3 * 3, 1), 3, out);
  const std::vector<float> before(stream.state().begin(), stream.state().end());
  using limits = std::numeric_limits<float>;
  for (const float waiting : {limits::quiet_NaN(), -1.0f, 2.0f, 0.5f, 1e30f, limits::infinity(), -limits::infinity()}) {
    for (const std::size_t b : {0u, 1u}) {
      std::vector<float> state = before;
      state[b * stream.state_size()] = waiting;
      CHECK_RAISES(stream.set_state(state), Error, "model.state: the rows waiting must be a whole number below 2");
      CHECK(same_bits(stream.state(), before));
    }
  }
  std::vector<float> state = before;
  state[1] = limits::quiet_NaN();  // in the row that waits, where run would have refused it
  CHECK_RAISES(stream.set_state(state), Error, "finite");
  CHECK(same_bits(stream.state(), before));
  state = before;
  state[0] = 0;  // one sequence waits, the other does not
  stream.set_state(state);
  CHECK_RAISES(stream.run(noise(2 * 3 * 2, 1), 2, out), Error, "same number of rows");
  CHECK_RAISES(stream.step(noise(2 * 2 * 3, 1), std::span(out).first(10)), Error, "waiting");
  CHECK_RAISES(stream.set_state(std::span(before).first(before.size() - 1)), Error, "state must have");
  CHECK_RAISES(stream.set_state({}), Error, "state must have");
}

TEST(stream_refuses_a_state_that_names_no_row_of_the_table) {
  check::Random random(1);
  File file;
  file.input = R"({"channels":1})";
  file.put_random(random, "e.weight", {4, 3});
  file.add(R"({"type":"embedding","prefix":"e"})");
  file.put_random(random, "c.weight", {2, 3, 3});
  file.add(R"({"type":"conv1d","prefix":"c","stride":3})");
  const Model model = file.model();
  Stream stream = model.stream();
  stream.run(std::vector<float>{1, 3}, 2, {});
  std::vector<float> state(stream.state().begin(), stream.state().end()), out(2);
  for (const float bad : {4.0f, -1.0f, 0.5f, 1e9f}) {
    state[2] = bad;
    CHECK_RAISES(stream.set_state(state), Error, "whole numbers from 0 to 3");
  }
  stream.run(std::vector<float>{2}, 1, out);
  CHECK(out == model(std::vector<float>{1, 3, 2}));
  for (const float bad : {4.0f, -1.0f, 0.5f, 1e9f}) {
    CHECK_RAISES(stream.step(std::vector<float>{0, bad, 1}, out), Error, "whole numbers from 0 to 3");
    CHECK_RAISES(stream.run(std::vector<float>{0, bad}, 2, {}), Error, "whole numbers from 0 to 3");
    CHECK_RAISES(model(std::vector<float>{bad}), Error, "whole numbers from 0 to 3");
  }
}

TEST(stream_refuses_wrong_sizes) {
  const Model model = two_rows_a_step(3).model();
  Stream stream = model.stream(2);
  std::vector<float> frames(12), out(10);
  CHECK(stream.frame_size() == 6 && stream.batch() == 2);
  for (const std::size_t wrong : {0u, 6u, 11u, 13u}) {
    CHECK_RAISES(stream.step(std::vector<float>(wrong), out), Error, "frames must have 12 values");
    CHECK_RAISES(stream.run(std::vector<float>(wrong), 2, out), Error, "samples must have 12 values");
  }
  for (const std::size_t wrong : {0u, 5u, 11u}) {
    std::vector<float> other(wrong);
    CHECK_RAISES(stream.step(frames, other), Error, "out must have 10 values");
    CHECK_RAISES(stream.run(frames, 2, other), Error, "out must have 10 values");
  }
  CHECK_RAISES(model(std::vector<float>{}), Error, "samples");
  CHECK_RAISES(model(std::vector<float>(4)), Error, "rows of 3 values");
  CHECK_RAISES(model.stream(0), Error, "batch");
  CHECK_RAISES(model.stream((1u << 20) + 1), Error, "batch");
  CHECK_RAISES(model.stream(std::numeric_limits<std::size_t>::max()), Error, "batch");
}

TEST(stream_refuses_input_that_is_not_finite) {
  const Model model = two_rows_a_step(3).model();
  Stream stream = model.stream();
  std::vector<float> out(50), good = noise(30, 1);
  stream.run(good, 10, std::span(out).first(25));
  const std::vector<float> before(stream.state().begin(), stream.state().end());
  using limits = std::numeric_limits<float>;
  for (const float bad : {limits::quiet_NaN(), limits::infinity(), -limits::infinity()}) {
    for (std::size_t i = 0; i < 30; ++i) {
      std::vector<float> samples = good;
      samples[i] = bad;
      CHECK_RAISES(stream.run(samples, 10, std::span(out).first(25)), Error, "at value " + std::to_string(i));
      CHECK_RAISES(model(samples), Error, "finite");
      if (i < 6) CHECK_RAISES(stream.step(std::span(samples).first(6), std::span(out).first(5)), Error, "finite");
      CHECK(same_bits(stream.state(), before));
    }
  }
}

TEST(stream_needs_a_causal_model) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    RandomNetwork random(seed, {.bidirectional = true});
    const Model model = random.file.model();
    CHECK(model.network().bidirectional);
    CHECK_RAISES(model.stream(), Error, "causal");
  }
}
