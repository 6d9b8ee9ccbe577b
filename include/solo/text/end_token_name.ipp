// SPDX-License-Identifier: MIT
#pragma once

#include <solo/io/file.hpp>
#include <solo/io/json_fields.hpp>
#include <solo/text/end_token_name.hpp>
#include <solo/text/tokenizer_files.hpp>

#include <nlohmann/json.hpp>

#include <optional>

namespace solo::inline SOLO_ABI::detail {

/// The object in a file, or an empty one if there is no file.
[[nodiscard]] SOLO_INLINE Json object_in(const std::filesystem::path& file) {
  return std::filesystem::exists(file) ? read_json_file(file) : Json::object();
}

/// A token's name, which is a string or the content of an object; "" for null, nothing if the
/// field is not there.
[[nodiscard]] SOLO_INLINE std::optional<std::string> token_name(const JsonFields& fields,
                                                                std::string_view key) {
  const Json* const value = fields.find(key);
  if (value == nullptr) return std::nullopt;
  if (value->is_null()) return "";
  if (value->is_string()) return value->get<std::string>();
  if (!value->is_object()) fields.refuse(key, "a string, an object with content, or null");
  return fields.object(key).string("content");
}

SOLO_INLINE std::string end_token_name(const std::filesystem::path& dir) {
  constexpr std::string_view kKey = "eos_token";
  const std::filesystem::path config_file = dir / "tokenizer_config.json";
  const Json config = object_in(config_file);
  const JsonFields fields(config, display_name(config_file));
  if (!fields.has("added_tokens_decoder")) {
    const std::filesystem::path map_file = dir / "special_tokens_map.json";
    const Json map = object_in(map_file);
    if (const auto name = token_name(JsonFields(map, display_name(map_file)), kKey)) return *name;
  }
  if (const auto name = token_name(fields, kKey)) return *name;
  const std::string kind = fields.absent("tokenizer_class") ? "" : fields.string("tokenizer_class");
  const bool nameless = kind == "PreTrainedTokenizerFast" || kind == "TokenizersBackend";
  return nameless ? "" : std::string(kEndOfText);
}

}  // namespace solo::inline SOLO_ABI::detail
