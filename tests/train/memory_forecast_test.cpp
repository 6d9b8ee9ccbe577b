// SPDX-License-Identifier: MIT
// The forecast's parts against what a model and a tape have.
#include <solo/adapters/adapters.hpp>
#include <solo/train/memory_forecast.hpp>

#include "support/catch.hpp"

#include <variant>
#include <vector>

using namespace solo;

namespace {

GPT2Config small_config() {
  return {.vocab_size = 300, .n_positions = 128, .n_embd = 64, .n_layer = 6, .n_head = 4};
}

Batch full_batch(Index count, Index length) {
  Batch batch;
  for (Index i = 0; i < count; ++i) {
    batch.segments.push_back({.begin = batch.rows(), .length = length});
    for (Index j = 0; j < length; ++j) {
      batch.ids.push_back(static_cast<int>((7 * j + i) % 300));
      batch.targets.push_back(static_cast<int>((5 * j + i) % 300));
    }
  }
  return batch;
}

using Method = std::variant<std::monostate, LoraConfig, SoloConfig, BitFitConfig, LayerNormConfig>;

/// What a step has in use, by what is forecast.
double ratio(const Method& method, bool checkpointing) {
  const GPT2Config config = small_config();
  GPT2<float> model(config, {.threads = 1});
  MethodFootprint found = full_footprint(config);
  std::visit(
      [&](const auto& c) {
        if constexpr (!std::is_same_v<std::decay_t<decltype(c)>, std::monostate>) {
          model.add_adapter("a", c);
          found = footprint(c, config);
        }
      },
      method);
  CHECK(found.trainable == model.trainable_parameter_count());
  Tape<float> tape;
  tape.backward(model.loss(tape, full_batch(4, 100), {.gradient_checkpointing = checkpointing}));
  const MemoryForecast forecast = forecast_memory(
      config, found,
      {.batch_size = 4, .sequence_length = 100, .gradient_checkpointing = checkpointing});
  CHECK(forecast.gradients == 4 * found.trainable);
  CHECK(forecast.optimizer == 8 * found.trainable);
  // Small blocks lie in slabs of 64 kB, one in each arena, which only a model this small feels.
  const Index slabs = (checkpointing ? 2 : 1) * (Index{64} << 10U);
  return static_cast<double>(tape.peak_used() - slabs) / static_cast<double>(forecast.activations);
}

}  // namespace

TEST_CASE("the forecast of activations is what the tape has in use", "[memory]") {
  const std::vector<Method> methods = {
      std::monostate{},
      LoraConfig{.r = 4},
      LoraConfig{.r = 4, .target_modules = {"c_attn", "c_proj", "c_fc"}},
      LoraConfig{.r = 4, .layers_to_transform = {4, 5}},
      LoraConfig{.r = 8, .target_modules = {"wte", "lm_head"}},
      LoraConfig{.r = 8, .target_modules = {"lm_head"}},
      SoloConfig{.r = 16},
      SoloConfig{.r = 16, .stride = 1},
      BitFitConfig{},
      LayerNormConfig{}};
  for (std::size_t i = 0; i < methods.size(); ++i) {
    CAPTURE(i);
    CHECK(ratio(methods[i], false) == Approx(1.0).epsilon(0.1));
    CHECK(ratio(methods[i], true) == Approx(1.0).epsilon(0.1));
  }
}

TEST_CASE("packed weights are forecast to the byte", "[memory]") {
  const GPT2Config config = small_config();
  GPT2<float> model(config, {.threads = 1});
  const LoraConfig lora{.r = 4};
  const MethodFootprint found = footprint(lora, config);
  const MemoryForecast forecast = forecast_memory(config, found, {});
  // 300 columns of the token table are 10 panels of 32.
  const Index padding = 20 * config.n_embd;
  CHECK(forecast.weights == 4 * (config.parameter_count() + padding + found.adapter));
  const MemoryForecast half = forecast_memory(config, found, {.frozen_dtype = DType::bfloat16});
  const Index matrices = config.n_layer * 12 * config.n_embd * config.n_embd +
                         (config.vocab_size + 20) * config.n_embd;
  CHECK(forecast.weights - half.weights == 2 * matrices);
}

TEST_CASE(
    "a shared map is multiplied by once a link, a token takes one column of the embedding's "
    "factor") {
  const GPT2Config base{
      .vocab_size = 23, .n_positions = 12, .n_embd = 8, .n_layer = 4, .n_head = 2};
  // Links 1-2, 2-3, 3-4; maps of 2·8·3 + 3 + 8 numbers, 3 + 8 + 1 a link.
  CHECK(footprint(SoloConfig{.r = 3, .stride = 1}, base).multiplies == 3 * (59 + 12));
  CHECK(footprint(SoloConfig{.r = 3, .stride = 1, .share = SoloShare::none}, base).multiplies ==
        3 * (59 + 12));
  CHECK(footprint(SoloConfig{.r = 3, .stride = 1, .taps = 3}, base).multiplies ==
        3 * (59 + 12 + 6));
  LoraConfig tables{.r = 2};
  tables.target_modules = ModuleNames{"wte"};
  CHECK(footprint(tables, base).multiplies == 2 + 2 * 8);
  LoraConfig attention{.r = 2};
  CHECK(footprint(attention, base).multiplies == 4 * (2 * 8 + 2 * 24));
}
