// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/io/json_fields.hpp>
#include <solo/text/byte_symbols.hpp>
#include <solo/text/lines.hpp>
#include <solo/text/tokenizer_files.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <numeric>
#include <utility>

namespace solo::inline SOLO_ABI {
namespace detail {

/// Adds a vocabulary entry as files write it; the message of an error begins with `where`.
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

[[nodiscard]] SOLO_INLINE JsonLimits tokenizer_json_limits() {
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

/// Adds "left right" and returns what is wrong with it, or an empty text.
[[nodiscard]] SOLO_INLINE std::string add_merge_line(MergeList& merges, std::string_view line) {
  const std::size_t space = line.find(' ');
  if (space == 0 || space >= line.size() - 1 || line.find(' ', space + 1) != line.npos) {
    return "expected two symbols with one space between them, found " + quoted(line);
  }
  return merges.add(line.substr(0, space), line.substr(space + 1));
}

SOLO_INLINE std::vector<Merge> read_merges(const std::filesystem::path& path,
                                           const Vocabulary& vocabulary) {
  LineReader reader(path, {.skip_bom = false});
  MergeList merges(vocabulary);
  Index first_line = 1;
  for (std::string_view line; reader.next_record(line);) {
    if (reader.line_number() == 1 && line.starts_with("#version")) {
      first_line = 2;
      continue;
    }
    const std::string problem = add_merge_line(merges, line);
    if (!problem.empty()) fail<FormatError>("tokenizer.merges", reader.where(), ": ", problem);
  }
  const std::size_t duplicate = merges.first_duplicate();
  if (duplicate < merges.size()) {
    fail<FormatError>("tokenizer.merges", reader.name(), ": line ",
                      first_line + static_cast<Index>(duplicate), ": the merge of ",
                      quoted(vocabulary.token(merges[duplicate].left)), " and ",
                      quoted(vocabulary.token(merges[duplicate].right)), " occurs twice");
  }
  return merges.take();
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
  const int eos = parts.vocabulary.find(kEndOfText);
  if (eos >= 0) parts.special_ids.push_back(eos);
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

/// An entry of tokenizer.json's added_tokens.
struct AddedToken {
  std::string content;
  int id = 0;
  bool in_vocab = false;
};

SOLO_INLINE void require_setting(bool good, const JsonFields& fields, std::string_view key,
                                 std::string_view expected) {
  if (good) return;
  const Json* found = fields.find(key);
  fail<FormatError>("tokenizer.unsupported", fields.where(key), ": expected ", expected, ", found ",
                    found == nullptr ? "none" : describe(*found));
}

/// Refuses what would encode in another way than GPT-2's tokenizer.
SOLO_INLINE void check_tokenizer_kind(const JsonFields& root) {
  const auto is = [](const JsonFields& fields, std::string_view key, const Json& value) {
    const Json* found = fields.find(key);
    return found != nullptr && *found == value;
  };
  require_setting(root.absent("normalizer"), root, "normalizer", "null");
  const JsonFields pre = root.object("pre_tokenizer");
  require_setting(is(pre, "type", "ByteLevel"), pre, "type", "\"ByteLevel\"");
  require_setting(is(pre, "add_prefix_space", false), pre, "add_prefix_space", "false");
  require_setting(!pre.has("use_regex") || is(pre, "use_regex", true), pre, "use_regex", "true");
  const JsonFields model = root.object("model");
  require_setting(!model.has("type") || is(model, "type", "BPE"), model, "type", "\"BPE\"");
  for (const std::string_view key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    require_setting(model.absent(key) || is(model, key, ""), model, key, "an empty string");
  }
  for (const std::string_view key : {"byte_fallback", "ignore_merges"}) {
    require_setting(model.absent(key) || is(model, key, false), model, key, "false");
  }
  const Json* dropout = model.find("dropout");
  require_setting(dropout == nullptr || dropout->is_null() || *dropout == Json(0.0), model,
                  "dropout", "null");
}

SOLO_INLINE std::vector<AddedToken> read_added_tokens(const JsonFields& root) {
  constexpr std::size_t kMost = 1024;
  std::vector<AddedToken> tokens;
  if (root.absent("added_tokens")) return tokens;
  const Json& list = root.value("added_tokens");
  if (!list.is_array()) root.refuse("added_tokens", "a list");
  require_setting(list.size() <= kMost, root, "added_tokens", concat("at most ", kMost));
  for (std::size_t i = 0; i < list.size(); ++i) {
    const JsonFields fields(list[i], root.source(), concat("added_tokens.", i));
    for (const std::string_view key : {"single_word", "lstrip", "rstrip"}) {
      require_setting(!fields.boolean_or(key, false), fields, key, "false");
    }
    const auto id = fields.integer("id", {.min = 0, .max = kMaxVocabulary - 1});
    tokens.push_back({fields.string("content"), static_cast<int>(id), false});
    if (tokens.back().content.empty()) fields.refuse("content", "text");
  }
  std::sort(tokens.begin(), tokens.end(),
            [](const AddedToken& a, const AddedToken& b) { return a.content < b.content; });
  const auto twice = std::adjacent_find(
      tokens.begin(), tokens.end(),
      [](const AddedToken& a, const AddedToken& b) { return a.content == b.content; });
  if (twice != tokens.end()) {
    fail<FormatError>("tokenizer.json", root.where("added_tokens"), ": ",
                      quoted(std::string_view(twice->content)), " occurs twice");
  }
  return tokens;
}

/// Adds the model's vocabulary and then the added tokens that are not in it.
SOLO_INLINE void read_json_vocabulary(const JsonFields& model, std::vector<AddedToken>& added,
                                      Vocabulary& vocabulary) {
  const JsonFields vocab = model.object("vocab");
  for (const auto& [symbols, value] : vocab.json().get_ref<const Json::object_t&>()) {
    const std::string where = model.where("vocab");
    if (!value.is_number_unsigned()) {
      fail<FormatError>("tokenizer.vocab", where, ": id of token ",
                        quoted(std::string_view(symbols)),
                        ": expected a non-negative integer, found ", describe(value));
    }
    const auto id = value.get<std::uint64_t>();
    const auto token = std::lower_bound(
        added.begin(), added.end(), symbols,
        [](const AddedToken& a, const std::string& content) { return a.content < content; });
    if (token != added.end() && token->content == symbols) {
      token->in_vocab = true;
      if (id != static_cast<std::uint64_t>(token->id) || bytes_of_symbols(symbols) != symbols) {
        fail<FormatError>("tokenizer.json", where, ": token ", quoted(std::string_view(symbols)),
                          " has id ", id, " here and id ", token->id,
                          " in added_tokens, or is not plain text");
      }
    }
    add_symbols(vocabulary, symbols, id, where);
  }
  for (const AddedToken& token : added) {
    if (!token.in_vocab) vocabulary.add(token.content, token.id);
  }
  vocabulary.finish(model.where("vocab"));
}

SOLO_INLINE std::vector<Merge> read_json_merges(const JsonFields& model,
                                                const Vocabulary& vocabulary) {
  const Json& list = model.value("merges");
  if (!list.is_array()) model.refuse("merges", "a list");
  MergeList merges(vocabulary);
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Json& merge = list[i];
    std::string problem;
    if (merge.is_string()) {
      problem = add_merge_line(merges, merge.get_ref<const std::string&>());
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
               merge[1].is_string()) {
      problem = merges.add(merge[0].get_ref<const std::string&>(),
                           merge[1].get_ref<const std::string&>());
    } else {
      problem = "expected two symbols, found " + describe(merge);
    }
    if (!problem.empty()) {
      fail<FormatError>("tokenizer.merges", model.where(concat("merges.", i)), ": ", problem);
    }
  }
  const std::size_t duplicate = merges.first_duplicate();
  if (duplicate < merges.size()) {
    fail<FormatError>("tokenizer.merges", model.where(concat("merges.", duplicate)),
                      ": the same merge occurred before");
  }
  return merges.take();
}

SOLO_INLINE TokenizerParts read_tokenizer_json(const std::filesystem::path& path) {
  const Json json = read_json_file(path, tokenizer_json_limits());
  const JsonFields root(json, display_name(path));
  check_tokenizer_kind(root);
  std::vector<AddedToken> added = read_added_tokens(root);
  const JsonFields model = root.object("model");
  TokenizerParts parts;
  read_json_vocabulary(model, added, parts.vocabulary);
  parts.byte_ids = find_byte_ids(parts.vocabulary, model.where("vocab"));
  parts.merges = read_json_merges(model, parts.vocabulary);
  for (const AddedToken& token : added) parts.special_ids.push_back(token.id);
  const int eos = parts.vocabulary.find(kEndOfText);
  if (eos >= 0) parts.special_ids.push_back(eos);
  std::sort(parts.special_ids.begin(), parts.special_ids.end());
  const auto last = std::unique(parts.special_ids.begin(), parts.special_ids.end());
  parts.special_ids.erase(last, parts.special_ids.end());
  return parts;
}

}  // namespace detail
}  // namespace solo::inline SOLO_ABI
