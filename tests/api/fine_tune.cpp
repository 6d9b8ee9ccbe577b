// SPDX-License-Identifier: MIT
// Section 1 of the interface: fine-tune, save, generate.
#include <solo/solo.hpp>

#include "support.hpp"
#include "support/temp_dir.hpp"

#include <fstream>
#include <iostream>

using solo::test::require;

int main() {
  const solo::test::TempDir temp;
  const std::filesystem::path out = temp.path() / "out";
  for (const char* name : {"train.jsonl", "valid.jsonl"}) {
    std::ofstream(temp.path() / name)
        << R"({"prompt": "name : Blue Spice", "completion": "Blue Spice is a pub."})" << '\n'
        << R"({"prompt": "name : The Eagle", "completion": "The Eagle is a cheap pub."})" << '\n';
  }

  auto model = solo::GPT2<float>::from_pretrained(solo::test::model_dir());
  auto tokenizer = solo::Tokenizer::from_pretrained(solo::test::tokenizer_dir());
  model.add_adapter("e2e", solo::SoloConfig{.r = 4, .stride = 2, .init = solo::SoloInit::identity});

  auto train = solo::Dataset::from_file(temp.path() / "train.jsonl", tokenizer);
  auto valid = solo::Dataset::from_file(temp.path() / "valid.jsonl", tokenizer);
  const double before = model.score(valid).loss;

  solo::Trainer trainer(model,
                        {.output_dir = out, .epochs = 20, .batch_size = 8, .learning_rate = 1e-2});
  int steps = 0;
  trainer.on_step([&](const solo::StepInfo& s) { steps += s.step > 0 ? 1 : 0; });
  solo::TrainResult result = trainer.train(train, valid);
  require(steps == 20 && result.steps == 20, "twenty steps, each reported");
  require(result.eval_loss.has_value() && *result.eval_loss < before, "the loss falls");
  require(result.train_loss.has_value(), "a training loss");

  model.save_adapter("e2e", out);
  require(std::filesystem::exists(out / "adapter_config.json"), "adapter_config.json");
  require(std::filesystem::exists(out / "adapter_model.safetensors"), "adapter_model.safetensors");
  require(std::filesystem::exists(out / "trainer_state.json"), "trainer_state.json");

  const std::string text = solo::generate(model, tokenizer, "name : Blue Spice",
                                          {.max_new_tokens = 16, .append_separator = true});
  std::cout << text << '\n';

  auto again = solo::GPT2<float>::from_pretrained(solo::test::model_dir());
  again.load_adapter("e2e", out);
  require(again.score(valid).loss == model.score(valid).loss,
          "the saved adapter is the trained one");
}
