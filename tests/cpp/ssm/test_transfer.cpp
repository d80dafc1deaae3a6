// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include <check.hpp>
#include <danaus/core/buffer.hpp>
#include <danaus/ssm/transfer_chunk.hpp>
#include <danaus/ssm/transfer_fft.hpp>
#include <danaus/ssm/transfer_gain.hpp>
#include <danaus/ssm/transfer_kernel.hpp>
#include <danaus/ssm/transfer_numerator.hpp>
#include <danaus/ssm/transfer_past.hpp>

using namespace danaus;

namespace {

template <class S>
inline constexpr double unit = static_cast<double>(std::numeric_limits<S>::epsilon()) / 2;

/// More than danaus adds to an input.
template <class S>
inline constexpr double silence = sizeof(S) == 4 ? 0x1p-63 : 0x1p-799;

/// Transfer functions with coefficients that are numbers of S, and sum |a_i| <= 0.9: then sum |g_t| <= 10, g = 1 / A.
template <class S>
struct System {
  TransferShape shape;
  std::vector<double> b, a, h0;
  Buffer<S> coefficients;

  System(std::size_t channels, std::size_t order, std::uint64_t seed)
      : shape{channels, order}, b(channels * order), a(channels * order), h0(channels) {
    check::Random next(seed);
    for (double& x : b) x = static_cast<double>(static_cast<S>(next()));
    for (double& x : a) x = static_cast<double>(static_cast<S>(0.9 * next() / static_cast<double>(order)));
    for (double& x : h0) x = static_cast<double>(static_cast<S>(next()));
    pack();
  }
  void pack() {
    coefficients.assign(shape.coefficients(), S(7));
    pack_transfer<S>(shape, View<const double, 2>(b.data(), {shape.channels, shape.order}),
                     View<const double, 2>(a.data(), {a.size() / shape.order, shape.order}), h0, coefficients.data());
  }
  Transfer<S> layer() const { return {shape, coefficients.data()}; }
};

template <class T>
struct Sequence {
  std::size_t rows, width, stride;
  std::vector<T> values;

  Sequence(std::size_t r, std::size_t w, std::size_t s = 0)
      : rows(r), width(w), stride(s == 0 ? w : s), values(r * stride + 1, T(0)) {}
  static Sequence random(std::size_t r, std::size_t w, std::uint64_t seed, std::size_t s = 0) {
    check::Random next(seed);
    Sequence sequence(r, w, s);
    for (T& x : sequence.values) x = static_cast<T>(next());
    return sequence;
  }
  T at(std::size_t t, std::size_t h) const { return values[t * stride + h]; }
  View<const T, 2> view(std::size_t first, std::size_t count) const {
    return {values.data() + first * stride, {count, width}, {stride, 1}};
  }
  View<T, 2> view(std::size_t first, std::size_t count) {
    return {values.data() + first * stride, {count, width}, {stride, 1}};
  }
};

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

template <class T, class S>
struct Answer {
  Sequence<T> y;
  std::vector<S> state;
  Answer(const System<S>& system, const Sequence<T>& u)
      : y(u.rows, u.width, u.stride), state(system.shape.state(), S(0)) {}
  bool same(const Answer& other) const { return same_bits(y.values, other.y.values) && same_bits(state, other.state); }
};

template <class T, class S>
Answer<T, S> scanned(const System<S>& system, const Sequence<T>& u) {
  Answer<T, S> answer(system, u);
  scan(system.layer(), u.view(0, u.rows), answer.state.data(), answer.y.view(0, u.rows));
  return answer;
}

/// y' in long double, and how far rounding may take it: at each time at most 2 rounded sums a state variable, each of
/// at most sum |b| + |a|_1 max |y'|, and 3 for the output; what they add goes on through 1 / A, sum |g| <= 10.
template <class S>
struct Truth {
  std::vector<long double> y;
  double bound = 0;

