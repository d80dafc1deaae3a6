// SPDX-License-Identifier: Apache-2.0
#include "legs_reference.hpp"

#include <limits>
#include <memory>

#include <danaus/hippo/measures.hpp>

using namespace danaus;
using namespace legs_reference;

namespace {

constexpr std::size_t orders[] = {1, 2, 3, 5, 8, 16, 33, 64, 256};

/// With a chunk of its own, so that short signals cross many chunks.
LegsMemory<double> chunked(std::size_t order, std::size_t chunk, std::size_t channels = 1) {
  return {legs_kernels<double>(), std::make_shared<const LegsTables>(legs_tables(order, chunk)), channels};
}

std::vector<double> irregular(std::size_t length, std::uint64_t seed = 7) {
  check::Random random(seed);
  std::vector<double> ends(length);
  double now = 0;
  for (double& end : ends) end = now += 1.05 + random();  // gaps from 0.05 to 2.05
  return ends;
}

std::vector<double> fed(LegsMemory<double> memory, const std::vector<double>& u, const std::vector<double>& ends = {}) {
  ends.empty() ? memory.extend(rows(u, memory.channels())) : memory.extend(rows(u, memory.channels()), ends);
  return read(memory);
}

}  // namespace

TEST(memory_equals_the_closed_form) {
  for (std::size_t n : orders) {
    for (std::size_t length : {1u, 2u, 3u, 6u, 63u, 64u, 65u, 200u, 777u}) {
      const std::vector<double> u = noise(length, 1), even = units(length), odd = irregular(length);
      CHECK_NEAR(distance(fed(chunked(n, 64), u), coefficients(u, even, n)), 0, 1e-12);
      CHECK_NEAR(distance(fed(chunked(n, 64), u, odd), coefficients(u, odd, n)), 0, 1e-12);
      if (n == 256) break;
    }
  }
  const std::vector<double> u = noise(5000, 1), ends = irregular(5000);
  CHECK_NEAR(distance(fed(memory(256), u), coefficients(u, units(5000), 256)), 0, 1e-12);
  CHECK_NEAR(distance(fed(memory(256), u, ends), coefficients(u, ends, 256)), 0, 1e-12);
}

TEST(memory_of_any_chunk_size_is_the_same) {
  const std::vector<double> u = noise(300, 1), want = coefficients(u, units(300), 16);
  for (std::size_t chunk : {1u, 2u, 3u, 7u, 64u, 299u, 300u, 301u})
    CHECK_NEAR(distance(fed(chunked(16, chunk), u), want), 0, 1e-12);
}

// x' = (A x + B u) / t over a cell, exactly: with A e_0 = -B, x <- e_0 u + (t1 / t0)^A (x - e_0 u).
TEST(memory_solves_its_differential_equation) {
  constexpr std::size_t n = 5;
  std::vector<double> a(n * n), b(n), u = noise(40, 1), ends = irregular(40);
  legs_transition({a.data(), {n, n}}, b);
  long double x[n] = {u[0]}, term[n];
  for (std::size_t k = 1; k < u.size(); ++k) {
    const long double h = logl(static_cast<long double>(ends[k]) / ends[k - 1]) / 64;
    x[0] -= u[k];
    for (int part = 0; part < 64; ++part) {  // e^{A h} by its series
      std::copy(x, x + n, term);
      for (int power = 1; power < 25; ++power) {
        long double next[n] = {};
        for (std::size_t i = 0; i < n; ++i)
          for (std::size_t j = 0; j <= i; ++j) next[i] += a[i * n + j] * term[j] * h / power;
        for (std::size_t i = 0; i < n; ++i) x[i] += term[i] = next[i];
      }
    }
    x[0] += u[k];
  }
  CHECK_NEAR(distance(fed(chunked(n, 8), u, ends), std::vector<double>(x, x + n)), 0, 1e-13);
}

TEST(memory_does_not_depend_on_how_it_is_fed) {
  for (std::size_t channels : {1u, 3u, 11u}) {
    const std::size_t length = 150;
    const std::vector<double> u = noise(length, channels), ends = irregular(length);
    for (bool timed : {false, true}) {
      const std::vector<double> want = fed(chunked(16, 32, channels), u, timed ? ends : std::vector<double>{});
      for (std::size_t piece : {1u, 2u, 31u, 32u, 33u, 100u}) {
        LegsMemory<double> memory = chunked(16, 32, channels), restored = memory;
        for (std::size_t k = 0; k < length; k += piece) {
          const std::size_t count = std::min(piece, length - k);
          restored.restore(memory.state());
          memory = restored;
          const View<const double, 2> part = rows(u, channels).rows(k, count);
          if (piece == 1) {
            const std::span<const double> sample(part.data_handle(), channels);
            timed ? memory.step(sample, ends[k]) : memory.step(sample);
          } else {
            timed ? memory.extend(part, std::span(ends).subspan(k, count)) : memory.extend(part);
          }
          if (k % 5 == 0) read(memory);  // must not leave a trace
        }
        CHECK(read(memory) == want);
        CHECK(memory.time() == (timed ? ends.back() : 150));
      }
    }
  }
}

