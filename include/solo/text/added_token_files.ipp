// SPDX-License-Identifier: MIT
#pragma once

#include <solo/io/json.hpp>
#include <solo/text/added_token_files.hpp>
#include <solo/text/tokenizer_files.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <string_view>

namespace solo::inline SOLO_ABI::detail {

[[nodiscard]] inline Json added_token_json(const AddedToken& token) {
  return {{"content", token.content}, {"lstrip", token.lstrip},
          {"rstrip", token.rstrip},   {"single_word", token.single_word},
          {"special", token.special}, {"normalized", token.normalized}};
}

[[nodiscard]] inline KeptFile* find_kept(std::vector<KeptFile>& files, std::string_view name) {
  const auto found = std::find_if(files.begin(), files.end(),
                                  [name](const KeptFile& file) { return file.name == name; });
  return found == files.end() ? nullptr : &*found;
}

/// The object that a file holds, an empty one if there is no file.
[[nodiscard]] inline Json kept_json(std::vector<KeptFile>& files, std::string_view name) {
  const KeptFile* const file = find_kept(files, name);
  return file == nullptr ? Json::object()
                         : parse_json(file->contents, std::string(name), tokenizer_json_limits());
}

inline void keep_json(std::vector<KeptFile>& files, std::string_view name, const Json& json) {
  KeptFile* file = find_kept(files, name);
  if (file == nullptr) file = &files.emplace_back(KeptFile{std::string(name), {}});
  file->contents = dump_sorted(json);
}

/// tokenizer.json: those that are not in its list.
inline void put_into_tokenizer_json(std::vector<KeptFile>& files,
                                    std::span<const AddedToken> added) {
  Json json = kept_json(files, "tokenizer.json");
  Json& list = json["added_tokens"];
  if (!list.is_array()) list = Json::array();
  for (const AddedToken& token : added) {
    const bool known = std::any_of(list.begin(), list.end(), [&token](const Json& entry) {
      return entry.at("content") == token.content;
    });
    if (known) continue;
    Json entry = added_token_json(token);
    entry["id"] = token.id;
    list.push_back(std::move(entry));
  }
  keep_json(files, "tokenizer.json", json);
}

/// tokenizer_config.json's added_tokens_decoder: all of them, as no other file counts beside it.
inline void put_into_decoder(std::vector<KeptFile>& files, std::span<const AddedToken> added) {
  Json settings = kept_json(files, "tokenizer_config.json");
  if (!settings.contains("added_tokens_decoder")) {
    const Json map = kept_json(files, "special_tokens_map.json");
    for (const auto& [key, value] : map.items()) {
      if (!key.ends_with("_token")) continue;
      settings[key] = value.is_object() ? value.at("content") : value;
    }
  }
  if (!settings.contains("tokenizer_class")) settings["tokenizer_class"] = "GPT2Tokenizer";
  Json decoder = Json::object();
  for (const AddedToken& token : added) {
    decoder[std::to_string(token.id)] = added_token_json(token);
  }
  settings["added_tokens_decoder"] = std::move(decoder);
  keep_json(files, "tokenizer_config.json", settings);
}

/// added_tokens.json, which older readers take.
inline void put_into_added_json(std::vector<KeptFile>& files, std::span<const AddedToken> added,
                                int first_new) {
  Json ids = kept_json(files, "added_tokens.json");
  for (const AddedToken& token : added) {
    if (token.id >= first_new) ids[token.content] = token.id;
  }
  if (!ids.empty()) keep_json(files, "added_tokens.json", ids);
}

SOLO_INLINE std::vector<KeptFile> with_added_tokens(std::vector<KeptFile> files,
                                                    std::span<const AddedToken> added,
                                                    int first_new) {
  const bool has_json = find_kept(files, "tokenizer.json") != nullptr;
  if (has_json) put_into_tokenizer_json(files, added);
  if (!has_json || kept_json(files, "tokenizer_config.json").contains("added_tokens_decoder")) {
    put_into_decoder(files, added);
  }
  if (!has_json || find_kept(files, "added_tokens.json") != nullptr) {
    put_into_added_json(files, added, first_new);
  }
  return files;
}

}  // namespace solo::inline SOLO_ABI::detail
