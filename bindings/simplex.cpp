// SPDX-License-Identifier: Apache-2.0
#include <nanobind/stl/optional.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include <danaus/simplex/kernels.hpp>

#include "module.hpp"
#include "shares.hpp"
#include "table.hpp"

namespace danaus::bindings {
namespace {

constexpr const char* names[] = {"softmax",         "log_softmax", "log_sum", "sparsemax",   "entmax15",
                                 "entmax",          "topk",        "nucleus", "softmax_vjp", "entmax_vjp",
                                 "log_softmax_vjp", "pointwise",   "sample",  "perturb"};
static_assert(std::size(names) == static_cast<std::size_t>(Simplex::count));

/// Where an array lies, element strides of all its axes.
struct Plane {
  std::byte* data = nullptr;
  ElementType storage = ElementType::f32;
  std::vector<std::int64_t> strides;
  std::size_t n = 0;  // elements along the axis of the map
  bool given() const noexcept { return data != nullptr; }
};

/// An axis that rows are counted along, with the strides of x, other and out.
struct Axis {
  std::size_t extent;
  std::int64_t stride[3];
};

struct Job {
  Plane plane[3];  // x, other, out
  std::vector<Axis> outer;
  Axis inner{1, {0, 0, 0}};
  std::int64_t along[3]{};
  std::size_t map = 0, together = 1;
  bool causal = false;
  std::int64_t ahead = 0;  // keys that the first query sees besides its own
  double rest = 0;         // what stands where causal rows have ended
  SimplexParameters parameters;
};

template <class A>
Plane plane_of(const A& array, std::size_t axis, const std::string& half) {
  Plane p;
  p.data = static_cast<std::byte*>(const_cast<void*>(static_cast<const void*>(array.data())));
  const auto type = array.dtype();
  if (type == nb::dtype<float>()) {
    p.storage = ElementType::f32;
  } else if (type == nb::dtype<double>()) {
    p.storage = ElementType::f64;
  } else if (type == nb::dtype<std::uint16_t>() && !half.empty()) {
    p.storage = half == "float16" ? ElementType::f16 : ElementType::bf16;
  } else {
    throw nb::type_error("simplex: arrays must be float32, float64, float16 or bfloat16");
  }
  for (std::size_t i = 0; i < array.ndim(); ++i) p.strides.push_back(array.shape(i) == 1 ? 0 : array.stride(i));
  p.n = array.shape(axis);
  return p;
}

/// Axes other than the map's, the one that rows are taken side by side along apart from the others.
void plan(Job& job, const std::vector<std::size_t>& shape, std::size_t axis) {
  for (int a = 0; a < 3; ++a) {
    if (job.plane[a].given()) job.along[a] = job.plane[a].n == 1 ? 1 : job.plane[a].strides[axis];
  }
  std::vector<Axis>& axes = job.outer;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i == axis || (shape[i] == 1 && !job.causal)) continue;
    Axis next{shape[i], {0, 0, 0}};
    for (int a = 0; a < 3; ++a) {
      if (job.plane[a].given()) next.stride[a] = job.plane[a].strides[i];
    }
    const auto extent = static_cast<std::int64_t>(next.extent);
    if (!axes.empty() && !job.causal &&
        std::equal(next.stride, next.stride + 3, axes.back().stride,
                   [&](std::int64_t in, std::int64_t out) { return out == in * extent; })) {
      next.extent *= axes.back().extent;  // the two axes count as one
      axes.pop_back();
    }
    axes.push_back(next);
  }
  if (axes.empty()) return;
  std::size_t chosen = axes.size() - 1;
  for (const int a : {2, 0}) {
    if (job.causal || !job.plane[a].given() || job.along[a] == 1) continue;
    for (std::size_t i = 0; i < axes.size(); ++i) {
      if (axes[i].stride[a] == 1) chosen = i;
    }
  }
  job.inner = axes[chosen];
  axes.erase(axes.begin() + static_cast<std::ptrdiff_t>(chosen));
}

template <class T>
constexpr ElementType native_storage = sizeof(T) == 4 ? ElementType::f32 : ElementType::f64;

/// Rows [first, first + rows) of the inner axis, from where `at` points.
template <class T>
void run_rows(const Job& job, std::byte* const* at, std::size_t first, std::size_t rows, std::size_t number,
              Workspace scratch) noexcept {
  const SimplexKernels<T>& run = kernels().simplex<T>();
  T* buffer[3];
  std::ptrdiff_t pitch[3]{};
  Strided from[3];
  for (int a = 0; a < 3; ++a) {
    const Plane& p = job.plane[a];
    buffer[a] = nullptr;
    if (!p.given()) continue;
    std::byte* const begin = at[a] + static_cast<std::int64_t>(first) * job.inner.stride[a] *
                                         static_cast<std::int64_t>(element_bytes(p.storage));
    from[a] = {begin, p.storage, job.inner.stride[a], job.along[a]};
    if (p.storage == native_storage<T> && job.along[a] == 1) {
      buffer[a] = reinterpret_cast<T*>(begin);
      pitch[a] = job.inner.stride[a];
    } else {
      const std::size_t wide = (p.n + 15) / 16 * 16;
      buffer[a] = scratch.take<T>(job.together * wide);
      pitch[a] = static_cast<std::ptrdiff_t>(wide);
      if (a < 2) run.read(from[a], rows, p.n, buffer[a], wide);
    }
  }
  ScoreRows<T> batch{buffer[0], pitch[0], buffer[1], pitch[1], buffer[2], pitch[2], rows, job.plane[0].n, number};
  const auto map = run.map[job.map];
  if (!job.causal) {
    map(job.parameters, batch, scratch);
  } else {
    for (std::size_t r = 0; r < rows; ++r) {
      const std::int64_t seen = static_cast<std::int64_t>(first + r) + 1 + job.ahead;
      const std::size_t n =
          static_cast<std::size_t>(std::clamp<std::int64_t>(seen, 0, static_cast<std::int64_t>(job.plane[0].n)));
      ScoreRows<T> one{batch.x(r), 0,         batch.other != nullptr ? batch.g(r) : nullptr, 0, batch.y(r), 0, 1,
                       n,          number + r};
      if (n > 0 || job.plane[2].n != job.plane[0].n) map(job.parameters, one, scratch);
      if (job.plane[2].n == job.plane[0].n) std::fill(one.out + n, one.out + job.plane[0].n, static_cast<T>(job.rest));
    }
  }
  const Plane& out = job.plane[2];
  if (!(out.storage == native_storage<T> && job.along[2] == 1)) {
    run.write(buffer[2], static_cast<std::size_t>(pitch[2]), rows, out.n, from[2]);
  }
}

