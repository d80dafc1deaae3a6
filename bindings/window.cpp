// SPDX-License-Identifier: Apache-2.0
#include <exception>
#include <mutex>
#include <optional>

#include <danaus/hippo/euler_limit.hpp>
#include <danaus/hippo/fous.hpp>
#include <danaus/hippo/window_memory.hpp>

#include "guarded.hpp"
#include "module.hpp"
#include "pool.hpp"
#include "table.hpp"

namespace danaus::bindings {
namespace {

/// The measure and how it steps, as Python names them.
struct Request {
  Measure measure;
  MeasureOptions options;
  std::size_t order;
  double rate;
  WindowMethod method;

  Request(const char* where, const std::string& name, std::size_t n, double steps, double alpha_of_method, double alpha,
          double beta)
      : measure(measure_named(name)), options{1, alpha, beta}, order(n), rate(steps) {
    method = {alpha_of_method < 0, alpha_of_method};
    expect_measure(measure, options, n);
    if (measure == Measure::legs || is_complex(measure)) raise(std::string(where) + ": no window of measure " + name);
    require(n <= 1024 || !method.exact || measure == Measure::foud, [&] {
      return std::string(where) + ": n must be at most 1024 with method 'exact', whose tables are N^2, is " +
             std::to_string(n) + "; 'bilinear' takes any";
    });
  }
  double longest() const {
    if (method.exact || method.alpha > 0) return std::numeric_limits<double>::infinity();
    return euler_limit(measure, options, order) / rate * (1 + 1e-9);
  }
  WindowTables tables(DenseProduct product) const {
    return window_tables(measure, options, order, rate, method, product);
  }
};

/// Numbers in the element type that a memory computes in.
template <class To, class From>
struct Widened {
  Buffer<To> numbers;
  explicit Widened(std::span<const From> from) : numbers(from.begin(), from.end()) {}
  std::span<const To> span() const noexcept { return {numbers.data(), numbers.size()}; }
};
template <class T>
struct Widened<T, T> {
  std::span<const T> numbers;
  explicit Widened(std::span<const T> from) : numbers(from) {}
  std::span<const T> span() const noexcept { return numbers; }
};

/// Memories of at most `piece` channels side by side, which threads share out. Each holds its own time.
template <class M>
class Pieces {
 public:
  static constexpr std::size_t piece = 64;

  /// make(channels): a memory of so many.
  template <class Make>
  Pieces(std::size_t channels, const Make& make) : channels_(channels) {
    require(channels > 0, [] { return "hippo.Memory: channels must be positive, got 0"; });
    for (std::size_t left = channels; left > 0; left -= std::min(piece, left)) {
      parts_.push_back(make(std::min(piece, left)));
    }
  }
  std::size_t channels() const noexcept { return channels_; }
  const M& front() const noexcept { return parts_.front(); }
  M& operator[](std::size_t i) noexcept { return parts_[i]; }
  const M& operator[](std::size_t i) const noexcept { return parts_[i]; }
  std::size_t size() const noexcept { return parts_.size(); }

 private:
  std::size_t channels_;
  std::vector<M> parts_;
};

/// A memory M of samples T, computing in S, whose coefficients are C. Steps in single precision would add 1e-7 a sample
/// that the window still holds, so that all but scans compute in double.
template <class T, class S, class M, class C>
class Memory {
 public:
  explicit Memory(Pieces<M> memory) : memory_(std::move(memory)) {}

