// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include <check.hpp>
#include <model/model_files.hpp>

// What a description must not say, and what the error then says.
using namespace danaus;
using model_files::File;

namespace {

/// A file with one layer, the tensors of every type under the prefix "p", three channels wide.
File with(const std::string& layers) {
  check::Random random(1);
  File file;
  file.layers = layers;
  file.put_random(random, "p.weight", {4, 3});
  file.put_random(random, "conv.weight", {4, 3, 2});
  file.put_random(random, "deep.weight", {3, 1, 2});
  file.put_random(random, "norm.weight", {3});
  file.put_random(random, "norm.running_mean", {3});
  file.put_random(random, "norm.running_var", {3}, 0.5, 1);
  model_files::put_s4d(file, random, "s", 3, 2, false, true);
  model_files::put_s4d(file, random, "both", 3, 2, true, false);
  return file;
}

void refuses(const std::string& layers, const std::string& message) {
  const File file = with(layers);
  CHECK_RAISES(file.model(), Error, message);
}

/// The same file, one tensor put differently (or, with no shape, taken out).
void refuses_tensor(const std::string& layers, const std::string& name, const Shape& shape, std::vector<double> values,
                    const std::string& message) {
  File file = with(layers);
  static_cast<void>(file.model());  // all was well before
  file.tensors.erase(name);
  if (!values.empty()) file.put(name, shape, std::move(values));
  CHECK_RAISES(file.model(), Error, message);
}

void refuses_description(const std::string& text, const std::string& message) {
  const Container file = Container::from_bytes(safetensors_bytes({}, {{"danaus", text}}));
  CHECK_RAISES(Model(file), Error, message);
}

const std::string linear = R"({"type":"linear","prefix":"p"})", conv = R"({"type":"conv1d","prefix":"conv"})",
                  s4d = R"({"type":"s4d","prefix":"s"})", mean = R"({"type":"pool","kind":"mean"})",
                  deep = R"({"type":"conv1d","prefix":"deep","groups":3})",
                  batch = R"({"type":"batch_norm","prefix":"norm"})";

}  // namespace

TEST(build_refuses_a_file_without_a_description) {
  const Container none = Container::from_bytes(safetensors_bytes({}, {{"format", "pt"}}));
  CHECK_RAISES(Model(none), Error, "\"danaus\" description");
  refuses_description("", "danaus");
  refuses_description("[]", "danaus must be an object");
  refuses_description("{}", "version");
  refuses_description(R"({"version":2,"input":{"channels":1},"layers":[]})", "version must be 1, is 2");
  refuses_description(R"({"version":"1","input":{"channels":1},"layers":[]})", "danaus.version");
  refuses_description(R"({"version":1.0,"input":{"channels":1},"layers":[]})", "danaus.version");
  refuses_description(R"({"version":1,"layers":[]})", "input");
  refuses_description(R"({"version":1,"input":3,"layers":[]})", "danaus.input");
  refuses_description(R"({"version":1,"input":{},"layers":[]})", "channels");
  refuses_description(R"({"version":1,"input":{"channels":0},"layers":[]})", "danaus.input.channels");
  refuses_description(R"({"version":1,"input":{"channels":-1},"layers":[]})", "danaus.input.channels");
  refuses_description(R"({"version":1,"input":{"channels":1048577},"layers":[]})", "danaus.input.channels");
  refuses_description(R"({"version":1,"input":{"channels":18446744073709551615},"layers":[]})",
                      "danaus.input.channels");
  refuses_description(R"({"version":1,"input":{"channels":1}})", "layers");
  refuses_description(R"({"version":1,"input":{"channels":1},"layers":{}})", "danaus.layers must be an array");
  refuses_description(R"({"version":1,"input":{"channels":1},"layers":[3]})", "danaus.layers[0]");
  for (const char* const rate : {"0", "-1", "1e300", "\"fast\""}) {
    refuses_description(
        R"({"version":1,"input":{"channels":1,"sample_rate":)" + std::string(rate) + R"(},"layers":[]})",
        "sample_rate");
  }
  refuses_description(R"({"version":1,"input":{"channels":2},"layers":[],"labels":["a"]})",
                      "a label for each of the 2 outputs, there are 1");
  refuses_description(R"({"version":1,"input":{"channels":2},"layers":[],"labels":["a",2]})", "danaus.labels[1]");
  refuses_description(R"({"version":1,"input":{"channels":2},"layers":[],"name":2})", "danaus.name");
}

