// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include <danaus/hippo/legs_step.hpp>
#include <danaus/simd/loop.hpp>

// One entry of a step of legs_step.hpp, and the tables of its numbers.
namespace danaus {
inline namespace DANAUS_ISA {
namespace legs {

/// Where d, -q, p and s go.
template <class T>
struct StepRows {
  T* d;
  T* q;
  T* p;
  T* s;
};

/// Lanes of d, -q, p, s in double precision, rounded once: r and n per lane, the step's numbers per lane.
template <class W, class T>
DANAUS_INLINE void write_rows(W r, W n, W forward, W backward, W share, W gain, const StepRows<T>& to,
                              std::size_t i) noexcept {
  const W one(1), inverse = one / fma(backward, n + one, one), scaled = r * inverse;
  simd::store(simd::convert<T>(-((forward + backward) * (n + one)) * inverse), to.d + i);
  simd::store(simd::convert<T>(-(share * scaled)), to.q + i);
  simd::store(simd::convert<T>(fnma(backward, n, one) * inverse), to.p + i);
  simd::store(simd::convert<T>(gain * scaled), to.s + i);
}

/// The coefficients as they are worked on: x and, where it is kept, what rounding took from it.
template <class V, bool Carries>
struct Kept {
  V x, lost;
  DANAUS_INLINE void load(const typename V::value_type* p, std::size_t part) noexcept {
    x = simd::load<V>(p);
    if constexpr (Carries) lost = simd::load<V>(p + part);
  }
  DANAUS_INLINE void store(typename V::value_type* p, std::size_t part) const noexcept {
    simd::store(x, p);
    if constexpr (Carries) simd::store(lost, p + part);
  }
  DANAUS_INLINE void add(V change) noexcept {
    if constexpr (Carries) {
      const V whole = change + lost, next = x + whole;
      lost = whole - (next - x);
      x = next;
    } else {
      x = x + change;
    }
  }
};

/// One entry: the change d z + q c; c <- p c + s z. The zeros leave one product each to fuse: all compilers then round
/// alike.
template <class V>
DANAUS_INLINE V entry(V d, V q, V p, V s, V z, V& c) noexcept {
  const V zero(typename V::value_type(0)), change = fma(d, z, fma(q, c, zero));
  c = fma(p, c, fma(s, z, zero));
  return change;
}

/// The tables of K samples for blocks of legs_rows coefficients: (blocks, K, 4, legs_rows).
template <std::size_t K, class T>
DANAUS_INLINE void fill_tables(const LegsStepTables& t, const LegsStep* steps, T* tables) noexcept {
  using W = simd::native<double>;
  for (std::size_t n = 0; n < t.order; n += legs_rows) {
    for (std::size_t k = 0; k < K; ++k, tables += 4 * legs_rows) {
      const LegsStep& h = steps[k];
      const StepRows<T> rows{tables, tables + legs_rows, tables + 2 * legs_rows, tables + 3 * legs_rows};
      const std::size_t count = std::min(legs_rows, (t.order - n + W::size() - 1) / W::size() * W::size());
      for (std::size_t i = 0; i < count; i += W::size())
        write_rows(simd::load<W>(t.root.data() + n + i), simd::load<W>(t.index.data() + n + i), W(h.forward),
                   W(h.backward), W(h.share), W(h.gain), rows, i);
    }
  }
}

}  // namespace legs
}  // namespace DANAUS_ISA
}  // namespace danaus
