// SPDX-License-Identifier: MIT
/// @file
/// GPT-2's tokenizer: byte-level byte-pair encoding, as Hugging Face's files describe it.
#pragma once

#include <solo/io/atomic_folder.hpp>
#include <solo/text/added_token_files.hpp>
#include <solo/text/added_tokens.hpp>
#include <solo/text/bpe.hpp>
#include <solo/text/tokenizer_files.hpp>
#include <solo/text/utf8.hpp>
#include <solo/text/vocabulary.hpp>
#include <solo/text/whole_tokens.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI {

/// The files in which a folder may have a tokenizer.
inline constexpr std::array<std::string_view, 6> kTokenizerFiles = {
    "added_tokens.json",     "merges.txt", "special_tokens_map.json", "tokenizer.json",
    "tokenizer_config.json", "vocab.json"};
/// Whether it is one of these.
[[nodiscard]] constexpr bool is_tokenizer_file(std::string_view name) noexcept {
  return std::find(kTokenizerFiles.begin(), kTokenizerFiles.end(), name) != kTokenizerFiles.end();
}

/// How Tokenizer::encode reads a text.
struct EncodeOptions {
  /// Whether `<|endoftext|>` (and every other added token) in the text means the token, as in
  /// Hugging Face, or is ordinary text.
  bool special_tokens = true;
  /// Whether prefix_ids() and suffix_ids() are put around the text, as in Hugging Face.
  bool add_special_tokens = true;
  /// Whether the text goes on after another one: a tokenizer that puts a space in front of texts
  /// (add_prefix_space) puts none in front of this.
  bool continues = false;
};

/// How Tokenizer::add_tokens adds.
struct AddTokensOptions {
  /// Whether the files call them special, which decoders of other tools may leave out.
  bool special_tokens = false;
};

/// Turns text into token ids and back. Any bytes can be encoded, and decode(encode(x)) is x for all
/// of them (unless a folder asks for what adds or takes away: a prefix space, tokens around the
/// text, added tokens that strip white space). Immutable: any number of threads may use one
/// tokenizer. A value that can be copied. One that has been moved from is empty: encode(),
/// add_tokens() and save_pretrained() throw ConfigError ("tokenizer.moved").
class Tokenizer {
 public:
  /// Reads a folder as transformers' AutoTokenizer does: tokenizer.json, or vocab.json and
  /// merges.txt; tokenizer_config.json, added_tokens.json, special_tokens_map.json. Throws IoError
  /// ("tokenizer.missing" or as InputFile) and FormatError ("tokenizer.vocab", "tokenizer.merges",
  /// "tokenizer.json", "tokenizer.added", "tokenizer.unsupported", "json.…"), which name file, line
  /// or token. What a user should know of is in warnings().
  [[nodiscard]] static Tokenizer from_pretrained(const std::filesystem::path& dir);
  /// As from_pretrained; empty when the folder holds no tokenizer file at all.
  [[nodiscard]] static std::optional<Tokenizer> find_pretrained(const std::filesystem::path& dir);
  /// Reads a vocab.json and a merges.txt of any name.
  [[nodiscard]] static Tokenizer from_files(const std::filesystem::path& vocab,
                                            const std::filesystem::path& merges);
  /// Reads a tokenizer.json of any name. A normalizer, pre_tokenizer, model, decoder or
  /// post_processor that works in another way than GPT-2's is refused.
  [[nodiscard]] static Tokenizer from_json_file(const std::filesystem::path& path);

  /// A tokenizer made of parts that fit each other, with the files that describe it.
  [[nodiscard]] static Tokenizer from_parts(detail::TokenizerParts&& parts);

  /// The ids of a text. Throws ConfigError "tokenizer.text_length" for a word beyond 2 GiB.
  [[nodiscard]] std::vector<int> encode(std::string_view text,
                                        const EncodeOptions& options = {}) const;
  /// The bytes of the tokens, joined; to_utf8_lossy makes valid UTF-8 of them. Ids from
  /// vocab_size() on, which models with padded embeddings have, stand for no text. Throws
  /// ConfigError "tokenizer.id" for a negative id.
  [[nodiscard]] std::string decode(std::span<const int> ids) const;

