// SPDX-License-Identifier: MIT
// Section 4: one's own training loop.
#include <solo/solo.hpp>

#include "support.hpp"

using solo::test::require;

int main() {
  auto model = solo::GPT2<float>::from_pretrained(solo::test::model_dir());
  auto tokenizer = solo::Tokenizer::from_pretrained(solo::test::tokenizer_dir());
  auto data = solo::Dataset::from_pairs(
      {{"a", "the pub"}, {"b", "a hotel"}, {"c", "one laptop"}, {"d", "no text"}}, tokenizer);
  model.add_adapter("mine", solo::LoraConfig{.r = 4});

  solo::AdamW<float> optimizer(model.trainable_parameters(), {.learning_rate = 1e-2});
  solo::Tape<float> tape;
  float first = 0.0F;
  float last = 0.0F;
  for (int step = 0; step < 20; ++step) {
    solo::Batch batch = data.batch({.seed = 42, .step = step, .size = 4});
    solo::Var<float> loss = model.loss(tape, batch, {.label_smoothing = 0.1});
    last = loss.item();
    if (step == 0) first = last;
    tape.backward(loss);
    require(tape.size() == 0, "the tape is empty after backward");
    solo::clip_grad_norm(model.trainable_parameters(), 1.0);
    optimizer.step();
    optimizer.zero_grad();
  }
  require(last < first, "the loss falls");
}