TEST(build_reads_what_the_description_says_of_itself) {
  File file;
  file.input = R"({"channels":2,"sample_rate":360})";
  file.others = R"(,"name":"beat","summary":"what it does","labels":["a","b"])";
  const Model model = file.model();
  const Description& text = model.network().description;
  CHECK(text.name == "beat" && text.summary == "what it does" && text.sample_rate == 360);
  CHECK((text.labels == std::vector<std::string>{"a", "b"}));
}

TEST(build_refuses_layers_it_does_not_know) {
  refuses("{}", "type");
  refuses(R"({"type":3})", "danaus.layers[0].type");
  refuses(R"({"type":"lstm"})", "danaus.layers[0].type must be one of linear, conv1d");
  refuses(linear + R"(,{"type":"residual","layers":[{"type":"Linear"}]})", "danaus.layers[1].layers[0].type");
  refuses(R"({"type":"gelu","approximate":"tahn"})", "danaus.layers[0].approximate");
  refuses(R"({"type":"gelu","approximate":true})", "danaus.layers[0].approximate");
  refuses(R"({"type":"log1p","gain":"2"})", "danaus.layers[0].gain");
  refuses(R"({"type":"log1p","gain":1e39})", "danaus.layers[0].gain");
  refuses(R"({"type":"pool"})", "kind");
  refuses(R"({"type":"pool","kind":"max"})", "danaus.layers[0].kind must be \"mean\", \"last\" or \"running_mean\"");
}

TEST(build_refuses_missing_and_misshapen_tensors) {
  refuses(R"({"type":"linear"})", "prefix");
  refuses(R"({"type":"linear","prefix":"q"})", "q.weight");
  refuses(R"({"type":"linear","prefix":""})", "weight");
  refuses(linear + "," + linear, "p.weight");  // four wide now
  refuses_tensor(linear, "p.weight", {4}, std::vector<double>(4), "p.weight");
  refuses_tensor(linear, "p.weight", {}, {1}, "p.weight must have at least 1 axes");
  refuses_tensor(linear, "p.weight", {4, 3, 2}, std::vector<double>(24), "p.weight");
  refuses_tensor(linear, "p.bias", {3}, std::vector<double>(3), "p.bias");
  refuses_tensor(linear, "p.bias", {4, 1}, std::vector<double>(4), "p.bias");
  refuses_tensor(conv, "conv.weight", {4, 3}, std::vector<double>(12), "conv.weight must have at least 3 axes");
  refuses_tensor(conv, "conv.weight", {4, 2, 2}, std::vector<double>(16), "conv.weight");
  refuses_tensor(conv, "conv.weight", {4, 3, 2, 1}, std::vector<double>(24), "conv.weight");
  refuses_tensor(deep, "deep.weight", {3, 3, 2}, std::vector<double>(18), "deep.weight");
  refuses_tensor(batch, "norm.running_var", {}, {}, "norm.running_var");
  refuses_tensor(batch, "norm.running_var", {2}, {1, 1}, "norm.running_var");
  refuses_tensor(batch, "norm.running_var", {3}, {1, -1, 1}, "norm.running_var plus eps must be positive");
  refuses_tensor(batch, "norm.weight", {4}, {1, 1, 1, 1}, "norm.weight");
  for (const char* const name : {"s.D", "s.kernel.C", "s.kernel.log_dt", "s.kernel.log_A_real", "s.kernel.A_imag"}) {
    refuses_tensor(s4d, name, {}, {}, name);
    refuses_tensor(s4d, name, {1}, {1}, name);
  }
  refuses_tensor(s4d, "s.kernel.B", {3, 2}, std::vector<double>(6), "s.kernel.B");
  refuses_tensor(s4d, "s.kernel.C", {3, 3, 2, 2}, std::vector<double>(36), "s.kernel.C");
  refuses_tensor(s4d, "s.kernel.C", {4, 2, 2}, std::vector<double>(16), "an s4d of 3 channels, has 4");
}