  /// Tokens in the vocabulary; ids are 0 to vocab_size() - 1.
  [[nodiscard]] int vocab_size() const noexcept { return vocabulary_.size(); }
  /// Id of the token that ends a text: the folder's eos_token, which is `<|endoftext|>` where no
  /// file says another; -1: none.
  [[nodiscard]] int eos_token_id() const noexcept { return eos_token_id_; }
  /// Ids of bos_token and pad_token, -1: none.
  [[nodiscard]] int bos_token_id() const noexcept { return bos_token_id_; }
  [[nodiscard]] int pad_token_id() const noexcept { return pad_token_id_; }
  /// The text of eos_token, bos_token and pad_token; empty: none.
  [[nodiscard]] std::string_view eos_token() const { return decode_one(eos_token_id_); }
  [[nodiscard]] std::string_view bos_token() const { return decode_one(bos_token_id_); }
  [[nodiscard]] std::string_view pad_token() const { return decode_one(pad_token_id_); }
  /// What encode() puts before and behind a text (add_bos_token, a template); usually nothing.
  [[nodiscard]] std::span<const int> prefix_ids() const noexcept { return prefix_; }
  [[nodiscard]] std::span<const int> suffix_ids() const noexcept { return suffix_; }
  /// The tokens that are found in texts as they are spelled, by id.
  [[nodiscard]] const std::vector<AddedToken>& added_tokens() const noexcept { return added_; }
  /// Whether every text, and every part behind an added token, is encoded with a space before it.
  [[nodiscard]] bool add_prefix_space() const noexcept { return add_prefix_space_; }
  /// What a user should know about the folder: where its files differ, and what does not count.
  [[nodiscard]] const std::vector<std::string>& warnings() const noexcept { return warnings_; }
  /// The bytes of one token. Throws ConfigError "tokenizer.id".
  [[nodiscard]] std::string_view token(int id) const;
  /// The bytes that an id adds to a text: token(), or nothing for an id that is no token's.
  [[nodiscard]] std::string_view decode_one(int id) const noexcept {
    return id < 0 || id >= vocab_size() ? std::string_view() : vocabulary_.token(id);
  }
  /// The id of the token with these bytes, -1 if there is none.
  [[nodiscard]] int token_id(std::string_view bytes) const noexcept {
    return vocabulary_.find(bytes);
  }
  /// Adds tokens that encode() finds whole, as transformers' add_tokens: an added token stays as it
  /// is, one of the vocabulary keeps its id, others get the ids that follow, empty ones are passed
  /// over. Returns how many were no added tokens before. save_pretrained() writes them so that
  /// AutoTokenizer reads them back. The one call that changes a tokenizer: no other thread may use
  /// it meanwhile. Throws ConfigError ("tokenizer.add") for a token that is no UTF-8 or too long,
  /// or too many of them.
  int add_tokens(const std::vector<std::string>& tokens, const AddTokensOptions& options = {});
  /// A number that differs (but for chance) between tokenizers that encode differently.
  [[nodiscard]] std::uint64_t fingerprint() const noexcept;
  /// That of the first `tokens` ids: the same when tokens were only added behind them.
  [[nodiscard]] std::uint64_t fingerprint(int tokens) const noexcept;
  /// Whether both encode and decode alike; their files may differ in form.
  friend bool operator==(const Tokenizer& a, const Tokenizer& b) {
    return a.vocabulary_ == b.vocabulary_ && a.bpe_ == b.bpe_ && a.finder_ == b.finder_ &&
           a.eos_token_id_ == b.eos_token_id_ && a.add_prefix_space_ == b.add_prefix_space_ &&
           a.prefix_ == b.prefix_ && a.suffix_ == b.suffix_;
  }

  /// Writes byte for byte the files it was read from (vocab.json and merges.txt of a trained one),
  /// and what lay beside them (tokenizer.json, tokenizer_config.json, added_tokens.json,
  /// special_tokens_map.json), each replaced at once; other files of these names are removed.
  /// Throws IoError.
  void save_pretrained(const std::filesystem::path& dir) const;
  /// The same as part of a larger result; kTokenizerFiles of an older one go.
  void save_pretrained(AtomicFolder& files) const;

 private:
  explicit Tokenizer(detail::TokenizerParts&& parts);
  void require_parts() const;
  void append_ordinary(std::string_view text, std::vector<int>& ids) const;
  void append_text(std::string_view text, bool continues, std::vector<int>& ids) const;
  void keep_file(const std::filesystem::path& path, std::string_view name);

  detail::Vocabulary vocabulary_;
  detail::Bpe bpe_;
  detail::WholeTokens whole_tokens_;
  detail::AddedTokenFinder finder_;
  std::vector<AddedToken> added_;
  std::vector<int> prefix_;
  std::vector<int> suffix_;
  int bos_token_id_ = -1;
  int eos_token_id_ = -1;
  int pad_token_id_ = -1;
  bool add_prefix_space_ = false;
  bool split_special_tokens_ = false;
  std::vector<std::string> warnings_;
  std::uint64_t merges_hash_ = 0;
  std::vector<detail::KeptFile> files_;
};

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/text/tokenizer.ipp>  // IWYU pragma: keep
#endif
