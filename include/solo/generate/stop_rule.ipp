// SPDX-License-Identifier: MIT
#pragma once

#include <solo/generate/stop_rule.hpp>

#include <algorithm>
#include <string_view>
#include <utility>

namespace solo::inline SOLO_ABI::detail {

SOLO_INLINE StopRule::StopRule(std::vector<int> end_tokens, const GenerateOptions& options)
    : end_tokens_(std::move(end_tokens)),
      stop_strings_(options.stop_strings),
      tokenizer_(options.tokenizer) {
  for (const std::string& text : stop_strings_) longest_ = std::max(longest_, text.size());
}

SOLO_INLINE bool StopRule::is_end_token(int token) const {
  return std::find(end_tokens_.begin(), end_tokens_.end(), token) != end_tokens_.end();
}

SOLO_INLINE bool StopRule::ended(std::span<const int> ids) const {
  return is_end_token(ids.back()) || (longest_ > 0 && completes_stop_string(ids));
}

SOLO_INLINE bool StopRule::completes_stop_string(std::span<const int> ids) const {
  // The last token, and as much before it as a stop string can need.
  std::string text(tokenizer_->token(ids.back()));
  std::size_t before = 0;
  for (std::size_t i = ids.size() - 1; i > 0 && before < longest_; --i) {
    const std::string_view token = tokenizer_->token(ids[i - 1]);
    text.insert(0, token);
    before += token.size();
  }
  return std::any_of(stop_strings_.begin(), stop_strings_.end(), [&](const std::string& stop) {
    // It must end in the last token: begin behind before - stop.size().
    const std::size_t first = before < stop.size() ? 0 : before - stop.size() + 1;
    return text.find(stop, first) != std::string::npos;
  });
}

}  // namespace solo::inline SOLO_ABI::detail
