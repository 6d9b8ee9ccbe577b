// SPDX-License-Identifier: MIT
// The recipe of LoRA's E2E experiment, from the library.
#include <solo/solo.hpp>

#include "support.hpp"

using solo::test::require;

int main() {
  auto model = solo::GPT2<float>::from_pretrained(solo::test::model_dir());
  const auto tokenizer = solo::Tokenizer::from_pretrained(solo::test::tokenizer_dir());
  const auto train = solo::Dataset::from_pairs(
      {{"name : A", "A is a pub ."}, {"name : B", "B is a cafe ."}, {"name : C", "C ."}}, tokenizer,
      {.max_length = solo::kLoraE2eMaxLength});
  const auto valid = solo::Dataset::from_pairs({{"name : D", "D is a pub ."}}, tokenizer);

  model.add_adapter("lora", solo::lora_e2e_adapter());
  solo::Trainer trainer(model, solo::lora_e2e_options({.output_dir = {}, .eval_steps = 2}));
  const solo::TrainResult result = trainer.train(train, valid);

  require(result.steps == 5, "five epochs of one batch, which is filled up");
  require(result.trainable == 4 * 4 * 32 * 4, "rank 4 on queries and values");
  require(result.eval_loss.has_value(), "validated");
  require(trainer.options().seed == 110, "with the seed of the README");
}
