// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstddef>
#include <numbers>

#include <danaus/core/buffer.hpp>
#include <danaus/hippo/measures.hpp>

// The structure by which products and solves with the matrices of the measures take O(N): plain data in double
// precision, which every instruction set shares. Kernels: structured_run.hpp.
namespace danaus {

/// A and B of x' = (A x + B u) / theta in O(N) numbers. By kind:
///   triangular  A = -diag(d) - strict_lower(p q^T), B = b: LegS, LagT, tlagt, glagt;
///   window      A_nk = -p_n q_k (k <= n), -s_n s_k p_n q_k (k > n), s_n = (-1)^n, B = p: LegT, LMU. Its inverse is
///               tridiagonal: p_n q_n = 2n + 1, and A^-1 = -diag(1/q) T diag(1/p), T = tridiag(-1/2, 0, 1/2) with 1/2
///               more in both corners (checked to 2e-16);
///   rotations   pairs turn by d_k: A = rot(d) - decay I - feedback phi phi^T, B = gain phi, phi in b: FouT, FouD,
///   decay.
struct Structure {
  enum class Kind : unsigned char { triangular, window, rotations };

  Kind kind = Kind::triangular;
  std::size_t order = 0;
  bool carried = false;  // triangular: b = drive p, so that the input rides on the running sum
  double drive = 0;
  double decay = 0;
  double feedback = 0;
  double gain = 0;
  Buffer<double> d, p, q, b;
};

namespace structured {

/// Laguerre's matrices: s_n = 1 for those without a power of tau; see glagt_transition.
inline void laguerre(Structure& s, double alpha, double beta, double drive) {
  double rise = 1;
  for (std::size_t n = 0; n < s.order; ++n) {
    const double m = static_cast<double>(n);
    if (n > 0) rise *= (m + alpha) / m;
    s.d[n] = (1 + beta) / 2;
    s.q[n] = std::sqrt(rise);  // s_n / s_0; binomial(n + alpha, n) = rise
    s.p[n] = 1 / s.q[n];
    s.b[n] = drive * s.q[n];
  }
  s.carried = alpha == 0;
  s.drive = drive;
  s.kind = Structure::Kind::triangular;
  if (s.carried) return;
  for (double& b : s.b)
    b *= std::pow(beta, 0.5 * (1 - alpha)) / std::sqrt(std::tgamma(1 - alpha) * std::tgamma(1 + alpha)) / drive;
}

inline void legendre(Structure& s, Measure measure) {
  for (std::size_t n = 0; n < s.order; ++n) {
    const double r = legendre_root(n), sign = n % 2 == 0 ? 1 : -1;
    s.d[n] = static_cast<double>(n) + 1;
    s.p[n] = s.b[n] = measure == Measure::lmu ? sign * (2 * static_cast<double>(n) + 1) : r;
    s.q[n] = measure == Measure::lmu ? sign : r;
  }
  s.carried = true;
  s.drive = 1;
  s.kind = measure == Measure::legs ? Structure::Kind::triangular : Structure::Kind::window;
}

inline void rotations(Structure& s, double decay, double feedback, double gain) {
  for (std::size_t n = 0; n < s.order; ++n) {
    const std::size_t pair = n / 2;
    s.d[n] = 2 * std::numbers::pi * static_cast<double>(pair);
    s.b[n] = fourier_state(n, 0);
  }
  s.decay = decay;
  s.feedback = feedback;
  s.gain = gain;
  s.kind = Structure::Kind::rotations;
}

}  // namespace structured

/// The structure of a measure with real A, at theta = 1; for "legs" that of x' = A x + B u.
inline Structure structure(Measure measure, const MeasureOptions& options, std::size_t n) {
  expect_measure(measure, options, n);
  require(!is_complex(measure), [] { return "hippo.structure: the measure must be real, is complex"; });
  Structure s;
  s.order = n;
  for (Buffer<double>* part : {&s.d, &s.p, &s.q, &s.b}) part->resize(n);
  switch (measure) {
    case Measure::lagt:
      structured::laguerre(s, 0, 0, 1);
      break;
    case Measure::tlagt:
      structured::laguerre(s, 0, options.beta, options.beta);
      break;
    case Measure::glagt:
      structured::laguerre(s, options.alpha, options.beta, std::sqrt(options.beta));
      break;
    case Measure::fout:
      structured::rotations(s, 0, 2, 2);
      break;
    case Measure::fourier_decay:
      structured::rotations(s, 0, 1, 1);
      break;
    case Measure::foud:
      structured::rotations(s, 0.5, 0, 1);
      break;
    default:
      structured::legendre(s, measure);
  }
  return s;
}

/// What is done with A: x <- A x; x <- (I - c A)^-1 x; or a step of x' = A x + B u over h,
///   x <- x + (y - x) / alpha,  y = (I - alpha h A)^-1 (x + alpha h B u):
/// alpha 0 forward Euler, 1/2 bilinear, 1 backward Euler, between them the generalised bilinear transform; `held`
/// exactly for held input, where A has no feedback (FouD). `transposed`: the adjoint map, a step's input then being
/// the gradient that it hands back.
struct StructuredMap {
  enum class Verb : unsigned char { multiply, solve, step, held };
  Verb verb = Verb::multiply;
  bool transposed = false;
  double c = 0;  // of solve; the step h of the others
  double alpha = 0.5;
};

/// A map's tables in the element type of the state, for the kernels.
template <class T>
struct StructuredTables {
  enum class Kernel : unsigned char { carried, driven, gathered, increments, direct, prefix, rotations };
  Kernel kernel = Kernel::carried;
  bool transposed = false;
  std::size_t order = 0;
  T keep = 0;               // x' = keep x + ...
  T input = 0;              // what u is multiplied with on its way in
  T output = 0;             // what the last sum is multiplied with on its way out: the input's gradient
  const T* rows = nullptr;  // structured_rows(order)
};

/// Elements of a map's tables.
constexpr std::size_t structured_rows(std::size_t order) noexcept {
  return 6 * (order + order % 2);
}

}  // namespace danaus
