// SPDX-License-Identifier: Apache-2.0
#include <danaus/hippo/memory.hpp>

#include "guarded.hpp"
#include "module.hpp"
#include "table.hpp"

namespace danaus::bindings {
namespace {

template <class T>
class Memory {
 public:
  Memory(std::size_t n, std::size_t channels) : memory_(LegsMemory<T>(kernels().legs<T>(), n, channels)) {}

  void step(const Array& u) {
    const Input<T> in(where, "u", u);
    expect_shape(where, "u", in.shape(), {channels()});
    memory_.with([&](LegsMemory<T>& memory) { memory.step(in.span()); });
  }

  void extend(const Array& u, const nb::object& times) {
    const Input<T> in(where, "u", u);
    if (in.ndim() != 2) wrong_shape(where, "u", "(length, " + std::to_string(channels()) + ")", in.shape());
    expect_shape(where, "u", in.shape(), {in.shape(0), channels()});
    const View<const T, 2> samples(in.data(), {in.shape(0), in.shape(1)});
    if (times.is_none()) {
      memory_.with([&](LegsMemory<T>& memory) { memory.extend(samples); });
      return;
    }
    const Input<double> ends(where, "times", nb::cast<Array>(times));
    expect_shape(where, "times", ends.shape(), {in.shape(0)});
    memory_.with([&](LegsMemory<T>& memory) { memory.extend(samples, ends.span()); });
  }

  Result<T> coefficients() const {
    Result<T> out = make_array<T>({channels(), order()});
    memory_.with(
        [&](const LegsMemory<T>& memory) { memory.coefficients(View<T, 2>(out.data(), {channels(), order()})); });
    return out;
  }

  Result<T> reconstruct(const Array& times) const {
    const Input<double> at(where, "times", times);
    if (at.ndim() != 1) wrong_shape(where, "times", "(count,)", at.shape());
    Result<T> out = make_array<T>({at.size(), channels()});
    memory_.with([&](const LegsMemory<T>& memory) {
      memory.reconstruct(at.span(), View<T, 2>(out.data(), {at.size(), channels()}));
    });
    return out;
  }

  void merge(const Memory& other) {
    const Memory second(other);  // a copy: never two locks at once
    memory_.with([&](LegsMemory<T>& memory) { memory.merge(second.memory_.fixed()); });
  }

  void reset() {
    memory_.with([](LegsMemory<T>& memory) { memory.reset(); });
  }
  Memory copy() const { return *this; }

  Result<double> state() const {
    Result<double> copy = make_array<double>({memory_.fixed().state().size()});
    memory_.with(
        [&](const LegsMemory<T>& memory) { std::copy(memory.state().begin(), memory.state().end(), copy.data()); });
    return copy;
  }
  void set_state(const Array& state) {
    const Input<double> in(where, "state", state);
    expect_shape(where, "state", in.shape(), {memory_.fixed().state().size()});
    memory_.with([&](LegsMemory<T>& memory) { memory.restore(in.span()); });
  }

  double time() const {
    return memory_.with([](const LegsMemory<T>& memory) { return memory.time(); });
  }
  std::size_t order() const { return memory_.fixed().order(); }
  std::size_t channels() const { return memory_.fixed().channels(); }

 private:
  static constexpr const char* where = "hippo.Memory";
  Guarded<LegsMemory<T>> memory_;
};

template <class T>
void bind_memory(nb::module_& m, const char* name) {
  using M = Memory<T>;
  nb::class_<M>(m, name, "Exact online HiPPO-LegS memory.")
      .def(nb::init<std::size_t, std::size_t>(), "n"_a, "channels"_a = 1)
      .def("step", &M::step, "u"_a)
      .def("extend", &M::extend, "u"_a, "times"_a = nb::none())
      .def("coefficients", &M::coefficients)
      .def("reconstruct", &M::reconstruct, "times"_a)
      .def("merge", &M::merge, "other"_a)
      .def("reset", &M::reset)
      .def("copy", &M::copy)
      .def_prop_ro("time", &M::time)
      .def_prop_ro("n", &M::order)
      .def_prop_ro("channels", &M::channels)
      .def_prop_rw("state", &M::state, &M::set_state, nb::for_getter(nb::rv_policy::automatic));
}

}  // namespace

void bind_hippo(nb::module_& m) {
  bind_memory<float>(m, "LegsMemory32");
  bind_memory<double>(m, "LegsMemory64");
}

}  // namespace danaus::bindings