  void step(const Array& u) {
    const Input<T> in(where, "u", u);
    expect_shape(where, "u", in.shape(), {channels()});
    const Widened<S, T> sample(in.span());
    memory_.with([&](Pieces<M>& memory) {
      for (std::size_t i = 0; i < memory.size(); ++i) {
        memory[i].step(sample.span().subspan(i * Pieces<M>::piece, memory[i].channels()));
      }
    });
  }
  void extend(const Array& u, const nb::object& times, std::size_t threads) {
    const Input<T> in(where, "u", u);
    if (in.ndim() != 2) wrong_shape(where, "u", "(length, " + std::to_string(channels()) + ")", in.shape());
    const std::size_t length = in.shape(0), width = channels();
    expect_shape(where, "u", in.shape(), {length, width});
    const Widened<S, T> wide(in.span());
    std::optional<Input<double>> ends;
    if (!times.is_none()) {
      ends.emplace(where, "times", nb::cast<Array>(times));
      expect_shape(where, "times", ends->shape(), {length});
    }
    memory_.with([&](Pieces<M>& memory) {
      std::exception_ptr thrown;  // what one part refuses all refuse, before they change
      std::mutex one;
      executor(std::max<std::size_t>(std::min(threads, memory.size()), 1))(memory.size(), [&](std::size_t i) noexcept {
        try {
          const View<const S, 2> samples(wide.span().data() + i * Pieces<M>::piece, {length, memory[i].channels()},
                                         {width, 1});
          ends ? memory[i].extend(samples, ends->span()) : memory[i].extend(samples);
        } catch (...) {
          const std::lock_guard alone(one);
          thrown = std::current_exception();
        }
      });
      if (thrown) std::rethrow_exception(thrown);
    });
  }
  Result<C> coefficients() const {
    using From = std::conditional_t<std::is_same_v<C, Complex>, Complex, S>;
    Result<C> out = make_array<C>({channels(), order()});
    Buffer<From> own(out.size());
    memory_.with([&](const Pieces<M>& memory) {
      for (std::size_t i = 0; i < memory.size(); ++i) {
        memory[i].coefficients(
            View<From, 2>(own.data() + i * Pieces<M>::piece * order(), {memory[i].channels(), order()}));
      }
    });
    std::transform(own.begin(), own.end(), out.data(), [](From x) { return static_cast<C>(x); });
    return out;
  }
  Result<T> reconstruct(const Array& times) const {
    const Input<double> at(where, "times", times);
    if (at.ndim() != 1) wrong_shape(where, "times", "(count,)", at.shape());
    Result<T> out = make_array<T>({at.size(), channels()});
    Buffer<S> own(out.size());
    memory_.with([&](const Pieces<M>& memory) {
      for (std::size_t i = 0; i < memory.size(); ++i) {
        memory[i].reconstruct(at.span(), View<S, 2>(own.data() + i * Pieces<M>::piece,
                                                    {at.size(), memory[i].channels()}, {channels(), 1}));
      }
    });
    std::transform(own.begin(), own.end(), out.data(), [](S x) { return static_cast<T>(x); });
    return out;
  }
  void reset() {
    memory_.with([](Pieces<M>& memory) {
      for (std::size_t i = 0; i < memory.size(); ++i) memory[i].reset();
    });
  }
  Memory copy() const { return *this; }
  Result<double> state() const {
    Result<double> copy = make_array<double>({state_size()});
    memory_.with([&](const Pieces<M>& memory) {
      double* to = copy.data();
      for (std::size_t i = 0; i < memory.size(); to += memory[i++].state_size()) {
        memory[i].save({to, memory[i].state_size()});
      }
    });
    return copy;
  }
  void set_state(const Array& state) {
    const Input<double> in(where, "state", state);
    expect_shape(where, "state", in.shape(), {state_size()});
    memory_.with([&](Pieces<M>& memory) {
      Pieces<M> next = memory;  // all of it, or nothing
      const double* from = in.data();
      for (std::size_t i = 0; i < next.size(); from += next[i++].state_size()) {
        next[i].restore({from, next[i].state_size()});
        require(next[i].time() == next[0].time(),
                [] { return "hippo.Memory: the state must come from a memory of the same shape"; });
      }
      memory = std::move(next);
    });
  }
  double time() const {
    return memory_.with([](const Pieces<M>& memory) { return memory.front().time(); });
  }
  std::size_t order() const { return memory_.fixed().front().order(); }
  std::size_t channels() const { return memory_.fixed().channels(); }

