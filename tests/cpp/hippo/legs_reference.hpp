// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "check.hpp"

#include <cstddef>
#include <span>
#include <vector>

#include <danaus/hippo/legs_kernels.hpp>
#include <danaus/hippo/memory.hpp>

// Slow and obviously right, in long double: the LegS coefficients of a signal that holds u_k until
// ends_k,  x_n = (r_n / 2) sum_k u_k [Q_n(b_{k+1}) - Q_n(b_k)],  b = 2 t / T - 1.
namespace legs_reference {

inline std::vector<long double> polynomials(std::size_t count, long double x) {
  std::vector<long double> p(count + 2, 1);
  p[1] = x;
  for (std::size_t n = 1; n <= count; ++n) {
    const long double k = static_cast<long double>(n);
    p[n + 1] = ((2 * k + 1) * x * p[n] - k * p[n - 1]) / (k + 1);
  }
  return p;
}

inline std::vector<double> coefficients(std::span<const double> u, std::span<const double> ends, std::size_t order) {
  std::vector<long double> x(order, 0), before(order, 0);
  for (std::size_t k = 0; k <= u.size(); ++k) {
    const long double at = k == 0 ? 0 : ends[k - 1];
    const std::vector<long double> p = polynomials(order, 2 * at / static_cast<long double>(ends.back()) - 1);
    for (std::size_t n = 0; n < order; ++n) {
      const long double m = 2 * static_cast<long double>(n) + 1;
      const long double q = n == 0 ? p[1] : (p[n + 1] - p[n - 1]) / m;
      if (k > 0) x[n] += 0.5L * sqrtl(m) * static_cast<long double>(u[k - 1]) * (q - before[n]);
      before[n] = q;
    }
  }
  return std::vector<double>(x.begin(), x.end());
}

inline std::vector<double> units(std::size_t length) {
  std::vector<double> ends(length);
  for (std::size_t k = 0; k < length; ++k) ends[k] = static_cast<double>(k + 1);
  return ends;
}

inline double distance(const std::vector<double>& got, const std::vector<double>& want) {
  double error = 0, size = 0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    error += (got[i] - want[i]) * (got[i] - want[i]);
    size += want[i] * want[i];
  }
  return got.size() == want.size() ? std::sqrt(error / size) : HUGE_VAL;
}

/// (L, channels)
inline std::vector<double> noise(std::size_t length, std::size_t channels, std::uint64_t seed = 1) {
  check::Random random(seed);
  std::vector<double> u(length * channels);
  for (double& x : u) x = static_cast<double>(static_cast<float>(random()));  // exact as a float, too
  return u;
}

inline std::vector<double> channel(const std::vector<double>& u, std::size_t channels, std::size_t c) {
  std::vector<double> one;
  for (std::size_t k = c; k < u.size(); k += channels) one.push_back(u[k]);
  return one;
}

template <class T>
std::vector<double> read(const danaus::LegsMemory<T>& memory) {
  std::vector<T> out(memory.channels() * memory.order());
  memory.coefficients({out.data(), {memory.channels(), memory.order()}});
  return std::vector<double>(out.begin(), out.end());
}

template <class T>
danaus::View<const T, 2> rows(const std::vector<T>& u, std::size_t channels) {
  return {u.data(), {u.size() / channels, channels}};
}

inline danaus::LegsMemory<double> memory(std::size_t order, std::size_t channels = 1) {
  return {danaus::legs_kernels<double>(), order, channels};
}

}  // namespace legs_reference
