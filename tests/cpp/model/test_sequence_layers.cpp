// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <vector>

#include <check.hpp>
#include <model/layers.hpp>
#include <ssm/diagonal_systems.hpp>

// Layers that remember, against their formulas in double precision; in chunks, in steps and whole.
using namespace danaus;
using layers::Table;
using layers::unit;

namespace {

struct Convolution {
  std::vector<float> w;  // (out, in, taps), or (channels, taps) for depthwise
  Buffer<float> packed, bias;
  Layer layer;

  Convolution(check::Random& random, LayerKind kind, std::size_t in, std::size_t out, std::size_t taps,
              std::size_t stride)
      : bias(layers::padded_copy(layers::numbers(random, out))) {
    layer.kind = kind;
    layer.in = in;
    layer.out = out;
    layer.taps = taps;
    layer.stride = stride;
    if (kind == LayerKind::conv) {
      w = layers::numbers(random, out * in * taps);
      std::vector<float> columns(w.size());  // (taps in, out)
      for (std::size_t o = 0; o < out; ++o) {
        for (std::size_t c = 0; c < in; ++c) {
          for (std::size_t k = 0; k < taps; ++k) columns[(k * in + c) * out + o] = w[(o * in + c) * taps + k];
        }
      }
      packed.resize(panel_size(taps * in, out));
      pack_panels(View<const float, 2>(columns.data(), {taps * in, out}), packed.data());
    } else {
      w = layers::numbers(random, in * taps);
      packed.assign(taps * padded(in), 0.0f);
      for (std::size_t c = 0; c < in; ++c) {
        for (std::size_t k = 0; k < taps; ++k) packed[k * padded(in) + c] = w[c * taps + k];
      }
    }
    layer.weight = packed.data();
    layer.bias = bias.data();
  }

  std::size_t state_size() const { return padded(layer.history() * layer.in); }

  void run(ConstRows x, Buffer<float>& state, Rows y) const {
    Buffer<std::byte> scratch(convolution_workspace_bytes(layer, x.extent(0)));
    if (layer.kind == LayerKind::conv) {
      convolve_rows(layer, x, state.data(), y, workspace(scratch));
    } else {
      convolve_channels(layer, x, state.data(), y, workspace(scratch));
    }
  }

  Table whole(const Table& x) const {
    Table y(x.rows / layer.stride, layer.out, padded(layer.out));
    Buffer<float> state(state_size(), 0.0f);
    run(x.view(), state, y.view());
    return y;
  }

  /// y(t, o) = b[o] + sum_{k, c} w(o, c, k) x(t stride + k - history, c), nothing before the first row.
  void compare(const Table& x) const {
    const Table y = whole(x);
    const bool depthwise = layer.kind == LayerKind::depthwise;
    for (std::size_t t = 0; t < y.rows; ++t) {
      for (std::size_t o = 0; o < layer.out; ++o) {
        double sum = static_cast<double>(bias[o]), size = std::fabs(sum);
        for (std::size_t k = 0; k < layer.taps; ++k) {
          const std::size_t late = t * layer.stride + k;
          if (late < layer.history()) continue;
          for (std::size_t c = depthwise ? o : 0; c < (depthwise ? o + 1 : layer.in); ++c) {
            const float weight = depthwise ? w[o * layer.taps + k] : w[(o * layer.in + c) * layer.taps + k];
            const double term = static_cast<double>(weight) * x(late - layer.history(), c);
            sum += term;
            size += std::fabs(term);
          }
        }
        const double roundings = static_cast<double>(layer.taps * (depthwise ? 1 : layer.in) + 1) * unit;
        CHECK_NEAR(y(t, o), sum, 1.01 * roundings * size);
      }
    }
  }

  void compare_chunks(check::Random& random, const Table& x) const {
    const Table y = whole(x);
    Table parts(y.rows, layer.out, padded(layer.out));
    Buffer<float> state(state_size(), 0.0f);
    for (std::size_t t = 0; t < y.rows;) {
      const auto count = std::min(y.rows - t, static_cast<std::size_t>(3 + 2.9 * random()));
      run(x.some(t * layer.stride, count * layer.stride), state, parts.some(t, count));
      t += count;
    }
    CHECK(parts.same(y));
  }
};

}  // namespace

TEST(convolution_of_rows_is_its_formula) {
  check::Random random(1);
  for (std::size_t in = 1; in <= 5; ++in) {
    for (std::size_t out = 1; out <= 20; ++out) {
      for (std::size_t taps = 1; taps <= 6; ++taps) {
        for (std::size_t stride = 1; stride <= taps; ++stride) {
          const Convolution layer(random, LayerKind::conv, in, out, taps, stride);
          const Table x = Table::random(random, 11 * stride, in, in + (taps + out) % 3);
          layer.compare(x);
          layer.compare_chunks(random, x);
        }
      }
    }
  }
}

TEST(convolution_of_channels_is_its_formula) {
  check::Random random(2);
  for (std::size_t width = 1; width <= 70; ++width) {
    for (std::size_t taps = 1; taps <= 5; ++taps) {
      const Convolution layer(random, LayerKind::depthwise, width, width, taps, 1);
      const Table x = Table::random(random, 13, width, width + taps % 3);
      layer.compare(x);
      layer.compare_chunks(random, x);
    }
  }
}

