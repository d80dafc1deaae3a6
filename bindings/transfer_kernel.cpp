// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>

#include <danaus/core/buffer.hpp>
#include <danaus/ssm/impulse.hpp>
#include <danaus/ssm/transfer_numerator.hpp>

#include "channels.hpp"
#include "module.hpp"
#include "pool.hpp"
#include "rings.hpp"
#include "table.hpp"
#include "transfer.hpp"

namespace danaus::bindings {
namespace {

constexpr const char* where = Coefficients::where;

/// Writes `rows` rows of a tile, coefficient j of channel first + l at row j + from, and 0 in the others.
template <class S>
void gather_rows(View<const double, 2> values, std::size_t sharing, std::size_t first, std::size_t channels,
                 std::size_t rows, std::size_t from, S* out) noexcept {
  std::fill_n(out, rows * tile, S(0));
  for (std::size_t l = 0; l < channels; ++l) {
    const double* const row = values.row((first + l) / sharing);
    for (std::size_t j = 0; j < values.extent(1); ++j) out[(j + from) * tile + l] = static_cast<S>(row[j]);
  }
}

/// One thread's way to the responses of tiles.
struct Responses {
  const Coefficients& given;
  std::size_t rows = response_rows(given.shape.order), sharing = given.shape.channels / given.a.shape(0);
  // One behind the other: apart by another distance, loads of the one may wait for stores of the other (a tenth
  // slower).
  Buffer<double> doubles = Buffer<double>(2 * rows * tile);
  Buffer<float> floats{};

  explicit Responses(const Coefficients& of) : given(of) {}

  std::size_t channels(std::size_t i) const noexcept { return std::min(tile, given.shape.channels - i * tile); }
  double* state() noexcept { return doubles.data() + rows * tile; }

