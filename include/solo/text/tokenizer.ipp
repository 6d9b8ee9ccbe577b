// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/io/atomic_folder.hpp>
#include <solo/text/pretokenizer.hpp>
#include <solo/text/tokenizer.hpp>
#include <solo/text/tokenizer_folder.hpp>
#include <solo/text/tokenizer_json.hpp>

#include <algorithm>
#include <array>

namespace solo::inline SOLO_ABI {
namespace detail {

/// Mixes 64-bit words one after another.
class WordHash {
 public:
  void add(std::uint64_t word) noexcept {
    state_ = (state_ ^ word) * 0x9E3779B97F4A7C15U;
    state_ ^= state_ >> 29U;
  }
  void add(std::string_view text) noexcept {
    add(text.size());
    for (const char c : text) add(static_cast<unsigned char>(c));
  }
  [[nodiscard]] std::uint64_t value() const noexcept { return state_; }

 private:
  std::uint64_t state_ = 0xCBF29CE484222325U;
};

[[nodiscard]] SOLO_INLINE std::uint64_t hash_of(const std::vector<Merge>& merges) {
  WordHash hash;
  for (const Merge& merge : merges) {
    hash.add(static_cast<std::uint64_t>(merge.left));
    hash.add(static_cast<std::uint64_t>(merge.right));
  }
  return hash.value();
}

inline void sort_by_id(std::vector<AddedToken>& tokens) {
  std::sort(tokens.begin(), tokens.end(),
            [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
}

}  // namespace detail

SOLO_INLINE Tokenizer::Tokenizer(detail::TokenizerParts&& parts)
    : bpe_(parts.merges, parts.byte_ids, parts.vocabulary.size()),
      merges_hash_(detail::hash_of(parts.merges)) {
  vocabulary_ = std::move(parts.vocabulary);
  whole_tokens_ = detail::WholeTokens(vocabulary_, bpe_);
  finder_ = detail::AddedTokenFinder(parts.added, parts.split_special_tokens);
  added_ = std::move(parts.added);
  detail::sort_by_id(added_);
  prefix_ = std::move(parts.prefix);
  suffix_ = std::move(parts.suffix);
  bos_token_id_ = parts.bos;
  eos_token_id_ = parts.eos;
  pad_token_id_ = parts.pad;
  add_prefix_space_ = parts.add_prefix_space;
  split_special_tokens_ = parts.split_special_tokens;
  warnings_ = std::move(parts.warnings);
}

SOLO_INLINE void Tokenizer::keep_file(const std::filesystem::path& path, std::string_view name) {
  files_.push_back({std::string(name), read_text_file(path)});
}

SOLO_INLINE Tokenizer Tokenizer::from_files(const std::filesystem::path& vocab,
                                            const std::filesystem::path& merges) {
  detail::TokenizerParts parts = detail::read_vocab_and_merges(vocab, merges);
  detail::set_default_tokens(parts);
  detail::check_merges_fit(parts, display_name(merges));
  Tokenizer tokenizer(std::move(parts));
  tokenizer.keep_file(vocab, "vocab.json");
  tokenizer.keep_file(merges, "merges.txt");
  return tokenizer;
}

SOLO_INLINE Tokenizer Tokenizer::from_parts(detail::TokenizerParts&& parts) {
  std::vector<detail::KeptFile> files = {{"vocab.json", detail::vocab_json_text(parts)},
                                         {"merges.txt", detail::merges_text(parts)}};
  Tokenizer tokenizer(std::move(parts));
  tokenizer.files_ = std::move(files);
  return tokenizer;
}

SOLO_INLINE Tokenizer Tokenizer::from_json_file(const std::filesystem::path& path) {
  detail::TokenizerJson json = detail::read_tokenizer_json(path);
  const std::string name = display_name(path);
  for (const AddedToken& token : json.added) {
    detail::place_added_token(json.parts, token, name + ": added_tokens");
  }
  detail::set_default_tokens(json.parts);
  detail::check_merges_fit(json.parts, name);
  Tokenizer tokenizer(std::move(json.parts));
  tokenizer.keep_file(path, "tokenizer.json");
  return tokenizer;
}

SOLO_INLINE std::optional<Tokenizer> Tokenizer::find_pretrained(const std::filesystem::path& dir) {
  const bool has_vocab = detail::is_there(dir / "vocab.json");
  const bool has_merges = detail::is_there(dir / "merges.txt");
  const bool has_json = detail::is_there(dir / "tokenizer.json");
  if (!has_vocab && !has_merges && !has_json) return std::nullopt;
  if (!has_json && !(has_vocab && has_merges)) {
    fail<IoError>("tokenizer.missing", display_name(dir),
                  ": expected vocab.json and merges.txt, found ",
                  has_vocab ? "vocab.json" : "merges.txt", " only");
  }
  Tokenizer tokenizer(detail::read_tokenizer_folder(dir));
  for (const std::string_view name : kTokenizerFiles) {
    if (detail::is_there(dir / name)) tokenizer.keep_file(dir / name, name);
  }
  return tokenizer;
}

SOLO_INLINE Tokenizer Tokenizer::from_pretrained(const std::filesystem::path& dir) {
  std::optional<Tokenizer> tokenizer = find_pretrained(dir);
  if (!tokenizer) {
    fail<IoError>("tokenizer.missing", display_name(dir),
                  ": expected vocab.json and merges.txt, or tokenizer.json, found none of them");
  }
  return *std::move(tokenizer);
}

/// Every tokenizer has the 256 bytes at least.
SOLO_INLINE void Tokenizer::require_parts() const {
  if (vocab_size() > 0) return;
  fail<ConfigError>("tokenizer.moved", "the tokenizer has been moved from: it has no tokens");
}

SOLO_INLINE void Tokenizer::append_ordinary(std::string_view text, std::vector<int>& ids) const {
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = piece_end(text, begin);
    const std::string_view piece = text.substr(begin, end - begin);
    const int whole = whole_tokens_.find(piece, vocabulary_);
    if (whole >= 0) {
      ids.push_back(whole);
    } else {
      bpe_.append_ids(piece, ids);
    }
    begin = end;
  }
}

/// A part of a text between added tokens.
SOLO_INLINE void Tokenizer::append_text(std::string_view text, bool continues,
                                        std::vector<int>& ids) const {
  if (!add_prefix_space_ || continues || text.empty() || text.front() == ' ') {
    append_ordinary(text, ids);
  } else {
    append_ordinary(concat(' ', text), ids);
  }
}

SOLO_INLINE std::vector<int> Tokenizer::encode(std::string_view text,
                                               const EncodeOptions& options) const {
  require_parts();
  std::vector<int> ids;
  if (options.add_special_tokens) ids = prefix_;
  if (options.special_tokens) {
    finder_.split(
        text,
        [&](std::string_view part) {
          append_text(part, options.continues && part.data() == text.data(), ids);
        },
        [&](int id) { ids.push_back(id); });
  } else {
    append_text(text, options.continues, ids);
  }
  if (options.add_special_tokens) ids.insert(ids.end(), suffix_.begin(), suffix_.end());
  return ids;
}

SOLO_INLINE int Tokenizer::add_tokens(const std::vector<std::string>& tokens,
                                      const AddTokensOptions& options) {
  require_parts();
  detail::TokenizerParts parts;
  parts.vocabulary = vocabulary_;
  parts.added = added_;
  for (const std::string& token : tokens) {
    const auto same = [&token](const AddedToken& other) { return other.content == token; };
    if (token.empty() || std::any_of(parts.added.begin(), parts.added.end(), same)) continue;
    if (!is_utf8(token) || token.size() > detail::kMaxAddedTokenBytes) {
      fail<ConfigError>("tokenizer.add", "add_tokens: expected UTF-8 of at most ",
                        detail::kMaxAddedTokenBytes, " bytes, found ", quoted(token));
    }
    if (parts.added.size() == detail::kMaxAddedTokens ||
        parts.vocabulary.size() == detail::kMaxVocabulary) {
      fail<ConfigError>("tokenizer.add", "add_tokens: expected at most ", detail::kMaxAddedTokens,
                        " added tokens and ", detail::kMaxVocabulary, " in all, found more at ",
                        quoted(token));
    }
    detail::place_added_token(parts,
                              {.content = token,
                               .special = options.special_tokens,
                               .normalized = !options.special_tokens},
                              "add_tokens");
  }
  const auto count = static_cast<int>(parts.added.size() - added_.size());
  if (count == 0) return 0;
  detail::sort_by_id(parts.added);
  files_ = detail::with_added_tokens(files_, parts.added, vocab_size());
  finder_ = detail::AddedTokenFinder(parts.added, split_special_tokens_);
  bpe_.grow(parts.vocabulary.size());
  vocabulary_ = std::move(parts.vocabulary);
  added_ = std::move(parts.added);
  return count;
}

SOLO_INLINE std::uint64_t Tokenizer::fingerprint() const noexcept {
  return fingerprint(vocab_size());
}

SOLO_INLINE std::uint64_t Tokenizer::fingerprint(int tokens) const noexcept {
  detail::WordHash hash;
  const auto add = [&hash](int value) { hash.add(static_cast<std::uint64_t>(value)); };
  const int count = std::min(tokens, vocab_size());
  add(count);
  for (int id = 0; id < count; ++id) hash.add(vocabulary_.token(id));
  hash.add(merges_hash_);
  for (const AddedToken& token : added_) {
    if (token.id >= count) continue;
    add(token.id);
    // One that GPT-2's own settings give is said by its id.
    const bool strips = token.lstrip || token.rstrip || token.single_word;
    if (!strips && token.content == vocabulary_.token(token.id)) continue;
    hash.add(token.content);
    add((token.lstrip ? 1 : 0) + (token.rstrip ? 2 : 0) + (token.single_word ? 4 : 0) +
        (token.normalized ? 8 : 0));
  }
  for (const std::vector<int>* side : {&prefix_, &suffix_}) {
    for (const int id : *side) add(id);
    if (!side->empty()) add(side == &prefix_ ? -1 : -2);
  }
  if (add_prefix_space_) add(-3);
  if (split_special_tokens_) add(-4);
  return hash.value();
}

SOLO_INLINE std::string_view Tokenizer::token(int id) const {
  if (id < 0 || id >= vocab_size()) {
    fail<ConfigError>("tokenizer.id", "token id ", id, ": expected 0 to ", vocab_size() - 1,
                      " (the vocabulary has ", vocab_size(), " tokens)");
  }
  return vocabulary_.token(id);
}

SOLO_INLINE std::string Tokenizer::decode(std::span<const int> ids) const {
  std::string text;
  for (const int id : ids) text += id < 0 ? token(id) : decode_one(id);
  return text;
}

SOLO_INLINE void Tokenizer::save_pretrained(const std::filesystem::path& dir) const {
  require_parts();  // before a folder is made
  AtomicFolder files(dir);
  save_pretrained(files);
  files.commit();
}

SOLO_INLINE void Tokenizer::save_pretrained(AtomicFolder& files) const {
  require_parts();
  for (const detail::KeptFile& file : files_) {
    // Without these two the folder has no tokenizer.
    const bool essential = file.name == "tokenizer.json" || file.name == "vocab.json";
    (essential ? files.add_essential(file.name) : files.add(file.name)).write(file.contents);
  }
  for (const std::string_view name : kTokenizerFiles) files.remove(name);
}

}  // namespace solo::inline SOLO_ABI
