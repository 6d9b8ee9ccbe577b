// SPDX-License-Identifier: MIT
/// @file
/// When a sequence under generation has ended.
#pragma once

#include <solo/generate/generated_sequence.hpp>
#include <solo/generate/options.hpp>

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace solo::inline SOLO_ABI::detail {

/// An end token, or a stop string (compared byte by byte, as transformers does for byte-level
/// vocabularies). Refers to its arguments; stop strings need the tokenizer.
class StopRule {
 public:
  StopRule(const DecodingRules& rules, const Tokenizer* tokenizer)
      : end_tokens_(rules.end_tokens), stop_strings_(rules.stop_strings), tokenizer_(tokenizer) {}

  [[nodiscard]] bool is_end_token(int token) const;
  /// Whether the last token is an end token or completes a stop string; `ids` is prompt and new
  /// tokens, of which there is at least one.
  [[nodiscard]] bool ended(std::span<const int> ids) const { return reason(ids).has_value(); }
  /// Which of the two it is, the end token first; nothing: neither.
  [[nodiscard]] std::optional<FinishReason> reason(std::span<const int> ids) const;

 private:
  [[nodiscard]] bool completes_stop_string(std::span<const int> ids) const;
  /// Whether the text without its last `rest` bytes, all in the last token, ends with `stop`.
  [[nodiscard]] bool text_ends(std::span<const int> ids, std::size_t rest,
                               std::string_view stop) const;

  std::span<const int> end_tokens_;
  std::span<const std::string> stop_strings_;
  const Tokenizer* tokenizer_;
};

}  // namespace solo::inline SOLO_ABI::detail

#if SOLO_HEADER_ONLY
#include <solo/generate/stop_rule.ipp>  // IWYU pragma: keep
#endif
