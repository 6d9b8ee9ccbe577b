// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/io/file.hpp>
#include <solo/io/json_fields.hpp>
#include <solo/nn/generation_config.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI {

namespace detail {

/// Keys of transformers that change what is generated, with the value that does not.
struct NeutralKey {
  std::string_view key;
  double neutral;
};
inline constexpr std::array kUnsupportedGenerationKeys = {
    NeutralKey{"encoder_repetition_penalty", 1},
    NeutralKey{"encoder_no_repeat_ngram_size", 0},
    NeutralKey{"watermarking_config", 0},
    NeutralKey{"guidance_scale", 1},
    NeutralKey{"num_beam_groups", 1},
    NeutralKey{"diversity_penalty", 0},
    NeutralKey{"penalty_alpha", 0},
    NeutralKey{"dola_layers", 0},
    NeutralKey{"force_words_ids", 0},
    NeutralKey{"constraints", 0},
    NeutralKey{"token_healing", 0},
    NeutralKey{"remove_invalid_values", 0},
    NeutralKey{"max_time", std::numeric_limits<double>::infinity()},
    NeutralKey{"prompt_lookup_num_tokens", 0},
    NeutralKey{"assistant_early_exit", 0},
    NeutralKey{"is_assistant", 0},
    NeutralKey{"use_mtp", 0},
    NeutralKey{"speculation_type", 0}};

/// Keys of transformers that do not change what is generated here.
inline constexpr std::array<std::string_view, 29> kIdleGenerationKeys = {
    "use_cache",
    "cache_implementation",
    "cache_config",
    "max_cache_len",
    "prefill_chunk_size",
    "low_memory",
    "compile_config",
    "disable_compile",
    "continuous_batching_config",
    "output_attentions",
    "output_hidden_states",
    "output_scores",
    "output_logits",
    "return_dict_in_generate",
    "return_legacy_cache",
    "pad_token_id",
    "bos_token_id",
    "eos_token_id",
    "decoder_start_token_id",
    "num_assistant_tokens",
    "num_assistant_tokens_schedule",
    "assistant_confidence_threshold",
    "assistant_lookbehind",
    "assistant_ensemble_weight",
    "target_lookbehind",
    "max_matching_ngram_size",
    "_from_model_config",
    "_commit_hash",
    "transformers_version"};

[[nodiscard]] SOLO_INLINE bool is_neutral(const Json& value, double neutral) {
  if (value.is_null()) return true;
  if (value.is_boolean()) return !value.get<bool>() && neutral == 0.0;
  if (value.is_number()) return value.get<double>() == neutral;
  return (value.is_array() || value.is_object()) && value.empty();
}

inline constexpr IntegerRange kConfigTokenIds{std::numeric_limits<int>::min(),
                                              std::numeric_limits<int>::max()};

/// A list of token ids that stands in the file at `key`.
[[nodiscard]] SOLO_INLINE std::vector<int> token_list(const JsonFields& file,
                                                      const std::string& key, const Json& value) {
  Json holder = Json::object();
  holder[key] = value;
  const JsonFields fields(holder, file.source());
  const std::vector<std::int64_t> found = fields.integers(key, kConfigTokenIds);
  std::vector<int> ids;
  ids.reserve(found.size());
  for (const std::int64_t id : found) ids.push_back(static_cast<int>(id));
  return ids;
}

/// Reads one field of a file into a setting, by the setting's type.
struct SettingReader {
  const JsonFields& fields;
  std::string_view key;

