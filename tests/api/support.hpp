// SPDX-License-Identifier: MIT
/// @file
/// What the interface programs share: a small model and tokenizer, a check that cannot be compiled
/// out.
#pragma once

#include "support/golden.hpp"

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>

namespace solo::test {

/// A GPT-2 of 4 blocks with a 512-token vocabulary, and the tokenizer that goes with it.
inline std::string model_dir() {
  return (golden_dir() / "tiny-gpt2").string();
}
inline std::string tokenizer_dir() {
  return (golden_dir() / "text" / "tiny-bpe").string();
}

inline void require(bool condition, const char* what) {
  if (condition) return;
  std::cerr << "failed: " << what << '\n';
  std::exit(1);
}

}  // namespace solo::test
