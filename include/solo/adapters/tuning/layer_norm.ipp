// SPDX-License-Identifier: MIT
#pragma once

#include <solo/adapters/module_json.hpp>
#include <solo/adapters/tuning/layer_norm.hpp>
#include <solo/core/error.hpp>

#include <nlohmann/json.hpp>

#include <set>

namespace solo::inline SOLO_ABI {

SOLO_INLINE LayerNormConfig LayerNormConfig::from_json(const JsonFields& fields) {
  std::vector<std::string_view> allowed = {"exclude_modules", "modules_to_save", "target_modules"};
  detail::append_common_keys(allowed);
  detail::reject_unknown_settings(fields, allowed);
  detail::check_common_fields(fields);
  if (!detail::read_names(fields, "modules_to_save").empty()) {
    fail<ConfigError>("ln_tuning.unsupported", fields.where("modules_to_save"),
                      ": expected null, the only value supported, found ",
                      describe(fields.value("modules_to_save")));
  }
  LayerNormConfig config;
  if (!fields.absent("target_modules")) {
    config.target_modules = detail::read_modules(fields, "target_modules");
  }
  config.exclude_modules = detail::read_modules(fields, "exclude_modules");
  return config;
}

SOLO_INLINE std::string LayerNormConfig::to_json(std::string_view base_model) const {
  Json json = detail::common_json("LN_TUNING", base_model);
  json["target_modules"] = detail::modules_json(target_modules);
  json["modules_to_save"] = nullptr;
  if (!exclude_modules.empty()) json["exclude_modules"] = detail::modules_json(exclude_modules);
  return dump_sorted(json);
}

SOLO_INLINE std::vector<TrainedCopy> LayerNormConfig::copies(const GPT2Config& base) const {
  const std::vector<std::string> modules = detail::module_names(base);
  detail::check_matching_work(
      "adapter configuration",
      detail::characters(target_modules) + detail::characters(exclude_modules), modules.size());
  const detail::ModuleMatcher targets(target_modules, "target_modules");
  const detail::ModuleMatcher excluded(exclude_modules, "exclude_modules");
  std::set<std::string_view> chosen;
  for (const std::string& module : modules) {
    if (excluded.matches(module) || !targets.matches(module)) continue;
    const bool norm = detail::names_module("ln_1", module) ||
                      detail::names_module("ln_2", module) || module == "transformer.ln_f";
    if (!norm) {
      fail<ConfigError>("ln_tuning.target",
                        "target_modules: ", detail::describe_modules(target_modules), " matches ",
                        quoted(module), "; only the layer norms ln_1, ln_2 and ln_f can be tuned");
    }
    chosen.insert(module);
  }
  std::vector<TrainedCopy> result;
  for (const detail::BaseTensor& t : detail::base_tensors(base)) {
    if (!chosen.contains(t.module)) continue;
    const std::string name = t.base_name();
    const std::size_t dot = name.rfind('.');
    result.push_back(
        {concat(name.substr(0, dot), ".ln_tuning_layers.", t.parameter), name, t.shape});
  }
  if (result.empty()) {
    fail<ConfigError>("ln_tuning.target",
                      "target_modules: ", detail::describe_modules(target_modules),
                      " matches no layer norm");
  }
  return result;
}

SOLO_INLINE Index parameter_count(const LayerNormConfig& config, const GPT2Config& base) {
  return count_trainable(config.tensors(base));
}

}  // namespace solo::inline SOLO_ABI
