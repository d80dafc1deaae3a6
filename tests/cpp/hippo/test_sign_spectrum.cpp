// SPDX-License-Identifier: Apache-2.0
#include "check.hpp"

#include <danaus/hippo/sign_spectrum.hpp>

using namespace danaus;

namespace {

std::vector<double> legs_sizes(std::size_t n) {
  std::vector<double> m;
  for (std::size_t k = 0; k < n; ++k) m.push_back(2 * static_cast<double>(k) + 1);
  return m;
}

/// FNV-1a over the bits.
struct Bits {
  std::uint64_t hash = 1469598103934665603u;
  void add(double x) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &x, sizeof bits);
    hash = (hash ^ bits) * 1099511628211u;
  }
};

}  // namespace

TEST(sign_spectrum_does_not_hang_on_the_last_bits_of_its_start) {
  const std::vector<double> m = legs_sizes(64), w = sign_frequencies(m);
  for (std::size_t j = 0; j < w.size(); ++j) {
    for (const double nudge : {-3e-15, -4e-16, 4e-16, 3e-15}) CHECK(polished_root(m, w[j] * (1 + nudge), j) == w[j]);
  }
}

/// The same number from GCC and Clang, with and without fused instructions, on x86-64 and aarch64.
TEST(sign_spectrum_has_the_same_bits_everywhere) {
  Bits bits;
  for (const std::size_t n : {2u, 3u, 64u, 257u, 512u}) {
    for (const std::vector<double>& m : {legs_sizes(n), std::vector<double>(n, 1.0)}) {
      std::vector<Complex> v(n);
      for (const double w : sign_frequencies(m)) {
        bits.add(w);
        bits.add(sign_vector(m, w, {v.data(), {n, 1}}, 0));
        for (const Complex& x : v) {
          bits.add(x.real());
          bits.add(x.imag());
        }
      }
    }
  }
  CHECK(bits.hash == 0xc8e446a35c0a8289u);
}

/// K x = i w x, K_nk = -+ r_n r_k / 2, by partial sums.
TEST(sign_vectors_are_eigenvectors) {
  for (const std::vector<double>& m : {legs_sizes(100), std::vector<double>(33, 1.0)}) {
    const std::size_t n = m.size();
    const std::vector<double> w = sign_frequencies(m);
    CHECK(w.size() == n / 2);
    std::vector<Complex> v(n);
    for (std::size_t j = 0; j < w.size(); ++j) {
      if (j > 0) CHECK(0 < w[j] && w[j] < w[j - 1]);
      const double p = sign_vector(m, w[j], {v.data(), {n, 1}}, 0);
      Complex total = 0, below = 0;
      double length = 0;
      for (std::size_t k = 0; k < n; ++k) {
        total += std::sqrt(m[k]) * v[k];
        length += std::norm(v[k]);
      }
      CHECK_NEAR(length, 1, 1e-13);
      CHECK_NEAR(std::abs(total - std::sqrt(2.0) * p), 0, 1e-13);
      for (std::size_t k = 0; k < n; ++k) {
        const Complex here = std::sqrt(m[k]) * v[k], kx = 0.5 * std::sqrt(m[k]) * (total - here - 2.0 * below);
        CHECK_NEAR(std::abs(kx - Complex(0, w[j]) * v[k]), 0, 1e-13 * (1 + w[0]));
        below += here;
      }
    }
  }
}
