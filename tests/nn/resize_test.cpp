// SPDX-License-Identifier: MIT
// More or fewer rows in the tables of tokens.

#include <solo/adapters/adapters.hpp>
#include <solo/nn/nn.hpp>

#include "adapters/tiny_model.hpp"
#include "support/bad_input.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <vector>

using namespace solo;
using namespace solo::test;

TEST_CASE("New rows are the mean of the old ones, which stay", "[resize]") {
  GPT2Config untied = tiny_config();
  untied.tie_word_embeddings = false;
  for (const GPT2Config& config : {tiny_config(), untied}) {
    GPT2<double> model = tiny_model<double>(config);
    const std::vector<int> ids = {3, 17, 5};
    const Matrix<double> before = model.logits(ids);
    model.resize_token_embeddings(25, 4);
    CHECK(model.config().vocab_size == 28);
    const Matrix<double> after = model.logits(ids);
    REQUIRE(after.cols() == 28);
    CHECK((after.leftCols(23) - before).cwiseAbs().maxCoeff() < 1e-12);
    // The logit of the mean row is the mean of the logits.
    for (Index i = 0; i < after.rows(); ++i) {
      CHECK(after(i, 27) == Approx(before.row(i).mean()).margin(1e-12));
    }
    model.resize_token_embeddings(20);
    CHECK((model.logits(ids) - before.leftCols(20)).cwiseAbs().maxCoeff() < 1e-12);
  }
}

TEST_CASE("A resized bfloat16 model stays one, and adapters fix the size", "[resize]") {
  GPT2<float> half(tiny_config(), {.threads = 1, .frozen_dtype = DType::bfloat16});
  half.resize_token_embeddings(30);
  CHECK(half.parameter("wte.weight").is_bfloat16());
  half.add_adapter("a", LoraConfig{});
  check_throws<ConfigError>([&] { return (half.resize_token_embeddings(31), 0); }, "model.resize",
                            {"'a'", "30"});
  check_throws<ConfigError>([&] { return (half.resize_token_embeddings(0), 0); }, "config.range",
                            {"resize_token_embeddings", "0"});
}

TEST_CASE("An adapter of a resized base resizes the base it is loaded on", "[resize]") {
  const TempDir dir;
  const std::vector<int> ids = {3, 24, 25};
  for (const bool rows : {false, true}) {
    GPT2<float> model = tiny_model<float>();
    model.resize_token_embeddings(26);
    LoraConfig config;
    if (rows) {
      config.trainable_token_indices = {{"wte", {23, 24, 25}}};
    } else {
      config.saved_tables = {"transformer.wte.weight", "lm_head.weight"};
    }
    model.add_adapter("a", config);
    disturb(model.trainable_parameters(), 0.3, 21);
    model.save_adapter("a", dir.path());
    GPT2<float> other = tiny_model<float>();
    other.load_adapter("a", dir.path());
    CHECK(other.config().vocab_size == 26);
    CHECK(other.logits(ids) == model.logits(ids));
    CHECK(other.trainable_parameter_count("a") == model.trainable_parameter_count("a"));
  }
}

TEST_CASE("Token indices that cannot train are refused", "[resize]") {
  GPT2<float> model = tiny_model<float>();
  const auto refused = [&](const LoraConfig& config, const std::vector<std::string>& parts) {
    check_throws<ConfigError>([&] { return (model.add_adapter("a", config), 0); },
                              "lora.token_indices", parts);
  };
  refused({.trainable_token_indices = {{"wte", {3, 23}}}}, {"23", "resize_token_embeddings(24)"});
  refused({.trainable_token_indices = {{"wte", {3, 3}}}}, {"3", "twice"});
  refused({.trainable_token_indices = {{"wte", {}}}}, {"transformer.wte", "empty"});
  refused({.trainable_token_indices = {{"wpe", {3}}}}, {"'wpe'", "wte or lm_head"});
  refused({.modules_to_save = {"wte"}, .trainable_token_indices = {{"wte", {3}}}},
          {"wte.weight", "modules_to_save"});
}
