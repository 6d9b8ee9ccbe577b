// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/io/file.hpp>
#include <solo/text/end_token_name.hpp>
#include <solo/text/pretokenizer.hpp>
#include <solo/text/tokenizer.hpp>

#include <algorithm>
#include <array>
#include <system_error>

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

[[nodiscard]] SOLO_INLINE std::uint64_t fingerprint_of(const TokenizerParts& parts) {
  WordHash hash;
  const auto add = [&hash](int value) { hash.add(static_cast<std::uint64_t>(value)); };
  add(parts.vocabulary.size());
  for (int id = 0; id < parts.vocabulary.size(); ++id) hash.add(parts.vocabulary.token(id));
  for (const Merge& merge : parts.merges) {
    add(merge.left);
    add(merge.right);
  }
  for (const int id : parts.special_ids) add(id);
  return hash.value();
}

/// Finds the next special token in a text: the leftmost, of several there the longest.
class SpecialFinder {
 public:
  SpecialFinder(std::string_view text, std::span<const int> ids, const Vocabulary& vocabulary)
      : text_(text) {
    for (const int id : ids) {
      const std::string_view token = vocabulary.token(id);
      candidates_.push_back({id, token, text.find(token)});
    }
  }
  struct Hit {
    int id = -1;
    std::size_t begin = std::string_view::npos;
    std::size_t length = 0;
  };
  /// The first hit at or after pos; begin is npos if there is none. pos must not decrease.
  [[nodiscard]] Hit next(std::size_t pos) {
    Hit best;
    for (Candidate& candidate : candidates_) {
      if (candidate.begin < pos) candidate.begin = text_.find(candidate.token, pos);
      if (candidate.begin == std::string_view::npos) continue;
      const std::size_t length = candidate.token.size();
      if (candidate.begin < best.begin || (candidate.begin == best.begin && length > best.length)) {
        best = {candidate.id, candidate.begin, length};
      }
    }
    return best;
  }

 private:
  struct Candidate {
    int id;
    std::string_view token;
    std::size_t begin;
  };
  std::string_view text_;
  std::vector<Candidate> candidates_;
};

[[nodiscard]] SOLO_INLINE bool is_there(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

}  // namespace detail

SOLO_INLINE Tokenizer::Tokenizer(detail::TokenizerParts&& parts)
    : bpe_(parts.merges, parts.byte_ids, parts.vocabulary.size()),
      fingerprint_(detail::fingerprint_of(parts)) {
  vocabulary_ = std::move(parts.vocabulary);
  whole_tokens_ = detail::WholeTokens(vocabulary_, bpe_);
  special_ids_ = std::move(parts.special_ids);
  for (const int id : special_ids_) {
    if (vocabulary_.token(id) == detail::kEndOfText) eos_token_id_ = id;
  }
}

SOLO_INLINE void Tokenizer::name_end_token(std::string_view name) {
  eos_token_id_ = name.empty() ? -1 : token_id(name);
  const auto place = std::lower_bound(special_ids_.begin(), special_ids_.end(), eos_token_id_);
  if (eos_token_id_ < 0 || (place != special_ids_.end() && *place == eos_token_id_)) return;
  special_ids_.insert(place, eos_token_id_);
  detail::WordHash hash;
  hash.add(fingerprint_);
  hash.add(static_cast<std::uint64_t>(eos_token_id_));
  fingerprint_ = hash.value();
}

SOLO_INLINE void Tokenizer::keep_file(const std::filesystem::path& path, std::string_view name) {
  files_.push_back({std::string(name), read_text_file(path)});
}

SOLO_INLINE Tokenizer Tokenizer::from_files(const std::filesystem::path& vocab,
                                            const std::filesystem::path& merges) {
  Tokenizer tokenizer(detail::read_vocab_and_merges(vocab, merges));
  tokenizer.keep_file(vocab, "vocab.json");
  tokenizer.keep_file(merges, "merges.txt");
  return tokenizer;
}

SOLO_INLINE Tokenizer Tokenizer::from_parts(detail::TokenizerParts&& parts) {
  std::vector<KeptFile> files = {{"vocab.json", detail::vocab_json_text(parts)},
                                 {"merges.txt", detail::merges_text(parts)}};
  Tokenizer tokenizer(std::move(parts));
  tokenizer.files_ = std::move(files);
  return tokenizer;
}

SOLO_INLINE Tokenizer Tokenizer::from_json_file(const std::filesystem::path& path) {
  Tokenizer tokenizer(detail::read_tokenizer_json(path));
  tokenizer.keep_file(path, "tokenizer.json");
  return tokenizer;
}

SOLO_INLINE std::optional<Tokenizer> Tokenizer::find_pretrained(const std::filesystem::path& dir) {
  const std::filesystem::path vocab = dir / "vocab.json";
  const std::filesystem::path merges = dir / "merges.txt";
  const std::filesystem::path json = dir / "tokenizer.json";
  const bool has_vocab = detail::is_there(vocab);
  const bool has_merges = detail::is_there(merges);
  const bool has_json = detail::is_there(json);
  if (!has_vocab && !has_merges && !has_json) return std::nullopt;
  const bool pair = (has_vocab && has_merges) || !has_json;
  if (pair && !(has_vocab && has_merges)) {
    fail<IoError>("tokenizer.missing", display_name(dir),
                  ": expected vocab.json and merges.txt, found ",
                  has_vocab ? "vocab.json" : "merges.txt", " only");
  }
  Tokenizer tokenizer = pair ? from_files(vocab, merges) : from_json_file(json);
  tokenizer.name_end_token(detail::end_token_name(dir));
  if (pair && has_json) tokenizer.keep_file(json, "tokenizer.json");
  for (const std::string_view name : {"tokenizer_config.json", "special_tokens_map.json"}) {
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

SOLO_INLINE std::vector<int> Tokenizer::encode(std::string_view text,
                                               const EncodeOptions& options) const {
  std::vector<int> ids;
  std::size_t begin = 0;
  if (options.special_tokens) {
    detail::SpecialFinder finder(text, special_ids_, vocabulary_);
    for (auto hit = finder.next(0); hit.id >= 0; hit = finder.next(begin)) {
      append_ordinary(text.substr(begin, hit.begin - begin), ids);
      ids.push_back(hit.id);
      begin = hit.begin + hit.length;
    }
  }
  append_ordinary(text.substr(begin), ids);
  return ids;
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
  for (const int id : ids) text += token(id);
  return text;
}

SOLO_INLINE void Tokenizer::save_pretrained(const std::filesystem::path& dir) const {
  make_directories(dir);
  for (const KeptFile& file : files_) write_file_atomically(dir / file.name, file.contents);
}

SOLO_INLINE void Tokenizer::save_pretrained(AtomicFolder& files) const {
  for (const KeptFile& file : files_) files.write(file.name, file.contents);
  for (const char* const name : kTokenizerFiles) files.remove(name);
}

}  // namespace solo::inline SOLO_ABI
