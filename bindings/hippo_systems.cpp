// SPDX-License-Identifier: Apache-2.0
#include <danaus/hippo/discretize.hpp>
#include <danaus/hippo/nplr.hpp>

#include "module.hpp"

namespace danaus::bindings {
namespace {

template <class T>
nb::tuple system_of(Measure measure, const MeasureOptions& options, std::size_t n) {
  Result<T> a = make_array<T>({n, n}), b = make_array<T>({n});
  transition(measure, options, MatrixView<T>(a.data(), {n, n}), std::span<T>(b.data(), n));
  return nb::make_tuple(a, b);
}

/// Checked before anything of its size is made.
MeasureOptions expected(Measure measure, std::size_t n, double theta, double alpha, double beta) {
  const MeasureOptions options{theta, alpha, beta};
  expect_measure(measure, options, n);
  return options;
}

nb::tuple nplr_of(const std::string& name, std::size_t n, bool half, double theta, double alpha, double beta) {
  const Measure measure = measure_named(name);
  const MeasureOptions options = expected(measure, n, theta, alpha, beta);
  const auto found = [&] {
    const nb::gil_scoped_release unlocked;
    return nplr(measure, options, n, half);
  }();
  const auto array = [](const std::vector<Complex>& from, const std::vector<std::size_t>& shape) {
    Result<Complex> to = make_array<Complex>(shape);
    std::copy(from.begin(), from.end(), to.data());
    return to;
  };
  return nb::make_tuple(array(found.lambda, {found.columns}), array(found.p, {found.rank, found.columns}),
                        array(found.b, {found.columns}), array(found.v, {n, found.columns}));
}

[[noreturn]] void refuse(const char* where, Outcome outcome, bool exact, std::size_t step) {
  const std::string at = ", is not at step " + std::to_string(step);
  if (outcome == Outcome::singular)
    raise(std::string(where) +
          (exact ? ": a must be invertible for a state of rest" : ": I - alpha dt a must be invertible") + at);
  raise(std::string(where) + ": the discrete system must be finite and |dt a| at most 1e12" + at);
}

/// a (n, n) or (n,), b (n,), rules (steps, 4) of StepRule: ad (steps, ...), bd (steps, n).
template <class T>
nb::tuple discretized(const char* where, const Array& a, const Array& b, const std::vector<StepRule>& rules) {
  const Input<T> system(where, "a", a), gain(where, "b", b);
  const std::size_t n = gain.size(), steps = rules.size(), size = system.size();
  const bool dense = system.ndim() == 2;
  expect_shape(where, "b", gain.shape(), {system.shape(0)});
  expect_shape(where, "a", system.shape(), dense ? std::vector<std::size_t>{n, n} : std::vector<std::size_t>{n});
  Result<T> ad = dense ? make_array<T>({steps, n, n}) : make_array<T>({steps, n}), bd = make_array<T>({steps, n});
  {
    const nb::gil_scoped_release unlocked;
    for (std::size_t i = 0; i < steps; ++i) {
      const std::span<T> to(ad.data() + i * size, size), in(bd.data() + i * n, n);
      const Outcome outcome = dense ? discretize<T>(View<const T, 2>(system.data(), {n, n}), gain.span(), rules[i],
                                                    View<T, 2>(to.data(), {n, n}), in)
                                    : discretize<T>(system.span(), gain.span(), rules[i], to, in);
      if (outcome != Outcome::ok) refuse(where, outcome, rules[i].exact, i);
    }
  }
  return nb::make_tuple(ad, bd);
}

nb::tuple discretized(const char* where, const Array& a, const Array& b, const std::vector<StepRule>& rules) {
  return a.dtype() == nb::dtype<Complex>() ? discretized<Complex>(where, a, b, rules)
                                           : discretized<double>(where, a, b, rules);
}

/// dt (steps,): alpha NaN for the exact rule.
nb::tuple discretize_time(const Array& a, const Array& b, const Array& dt, double alpha) {
  const char* const where = "hippo.discretize";
  const Input<double> times(where, "dt", dt);
  std::vector<StepRule> rules;
  for (const double h : times.span()) rules.push_back(std::isnan(alpha) ? hold_rule(h) : bilinear_rule(h, alpha));
  return discretized(where, a, b, rules);
}

/// t0, t1 (steps,), method by its number.
nb::tuple discretize_scale(const Array& a, const Array& b, const Array& t0, const Array& t1, unsigned method,
                           double alpha) {
  const char* const where = "hippo.discretize_scale";
  const Input<double> from(where, "t0", t0), to(where, "t1", t1);
  expect_shape(where, "t1", to.shape(), from.shape());
  std::vector<StepRule> rules;
  for (std::size_t i = 0; i < from.size(); ++i)
    rules.push_back(scale_rule(static_cast<ScaleMethod>(method), from.data()[i], to.data()[i], alpha));
  return discretized(where, a, b, rules);
}

}  // namespace

void bind_hippo_systems(nb::module_& m) {
  m.def(
      "hippo_default_options",
      [](const std::string& name) {
        const MeasureOptions options = default_options(measure_named(name));
        return nb::make_tuple(options.theta, options.alpha, options.beta);
      },
      "measure"_a);
  m.def(
      "hippo_transition",
      [](const std::string& name, std::size_t n, double theta, double alpha, double beta) {
        const Measure measure = measure_named(name);
        const MeasureOptions options = expected(measure, n, theta, alpha, beta);
        return is_complex(measure) ? system_of<Complex>(measure, options, n) : system_of<double>(measure, options, n);
      },
      "measure"_a, "n"_a, "theta"_a, "alpha"_a, "beta"_a);
  m.def("hippo_nplr", &nplr_of, "measure"_a, "n"_a, "half"_a, "theta"_a, "alpha"_a, "beta"_a);
  m.def("hippo_discretize", &discretize_time, "a"_a, "b"_a, "dt"_a, "alpha"_a);
  m.def("hippo_discretize_scale", &discretize_scale, "a"_a, "b"_a, "t0"_a, "t1"_a, "method"_a, "alpha"_a);
  m.def(
      "hippo_largest_step",
      [](const Array& poles, double alpha, double tiny) {
        const Input<Complex> p("hippo.largest_step", "poles", poles);
        return largest_step(p.span(), alpha, tiny);
      },
      "poles"_a, "alpha"_a, "tiny"_a);
}

}  // namespace danaus::bindings
