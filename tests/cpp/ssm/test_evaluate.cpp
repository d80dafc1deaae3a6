// SPDX-License-Identifier: Apache-2.0
#include "check.hpp"

#include <set>
#include <string>
#include <vector>

#include <danaus/core/stopwatch.hpp>
#include <danaus/fft/convolve.hpp>
#include <danaus/ssm/default_rates.hpp>
#include <danaus/ssm/evaluate.hpp>

using namespace danaus;

namespace {

/// Every constant 1 ns, the caches large.
Rates ones() {
  Rates rates;
  each_rate(rates, [](const std::string&, double& rate) { rate = 1; });
  rates.first_cache = 1e9;
  rates.single.segment = rates.twice.segment = 0.5;
  return rates;
}

constexpr Form forms[]{Form::s4d, Form::s4, Form::s5, Form::transfer, Form::transfer_mixed};
const std::vector<std::string> isas{"x86-64-v4", "x86-64-v3", "x86-64", "aarch64"};

/// visit(task) over forms, orders, lengths, channels, types.
template <class Visit>
void each_task(Visit&& visit) {
  for (const Form form : forms) {
    for (const std::size_t order : {1u, 4u, 7u, 64u, 256u}) {
      for (const std::size_t length : {1u, 16u, 40u, 41u, 97u, 1024u, 65536u}) {
        for (const std::size_t channels : {1u, 3u, 8u, 16u, 17u, 512u}) {
          for (const std::size_t element : {4u, 8u}) {
            Task task;
            task.form = form, task.order = order, task.length = length, task.channels = channels;
            task.element = element;
            visit(task);
          }
        }
      }
    }
  }
}

double scan(const Task& task, const Rates& rates) {
  return estimate(task, rates)[Evaluation::scan];
}
double convolution(const Task& task, const Rates& rates) {
  return estimate(task, rates)[Evaluation::convolution];
}

}  // namespace

TEST(rates_have_names_of_their_own_and_the_built_in_ones_are_as_many) {
  std::set<std::string> names;
  std::size_t count = 0;
  Rates rates;
  each_rate(rates, [&](const std::string& name, double) { names.insert(name), ++count; });
  CHECK(count == rate_count);
  CHECK(names.size() == rate_count);
  for (const std::string& isa : isas) {
    Rates found = default_rates(isa);
    each_rate(found, [](const std::string&, double rate) { CHECK(std::isfinite(rate) && rate >= 0); });
    CHECK(found.single.ring[0][0] > 0 && found.twice.carry[3][5] > 0);
  }
  CHECK(default_rates("x86-64").single.s4d.quad > default_rates("x86-64-v4").single.s4d.quad);
}

TEST(seconds_are_positive_and_the_best_is_the_least) {
  for (const std::string& isa : isas) {
    const Rates rates = default_rates(isa);
    each_task([&](const Task& task) {
      const Estimate found = estimate(task, rates);
      CHECK(std::isfinite(found[Evaluation::scan]) && found[Evaluation::scan] > 0);
      CHECK(found[Evaluation::convolution] > 0);
      CHECK(std::isinf(found[Evaluation::convolution]) == (task.form == Form::s5));
      CHECK(std::isinf(found[Evaluation::chunked]));  // offered by nobody yet
      const bool scans = found[Evaluation::scan] <= found[Evaluation::convolution];
      CHECK(found.best() == (scans ? Evaluation::scan : Evaluation::convolution));
      CHECK(choose(task, rates) == found.best());
    });
  }
}

TEST(more_of_anything_costs_no_less) {
  for (const std::string& isa : isas) {
    const Rates rates = default_rates(isa);
    each_task([&](Task task) {
      const Estimate one = estimate(task, rates);
      const auto grows = [&](auto change) {
        Task more = task;
        change(more);
        const Estimate found = estimate(more, rates);
        CHECK(found[Evaluation::scan] >= one[Evaluation::scan]);
        CHECK(found[Evaluation::convolution] >= one[Evaluation::convolution]);
      };
      // Sums of up to 40 taps fill no lanes: for one channel they cost more than the shortest ring.
      if (task.length > most_direct_taps || task.channels >= tile) grows([](Task& t) { t.length *= 2; });
      grows([](Task& t) { t.batch *= 2; });
      grows([](Task& t) { t.kept = false; });
      if (task.channels % tile != 0) return;  // a part of a tile goes lane by lane: one channel costs more than 32
      grows([](Task& t) { t.channels += tile; });
      if (task.order % 4 == 0) grows([](Task& t) { t.order += 4; });  // 3 modes alone cost more than 4 together
    });
  }
}

TEST(two_threads_halve_even_work_and_nothing_else) {
  Rates rates = ones();
  rates.scan_call = rates.convolution_call = rates.fork = 0;
  rates.state = 0;
  each_task([&](Task task) {
    task.batch = 2;
    if (task.channels != 512) return;
    Task two = task;
    two.threads = 2;
    CHECK_CLOSE(scan(two, rates), scan(task, rates) / 2, 1e-12);
    if (task.form != Form::s5) CHECK_CLOSE(convolution(two, rates), convolution(task, rates) / 2, 1e-12);
    two.threads = 1000000;
    CHECK(scan(two, rates) <= scan(task, rates) / 2);
    two.channels = task.channels = 1;
    two.batch = task.batch = 1;
    CHECK(scan(two, rates) == scan(task, rates));
  });
}