// Units of time that begin at 0.1 or 1/3 are not exact; they still do not depend on the calls.
TEST(memory_counts_units_from_any_time_in_the_same_way) {
  const std::vector<double> u = noise(200, 1);
  for (std::size_t odd : {1u, 3u, 32u, 40u}) {
    std::vector<double> ends = irregular(odd);
    ends[odd - 1] += 1.0 / 3;
    LegsMemory<double> whole = chunked(16, 32);
    whole.extend(rows(u, 1).rows(0, odd), ends);
    LegsMemory<double> steps = whole;
    whole.extend(rows(u, 1).rows(odd, 200 - odd));
    for (std::size_t k = odd; k < 200; ++k) steps.step(std::span(u).subspan(k, 1));
    CHECK(whole.time() == steps.time() && read(whole) == read(steps));
    CHECK_NEAR(whole.time(), ends[odd - 1] + static_cast<double>(200 - odd), 1e-12);
  }
}

TEST(memory_channels_are_independent) {
  for (std::size_t channels = 1; channels < 70; channels += channels < 20 ? 1 : 7) {
    for (bool timed : {false, true}) {
      const std::vector<double> u = noise(100, channels), ends = timed ? irregular(100) : units(100);
      const std::vector<double> all = fed(chunked(9, 32, channels), u, ends);
      for (std::size_t c = 0; c < channels; ++c) {
        const std::vector<double> one(all.begin() + static_cast<long>(9 * c),
                                      all.begin() + static_cast<long>(9 * c + 9));
        CHECK_NEAR(distance(one, coefficients(channel(u, channels, c), ends, 9)), 0, 1e-12);
      }
    }
  }
}

TEST(memory_in_single_precision_is_rounded_once) {
  for (std::size_t channels : {1u, 2u, 13u}) {
    const std::vector<double> u = noise(1000, channels);
    const std::vector<float> v(u.begin(), u.end());
    LegsMemory<float> memory(legs_kernels<float>(), 32, channels);
    memory.extend(rows(v, channels));
    const std::vector<double> got = read(memory), want = fed(legs_reference::memory(32, channels), u);
    for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i] == static_cast<double>(static_cast<float>(want[i])));
  }
}

TEST(memory_of_a_constant_is_that_constant) {
  for (std::size_t n : orders) {
    for (std::size_t length : {1u, 64u, 1000u}) {
      const std::vector<double> got = fed(chunked(n, 64), std::vector<double>(length, -2.5));
      CHECK_NEAR(got[0], -2.5, 1e-13);
      for (std::size_t i = 1; i < n; ++i) CHECK_NEAR(got[i], 0, 1e-12);
    }
  }
}

TEST(memory_keeps_a_nan_in_its_channel) {
  for (std::size_t channels : {1u, 2u, 5u, 20u, 40u}) {
    for (std::size_t length : {1u, 2u, 31u, 64u, 90u}) {
      for (std::size_t at = 0; at < length; at += 1 + length / 5) {
        std::vector<double> u = noise(length, channels);
        const std::size_t bad = at % channels;
        u[at * channels + bad] = at % 2 == 0 ? std::nan("") : HUGE_VAL;
        for (const std::vector<double>& ends : {units(length), irregular(length)}) {
          const std::vector<double> got = fed(chunked(6, 32, channels), u, ends);
          for (std::size_t i = 0; i < got.size(); ++i) CHECK(std::isfinite(got[i]) != (i / 6 == bad));
        }
      }
    }
  }
}

TEST(memory_scales_with_its_signal) {
  for (double scale : {0x1p-1000, 0x1p990}) {
    const std::vector<double> u = noise(200, 1);
    std::vector<double> scaled = u;
    for (double& x : scaled) x *= scale;
    std::vector<double> want = fed(chunked(16, 64), u);
    for (double& x : want) x *= scale;
    CHECK(fed(chunked(16, 64), scaled) == want);
  }
}

TEST(memory_does_not_drift) {
  const std::size_t length = 200000;
  const std::vector<double> u = noise(length, 1);
  CHECK_NEAR(distance(fed(chunked(24, 64), u), coefficients(u, units(length), 24)), 0, 3e-13);
}

// After 1e9 units of a constant, zeros: x_n = (r_n / 2) Q_n(b), b = 2e9 / t - 1, n > 0.
TEST(memory_counts_a_billion_samples) {
  LegsMemory<double> m = memory(64);
  std::vector<double> state(m.state().begin(), m.state().end());
  state[0] = 1e9;
  state[2] = 1;
  m.restore(state);
  const std::vector<double> zeros(5000, 0);
  m.extend(rows(zeros, 1));
  CHECK(m.time() == 1000005000.0);
  const std::vector<double> got = read(m);
  const std::vector<long double> p = polynomials(64, 2e9L / 1000005000.0L - 1);
  for (std::size_t n = 1; n < 64; ++n) {
    const double want = static_cast<double>((p[n + 1] - p[n - 1]) / (2 * sqrtl(2 * static_cast<long double>(n) + 1)));
    CHECK_CLOSE(got[n], want, 1e-10);
  }
}

