// SPDX-License-Identifier: MIT
#pragma once

#include <solo/generate/stop_rule.hpp>

#include <algorithm>
#include <string_view>

namespace solo::inline SOLO_ABI::detail {

SOLO_INLINE bool StopRule::is_end_token(int token) const {
  return std::find(end_tokens_.begin(), end_tokens_.end(), token) != end_tokens_.end();
}

SOLO_INLINE std::optional<FinishReason> StopRule::reason(std::span<const int> ids) const {
  if (is_end_token(ids.back())) return FinishReason::stop;
  if (!stop_strings_.empty() && completes_stop_string(ids)) return FinishReason::stop_string;
  return std::nullopt;
}

SOLO_INLINE bool StopRule::completes_stop_string(std::span<const int> ids) const {
  const std::size_t last = tokenizer_->decode_one(ids.back()).size();
  return std::any_of(stop_strings_.begin(), stop_strings_.end(), [&](const std::string& stop) {
    for (std::size_t rest = 0; rest < last; ++rest) {
      if (text_ends(ids, rest, stop)) return true;
    }
    return false;
  });
}

SOLO_INLINE bool StopRule::text_ends(std::span<const int> ids, std::size_t rest,
                                     std::string_view stop) const {
  std::string_view token = tokenizer_->decode_one(ids.back());
  token.remove_suffix(rest);
  for (;;) {
    const std::size_t count = std::min(token.size(), stop.size());
    if (token.substr(token.size() - count) != stop.substr(stop.size() - count)) return false;
    stop.remove_suffix(count);
    if (stop.empty()) return true;
    ids = ids.first(ids.size() - 1);
    if (ids.empty()) return false;
    token = tokenizer_->decode_one(ids.back());
  }
}

}  // namespace solo::inline SOLO_ABI::detail
