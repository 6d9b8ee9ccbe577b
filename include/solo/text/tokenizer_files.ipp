// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/core/scalar.hpp>
#include <solo/io/file.hpp>
#include <solo/io/json.hpp>
#include <solo/text/byte_symbols.hpp>
#include <solo/text/tokenizer_files.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <numeric>
#include <utility>

namespace solo::inline SOLO_ABI {
namespace detail {

SOLO_INLINE void add_symbols(Vocabulary& vocabulary, std::string_view symbols, std::uint64_t id,
                             const std::string& where) {
  const auto bytes = bytes_of_symbols(symbols);
  if (!bytes || bytes->empty()) {
    fail<FormatError>("tokenizer.vocab", where, ": token ", quoted(symbols),
                      ": expected one or more byte symbols (space is Ġ, newline Ċ, …)");
  }
  if (id >= static_cast<std::uint64_t>(kMaxVocabulary)) {
    fail<FormatError>("tokenizer.vocab", where, ": token ", quoted(symbols),
                      ": expected an id of 0 to ", kMaxVocabulary - 1, ", found ", id);
  }
  vocabulary.add(*bytes, static_cast<int>(id));
}

/// The events of vocab.json: one object of tokens and ids.
class VocabVisitor final : public JsonVisitor {
 public:
  VocabVisitor(Vocabulary& vocabulary, std::string source)
      : vocabulary_(&vocabulary), source_(std::move(source)) {}
  void on_begin_object() override {
    if (depth_++ > 0) refuse_id("an object");
  }
  void on_key(std::string&& key) override { key_ = std::move(key); }
  void on_unsigned(std::uint64_t value) override {
    if (depth_ == 0) unexpected("a number");
    add_symbols(*vocabulary_, key_, value, source_);
  }
  void on_negative(std::int64_t value) override { refuse_id(concat(value)); }
  void on_float(double value) override { refuse_id(concat(value)); }
  void on_string(std::string&& value) override { refuse_id(quoted(std::string_view(value))); }
  void on_null() override { refuse_id("null"); }
  void on_bool(bool value) override { refuse_id(concat(value)); }
  void on_begin_array() override { refuse_id("an array"); }

 private:
  void refuse_id(std::string_view found) const {
    if (depth_ == 0) unexpected(found);
    refuse("tokenizer.vocab", concat("id of token ", quoted(std::string_view(key_)),
                                     ": expected a non-negative integer, found ", found));
  }

