// SPDX-License-Identifier: MIT
/// @file
/// The small model of the generation tests, and what a refused call says.
#pragma once

#include <solo/generate/generate.hpp>

#include "support/golden.hpp"

#include <string>
#include <vector>

namespace solo::test {

inline GPT2<float> tiny_model(int threads = 2) {
  return GPT2<float>::from_pretrained(golden_dir() / "tiny-gpt2", {.threads = threads});
}

inline Tokenizer tiny_tokenizer() {
  return Tokenizer::from_pretrained(golden_dir() / "text" / "tiny-bpe");
}

inline const std::vector<std::vector<int>> kPrompts = {
    {5, 6, 7}, {9}, {100, 101, 102, 103, 104}, {511, 3}};

/// "id: message" of the Error that f throws.
template <class F>
[[nodiscard]] std::string failure(const F& f) {
  try {
    f();
  } catch (const Error& e) {
    return concat(e.id(), ": ", e.what());
  }
  return "accepted";
}

}  // namespace solo::test
