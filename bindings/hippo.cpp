// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <optional>
#include <vector>

#include <danaus/core/tile.hpp>
#include <danaus/hippo/memory.hpp>
#include <danaus/hippo/quadrature.hpp>
#include <danaus/hippo/step_memory.hpp>

#include "guarded.hpp"
#include "module.hpp"
#include "pool.hpp"
#include "table.hpp"

namespace danaus::bindings {
namespace {

constexpr const char* where = "hippo.Memory";

LegsMethod method_of(const std::string& name) {
  if (name == "bilinear") return LegsMethod::bilinear;
  if (name == "hippo_bilinear") return LegsMethod::hippo_bilinear;
  if (name == "backward_euler") return LegsMethod::backward_euler;
  if (name == "forward_euler") return LegsMethod::forward_euler;
  raise<Error>(
      "hippo.Memory: method must be 'exact', 'bilinear', 'hippo_bilinear', 'backward_euler' or "
      "'forward_euler', is '" +
      name + "'");
}

/// A memory of one element type for Python; Core is its C++ class.
template <class Core, class T>
class Memory {
 public:
  Memory(std::size_t n, std::size_t channels)
    requires std::is_same_v<Core, LegsMemory<T>>
      : memory_(Core(kernels().legs<T>(), n, channels)) {}
  Memory(const std::string& method, std::size_t n, std::size_t channels)
    requires std::is_same_v<Core, LegsStepMemory<T>>
      : memory_(Core(kernels().legs_steps<T>(), kernels().legs<T>(), method_of(method), n, channels)) {}

  void step(const Array& u) {
    const Input<T> in(where, "u", u);
    expect_shape(where, "u", in.shape(), {channels()});
    memory_.with([&](Core& memory) { memory.step(in.span()); });
  }

  void extend(const Array& u, const nb::object& times, std::size_t threads) {
    const Samples in(*this, u, times);
    memory_.with([&](Core& memory) { in.feed(memory, 0, in.length(), 0, threads); });
  }

  /// The coefficients after each `every` samples (pieces, channels, n); `fresh`: of these samples alone.
  Result<T> trajectory(const Array& u, const nb::object& times, std::size_t every, bool fresh, const nb::object& out,
                       std::size_t threads) {
    if (every == 0) throw nb::value_error("hippo.project: every must be at least 1, is 0");
    const Samples in(*this, u, times);
    const std::size_t pieces = in.length() / every, each = channels() * order();
    Result<T> along = output<T>("hippo.project", out, {pieces, channels(), order()});
    memory_.with([&](Core& memory) {
      double begin = 0;
      for (std::size_t i = 0; i < pieces; ++i) {
        if (fresh) memory.reset();
        in.feed(memory, i * every, every, begin, threads);
        if (fresh) begin = in.end((i + 1) * every - 1);
        memory.coefficients(View<T, 2>(along.data() + i * each, {channels(), order()}));
      }
    });
    return along;
  }

  Result<T> coefficients(const nb::object& out) const {
    Result<T> found = output<T>(where, out, {channels(), order()});
    memory_.with([&](const Core& memory) { memory.coefficients(View<T, 2>(found.data(), {channels(), order()})); });
    return found;
  }

  Result<T> reconstruct(const Array& times) const {
    const Input<double> at(where, "times", times);
    if (at.ndim() != 1) wrong_shape(where, "times", "(count,)", at.shape());
    Result<T> out = make_array<T>({at.size(), channels()});
    memory_.with(
        [&](const Core& memory) { memory.reconstruct(at.span(), View<T, 2>(out.data(), {at.size(), channels()})); });
    return out;
  }

  void merge(const Memory& other) {
    const Memory second(other);  // a copy: never two locks at once
    memory_.with([&](Core& memory) { memory.merge(second.memory_.fixed()); });
  }

  void reset() {
    memory_.with([](Core& memory) { memory.reset(); });
  }
  Memory copy() const { return *this; }

  Result<double> state() const {
    Result<double> copy = make_array<double>({memory_.fixed().state_size()});
    memory_.with([&](const Core& memory) {
      const auto all = memory.state();
      std::copy(all.begin(), all.end(), copy.data());
    });
    return copy;
  }
  void set_state(const Array& state) {
    const Input<double> in(where, "state", state);
    expect_shape(where, "state", in.shape(), {memory_.fixed().state_size()});
    memory_.with([&](Core& memory) { memory.restore(in.span()); });
  }

  double time() const {
    return memory_.with([](const Core& memory) { return memory.time(); });
  }
  std::size_t order() const { return memory_.fixed().order(); }
  std::size_t channels() const { return memory_.fixed().channels(); }

