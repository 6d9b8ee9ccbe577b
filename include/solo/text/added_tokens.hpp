// SPDX-License-Identifier: MIT
/// @file
/// Tokens that are found in a text before it is split: `<|endoftext|>` and what folders add to it.
#pragma once

#include <solo/core/config.hpp>

#include <array>
#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI {

/// A token that a text spells as it is written, with the flags of Hugging Face's AddedToken.
struct AddedToken {
  std::string content;
  int id = -1;               ///< -1: not placed in a vocabulary yet
  bool special = false;      ///< a letter sequence where a folder says split_special_tokens
  bool lstrip = false;       ///< takes the white space before it
  bool rstrip = false;       ///< takes the white space behind it
  bool single_word = false;  ///< only between characters that are no part of words
  bool normalized = false;   ///< looked for in the second pass, after those that are not
  friend bool operator==(const AddedToken&, const AddedToken&) = default;
};

namespace detail {

/// The most added tokens of one tokenizer, and the most bytes of one.
inline constexpr std::size_t kMaxAddedTokens = 16384;
inline constexpr std::size_t kMaxAddedTokenBytes = 4096;

/// Finds one pass's tokens in texts: the leftmost, of several there the longest.
class AddedTokenPass {
 public:
  AddedTokenPass() = default;
  /// Tokens of different contents, none of them empty.
  explicit AddedTokenPass(std::vector<AddedToken> tokens);

  /// Calls `on_text` with the parts between tokens, none of them empty, and `on_token` with the
  /// tokens' ids, in the order of the text.
  void split(std::string_view text, const std::function<void(std::string_view)>& on_text,
             const std::function<void(int)>& on_token) const;

  friend bool operator==(const AddedTokenPass&, const AddedTokenPass&) = default;

 private:
  struct Match {
    const AddedToken* token = nullptr;
    std::size_t begin = 0;
  };
  [[nodiscard]] Match next(std::string_view text, std::size_t pos) const;
  [[nodiscard]] const AddedToken* longest_at(std::string_view text) const;

  std::vector<AddedToken> tokens_;    // by content
  std::array<bool, 256> is_first_{};  // of a content
};

/// All added tokens of a tokenizer, in the two passes of Hugging Face's tokenizers.
class AddedTokenFinder {
 public:
  AddedTokenFinder() = default;
  /// Special ones are found as letters where `split_special_tokens`.
  AddedTokenFinder(std::span<const AddedToken> tokens, bool split_special_tokens);

  /// As AddedTokenPass::split.
  void split(std::string_view text, const std::function<void(std::string_view)>& on_text,
             const std::function<void(int)>& on_token) const;

  friend bool operator==(const AddedTokenFinder&, const AddedTokenFinder&) = default;

 private:
  std::array<AddedTokenPass, 2> passes_;
};

}  // namespace detail
}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/text/added_tokens.ipp>  // IWYU pragma: keep
#endif
