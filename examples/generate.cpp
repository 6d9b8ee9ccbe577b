// SPDX-License-Identifier: MIT
// Continues a prompt, with the bare model or with an adapter.
#include <solo/solo.hpp>

#include <iostream>

int main(int argc, char** argv) try {
  if (argc != 3 && argc != 4) {
    std::cerr << "usage: generate MODEL PROMPT [ADAPTER]\n";
    return 2;
  }
  auto model = solo::GPT2<float>::from_pretrained(argv[1]);
  const auto tokenizer = solo::Tokenizer::from_pretrained(argv[1]);
  if (argc == 4) model.load_adapter("mine", argv[3]);  // the file says which kind it is

  // Training puts the eos token between prompt and completion; so does append_separator.
  std::cout << solo::generate(model, tokenizer, argv[2], {.append_separator = argc == 4}) << '\n';
} catch (const solo::Error& e) {
  std::cerr << "error: " << e.what() << '\n';
  return 1;
}
