// SPDX-License-Identifier: MIT
/// @file
/// GPT-2's tokenizer: byte-level byte-pair encoding, as Hugging Face's files describe it.
#pragma once

#include <solo/io/atomic_folder.hpp>
#include <solo/text/bpe.hpp>
#include <solo/text/tokenizer_files.hpp>
#include <solo/text/utf8.hpp>
#include <solo/text/vocabulary.hpp>
#include <solo/text/whole_tokens.hpp>

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace solo::inline SOLO_ABI {

/// The files in which a folder may have a tokenizer.
inline constexpr std::array kTokenizerFiles = {"added_tokens.json",       "merges.txt",
                                               "special_tokens_map.json", "tokenizer.json",
                                               "tokenizer_config.json",   "vocab.json"};

/// How Tokenizer::encode reads a text.
struct EncodeOptions {
  /// Whether `<|endoftext|>` (and every other added token) in the text means the token, as in
  /// Hugging Face, or is ordinary text.
  bool special_tokens = true;
};

/// Turns text into token ids and back. Any bytes can be encoded, and decode(encode(x)) is x for all
/// of them. Immutable: any number of threads may use one tokenizer. A value that can be copied.
class Tokenizer {
 public:
  /// Reads a folder: vocab.json and merges.txt, or else tokenizer.json. Throws IoError
  /// ("tokenizer.missing" or as InputFile) and FormatError ("tokenizer.vocab", "tokenizer.merges",
  /// "tokenizer.json", "tokenizer.unsupported", "json.…"), which name file, line or token.
  [[nodiscard]] static Tokenizer from_pretrained(const std::filesystem::path& dir);
  /// As from_pretrained; empty when the folder holds no tokenizer file at all.
  [[nodiscard]] static std::optional<Tokenizer> find_pretrained(const std::filesystem::path& dir);
  /// Reads a vocab.json and a merges.txt of any name.
  [[nodiscard]] static Tokenizer from_files(const std::filesystem::path& vocab,
                                            const std::filesystem::path& merges);
  /// Reads a tokenizer.json of any name. Its post_processor and decoder are ignored; a normalizer,
  /// a pre_tokenizer or a model that works in another way than GPT-2's is refused.
  [[nodiscard]] static Tokenizer from_json_file(const std::filesystem::path& path);

  /// A tokenizer made of parts that fit each other, with the files that describe it.
  [[nodiscard]] static Tokenizer from_parts(detail::TokenizerParts&& parts);

  /// The ids of a text. Throws ConfigError "tokenizer.text_length" for a word beyond 2 GiB.
  [[nodiscard]] std::vector<int> encode(std::string_view text,
                                        const EncodeOptions& options = {}) const;
  /// The bytes of the tokens, joined; to_utf8_lossy makes valid UTF-8 of them. Throws ConfigError
  /// "tokenizer.id" for an id that is not in the vocabulary.
  [[nodiscard]] std::string decode(std::span<const int> ids) const;

  /// Tokens in the vocabulary; ids are 0 to vocab_size() - 1.
  [[nodiscard]] int vocab_size() const noexcept { return vocabulary_.size(); }
  /// Id of the token that ends a text: eos_token of the files beside the vocabulary, or else
  /// `<|endoftext|>`. -1 if they name none (null) or one that the vocabulary has not.
  [[nodiscard]] int eos_token_id() const noexcept { return eos_token_id_; }
  /// The bytes of one token. Throws ConfigError "tokenizer.id".
  [[nodiscard]] std::string_view token(int id) const;
  /// The id of the token with these bytes, -1 if there is none.
  [[nodiscard]] int token_id(std::string_view bytes) const noexcept {
    return vocabulary_.find(bytes);
  }
  /// A number that differs (but for chance) between tokenizers that encode differently.
  [[nodiscard]] std::uint64_t fingerprint() const noexcept { return fingerprint_; }
  /// Whether both encode and decode alike; their files may differ in form.
  friend bool operator==(const Tokenizer& a, const Tokenizer& b) {
    return a.vocabulary_ == b.vocabulary_ && a.bpe_ == b.bpe_ && a.special_ids_ == b.special_ids_;
  }

  /// Writes byte for byte the files it was read from (vocab.json and merges.txt of a trained one),
  /// and what lay beside them (tokenizer.json, tokenizer_config.json, special_tokens_map.json),
  /// each replaced at once. Throws IoError.
  void save_pretrained(const std::filesystem::path& dir) const;
  /// The same as part of a larger result; kTokenizerFiles of an older one go.
  void save_pretrained(AtomicFolder& files) const;

 private:
  struct KeptFile {
    std::string name;
    std::string contents;
  };

  explicit Tokenizer(detail::TokenizerParts&& parts);
  void append_ordinary(std::string_view text, std::vector<int>& ids) const;
  void name_end_token(std::string_view name);
  void keep_file(const std::filesystem::path& path, std::string_view name);

  detail::Vocabulary vocabulary_;
  detail::Bpe bpe_;
  detail::WholeTokens whole_tokens_;
  std::vector<int> special_ids_;
  int eos_token_id_ = -1;
  std::uint64_t fingerprint_ = 0;
  std::vector<KeptFile> files_;
};

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/text/tokenizer.ipp>  // IWYU pragma: keep
#endif
