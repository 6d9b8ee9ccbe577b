// SPDX-License-Identifier: MIT
// A program with a language model inside: it completes the lines that it reads.
#include <solo/solo.hpp>

#include <iostream>
#include <string>

/// What the rest of the program sees; no header of ours needs to be known there.
class Completer {
 public:
  explicit Completer(const char* folder)
      : model_(solo::GPT2<float>::from_pretrained(folder)),
        tokenizer_(solo::Tokenizer::from_pretrained(folder)) {}
  /// Safe on many threads at once: the model is not changed.
  [[nodiscard]] std::string complete(const std::string& text) const {
    return text + solo::generate(model_, tokenizer_, text, {.max_new_tokens = 8});
  }

 private:
  solo::GPT2<float> model_;
  solo::Tokenizer tokenizer_;
};

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::cerr << "usage: embed MODEL < LINES\n";
    return 2;
  }
  const Completer completer(argv[1]);
  for (std::string line; std::getline(std::cin, line);) {
    std::cout << completer.complete(line) << '\n';
  }
} catch (const solo::Error& e) {
  std::cerr << "error: " << e.what() << '\n';
  return 1;
}
