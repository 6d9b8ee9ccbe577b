// SPDX-License-Identifier: MIT
/// @file
/// One training sequence.
#pragma once

#include <solo/core/scalar.hpp>
#include <solo/data/batch.hpp>

#include <vector>

namespace solo::inline SOLO_ABI {

/// A sequence of tokens and what is to be learned from it.
struct Example {
  std::vector<int> ids = {};
  /// As in Hugging Face: as many as ids, not shifted, kIgnoreIndex where nothing is scored. The
  /// first one is never predicted.
  std::vector<int> labels = {};
  /// Tokens that only serve as context: prompt and separator.
  Index context_length = 0;

  /// Labels that are predicted: those of labels[1:] that are not kIgnoreIndex.
  [[nodiscard]] Index scored_tokens() const noexcept {
    Index count = 0;
    for (std::size_t i = 1; i < labels.size(); ++i) count += labels[i] != kIgnoreIndex ? 1 : 0;
    return count;
  }
};

}  // namespace solo::inline SOLO_ABI
