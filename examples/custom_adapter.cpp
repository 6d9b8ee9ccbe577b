// SPDX-License-Identifier: MIT
// An adapter of one's own: a class that says where it acts and what it adds. The tape's operations
// know their derivatives, so there is no backward pass to write.
#include <solo/solo.hpp>

#include <cmath>
#include <filesystem>
#include <iostream>
#include <memory>
#include <vector>

/// h_dst += a ⊙ tanh(h_src).
struct GatedTanh final : solo::BlockAdapter<float> {
  solo::Parameter<float> a;

  explicit GatedTanh(const solo::GPT2Config& base)
      : a("a", {base.n_embd}) {}  // zeros: it starts as the base model
  std::vector<solo::Link> links() const override { return {{1, 3}, {2, 4}}; }
  std::vector<solo::Parameter<float>*> parameters() override { return {&a}; }
  solo::Var<float> delta(solo::Tape<float>& tape, solo::Link, solo::Var<float> h) override {
    return solo::mul(tape, solo::tanh(tape, h), a);
  }
};

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::cerr << "usage: custom_adapter OUTPUT\n";
    return 2;
  }
  const std::filesystem::path folder = argv[1];
  // A small GPT-2 with random weights, which is to learn to count.
  const solo::GPT2Config size{
      .vocab_size = 16, .n_positions = 16, .n_embd = 32, .n_layer = 4, .n_head = 4};
  solo::GPT2<float> model(size);
  const auto data = solo::Dataset::from_ids({{{1, 2, 3, 4, 5, 6}}, {{5, 6, 7, 8, 9}}});

  model.add_adapter("mine", std::make_unique<GatedTanh>(model.config()));
  solo::Trainer trainer(model, {.max_steps = 300, .learning_rate = 0.1, .eval_on_start = true});
  const solo::TrainResult result = trainer.train(data, data);
  std::cout << "loss " << *result.initial_eval_loss << " -> " << *result.eval_loss << '\n';

  // Saved like any other. load_adapter knows the library's kinds only, so its class reads it again.
  model.save_adapter("mine", folder);
  auto loaded = std::make_unique<GatedTanh>(model.config());
  solo::read_adapter_tensors(folder, *loaded);
  model.add_adapter("loaded", std::move(loaded));
  const std::vector<int> ids = {1, 2, 3};
  const bool same =
      model.logits(ids, {.adapter = "loaded"}) == model.logits(ids, {.adapter = "mine"});
  std::cout << (same ? "loaded: the same logits\n" : "loaded: other logits\n");
  return same ? 0 : 1;
} catch (const solo::Error& e) {
  std::cerr << "error: " << e.what() << '\n';
  return 1;
}