  template <class T>
  Truth(const System<S>& system, const Sequence<T>& u, std::size_t h) : y(u.rows, 0.0L) {
    const std::size_t order = system.shape.order;
    const double* const b = &system.b[h * order];
    const double* const a = &system.a[h * order];
    long double largest = 0;
    double size = 0;
    for (std::size_t t = 0; t < u.rows; ++t) {
      for (std::size_t i = 1; i <= std::min(order, t); ++i) y[t] += b[i - 1] * u.at(t - i, h) - a[i - 1] * y[t - i];
      largest = std::max(largest, std::fabs(y[t]));
    }
    for (std::size_t i = 0; i < order; ++i) size += std::fabs(b[i]) + std::fabs(a[i]) * static_cast<double>(largest);
    bound = (2.0 * static_cast<double>(order) * size * 10 + 3 * (1 + static_cast<double>(largest))) * unit<S> +
            11 * static_cast<double>(order) * silence<S>;
    for (std::size_t t = 0; t < u.rows; ++t) y[t] += system.h0[h] * static_cast<long double>(u.at(t, h));
  }
};

template <class T, class S>
void compare(const System<S>& system, const Sequence<T>& u) {
  const Answer<T, S> answer = scanned(system, u);
  for (std::size_t h = 0; h < u.width; ++h) {
    const Truth<S> want(system, u, h);
    for (std::size_t t = 0; t < u.rows; ++t) {
      CHECK_NEAR(answer.y.at(t, h), want.y[t], want.bound + unit<T> * std::fabs(static_cast<double>(want.y[t])));
    }
  }
}

template <class T, class S>
void every_shape() {
  for (std::size_t order = 1; order <= 70; ++order) {
    const std::size_t channels = order * 7 % 19 + 1;
    compare<T>(System<S>(channels, order, order), Sequence<T>::random(90, channels, order, channels + order % 3));
  }
  for (std::size_t channels = 1; channels <= 70; ++channels) {
    compare<T>(System<S>(channels, channels % 11 + 1, channels), Sequence<T>::random(30, channels, channels));
  }
}

template <class T, class S>
void chunks() {
  check::Random random(1);
  for (const std::size_t channels : {1u, 5u, 16u, 17u, 40u, 70u}) {
    for (const std::size_t order : {1u, 3u, 7u, 8u, 9u, 12u, 13u, 16u, 31u, 64u}) {
      const System<S> system(channels, order, 2);
      const Sequence<T> u = Sequence<T>::random(200, channels, 3, channels + order % 2);
      const Answer<T, S> whole = scanned(system, u);
      for (const std::size_t longest : {1u, 3u, 9u, 64u, 150u}) {
        Answer<T, S> parts(system, u);
        for (std::size_t t = 0; t < u.rows;) {
          const auto wish = static_cast<std::size_t>((random() + 1) / 2 * static_cast<double>(longest + 1));
          const std::size_t count = std::min(u.rows - t, wish);
          scan(system.layer(), u.view(t, count), parts.state.data(), parts.y.view(t, count));
          t += count;
        }
        CHECK(whole.same(parts));
      }
      Answer<T, S> steps(system, u);
      for (std::size_t t = 0; t < u.rows; ++t) {
        step(system.layer(), u.view(t, 1), View<S, 2>(steps.state.data(), {1, steps.state.size()}), steps.y.view(t, 1));
      }
      CHECK(whole.same(steps));
      Answer<T, S> in_place(system, u);
      in_place.y.values = u.values;
      scan(system.layer(), View<const T, 2>(in_place.y.view(0, u.rows)), in_place.state.data(),
           in_place.y.view(0, u.rows));
      for (std::size_t t = 0; t < u.rows; ++t) {
        CHECK(std::memcmp(&in_place.y.values[t * u.stride], &whole.y.values[t * u.stride], channels * sizeof(T)) == 0);
      }
    }
  }
}

/// Sample by sample, s_j <- s_{j+1} + b_{j+1} u - a_{j+1} y', with the compiler's own fused sums: what every block
/// rearranges. The bits are equal.
template <class S>
void order_of_sums() {
  using V = simd::vec<S, 1>;
  for (const std::size_t order : {1u, 2u, 8u, 9u, 17u, 40u}) {
    System<S> system(1, order, order);
    const Sequence<S> u = Sequence<S>::random(100, 1, 5);
    const Answer<S, S> answer = scanned(system, u);
    std::vector<V> s(order + 1, V(S(0)));
    for (std::size_t t = 0; t < u.rows; ++t) {
      const V input(u.at(t, 0) + transfer_silence<S>), y = s[0];
      const V out = fma(V(static_cast<S>(system.h0[0])), input, y);
      CHECK(out.v[0] == answer.y.at(t, 0));
      for (std::size_t j = 0; j < order; ++j) {
        s[j] = fnma(V(static_cast<S>(system.a[j])), y, fma(V(static_cast<S>(system.b[j])), input, s[j + 1]));
      }
    }
  }
}

template <class T, class S>
void batches() {
  for (const std::size_t channels : {1u, 16u, 21u}) {
    const std::size_t batch = 3, rows = 40;
    const System<S> system(channels, 9, 4);
    const std::size_t size = system.shape.state(), apart = size + 3;
    std::vector<S> states(batch * apart, S(0));
    std::vector<Sequence<T>> in;
    std::vector<Answer<T, S>> alone;
    for (std::size_t b = 0; b < batch; ++b) {
      in.push_back(Sequence<T>::random(rows, channels, 10 + b));
      alone.push_back(scanned(system, in[b]));
    }
    for (std::size_t t = 0; t < rows; ++t) {
      Sequence<T> u(batch, channels, channels + 1), y(batch, channels, channels + 5);
      for (std::size_t b = 0; b < batch; ++b)
        std::copy_n(&in[b].values[t * channels], channels, &u.values[b * u.stride]);
      step(system.layer(), std::as_const(u).view(0, batch), View<S, 2>(states.data(), {batch, size}, {apart, 1}),
           y.view(0, batch));
      for (std::size_t b = 0; b < batch; ++b) {
        CHECK(std::memcmp(&y.values[b * y.stride], &alone[b].y.values[t * channels], channels * sizeof(T)) == 0);
      }
    }
    for (std::size_t b = 0; b < batch; ++b) {
      CHECK(std::memcmp(&states[b * apart], alone[b].state.data(), size * sizeof(S)) == 0);
    }
  }
}

/// Shared denominators are those of their channels, written out.
void shared_denominators() {
  System<double> shared(12, 5, 1);
  for (const std::size_t rows : {1u, 2u, 3u, 4u, 6u, 12u}) {
    System<double> each(12, 5, 1);
    for (std::size_t h = 0; h < 12; ++h) std::copy_n(&shared.a[h / (12 / rows) * 5], 5, &each.a[h * 5]);
    each.pack();
    System<double> few(12, 5, 1);
    few.a.resize(rows * 5);
    few.pack();
    CHECK(std::equal(each.coefficients.begin(), each.coefficients.end(), few.coefficients.begin()));
  }
}

/// A state entered from inputs and outputs: 2 N roundings of each of its variables.
template <class T, class S>
void entered() {
  for (const std::size_t order : {1u, 4u, 9u, 33u}) {
    for (const std::size_t rows : {0u, 1u, 8u, 24u, 40u, 160u}) {
      const System<S> system(19, order, order);
      const Sequence<T> u = Sequence<T>::random(rows + 50, 19, 7);
      Sequence<T> head = Sequence<T>::random(rows, 19, 7);
      const Answer<T, S> whole = scanned(system, u);
      Answer<T, S> rest(system, u);
      Buffer<std::byte> scratch(state_after_workspace_bytes<S>(system.shape));
      for (std::size_t i = 0; i < system.shape.tiles(); ++i) {
        state_after(system.layer(), i, u.view(0, rows), whole.y.view(0, rows),
                    rest.state.data() + i * system.shape.tile_state(), workspace(scratch));
      }
      scan(system.layer(), u.view(rows, 50), rest.state.data(), rest.y.view(rows, 50));
      for (std::size_t h = 0; h < 19; ++h) {
        const Truth<S> want(system, u, h);
        double largest = 0, factors = 0;
        for (const long double y : want.y) largest = std::max(largest, std::fabs(static_cast<double>(y)));
        for (std::size_t i = 0; i < order; ++i) factors += std::fabs(system.a[h * order + i]);
        // y is rounded to T, y' = y - h0 u once more in S; both go through a and 1 / A.
        const double loss = 10 * factors * static_cast<double>(order) * (unit<T> + 2 * unit<S>)*(largest + 1);
        for (std::size_t t = rows; t < rows + 50; ++t) {
          CHECK_NEAR(rest.y.at(t, h), want.y[t], 2 * want.bound + loss + unit<T> * largest);
        }
      }
    }
  }
}

template <class T, class S>
void kernels() {
  for (std::size_t order = 1; order <= 70; order += order < 20 ? 1 : 7) {
    for (const std::size_t length : {0u, 1u, 2u, 7u, 8u, 9u, 65u, 131u, 300u}) {
      const std::size_t channels = order % 16 + 1;
      const System<S> system(channels, order, order);
      std::vector<S> a(tile * response_rows(order), S(0)), s = a;
      for (std::size_t h = 0; h < channels; ++h) {
        for (std::size_t j = 0; j < order; ++j) {
          a[j * tile + h] = static_cast<S>(system.a[h * order + j]);
          s[j * tile + h] = static_cast<S>(system.b[h * order + j]);
        }
      }
      const std::size_t stride = length + 3;
      std::vector<T> out(channels * stride + 1, T(77));
      impulse_tile(response_rows(order), a.data(), s.data(), channels, out.data(), stride, length);
      Sequence<double> impulse(length + order + 1, channels);
      for (std::size_t h = 0; h < channels; ++h) impulse.values[h] = 1;
      for (std::size_t h = 0; h < channels; ++h) {
        const Truth<S> want(system, impulse, h);
        for (std::size_t t = 0; t < length; ++t) {
          const double h_t = static_cast<double>(want.y[t + 1]);
          CHECK_NEAR(out[h * stride + t], h_t, want.bound + unit<T> * std::fabs(h_t) + 1e-23);
        }
        for (std::size_t t = length; t < stride; ++t) CHECK(out[h * stride + t] == T(77));
        // The state is the numerator of what follows: sum_{i<=j} a_i h_{length+1+j-i}, a_0 = 1.
        for (std::size_t j = 0; j < order; ++j) {
          long double numerator = want.y[length + 1 + j];
          for (std::size_t i = 1; i <= j; ++i) numerator += system.a[h * order + i - 1] * want.y[length + 1 + j - i];
          CHECK_NEAR(s[j * tile + h], numerator, 2 * want.bound + 1e-23);
        }
      }
    }
  }
}

/// A kernel that dies away becomes 0, not denormal; one that grows does not vanish.
template <class S>
void fading_kernels() {
  std::vector<S> a(tile * response_rows(1), S(0)), s = a;
  a[0] = -0.5;
  a[1] = S(-1.1);
  s[0] = s[1] = 1;
  std::vector<float> out(2 * 9000, 0.0f);
  impulse_tile(response_rows(1), a.data(), s.data(), 2, out.data(), 9000, 9000);
  // 2^-80 (2^-36) of the peak is reached at sample 80 (36), and seen within the 64 that are staged together.
  const std::size_t last = sizeof(S) == 4 ? 36 : 80;
  for (std::size_t t = 0; t < last; ++t) CHECK(out[t] == std::ldexp(1.0f, -static_cast<int>(t)));
  for (std::size_t t = last + 64; t < 9000; ++t) CHECK(out[t] == 0);
  CHECK_CLOSE(out[9000 + 400], std::pow(1.1, 400), 400 * 0x1p-24);
  CHECK(!std::isfinite(out[9000 + 8000]));
}

/// Chunks against single samples: outputs, the state at their end, and a state in which samples wait at their
/// beginning.
template <class T, class S>
void in_chunks() {
  for (const std::size_t order : {1u, 4u, 8u, 13u, 24u, 70u}) {
    const System<S> system(order % 19 + 1, order, order);
    const TransferShape shape = system.shape;
    const RingPlan<S> plan(chunk_length(shape), InLanes::channels, Turn::right_angle, ring_radix);
    const std::size_t n = plan.points(), each = TransferChunk<S>::groups * 2 * plan.spectrum_size();
    CHECK(n == chunk_length(shape));
    Buffer<S> spectra(shape.tiles() * each);
    Buffer<std::byte> bytes(std::max(prepare_chunk_workspace_bytes(plan, shape), chunk_workspace_bytes(plan)));
    for (std::size_t i = 0; i < shape.tiles(); ++i) {
      prepare_chunk(system.layer(), plan, i, spectra.data() + i * each, workspace(bytes));
    }
    const TransferChunk<S> chunk{&plan, spectra.data()};
    for (const std::size_t before : {0u, 3u, 8u}) {
      const auto u = Sequence<T>::random(before + 2 * n + 9, shape.channels, order, shape.channels + order % 3);
      Answer<T, S> answer(system, u);
      scan(system.layer(), u.view(0, before), answer.state.data(), answer.y.view(0, before));
      chunk_tiles(system.layer(), chunk, 0, shape.tiles(), u.view(before, 2 * n), answer.state.data(),
                  answer.y.view(before, 2 * n), workspace(bytes));
      scan(system.layer(), u.view(before + 2 * n, 9), answer.state.data(), answer.y.view(before + 2 * n, 9));
      for (std::size_t h = 0; h < shape.channels; ++h) {
        const Truth<S> want(system, u, h);
        // The transforms' 2 log2(n) roundings of |y| and |b|_1, through sum |g| <= 10; see chunk_tiles.
        double size = 0;
        for (std::size_t i = 0; i < order; ++i) size += std::fabs(system.b[h * order + i]);
        for (const long double y : want.y) size = std::max(size, static_cast<double>(std::fabs(y)));
        const double loss = 20 * std::log2(static_cast<double>(n)) * unit<S> * size;
        for (std::size_t t = 0; t < u.rows; ++t) {
          CHECK_NEAR(answer.y.at(t, h), want.y[t], want.bound + loss + unit<T> * size);
        }
      }
    }
  }
}

/// 16 poles p e^(i phi), one a channel and order 2, by transforms: right where p^(2 n) is nothing, refused where not.
void kernels_by_transforms() {
  for (const std::size_t n : {8u, 20u, 64u, 96u}) {
    const RingPlan<float> plan(n, InLanes::channels, Turn::right_angle, ring_radix);
    Buffer<std::byte> bytes(response_workspace_bytes(plan));
    for (const double radius : {0.3, 0.5, 0.9, 0.99, 1.1}) {
      for (const std::size_t channels : {1u, 7u, 16u}) {
        std::vector<float> b(3 * tile, 0.0F), a = b;
        for (std::size_t l = 0; l < tile; ++l) {
          a[l] = b[tile + l] = 1;
          a[tile + l] = static_cast<float>(-2 * radius * std::cos(0.2 * static_cast<double>(l)));
          a[2 * tile + l] = static_cast<float>(radius * radius);
        }
        for (const std::size_t length : {1u, 7u, 63u, 200u}) {
          std::vector<float> out(channels * 201, 77.0F);
          const bool ended =
              response_by_transform(plan, 2, b.data(), a.data(), channels, out.data(), 201, length, workspace(bytes));
          const double left = std::pow(radius, 2.0 * static_cast<double>(n)) * 2 * static_cast<double>(n);
          if (left < 1e-9 && n >= 64) CHECK(ended);  // shorter transforms are too inexact to see it
          if (left > 1e-2) CHECK(!ended);
          if (!ended) continue;
          for (std::size_t l = 0; l < channels; ++l) {
            double before = 0, h = 1, peak = 1, worst = 0;
            for (std::size_t t = 0; t < length; ++t) {
              worst = std::max(worst, std::fabs(h - static_cast<double>(out[l * 201 + t])));
              peak = std::max(peak, std::fabs(h));
              const double next = -static_cast<double>(a[tile + l]) * h - static_cast<double>(a[2 * tile + l]) * before;
              before = h;
              h = next;
            }
            // |A| >= (1 - radius)^2, its spectrum's rounding 2^-23 |a|_1 against it
            CHECK(worst <= 4 * 0x1p-23 * peak / ((1 - radius) * (1 - radius)));
            CHECK(out[l * 201 + 200] == 77.0F);
          }
        }
      }
    }
  }
}

/// sum g^2 of a first-order system is 1 / (1 - a^2).
void power_gains() {
  std::vector<double> a(tile, 0.0), gain(tile);
  for (std::size_t l = 0; l < tile; ++l) a[l] = static_cast<double>(l) / 15;
  power_gain(1, a.data(), gain.data());
  for (std::size_t l = 0; l + 1 < tile; ++l) {
    CHECK_CLOSE(gain[l], 1 / (1 - static_cast<double>(l * l) / 225), 0x1p-47);
  }
  CHECK(!std::isfinite(gain[15]));
}

/// b -> kernel -> b.
void numerators() {
  for (std::size_t order = 1; order <= 20; ++order) {
    const std::size_t channels = 6;
    System<double> system(channels, order, order);
    system.a.resize(2 * order);  // two denominators, three channels each
    std::vector<double> b(channels * order);
    Sequence<double> impulse(order + 1, 1);
    impulse.values[0] = 1;
    std::vector<double> k(channels * (order + 1));
    for (std::size_t h = 0; h < channels; ++h) {
      System<double> one(1, order, 1);
      std::copy_n(&system.b[h * order], order, one.b.begin());
      std::copy_n(&system.a[h / 3 * order], order, one.a.begin());
      one.h0[0] = system.h0[h];
      const Truth<double> want(one, impulse, 0);
      for (std::size_t t = 0; t <= order; ++t) k[h * (order + 1) + t] = static_cast<double>(want.y[t]);
    }
    numerator_of_kernel(View<const double, 2>(k.data(), {channels, order + 1}),
                        View<const double, 2>(system.a.data(), {2, order}),
                        View<double, 2>(b.data(), {channels, order}));
    // Each of at most N products rounded, of values up to 10 N.
    for (std::size_t i = 0; i < b.size(); ++i)
      CHECK_NEAR(b[i], system.b[i], 20.0 * static_cast<double>(order * order) * 0x1p-53);
  }
}

/// Silence leaves no denormals in the states, and what a caller writes into a state is never used as a position.
void silence_and_strange_states() {
  const System<float> system(16, 8, 3);
  std::vector<float> state(system.shape.state(), 0.0f);
  Sequence<float> u(64, 16), y(64, 16);
  u.values[0] = 1;
  for (int turn = 0; turn < 200; ++turn) {
    scan(system.layer(), std::as_const(u).view(0, 64), state.data(), y.view(0, 64));
    u.values[0] = 0;
  }
  for (const float s : state) CHECK(s == 0 || std::fabs(s) > 1e-37f);
  for (const float strange : {-1.0f, 8.0f, 1e30f, HUGE_VALF, -HUGE_VALF, NAN, 3.7f}) {
    std::fill(state.begin(), state.end(), strange);
    scan(system.layer(), std::as_const(u).view(0, 64), state.data(), y.view(0, 64));
    step(system.layer(), std::as_const(u).view(0, 1), View<float, 2>(state.data(), {1, state.size()}), y.view(0, 1));
  }
  CHECK(true);  // the sanitizers would have spoken
}

}  // namespace

