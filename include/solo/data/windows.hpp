// SPDX-License-Identifier: MIT
/// @file
/// Long examples in windows.
#pragma once

#include <solo/data/example.hpp>

#include <algorithm>
#include <utility>
#include <vector>

namespace solo::inline SOLO_ABI {

/// The example in windows of at most `longest` tokens (0: as it is). Each begins with the last
/// token of the one before, so that every token is predicted once.
[[nodiscard]] inline std::vector<Example> windows_of(Example example, Index longest) {
  std::vector<Example> windows;
  const auto size = static_cast<Index>(example.ids.size());
  if (longest <= 1 || size <= longest) {
    windows.push_back(std::move(example));
    return windows;
  }
  for (Index begin = 0; begin + 1 < size; begin += longest - 1) {
    const Index end = std::min(begin + longest, size);
    windows.push_back({.ids = {example.ids.begin() + begin, example.ids.begin() + end},
                       .labels = {example.labels.begin() + begin, example.labels.begin() + end},
                       .context_length = 0});
  }
  return windows;
}

}  // namespace solo::inline SOLO_ABI
