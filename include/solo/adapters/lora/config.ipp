// SPDX-License-Identifier: MIT
#pragma once

#include <solo/adapters/lora/config.hpp>
#include <solo/adapters/lora/tables.hpp>
#include <solo/adapters/module_json.hpp>
#include <solo/adapters/modules.hpp>
#include <solo/core/error.hpp>
#include <solo/io/json_fields.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

namespace solo::inline SOLO_ABI {

SOLO_INLINE std::string_view to_string(LoraBias bias) noexcept {
  switch (bias) {
    case LoraBias::none:
      return "none";
    case LoraBias::all:
      return "all";
    case LoraBias::lora_only:
      return "lora_only";
  }
  return "unknown";
}

SOLO_INLINE std::string_view to_string(LoraStart start) noexcept {
  switch (start) {
    case LoraStart::plain:
      return "plain";
    case LoraStart::pissa:
      return "pissa";
    case LoraStart::olora:
      return "olora";
  }
  return "unknown";
}

SOLO_INLINE LoraBias lora_bias_from(std::string_view text, std::string_view where) {
  for (const LoraBias bias : {LoraBias::none, LoraBias::all, LoraBias::lora_only}) {
    if (to_string(bias) == text) return bias;
  }
  fail<ConfigError>("config.value", where, ": expected none, all or lora_only, found ",
                    quoted(text));
}

namespace detail {

/// Keys of peft 0.21 that are known for null and this value only.
struct LoraFixedKey {
  std::string_view key;
  std::string_view value;  ///< JSON
  bool list = false;       ///< [] is as good as null
};

[[nodiscard]] inline std::span<const LoraFixedKey> lora_fixed_keys() {
  static constexpr std::array kKeys = {LoraFixedKey{"alora_invocation_tokens", "null"},
                                       LoraFixedKey{"arrow_config", "null"},
                                       LoraFixedKey{"kasa_config", "null"},
                                       LoraFixedKey{"layer_replication", "null", true},
                                       LoraFixedKey{"megatron_config", "null"},
                                       LoraFixedKey{"monteclora_config", "null"},
                                       LoraFixedKey{"target_parameters", "null", true},
                                       LoraFixedKey{"use_bdlora", "null"},
                                       LoraFixedKey{"use_qalora", "false"},
                                       LoraFixedKey{"velora_config", "null"}};
  return kKeys;
}

inline void check_lora_keys(const JsonFields& fields) {
  // In the last two rows: settings of starts, which read_start judges; of switches that are off;
  // and merge_weights, which changed no number in peft 0.2.
  std::vector<std::string_view> allowed = {"alpha_pattern",      "bias",
                                           "exclude_modules",    "fan_in_fan_out",
                                           "layers_pattern",     "lora_bias",
                                           "init_lora_weights",  "layers_to_transform",
                                           "lora_alpha",         "r",
                                           "lora_dropout",       "modules_to_save",
                                           "rank_pattern",       "use_dora",
                                           "target_modules",     "use_rslora",
                                           "loftq_config",       "corda_config",
                                           "eva_config",         "lora_ga_config",
                                           "megatron_core",      "merge_weights",
                                           "qalora_group_size",  "trainable_token_indices",
                                           "ensure_weight_tying"};
  append_common_keys(allowed);
  for (const LoraFixedKey& fixed : lora_fixed_keys()) allowed.push_back(fixed.key);
  reject_unknown_settings(fields, allowed);
  for (const LoraFixedKey& fixed : lora_fixed_keys()) {
    const Json* value = fields.find(fixed.key);
    if (value == nullptr || value->is_null() || dump_line(*value) == fixed.value) continue;
    if (fixed.list && value->is_array() && value->empty()) continue;
    fail<ConfigError>("lora.unsupported", fields.where(fixed.key), ": expected ", fixed.value,
                      ", the only value supported, found ", describe(*value));
  }
  check_common_fields(fields);
  (void)read_switch(fields, "fan_in_fan_out");
}

/// How the adapter began. Throws ConfigError ("lora.start") for a start that changed the base by
/// more than the base's weights say.
[[nodiscard]] inline LoraStart read_start(const JsonFields& fields) {
  constexpr std::string_view kKey = "init_lora_weights";
  constexpr std::string_view kRemedy =
      "; such a start changes the base: convert the adapter to plain LoRA in peft "
      "(save_pretrained with path_initial_model_for_weight_conversion), or merge it there "
      "(merge_and_unload) and use the merged model";
  if (const Json* loftq = fields.find("loftq_config"); loftq != nullptr && !says_nothing(*loftq)) {
    fail<ConfigError>("lora.start", fields.where("loftq_config"), ": expected {} or null, found ",
                      describe(*loftq), kRemedy);
  }
  if (fields.absent(kKey) || fields.value(kKey).is_boolean()) return LoraStart::plain;
  if (fields.value(kKey).is_string()) {
    const std::string name = fields.string(kKey);
    const std::string lower = lower_ascii(name);
    if (lower == "gaussian" || name == "eva" || name == "orthogonal") return LoraStart::plain;
    if (name == "pissa") return LoraStart::pissa;
    if (lower == "olora") return LoraStart::olora;
  }
  fail<ConfigError>("lora.start", fields.where(kKey),
                    ": expected true, false, gaussian, orthogonal, eva, pissa or olora, found ",
                    describe(fields.value(kKey)), kRemedy);
}

/// {"key": value, …} in the order of the file; null is an empty one.
template <class Value, class Read>
[[nodiscard]] std::vector<std::pair<std::string, Value>> read_pattern(const JsonFields& fields,
                                                                      std::string_view key,
                                                                      const Read& read) {
  std::vector<std::pair<std::string, Value>> pattern;
  if (fields.absent(key)) return pattern;
  for (const auto& [name, value] : fields.object(key).json().get_ref<const Json::object_t&>()) {
    // One at a time, as looking each of many keys up in the whole pattern takes quadratic time.
    const Json one = Json::object({{name, value}});
    pattern.emplace_back(name, read(JsonFields(one, fields.source(), std::string(key)), name));
  }
  return pattern;
}

inline void read_layers(const JsonFields& fields, LoraConfig& config) {
  if (const Json* value = fields.find("layers_to_transform"); value != nullptr) {
    if (value->is_array()) {
      for (const std::int64_t i : fields.integers("layers_to_transform", {.min = 0})) {
        config.layers_to_transform.push_back(i);
      }
    } else if (!value->is_null()) {
      config.layers_to_transform = {fields.integer("layers_to_transform", {.min = 0})};
    }
  }
  config.layers_pattern = read_names(fields, "layers_pattern");
  std::erase(config.layers_pattern, "");
}

/// A list, which is the embedding's, or {"module": list, …}; null is none.
inline void read_token_indices(const JsonFields& fields, LoraConfig& config) {
  constexpr std::string_view kKey = "trainable_token_indices";
  if (fields.absent(kKey)) return;
  const auto read = [](const JsonFields& from, std::string_view key) {
    const std::vector<std::int64_t> ids = from.integers(key, {.min = 0});
    return std::vector<Index>(ids.begin(), ids.end());
  };
  if (fields.value(kKey).is_array()) {
    config.trainable_token_indices = {{"wte", read(fields, kKey)}};
  } else {
    config.trainable_token_indices = read_pattern<std::vector<Index>>(fields, kKey, read);
  }
}

/// ensure_weight_tying, where peft 0.21 does something for it: a tied head that is named itself,
/// which then is to follow an embedding that is adapted. Of GPT-2's two names peft looks for
/// lm_head alone, and rows that train are the head's anyway unless it has others.
inline void check_tying(const JsonFields& fields, const LoraConfig& config) {
  constexpr std::string_view kKey = "ensure_weight_tying";
  if (!read_switch(fields, kKey)) return;
  const auto refuse = [&](std::string_view key) {
    fail<ConfigError>("lora.unsupported", fields.where(kKey), ": true is not supported where ", key,
                      " names lm_head; name wte alone, or set it false");
  };
  if (saves_module(config, "lm_head")) refuse("modules_to_save");
  const auto& rows = config.trainable_token_indices;
  if (rows.size() > 1 && rows[0].second != rows[1].second) refuse("trainable_token_indices");
  if (ModuleMatcher(config.target_modules, "target_modules").matches("lm_head")) {
    refuse("target_modules");
  }
}

[[nodiscard]] inline Json number_json(double value) {
  constexpr double kExact = 9007199254740992.0;
  if (std::abs(value) < kExact && value == std::trunc(value)) {
    return static_cast<std::int64_t>(value);
  }
  return value;
}

template <class Value, class Write>
[[nodiscard]] Json pattern_json(const std::vector<std::pair<std::string, Value>>& pattern,
                                const Write& write) {
  Json object = Json::object();
  for (const auto& [key, value] : pattern) object[key] = write(value);
  return object;
}

}  // namespace detail

SOLO_INLINE LoraConfig LoraConfig::from_json(const JsonFields& fields) {
  detail::check_lora_keys(fields);
  constexpr std::int64_t kMaxRank = std::int64_t{1} << 24;
  LoraConfig config;
  config.r = fields.integer_or("r", config.r, {.min = 1, .max = kMaxRank});
  config.lora_alpha = fields.number_or("lora_alpha", config.lora_alpha);
  config.lora_dropout = fields.number_or("lora_dropout", config.lora_dropout);
  if (!fields.absent("target_modules")) {
    config.target_modules = detail::read_modules(fields, "target_modules");
  }
  config.exclude_modules = detail::read_modules(fields, "exclude_modules");
  config.use_rslora = detail::read_switch(fields, "use_rslora");
  config.rank_pattern = detail::read_pattern<Index>(
      fields, "rank_pattern", [](const JsonFields& object, const std::string& key) {
        return static_cast<Index>(object.integer(key, {.min = 1, .max = kMaxRank}));
      });
  config.alpha_pattern = detail::read_pattern<double>(
      fields, "alpha_pattern",
      [](const JsonFields& object, const std::string& key) { return object.number(key); });
  detail::read_layers(fields, config);
  config.bias = lora_bias_from(fields.string_or("bias", "none"), fields.where("bias"));
  config.lora_bias = detail::read_switch(fields, "lora_bias");
  config.use_dora = detail::read_switch(fields, "use_dora");
  config.start = detail::read_start(fields);
  config.modules_to_save = detail::read_names(fields, "modules_to_save");
  detail::read_token_indices(fields, config);
  detail::check_tying(fields, config);
  return config;
}

SOLO_INLINE std::string LoraConfig::to_json(std::string_view base_model) const {
  Json json = detail::common_json("LORA", base_model);
  json["bias"] = to_string(bias);
  json["fan_in_fan_out"] = true;
  json["init_lora_weights"] = start == LoraStart::plain ? Json(true) : Json(to_string(start));
  json["layers_pattern"] = layers_pattern.empty() ? Json(nullptr) : Json(layers_pattern);
  json["layers_to_transform"] =
      layers_to_transform.empty() ? Json(nullptr) : Json(layers_to_transform);
  json["lora_alpha"] = detail::number_json(lora_alpha);
  json["lora_dropout"] = lora_dropout;
  json["modules_to_save"] = modules_to_save.empty() ? Json(nullptr) : Json(modules_to_save);
  json["r"] = r;
  json["target_modules"] = detail::modules_json(target_modules);
  // Keys that older versions of peft do not know are written only where they say something.
  if (!rank_pattern.empty()) {
    json["rank_pattern"] = detail::pattern_json(rank_pattern, [](Index v) { return Json(v); });
  }
  if (!alpha_pattern.empty()) {
    json["alpha_pattern"] = detail::pattern_json(alpha_pattern, detail::number_json);
  }
  if (!exclude_modules.empty()) json["exclude_modules"] = detail::modules_json(exclude_modules);
  if (use_rslora) json["use_rslora"] = true;
  if (lora_bias) json["lora_bias"] = true;
  if (use_dora) json["use_dora"] = true;
  if (trainable_token_indices.size() == 1 && trainable_token_indices.front().first == "wte") {
    json["trainable_token_indices"] = trainable_token_indices.front().second;
  } else if (!trainable_token_indices.empty()) {
    json["trainable_token_indices"] = detail::pattern_json(
        trainable_token_indices, [](const std::vector<Index>& ids) { return Json(ids); });
  }
  return dump_sorted(json);
}

SOLO_INLINE void LoraConfig::see_tensors(std::span<const std::string> names) {
  saved_tables = detail::saved_table_names(*this, names);
}

SOLO_INLINE Index LoraConfig::vocab_size(std::span<const AdapterTensor> tensors,
                                         const GPT2Config& base) const {
  return detail::vocabulary_of(*this, tensors, base);
}

SOLO_INLINE bool LoraConfig::ignores(std::string_view name) const {
  if (detail::is_repeated_table(*this, name)) return true;
  // With both, peft also writes what it wraps the copied modules in.
  return bias == LoraBias::all && !modules_to_save.empty() && name.ends_with(".bias") &&
         (name.find(".modules_to_save.") != std::string_view::npos ||
          name.find(".original_module.") != std::string_view::npos);
}

}  // namespace solo::inline SOLO_ABI
