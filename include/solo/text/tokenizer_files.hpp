// SPDX-License-Identifier: MIT
/// @file
/// Readers of vocab.json, merges.txt and tokenizer.json, which check everything that Tokenizer
/// relies on, and the texts of the first two.
#pragma once

#include <solo/text/bpe.hpp>
#include <solo/text/vocabulary.hpp>

#include <array>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI {
namespace detail {

/// The token that ends a text.
inline constexpr std::string_view kEndOfText = "<|endoftext|>";

/// What a tokenizer is made of: a finished vocabulary with all 256 bytes in it, and merges and
/// special tokens by ids.
struct TokenizerParts {
  Vocabulary vocabulary;
  std::array<int, 256> byte_ids{};
  std::vector<Merge> merges;
  std::vector<int> special_ids;  ///< ascending
};

/// Reads vocab.json and merges.txt. Throws FormatError "tokenizer.vocab" or "tokenizer.merges".
[[nodiscard]] TokenizerParts read_vocab_and_merges(const std::filesystem::path& vocab,
                                                   const std::filesystem::path& merges);

/// Reads tokenizer.json. Throws FormatError "tokenizer.json" for what is missing or wrong, and
/// "tokenizer.unsupported" for what is another kind of tokenizer.
[[nodiscard]] TokenizerParts read_tokenizer_json(const std::filesystem::path& path);

/// vocab.json and merges.txt as Hugging Face's tokenizers write them.
[[nodiscard]] std::string vocab_json_text(const TokenizerParts& parts);
[[nodiscard]] std::string merges_text(const TokenizerParts& parts);

/// Merges by ids, checked while they are added.
class MergeList {
 public:
  explicit MergeList(const Vocabulary& vocabulary) : vocabulary_(&vocabulary) {}
  /// Adds the merge of two symbols as files write them. Returns what is wrong with it (a part or
  /// the result is not in the vocabulary), or an empty text.
  [[nodiscard]] std::string add(std::string_view left, std::string_view right);
  [[nodiscard]] std::size_t size() const noexcept { return merges_.size(); }
  [[nodiscard]] const Merge& operator[](std::size_t rank) const { return merges_[rank]; }
  /// The lowest rank whose pair occurred before, or size().
  [[nodiscard]] std::size_t first_duplicate() const;
  [[nodiscard]] std::vector<Merge> take() { return std::move(merges_); }

 private:
  const Vocabulary* vocabulary_;
  std::vector<Merge> merges_;
};

/// Finds the 256 bytes. Throws FormatError "tokenizer.vocab" naming `source` and the symbol that is
/// not there.
[[nodiscard]] std::array<int, 256> find_byte_ids(const Vocabulary& vocabulary,
                                                 const std::string& source);

}  // namespace detail
}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/text/tokenizer_files.ipp>  // IWYU pragma: keep
#endif