 private:
  /// Samples (length, channels) and, where they are given, their end times.
  class Samples {
   public:
    Samples(const Memory& memory, const Array& u, const nb::object& times) : in_(where, "u", u) {
      const std::size_t channels = memory.channels();
      if (in_.ndim() != 2) wrong_shape(where, "u", "(length, " + std::to_string(channels) + ")", in_.shape());
      expect_shape(where, "u", in_.shape(), {in_.shape(0), channels});
      if (times.is_none()) return;
      ends_.emplace(where, "times", nb::cast<Array>(times));
      expect_shape(where, "times", ends_->shape(), {in_.shape(0)});
      legs_check_increasing(ends_->span(), -std::numeric_limits<double>::infinity());
    }
    std::size_t length() const noexcept { return in_.shape(0); }
    double end(std::size_t k) const noexcept { return ends_ ? ends_->data()[k] : static_cast<double>(k + 1); }
    /// Samples [first, first + count), their times from `begin` on.
    void feed(Core& memory, std::size_t first, std::size_t count, double begin, std::size_t threads) const {
      const View<const T, 2> part(in_.data() + first * in_.shape(1), {count, in_.shape(1)});
      if (!ends_) return memory.extend(part, executor(threads));
      std::vector<double> moved;
      std::span<const double> ends = ends_->span().subspan(first, count);
      if (begin != 0) {
        for (const double at : ends) moved.push_back(at - begin);
        ends = moved;
      }
      memory.extend(part, ends, executor(threads));
    }

   private:
    Input<T> in_;
    std::optional<Input<double>> ends_;
  };

