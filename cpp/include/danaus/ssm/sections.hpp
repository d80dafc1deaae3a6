// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include <danaus/ssm/impulse.hpp>
#include <danaus/ssm/polynomial.hpp>
#include <danaus/ssm/stability.hpp>

// Transfer function <-> second-order sections and the normalised lattice-ladder. Set-up code.
namespace danaus::convert {

/// h0 A + b by powers of z^-1: the numerator of h0 + b / A, N + 1 coefficients.
inline std::vector<double> numerator_of(std::span<const double> b, std::span<const double> a, double h0) {
  std::vector<double> full(a.size() + 1, h0);
  for (std::size_t i = 0; i < a.size(); ++i) full[i + 1] = std::fma(h0, a[i], b[i]);
  return full;
}

/// Zeros of a numerator c_0 + c_1 z^-1 + ...: its finite ones; `delay` counts those at infinity (leading
/// zeros), `gain` is the first coefficient after them, 0 for the zero numerator.
struct Zeros {
  std::vector<Complex> finite;
  std::size_t delay = 0;
  double gain = 0;
};

inline Zeros zeros_of(std::span<const double> numerator) {
  Zeros out;
  while (out.delay < numerator.size() && numerator[out.delay] == 0) ++out.delay;
  if (out.delay == numerator.size()) return out;
  out.gain = numerator[out.delay];
  std::vector<double> monic;
  for (std::size_t i = out.delay + 1; i < numerator.size(); ++i) monic.push_back(numerator[i] / out.gain);
  out.finite = roots(monic);
  return out;
}

/// The element of `set` (closed under conjugation, pairs adjacent, the upper one first) nearest to `target`
/// among those `allowed`; set.size() if none is.
template <class Allowed>
std::size_t nearest(const std::vector<Complex>& set, Complex target, Allowed allowed) {
  std::size_t best = set.size();
  for (std::size_t i = 0; i < set.size(); ++i) {
    if (set[i].imag() < 0 || !allowed(set[i])) continue;
    if (best == set.size() || std::abs(set[i] - target) < std::abs(set[best] - target)) best = i;
  }
  return best;
}

/// Moves the element `at`, with its conjugate, from `set` to the end of `to`.
inline void take(std::vector<Complex>& set, std::size_t at, std::vector<Complex>& to) {
  const auto first = set.begin() + static_cast<std::ptrdiff_t>(at), last = first + (set[at].imag() > 0 ? 2 : 1);
  to.insert(to.end(), first, last);
  set.erase(first, last);
}

/// The next section's poles: the outermost one with its conjugate, or with the nearest other real one.
inline std::vector<Complex> take_poles(std::vector<Complex>& poles) {
  std::size_t outermost = 0;
  for (std::size_t i = 0; i < poles.size(); ++i) {
    if (poles[i].imag() >= 0 && std::abs(poles[i]) > std::abs(poles[outermost])) outermost = i;
  }
  std::vector<Complex> mine;
  take(poles, outermost, mine);
  if (mine.size() == 1) {
    const std::size_t second = nearest(poles, mine[0], [](Complex z) { return z.imag() == 0; });
    if (second < poles.size()) take(poles, second, mine);
  }
  return mine;
}

/// Up to `room` zeros nearest to `target`, so that what is left still fits: a real zero stays alone only
/// beside a delay.
inline std::vector<Complex> take_zeros(std::vector<Complex>& zeros, Complex target, std::size_t room,
                                       std::size_t delays) {
  const auto real = [](Complex z) { return z.imag() == 0; };
  const auto reals = std::count_if(zeros.begin(), zeros.end(), real);
  const auto allowed = [&](Complex z) { return real(z) ? room == 1 || reals > 1 || delays > 0 : room == 2; };
  std::vector<Complex> mine;
  const std::size_t first = nearest(zeros, target, allowed);
  if (first == zeros.size()) return mine;
  take(zeros, first, mine);
  if (mine.size() < room) {
    const std::size_t second = nearest(zeros, target, real);
    if (second < zeros.size()) take(zeros, second, mine);
  }
  return mine;
}

/// z^-delays (1 - s z^-1 + p z^-2) of no, one or two roots: three coefficients.
inline void write_quadratic(const std::vector<Complex>& z, std::size_t delays, double* c) noexcept {
  std::fill(c, c + 3, 0.0);
  c[delays] = 1;
  if (z.size() == 1) c[delays + 1] = -z[0].real();
  if (z.size() == 2) {
    c[1] = -(z[0].real() + z[1].real());
    c[2] = z[0].imag() != 0 ? std::norm(z[0]) : z[0].real() * z[1].real();
  }
}

/// h0 + b / A as ceil(N / 2) second-order sections (S, 6), b0 b1 b2 1 a1 a2 each: conjugate poles together, a
/// real pole with the real one nearest to it, each section with the zeros nearest to its poles, the poles
/// nearest to the unit circle last; zeros at infinity become delays; the gain stands in the first section.
/// Returns the error of the kernel over `length` samples relative to its peak.
[[nodiscard]] inline double transfer_to_sections(std::span<const double> b, std::span<const double> a, double h0,
                                                 std::size_t length, std::span<double> sos) {
  Zeros zeros = zeros_of(numerator_of(b, a, h0));
  std::vector<Complex> poles = roots(a);
  std::size_t delays = std::min(zeros.delay, a.size());
  for (std::size_t s = (a.size() + 1) / 2; s-- > 0;) {
    const std::vector<Complex> mine = take_poles(poles);
    const std::vector<Complex> above = take_zeros(zeros.finite, mine[0], mine.size(), delays);
    delays -= mine.size() - above.size();
    write_quadratic(above, mine.size() - above.size(), &sos[6 * s]);
    write_quadratic(mine, 0, &sos[6 * s + 3]);
  }
  for (std::size_t i = 0; i < 3; ++i) sos[i] *= zeros.gain;
  std::vector<double> want = impulse_of_transfer<Twofold>(b, a, length);
  want.insert(want.begin(), h0);
  return relative_error(impulse_of_sections(sos, want.size()), want);
}

/// The product of the sections (S, 6) with leading 1 in each denominator: b, a (2 S) and h0. In twice the
/// digits. Returns the error of the kernel over `length` samples relative to its peak.
[[nodiscard]] inline double sections_to_transfer(std::span<const double> sos, std::size_t length, std::span<double> b,
                                                 std::span<double> a, double& h0) {
  std::vector<Twofold> over(a.size() + 1), under(a.size() + 1);
  over[0] = under[0] = 1;
  const auto multiply = [](std::vector<Twofold>& c, std::size_t degree, const double* factor) {
    for (std::size_t k = degree + 3; k-- > 0;) {
      c[k] = c[k] * factor[0] + (k > 0 ? c[k - 1] * factor[1] : Twofold()) + (k > 1 ? c[k - 2] * factor[2] : Twofold());
    }
  };
  for (std::size_t s = 0; s < sos.size() / 6; ++s) {
    multiply(over, 2 * s, &sos[6 * s]);
    multiply(under, 2 * s, &sos[6 * s + 3]);
  }
  h0 = over[0].high;
  for (std::size_t i = 0; i < a.size(); ++i) {
    a[i] = under[i + 1].high;
    b[i] = (over[i + 1] - under[i + 1] * h0).high;
  }
  std::vector<double> want = impulse_of_sections(sos, length + 1);
  want.erase(want.begin());
  return std::fmax(relative_error(impulse_of_transfer<double>(b, a, length), want),
                   relative_error(impulse_of_transfer<Twofold>(b, a, length), want));
}

/// The polynomials A_m of all orders m = 0..N from reflection coefficients, row m holding A_m's m + 1
/// coefficients.
inline std::vector<std::vector<Twofold>> all_orders(std::span<const double> k) {
  std::vector<std::vector<Twofold>> rows{{Twofold(1)}};
  for (std::size_t m = 1; m <= k.size(); ++m) {
    std::vector<Twofold> next(m + 1);
    for (std::size_t i = 0; i <= m; ++i) {
      next[i] = (i < m ? rows.back()[i] : Twofold()) + (i > 0 ? rows.back()[m - i] * k[m - 1] : Twofold());
    }
    rows.push_back(std::move(next));
  }
  return rows;
}

/// h0 + b / A as normalised lattice-ladder: reflection coefficients k (N) and taps v (N + 1), the numerator
/// expanded in the reversed polynomials z^-m A_m(1/z), scaled by prod_{j>m} sqrt(1 - k_j^2): the states then
/// have unit power each, whatever the poles. A must be stable. Returns the error of the kernel over `length`
/// samples relative to its peak. O(N^2). Gray and Markel 1975.
[[nodiscard]] inline double transfer_to_lattice(std::span<const double> b, std::span<const double> a, double h0,
                                                std::size_t length, std::span<double> k, std::span<double> v) {
  const std::size_t n = a.size();
  static_cast<void>(step_down(a, k));
  const std::vector<std::vector<Twofold>> rows = all_orders(k);
  std::vector<Twofold> rest(n + 1);
  rest[0] = h0;
  for (std::size_t i = 0; i < n; ++i) rest[i + 1] = Twofold(a[i]) * h0 + b[i];
  double scale = 1;
  for (std::size_t m = n + 1; m-- > 0;) {
    const Twofold tap = rest[m];
    for (std::size_t i = 0; i <= m; ++i) rest[i] = rest[i] - tap * rows[m][m - i];
    v[m] = tap.high / scale;
    if (m > 0) scale *= std::sqrt((1 - k[m - 1]) * (1 + k[m - 1]));
  }
  std::vector<double> want = impulse_of_transfer<Twofold>(b, a, length);
  want.insert(want.begin(), h0);
  return relative_error(impulse_of_lattice(k, v, want.size()), want);
}

/// b, a (N) and h0 of a normalised lattice-ladder. Returns the error of the kernel over `length` samples.
[[nodiscard]] inline double lattice_to_transfer(std::span<const double> k, std::span<const double> v,
                                                std::size_t length, std::span<double> b, std::span<double> a,
                                                double& h0) {
  const std::size_t n = k.size();
  const std::vector<std::vector<Twofold>> rows = all_orders(k);
  std::vector<Twofold> over(n + 1);
  double scale = 1;
  for (std::size_t m = n + 1; m-- > 0;) {
    for (std::size_t i = 0; i <= m; ++i) over[i] = over[i] + rows[m][m - i] * (v[m] * scale);
    if (m > 0) scale *= std::sqrt((1 - k[m - 1]) * (1 + k[m - 1]));
  }
  h0 = over[0].high;
  for (std::size_t i = 0; i < n; ++i) {
    a[i] = rows[n][i + 1].high;
    b[i] = (over[i + 1] - rows[n][i + 1] * h0).high;
  }
  std::vector<double> want = impulse_of_lattice(k, v, length + 1);
  want.erase(want.begin());
  return std::fmax(relative_error(impulse_of_transfer<double>(b, a, length), want),
                   relative_error(impulse_of_transfer<Twofold>(b, a, length), want));
}

}  // namespace danaus::convert
