// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include <check.hpp>
#include <model/layers.hpp>

// Layers that treat each row on its own, against their formulas in double precision.
using namespace danaus;
using layers::Table;
using layers::unit;

namespace {

/// y = f(layer, x): rows with gaps, and in place.
template <class F, class Check>
void run_both_ways(const Layer& layer, const Table& x, F f, Check compare) {
  Table y(x.rows, layer.out, layer.out + 3), in_place = x;
  f(layer, x.view(), y.view());
  compare(y);
  CHECK(y.gaps_stand(layer.out));
  f(layer, ConstRows(in_place.view()), Rows(in_place.values.data(), {x.rows, layer.out}, {in_place.stride, 1}));
  in_place.width = layer.out;
  CHECK(in_place.same(y));
  for (std::size_t t = 0; t < x.rows; ++t) {  // a row alone: the same bits
    Table alone(1, layer.out, layer.out);
    f(layer, x.some(t, 1), alone.view());
    CHECK(std::memcmp(alone.values.data(), &y.values[t * y.stride], layer.out * sizeof(float)) == 0);
  }
}

double sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}

double activation(const Layer& layer, double x) {
  switch (layer.kind) {
    case LayerKind::gelu:
      return x / 2 * std::erfc(-x / std::sqrt(2.0));
    case LayerKind::gelu_tanh:
      return x * sigmoid(2 * std::sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x));
    case LayerKind::relu:
      return x > 0 ? x : 0;
    case LayerKind::silu:
      return x * sigmoid(x);
    case LayerKind::sigmoid:
      return sigmoid(x);
    case LayerKind::tanh:
      return std::tanh(x);
    default:
      return std::log1p(static_cast<double>(layer.gain) * x);
  }
}

/// Units of the last place: what matters here is that each kind finds its function, whose own tests
/// are simd/test_math.cpp's. An exponential of z moves with the roundings of z.
double allowed(const Layer& layer, double x) {
  if (layer.kind == LayerKind::gelu) return 8;
  return layer.kind == LayerKind::gelu_tanh ? 8 + 4 * (1.6 * std::fabs(x) + 0.072 * std::fabs(x * x * x)) : 4;
}

/// Additions one after the other in simd::fold, at most: four chains over n elements, then what joins
/// the chains, the lanes and the tail.
double additions(std::size_t n) {
  return static_cast<double>(n) / 4 + 12;
}

struct Statistics {
  double mean = 0, size = 0, squares = 0, variance = 0;

  Statistics(const Table& x, std::size_t t) {
    const double n = static_cast<double>(x.width);
    for (std::size_t i = 0; i < x.width; ++i) {
      mean += x(t, i) / n;
      size += std::fabs(x(t, i)) / n;
      squares += x(t, i) * x(t, i) / n;
    }
    for (std::size_t i = 0; i < x.width; ++i) variance += (x(t, i) - mean) * (x(t, i) - mean) / n;
  }
};

struct Affine {
  Buffer<float> weight, bias, center;
  Layer layer;

  Affine(check::Random& random, LayerKind kind, std::size_t width)
      : weight(layers::padded_copy(layers::numbers(random, width))),
        bias(layers::padded_copy(layers::numbers(random, width))),
        center(layers::padded_copy(layers::numbers(random, width))) {
    layer.kind = kind;
    layer.in = layer.out = width;
    layer.eps = 1e-5f;
    layer.weight = weight.data();
    layer.bias = bias.data();
    layer.center = center.data();
  }
};