  Guarded<Core> memory_;
};

template <class Core, class T, class Init>
void bind_memory(nb::module_& m, const char* name, const char* words, Init init) {
  using M = Memory<Core, T>;
  nb::class_<M> bound(m, name, words);
  init(bound);
  bound.def("step", &M::step, "u"_a)
      .def("extend", &M::extend, "u"_a, "times"_a = nb::none(), "threads"_a = 1)
      .def("trajectory", &M::trajectory, "u"_a, "times"_a.none(), "every"_a, "fresh"_a = false, "out"_a = nb::none(),
           "threads"_a = 1)
      .def("coefficients", &M::coefficients, "out"_a = nb::none())
      .def("reconstruct", &M::reconstruct, "times"_a)
      .def("merge", &M::merge, "other"_a)
      .def("reset", &M::reset)
      .def("copy", &M::copy)
      .def_prop_ro("time", &M::time)
      .def_prop_ro("n", &M::order)
      .def_prop_ro("channels", &M::channels)
      .def_prop_rw("state", &M::state, &M::set_state, nb::for_getter(nb::rv_policy::automatic));
}

template <class T>
void bind_memories(nb::module_& m, const char* exact, const char* steps) {
  bind_memory<LegsMemory<T>, T>(m, exact, "Exact online HiPPO-LegS memory.",
                                [](auto& c) { c.def(nb::init<std::size_t, std::size_t>(), "n"_a, "channels"_a = 1); });
  bind_memory<LegsStepMemory<T>, T>(m, steps, "Online HiPPO-LegS memory, one step of O(n) a sample.", [](auto& c) {
    c.def(nb::init<const std::string&, std::size_t, std::size_t>(), "method"_a, "n"_a, "channels"_a = 1);
  });
}

/// The series of coefficients (channels, n) over [0, span) at `times`: (times, channels).
Result<double> legs_evaluate(const Array& coefficients, double span, const Array& times) {
  const Input<double> f(where, "coefficients", coefficients), at(where, "times", times);
  if (f.ndim() != 2 || f.size() == 0) wrong_shape(where, "coefficients", "(channels, n)", f.shape());
  if (at.ndim() != 1) wrong_shape(where, "times", "(count,)", at.shape());
  const std::size_t channels = f.shape(0), n = f.shape(1);
  Result<double> out = make_array<double>({at.size(), channels});
  const nb::gil_scoped_release unlocked;
  std::vector<double> turned(f.size());
  for (std::size_t c = 0; c < channels; ++c)
    for (std::size_t i = 0; i < n; ++i) turned[i * channels + c] = f.data()[c * n + i];
  const LegsTables tables = legs_series(n);
  const Scratch scratch(kernels().legs<double>().workspace_bytes(tables, channels));
  kernels().legs<double>().evaluate(tables, turned.data(), span, at.span(),
                                    View<double, 2>(out.data(), {at.size(), channels}), scratch.workspace());
  return out;
}

/// Its transpose: values (times, channels) to (n, channels).
Result<double> legs_moments(std::size_t n, double span, const Array& times, const Array& values) {
  const Input<double> at(where, "times", times), in(where, "values", values);
  if (n == 0) throw nb::value_error("hippo: n must be at least 1, is 0");
  if (at.ndim() != 1) wrong_shape(where, "times", "(count,)", at.shape());
  if (in.ndim() != 2 || in.shape(0) != at.size()) wrong_shape(where, "values", "(count, channels)", in.shape());
  const std::size_t channels = in.shape(1);
  Result<double> out = make_array<double>({n, channels});
  const nb::gil_scoped_release unlocked;
  const LegsTables tables = legs_series(n);
  const Scratch scratch(kernels().legs<double>().workspace_bytes(tables, channels));
  kernels().legs<double>().moments(tables, span, at.span(), View<const double, 2>(in.data(), {at.size(), channels}),
                                   View<double, 2>(out.data(), {n, channels}), scratch.workspace());
  return out;
}

/// d loss / d u (length, channels) of the steps of `method`, where grad (pieces, channels, n) = d loss / d coefficients
/// after each `every` samples; samples beyond the last piece count for nothing.
template <class T>
Result<T> legs_steps_vjp(const std::string& method, const Array& grad, const Array& ends, std::size_t every,
                         std::size_t threads) {
  const char* const here = "hippo.project_vjp";
  const Input<T> in(here, "grad", grad);
  const Input<double> at(here, "times", ends);
  if (in.ndim() != 3) wrong_shape(here, "grad", "(pieces, channels, n)", in.shape());
  if (at.ndim() != 1) wrong_shape(here, "times", "(length,)", at.shape());
  const std::size_t count = in.shape(0), channels = in.shape(1), n = in.shape(2), length = at.size();
  if (channels * n == 0 || count * every > length)
    wrong_shape(here, "grad", "(length // every, channels, n)", in.shape());
  const LegsMethod how = method_of(method);
  Result<T> out = make_array<T>({length, channels});
  const nb::gil_scoped_release unlocked;
  std::fill(out.data() + count * every * channels, out.data() + length * channels, T(0));
  if (count * every == 0) return out;
  const LegsStepTables tables = legs_step_tables(n);
  std::vector<LegsStep> steps{{}};  // the first sample is exact
  for (std::size_t k = 1; k < length; ++k) steps.push_back(legs_step(how, at.data()[k - 1], at.data()[k]));
  constexpr std::size_t parts = legs_carries<T> ? 2 : 1;
  const LegsStepShape shape{n, channels, parts};
  const std::size_t tiles = padded(channels) / tile;
  Buffer<T> g(tiles * n * parts * tile, T(0));
  const auto place = [&](std::size_t c, std::size_t i) { return (c / tile * n + i) * parts * tile + c % tile; };
  const std::size_t pieces = std::min(threads, tiles), bytes = kernels().legs_steps<T>().workspace_bytes(n);
  std::vector<Buffer<std::byte>> scratch(pieces, Buffer<std::byte>(bytes));
  for (std::size_t i = count; i-- > 0;) {
    const T* const more = in.data() + i * channels * n;
    for (std::size_t c = 0; c < channels; ++c)
      for (std::size_t m = 0; m < n; ++m) g[place(c, m)] += more[c * n + m];
    const std::size_t first = std::max<std::size_t>(i * every, 1), rows = (i + 1) * every - first;
    const View<T, 2> du(out.data() + first * channels, {rows, channels});
    executor(threads)(pieces, [&](std::size_t p) noexcept {
      kernels().legs_steps<T>().scan_vjp(tables, shape, p * tiles / pieces, (p + 1) * tiles / pieces,
                                         steps.data() + first, du, g.data(), workspace(scratch[p]));
    });
  }
  for (std::size_t c = 0; c < channels; ++c) out.data()[c] = g[place(c, 0)];
  return out;
}

}  // namespace

void bind_hippo(nb::module_& m) {
  bind_memories<float>(m, "LegsMemory32", "LegsSteps32");
  bind_memories<double>(m, "LegsMemory64", "LegsSteps64");
  m.def("legs_evaluate", &legs_evaluate, "coefficients"_a, "span"_a, "times"_a);
  m.def("legs_moments", &legs_moments, "n"_a, "span"_a, "times"_a, "values"_a);
  m.def("legs_steps_vjp32", &legs_steps_vjp<float>, "method"_a, "grad"_a, "ends"_a, "every"_a, "threads"_a = 1);
  m.def("legs_steps_vjp64", &legs_steps_vjp<double>, "method"_a, "grad"_a, "ends"_a, "every"_a, "threads"_a = 1);
  m.def("gauss_nodes", [](std::size_t n) {  // the half at x >= 0, in decreasing order
    const std::size_t half = (n + 1) / 2;
    Result<double> node = make_array<double>({half}), weight = make_array<double>({half});
    if (n > 0) gauss_legendre(n, std::span<double>(node.data(), half), std::span<double>(weight.data(), half));
    return nb::make_tuple(node, weight);
  });
}

}  // namespace danaus::bindings
