// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include <danaus/danaus.hpp>

/// A layer of one channel and one mode that forgets at once: its output is its input.
int main() {
  const danaus::DiagonalShape shape{1, 1};
  const danaus::Mode modes[] = {{.delta = -1.0, .gain = 1.0}};
  const double d[] = {0.0};
  danaus::Buffer<float> coefficients(shape.coefficients()), state(shape.state());
  danaus::pack_diagonal<float>(shape, modes, d, coefficients.data());
  const float u[] = {1.0F};
  float y[] = {0.0F};
  danaus::step<float>({shape, coefficients.data()}, {u, {1, 1}}, {state.data(), {1, shape.state()}}, {y, {1, 1}});
  std::printf("danaus %d.%d.%d says %g\n", DANAUS_VERSION_MAJOR, DANAUS_VERSION_MINOR, DANAUS_VERSION_PATCH,
              static_cast<double>(y[0]));
}
