// SPDX-License-Identifier: Apache-2.0
#include <danaus/hippo/measures.hpp>
#include <danaus/hippo/memory.hpp>

#include "module.hpp"
#include "table.hpp"

namespace danaus::bindings {
namespace {

template <class T>
void bind_memory(nb::module_& m, const char* name) {
  using M = LegsMemory<T>;
  nb::class_<M>(m, name, "Exact online HiPPO-LegS memory.")
      .def(
          "__init__",
          [](M* self, std::size_t n, std::size_t channels) { new (self) M(kernels().legs<T>(), n, channels); }, "n"_a,
          "channels"_a = 1)
      .def(
          "step",
          [](M& self, const Array& u) {
            const Input<T> in("hippo.Memory", "u", u);
            expect_shape("hippo.Memory", "u", in.shape(), {self.channels()});
            const nb::gil_scoped_release unlocked;
            self.step(in.span());
          },
          "u"_a)
      .def(
          "extend",
          [](M& self, const Array& u, const nb::object& times) {
            const Input<T> in("hippo.Memory", "u", u);
            if (in.ndim() != 2) wrong_shape("hippo.Memory", "u", "(length, channels)", in.shape());
            const View<const T, 2> samples(in.data(), {in.shape(0), in.shape(1)});
            if (times.is_none()) {
              const nb::gil_scoped_release unlocked;
              return self.extend(samples);
            }
            const Input<double> ends("hippo.Memory", "times", nb::cast<Array>(times));
            expect_shape("hippo.Memory", "times", ends.shape(), {in.shape(0)});
            const nb::gil_scoped_release unlocked;
            self.extend(samples, ends.span());
          },
          "u"_a, "times"_a = nb::none())
      .def("coefficients",
           [](const M& self) {
             Result<T> out = make_array<T>({self.channels(), self.order()});
             const nb::gil_scoped_release unlocked;
             self.coefficients(View<T, 2>(out.data(), {self.channels(), self.order()}));
             return out;
           })
      .def(
          "reconstruct",
          [](const M& self, const Array& times) {
            const Input<double> at("hippo.Memory", "times", times);
            if (at.ndim() != 1) wrong_shape("hippo.Memory", "times", "(count,)", at.shape());
            Result<T> out = make_array<T>({at.size(), self.channels()});
            const nb::gil_scoped_release unlocked;
            self.reconstruct(at.span(), View<T, 2>(out.data(), {at.size(), self.channels()}));
            return out;
          },
          "times"_a)
      .def(
          "merge", [](M& self, const M& other) { self.merge(other); }, "other"_a)
      .def("reset", &M::reset)
      .def("copy", [](const M& self) { return M(self); })
      .def_prop_ro("time", &M::time)
      .def_prop_ro("n", &M::order)
      .def_prop_ro("channels", &M::channels)
      .def_prop_rw(
          "state",
          [](const M& self) {
            Result<double> copy = make_array<double>({self.state().size()});
            std::copy(self.state().begin(), self.state().end(), copy.data());
            return copy;
          },
          [](M& self, const Array& state) {
            const Input<double> in("hippo.Memory", "state", state);
            self.restore(in.span());
          },
          nb::for_getter(nb::rv_policy::automatic));
}

}  // namespace

void bind_hippo(nb::module_& m) {
  bind_memory<float>(m, "LegsMemory32");
  bind_memory<double>(m, "LegsMemory64");
  m.def("legs_transition", [](std::size_t n) {
    Result<double> a = make_array<double>({n, n}), b = make_array<double>({n});
    legs_transition(View<double, 2>(a.data(), {n, n}), std::span<double>(b.data(), n));
    return nb::make_tuple(a, b);
  });
}

}  // namespace danaus::bindings
