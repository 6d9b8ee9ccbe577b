// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/io/json.hpp>
#include <solo/text/byte_symbols.hpp>
#include <solo/text/tokenizer_json.hpp>

#include <nlohmann/json.hpp>

#include <unordered_set>
#include <utility>

namespace solo::inline SOLO_ABI {
namespace detail {

SOLO_INLINE void require_setting(bool good, const JsonFields& fields, std::string_view key,
                                 std::string_view expected) {
  if (good) return;
  const Json* found = fields.find(key);
  fail<FormatError>("tokenizer.unsupported", fields.where(key), ": expected ", expected, ", found ",
                    found == nullptr ? "none" : describe(*found));
}

/// Whether the field is there and is this.
[[nodiscard]] SOLO_INLINE bool is_setting(const JsonFields& fields, std::string_view key,
                                          const Json& value) {
  const Json* found = fields.find(key);
  return found != nullptr && *found == value;
}

/// Refuses what would encode or decode in another way than GPT-2's tokenizer.
SOLO_INLINE void check_tokenizer_kind(const JsonFields& root) {
  require_setting(root.absent("normalizer"), root, "normalizer", "null");
  const JsonFields pre = root.object("pre_tokenizer");
  require_setting(is_setting(pre, "type", "ByteLevel"), pre, "type", "\"ByteLevel\"");
  require_setting(!pre.has("use_regex") || is_setting(pre, "use_regex", true), pre, "use_regex",
                  "true");
  if (!root.absent("decoder")) {
    const JsonFields decoder = root.object("decoder");
    require_setting(is_setting(decoder, "type", "ByteLevel"), decoder, "type", "\"ByteLevel\"");
  }
  const JsonFields model = root.object("model");
  require_setting(!model.has("type") || is_setting(model, "type", "BPE"), model, "type", "\"BPE\"");
  for (const std::string_view key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    require_setting(model.absent(key) || is_setting(model, key, ""), model, key, "an empty string");
  }
  for (const std::string_view key : {"byte_fallback", "ignore_merges"}) {
    require_setting(model.absent(key) || is_setting(model, key, false), model, key, "false");
  }
  const Json* dropout = model.find("dropout");
  require_setting(dropout == nullptr || dropout->is_null() || *dropout == Json(0.0), model,
                  "dropout", "null");
}

SOLO_INLINE AddedToken read_added_token(const JsonFields& fields, bool special) {
  AddedToken token;
  token.content = fields.string("content");
  if (token.content.empty()) fields.refuse("content", "text");
  if (token.content.size() > kMaxAddedTokenBytes) {
    fail<FormatError>("tokenizer.unsupported", fields.where("content"), ": expected at most ",
                      kMaxAddedTokenBytes, " bytes, found ", token.content.size());
  }
  token.special = fields.boolean_or("special", special);
  token.lstrip = fields.boolean_or("lstrip", false);
  token.rstrip = fields.boolean_or("rstrip", false);
  token.single_word = fields.boolean_or("single_word", false);
  token.normalized = fields.absent("normalized") ? !token.special : fields.boolean("normalized");
  return token;
}

SOLO_INLINE std::vector<AddedToken> read_added_tokens(const JsonFields& root) {
  std::vector<AddedToken> tokens;
  if (root.absent("added_tokens")) return tokens;
  const Json& list = root.value("added_tokens");
  if (!list.is_array()) root.refuse("added_tokens", "a list");
  require_setting(list.size() <= kMaxAddedTokens, root, "added_tokens",
                  concat("at most ", kMaxAddedTokens));
  std::unordered_set<std::string> contents;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const JsonFields fields(list[i], root.source(), concat("added_tokens.", i));
    tokens.push_back(read_added_token(fields, false));
    tokens.back().id = static_cast<int>(fields.integer("id", kTokenIds));
    if (!contents.insert(tokens.back().content).second) {
      fail<FormatError>("tokenizer.json", root.where("added_tokens"), ": ",
                        quoted(tokens.back().content), " occurs twice");
    }
  }
  return tokens;
}

SOLO_INLINE void read_json_vocabulary(const JsonFields& model, Vocabulary& vocabulary) {
  const JsonFields vocab = model.object("vocab");
  const std::string where = model.where("vocab");
  for (const auto& [symbols, value] : vocab.json().get_ref<const Json::object_t&>()) {
    if (!value.is_number_unsigned()) {
      fail<FormatError>("tokenizer.vocab", where, ": id of token ",
                        quoted(std::string_view(symbols)),
                        ": expected a non-negative integer, found ", describe(value));
    }
    add_symbols(vocabulary, symbols, value.get<std::uint64_t>(), where);
  }
  vocabulary.finish(where);
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

/// The ids that a template writes for one of its special tokens.
[[nodiscard]] SOLO_INLINE std::vector<int> template_ids(const JsonFields& processor,
                                                        const std::string& name) {
  std::vector<int> ids;
  for (const std::int64_t id :
       processor.object("special_tokens").object(name).integers("ids", kTokenIds)) {
    ids.push_back(static_cast<int>(id));
  }
  return ids;
}

/// What a TemplateProcessing puts around one text.
SOLO_INLINE void read_template(const JsonFields& processor, TokenizerParts& parts) {
  const Json& pieces = processor.value("single");
  if (!pieces.is_array()) processor.refuse("single", "a list");
  bool after_text = false;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const JsonFields piece(pieces[i], processor.source(), concat("post_processor.single.", i));
    if (piece.has("Sequence")) {
      const JsonFields text = piece.object("Sequence");
      require_setting(is_setting(text, "id", "A") && !after_text, text, "id", "\"A\", once");
      after_text = true;
      continue;
    }
    const std::vector<int> ids = template_ids(processor, piece.object("SpecialToken").string("id"));
    std::vector<int>& side = after_text ? parts.suffix : parts.prefix;
    side.insert(side.end(), ids.begin(), ids.end());
  }
  require_setting(after_text, processor, "single", "a template with the sequence A");
}

/// A token and its id, as BERT's and RoBERTa's processors have them.
[[nodiscard]] SOLO_INLINE int processor_token(const JsonFields& processor, std::string_view key) {
  const Json& pair = processor.value(key);
  if (!pair.is_array() || pair.size() != 2) processor.refuse(key, "a token and its id");
  const Json object = {{"id", pair[1]}};
  return static_cast<int>(JsonFields(object, processor.where(key)).integer("id", kTokenIds));
}

/// What a post-processor puts around one text.
SOLO_INLINE void read_post_processor(const JsonFields& processor, TokenizerParts& parts) {
  const std::string type = processor.string("type");
  if (type == "ByteLevel") return;  // changes offsets alone
  require_setting(parts.prefix.empty() && parts.suffix.empty(), processor, "type",
                  "one post-processor that adds tokens");
  if (type == "TemplateProcessing") {
    read_template(processor, parts);
  } else if (type == "BertProcessing" || type == "RobertaProcessing") {
    parts.prefix = {processor_token(processor, "cls")};
    parts.suffix = {processor_token(processor, "sep")};
  } else {
    require_setting(false, processor, "type",
                    "ByteLevel, TemplateProcessing or a Sequence of them");
  }
}

SOLO_INLINE void read_post_processors(const JsonFields& root, TokenizerParts& parts) {
  if (root.absent("post_processor")) return;
  const JsonFields top = root.object("post_processor");
  if (!is_setting(top, "type", "Sequence")) {
    read_post_processor(top, parts);
    return;
  }
  const Json& list = top.value("processors");
  if (!list.is_array()) top.refuse("processors", "a list");
  for (std::size_t i = 0; i < list.size(); ++i) {
    read_post_processor(JsonFields(list[i], root.source(), concat("post_processor.processors.", i)),
                        parts);
  }
}

SOLO_INLINE TokenizerJson read_tokenizer_json(const std::filesystem::path& path) {
  const Json json = read_json_file(path, tokenizer_json_limits());
  const JsonFields root(json, display_name(path));
  check_tokenizer_kind(root);
  TokenizerJson result;
  TokenizerParts& parts = result.parts;
  result.added = read_added_tokens(root);
  const JsonFields model = root.object("model");
  read_json_vocabulary(model, parts.vocabulary);
  parts.byte_ids = find_byte_ids(parts.vocabulary, model.where("vocab"));
  parts.merges = read_json_merges(model, parts.vocabulary);
  parts.add_prefix_space = root.object("pre_tokenizer").boolean_or("add_prefix_space", true);
  read_post_processors(root, parts);
  for (const std::string_view key : {"truncation", "padding"}) {
    if (root.absent(key)) continue;
    parts.warnings.push_back(
        concat(root.where(key), ": texts are encoded without it, as by transformers"));
  }
  if (!root.absent("padding")) result.pad_token = root.object("padding").string_or("pad_token", "");
  return result;
}

}  // namespace detail
}  // namespace solo::inline SOLO_ABI