void compare_layer_norm(check::Random& random, std::size_t width, double scale, double shift) {
  const Affine norm(random, LayerKind::layer_norm, width);
  const Table x = Table::random(random, 4, width, width + 2, scale, shift);
  run_both_ways(
      norm.layer, x, [](auto... all) { layer_norm(all...); },
      [&](const Table& y) {
        for (std::size_t t = 0; t < x.rows; ++t) {
          const Statistics of(x, t);
          const double eps = static_cast<double>(norm.layer.eps), inverse = 1 / std::sqrt(of.variance + eps);
          // The mean is off by the roundings of its sum and its own; of that only the roundings of the second
          // sum remain, and of each deviation from it. That moves all values alike, and the variance by its
          // square. Deviations and their squares round a few times.
          const double first = unit * (additions(width) + 2) * of.size;
          const double moved = unit * (additions(width) + 4) * (std::sqrt(of.variance) + first);
          const double relative = unit * (additions(width) + 8) + moved * moved / (of.variance + eps);
          for (std::size_t i = 0; i < width; ++i) {
            const double w = std::fabs(static_cast<double>(norm.weight[i])), b = static_cast<double>(norm.bias[i]);
            const double value = (x(t, i) - of.mean) * inverse;
            const double most =
                w * (inverse * moved + std::fabs(value) * relative) + 2 * unit * (w * std::fabs(value) + std::fabs(b));
            CHECK_NEAR(y(t, i), value * static_cast<double>(norm.weight[i]) + b, most);
          }
        }
      });
}

}  // namespace

TEST(activations_of_every_width_are_their_formulas) {
  check::Random random(1);
  for (const LayerKind kind : {LayerKind::gelu, LayerKind::gelu_tanh, LayerKind::relu, LayerKind::silu,
                               LayerKind::sigmoid, LayerKind::tanh, LayerKind::log1p}) {
    for (std::size_t width = 1; width <= 70; ++width) {
      Layer layer;
      layer.kind = kind;
      layer.in = layer.out = width;
      layer.gain = kind == LayerKind::log1p ? 50.0f : 1.0f;
      Table x = Table::random(random, 3, width, width + width % 4, width % 2 == 0 ? 4 : 20);
      if (kind == LayerKind::log1p) {
        for (float& v : x.values) v = std::fabs(v);
        x.values.back() = layers::gap;
      }
      run_both_ways(
          layer, x, [](auto... all) { activate(all...); },
          [&](const Table& y) {
            for (std::size_t t = 0; t < x.rows; ++t) {
              for (std::size_t i = 0; i < width; ++i) {
                const double want = activation(layer, x(t, i));
                CHECK(check::ulps(static_cast<float>(y(t, i)), want) <= allowed(layer, x(t, i)));
              }
            }
          });
    }
  }
}

TEST(gate_of_every_width_is_its_formula) {
  check::Random random(2);
  for (std::size_t half = 1; half <= 70; ++half) {
    Layer layer;
    layer.in = 2 * half;
    layer.out = half;
    const Table x = Table::random(random, 5, 2 * half, 2 * half + half % 3, 6);
    run_both_ways(
        layer, x, [](const Layer&, ConstRows from, Rows to) { gate(from, to); },
        [&](const Table& y) {
          for (std::size_t t = 0; t < x.rows; ++t) {
            for (std::size_t i = 0; i < half; ++i) {
              CHECK(check::ulps(static_cast<float>(y(t, i)), x(t, i) * sigmoid(x(t, half + i))) <= 4);
            }
          }
        });
  }
}

TEST(layer_norm_of_every_width_is_its_formula) {
  check::Random random(3);
  for (std::size_t width = 1; width <= 70; ++width) compare_layer_norm(random, width, 1, 0);
  for (const std::size_t width : {127u, 1000u, 4096u}) compare_layer_norm(random, width, 1, 0);
}

TEST(layer_norm_with_a_mean_far_above_the_deviations) {
  check::Random random(4);
  for (const double shift : {30.0, -1e3, 1e5}) {
    for (const std::size_t width : {2u, 5u, 16u, 33u, 70u, 512u}) compare_layer_norm(random, width, 1.7, shift);
  }
  // A constant row has no deviations, however large: the bias alone remains.
  for (const float value : {0.0f, 1.0f, -3e7f}) {
    const Affine norm(random, LayerKind::layer_norm, 16);  // whose sum and mean are exact
    Table x(1, 16, 16), y(1, 16, 16);
    std::fill_n(x.values.begin(), 16, value);
    layer_norm(norm.layer, ConstRows(x.view()), y.view());
    for (std::size_t i = 0; i < 16; ++i) CHECK(y.values[i] == norm.bias[i]);
  }
}

