// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include <danaus/ssm/aaa.hpp>
#include <danaus/ssm/fit.hpp>
#include <danaus/ssm/reduce.hpp>

#include "channels.hpp"

namespace danaus::bindings {
namespace {

using Doubles = Result<double>;
using Complexes = Result<Complex>;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// A (H, N N), B (H, N), C (H, N) cut to `order` balanced states: A, B, C, hankel (H, N), bound (H), the bound
/// NaN where A is not stable.
nb::tuple balanced(const Array& dense, const Array& in, const Array& out, std::size_t order, std::size_t threads) {
  const Rows<double> m("ssm.balance", "A", dense), i("ssm.balance", "B", in), o("ssm.balance", "C", out);
  const std::size_t n = i.order(), channels = i.channels();
  expect_shape("ssm.balance", "A", m.shape(), {channels, n * n});
  expect_shape("ssm.balance", "C", o.shape(), i.shape());
  Doubles a = make_array<double>({channels, order, order}), b = make_array<double>({channels, order});
  Doubles c = make_array<double>({channels, order}), hankel = make_array<double>({channels, n});
  Doubles bound = make_array<double>({channels});
  each_channel(channels, threads, [&](std::size_t h) {
    using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    const auto size = static_cast<Eigen::Index>(n), kept = static_cast<Eigen::Index>(order);
    const convert::Realisation system{Eigen::Map<const RowMajor>(m[h].data(), size, size),
                                      Eigen::Map<const Eigen::VectorXd>(i[h].data(), size),
                                      Eigen::Map<const Eigen::RowVectorXd>(o[h].data(), size)};
    convert::Balanced cut;
    bound.data()[h] = nan;
    if (convert::balance(system, kept, cut) != Outcome::ok) return;
    Eigen::Map<RowMajor>(row_of(a, h).data(), kept, kept) = cut.system.a;
    std::copy_n(cut.system.b.data(), order, row_of(b, h).data());
    std::copy_n(cut.system.c.data(), order, row_of(c, h).data());
    std::copy(cut.hankel.begin(), cut.hankel.end(), row_of(hankel, h).begin());
    bound.data()[h] = cut.bound;
  });
  return nb::make_tuple(a, b, c, hankel, bound);
}

/// poles, residues (H, N) to `order` modes: poles, residues, bound (NaN: not stable), error.
nb::tuple reduced_modes(const Array& poles, const Array& residues, std::size_t order, std::size_t length,
                        std::size_t threads) {
  const Rows<Complex> p("ssm.reduce_modal", "poles", poles), r("ssm.reduce_modal", "residues", residues);
  expect_shape("ssm.reduce_modal", "residues", r.shape(), p.shape());
  Complexes out_p = make_array<Complex>({p.channels(), order}), out_r = make_array<Complex>({p.channels(), order});
  Doubles bound = make_array<double>({p.channels()}), error = make_array<double>({p.channels()});
  each_channel(p.channels(), threads, [&](std::size_t h) {
    const convert::Reduction done = convert::reduce_modal(p[h], r[h], length, row_of(out_p, h), row_of(out_r, h));
    bound.data()[h] = done.outcome == Outcome::ok ? done.bound : nan;
    error.data()[h] = done.error;
  });
  return nb::make_tuple(out_p, out_r, bound, error);
}

/// b, a (H, N) to `order` coefficients: b, a, bound (NaN: not stable), error.
nb::tuple reduced_transfer(const Array& numerators, const Array& denominators, std::size_t order, std::size_t length,
                           std::size_t threads) {
  const Rows<double> b("ssm.reduce_transfer", "b", numerators), a("ssm.reduce_transfer", "a", denominators);
  expect_shape("ssm.reduce_transfer", "b", b.shape(), a.shape());
  Doubles out_b = make_array<double>({a.channels(), order}), out_a = make_array<double>({a.channels(), order});
  Doubles bound = make_array<double>({a.channels()}), error = make_array<double>({a.channels()});
  each_channel(a.channels(), threads, [&](std::size_t h) {
    const convert::Reduction done = convert::reduce_transfer(b[h], a[h], length, row_of(out_b, h), row_of(out_a, h));
    bound.data()[h] = done.outcome == Outcome::ok ? done.bound : nan;
    error.data()[h] = done.error;
  });
  return nb::make_tuple(out_b, out_a, bound, error);
}

/// h (H, L) to `order` modes: poles, residues, error, hankel (H, order + 1).
nb::tuple fitted(const Array& kernel, std::size_t order, bool aaa, int rounds, std::size_t threads) {
  const Rows<double> h("ssm.fit", "kernel", kernel);
  const std::size_t channels = h.channels();
  Complexes p = make_array<Complex>({channels, order}), r = make_array<Complex>({channels, order});
  Doubles error = make_array<double>({channels}), hankel = make_array<double>({channels, order + 1});
  each_channel(channels, threads, [&](std::size_t i) {
    const convert::FittedModes modes = convert::fit_modes(h[i], order, aaa, rounds);
    std::copy(modes.poles.begin(), modes.poles.end(), row_of(p, i).begin());
    std::copy(modes.residues.begin(), modes.residues.end(), row_of(r, i).begin());
    std::copy(modes.hankel.begin(), modes.hankel.end(), row_of(hankel, i).begin());
    error.data()[i] = modes.error;
  });
  return nb::make_tuple(p, r, error, hankel);
}

}  // namespace

void bind_reduce(nb::module_& m) {
  m.def("convert_balance", &balanced, "A"_a, "B"_a, "C"_a, "order"_a, "threads"_a = 1);
  m.def("convert_reduce_modal", &reduced_modes, "poles"_a, "residues"_a, "order"_a, "length"_a, "threads"_a = 1);
  m.def("convert_reduce_transfer", &reduced_transfer, "b"_a, "a"_a, "order"_a, "length"_a, "threads"_a = 1);
  m.def("convert_fit", &fitted, "kernel"_a, "order"_a, "aaa"_a, "rounds"_a, "threads"_a = 1);
}

}  // namespace danaus::bindings
