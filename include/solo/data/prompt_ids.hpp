// SPDX-License-Identifier: MIT
/// @file
/// Prompts as ids.
#pragma once

#include <solo/text/tokenizer.hpp>

#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI {

/// What a completion follows, in training and in generation: all that Tokenizer::encode gives but
/// what the tokenizer puts behind a whole text.
[[nodiscard]] inline std::vector<int> prompt_ids(const Tokenizer& tokenizer,
                                                 std::string_view prompt,
                                                 bool special_tokens = true) {
  std::vector<int> ids = tokenizer.encode(prompt, {.special_tokens = special_tokens});
  ids.resize(ids.size() - tokenizer.suffix_ids().size());
  return ids;
}

}  // namespace solo::inline SOLO_ABI