TEST(rms_norm_of_every_width_is_its_formula) {
  check::Random random(5);
  for (std::size_t width = 1; width <= 70; ++width) {
    const Affine norm(random, LayerKind::rms_norm, width);
    const Table x = Table::random(random, 4, width, width + 1, width % 3 == 0 ? 1e-3 : 1e3);
    run_both_ways(
        norm.layer, x, [](auto... all) { rms_norm(all...); },
        [&](const Table& y) {
          for (std::size_t t = 0; t < x.rows; ++t) {
            const double scale = 1 / std::sqrt(Statistics(x, t).squares + static_cast<double>(norm.layer.eps));
            for (std::size_t i = 0; i < width; ++i) {
              CHECK_CLOSE(y(t, i), x(t, i) * scale * static_cast<double>(norm.weight[i]),
                          unit * (additions(width) / 2 + 6));
            }
          }
        });
  }
}

TEST(batch_norm_of_every_width_is_its_formula) {
  check::Random random(6);
  for (std::size_t width = 1; width <= 70; ++width) {
    const Affine norm(random, LayerKind::batch_norm, width);
    const Table x = Table::random(random, 4, width, width + 1, 3);
    run_both_ways(
        norm.layer, x, [](auto... all) { batch_norm(all...); },
        [&](const Table& y) {
          for (std::size_t t = 0; t < x.rows; ++t) {
            for (std::size_t i = 0; i < width; ++i) {
              const double v = (x(t, i) - static_cast<double>(norm.center[i])) * static_cast<double>(norm.weight[i]);
              const double b = static_cast<double>(norm.bias[i]);
              CHECK_NEAR(y(t, i), v + b, unit * (3 * std::fabs(v) + std::fabs(v + b)) * 1.01);
            }
          }
        });
  }
}

TEST(look_up_copies_rows_of_the_table) {
  check::Random random(7);
  for (std::size_t width = 1; width <= 70; ++width) {
    const std::vector<float> table = layers::numbers(random, 9 * width);
    Layer layer;
    layer.out = width;
    layer.weight = table.data();
    Table x(6, 1, 1), y(6, width, width + 2);
    for (std::size_t t = 0; t < 6; ++t) x(t, 0) = static_cast<float>((5 * t + width) % 9);
    look_up(layer, ConstRows(x.view()), y.view());
    for (std::size_t t = 0; t < 6; ++t) {
      for (std::size_t i = 0; i < width; ++i)
        CHECK(y.values[t * y.stride + i] == table[(5 * t + width) % 9 * width + i]);
    }
    CHECK(y.gaps_stand(width));
  }
}

TEST(copy_and_add_keep_to_their_rows) {
  check::Random random(8);
  for (std::size_t width = 1; width <= 70; ++width) {
    for (const std::size_t extra : {0u, 3u}) {
      const Table x = Table::random(random, 5, width, width), z = Table::random(random, 5, width, width + extra);
      Table y(5, width, width + extra);
      copy_rows(x.view(), y.view());
      CHECK(y.same(x) && y.gaps_stand(width));
      add_rows(z.view(), y.view());
      for (std::size_t t = 0; t < 5; ++t) {
        for (std::size_t i = 0; i < width; ++i)
          CHECK(y.values[t * y.stride + i] == x.values[t * x.stride + i] + z.values[t * z.stride + i]);
      }
      CHECK(y.gaps_stand(width));
    }
  }
}

TEST(all_finite_finds_one_bad_value_anywhere) {
  using limits = std::numeric_limits<float>;
  for (std::size_t n = 0; n <= 300; n += n < 70 ? 1 : 23) {
    std::vector<float> x(n, limits::max());  // whose sum is no number
    CHECK(all_finite(x.data(), n));
    for (std::size_t i = 0; i < n; ++i) {
      for (const float bad : {limits::infinity(), -limits::infinity(), limits::quiet_NaN()}) {
        x[i] = bad;
        CHECK(!all_finite(x.data(), n));
      }
      x[i] = i % 2 == 0 ? limits::denorm_min() : -limits::max();
    }
    CHECK(all_finite(x.data(), n));
  }
}
