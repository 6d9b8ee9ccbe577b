// SPDX-License-Identifier: MIT
// While a text is generated the model stays what it is.
#include <solo/adapters/adapters.hpp>
#include <solo/generate/generate.hpp>
#include <solo/train/train.hpp>

#include "generate/tiny.hpp"
#include "support/catch.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace solo;

TEST_CASE("a stream's callback cannot change the model", "[generate]") {
  GPT2<float> model = test::tiny_model();
  const Tokenizer tokenizer = test::tiny_tokenizer();
  for (const char* name : {"b", "a"}) {
    model.add_adapter(name, LoraConfig{.r = 1, .init_lora_weights = false});
  }
  GPT2<float> other = test::tiny_model(1);
  const Dataset data = Dataset::from_ids(std::vector<Example>{{.ids = {1, 2}, .labels = {1, 2}}});
  GenerateOptions options{.max_new_tokens = 6, .eos_token_id = -1};
  const std::string expected = generate(model, tokenizer, "one", options);
  const std::vector<std::function<void()>> calls = {
      [&] { model.delete_adapter("a"); },
      [&] { model.set_adapter("b"); },
      [&] { model.disable_adapters(); },
      [&] { (void)model.merge_adapter("a"); },
      [&] { model.add_adapter("c", LoraConfig{.r = 1}); },
      [&] { model.resize_token_embeddings(600); },
      [&] { model = test::tiny_model(1); },
      [&] { other = std::move(model); },
      [&] { const GPT2<float> taken = std::move(model); },
      [&] { (void)Trainer<float>(model, {.max_steps = 1}).train(data); }};
  for (std::size_t i = 0; i < calls.size(); ++i) {
    CAPTURE(i);
    options.on_token = [&](std::string_view) { calls[i](); };
    const std::string message =
        test::failure([&] { (void)generate(model, tokenizer, "one", options); });
    CHECK(message.starts_with("adapter.held: "));
  }
  // Refused and caught, the text goes on as without it; a text may be generated in it, too.
  std::string streamed;
  options.on_token = [&](std::string_view piece) {
    streamed += piece;
    CHECK(test::failure([&] { model.set_adapter("b"); }).starts_with("adapter.held"));
    CHECK(generate(model, tokenizer, "one", {.max_new_tokens = 6, .eos_token_id = -1}) == expected);
  };
  CHECK(generate(model, tokenizer, "one", options) == expected);
  CHECK(streamed == expected);
  model.set_adapter("b");  // afterwards it may
  const GPT2<float> owner = std::move(model);
  CHECK(test::failure([&] {
          (void)generate(model, tokenizer, "one", {});
        }).starts_with("model.moved"));
}

TEST_CASE("options of generation have values of their enumerations", "[generate]") {
  const GPT2<float> model = test::tiny_model();
  const auto refused = [&](const GenerateOptions& options) {
    return test::failure([&] { (void)generate_ids<float>(model, test::kPrompts, options); });
  };
  CHECK(refused({.num_beams = 2, .beam_style = static_cast<BeamStyle>(7)}) ==
        "config.value: beam_style: expected one of its values, found the number 7");
  CHECK(refused({.num_beams = 2, .early_stopping = static_cast<EarlyStopping>(-1)}) ==
        "config.value: early_stopping: expected one of its values, found the number -1");
}