  Vocabulary* vocabulary_;
  std::string source_;
  std::string key_;
  int depth_ = 0;
};

SOLO_INLINE JsonLimits tokenizer_json_limits() {
  JsonLimits limits;
  limits.max_values = static_cast<std::size_t>(kMaxVocabulary) + 1;
  limits.max_token_bytes = std::size_t{1} << 20U;
  limits.max_tree_bytes = std::size_t{256} << 20U;
  return limits;
}

SOLO_INLINE std::array<int, 256> find_byte_ids(const Vocabulary& vocabulary,
                                               const std::string& source) {
  std::array<int, 256> ids{};
  for (std::size_t byte = 0; byte < ids.size(); ++byte) {
    const char c = static_cast<char>(byte);
    ids[byte] = vocabulary.find({&c, 1});
    if (ids[byte] >= 0) continue;
    std::string symbol;
    append_utf8(symbol, kByteSymbols[byte]);
    fail<FormatError>("tokenizer.vocab", source,
                      ": expected all 256 byte symbols, found none for byte ", byte, " (",
                      quoted(std::string_view(symbol)), ")");
  }
  return ids;
}

SOLO_INLINE std::string MergeList::add(std::string_view left, std::string_view right) {
  constexpr std::string_view kMissing = " is not in the vocabulary";
  const auto id_of = [this](std::string_view symbols) {
    const auto bytes = bytes_of_symbols(symbols);
    return bytes ? vocabulary_->find(*bytes) : -1;
  };
  Merge merge{id_of(left), id_of(right), 0};
  if (merge.left < 0) return concat(quoted(left), kMissing);
  if (merge.right < 0) return concat(quoted(right), kMissing);
  std::string result(vocabulary_->token(merge.left));
  result += vocabulary_->token(merge.right);
  merge.result = vocabulary_->find(result);
  if (merge.result < 0) {
    return concat("the result of ", quoted(left), " + ", quoted(right), kMissing);
  }
  merges_.push_back(merge);
  return {};
}

SOLO_INLINE std::size_t MergeList::first_duplicate() const {
  std::vector<std::size_t> order(merges_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto pair = [this](std::size_t i) { return std::pair(merges_[i].left, merges_[i].right); };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return pair(a) < pair(b); });
  std::size_t first = merges_.size();
  for (std::size_t i = 1; i < order.size(); ++i) {
    if (pair(order[i - 1]) == pair(order[i])) first = std::min(first, order[i]);
  }
  return first;
}

SOLO_INLINE std::string add_merge_line(MergeList& merges, std::string_view line) {
  const std::size_t space = line.find(' ');
  if (space == 0 || space >= line.size() - 1 || line.find(' ', space + 1) != line.npos) {
    return "expected two symbols with one space between them, found " + quoted(line);
  }
  return merges.add(line.substr(0, space), line.substr(space + 1));
}

/// Cuts the next line, which ends in LF, CRLF, CR or with the text, off `rest`.
[[nodiscard]] SOLO_INLINE std::string_view take_line(std::string_view& rest) {
  const std::size_t length = std::min(rest.find_first_of("\r\n"), rest.size());
  const std::string_view line = rest.substr(0, length);
  rest.remove_prefix(length);
  rest.remove_prefix(rest.starts_with("\r\n") ? 2 : std::min<std::size_t>(rest.size(), 1));
  return line;
}

SOLO_INLINE std::vector<Merge> read_merges(const std::filesystem::path& path,
                                           const Vocabulary& vocabulary) {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::string name = display_name(path);
  const std::string text = read_text_file(path);
  std::string_view rest = text;
  if (rest.starts_with("\xFF\xFE") || rest.starts_with("\xFE\xFF")) {
    fail<FormatError>("tokenizer.merges", name, ": line 1: expected UTF-8, found UTF-16");
  }
  if (rest.starts_with("\xEF\xBB\xBF")) {
    fail<FormatError>("tokenizer.merges", name,
                      ": line 1: expected merges without a byte order mark");
  }
  MergeList merges(vocabulary);
  Index first_line = 1;
  for (Index line_number = 1; rest.find_first_not_of(kBlank) != rest.npos; ++line_number) {
    const std::string_view line = take_line(rest);
    const auto where = [&] { return concat(name, ": line ", line_number); };
    if (line_number == 1 && line.starts_with("#version")) {
      first_line = 2;
      continue;
    }
    if (line.find_first_not_of(kBlank) == line.npos) {
      fail<FormatError>("text.blank_line", where(),
                        ": expected a record, found a blank line before the end");
    }
    const std::string problem = add_merge_line(merges, line);
    if (!problem.empty()) fail<FormatError>("tokenizer.merges", where(), ": ", problem);
  }
  const std::size_t duplicate = merges.first_duplicate();
  if (duplicate < merges.size()) {
    fail<FormatError>("tokenizer.merges", name, ": line ",
                      first_line + static_cast<Index>(duplicate), ": the merge of ",
                      quoted(vocabulary.token(merges[duplicate].left)), " and ",
                      quoted(vocabulary.token(merges[duplicate].right)), " occurs twice");
  }
  return merges.take();
}

SOLO_INLINE void check_merges_fit(TokenizerParts& parts, const std::string& source) {
  std::vector<bool> made(static_cast<std::size_t>(parts.vocabulary.size()));
  for (const int id : parts.byte_ids) made[static_cast<std::size_t>(id)] = true;
  for (const Merge& merge : parts.merges) made[static_cast<std::size_t>(merge.result)] = true;
  for (const AddedToken& token : parts.added) made[static_cast<std::size_t>(token.id)] = true;
  const auto missing = static_cast<std::size_t>(std::count(made.begin(), made.end(), false));
  if (missing == 0) return;
  const auto first = static_cast<int>(std::find(made.begin(), made.end(), false) - made.begin());
  const std::string found =
      concat(source, ": no merge makes ", missing, " of the vocabulary's ", made.size(),
             " tokens, such as ", quoted(parts.vocabulary.token(first)), " (id ", first, ")");
  if (missing > parts.merges.size()) {
    fail<FormatError>("tokenizer.merges", found, ": expected their merges, found ",
                      parts.merges.size());
  }
  parts.warnings.push_back(found + ": no text is encoded to them");
}

SOLO_INLINE TokenizerParts read_vocab_and_merges(const std::filesystem::path& vocab,
                                                 const std::filesystem::path& merges) {
  const std::string source = display_name(vocab);
  TokenizerParts parts;
  VocabVisitor visitor(parts.vocabulary, source);
  visit_json_file(vocab, visitor, tokenizer_json_limits());
  parts.vocabulary.finish(source);
  parts.byte_ids = find_byte_ids(parts.vocabulary, source);
  parts.merges = read_merges(merges, parts.vocabulary);
  return parts;
}

/// The bytes of a token as files write them.
SOLO_INLINE std::string symbols_of(std::string_view bytes) {
  std::string symbols;
  for (const char byte : bytes)
    append_utf8(symbols, kByteSymbols[static_cast<unsigned char>(byte)]);
  return symbols;
}

SOLO_INLINE std::string vocab_json_text(const TokenizerParts& parts) {
  std::string text;
  for (int id = 0; id < parts.vocabulary.size(); ++id) {
    text += id == 0 ? '{' : ',';
    text += dump_line(Json(symbols_of(parts.vocabulary.token(id))));
    text += concat(':', id);
  }
  return text + '}';
}

SOLO_INLINE std::string merges_text(const TokenizerParts& parts) {
  std::string text = "#version: 0.2\n";
  for (const Merge& merge : parts.merges) {
    text += concat(symbols_of(parts.vocabulary.token(merge.left)), ' ',
                   symbols_of(parts.vocabulary.token(merge.right)), '\n');
  }
  return text;
}

SOLO_INLINE void place_added_token(TokenizerParts& parts, AddedToken token,
                                   const std::string& where) {
  const auto known =
      std::find_if(parts.added.begin(), parts.added.end(),
                   [&](const AddedToken& other) { return other.content == token.content; });
  const auto bytes = bytes_of_symbols(token.content);
  int id = known != parts.added.end() ? known->id : bytes ? parts.vocabulary.find(*bytes) : -1;
  const bool is_new = id < 0;
  if (is_new) id = parts.vocabulary.size();
  if (token.id >= 0 && token.id != id) {
    fail<FormatError>("tokenizer.added", where, ": token ", quoted(token.content), " has id ",
                      token.id, " here, but ", is_new ? "would be token " : "is token ", id,
                      " of the vocabulary");
  }
  token.id = id;
  if (known != parts.added.end()) {
    *known = std::move(token);
    return;
  }
  if (is_new) {
    if (id >= kMaxVocabulary) {
      fail<FormatError>("tokenizer.added", where, ": expected at most ", kMaxVocabulary,
                        " tokens, found more");
    }
    parts.vocabulary.append(bytes ? *bytes : token.content);
  }
  if (parts.added.size() == kMaxAddedTokens) {
    fail<FormatError>("tokenizer.unsupported", where, ": expected at most ", kMaxAddedTokens,
                      " added tokens, found more");
  }
  parts.added.push_back(std::move(token));
}

SOLO_INLINE void set_default_tokens(TokenizerParts& parts) {
  const int id = parts.vocabulary.find(kEndOfText);
  if (id < 0) return;
  place_added_token(parts, {.content = std::string(kEndOfText), .special = true}, "vocabulary");
  parts.bos = parts.eos = id;
}

}  // namespace detail
}  // namespace solo::inline SOLO_ABI
