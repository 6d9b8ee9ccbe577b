// SPDX-License-Identifier: MIT
/// @file
/// Shortcut of the encoder: pieces that are one token.
#pragma once

#include <solo/text/bpe.hpp>
#include <solo/text/vocabulary.hpp>

#include <cstdint>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI {
namespace detail {

/// Finds the tokens that their own bytes encode to, which most words of a text are. A hash table
/// with at most kProbes places for a key: a token that finds none free is left out, so keys chosen
/// to collide make encoding no slower than it is without the table, and never wrong.
class WholeTokens {
 public:
  WholeTokens() = default;
  WholeTokens(const Vocabulary& vocabulary, const Bpe& bpe);

  /// The id that `piece` encodes to, or -1: not known. `vocabulary` is the constructor's.
  [[nodiscard]] int find(std::string_view piece, const Vocabulary& vocabulary) const noexcept;

 private:
  static constexpr std::size_t kProbes = 4;
  static constexpr std::size_t kLongest = 64;  // bytes
  [[nodiscard]] static std::uint64_t hash(std::string_view piece) noexcept;

  std::vector<int> slots_;  // ids, -1: free
};

}  // namespace detail
}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/text/whole_tokens.ipp>  // IWYU pragma: keep
#endif