TEST(build_refuses_empty_tensors) {
  File file;
  file.tensors["p.weight"] = {{0, 3}, {}};
  file.tensors["conv.weight"] = {{2, 3, 0}, {}};
  file.tensors["s.kernel.C"] = {{3, 0, 2}, {}};
  for (const char* const layer : {R"({"type":"linear","prefix":"p"})", R"({"type":"conv1d","prefix":"conv"})",
                                  R"({"type":"s4d","prefix":"s"})", R"({"type":"embedding","prefix":"p"})"}) {
    file.layers = layer;
    if (std::string(layer).find("embedding") != std::string::npos) file.input = R"({"channels":1})";
    CHECK_RAISES(file.model(), Error, "no empty one");
  }
}

TEST(build_refuses_numbers_that_are_none) {
  for (const double bad : {HUGE_VAL, -HUGE_VAL, std::nan(""), 1e39}) {
    refuses_tensor(linear, "p.weight", {4, 3}, {0, 1, 2, 3, 4, 5, 6, bad, 8, 9, 10, 11}, "p.weight must hold numbers");
    refuses_tensor(linear, "p.bias", {4}, {0, bad, 2, 3}, "p.bias must hold numbers");
    refuses_tensor(batch, "norm.running_mean", {3}, {0, 0, bad}, "norm.running_mean");
    refuses_tensor(s4d, "s.D", {3}, {0, bad, 0}, "s.D");
    refuses_tensor(s4d, "s.kernel.log_dt", {3}, {0, bad, 0}, "s.kernel.log_dt");
  }
  refuses_tensor(s4d, "s.kernel.log_dt", {3}, {-3, 1000, -3},
                 "discretise to finite numbers, does not in channel 1, mode 0");
  // exp(800) is no number, but a pole there forgets at once: zoh makes it delta = -1, gain 0.
  File forgets = with(s4d);
  forgets.put("s.kernel.log_A_real", {3, 2}, {0, 0, 0, 0, 0, 800});
  CHECK(forgets.model().network().poles[0].radius < 1);
  forgets.layers = R"({"type":"s4d","prefix":"s","discretization":"bilinear"})";
  CHECK_RAISES(forgets.model(), Error, "does not in channel 2, mode 1");
  File tiny = with(R"({"type":"batch_norm","prefix":"norm","eps":0})");
  tiny.put("norm.running_var", {3}, {1, 1e-30, 1});
  tiny.put("norm.weight", {3}, {1, 1e30, 1});
  CHECK_RAISES(tiny.model(), Error, "norm.");  // 1e45
}

TEST(build_refuses_strides_and_groups) {
  refuses(R"({"type":"conv1d","prefix":"conv","stride":0})",
          "danaus.layers[0].stride must be a stride between 1 and the 2 taps");
  refuses(R"({"type":"conv1d","prefix":"conv","stride":3})", "danaus.layers[0].stride");
  refuses(R"({"type":"conv1d","prefix":"conv","stride":-1})", "danaus.layers[0].stride");
  refuses(R"({"type":"conv1d","prefix":"conv","stride":"2"})", "danaus.layers[0].stride");
  refuses(R"({"type":"conv1d","prefix":"conv","groups":3})", "danaus.layers[0].groups");
  refuses(R"({"type":"conv1d","prefix":"deep","groups":2})", "danaus.layers[0].groups");
  refuses(R"({"type":"conv1d","prefix":"deep","groups":0})", "danaus.layers[0].groups");
  refuses(R"({"type":"conv1d","prefix":"deep","groups":3,"stride":2})", "danaus.layers[0].groups");
  refuses(R"({"type":"layer_norm","prefix":"norm","eps":-1})", "danaus.layers[0].eps");
  refuses(R"({"type":"layer_norm","prefix":"norm","eps":1e300})", "danaus.layers[0].eps");
  refuses(R"({"type":"rms_norm","prefix":"norm","eps":"1"})", "danaus.layers[0].eps");
}