TEST(mean_of_every_width_follows_the_rows) {
  check::Random random(3);
  for (std::size_t width = 1; width <= 70; ++width) {
    const Table x = Table::random(random, 40, width, width + 1, 1, width % 2 == 0 ? 0 : 100);
    Table running(40, width, width + 2), parts(40, width, width), last(1, width, width);
    Buffer<float> state(pooling_state(width), 0.0f), in_parts = state, at_once = state;
    mean_rows(x.view(), state.data(), running.view());
    for (std::size_t t = 0; t < 40; t += 8) mean_rows(x.some(t, 8), in_parts.data(), parts.some(t, 8));
    mean_rows(x.view(), at_once.data(), last.view());
    CHECK(running.same(parts) && running.gaps_stand(width));
    CHECK(std::memcmp(last.values.data(), &running.values[39 * running.stride], width * sizeof(float)) == 0);
    CHECK(std::memcmp(state.data(), in_parts.data(), state.size() * sizeof(float)) == 0);
    CHECK(std::memcmp(state.data(), at_once.data(), state.size() * sizeof(float)) == 0);
    for (std::size_t i = 0; i < width; ++i) {
      double sum = 0, size = 0;
      for (std::size_t t = 0; t < 40; ++t) {
        sum += x(t, i);
        size = std::max(size, std::fabs(x(t, i)));
        CHECK_NEAR(running(t, i), sum / static_cast<double>(t + 1), 6 * unit * size);
      }
    }
    mean_rows(ConstRows(running.view()), state.data(), running.view());  // in place
    CHECK(running.gaps_stand(width));
  }
}

/// A row moves the mean by (x - mean) / count, each operation rounded: 3 u of what it moves. What
/// rows bring is damped with their weight, so that 3 u of the largest distance between a row and the
/// mean is left of all of them; the mean itself is rounded once, its remainder carried.
TEST(mean_of_many_rows_keeps_its_digits) {
  check::Random random(4);
  constexpr std::size_t rows = 100000, width = 19;
  for (const double shift : {0.0, 1000.0}) {
    const Table x = Table::random(random, rows, width, width, 1, shift);
    Table y(1, width, width);
    Buffer<float> state(pooling_state(width), 0.0f);
    mean_rows(x.view(), state.data(), y.view());
    for (std::size_t i = 0; i < width; ++i) {
      long double sum = 0;
      for (std::size_t t = 0; t < rows; ++t) sum += static_cast<long double>(x(t, i));
      const double mean = static_cast<double>(sum / static_cast<long double>(rows));
      CHECK_NEAR(y.values[i], mean, 3 * unit * 2 + 2 * unit * std::fabs(mean));
    }
  }
}

/// y_t = d u_t + sum_{j <= t} f_j u_{t-j} + sum_{j > t} b_{j-t-1} u_j.
TEST(scan_both_ways_looks_back_and_ahead) {
  using diagonal_systems::Sequence;
  using diagonal_systems::System;
  for (std::size_t width = 1; width <= 40; width += width < 18 ? 1 : 5) {
    for (const std::size_t rows : {1u, 2u, 33u, 70u}) {
      const std::size_t modes = 1 + width % 5;
      const System<float> forward = System<float>::random(width, modes, 5);
      System<float> backward = System<float>::random(width, modes, 6);
      std::fill(backward.d.begin(), backward.d.end(), 0.0);
      backward.pack();
      Layer layer;
      layer.kind = LayerKind::bidirectional;
      layer.in = layer.out = width;
      layer.forward = forward.layer();
      layer.backward = backward.layer();
      const Sequence<float> x = Sequence<float>::random(rows, width, 7, width + 2);
      Table y(rows, width, padded(width)), in_place(rows, width, width + 2);
      in_place.values.assign(x.values.begin(), x.values.end());
      for (Table* const out : {&y, &in_place}) {
        Buffer<std::byte> scratch(workspace_size<float>(rows * padded(width)));
        Buffer<float> state(forward.shape.state() + backward.shape.state(), 0.0f);
        scan_both_ways(layer, out == &y ? x.view(0, rows) : ConstRows(in_place.view()), state.data(), out->view(),
                       workspace(scratch));
      }
      CHECK(in_place.same(y));
      Sequence<float> reversed = x;
      for (std::size_t t = 0; t < rows; ++t) {
        std::copy_n(&x.values[t * x.stride], width, &reversed.values[(rows - 1 - t) * x.stride]);
      }
      for (std::size_t h = 0; h < width; ++h) {
        const diagonal_systems::Recurrence<float> back(forward, x, h), ahead(backward, reversed, h);
        for (std::size_t t = 0; t < rows; ++t) {
          double want = static_cast<double>(back.y[t]), most = back.bound[t];
          if (t + 1 < rows) {
            want += static_cast<double>(ahead.y[rows - 2 - t]);
            most += ahead.bound[rows - 2 - t];
          }
          CHECK_NEAR(y(t, h), want, most + unit * std::fabs(want));
        }
      }
    }
  }
}