  /// h_1 .. h_length to out, or only the state after them.
  template <class T, class S>
  void recur(std::size_t i, S* factors, T* out, std::size_t stride, std::size_t length) noexcept {
    gather_rows(given.denominator(), sharing, i * tile, channels(i), rows, 0, factors);
    gather_rows(given.numerator(), 1, i * tile, channels(i), rows, 0, factors + rows * tile);
    kernels().transfer->template impulse<T, S>()(rows, factors, factors + rows * tile, channels(i), out, stride,
                                                 length);
  }
  /// The same by transforms, where they suffice.
  bool transform(std::size_t i, const RingPlan<float>& plan, float* out, std::size_t stride, std::size_t length,
                 Workspace scratch) noexcept {
    const std::size_t order = given.shape.order;
    float *const a = floats.data(), *const b = a + (order + 1) * tile;
    gather_rows(given.denominator(), sharing, i * tile, channels(i), order + 1, 1, a);
    gather_rows(given.numerator(), 1, i * tile, channels(i), order + 1, 1, b);
    std::fill_n(a, tile, 1.0F);
    return kernels().transfer->response_by_transform(plan, order, b, a, channels(i), out, stride, length, scratch);
  }
};

/// Runs `visit(responses, tile)` for every tile. `floats`: elements that each thread needs besides.
template <class F>
void each_tile(const Coefficients& given, std::size_t threads, std::size_t floats, F visit) {
  const std::size_t tiles = given.shape.tiles(), pieces = std::min(threads, tiles);
  std::vector<Responses> responses(pieces, Responses(given));
  for (Responses& one : responses) one.floats.resize(floats);
  const nb::gil_scoped_release unlocked;
  executor(threads)(pieces, [&](std::size_t p) noexcept {
    for (std::size_t i = p * tiles / pieces; i < (p + 1) * tiles / pieces; ++i) visit(responses[p], p, i);
  });
}

/// The response (H, length) with h0 in front, not filled in behind.
template <class T>
Result<T> response_array(const Coefficients& given, const Array& h0, std::size_t length, const nb::object& out) {
  const Input<double> direct(where, "h0", h0);
  expect_shape(where, "h0", direct.shape(), {given.shape.channels});
  Result<T> k = output<T>("ssm.kernel", out, {given.shape.channels, length});
  for (std::size_t h = 0; h < given.shape.channels && length > 0; ++h) {
    k.data()[h * length] = static_cast<T>(direct.data()[h]);
  }
  return k;
}

/// The impulse response (H, length): h0, h_1, h_2, ... in double precision, then rounded.
template <class T>
Result<T> impulse_response(const Array& b, const Array& a, const Array& h0, std::size_t length, const nb::object& out,
                           std::size_t threads) {
  const Coefficients given(b, a);
  Result<T> k = response_array<T>(given, h0, length, out);
  if (length == 0) return k;
  T* const first = k.data() + 1;
  each_tile(given, threads, 0, [&](Responses& to, std::size_t, std::size_t i) noexcept {
    to.recur<T>(i, to.doubles.data(), first + i * tile * length, length, length - 1);
  });
  return k;
}

/// The rings in which responses of `length` samples are looked for: of 2 n samples, n >= 512 and >= 8 orders (so that
/// the transforms' error, spread over n samples, is small), of which one that has ended leaves nothing; then twice as
/// large each time. For orders below 128 the recurrence is faster than a second try, and than one of 2 n >= length.
std::vector<std::shared_ptr<const RingPlan<float>>> response_rings(std::size_t order, std::size_t length) {
  std::vector<std::shared_ptr<const RingPlan<float>>> plans;
  for (std::size_t n = std::max<std::size_t>(512, std::bit_ceil(8 * order));; n *= 2) {
    if (order < 128 && 2 * n >= length) break;
    if (length > order) plans.push_back(ring<float>(n, InLanes::channels));
    if (order < 128 || 2 * n >= length) break;
  }
  return plans;
}

/// The same in float, for channels that lose nothing by it. `single` (H): 0 for those that need double precision,
/// 1 for those that stand transforms in float, 2 a recurrence, too; a tile runs as the least of its channels allows.
Result<float> quick_response(const Array& b, const Array& a, const Array& h0, const Array& single, std::size_t length,
                             const nb::object& out, std::size_t threads) {
  const Coefficients given(b, a);
  const Input<std::uint8_t> quick(where, "single", single);
  expect_shape(where, "single", quick.shape(), {given.shape.channels});
  Result<float> k = response_array<float>(given, h0, length, out);
  if (length == 0) return k;
  const std::size_t order = given.shape.order;
  const auto plans = response_rings(order, length);
  std::size_t bytes = 0;
  for (const auto& plan : plans) bytes = std::max(bytes, response_workspace_bytes(*plan));
  std::vector<Scratch> scratch;
  for (std::size_t p = 0; p < std::min(threads, given.shape.tiles()); ++p) scratch.emplace_back(bytes);
  float* const first = k.data() + 1;
  const std::size_t floats = 2 * tile * std::max(order + 1, response_rows(order));
  each_tile(given, threads, floats, [&](Responses& to, std::size_t p, std::size_t i) noexcept {
    float* const rows = first + i * tile * length;
    const std::uint8_t* const here = quick.data() + i * tile;
    const std::uint8_t least = *std::min_element(here, here + to.channels(i));
    for (std::size_t way = 0; least > 0 && way < plans.size(); ++way) {
      if (to.transform(i, *plans[way], rows, length, length - 1, scratch[p].workspace())) return;
    }
    if (least > 1) {
      to.recur<float>(i, to.floats.data(), rows, length, length - 1);
    } else {
      to.recur<float>(i, to.doubles.data(), rows, length, length - 1);
    }
  });
  return k;
}

/// sum_t g_t^2 of g = 1 / A, (num_a); see power_gain.
Result<double> gain_of(const Array& a, std::size_t threads) {
  const Coefficients given(a, a);
  Result<double> gain = make_array<double>({given.shape.channels});
  each_tile(given, threads, 0, [&](Responses& to, std::size_t, std::size_t i) noexcept {
    double found[tile];
    gather_rows(given.denominator(), 1, i * tile, to.channels(i), to.rows, 0, to.doubles.data());
    kernels().transfer->power_gain(given.shape.order, to.doubles.data(), found);
    std::copy_n(found, to.channels(i), gain.data() + i * tile);
  });
  return gain;
}

/// h_1 .. h_length (H, length) in twice the digits, rounded once: what other forms are judged by.
Result<double> precise_response(const Array& b, const Array& a, std::size_t length, std::size_t threads) {
  const Rows<double> above(where, "b", b), below(where, "a", a);
  expect_shape(where, "b", above.shape(), below.shape());
  Result<double> h = make_array<double>({above.channels(), length});
  each_channel(above.channels(), threads, [&](std::size_t i) {
    const std::vector<double> found = convert::impulse_of_transfer<Twofold>(above[i], below[i], length);
    std::copy(found.begin(), found.end(), h.data() + i * length);
  });
  return h;
}

/// The numerators (H, N) of what follows after `length` samples of b's responses. "double"; "fading": 0 where that is
/// below 2^-80 of b; "single": states in float.
Result<double> advance_numerator(const Array& b, const Array& a, std::size_t length, const std::string& states,
                                 std::size_t threads) {
  const Coefficients given(b, a);
  const std::size_t order = given.shape.order;
  const bool single = states == "single", fading = states == "fading";
  Result<double> later = make_array<double>({given.shape.channels, order});
  const auto write = [&](const auto* state, std::size_t i, std::size_t channels) noexcept {
    for (std::size_t l = 0; l < channels; ++l) {
      double* const row = later.data() + (i * tile + l) * order;
      for (std::size_t j = 0; j < order; ++j) row[j] = static_cast<double>(state[j * tile + l]);
    }
  };
  each_tile(given, threads, single ? 2 * tile * response_rows(order) : 0,
            [&](Responses& from, std::size_t, std::size_t i) noexcept {
              if (single) {
                from.recur<float>(i, from.floats.data(), static_cast<float*>(nullptr), 0, length);
                return write(from.floats.data() + from.rows * tile, i, from.channels(i));
              }
              if (fading) {
                from.recur<float>(i, from.doubles.data(), static_cast<float*>(nullptr), 0, length);
              } else {
                from.recur<double>(i, from.doubles.data(), static_cast<double*>(nullptr), 0, length);
              }
              write(from.state(), i, from.channels(i));
            });
  return later;
}

/// k (H, samples) and a (num_a, N) to b (H, N); see numerator_of_kernel.
Result<double> numerator(const Array& k, const Array& a) {
  const Input<double> kernel(where, "kernel", k), factors(where, "a", a);
  if (kernel.ndim() != 2 || kernel.size() == 0) wrong_shape(where, "kernel", "(H, length)", kernel.shape());
  const std::size_t channels = kernel.shape(0);
  if (factors.ndim() != 2 || factors.size() == 0 || channels % factors.shape(0) != 0) {
    wrong_shape(where, "a", "(num_a, N), num_a a divisor of H", factors.shape());
  }
  const std::size_t order = factors.shape(1);
  Result<double> b = make_array<double>({channels, order});
  const nb::gil_scoped_release unlocked;
  numerator_of_kernel(View<const double, 2>(kernel.data(), {channels, kernel.shape(1)}),
                      View<const double, 2>(factors.data(), {factors.shape(0), order}),
                      View<double, 2>(b.data(), {channels, order}));
  return b;
}

}  // namespace

void bind_transfer_kernel(nb::module_& m) {
  m.def("transfer_kernel32", &impulse_response<float>, "b"_a, "a"_a, "h0"_a, "length"_a, "out"_a = nb::none(),
        "threads"_a = 1);
  m.def("transfer_kernel64", &impulse_response<double>, "b"_a, "a"_a, "h0"_a, "length"_a, "out"_a = nb::none(),
        "threads"_a = 1);
  m.def("transfer_kernel_quick", &quick_response, "b"_a, "a"_a, "h0"_a, "single"_a, "length"_a, "out"_a = nb::none(),
        "threads"_a = 1);
  m.def("power_gain", &gain_of, "a"_a, "threads"_a = 1);
  m.def("precise_response", &precise_response, "b"_a, "a"_a, "length"_a, "threads"_a = 1);
  m.def("advance_numerator", &advance_numerator, "b"_a, "a"_a, "length"_a, "states"_a, "threads"_a = 1);
  m.def("numerator_of_kernel", &numerator, "kernel"_a, "a"_a);
}

}  // namespace danaus::bindings