TEST(build_refuses_layers_where_they_do_not_fit) {
  refuses(R"({"type":"glu"})", "an even width, comes after 3");
  refuses(R"({"type":"residual"})", "layers");
  refuses(R"({"type":"residual","layers":[)" + linear + "]}", "a residual whose layers keep width 3");
  refuses(R"({"type":"residual","layers":[)" + conv + "]}", "a residual whose layers keep width 3");
  File file = with(R"({"type":"residual","layers":[{"type":"conv1d","prefix":"same","stride":2}]})");
  check::Random random(2);
  file.put_random(random, "same.weight", {3, 3, 2});
  CHECK_RAISES(file.model(), Error, "keep width 3 and rate");
  refuses(R"({"type":"residual","layers":[)" + mean + "]}", "outside a residual");
  refuses(R"({"type":"residual","layers":[{"type":"pool","kind":"last"}]})", "outside a residual");
  for (const std::string& after : {s4d, conv, deep, mean, std::string(R"({"type":"pool","kind":"running_mean"})"),
                                   R"({"type":"residual","layers":[)" + s4d + "]}"}) {
    refuses(mean + "," + after, "it follows a pool");
  }
  static_cast<void>(
      with(mean + "," + linear + R"(,{"type":"glu"},{"type":"residual","layers":[{"type":"gelu"}]})").model());
}

TEST(build_refuses_discretizations) {
  refuses(R"({"type":"s4d","prefix":"s","discretization":"euler"})", "danaus.layers[0].discretization");
  refuses(R"({"type":"s4d","prefix":"s","discretization":3})", "danaus.layers[0].discretization");
  refuses(R"({"type":"s4d","prefix":"s","discretization":"dss"})", "dss with a \"length\"");
  refuses(R"({"type":"s4d","prefix":"s","discretization":"dss","length":"long"})", "danaus.layers[0].length");
  refuses(R"({"type":"s4d","prefix":"s","discretization":"dss","length":-1e300})", "finite");
  refuses(R"({"type":"s4d","prefix":"p"})", "p.kernel.C");
  refuses(linear + "," + s4d, "an s4d of 4 channels, has 3");
}

TEST(build_refuses_embeddings_that_are_not_first) {
  const std::string embedding = R"({"type":"embedding","prefix":"p"})";
  refuses(embedding, "an embedding as the first layer, of 1 channel");
  File file = with(R"({"type":"gelu"},)" + embedding);
  file.input = R"({"channels":1})";
  CHECK_RAISES(file.model(), Error, "an embedding as the first layer");
  file.layers = R"({"type":"residual","layers":[)" + embedding + "]}";
  CHECK_RAISES(file.model(), Error, "an embedding as the first layer");
  file.layers = R"({"type":"embedding","prefix":"norm"})";
  CHECK_RAISES(file.model(), Error, "norm.weight must have at least 2 axes");
  file.layers = embedding;
  CHECK(file.model().network().vocabulary == 4);
}

TEST(build_refuses_networks_beyond_its_limits) {
  check::Random random(3);
  File file;
  file.input = R"({"channels":1})";
  file.put_random(random, "c.weight", {1, 1, 64});
  for (int i = 0; i < 4; ++i) file.add(R"({"type":"conv1d","prefix":"c","stride":64})");  // 2^24 rows a step
  CHECK_RAISES(file.model(), Error, "danaus.layers[3]");
  file.layers = R"({"type":"conv1d","prefix":"c","stride":64},{"type":"conv1d","prefix":"c","stride":64},)"
                R"({"type":"conv1d","prefix":"c","stride":32})";  // 2^17 rows of 16 values
  CHECK_RAISES(file.model(), Error, "at most 2^20 values");
  file.layers.clear();
  for (int i = 0; i < 10001; ++i) file.add(R"({"type":"relu"})");
  CHECK_RAISES(file.model(), Error, "at most 10000 layers");
  std::string nested;
  for (int i = 0; i < 40; ++i) nested = R"({"type":"residual","layers":[)" + nested + "]}";
  file.layers = nested;
  CHECK_RAISES(file.model(), Error, "levels");
}