  void operator()(std::optional<Index>& to) const { to = fields.integer(key); }
  void operator()(std::optional<double>& to) const { to = fields.number(key); }
  void operator()(std::optional<bool>& to) const { to = fields.boolean(key); }
  void operator()(std::optional<int>& to) const {
    to = static_cast<int>(fields.integer(key, kConfigTokenIds));
  }
  void operator()(std::vector<std::string>& to) const {
    to = fields.value(key).is_string() ? std::vector{fields.string(key)} : fields.strings(key);
  }
  void operator()(std::vector<int>& to) const {
    const Json& value = fields.value(key);
    Json list = Json::array();
    list.push_back(value);
    to = token_list(fields, std::string(key), value.is_number() ? list : value);
  }
  void operator()(std::vector<std::vector<int>>& to) const {
    const Json& value = fields.value(key);
    if (!value.is_array()) fields.refuse(key, "a list of lists of token ids");
    for (const Json& item : value) {
      to.push_back(token_list(fields, concat(key, "[", to.size(), "]"), item));
    }
  }
  void operator()(std::optional<EarlyStopping>& to) const {
    const Json& value = fields.value(key);
    if (value.is_boolean()) {
      to = value.get<bool>() ? EarlyStopping::yes : EarlyStopping::no;
    } else if (value == "never") {
      to = EarlyStopping::never;
    } else {
      fields.refuse(key, R"(true, false or "never")");
    }
  }
  void operator()(std::optional<LengthDecay>& to) const {
    const Json& value = fields.value(key);
    if (!value.is_array() || value.size() != 2 || !value[0].is_number_integer() ||
        !value[1].is_number()) {
      fields.refuse(key, "a list [start, factor]");
    }
    to = LengthDecay{value[0].get<Index>(), value[1].get<double>()};
  }
  void operator()(std::vector<SequenceBias>& to) const {
    const Json& value = fields.value(key);
    if (!value.is_array()) fields.refuse(key, "a list of [token ids, bias]");
    for (const Json& item : value) {
      if (!item.is_array() || item.size() != 2 || !item[1].is_number()) {
        fields.refuse(key, "a list of [token ids, bias]");
      }
      to.push_back(
          {token_list(fields, concat(key, "[", to.size(), "]"), item[0]), item[1].get<double>()});
    }
  }
};

template <class T>
[[nodiscard]] Json json_of(const T& value) {
  return value;
}
[[nodiscard]] SOLO_INLINE Json json_of(const EarlyStopping& value) {
  return value == EarlyStopping::never ? Json("never") : Json(value == EarlyStopping::yes);
}
[[nodiscard]] SOLO_INLINE Json json_of(const LengthDecay& value) {
  return Json::array({value.start, value.factor});
}
[[nodiscard]] SOLO_INLINE Json json_of(const std::vector<SequenceBias>& value) {
  Json list = Json::array();
  for (const SequenceBias& item : value) list.push_back(Json::array({item.ids, item.bias}));
  return list;
}
template <class T>
[[nodiscard]] Json json_of(const std::optional<T>& value) {
  return json_of(*value);
}

/// The message about the first field that asks for what is not supported; empty: there is none.
[[nodiscard]] SOLO_INLINE std::string unsupported_setting(const JsonFields& fields) {
  const auto message = [&](std::string_view key) {
    return concat(fields.where(key), ": ", describe(fields.value(key)), " is not supported");
  };
  for (const auto& [key, neutral] : kUnsupportedGenerationKeys) {
    const Json* const value = fields.find(key);
    if (value != nullptr && !is_neutral(*value, neutral)) return message(key);
  }
  const Json* const cache = fields.find("cache_implementation");
  return cache != nullptr && *cache == "quantized" ? message("cache_implementation") : "";
}

/// Whether transformers knows this key of a generation_config.json.
[[nodiscard]] SOLO_INLINE bool is_generation_key(std::string_view name) {
  const auto is_name = [&](const NeutralKey& key) { return key.key == name; };
  bool known = std::find(kIdleGenerationKeys.begin(), kIdleGenerationKeys.end(), name) !=
               kIdleGenerationKeys.end();
  known = known || std::any_of(kUnsupportedGenerationKeys.begin(), kUnsupportedGenerationKeys.end(),
                               is_name);
  const GenerationConfig any;
  for_generation_keys([&](std::string_view key, const auto&) { known = known || key == name; },
                      any);
  return known;
}

/// The fields of an old config.json that mean generation, as the file that replaced them.
[[nodiscard]] SOLO_INLINE Json legacy_settings(const Json& config) {
  Json settings = Json::object();
  const auto take = [&](std::string_view key, const auto&) {
    const auto field = config.find(std::string(key));
    if (field != config.end() && !field->is_null()) settings[field.key()] = *field;
  };
  const GenerationConfig any;
  for_generation_keys(take, any);
  for (const auto& [key, neutral] : kUnsupportedGenerationKeys) take(key, neutral);
  if (!settings.empty()) settings["_from_model_config"] = true;
  return settings;
}

}  // namespace detail

SOLO_INLINE GenerationConfig GenerationConfig::from_folder(const std::filesystem::path& folder) {
  GenerationConfig config;
  std::filesystem::path file = folder / "generation_config.json";
  const bool legacy = !std::filesystem::exists(file);
  if (legacy) file = folder / "config.json";
  if (!std::filesystem::exists(file)) return config;
  Json json = read_json_file(file);
  if (legacy && json.is_object()) json = detail::legacy_settings(json);
  const JsonFields fields(json, display_name(file));
  if (!json.empty() || !legacy) config.text = dump_line(json);
  detail::for_generation_keys(
      [&](std::string_view key, auto& setting) {
        if (!fields.absent(key)) detail::SettingReader{fields, key}(setting);
      },
      config);
  config.unsupported = detail::unsupported_setting(fields);
  for (const auto& [key, value] : json.items()) {
    if (!value.is_null() && !detail::is_generation_key(key)) config.unknown_keys.push_back(key);
  }
  return config;
}

SOLO_INLINE Json GenerationConfig::to_json() const {
  Json json = text.empty() ? Json::object() : parse_json(text, "generation_config.json");
  detail::for_generation_keys(
      [&](std::string_view key, const auto& setting) {
        if (detail::is_said(setting)) json[std::string(key)] = detail::json_of(setting);
      },
      *this);
  return json;
}

}  // namespace solo::inline SOLO_ABI
