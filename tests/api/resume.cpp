// SPDX-License-Identifier: MIT
// Section 4: a run that is asked to stop saves, and {.resume = true} goes on.
#include <solo/solo.hpp>

#include "support.hpp"
#include "support/temp_dir.hpp"

#include <thread>

using solo::test::require;

namespace {

solo::GPT2<float> model_with_adapter() {
  auto model = solo::GPT2<float>::from_pretrained(solo::test::model_dir());
  model.add_adapter("mine", solo::LoraConfig{.r = 4});
  return model;
}

}  // namespace

int main() {
  const solo::test::TempDir dir;
  auto tokenizer = solo::Tokenizer::from_pretrained(solo::test::tokenizer_dir());
  auto data = solo::Dataset::from_pairs(
      {{"a", "the pub"}, {"b", "a hotel"}, {"c", "one laptop"}, {"d", "no text"}}, tokenizer);

  auto whole = model_with_adapter();
  solo::Trainer(whole, {.max_steps = 50, .batch_size = 2}).train(data);

  {
    auto model = model_with_adapter();
    solo::Trainer trainer(model, {.output_dir = dir.path(), .max_steps = 50, .batch_size = 2});
    trainer.on_step([&](const solo::StepInfo& s) {
      if (s.step == 20) std::thread([&] { trainer.request_stop(); }).join();
    });
    solo::TrainResult result = trainer.train(data);
    require(result.stopped && result.steps == 20, "the step is finished");
    require(result.checkpoint == dir.path() / "checkpoint-20.safetensors", "a checkpoint is saved");
  }
  auto model = model_with_adapter();
  solo::Trainer trainer(
      model, {.output_dir = dir.path(), .max_steps = 50, .batch_size = 2, .resume = true});
  trainer.on_resume([](const solo::ResumeInfo& info) {
    require(info.step == 20 && info.skipped.empty(), "it goes on from there");
  });
  solo::TrainResult result = trainer.train(data);
  require(result.steps == 50 && result.resumed, "to the end");

  std::vector<int> ids = tokenizer.encode("a hotel");
  require(model.logits(ids) == whole.logits(ids), "with the bits of a run in one go");
}
