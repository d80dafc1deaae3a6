// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <numbers>
#include <span>
#include <string>
#include <vector>

#include <danaus/core/buffer.hpp>
#include <danaus/core/complex.hpp>
#include <danaus/core/error.hpp>
#include <danaus/core/view.hpp>
#include <danaus/linalg/eigen.hpp>
#include <danaus/simd/loop.hpp>

namespace danaus {

/// The scale-invariant Fourier measure, x' = (A x + B u) / t, in the basis in which A is diagonal. With
/// H = pi I + (i / (n - k), n != k), positive definite, A + I = i diag(n) H: so all eigenvalues are -1 + i w, w real,
/// found by a Hermitian eigensolver from H = L L^*, L^* diag(n) L = Q diag(w) Q^*, V = L^-* Q. Frequencies w >= 0 only:
/// the others are conjugates.
struct FousSpectrum {
  std::size_t order = 0;      // 2 M + 1
  std::vector<double> w;      // (M + 1), rising from 0
  std::vector<Complex> gain;  // (2 M + 1, M + 1): x_n = sum_j gain_nj z_j + conj(gain_{-n j} z_j), the latter for j > 0
};

inline FousSpectrum fous_spectrum(std::size_t order) {
  require(order % 2 == 1 && order < 1024, [&] {
    return "hippo.Memory: n must be odd (frequencies -M to M) and below 1024 for 'fous', is " + std::to_string(order);
  });
  const auto size = static_cast<Eigen::Index>(order), middle = size / 2;
  Eigen::MatrixXcd h(size, size);
  for (Eigen::Index n = 0; n < size; ++n) {
    for (Eigen::Index k = 0; k < size; ++k)
      h(n, k) = n == k ? Complex(std::numbers::pi) : Complex(0, 1 / static_cast<double>(n - k));
  }
  const Eigen::MatrixXcd l = h.llt().matrixL();
  const Eigen::VectorXd frequency =
      Eigen::VectorXd::LinSpaced(size, -static_cast<double>(middle), static_cast<double>(middle));
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXcd> solver(l.adjoint() * frequency.asDiagonal() * l);
  const Eigen::MatrixXcd v = l.adjoint().triangularView<Eigen::Upper>().solve(solver.eigenvectors());
  const Eigen::VectorXcd b = solver.eigenvectors().adjoint() * (l.adjoint() * Eigen::VectorXcd::Ones(size));
  FousSpectrum s;
  s.order = order;
  for (Eigen::Index j = middle; j < size; ++j) s.w.push_back(j == middle ? 0 : solver.eigenvalues()(j));
  for (Eigen::Index n = 0; n < size; ++n) {
    for (Eigen::Index j = middle; j < size; ++j)
      s.gain.push_back(v(n, j) * b(j) / Complex(1, -s.w[static_cast<std::size_t>(j - middle)]));
  }
  return s;
}

inline namespace DANAUS_ISA {

/// Online memory of all of [0, t) in the Fourier coefficients x_n ~ (1/t) int_0^t u(s) exp(-2 pi i n s / t) ds of FouS,
/// |n| <= M: exactly the solution of its equation for held samples, z <- z + (1 - (t0 / t1)^(1 - i w)) (u - z),
/// diagonal, at any times. In double precision; O(M) a sample and channel, and a sine and a cosine a sample and
/// frequency.
template <class T>
class FousMemory {
 public:
  FousMemory(std::shared_ptr<const FousSpectrum> spectrum, std::size_t channels)
      : spectrum_(std::move(spectrum)), channels_(channels), state_(1 + 2 * modes() * channels, 0), row_(channels) {}

  std::size_t order() const noexcept { return spectrum_->order; }
  std::size_t channels() const noexcept { return channels_; }
  double time() const noexcept { return state_[0]; }

  void step(std::span<const T> sample) {
    check_channels(sample.size());
    take(sample.data(), time() + 1);
  }
  void extend(View<const T, 2> samples) {
    check_channels(samples.extent(1));
    for (std::size_t k = 0; k < samples.extent(0); ++k) take(samples.row(k), time() + 1);
  }
  void extend(View<const T, 2> samples, std::span<const double> ends) {
    check_channels(samples.extent(1));
    double now = time();
    for (const double end : ends) {
      require(end > now && std::isfinite(end), [&] {
        return "hippo.Memory: times must be finite and increase from beyond " + std::to_string(now) + ", got " +
               std::to_string(end);
      });
      now = end;
    }
    for (std::size_t k = 0; k < samples.extent(0); ++k) take(samples.row(k), ends[k]);
  }

  /// out (channels, 2 M + 1), n rising from -M.
  void coefficients(View<Complex, 2> out) const noexcept {
    const std::size_t n = order(), m = modes();
    for (std::size_t c = 0; c < channels_; ++c) {
      for (std::size_t i = 0; i < n; ++i) {
        Complex sum = 0;
        for (std::size_t j = 0; j < m; ++j) {
          const Complex z(state_[1 + 2 * j * channels_ + c], state_[1 + (2 * j + 1) * channels_ + c]);
          sum += spectrum_->gain[i * m + j] * z;
          if (j > 0) sum += std::conj(spectrum_->gain[(n - 1 - i) * m + j] * z);
        }
        out(c, i) = sum;
      }
    }
  }
  /// out (times, channels): sum_n x_n exp(2 pi i n s / t).
  void reconstruct(std::span<const double> times, View<T, 2> out) const {
    require(time() > 0, [] { return "hippo.Memory: reconstruct needs at least one sample, got none"; });
    Buffer<Complex> x(channels_ * order());
    coefficients(View<Complex, 2>(x.data(), {channels_, order()}));
    const std::size_t middle = order() / 2;
    for (std::size_t i = 0; i < times.size(); ++i) {
      const double turns = times[i] / time();
      for (std::size_t c = 0; c < channels_; ++c) {
        double sum = x[c * order() + middle].real();
        for (std::size_t n = 1; n <= middle; ++n) {
          const double turned = static_cast<double>(n) * turns,
                       angle = 2 * std::numbers::pi * (turned - std::floor(turned));
          const Complex here = x[c * order() + middle + n];
          sum += 2 * (here.real() * std::cos(angle) - here.imag() * std::sin(angle));
        }
        out(i, c) = static_cast<T>(sum);
      }
    }
  }

  void reset() noexcept { std::fill(state_.begin(), state_.end(), 0.0); }
  std::size_t state_size() const noexcept { return state_.size(); }
  void save(std::span<double> out) const noexcept { std::copy(state_.begin(), state_.end(), out.begin()); }
  void restore(std::span<const double> in) {
    require(in.size() == state_.size() && in[0] >= 0 && std::isfinite(in[0]),
            [] { return "hippo.Memory: the state must come from a memory of the same shape"; });
    std::copy(in.begin(), in.end(), state_.begin());
  }

 private:
  std::size_t modes() const noexcept { return spectrum_->w.size(); }
  void check_channels(std::size_t got) const {
    require(got == channels_, [&] {
      return "hippo.Memory: samples must have " + std::to_string(channels_) + " channels, got " + std::to_string(got);
    });
  }
  /// 1 - rho e^{i w h} with rho = before / end, h = -log(rho), without cancellation: the real part is
  /// (end - before) / end + 2 rho sin^2(w h / 2).
  DANAUS_KERNEL void take(const T* sample, double end) noexcept {
    const double before = time(), fresh = (end - before) / end, rho = before / end;
    const double half = before > 0 ? 0.5 * std::log1p((end - before) / before) : 0;
    for (std::size_t c = 0; c < channels_; ++c) row_[c] = static_cast<double>(sample[c]);
    double* z = state_.data() + 1;
    for (const double w : spectrum_->w) {
      const double s = std::sin(w * half), re = fresh + 2 * rho * s * s, im = -2 * rho * s * std::cos(w * half);
      simd::each<double>(channels_, [&]<class V>(std::size_t c) {
        const V x = simd::load<V>(z + c), y = simd::load<V>(z + channels_ + c), d = simd::load<V>(row_.data() + c) - x;
        simd::store(x + fma(V(re), d, fma(V(im), y, V(0.0))), z + c);
        simd::store(y + fma(V(im), d, fnma(V(re), y, V(0.0))), z + channels_ + c);
      });
      z += 2 * channels_;
    }
    state_[0] = end;
  }

  std::shared_ptr<const FousSpectrum> spectrum_;
  std::size_t channels_;
  Buffer<double> state_;  // time, then re and im (channels) of each mode
  Buffer<double> row_;
};

}  // namespace DANAUS_ISA
}  // namespace danaus
