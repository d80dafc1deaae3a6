// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include <danaus/core/view.hpp>
#include <danaus/core/workspace.hpp>
#include <danaus/monarch/lanczos.hpp>
#include <danaus/monarch/permute.hpp>

namespace danaus {

/// The best approximation of w (outputs, inputs) by a Monarch matrix: block (j, k), whose entry (s, p) is
/// w(s J + j, k P + p), shares no factor with another, so that its block_rank largest singular triplets, each cut
/// evenly between the factors, are the optimum (Eckart, Young 1936). right (K, Q, P) and left (J, S, R) must be zero.
template <class T>
struct Projection {
  View<const T, 2> w;
  MonarchShape shape;
  T* right;
  T* left;
  double* whole;        ///< (K, J): the sum of squares of block k, j
  double* error;        ///< (K, J): of what is left of it
  unsigned char* done;  ///< (K, J): 0 where the triplets have not converged
};

/// Scratch that project_blocks needs for `lanes` blocks at a time.
template <class T>
std::size_t project_workspace_bytes(const MonarchShape& shape, std::size_t lanes) noexcept {
  return workspace_size<T>(shape.s * shape.p * lanes) + workspace_size<T>(shape.s * lanes) +
         workspace_size<T>((lanczos_steps + 2) * shape.p * lanes);
}

inline namespace DANAUS_ISA {

/// Blocks that project_blocks works on together.
template <class T>
inline constexpr std::size_t project_lanes = simd::native<T>::size();

/// Lanes: blocks first, first + 1, ... of (K, J), to where a lane's element (s, p) stands at (s P + p) lanes + lane.
template <class T>
DANAUS_INLINE void gather_blocks(const Projection<T>& to, std::size_t first, T* b) noexcept {
  constexpr std::size_t N = project_lanes<T>;
  const MonarchShape& m = to.shape;
  const std::size_t count = std::min(N, m.k * m.j - first);
  if (count < N) std::fill_n(b, m.s * m.p * N, T(0));
  for (std::size_t lane = 0; lane < count;) {  // lanes of one input block stand in neighbouring rows
    const std::size_t k = (first + lane) / m.j, j = (first + lane) % m.j, run = std::min(count - lane, m.j - j);
    for (std::size_t s = 0; s < m.s; ++s) {
      const T* const from = to.w.row(s * m.j + j) + k * m.p;
      simd::transpose(from, to.w.stride(0), run, m.p, b + s * m.p * N + lane, N);
    }
    lane += run;
  }
}

/// The sum of squares of every lane's block, rows added up in double precision.
template <class V, class T>
DANAUS_INLINE void lane_squares(const T* b, std::size_t rows, std::size_t columns, double* squares) noexcept {
  constexpr std::size_t N = V::size();
  T sums[N];
  std::fill_n(squares, N, 0.0);
  for (std::size_t r = 0; r < rows; ++r) {
    simd::store(lane_dot<V>(b + r * columns * N, b + r * columns * N, columns), sums);
    for (std::size_t lane = 0; lane < N; ++lane) squares[lane] += static_cast<double>(sums[lane]);
  }
}

/// The triplet number i of every lane into its slot of the factors: right gets v sqrt(sigma), left u / sqrt(sigma)
/// where u = sigma times the singular vector.
template <class T>
DANAUS_INLINE void scatter_triplet(const Projection<T>& to, std::size_t first, std::size_t i, const T* u, const T* v,
                                   const T* sigma) noexcept {
  constexpr std::size_t N = project_lanes<T>;
  const MonarchShape& m = to.shape;
  for (std::size_t lane = 0; lane < N && first + lane < m.k * m.j; ++lane) {
    const std::size_t k = (first + lane) / m.j, j = (first + lane) % m.j;
    if (i >= block_rank(m, k, j) || !(sigma[lane] > T(0))) continue;
    const std::size_t q = first_slot(m, k, j) + i * m.j, r = (k * m.q + q) / m.j;
    const T root = std::sqrt(sigma[lane]);
    for (std::size_t p = 0; p < m.p; ++p) to.right[(k * m.q + q) * m.p + p] = v[p * N + lane] * root;
    for (std::size_t s = 0; s < m.s; ++s) to.left[(j * m.s + s) * m.r + r] = u[s * N + lane] / root;
  }
}

/// Projects the project_lanes blocks of (K, J) from `first`, one in each lane: triplet after triplet by Lanczos's
/// method, each taken off before the next is sought, so that what is left is the error. Scratch:
/// project_workspace_bytes.
template <std::floating_point T>
DANAUS_KERNEL void project_blocks(const Projection<T>& to, std::size_t first, Workspace scratch) noexcept {
  using V = simd::native<T>;
  constexpr std::size_t N = V::size();
  const MonarchShape& m = to.shape;
  T* const b = scratch.take<T>(m.s * m.p * N);
  T* const u = scratch.take<T>(m.s * N);
  T* const vectors = scratch.take<T>((lanczos_steps + 2) * m.p * N);
  double squares[N];
  gather_blocks(to, first, b);
  lane_squares<V>(b, m.s, m.p, squares);
  const std::size_t count = std::min(N, m.k * m.j - first);
  for (std::size_t lane = 0; lane < count; ++lane) to.whole[first + lane] = squares[lane];
  const std::size_t most = std::min({(m.q + m.j - 1) / m.j, m.s, m.p});
  T ranks[N], sums[N], sigma[N], converged[N];
  for (std::size_t lane = 0; lane < N; ++lane) {
    const std::size_t block = std::min(first + lane, m.k * m.j - 1);
    ranks[lane] = static_cast<T>(block_rank(m, block / m.j, block % m.j));
  }
  for (std::size_t lane = 0; lane < N; ++lane) sums[lane] = static_cast<T>(squares[lane]);
  V done(T(1)), rest = simd::load<V>(sums);
  for (std::size_t i = 0; i < most; ++i) {
    const V wanted = simd::select(V(static_cast<T>(i)) < simd::load<V>(ranks), V(T(1)), V(T(0)));
    const V fine = top_triplet<V>(b, m.s, m.p, vectors, u, wanted, rest, sigma);
    done = min(done, max(fine, V(T(1)) - wanted));
    scatter_triplet(to, first, i, u, vectors, sigma);
  }
  simd::store(done, converged);
  lane_squares<V>(b, m.s, m.p, squares);
  for (std::size_t lane = 0; lane < count; ++lane) {
    to.error[first + lane] = squares[lane];
    to.done[first + lane] = converged[lane] > T(0) ? 1 : 0;
  }
}

}  // namespace DANAUS_ISA
}  // namespace danaus