TEST(transfer_scan_is_the_recurrence) {
  every_shape<float, float>();
  every_shape<double, double>();
  every_shape<float, double>();
}
TEST(transfer_pieces_agree_bit_for_bit) {
  chunks<float, float>();
  chunks<double, double>();
  chunks<float, double>();
}
TEST(transfer_sums_in_the_order_of_single_samples) {
  order_of_sums<float>();
  order_of_sums<double>();
}
TEST(transfer_batch_equals_one_by_one) {
  batches<float, float>();
  batches<float, double>();
}
TEST(transfer_denominators_are_shared) {
  shared_denominators();
}
TEST(transfer_state_from_inputs_and_outputs) {
  entered<float, float>();
  entered<double, double>();
  entered<float, double>();
}
TEST(transfer_in_chunks_is_the_scan) {
  in_chunks<float, float>();
  in_chunks<double, double>();
  in_chunks<float, double>();
}

TEST(transfer_kernel_is_the_impulse_response) {
  kernels<float, float>();
  kernels<float, double>();
  kernels<double, double>();
}
TEST(transfer_kernels_fade_to_zero) {
  fading_kernels<float>();
  fading_kernels<double>();
  kernels_by_transforms();
  power_gains();
}
TEST(transfer_numerator_from_the_kernels_head) {
  numerators();
}
TEST(transfer_silence_and_strange_states) {
  silence_and_strange_states();
}