 private:
  std::size_t state_size() const {
    std::size_t size = 0;
    for (std::size_t i = 0; i < memory_.fixed().size(); ++i) size += memory_.fixed()[i].state_size();
    return size;
  }
  static constexpr const char* where = "hippo.Memory";
  Guarded<Pieces<M>> memory_;
};

Pieces<WindowMemory<double>> window_memory(const Request& r, std::size_t channels) {
  const nb::gil_scoped_release unlocked;
  const WindowKernels<double>& run = kernels().window<double>();
  const double longest = r.longest();
  const auto tables = std::make_shared<const WindowTables>(r.tables(run.product));
  return {channels, [&](std::size_t some) { return WindowMemory<double>(run, tables, some, longest); }};
}
Pieces<FousMemory<double>> fous_memory(std::size_t n, std::size_t channels) {
  const nb::gil_scoped_release unlocked;
  const auto spectrum = std::make_shared<const FousSpectrum>(fous_spectrum(n));
  return {channels, [&](std::size_t some) { return FousMemory<double>(spectrum, some); }};
}

template <class M>
nb::class_<M> bind_memory(nb::module_& m, const char* name, const char* words) {
  return nb::class_<M>(m, name, words)
      .def("step", &M::step, "u"_a)
      .def("extend", &M::extend, "u"_a, "times"_a = nb::none(), "threads"_a = 1)
      .def("coefficients", &M::coefficients)
      .def("reconstruct", &M::reconstruct, "times"_a)
      .def("reset", &M::reset)
      .def("copy", &M::copy)
      .def_prop_ro("time", &M::time)
      .def_prop_ro("n", &M::order)
      .def_prop_ro("channels", &M::channels)
      .def_prop_rw("state", &M::state, &M::set_state, nb::for_getter(nb::rv_policy::automatic));
}

template <class T>
void bind_memories(nb::module_& m, const char* window, const char* fous) {
  using W = Memory<T, double, WindowMemory<double>, T>;
  using F = Memory<T, double, FousMemory<double>, Complex>;
  bind_memory<W>(m, window, "Online memory of a window or a decay.")
      .def(
          "__init__",
          [](W* self, const std::string& name, std::size_t n, std::size_t channels, double rate, double method,
             double alpha, double beta) {
            new (self) W(window_memory({"hippo.Memory", name, n, rate, method, alpha, beta}, channels));
          },
          "measure"_a, "n"_a, "channels"_a, "rate"_a, "method"_a, "alpha"_a, "beta"_a);
  bind_memory<F>(m, fous, "Exact online memory in the scale-invariant Fourier measure.")
      .def(
          "__init__", [](F* self, std::size_t n, std::size_t channels) { new (self) F(fous_memory(n, channels)); },
          "n"_a, "channels"_a);
}

/// What scans of one kind share.
template <class T>
class Scan {
 public:
  Scan(const std::string& name, std::size_t n, double rate, double method, double alpha, double beta) {
    const Request r("hippo.scan", name, n, rate, method, alpha, beta);
    const nb::gil_scoped_release unlocked;
    const double longest = r.longest();
    require(longest >= 1, [&] {
      return "hippo.scan: forward Euler must take steps of at most " + std::to_string(longest) +
             " samples here (spectral radius of I + h A at most 1), got 1; a longer theta or method 'bilinear' is "
             "stable";
    });
    t_ = r.tables(run().product);
    rows_.resize(2 * structured_rows(n));
    if (t_.chunked()) return;
    forward_ = run().tables(t_.structure, t_.map(1), rows_.data());
    back_ = run().tables(t_.structure, t_.map(1, true), rows_.data() + structured_rows(n));
  }