TEST(a_scan_is_the_sum_it_says) {
  Rates rates = ones();
  rates.state = 0;
  for (auto& row : rates.single.carry) row.fill(0);
  Task task{Form::transfer, 13, 0, 0, 100, 40, 3, 4, 1, true};
  // 3 sequences x 3 tiles x (1 + 100 rows x (1 + 16 coefficients)), 1 for each row of the part of a tile, the call.
  CHECK_CLOSE(scan(task, rates), (1 + 9 * (1 + 100 * 17.0) + 3 * 100.0) * 1e-9, 1e-12);
  task = {Form::s4d, 11, 0, 5, 100, 16, 1, 4, 1, true};  // two pairs and one that carry, one four and two alone
  CHECK_CLOSE(scan(task, rates), (1 + 1 + 100 * (1 + 3 + 3.0)) * 1e-9, 1e-12);
  task.element = 8;  // none carries in double: two fours, three alone; every row of carry costs 1
  CHECK_CLOSE(scan(task, rates), (1 + 1 + 100 * (1 + 5 + 1.0)) * 1e-9, 1e-12);
  task = {Form::s4, 11, 3, 0, 100, 16, 1, 4, 1, true};  // 12 modes, each with two further ranks
  CHECK_CLOSE(scan(task, rates), (1 + 1 + 100 * (1 + 12 * 3.0)) * 1e-9, 1e-12);
  rates.first_cache = 1;  // and each 1 more from the second cache
  CHECK_CLOSE(scan(task, rates), (1 + 1 + 100 * (1 + 12 * 4.0)) * 1e-9, 1e-12);
}

TEST(a_convolution_has_the_rows_of_its_plan) {
  const Rates rates = ones();  // a row 1 ns, and half as much more in segments where others are side by side
  const auto check_rows = [&]<class T>(T) {
    for (const std::size_t channels : {1u, 2u, 3u, 7u, 8u, 9u, 15u, 16u, 20u, 33u}) {
      for (const std::size_t length : {41u, 48u, 49u, 64u, 65u, 100u, 1000u, 4097u, 9973u}) {
        const ConvolutionPlan<T> plan(channels, length, length, new_ring<T>);
        double rows = 1;  // the call
        for (std::size_t g = 0; g < plan.groups(); ++g) {
          const double each = plan.ring(g).segments > 1 && plan.block() <= 8192 ? 1.5 : 1;
          rows += static_cast<double>(plan.parts(g)) * (1 + each * static_cast<double>(plan.ring(g).rows()));
        }
        Task task{Form::transfer, 4, 0, 0, length, channels, 1, sizeof(T), 1, true};
        CHECK_CLOSE(convolution(task, rates), rows * 1e-9, 1e-12);
      }
    }
  };
  check_rows(float());
  check_rows(double());
  const Task few{Form::transfer, 4, 0, 0, 37, 20, 1, 4, 1, true};  // 2 groups x 37 x (1 + 40 taps)
  CHECK_CLOSE(convolution(few, rates), (1 + 2 * 37 * 41.0) * 1e-9, 1e-12);
}

TEST(a_table_is_right_at_its_entries_and_between_neighbours_elsewhere) {
  RateTable table;
  for (std::size_t s = 0; s < rate_strides.size(); ++s) {
    for (std::size_t l = 0; l < rate_lengths.size(); ++l) table[s][l] = static_cast<double>(10 * s + l + 1);
  }
  for (std::size_t s = 0; s < rate_strides.size(); ++s) {
    for (std::size_t l = 0; l < rate_lengths.size(); ++l) {
      const double stride = static_cast<double>(rate_strides[s]), length = static_cast<double>(rate_lengths[l]);
      CHECK_CLOSE(costs::at(table, stride, length), table[s][l], 1e-12);
      if (l + 1 < rate_lengths.size()) CHECK_CLOSE(costs::at(table, stride, 2 * length), table[s][l] + 0.5, 1e-12);
    }
  }
  CHECK_CLOSE(costs::at(table, 0.1, 1), 1, 1e-12);
  CHECK_CLOSE(costs::at(table, 2, 64), 6, 1e-12);           // half way from stride 1 to 4
  CHECK_CLOSE(costs::at(table, 4096, 1), 31, 1e-12);        // no worse than the last stride
  CHECK_CLOSE(costs::at(table, 1, 4.0 * 65536), 7, 1e-12);  // on along the last slope
}

TEST(nothing_to_do_costs_a_call) {
  const Rates rates = default_rates("x86-64-v4");
  for (const Form form : forms) {
    Task task;
    task.form = form;
    task.length = 0;
    CHECK_CLOSE(scan(task, rates), rates.scan_call * 1e-9, 1e-12);
    CHECK(choose(task, rates) == Evaluation::scan);
  }
}

TEST(a_stopwatch_lets_jobs_take_turns) {
  Stopwatch watch;
  std::vector<std::size_t> turns[2];
  const std::size_t first = watch.add(2, [&](std::size_t turn) { turns[0].push_back(turn); });
  const std::size_t second = watch.add(0, [&](std::size_t turn) {
    turns[1].push_back(turn);
    CHECK(turns[0].size() >= 4);  // the first job has had its turns
  });
  watch.run(0);
  // Five rounds at least: two turns that do not count, then two or more from the round's number on.
  CHECK(turns[0].size() >= 5 * 4 && turns[1].size() >= 5 * 2);
  CHECK(turns[0][0] == 0 && turns[0][1] == 1 && turns[0][2] == 0 && turns[0][3] == 1);
  CHECK(turns[1][0] == 0 && turns[1][1] == 1);
  CHECK(watch[first] >= 0 && watch[first] < 1e18 && watch[second] >= 0 && watch[second] < 1e18);
}
