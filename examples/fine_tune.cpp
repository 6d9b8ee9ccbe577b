// SPDX-License-Identifier: MIT
// Fine-tunes a GPT-2 with a Solo adapter, saves the adapter, and continues a prompt with it.
#include <solo/solo.hpp>

#include <iostream>

int main(int argc, char** argv) try {
  if (argc != 6) {
    std::cerr << "usage: fine_tune MODEL TRAIN.jsonl VALID.jsonl OUTPUT PROMPT\n";
    return 2;
  }
  auto model = solo::GPT2<float>::from_pretrained(argv[1]);  // a Hugging Face folder
  auto tokenizer = solo::Tokenizer::from_pretrained(argv[1]);

  // Lines of {"prompt": …, "completion": …}; only the completions are learnt.
  auto train = solo::Dataset::from_file(argv[2], tokenizer);
  auto valid = solo::Dataset::from_file(argv[3], tokenizer);

  // The base is frozen from here on.
  model.add_adapter(
      "mine",
      solo::SoloConfig{.r = 16, .stride = 1, .gate_init = 1.0, .init = solo::SoloInit::identity});

  const solo::TrainerOptions options{
      .output_dir = argv[4], .max_steps = 300, .learning_rate = 1e-2, .eval_on_start = true};
  solo::Trainer trainer(model, options);
  trainer.on_step([](const solo::StepInfo& s) { std::cerr << s.step << ' ' << s.loss << '\n'; });
  const solo::TrainResult result = trainer.train(train, valid);
  model.save_adapter("mine", argv[4]);  // adapter_config.json, adapter_model.safetensors

  std::cout << "loss " << *result.initial_eval_loss << " -> " << *result.eval_loss << '\n'
            << solo::generate(model, tokenizer, argv[5], {.append_separator = true}) << '\n';
} catch (const solo::Error& e) {
  std::cerr << "error: " << e.what() << '\n';
  return 1;
}
