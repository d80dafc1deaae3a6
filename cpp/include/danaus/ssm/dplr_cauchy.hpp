// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <numbers>
#include <span>
#include <vector>

#include <danaus/core/complex.hpp>
#include <danaus/core/view.hpp>
#include <danaus/ssm/dplr.hpp>

namespace danaus {

/// A channel's kernel at the roots of unity, from the truncated C~ = C (I - A_bar^length) that S4 trains:
///   k(l) = e^{i theta} (S00 - cos S01 (I + cos S11)^-1 S10),  S_ab = dt sum_n v_n / (2 i sin - cos dt lambda_n),
/// theta = pi l / length, v = c b, c p, q^* b, q^* p over both halves of the spectrum: k(l) = sum_j K_j w^j, w = e^{-2
/// pi i l / length}, l in [0, length / 2]. A conjugate pair adds v / z + v' / z' = 2 (2 i sin Re(v) - cos dt Re(v
/// lambda')) / (z z'), ' the conjugate. In sines and cosines it has no pole at the Nyquist frequency, where 2 (1 - w) /
/// (1 + w) has one. Accuracy 1e-12 times the condition of I - A_bar^length.
class CauchyKernel {
 public:
  CauchyKernel(const DplrParameters& in, std::size_t h)
      : modes_(in.modes), rank_(in.rank), dt_(in.dt[h]), lambda_(modes_), weight_((rank_ + 1) * (rank_ + 1) * modes_) {
    const std::size_t all = in.channels * in.modes, at = h * in.modes, side = rank_ + 1;
    for (std::size_t n = 0; n < modes_; ++n) {
      lambda_[n] = in.lambda[at + n];
      for (std::size_t r = 0; r < side; ++r) {
        const Complex left = r == 0 ? in.c[at + n] : std::conj(in.q[(r - 1) * all + at + n]);
        for (std::size_t s = 0; s < side; ++s) {
          const Complex right = s == 0 ? in.b[at + n] : in.p[(s - 1) * all + at + n];
          weight_[(r * side + s) * modes_ + n] = left * right;
        }
      }
    }
  }

  /// k(l) for l in [0, out.size()); singular where w is an eigenvalue's inverse.
  [[nodiscard]] Outcome evaluate(std::size_t length, std::span<Complex> out) const {
    const std::size_t side = rank_ + 1;
    std::vector<Complex> sums(side * side), inner(rank_ * rank_), right(rank_);
    for (std::size_t l = 0; l < out.size(); ++l) {
      const double theta = std::numbers::pi * static_cast<double>(l) / static_cast<double>(length);
      const double c = 2 * l == length ? 0 : std::cos(theta), s = std::sin(theta);
      sum(c, s, sums);
      for (std::size_t r = 0; r < rank_; ++r) {
        right[r] = sums[(r + 1) * side];
        for (std::size_t t = 0; t < rank_; ++t) {
          inner[r * rank_ + t] = (r == t ? 1.0 : 0.0) + c * sums[(r + 1) * side + t + 1];
        }
      }
      if (solve_small(inner, rank_, right, 1) != Outcome::ok) return Outcome::singular;
      Complex k = sums[0];
      for (std::size_t r = 0; r < rank_; ++r) k -= c * sums[r + 1] * right[r];
      out[l] = Complex(c, s) * k;
    }
    return Outcome::ok;
  }

 private:
  /// S_ab at an angle of cosine c and sine s.
  void sum(double c, double s, std::vector<Complex>& sums) const {
    std::vector<double> even(sums.size(), 0), odd(sums.size(), 0), even_im(sums.size(), 0), odd_im(sums.size(), 0);
    for (std::size_t n = 0; n < modes_; ++n) {
      const double wr = c * dt_ * lambda_[n].real(), wi = c * dt_ * lambda_[n].imag();
      // (2 i s - w)(2 i s - w') = |w|^2 - 4 s^2 - 4 i s Re(w), factored where it cancels
      const double re = wr * wr + (std::abs(wi) - 2 * s) * (std::abs(wi) + 2 * s), im = -4 * s * wr;
      const double norm = 1 / (re * re + im * im), gr = re * norm, gi = -im * norm;
      for (std::size_t i = 0; i < sums.size(); ++i) {
        const Complex v = weight_[i * modes_ + n];
        const double turned = v.real() * lambda_[n].real() + v.imag() * lambda_[n].imag();  // Re(v lambda')
        even[i] += gr * turned;
        even_im[i] += gi * turned;
        odd[i] += gr * v.real();
        odd_im[i] += gi * v.real();
      }
    }
    for (std::size_t i = 0; i < sums.size(); ++i) {
      sums[i] = 2 * dt_ * (Complex(0, 2 * s) * Complex(odd[i], odd_im[i]) - c * dt_ * Complex(even[i], even_im[i]));
    }
  }

  std::size_t modes_, rank_;
  double dt_;
  std::vector<Complex> lambda_;
  std::vector<Complex> weight_;  ///< (rank + 1, rank + 1, modes)
};

/// A_bar of channel h as it acts on (Re x, Im x) of one half of the spectrum: real (2 modes, 2 modes), its norm that of
/// A_bar on both halves. `modes` as discretize(in, false) gives them.
inline std::vector<double> dense_transition(const DplrModes& modes, std::size_t h) {
  const std::size_t count = modes.modes, size = 2 * count;
  std::vector<double> a(size * size, 0);
  for (std::size_t m = 0; m < count; ++m) {
    const Complex pole = 1.0 + modes.delta[h * count + m];
    a[m * size + m] = a[(count + m) * size + count + m] = pole.real();
    a[m * size + count + m] = -pole.imag();
    a[(count + m) * size + m] = pole.imag();
    for (std::size_t r = 0; r < modes.rank; ++r) {
      const Complex column = modes.column[(h * modes.rank + r) * count + m];
      for (std::size_t n = 0; n < count; ++n) {
        const Complex row = modes.row[(h * modes.rank + r) * count + n];
        a[m * size + n] -= column.real() * row.real();
        a[m * size + count + n] += column.real() * row.imag();
        a[(count + m) * size + n] -= column.imag() * row.real();
        a[(count + m) * size + count + n] += column.imag() * row.imag();
      }
    }
  }
  return a;
}

}  // namespace danaus
