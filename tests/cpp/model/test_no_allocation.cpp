// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <vector>

#include <check.hpp>
#include <danaus/fft/convolve.hpp>
#include <danaus/hippo/legs_kernels.hpp>
#include <danaus/hippo/legs_scan.hpp>
#include <danaus/hippo/memory.hpp>
#include <danaus/hippo/step_memory.hpp>
#include <danaus/hippo/window_kernels.hpp>
#include <danaus/hippo/window_memory.hpp>
#include <danaus/ssm/kernel.hpp>
#include <model/model_files.hpp>

// Run functions allocate nothing. This file replaces the program's operator new by one that counts;
// sanitizers bring their own, and there these tests only run the functions.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define DANAUS_TEST_COUNTS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define DANAUS_TEST_COUNTS 0
#endif
#endif
#ifndef DANAUS_TEST_COUNTS
#define DANAUS_TEST_COUNTS 1
#endif

namespace {

std::atomic<bool> counting{false};
std::atomic<int> allocations{0};

/// How often f allocates.
template <class F>
int counted(F f) {
  allocations = 0;
  counting = true;
  f();
  counting = false;
  return allocations;
}

}  // namespace

// noinline: GCC sees through one half of a pair and calls it mismatched.
#if DANAUS_TEST_COUNTS
static void* counted_memory(std::size_t size, std::size_t alignment) {
  if (counting) ++allocations;
  if (size == 0) size = 1;
  void* const memory = alignment > alignof(std::max_align_t)
                           ? std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment)
                           : std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

[[gnu::noinline]] void* operator new(std::size_t size) {
  return counted_memory(size, 0);
}
[[gnu::noinline]] void* operator new[](std::size_t size) {
  return counted_memory(size, 0);
}
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment) {
  return counted_memory(size, static_cast<std::size_t>(alignment));
}
[[gnu::noinline]] void* operator new[](std::size_t size, std::align_val_t alignment) {
  return counted_memory(size, static_cast<std::size_t>(alignment));
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete[](void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete[](void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}
#endif

using namespace danaus;
using model_files::RandomNetwork;

TEST(allocations_are_counted) {
  std::vector<int> plain;  // outside: what nobody sees need not be allocated
  Buffer<float> aligned;
  const int seen = counted([&] {
    plain.resize(100);
    aligned.resize(100);
  });
  CHECK(seen == (DANAUS_TEST_COUNTS ? 2 : 0));
}

TEST(stream_allocates_nothing) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    RandomNetwork random(seed, {});
    const Model model = random.file.model();
    const std::size_t batch = 1 + seed % 3, rows = model.network().rows, outputs = model.network().outputs;
    Stream stream = model.stream(batch);
    const std::vector<float> frames = random.sequence(batch * rows), samples = random.sequence(batch * 200 * rows);
    const std::vector<float> odd = random.sequence(batch * (rows + 1));
    std::vector<float> out(batch * 202 * outputs);
    const auto results = [&](std::size_t count) {
      return std::span(out).first(batch * stream.outputs_for(count) * outputs);
    };
    CHECK(counted([&] {
            stream.step(frames, std::span(out).first(batch * outputs));
            stream.run(samples, 200 * rows, results(200 * rows));
            stream.run(odd, rows + 1, results(rows + 1));
            stream.run(odd, rows + 1, results(rows + 1));
            stream.set_state(stream.state());
            stream.reset();
          }) == 0);
  }
}

TEST(evaluator_allocates_nothing_after_reserve) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    RandomNetwork random(seed, {.bidirectional = seed % 2 == 0});
    const Model model = random.file.model();
    const std::vector<float> samples = random.sequence(131);
    std::vector<float> out(model.output_rows(131) * model.network().outputs);
    Evaluator evaluator = model.evaluator();
    evaluator.reserve(131);
    CHECK(counted([&] {
            evaluator.run(samples.data(), 131, out.data());
            evaluator.run(samples.data(), 7, out.data());
            evaluator.run(samples.data(), 131, out.data());
          }) == 0);
    CHECK(out == model(samples));
  }
}