template <class T>
void run_job(Job& job, std::size_t threads) {
  const std::size_t n = job.plane[0].n;
  bool direct = true;
  std::size_t bytes = simplex_workspace_bytes<T>(n) + workspace_size<double>(job.plane[1].n);
  for (int a = 0; a < 3; ++a) {
    const Plane& p = job.plane[a];
    if (p.given() && !(p.storage == native_storage<T> && job.along[a] == 1)) direct = false;
  }
  job.together = direct ? std::clamp<std::size_t>(16384 / std::max<std::size_t>(n, 1), 1, 1024) : simplex_rows_together;
  if (!direct) {
    for (const Plane& p : job.plane) {
      if (p.given()) bytes += workspace_size<T>(job.together * ((p.n + 15) / 16 * 16));
    }
  }
  std::size_t blocks = (job.inner.extent + job.together - 1) / job.together, pieces = blocks;
  for (const Axis& axis : job.outer) pieces *= axis.extent;
  if (pieces == 0) return;
  Shares shares(pieces, threads, bytes);
  shares.run(threads, [&](std::size_t i, Workspace scratch) noexcept {
    std::size_t rest = i / blocks;
    const std::size_t first = i % blocks * job.together, rows = std::min(job.together, job.inner.extent - first);
    std::byte* at[3];
    for (int a = 0; a < 3; ++a) at[a] = job.plane[a].data;
    for (std::size_t d = job.outer.size(); d-- > 0;) {
      const Axis& axis = job.outer[d];
      for (int a = 0; a < 3; ++a) {
        if (!job.plane[a].given()) continue;
        at[a] += static_cast<std::int64_t>(rest % axis.extent) * axis.stride[a] *
                 static_cast<std::int64_t>(element_bytes(job.plane[a].storage));
      }
      rest /= axis.extent;
    }
    run_rows<T>(job, at, first, rows, i / blocks * job.inner.extent + first, scratch);
  });
}

/// out = map(x, other) along an axis, whatever the arrays' layouts. Shapes are Python's business but for their ranks.
void simplex(const std::string& name, const Array& x, const std::optional<Array>& other,
             const nb::ndarray<nb::device::cpu>& out, std::size_t axis, const std::string& half, double scale,
             double alpha, double mass, std::size_t count, std::uint64_t key, bool causal, double rest, bool in_double,
             std::size_t threads) {
  const auto* const found =
      std::find_if(std::begin(names), std::end(names), [&](const char* known) { return name == known; });
  if (found == std::end(names)) throw nb::value_error(("simplex: no map is called " + name).c_str());
  const bool fits = x.ndim() == out.ndim() && axis < x.ndim() && (!other || other->ndim() == x.ndim());
  if (!fits || (causal && (x.ndim() < 2 || axis + 1 != x.ndim()))) throw nb::value_error("simplex: axes do not fit");
  Job job;
  job.map = static_cast<std::size_t>(found - std::begin(names));
  job.causal = causal;
  job.rest = rest;
  for (std::size_t i = 0; i < x.ndim(); ++i) {
    if (i != axis && (out.shape(i) != x.shape(i) || (other && other->shape(i) != x.shape(i)))) {
      throw nb::value_error("simplex: shapes do not fit");
    }
  }
  if (out.size() == 0) return;
  job.plane[0] = plane_of(x, axis, half);
  if (other) job.plane[1] = plane_of(*other, axis, half);
  job.plane[2] = plane_of(out, axis, half);
  if (causal) {
    job.ahead = static_cast<std::int64_t>(x.shape(axis)) - static_cast<std::int64_t>(x.shape(axis - 1));
  }
  job.parameters = {scale, alpha, mass, count, key, other.has_value()};
  plan(job, shape_of(x), axis);
  const nb::gil_scoped_release unlocked;
  if (job.plane[0].storage == ElementType::f64 || in_double || kernels().simplex<float>().map[job.map] == nullptr) {
    run_job<double>(job, threads);
  } else {
    run_job<float>(job, threads);
  }
}

}  // namespace

void bind_simplex(nb::module_& m) {
  m.def("simplex", &simplex, "map"_a, "x"_a.noconvert(), "other"_a.none(), "out"_a.noconvert(), "axis"_a, "half"_a = "",
        "scale"_a = 1.0, "alpha"_a = 1.5, "mass"_a = 1.0, "count"_a = 1, "key"_a = 0, "causal"_a = false,
        "rest"_a = 0.0, "in_double"_a = false, "threads"_a = 1);
}

}  // namespace danaus::bindings
