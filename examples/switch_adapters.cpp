// SPDX-License-Identifier: MIT
// Two adapters on one model: the base is in memory once, and each call chooses.
#include <solo/solo.hpp>

#include <iostream>
#include <string>

int main(int argc, char** argv) try {
  if (argc != 5) {
    std::cerr << "usage: switch_adapters MODEL ADAPTER ADAPTER PROMPT\n";
    return 2;
  }
  auto model = solo::GPT2<float>::from_pretrained(argv[1]);
  const auto tokenizer = solo::Tokenizer::from_pretrained(argv[1]);
  const std::string prompt = argv[4];

  model.load_adapter("first", argv[2]);  // Solo, LoRA from peft, …: the file says which
  model.load_adapter("second", argv[3]);
  for (const std::string& name : model.adapter_names()) {
    std::cout << name << ": " << model.trainable_parameter_count(name) << " parameters\n";
  }

  model.set_adapter("first");  // used when nothing else is said
  std::cout << "first: " << solo::generate(model, tokenizer, prompt, {.max_new_tokens = 16})
            << '\n';

  // A call may name another one, so threads that share the model can use different adapters.
  std::cout << "second: "
            << solo::generate(model, tokenizer, prompt, {.max_new_tokens = 16, .adapter = "second"})
            << '\n';

  model.disable_adapters();  // the bare base, bit for bit
  std::cout << "base: " << solo::generate(model, tokenizer, prompt, {.max_new_tokens = 16}) << '\n';
  model.enable_adapters();
} catch (const solo::Error& e) {
  std::cerr << "error: " << e.what() << '\n';
  return 1;
}
