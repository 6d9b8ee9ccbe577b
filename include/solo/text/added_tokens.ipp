// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/io/json.hpp>
#include <solo/text/tokenizer.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>

namespace solo::inline SOLO_ABI {

namespace detail {

/// tokenizer.json with these tokens among its added_tokens.
[[nodiscard]] inline std::string with_added_tokens(
    const std::string& text, const std::vector<std::pair<std::string, int>>& tokens, bool special) {
  JsonLimits limits;
  limits.max_values = std::size_t{1} << 25U;
  limits.max_token_bytes = std::size_t{1} << 20U;
  limits.max_tree_bytes = std::size_t{512} << 20U;
  Json json = parse_json(text, "tokenizer.json", limits);
  Json& list = json["added_tokens"];
  if (!list.is_array()) list = Json::array();
  for (const auto& [content, id] : tokens) {
    const bool known = std::any_of(list.begin(), list.end(), [&](const Json& entry) {
      return entry.is_object() && entry.value("content", std::string()) == content;
    });
    if (known) continue;
    list.push_back({{"id", id},
                    {"content", content},
                    {"single_word", false},
                    {"lstrip", false},
                    {"rstrip", false},
                    {"normalized", !special},
                    {"special", special}});
  }
  return dump_line(json);
}

/// tokenizer_config.json with these tokens in its added_tokens_decoder.
[[nodiscard]] inline std::string with_decoder_entries(
    const std::string& text, const std::vector<std::pair<std::string, int>>& tokens, bool special) {
  Json json = text.empty() ? Json{{"tokenizer_class", "GPT2Tokenizer"}}
                           : parse_json(text, "tokenizer_config.json");
  Json& decoder = json["added_tokens_decoder"];
  if (!decoder.is_object()) decoder = Json::object();
  for (const auto& [content, id] : tokens) {
    decoder[std::to_string(id)] = {{"content", content},     {"single_word", false},
                                   {"lstrip", false},        {"rstrip", false},
                                   {"normalized", !special}, {"special", special}};
  }
  return dump_sorted(json);
}

/// added_tokens.json with these tokens.
[[nodiscard]] inline std::string with_added_ids(
    const std::string& text, const std::vector<std::pair<std::string, int>>& tokens) {
  Json json = text.empty() ? Json::object() : parse_json(text, "added_tokens.json");
  for (const auto& [content, id] : tokens) json[content] = id;
  return dump_sorted(json);
}

}  // namespace detail

SOLO_INLINE int Tokenizer::add_tokens(const std::vector<std::string>& tokens,
                                      const AddTokensOptions& options) {
  const int before = vocab_size();
  detail::Vocabulary vocabulary = vocabulary_;
  std::vector<int> specials = special_ids_;
  std::vector<std::pair<std::string, int>> added;
  int next = before;
  for (const std::string& token : tokens) {
    const auto same = [&token](const auto& item) { return item.first == token; };
    if (token.empty() || std::any_of(added.begin(), added.end(), same)) continue;
    int id = vocabulary_.find(token);
    if (id < 0) {
      if (next >= detail::kMaxVocabulary) {
        fail<ConfigError>("tokenizer.add", "add_tokens: expected at most ", detail::kMaxVocabulary,
                          " tokens, found more at ", quoted(std::string_view(token)));
      }
      id = next++;
      vocabulary.add(token, id);
    }
    if (std::find(specials.begin(), specials.end(), id) != specials.end()) continue;
    specials.push_back(id);
    added.emplace_back(token, id);
  }
  if (added.empty()) return 0;
  vocabulary.finish("add_tokens");
  std::sort(specials.begin(), specials.end());
  add_to_files(added, options.special_tokens);
  for (const auto& [token, id] : added) {
    for (const char c : token + '\0') {
      fingerprint_ = (fingerprint_ ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
    }
  }
  vocabulary_ = std::move(vocabulary);
  special_ids_ = std::move(specials);
  return next - before;
}

SOLO_INLINE void Tokenizer::add_to_files(const std::vector<std::pair<std::string, int>>& tokens,
                                         bool special) {
  std::vector<KeptFile> files = files_;
  const auto contents = [&files](std::string_view name) -> std::string& {
    for (KeptFile& file : files) {
      if (file.name == name) return file.contents;
    }
    return files.emplace_back(KeptFile{std::string(name), {}}).contents;
  };
  const auto has = [&files](std::string_view name) {
    return std::any_of(files.begin(), files.end(),
                       [name](const KeptFile& file) { return file.name == name; });
  };
  if (has("tokenizer.json")) {
    std::string& text = contents("tokenizer.json");
    text = detail::with_added_tokens(text, tokens, special);
  }
  if (has("vocab.json")) {
    std::string& ids = contents("added_tokens.json");
    ids = detail::with_added_ids(ids, tokens);
    std::string& config = contents("tokenizer_config.json");
    config = detail::with_decoder_entries(config, tokens, special);
  }
  files_ = std::move(files);
}

}  // namespace solo::inline SOLO_ABI
