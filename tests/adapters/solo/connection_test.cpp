// SPDX-License-Identifier: MIT
#include "adapters/tiny_model.hpp"
#include "support/bad_input.hpp"
#include "support/catch.hpp"

#include <cmath>
#include <map>

using namespace solo;
using namespace solo::test;

namespace {

std::map<std::string, Parameter<float>*> by_name(GPT2<float>& model) {
  std::map<std::string, Parameter<float>*> result;
  for (Parameter<float>* p : model.adapter("a").parameters()) result[p->name()] = p;
  return result;
}

GPT2Config with_layers(Index layers) {
  GPT2Config config = tiny_config();
  config.n_layer = layers;
  return config;
}

/// Operations that the loss records with this adapter.
Index recorded(Index layers, const SoloConfig& config) {
  GPT2<float> model = tiny_model<float>(with_layers(layers));
  model.add_adapter("a", config);
  Tape<float> tape;
  (void)model.loss(tape, random_batch({5, 3}, model.config()));
  return tape.size();
}

}  // namespace

TEST_CASE("Initial values of a Solo adapter", "[solo]") {
  GPT2<float> model = tiny_model<float>();
  model.add_adapter("a",
                    SoloConfig{.r = 16, .stride = 1, .gate_init = 0.25, .init = SoloInit::paper});
  const auto tensors = by_name(model);
  CHECK(tensors.size() == 3 * 3 + 4);
  CHECK(*tensors.at("links.1-2.gate")->value().data() == 0.25F);
  for (Index i = 0; i < 16; ++i) CHECK(tensors.at("links.1-2.e")->value().data()[i] == 1.0F);
  for (Index i = 0; i < 8; ++i) CHECK(tensors.at("links.1-2.v")->value().data()[i] == 0.0F);
  const auto check_uniform = [&](const std::string& name, double bound) {
    double largest = 0.0;
    double sum = 0.0;
    const Tensor<float>& value = tensors.at(name)->value();
    for (Index i = 0; i < value.size(); ++i) {
      const double x = static_cast<double>(value.data()[i]);
      largest = std::max(largest, std::abs(x));
      sum += x;
    }
    CAPTURE(name);
    CHECK(largest <= bound);
    CHECK(largest > 0.7 * bound);
    CHECK(std::abs(sum) / static_cast<double>(value.size()) < 0.5 * bound);
  };
  check_uniform("maps.0.down.weight", 1.0 / std::sqrt(8.0));
  check_uniform("maps.0.down.bias", 1.0 / std::sqrt(8.0));
  check_uniform("maps.0.up.weight", 0.25);
  check_uniform("maps.0.up.bias", 0.25);
}

TEST_CASE("Initial values with init identity", "[solo]") {
  GPT2<float> model = tiny_model<float>();
  model.add_adapter("a", SoloConfig{.r = 4, .stride = 1, .init = SoloInit::identity});
  const auto tensors = by_name(model);
  for (Index i = 0; i < 8; ++i) CHECK(tensors.at("links.1-2.v")->value().data()[i] == 1.0F);
  for (const char* name : {"maps.0.down.bias", "maps.0.up.weight", "maps.0.up.bias"}) {
    CAPTURE(name);
    CHECK(same_bits(tensors.at(name)->value(), Tensor<float>(tensors.at(name)->shape())));
  }
  CHECK(*tensors.at("maps.0.down.weight")->value().data() != 0.0F);
}

TEST_CASE("Initial values are a function of the seed", "[solo]") {
  const auto down = [](std::uint64_t seed) {
    GPT2<float> model = tiny_model<float>();
    model.add_adapter("a", SoloConfig{.r = 4, .stride = 1, .seed = seed});
    return by_name(model).at("maps.0.down.weight")->value().clone();
  };
  CHECK(same_bits(down(1), down(1)));
  CHECK(!same_bits(down(1), down(2)));
}

