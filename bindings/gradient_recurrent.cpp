// SPDX-License-Identifier: Apache-2.0
#include "gradient.hpp"

#include <nanobind/stl/pair.h>

#include <algorithm>
#include <complex>

#include <danaus/ssm/dplr_vjp.hpp>
#include <danaus/ssm/transfer_vjp.hpp>

#include "module.hpp"
#include "shares.hpp"
#include "table.hpp"

// The gradients that run a recurrence in double precision: transfer functions, diagonal plus low rank systems.
namespace danaus::bindings {
namespace {

/// How many channels share a row of a (rows, order), b (channels, order).
std::size_t sharing(const char* where, const Input<double>& b, const Input<double>& a) {
  if (b.ndim() != 2) wrong_shape(where, "b", "(channels, order)", b.shape());
  const std::size_t channels = b.shape(0);
  if (a.ndim() != 2 || a.shape(1) != b.shape(1) || (channels > 0 && (a.shape(0) == 0 || channels % a.shape(0) != 0))) {
    wrong_shape(where, "a",
                "(channels, order), or fewer rows that divide the channels, with b " + shape_text(b.shape()),
                a.shape());
  }
  return channels == 0 ? 1 : channels / a.shape(0);
}

/// b (channels, order), a (rows, order), dk (channels, length): the gradients of b and, channel by channel, of a.
template <class T>
std::pair<Result<double>, Result<double>> transfer_vjp(const Array& b, const Array& a, const Array& grad,
                                                       std::size_t threads) {
  const char* const where = "ssm.gradient.transfer_kernel_vjp";
  const Input<double> numerator(where, "b", b), denominator(where, "a", a);
  const Input<T> dk(where, "dk", grad);
  const std::size_t repeat = sharing(where, numerator, denominator);
  const std::size_t channels = numerator.shape(0), order = numerator.shape(1);
  if (dk.ndim() != 2 || dk.shape(0) != channels) {
    wrong_shape(where, "dk", "(" + std::to_string(channels) + ", length)", dk.shape());
  }
  const std::size_t length = dk.shape(1);
  Result<double> db = make_array<double>({channels, order}), da = make_array<double>({channels, order});
  const nb::gil_scoped_release unlocked;
  Shares shares(padded(channels) / tile, threads, transfer_vjp_workspace_bytes(order, length));
  shares.run(threads, [&](std::size_t i, Workspace scratch) noexcept {
    kernels().gradient<T>().transfer_kernel_vjp(
        View<const double, 2>(numerator.data(), {channels, order}),
        View<const double, 2>(denominator.data(), {denominator.shape(0), order}), repeat, i * tile,
        View<const T, 2>(dk.data(), {channels, length}), View<double, 2>(db.data(), {channels, order}),
        View<double, 2>(da.data(), {channels, order}), scratch);
  });
  return {db, da};
}

/// b (channels, order), a (rows, order): the response (channels, length) to an impulse.
Result<double> response(const Array& b, const Array& a, std::size_t length, std::size_t threads) {
  const char* const where = "ssm.gradient.transfer_response";
  const Input<double> numerator(where, "b", b), denominator(where, "a", a);
  const std::size_t repeat = sharing(where, numerator, denominator);
  const std::size_t channels = numerator.shape(0), order = numerator.shape(1);
  Result<double> k = make_array<double>({channels, length});
  const nb::gil_scoped_release unlocked;
  Shares shares(padded(channels) / tile, threads, transfer_response_workspace_bytes(order, length));
  shares.run(threads, [&](std::size_t i, Workspace scratch) noexcept {
    kernels().gradient<double>().transfer_response(
        View<const double, 2>(numerator.data(), {channels, order}),
        View<const double, 2>(denominator.data(), {denominator.shape(0), order}), repeat, i * tile,
        View<double, 2>(k.data(), {channels, length}), scratch);
  });
  return k;
}

/// lambda, b, c (channels, modes), p and q (rank, channels, modes), dt (channels), dk (channels, length): the gradients
/// by lambda, p, q, b, c and dt.
nb::tuple dplr_vjp(const Array& lambda, const Array& p, const Array& q, const Array& b, const Array& c, const Array& dt,
                   const Array& grad, std::size_t threads) {
  const char* const where = "ssm.gradient.dplr_kernel_vjp";
  const Input<Complex> poles(where, "lambda_", lambda), left(where, "p", p), right(where, "q", q), in(where, "b", b),
      out(where, "c", c);
  const Input<double> steps(where, "dt", dt), dk(where, "dk", grad);
  if (poles.ndim() != 2) wrong_shape(where, "lambda_", "(channels, modes)", poles.shape());
  const std::size_t channels = poles.shape(0), modes = poles.shape(1);
  if (left.ndim() != 3 || left.shape(0) == 0 || left.shape(0) > most_rank) {
    wrong_shape(where, "p", "(1 to 4, channels, modes)", left.shape());
  }
  const std::size_t rank = left.shape(0);
  expect_shape(where, "p", left.shape(), {rank, channels, modes});
  expect_shape(where, "q", right.shape(), left.shape());
  expect_shape(where, "b", in.shape(), poles.shape());
  expect_shape(where, "c", out.shape(), poles.shape());
  expect_shape(where, "dt", steps.shape(), {channels});
  if (dk.ndim() != 2 || dk.shape(0) != channels) {
    wrong_shape(where, "dk", "(" + std::to_string(channels) + ", length)", dk.shape());
  }
  const std::size_t length = dk.shape(1);
  auto by_lambda = make_array<Complex>(poles.shape()), by_p = make_array<Complex>(left.shape()),
       by_q = make_array<Complex>(left.shape()), by_b = make_array<Complex>(poles.shape()),
       by_c = make_array<Complex>(poles.shape());
  auto by_dt = make_array<double>({channels});
  const DplrVjpShape shape{modes, rank, length};
  const auto channel = [&](std::size_t h) {
    const std::size_t at = h * modes;
    return DplrChannel{poles.data() + at, left.data() + at, right.data() + at, in.data() + at,
                       out.data() + at,   channels * modes, steps.data()[h]};
  };
  std::vector<double> cores(channels * rank * rank);
  for (std::size_t h = 0; h < channels; ++h) {
    if (dplr_core(shape, channel(h), &cores[h * rank * rank]) != Outcome::ok) {
      throw nb::value_error(
          (std::string(where) + ": 2 / dt must not be an eigenvalue of A, is one in channel " + std::to_string(h))
              .c_str());
    }
  }
  {
    const nb::gil_scoped_release unlocked;
    const std::size_t rows = shape.constants() + length + shape.sums();
    Shares shares(padded(channels) / tile, threads,
                  dplr_vjp_workspace_bytes(shape) + workspace_size<double>(rows * tile));
    shares.run(threads, [&](std::size_t i, Workspace scratch) noexcept {
      double* const constants = scratch.take<double>(rows * tile);
      double* const values = constants + shape.constants() * tile;
      double* const sums = values + length * tile;
      std::fill_n(constants, (shape.constants() + length) * tile, 0.0);
      const std::size_t first = i * tile, count = std::min(tile, channels - first);
      for (std::size_t l = 0; l < count; ++l) {
        pack_dplr_vjp(shape, channel(first + l), &cores[(first + l) * rank * rank], l, constants);
        for (std::size_t t = 0; t < length; ++t) values[t * tile + l] = dk.data()[(first + l) * length + t];
      }
      kernels().gradient<double>().dplr_kernel_vjp(shape, constants, values, sums, scratch);
      for (std::size_t l = 0; l < count; ++l) {
        const std::size_t h = first + l, at = h * modes;
        DplrGradient by{by_lambda.data() + at, by_p.data() + at, by_q.data() + at,
                        by_b.data() + at,      by_c.data() + at, channels * modes};
        unpack_dplr_vjp(shape, channel(h), &cores[h * rank * rank], l, sums, by);
        by_dt.data()[h] = by.dt;
      }
    });
  }
  return nb::make_tuple(by_lambda, by_p, by_q, by_b, by_c, by_dt);
}

}  // namespace

void bind_gradient_recurrent(nb::module_& m) {
  m.def("transfer_vjp32", &transfer_vjp<float>, "b"_a, "a"_a, "dk"_a, "threads"_a = 1);
  m.def("transfer_vjp64", &transfer_vjp<double>, "b"_a, "a"_a, "dk"_a, "threads"_a = 1);
  m.def("dplr_vjp", &dplr_vjp, "lambda_"_a, "p"_a, "q"_a, "b"_a, "c"_a, "dt"_a, "dk"_a, "threads"_a = 1);
  m.def("transfer_response", &response, "b"_a, "a"_a, "length"_a, "threads"_a = 1);
}

}  // namespace danaus::bindings
