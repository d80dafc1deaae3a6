// SPDX-License-Identifier: Apache-2.0
#include <nanobind/stl/pair.h>

#include <cmath>
#include <string>
#include <utility>

#include <danaus/core/error.hpp>
#include <danaus/ssm/calibrate.hpp>
#include <danaus/ssm/default_rates.hpp>

#include "module.hpp"
#include "table.hpp"

namespace danaus::bindings {
namespace {

const char* const where = "ssm.evaluate";

nb::dict dict_of(Rates rates) {
  nb::dict values;
  each_rate(rates, [&](const std::string& name, double value) { values[name.c_str()] = value; });
  return values;
}

/// Every constant by its name, none missing and none else, finite and not negative.
Rates rates_of(const nb::dict& values) {
  Rates rates;
  std::size_t known = 0;
  each_rate(rates, [&](const std::string& name, double& value) {
    if (!values.contains(name.c_str())) throw nb::value_error((std::string(where) + ": rates lack " + name).c_str());
    ++known;
    if (!nb::try_cast<double>(values[name.c_str()], value) || !std::isfinite(value) || value < 0) {
      throw nb::value_error((std::string(where) + ": the rate " + name + " must be a finite number of at least 0, is " +
                             nb::repr(values[name.c_str()]).c_str())
                                .c_str());
    }
  });
  if (known != values.size()) {
    throw nb::value_error((std::string(where) + ": rates must be the " + std::to_string(known) + " of rates(), are " +
                           std::to_string(values.size()))
                              .c_str());
  }
  return rates;
}

Form form_of(const std::string& name) {
  const std::pair<const char*, Form> known[]{{"s4d", Form::s4d},
                                             {"s4", Form::s4},
                                             {"s5", Form::s5},
                                             {"transfer", Form::transfer},
                                             {"transfer_mixed", Form::transfer_mixed}};
  for (const auto& [text, form] : known) {
    if (name == text) return form;
  }
  raise("ssm.choose: form must be 's4d', 's4', 's5', 'transfer' or 'transfer_mixed', is '" + name + "'");
}

/// The constants of a machine, read by any number of threads.
class CostModel {
 public:
  explicit CostModel(const nb::dict& rates) : rates_(rates_of(rates)) {}

  /// Seconds of a scan and of a convolution; infinite where there is none.
  std::pair<double, double> estimate(const std::string& form, std::size_t order, std::size_t rank, std::size_t slow,
                                     std::size_t length, std::size_t channels, std::size_t batch, std::size_t element,
                                     std::size_t threads, bool kept) const {
    const Task task{form_of(form), order, rank, slow, length, channels, batch, element, threads, kept};
    const Estimate found = danaus::estimate(task, rates_);
    return {found[Evaluation::scan], found[Evaluation::convolution]};
  }
  nb::dict rates() const { return dict_of(rates_); }

 private:
  Rates rates_;
};

nb::dict measure(const nb::dict& rates, double seconds) {
  Rates found = rates_of(rates);
  {
    const nb::gil_scoped_release unlocked;
    found = calibrate(kernels(), found, seconds);
  }
  return dict_of(found);
}

}  // namespace

void bind_evaluate(nb::module_& m) {
  nb::class_<CostModel>(m, "CostModel", "What the evaluations of a layer take on a machine.")
      .def(nb::init<const nb::dict&>(), "rates"_a)
      .def("estimate", &CostModel::estimate, "form"_a, "order"_a, "rank"_a, "slow"_a, "length"_a, "channels"_a,
           "batch"_a, "element"_a, "threads"_a, "kept"_a)
      .def_prop_ro("rates", &CostModel::rates);
  m.def("default_rates", [] { return dict_of(default_rates(kernels().isa)); });
  m.def("calibrate", &measure, "rates"_a, "seconds"_a);
}

}  // namespace danaus::bindings
