// SPDX-License-Identifier: Apache-2.0
#include <danaus/ssm/convert.hpp>
#include <danaus/ssm/modal.hpp>
#include <danaus/ssm/sections.hpp>
#include <danaus/ssm/stability.hpp>

#include "channels.hpp"

namespace danaus::bindings {
namespace {

using Doubles = Result<double>;
using Complexes = Result<Complex>;

/// A function of each row of a (H, N): out (H, width).
template <class T, class F>
Result<T> per_row(const char* what, const Array& array, std::size_t threads, F f) {
  const Rows<double> rows("ssm.convert", what, array);
  Result<T> out = make_array<T>({rows.channels(), rows.order()});
  each_channel(rows.channels(), threads, [&](std::size_t h) { f(rows[h], row_of(out, h)); });
  return out;
}

/// A number for each row of a (H, N).
template <class F>
Doubles number_per_row(const Array& array, std::size_t threads, F f) {
  const Rows<double> rows("ssm.convert", "a", array);
  Doubles out = make_array<double>({rows.channels()});
  each_channel(rows.channels(), threads, [&](std::size_t h) { out.data()[h] = f(rows[h]); });
  return out;
}

Doubles truncation_lengths(const Array& numerators, const Array& denominators, double tolerance, std::size_t longest,
                           std::size_t threads) {
  const Rows<double> b("ssm.convert", "b", numerators), a("ssm.convert", "a", denominators);
  expect_shape("ssm.convert", "b", b.shape(), a.shape());
  Doubles out = make_array<double>({a.channels()});
  each_channel(a.channels(), threads, [&](std::size_t h) {
    out.data()[h] = static_cast<double>(convert::truncation_length(b[h], a[h], tolerance, longest));
  });
  return out;
}

/// A (H, N N), B (H, N), C (H, N): b, a, error.
nb::tuple from_state_space(const Array& dense, const Array& in, const Array& out, std::size_t length,
                           std::size_t threads) {
  const Rows<double> m("ssm.convert", "A", dense), i("ssm.convert", "B", in), o("ssm.convert", "C", out);
  const std::size_t n = i.order();
  expect_shape("ssm.convert", "A", m.shape(), {i.channels(), n * n});
  expect_shape("ssm.convert", "C", o.shape(), i.shape());
  Doubles b = make_array<double>(i.shape()), a = make_array<double>(i.shape());
  Doubles error = make_array<double>({i.channels()});
  each_channel(i.channels(), threads, [&](std::size_t h) {
    error.data()[h] = convert::state_space_to_transfer(m[h], i[h], o[h], length, row_of(b, h), row_of(a, h));
  });
  return nb::make_tuple(b, a, error);
}

/// b, a (H, N): poles, residues, error.
nb::tuple to_modal(const Array& numerators, const Array& denominators, std::size_t length, std::size_t threads) {
  const Rows<double> b("ssm.convert", "b", numerators), a("ssm.convert", "a", denominators);
  expect_shape("ssm.convert", "b", b.shape(), a.shape());
  Complexes p = make_array<Complex>(a.shape()), r = make_array<Complex>(a.shape());
  Doubles error = make_array<double>({a.channels()});
  each_channel(a.channels(), threads, [&](std::size_t h) {
    error.data()[h] = convert::transfer_to_modal(b[h], a[h], length, row_of(p, h), row_of(r, h));
  });
  return nb::make_tuple(p, r, error);
}

/// poles, residues (H, N): b, a, error.
nb::tuple from_modal(const Array& poles, const Array& residues, std::size_t length, std::size_t threads) {
  const Rows<Complex> p("ssm.convert", "poles", poles), r("ssm.convert", "residues", residues);
  expect_shape("ssm.convert", "residues", r.shape(), p.shape());
  Doubles b = make_array<double>(p.shape()), a = make_array<double>(p.shape());
  Doubles error = make_array<double>({p.channels()});
  each_channel(p.channels(), threads, [&](std::size_t h) {
    error.data()[h] = convert::modal_to_transfer(p[h], r[h], length, row_of(b, h), row_of(a, h));
  });
  return nb::make_tuple(b, a, error);
}

/// b, a (H, N), h0 (H): sections (H, S, 6), error.
nb::tuple to_sections(const Array& numerators, const Array& denominators, const Array& feedthrough, std::size_t length,
                      std::size_t threads) {
  const Rows<double> b("ssm.convert", "b", numerators), a("ssm.convert", "a", denominators);
  const Input<double> h0("ssm.convert", "h0", feedthrough);
  expect_shape("ssm.convert", "b", b.shape(), a.shape());
  expect_shape("ssm.convert", "h0", h0.shape(), {a.channels()});
  Doubles sos = make_array<double>({a.channels(), (a.order() + 1) / 2, 6}), error = make_array<double>({a.channels()});
  each_channel(a.channels(), threads, [&](std::size_t h) {
    error.data()[h] = convert::transfer_to_sections(b[h], a[h], h0.data()[h], length, row_of(sos, h));
  });
  return nb::make_tuple(sos, error);
}

/// Sections (H, 6 S): b, a (H, 2 S), h0, error.
nb::tuple from_sections(const Array& sections, std::size_t length, std::size_t threads) {
  const Rows<double> sos("ssm.convert", "sos", sections);
  const std::size_t channels = sos.channels(), n = sos.order() / 3;
  Doubles b = make_array<double>({channels, n}), a = make_array<double>({channels, n});
  Doubles h0 = make_array<double>({channels}), error = make_array<double>({channels});
  each_channel(channels, threads, [&](std::size_t h) {
    error.data()[h] = convert::sections_to_transfer(sos[h], length, row_of(b, h), row_of(a, h), h0.data()[h]);
  });
  return nb::make_tuple(b, a, h0, error);
}

/// b, a (H, N), h0 (H): k (H, N), v (H, N + 1), error.
nb::tuple to_lattice(const Array& numerators, const Array& denominators, const Array& feedthrough, std::size_t length,
                     std::size_t threads) {
  const Rows<double> b("ssm.convert", "b", numerators), a("ssm.convert", "a", denominators);
  const Input<double> h0("ssm.convert", "h0", feedthrough);
  expect_shape("ssm.convert", "b", b.shape(), a.shape());
  expect_shape("ssm.convert", "h0", h0.shape(), {a.channels()});
  Doubles k = make_array<double>(a.shape()), v = make_array<double>({a.channels(), a.order() + 1});
  Doubles error = make_array<double>({a.channels()});
  each_channel(a.channels(), threads, [&](std::size_t h) {
    error.data()[h] = convert::transfer_to_lattice(b[h], a[h], h0.data()[h], length, row_of(k, h), row_of(v, h));
  });
  return nb::make_tuple(k, v, error);
}

/// k (H, N), v (H, N + 1): b, a (H, N), h0, error.
nb::tuple from_lattice(const Array& reflections, const Array& taps, std::size_t length, std::size_t threads) {
  const Rows<double> k("ssm.convert", "k", reflections), v("ssm.convert", "v", taps);
  expect_shape("ssm.convert", "v", v.shape(), {k.channels(), k.order() + 1});
  Doubles b = make_array<double>(k.shape()), a = make_array<double>(k.shape());
  Doubles h0 = make_array<double>({k.channels()}), error = make_array<double>({k.channels()});
  each_channel(k.channels(), threads, [&](std::size_t h) {
    error.data()[h] = convert::lattice_to_transfer(k[h], v[h], length, row_of(b, h), row_of(a, h), h0.data()[h]);
  });
  return nb::make_tuple(b, a, h0, error);
}

}  // namespace

void bind_convert(nb::module_& m) {
  using Span = std::span<const double>;
  m.def(
      "convert_poles",
      [](const Array& a, std::size_t threads) {
        return per_row<Complex>("a", a, threads, [](Span row, std::span<Complex> out) {
          const std::vector<Complex> z = convert::roots(row);
          std::copy(z.begin(), z.end(), out.begin());
        });
      },
      "a"_a, "threads"_a = 1);
  m.def(
      "convert_from_poles",
      [](const Array& poles, std::size_t threads) {
        const Rows<Complex> p("ssm.from_poles", "p", poles);
        Doubles a = make_array<double>(p.shape());
        each_channel(p.channels(), threads,
                     [&](std::size_t h) { convert::from_roots({p[h].begin(), p[h].end()}, row_of(a, h)); });
        return a;
      },
      "p"_a, "threads"_a = 1);
  m.def(
      "convert_reflection",
      [](const Array& a, std::size_t threads) {
        return per_row<double>("a", a, threads,
                               [](Span row, std::span<double> k) { static_cast<void>(convert::step_down(row, k)); });
      },
      "a"_a, "threads"_a = 1);
  m.def(
      "convert_from_reflection",
      [](const Array& k, std::size_t threads) { return per_row<double>("k", k, threads, &convert::step_up); }, "k"_a,
      "threads"_a = 1);
  m.def(
      "convert_is_stable",
      [](const Array& a, std::size_t threads) {
        return number_per_row(a, threads, [](Span row) { return convert::is_stable(row) ? 1.0 : 0.0; });
      },
      "a"_a, "threads"_a = 1);
  m.def("convert_cauchy_radius", [](const Array& a) { return number_per_row(a, 1, &convert::cauchy_radius); }, "a"_a);
  m.def(
      "convert_conditioning",
      [](const Array& a, std::size_t threads) { return number_per_row(a, threads, &convert::conditioning); }, "a"_a,
      "threads"_a = 1);
  m.def("convert_truncation_length", &truncation_lengths, "b"_a, "a"_a, "tolerance"_a, "longest"_a, "threads"_a = 1);
  m.def("convert_state_space_to_transfer", &from_state_space, "A"_a, "B"_a, "C"_a, "length"_a, "threads"_a = 1);
  m.def("convert_transfer_to_modal", &to_modal, "b"_a, "a"_a, "length"_a, "threads"_a = 1);
  m.def("convert_modal_to_transfer", &from_modal, "poles"_a, "residues"_a, "length"_a, "threads"_a = 1);
  m.def("convert_transfer_to_sections", &to_sections, "b"_a, "a"_a, "h0"_a, "length"_a, "threads"_a = 1);
  m.def("convert_sections_to_transfer", &from_sections, "sos"_a, "length"_a, "threads"_a = 1);
  m.def("convert_transfer_to_lattice", &to_lattice, "b"_a, "a"_a, "h0"_a, "length"_a, "threads"_a = 1);
  m.def("convert_lattice_to_transfer", &from_lattice, "k"_a, "v"_a, "length"_a, "threads"_a = 1);
}

}  // namespace danaus::bindings