  /// u (L, H), x (H, N) or None: the states (L / every, H, N), or the last (H, N) where `every` is 0.
  Result<T> scan(const Array& u, const nb::object& x, std::size_t every) const {
    const Input<T> in("hippo.scan", "u", u);
    if (in.ndim() != 2) wrong_shape("hippo.scan", "u", "(L, H)", in.shape());
    const std::size_t channels = in.shape(1), n = t_.order, count = every == 0 ? 0 : in.shape(0) / every;
    Buffer<T> state = packed("hippo.scan", "x0", x, channels);
    Result<T> out = every == 0 ? make_array<T>({channels, n}) : make_array<T>({count, channels, n});
    const Scratch space(run().workspace_bytes(t_, channels));
    {
      const nb::gil_scoped_release unlocked;
      run().scan(t_, forward_, View<const T, 2>(in.data(), {in.shape(0), channels}), every, state.data(),
                 View<T, 3>(out.data(), {count, channels, n}), space.workspace());
      if (every == 0) unpack(state, channels, out.data());
    }
    return out;
  }
  /// grad as scan returned: du (L, H), dx (H, N).
  nb::tuple vjp(const Array& grad, std::size_t length, std::size_t every) const {
    const char* const where = "hippo.scan_vjp";
    const Input<T> in(where, "grad", grad);
    const std::size_t n = t_.order, channels = in.ndim() > 1 ? in.shape(in.ndim() - 2) : 0;
    const std::size_t count = every == 0 ? 0 : length / every;
    expect_shape(where, "grad", in.shape(),
                 every == 0 ? std::vector<std::size_t>{channels, n} : std::vector<std::size_t>{count, channels, n});
    Buffer<T> state(padded(channels) * n, T(0));
    if (every == 0) pack(in.data(), channels, state);
    Result<T> du = make_array<T>({length, channels}), dx = make_array<T>({channels, n});
    const Scratch space(run().workspace_bytes(t_, channels));
    {
      const nb::gil_scoped_release unlocked;
      run().scan_vjp(t_, back_, every, View<const T, 3>(in.data(), {count, channels, n}), state.data(),
                     View<T, 2>(du.data(), {length, channels}), space.workspace());
      unpack(state, channels, dx.data());
    }
    return nb::make_tuple(du, dx);
  }

 private:
  static const WindowKernels<T>& run() noexcept { return kernels().window<T>(); }
  T* place(Buffer<T>& state, std::size_t c) const { return state.data() + c / tile * tile * t_.order + c % tile; }
  void pack(const T* from, std::size_t channels, Buffer<T>& state) const {
    for (std::size_t c = 0; c < channels; ++c)
      for (std::size_t n = 0; n < t_.order; ++n) place(state, c)[n * tile] = from[c * t_.order + n];
  }
  void unpack(Buffer<T>& state, std::size_t channels, T* to) const {
    for (std::size_t c = 0; c < channels; ++c)
      for (std::size_t n = 0; n < t_.order; ++n) to[c * t_.order + n] = place(state, c)[n * tile];
  }
  Buffer<T> packed(const char* where, const char* what, const nb::object& x, std::size_t channels) const {
    Buffer<T> state(padded(channels) * t_.order, T(0));
    if (x.is_none()) return state;
    const Input<T> in(where, what, nb::cast<Array>(x));
    expect_shape(where, what, in.shape(), {channels, t_.order});
    pack(in.data(), channels, state);
    return state;
  }

  WindowTables t_;
  Buffer<T> rows_;
  StructuredTables<T> forward_, back_;
};

template <class T>
void bind_scan(nb::module_& m, const char* name) {
  using S = Scan<T>;
  nb::class_<S>(m, name, "Scans of a window or a decay, and their adjoints.")
      .def(nb::init<const std::string&, std::size_t, double, double, double, double>(), "measure"_a, "n"_a, "rate"_a,
           "method"_a, "alpha"_a, "beta"_a)
      .def("scan", &S::scan, "u"_a, "x"_a.none(), "every"_a)
      .def("vjp", &S::vjp, "grad"_a, "length"_a, "every"_a);
}

}  // namespace

void bind_window(nb::module_& m) {
  bind_memories<float>(m, "WindowMemory32", "FousMemory32");
  bind_memories<double>(m, "WindowMemory64", "FousMemory64");
  bind_scan<float>(m, "WindowScan32");
  bind_scan<double>(m, "WindowScan64");
}

}  // namespace danaus::bindings