TEST_CASE("Nothing is recorded below the lowest destination", "[solo]") {
  const auto last = [](int layers) { return SoloConfig{.r = 2, .links = {{1, layers}}}; };
  CHECK(recorded(4, last(4)) == recorded(9, last(9)));
  CHECK(recorded(9, {.r = 2, .links = {{1, 5}}}) > recorded(9, last(9)));
  // Block outputs 5 to 9 against 2 to 9: three blocks more.
  const Index block =
      recorded(9, {.r = 2, .links = {{1, 4}}}) - recorded(9, {.r = 2, .links = {{1, 5}}});
  CHECK(recorded(9, {.r = 2, .links = {{1, 2}}}) ==
        recorded(9, {.r = 2, .links = {{1, 5}}}) + 3 * block);
}

TEST_CASE("Of the frozen prefix only the sources are stored", "[solo]") {
  const auto used = [](Index layers, const SoloConfig& config) {
    GPT2Config base = with_layers(layers);
    base.n_positions = 600;
    base.n_embd = 64;
    GPT2<float> model(base, {.threads = 1});
    model.add_adapter("a", config);
    Tape<float> tape;
    (void)model.loss(tape, random_batch({600}, base));
    return tape.peak_used();
  };
  // One link into the last block: a deeper prefix needs no more memory.
  const Index shallow = used(4, {.r = 2, .links = {{1, 4}}});
  const Index handles = 64 * 1024;  // a few words for every operation, whatever its size
  CHECK(used(12, {.r = 2, .links = {{1, 12}}}) < shallow + handles);
  CHECK(used(12, {.r = 2, .links = {{1, 4}}}) > 2 * shallow);
}

TEST_CASE("Gate schedules act in training only", "[solo]") {
  GPT2<float> model = tiny_model<float>();
  const SoloConfig config{.r = 4, .stride = 1, .gate_schedule = {SoloScheduleKind::linear, 4}};
  model.add_adapter("a", config);
  disturb(model.trainable_parameters(), 0.3, 3);
  const Batch batch = random_batch({6}, model.config());
  Tape<float> tape;
  const auto loss = [&](const LossOptions& options) {
    return model.loss(tape, batch, options).item();
  };
  const float full = loss({});
  CHECK(model.adapter("a").homotopy(1) == 0.25);
  CHECK(model.adapter("a").homotopy(4) == 1.0);
  CHECK(loss({.homotopy = 0.25}) != full);
  CHECK(loss({.training = false, .homotopy = 0.25}) == full);
  const float none = loss({.homotopy = 0.0});
  model.disable_adapters();
  CHECK(loss({}) == none);
}

TEST_CASE("Dropout acts in training only and follows batch seed and step", "[solo]") {
  GPT2<float> model = tiny_model<float>();
  model.add_adapter("a", SoloConfig{.r = 4, .stride = 1, .dropout = 0.5});
  disturb(model.trainable_parameters(), 0.3, 3);
  Batch batch = random_batch({6}, model.config());
  Tape<float> tape;
  const auto loss = [&](const LossOptions& options) {
    return model.loss(tape, batch, options).item();
  };
  const float first = loss({});
  const float evaluated = loss({.training = false});
  CHECK(first != evaluated);
  CHECK(loss({}) == first);
  CHECK(model.score(batch).loss ==
        solo::test::Approx(static_cast<double>(evaluated)).epsilon(1e-6));
  batch.step += 1;
  CHECK(loss({}) != first);
  CHECK(loss({.training = false}) == evaluated);
}

TEST_CASE("A Solo adapter knows only its links", "[solo]") {
  const GPT2Config config = tiny_config();
  SoloConnection<float> adapter(SoloConfig{.r = 2, .stride = 1}, config);
  Tape<float> tape;
  tape.begin({});
  check_throws<ConfigError>(
      [&] {
        return adapter.delta(tape, {0, 4}, tape.create(1, 8, false));
      },
      "solo.links", {"0 to 4"});
}
