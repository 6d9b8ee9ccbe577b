// SPDX-License-Identifier: MIT
#pragma once

#include <solo/adapters/module_json.hpp>
#include <solo/core/error.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>

namespace solo::inline SOLO_ABI::detail {

SOLO_INLINE void check_common_fields(const JsonFields& fields) {
  if (!fields.absent("inference_mode")) (void)fields.boolean("inference_mode");
  if (!fields.absent("task_type") && fields.string("task_type") != "CAUSAL_LM") {
    fail<ConfigError>("adapter.task_type", fields.where("task_type"),
                      ": expected 'CAUSAL_LM', found ", quoted(fields.string("task_type")));
  }
  constexpr std::string_view kBase = "base_model_name_or_path";
  if (!fields.absent(kBase) && !fields.value(kBase).is_string()) {
    fields.refuse(kBase, "a string or null");
  }
}

SOLO_INLINE bool says_nothing(const Json& value) {
  return value.is_null() || (value.is_boolean() && !value.get<bool>()) ||
         (value.is_structured() && value.empty());
}

SOLO_INLINE void reject_unknown_settings(const JsonFields& fields,
                                         std::span<const std::string_view> known) {
  for (const auto& [key, value] : fields.json().get_ref<const Json::object_t&>()) {
    if (says_nothing(value) || std::find(known.begin(), known.end(), key) != known.end()) continue;
    fail<FormatError>("json.unknown_key", fields.source(), ": unknown key ",
                      quoted(std::string_view(key)), ", which says ", describe(value));
  }
}

SOLO_INLINE bool read_switch(const JsonFields& fields, std::string_view key) {
  return !fields.absent(key) && fields.boolean(key);
}

SOLO_INLINE Json common_json(std::string_view peft_type, std::string_view base_model) {
  Json json = Json::object();
  json["base_model_name_or_path"] = base_model.empty() ? Json(nullptr) : Json(base_model);
  json["inference_mode"] = true;
  json["peft_type"] = peft_type;
  json["task_type"] = "CAUSAL_LM";
  return json;
}

SOLO_INLINE std::vector<std::string> read_names(const JsonFields& fields, std::string_view key) {
  if (fields.absent(key)) return {};
  if (fields.value(key).is_string()) return {fields.string(key)};
  return fields.strings(key);
}

SOLO_INLINE ModuleNames read_modules(const JsonFields& fields, std::string_view key) {
  if (fields.absent(key)) return {};
  if (fields.value(key).is_string()) return ModuleNames::regex(fields.string(key));
  return fields.strings(key);
}

SOLO_INLINE Json modules_json(const ModuleNames& modules) {
  return modules.is_regex() ? Json(modules.expression()) : Json(modules.names());
}

}  // namespace solo::inline SOLO_ABI::detail
