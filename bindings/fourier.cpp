// SPDX-License-Identifier: Apache-2.0
#include <nanobind/stl/complex.h>

#include <algorithm>
#include <complex>
#include <memory>
#include <mutex>
#include <vector>

#include "module.hpp"
#include "pool.hpp"
#include "shares.hpp"
#include "table.hpp"

namespace danaus::bindings {
namespace {

/// A plan: one of the last few that were asked for, or a new one.
template <class T>
std::shared_ptr<const FourierPlan<T>> fourier_plan(std::size_t n, bool real, InLanes in_lanes) {
  struct Entry {
    std::size_t n;
    bool real;
    InLanes in_lanes;
    std::shared_ptr<const FourierPlan<T>> plan;
  };
  static std::mutex mutex;
  static std::vector<Entry> recent;  // the newest last
  {
    const std::lock_guard lock(mutex);
    const auto found = std::find_if(recent.begin(), recent.end(), [&](const Entry& e) {
      return e.n == n && e.real == real && e.in_lanes == in_lanes;
    });
    if (found != recent.end()) {
      std::rotate(found, found + 1, recent.end());
      return recent.back().plan;
    }
  }
  const FftKernels<T>& run = kernels().fft<T>();
  const auto ring = [&](std::size_t least, InLanes in) {
    return std::make_shared<const RingPlan<T>>(least, in, Turn::full, run.radix);
  };
  auto plan = std::make_shared<const FourierPlan<T>>(n, real, in_lanes, ring, run.spectrum);
  const std::lock_guard lock(mutex);
  if (recent.size() == 16) recent.erase(recent.begin());
  recent.push_back({n, real, in_lanes, plan});
  return plan;
}

/// Signals that stand in an array (count, inner), inner values a point.
template <class U, class E>
Signals<U> signals_of(E* data, std::size_t count, std::size_t channels, std::size_t inner) {
  constexpr std::size_t wide = sizeof(E) / sizeof(U);
  auto* const p = reinterpret_cast<U*>(data);
  Signals<U> s{p, wide == 2 ? p + 1 : nullptr, count, channels, wide * inner, wide};
  if (inner == 1) s.apart = wide * count;  // one after the other instead
  return s;
}

/// x (outer, count, inner) along its middle axis to n points, or from their transform.
template <class T, class From, class To>
Result<To> transform(const Array& x, std::size_t n, bool back, const nb::object& out, std::size_t threads) {
  constexpr bool real = !std::is_same_v<From, To>;
  const char* const where = "fft";
  Input<From> in(where, "x", x);
  if (in.ndim() != 3) wrong_shape(where, "x", "(outer, count, inner)", in.shape());
  if (n < 1 || n >= (std::size_t(1) << 31)) {
    throw nb::value_error(
        (std::string(where) + ": n must be positive and below 2^31, is " + std::to_string(n)).c_str());
  }
  const std::size_t outer = in.shape(0), count = in.shape(1), inner = in.shape(2);
  const bool halved = sizeof(To) > sizeof(From);
  const std::size_t points = halved ? n / 2 + 1 : n, taken = std::min(count, real && back ? n / 2 + 1 : n);
  Result<To> y = output<To>(where, out, {outer, points, inner});
  in.shield_from(y, false);
  if (y.size() == 0) return y;
  const nb::gil_scoped_release unlocked;
  const bool alone = FourierPlan<T>::can_be_alone(n, real) && 2 * inner <= lanes<T>;
  const auto plan = fourier_plan<T>(n, real, segments_if(alone));
  const std::size_t blocks = inner == 1 ? 1 : outer, channels = inner == 1 ? outer : inner;
  const std::size_t width = plan->channels(), groups = (channels + width - 1) / width;
  Shares shares(blocks * groups, threads, fourier_workspace_bytes(*plan));
  shares.run(threads, [&](std::size_t i, Workspace scratch) noexcept {
    Signals<const T> from = signals_of<const T>(in.data() + i / groups * count * inner, count, channels, inner);
    from.count = taken;
    Signals<T> to = signals_of<T>(y.data() + i / groups * points * inner, points, channels, inner);
    kernels().fft<T>().fourier(*plan, back, i % groups * width, from, to, scratch);
  });
  return y;
}

template <class T>
void bind_type(nb::module_& m, const std::string& bits) {
  using namespace nb::literals;
  using C = std::complex<T>;
  const auto bind = [&](const char* name, auto* function) {
    m.def((name + bits).c_str(), function, "x"_a.noconvert(), "n"_a, "back"_a, "out"_a = nb::none(), "threads"_a = 1);
  };
  bind("fourier_complex", &transform<T, C, C>);
  bind("fourier_real", &transform<T, T, C>);
  bind("fourier_real_back", &transform<T, C, T>);
}

}  // namespace

void bind_fourier(nb::module_& m) {
  bind_type<float>(m, "32");
  bind_type<double>(m, "64");
}

}  // namespace danaus::bindings
