// SPDX-License-Identifier: MIT
/// @file
/// Readers of vocab.json and merges.txt, which check everything that Tokenizer relies on, and the
/// texts of both.
#pragma once

#include <solo/io/json_visitor.hpp>
#include <solo/text/added_tokens.hpp>
#include <solo/text/bpe.hpp>
#include <solo/text/vocabulary.hpp>

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI {
namespace detail {

/// The token that ends a text.
inline constexpr std::string_view kEndOfText = "<|endoftext|>";

/// What a tokenizer is made of: a finished vocabulary with all 256 bytes in it, merges by ids, and
/// what its folder says beside them.
struct TokenizerParts {
  Vocabulary vocabulary;
  std::array<int, 256> byte_ids{};
  std::vector<Merge> merges;
  std::vector<AddedToken> added;  ///< contents and ids differ
  int bos = -1;                   ///< -1: none
  int eos = -1;
  int pad = -1;
  bool add_prefix_space = false;
  bool split_special_tokens = false;
  std::vector<int> prefix;  ///< what a whole text begins with
  std::vector<int> suffix;
  std::vector<std::string> warnings;
};

/// Adds a token, or its flags if it is there: with the id of the vocabulary's token that is written
/// so, or else the next one. Throws FormatError "tokenizer.added", beginning with `where`, for a
/// token whose own id is another one.
void place_added_token(TokenizerParts& parts, AddedToken token, const std::string& where);

/// Gives parts without a folder around them what GPT-2 has: `<|endoftext|>`, if the vocabulary has
/// it, is an added token, begins and ends texts.
void set_default_tokens(TokenizerParts& parts);

/// Reads vocab.json and merges.txt, without added tokens. Throws FormatError "tokenizer.vocab" or
/// "tokenizer.merges".
[[nodiscard]] TokenizerParts read_vocab_and_merges(const std::filesystem::path& vocab,
                                                   const std::filesystem::path& merges);

/// Throws FormatError "tokenizer.merges" when most tokens of several bytes come from no merge, and
/// adds a warning when some do not. `source` is the file with the merges.
void check_merges_fit(TokenizerParts& parts, const std::string& source);

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

/// Adds "left right" to the merges and returns what is wrong with it, or an empty text.
[[nodiscard]] std::string add_merge_line(MergeList& merges, std::string_view line);

/// Adds a vocabulary entry as files write it. Throws FormatError "tokenizer.vocab"; the message
/// begins with `where`.
void add_symbols(Vocabulary& vocabulary, std::string_view symbols, std::uint64_t id,
                 const std::string& where);

/// What a tokenizer's JSON files may hold.
[[nodiscard]] JsonLimits tokenizer_json_limits();

/// Finds the 256 bytes. Throws FormatError "tokenizer.vocab" naming `source` and the symbol that is
/// not there.
[[nodiscard]] std::array<int, 256> find_byte_ids(const Vocabulary& vocabulary,
                                                 const std::string& source);

}  // namespace detail
}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/text/tokenizer_files.ipp>  // IWYU pragma: keep
#endif