TEST(memory_allocates_nothing) {
  for (const std::size_t channels : {1u, 2u, 3u, 20u}) {
    LegsMemory<float> memory(legs_kernels<float>(), 32, channels),
        other(legs_kernels<float>(), memory.tables(), channels);
    const std::vector<float> sample(channels, 0.5f), samples(300 * channels, 0.25f);
    std::vector<float> coefficients(channels * 32), signal(10 * channels);
    std::vector<double> ends(300), times(10), state(memory.state().size());
    CHECK(counted([&] {
            for (int i = 0; i < 100; ++i) memory.step(sample);
            memory.step(sample, 101.5);
            memory.extend(View<const float, 2>(samples.data(), {300, channels}));
            for (std::size_t i = 0; i < 300; ++i) ends[i] = memory.time() + 1 + static_cast<double>(i);
            memory.extend(View<const float, 2>(samples.data(), {300, channels}), ends);
            memory.coefficients(View<float, 2>(coefficients.data(), {channels, 32}));
            for (std::size_t i = 0; i < 10; ++i) times[i] = 10 * static_cast<double>(i);
            memory.reconstruct(times, View<float, 2>(signal.data(), {10, channels}));
            std::copy(memory.state().begin(), memory.state().end(), state.begin());
            other.step(sample);
            other.merge(memory);
            other.restore(state);
            memory.reset();
          }) == 0);
  }
}

TEST(steps_of_memory_allocate_nothing) {
  for (const std::size_t channels : {1u, 20u}) {
    LegsStepMemory<float> memory(legs::legs_step_kernels<float>(), legs_kernels<float>(), LegsMethod::bilinear, 32,
                                 channels);
    const std::vector<float> samples(3000 * channels, 0.25f);
    std::vector<float> coefficients(channels * 32);
    CHECK(counted([&] {
            memory.step({samples.data(), channels});
            memory.extend(View<const float, 2>(samples.data(), {3000, channels}));
            memory.coefficients(View<float, 2>(coefficients.data(), {channels, 32}));
            memory.reset();
          }) == 0);
  }
}

TEST(window_memories_allocate_nothing) {
  const WindowKernels<float> kernels = window_kernels<float>();
  for (const bool exact : {false, true}) {
    for (const std::size_t channels : {1u, 20u}) {
      const auto tables = std::make_shared<const WindowTables>(
          window_tables(Measure::legt, {}, 8, 0.01, {exact, 0.5}, kernels.product, 3));
      WindowMemory<float> memory(kernels, tables, channels);
      const std::vector<float> samples(40 * channels, 0.25f);
      std::vector<float> coefficients(channels * 8), signal(2 * channels);
      std::vector<double> state(memory.state_size());
      const double times[] = {30, 39.5}, ends[] = {41.5};
      CHECK(counted([&] {
              memory.extend(View<const float, 2>(samples.data(), {40, channels}));
              memory.step(std::span(samples).first(channels));
              if (!exact) memory.extend(View<const float, 2>(samples.data(), {1, channels}), ends);
              memory.coefficients(View<float, 2>(coefficients.data(), {channels, 8}));
              memory.reconstruct(times, View<float, 2>(signal.data(), {2, channels}));
              memory.save(state);
              memory.restore(state);
              memory.reset();
            }) == 0);
    }
  }
}

TEST(kernels_allocate_nothing) {
  const std::size_t channels = 20, count = 4, length = 300;
  const std::vector<Mode> modes(channels * count, Mode{{-0.1, 0.2}, {1, 2}});
  const std::vector<double> d(channels, 1);
  const DiagonalShape shape{channels, count};
  std::vector<float> packed(shape.coefficients()), state(shape.state()), u(length * channels, 0.5f), y(u.size()),
      k(u.size());
  pack_diagonal<float>(shape, modes, d, packed.data());
  const ConvolutionPlan<float> plan(channels, length, length, new_ring<float>);
  Buffer<float> spectra(plan.spectra_size()), carry(plan.groups() * plan.stage_size());
  Buffer<std::byte> scratch(std::max(kernel_workspace_bytes<float>(count, length), convolve_workspace_bytes(plan)));
  const View<const float, 2> in(u.data(), {length, channels});
  const View<float, 2> out(y.data(), {length, channels});
  CHECK(counted([&] {
          scan(Diagonal<float>{shape, packed.data()}, in, state.data(), out);
          step(Diagonal<float>{shape, packed.data()}, in.rows(0, 1), View<float, 2>(state.data(), {1, state.size()}),
               out.rows(0, 1));
          for (std::size_t h = 0; h < channels; ++h) {
            kernel<float>(std::span(modes).subspan(h * count, count), {&k[h * length], length}, workspace(scratch));
          }
          const View<const float, 2> taps(k.data(), {length, channels}, {1, length});
          filter(plan, 0, plan.groups(), taps, &taps, FilterKind::causal, spectra.data(), workspace(scratch));
          convolve(plan, 0, plan.groups(), in, spectra.data(), out, workspace(scratch));
          convolve_on(plan, 0, plan.groups(), in, spectra.data(), carry.data(), out, workspace(scratch));
        }) == 0);
}
