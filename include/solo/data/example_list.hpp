// SPDX-License-Identifier: MIT
/// @file
/// Examples and what is counted about them.
#pragma once

#include <solo/data/example.hpp>

#include <algorithm>
#include <utility>
#include <vector>

namespace solo::inline SOLO_ABI {
namespace detail {

/// The contents of a data set.
struct ExampleList {
  std::vector<Example> examples;
  Index scored_tokens = 0;
  Index total_tokens = 0;
  Index longest = 0;
  Index truncated = 0;
  int eos_token_id = -1;
  Index conversations = 0;

  void add(Example example) {
    const auto length = static_cast<Index>(example.ids.size());
    scored_tokens += example.scored_tokens();
    total_tokens += length;
    longest = std::max(longest, length);
    examples.push_back(std::move(example));
  }
};

}  // namespace detail
}  // namespace solo::inline SOLO_ABI
