// SPDX-License-Identifier: Apache-2.0
#include <check.hpp>

#include <danaus/core/buffer.hpp>
#include <danaus/monarch/multiply.hpp>

using namespace danaus;

namespace {

/// A finite number of half precision, by its definition.
double half(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  const double size = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return (bits & 0x8000) != 0 ? -size : size;
}

/// A stage of integers with scales, and what it stands for.
struct Integers {
  PackedStage<float> packed;
  Buffer<std::uint16_t> codes;
  Buffer<float> scales;
  std::vector<double> weights;

  Integers(BlockOrder order, std::size_t blocks, std::size_t outs, std::size_t ins, Storage storage,
           std::size_t group) {
    packed.stage = BlockStage(order, blocks, outs, ins);
    packed.storage = storage;
    packed.group = group;
    const std::size_t groups = packed.groups();
    std::vector<std::int8_t> w(blocks * outs * ins);
    std::vector<float> scale(blocks * outs * groups);
    check::Random random(w.size());
    for (auto& v : w) v = static_cast<std::int8_t>(std::lrint(random() * (storage == Storage::int8 ? 127 : 7)));
    for (auto& v : scale) v = static_cast<float>(random() + 1.5);
    for (std::size_t i = 0; i < w.size(); ++i) {
      weights.push_back(static_cast<double>(w[i]) * static_cast<double>(scale[i / ins * groups + i % ins / group]));
    }
    codes.resize(packed.stage.groups() * code_words(storage, ins));
    scales.resize(packed.stage.groups() * groups * row_lanes);
    pack_integers(packed, View<const std::int8_t, 3>(w.data(), {blocks, outs, ins}),
                  View<const float, 3>(scale.data(), {blocks, outs, groups}), codes.data(), scales.data());
    packed.codes = codes.data();
    packed.scales = scales.data();
  }
};

void compare(const Integers& a, bool across, std::size_t rows) {
  const BlockStage& s = a.packed.stage;
  const std::size_t in_stride = s.inputs() + tile;
  std::vector<float> x(rows * in_stride, 0.0f), y(rows * s.outputs(), NAN);
  check::Random random(rows);
  for (float& v : x) v = static_cast<float>(random());
  Buffer<std::byte> scratch(stage_workspace_bytes(a.packed, rows));
  run_stage(a.packed, 0, s.groups(), rows, x.data(), in_stride, y.data(), s.outputs(), workspace(scratch));
  // Inputs are rounded to half a step of the largest, 1 at most; then sums are.
  const double step = rows <= coded_rows ? 0.5 / input_code(a.packed.group) : 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    const std::size_t r = i / s.outputs(), at = i % s.outputs();
    const std::size_t b = across ? at % s.blocks : at / s.outs, o = across ? at / s.blocks : at % s.outs;
    double want = 0, size = 0;
    for (std::size_t l = 0; l < s.ins; ++l) {
      const double w = a.weights[(b * s.outs + o) * s.ins + l];
      want += w * static_cast<double>(x[r * in_stride + (across ? l * s.blocks + b : b * s.ins + l)]);
      size += std::fabs(w);
    }
    CHECK_NEAR(y[i], want, size * (step + static_cast<double>(s.ins + 4) * 0x1p-24));
  }
}

}  // namespace

TEST(every_half_becomes_its_float) {
  for (std::uint32_t bits = 0; bits < 0x10000; bits += 16) {
    std::uint16_t p[16];
    bool finite = true;
    for (std::uint32_t i = 0; i < 16; ++i) {
      p[i] = static_cast<std::uint16_t>(bits + i);
      finite = finite && (p[i] >> 10 & 31) != 31;
    }
    if (!finite) continue;
    float wide[16], narrow[16];
    constexpr std::size_t lanes = simd::native<float>::size();
    for (std::size_t i = 0; i < 16; i += lanes) simd::store(simd::load_halves<lanes>(p + i), wide + i);
    for (std::size_t i = 0; i < 16; ++i) simd::store(simd::load_halves<1>(p + i), narrow + i);
    for (std::size_t i = 0; i < 16; ++i) {
      CHECK(static_cast<double>(wide[i]) == half(p[i]));
      CHECK(static_cast<double>(narrow[i]) == half(p[i]) && std::signbit(narrow[i]) == (p[i] >> 15 != 0));
    }
  }
}

TEST(pairs_of_products_are_exact) {
  using V = simd::native<std::int32_t>;
  check::Random random(3);
  for (int turn = 0; turn < 200; ++turn) {
    std::int32_t a[V::size()], b[V::size()], sum[V::size()], want[V::size()];
    for (std::size_t l = 0; l < V::size(); ++l) {
      const auto pick = [&] { return static_cast<std::int32_t>(random() * 30000); };
      const std::int32_t x = pick(), y = turn == 0 ? -32768 : pick(), u = pick(), v = pick() / 2;
      a[l] = (x & 0xffff) | static_cast<std::int32_t>(static_cast<std::uint32_t>(y) << 16);
      b[l] = (u & 0xffff) | static_cast<std::int32_t>(static_cast<std::uint32_t>(v) << 16);
      want[l] = x * u + y * v;
    }
    simd::store(simd::pair_products(simd::load<V>(a), simd::load<V>(b)), sum);
    for (std::size_t l = 0; l < V::size(); ++l) CHECK(sum[l] == want[l]);
  }
}

TEST(integers_times_inputs) {
  for (const Storage storage : {Storage::int8, Storage::int4}) {
    for (const std::size_t group : {2u, 6u, 40u}) {
      for (const std::size_t rows : {1u, 2u, 3u}) {
        for (const bool across : {false, true}) {
          const BlockOrder order = across ? BlockOrder::across : BlockOrder::inside;
          compare(Integers(order, 19, 7, 11, storage, group), across, rows);
          compare(Integers(order, 16, 20, 6, storage, group), across, rows);
          compare(Integers(order, 2, 35, 9, storage, group), across, rows);
        }
      }
    }
  }
}
