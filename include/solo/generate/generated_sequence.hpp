// SPDX-License-Identifier: MIT
/// @file
/// A generated sequence, and why it ends.
#pragma once

#include <solo/core/config.hpp>

#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI {

/// Why a sequence ends.
enum class FinishReason {
  stop,         ///< with an end token
  length,       ///< at max_new_tokens or max_length
  context,      ///< at the model's n_positions, before max_new_tokens or max_length
  stop_string,  ///< with a token that completes one of stop_strings
};

/// "stop", "length", "context" or "stop_string".
[[nodiscard]] inline std::string_view to_string(FinishReason reason) noexcept {
  switch (reason) {
    case FinishReason::stop:
      return "stop";
    case FinishReason::length:
      return "length";
    case FinishReason::context:
      return "context";
    case FinishReason::stop_string:
      return "stop_string";
  }
  return "";
}

/// New tokens, the final eos included, and why there are no more.
struct GeneratedSequence {
  std::vector<int> ids;
  FinishReason finish_reason = FinishReason::length;
};

}  // namespace solo::inline SOLO_ABI