TEST(merge_equals_one_memory_over_both) {
  for (std::size_t n : orders) {
    for (std::size_t channels : {1u, 3u, 12u}) {
      const std::vector<double> u = noise(150, channels), ends = irregular(150);
      for (std::size_t cut : {1u, 64u, 77u, 149u}) {
        std::vector<double> later(ends.begin() + static_cast<long>(cut), ends.end());
        for (double& end : later) end -= ends[cut - 1];
        LegsMemory<double> first = chunked(n, 32, channels), second = first;
        first.extend(rows(u, channels).rows(0, cut), std::span(ends).first(cut));
        second.extend(rows(u, channels).rows(cut, 150 - cut), later);
        const std::vector<double> before = read(second);
        first.merge(second);
        CHECK_NEAR(first.time(), ends.back(), 1e-12);
        CHECK_NEAR(distance(read(first), fed(chunked(n, 32, channels), u, ends)), 0, 2e-12);
        CHECK(read(second) == before);
      }
      if (n == 256) break;
    }
  }
}

TEST(merge_is_associative_and_the_empty_memory_neutral) {
  LegsMemory<double> a = chunked(16, 32), b = a, c = a;
  const std::vector<double> u = noise(100, 1, 3), v = noise(37, 1, 4), w = noise(71, 1, 5);
  a.extend(rows(u, 1));
  b.extend(rows(v, 1));
  c.extend(rows(w, 1));
  LegsMemory<double> left = a, right = b, whole = a;
  left.merge(b);
  left.merge(c);
  right.merge(c);
  whole.merge(right);
  CHECK(left.time() == 208 && whole.time() == 208);
  CHECK_NEAR(distance(read(left), read(whole)), 0, 1e-12);
  LegsMemory<double> empty = chunked(16, 32);
  whole = a;
  whole.merge(empty);
  CHECK(read(whole) == read(a));
  empty.merge(a);
  CHECK(read(empty) == read(a));
  whole.merge(whole);  // twice in a row
  CHECK_NEAR(distance(read(whole),
                      [&] {
                        LegsMemory<double> twice = a;
                        twice.extend(rows(u, 1));
                        return read(twice);
                      }()),
             0, 1e-12);
}

TEST(memory_resets_and_starts_empty) {
  LegsMemory<double> m = memory(8, 2);
  CHECK(m.time() == 0);
  CHECK(read(m) == std::vector<double>(16, 0.0));
  const std::vector<double> u = noise(9, 2);
  m.extend(rows(u, 2));
  m.extend(rows(u, 2).rows(0, 0));
  CHECK(m.time() == 9);
  m.reset();
  CHECK(m.time() == 0 && read(m) == std::vector<double>(16, 0.0));
}

TEST(memory_says_what_is_wrong) {
  const LegsKernels<double> kernels = legs_kernels<double>();
  CHECK_RAISES(LegsMemory<double>(kernels, 0, 1), Error, "hippo.Memory: n must be 1 to 2048, got 0");
  CHECK_RAISES(LegsMemory<double>(kernels, 4, 0), Error, "hippo.Memory: channels");
  LegsMemory<double> m(kernels, 4, 2);
  const std::vector<double> u(6, 1.0), late = {1, 2, 2}, short_times = {1, 2}, nan = {1, std::nan(""), 3};
  std::vector<double> out(8);
  CHECK_RAISES(m.extend(rows(u, 3)), Error, "samples must have 2 channels, got 3");
  CHECK_RAISES(m.step(u), Error, "samples must have 2 channels, got 6");
  CHECK_RAISES(m.extend(rows(u, 2), late), Error, "times must be finite and increase");
  CHECK_RAISES(m.extend(rows(u, 2), nan), Error, "times must be finite and increase");
  CHECK_RAISES(m.extend(rows(u, 2), short_times), Error, "each of the 3 samples, got 2");
  CHECK_RAISES(m.step(std::span(u).first(2), 0.0), Error, "times must be finite and increase");
  CHECK(m.time() == 0);  // nothing of a refused call stays
  CHECK_RAISES(m.coefficients({out.data(), {1, 8}}), Error, "shape (2, 4), got (1, 8)");
  CHECK_RAISES(m.reconstruct(late, {out.data(), {3, 2}}), Error, "at least one sample");
  CHECK_RAISES(m.merge(memory(5, 2)), Error, "merge needs a memory of shape (2, 4), got (2, 5)");
  CHECK_RAISES(m.merge(memory(4, 1)), Error, "merge needs a memory of shape (2, 4), got (1, 4)");
  CHECK_RAISES(m.restore(out), Error, "hippo.Memory: the state must hold");
  std::vector<double> state(m.state().begin(), m.state().end());
  for (double pending : {-1.0, 0.5, 256.0, std::nan("")}) {
    state[1] = pending;
    CHECK_RAISES(m.restore(state), Error, "the state must come from a memory of the same shape");
  }
}
