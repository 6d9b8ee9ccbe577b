// SPDX-License-Identifier: MIT
#pragma once

#include <solo/adapters/lora/plan.hpp>
#include <solo/core/error.hpp>
#include <solo/core/known_value.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <set>

namespace solo::inline SOLO_ABI::detail {

SOLO_INLINE Index LoraSite::part_count() const noexcept {
  return sliced() ? std::count(parts.begin(), parts.end(), true) : 1;
}

SOLO_INLINE std::array<bool, 3> c_attn_parts(const std::vector<std::string>& targets,
                                             std::string_view module, bool whole) {
  std::array<bool, 3> parts = {};
  if (!names_module("c_attn", module)) return parts;
  for (const std::string& target : targets) {
    for (std::size_t i = 0; i < kPartNames.size(); ++i) {
      const std::string_view entry = target;
      if (!entry.ends_with(kPartNames[i])) continue;
      const std::string_view name = entry.substr(0, entry.size() - 2);
      if (whole ? name == module : names_module(name, module)) parts[i] = true;
    }
  }
  return parts;
}

/// The configuration's patterns, ready to match; its plain fields checked.
class LoraPlanner {
 public:
  LoraPlanner(const LoraConfig& config, const GPT2Config& base)
      : config_(config), base_(base), modules_(module_names(base)) {
    check_values();
    check_patterns();
    check_conflicts();
    compile();
  }

  [[nodiscard]] LoraPlan plan() {
    LoraPlan plan;
    plan.sites = sites();
    if (plan.sites.empty()) {
      const bool layers = !config_.layers_to_transform.empty();
      fail<ConfigError>("lora.target", "target_modules: ", describe_modules(config_.target_modules),
                        " matches no linear layer or table of tokens of a model of ", base_.n_layer,
                        " blocks", layers ? " within layers_to_transform and layers_pattern" : "");
    }
    select_saved();
    plan.copies = copies(plan.sites);
    std::vector<std::string> targets;
    for (const LoraSite& site : plan.sites) targets.push_back(site.module);
    plan.rows = plan_token_rows(config_, base_, targets);
    std::vector<std::string> replaced;
    for (const LoraCopy& copy : plan.copies) replaced.push_back(copy.base);
    for (const LoraRows& rows : plan.rows) {
      if (std::find(replaced.begin(), replaced.end(), rows.bases.front()) == replaced.end()) {
        continue;
      }
      fail<ConfigError>("lora.token_indices", "trainable_token_indices: ", rows.bases.front(),
                        " trains as a whole by modules_to_save; give one of the two");
    }
    plan.tables = plan_tables(config_, base_, replaced);
    return plan;
  }

 private:
  static void check_alpha(std::string_view field, double alpha) {
    // Scales are applied as float.
    if (!(std::abs(alpha) <= static_cast<double>(std::numeric_limits<float>::max()))) {
      fail<ConfigError>("config.range", field, ": expected a finite number that fits a float, ",
                        "found ", alpha);
    }
  }
  static void check_rank(std::string_view field, Index rank) {
    constexpr Index kMaxRank = Index{1} << 24;
    if (rank < 1 || rank > kMaxRank) {
      fail<ConfigError>("config.range", field, ": expected 1 to ", kMaxRank, ", found ", rank);
    }
  }

  void check_values() const {
    require_known("bias", config_.bias, LoraBias::lora_only);
    require_known("start", config_.start, LoraStart::olora);
    check_rank("r", config_.r);
    check_alpha("lora_alpha", config_.lora_alpha);
    if (!(config_.lora_dropout >= 0.0 && config_.lora_dropout < 1.0)) {
      fail<ConfigError>("config.range", "lora_dropout: expected 0 <= x < 1, found ",
                        config_.lora_dropout);
    }
    for (const auto& [key, rank] : config_.rank_pattern) {
      check_rank(concat("rank_pattern: ", quoted(key)), rank);
    }
    for (const auto& [key, alpha] : config_.alpha_pattern) {
      check_alpha(concat("alpha_pattern: ", quoted(key)), alpha);
    }
    for (const Index layer : config_.layers_to_transform) {
      if (layer < 0) {
        fail<ConfigError>("config.range", "layers_to_transform: expected 0 or more, found ", layer);
      }
    }
    for (const std::string& entry : config_.modules_to_save) {
      if (entry.empty()) {
        fail<ConfigError>("lora.modules_to_save", "modules_to_save: an empty name");
      }
    }
  }

  void check_patterns() const {
    const auto check = [](std::string_view field, const auto& pattern) {
      std::set<std::string_view> seen;
      std::size_t count = 0;
      for (const auto& [key, value] : pattern) {
        if (!seen.insert(key).second) {
          fail<ConfigError>("config.value", field, ": the key ", quoted(key), " comes twice");
        }
        count += key.size() + 1;
      }
      return count;
    };
    std::size_t work = check("rank_pattern", config_.rank_pattern);
    work += check("alpha_pattern", config_.alpha_pattern);
    work += characters(config_.target_modules) + characters(config_.exclude_modules) +
            characters(config_.modules_to_save) + characters(config_.layers_pattern) +
            config_.layers_to_transform.size();
    check_matching_work("adapter configuration", work, modules_.size());
  }

  void check_conflicts() const {
    if (config_.target_modules.is_regex() &&
        !(config_.layers_to_transform.empty() && config_.layers_pattern.empty())) {
      fail<ConfigError>("lora.conflict", "layers_to_transform and layers_pattern need a list of ",
                        "target_modules, found the expression ",
                        quoted(config_.target_modules.expression()));
    }
    if (!config_.layers_pattern.empty() && config_.layers_to_transform.empty()) {
      fail<ConfigError>("lora.conflict", "layers_pattern: needs layers_to_transform");
    }
    if (config_.use_dora && config_.lora_bias) {
      fail<ConfigError>("lora.conflict", "lora_bias: not possible with use_dora");
    }
  }

  void compile() {
    // peft's "all-linear": the linear layers of the blocks.
    const bool all_linear = lower_ascii(config_.target_modules.expression()) == "all-linear";
    targets_.emplace(all_linear ? ModuleNames{"c_attn", "c_proj", "c_fc"} : config_.target_modules,
                     "target_modules");
    excluded_.emplace(config_.exclude_modules, "exclude_modules");
    std::size_t states = 0;
    const auto compiled = [&](const std::string& expression, std::string_view field) {
      ModulePattern pattern(expression, field);
      states += pattern.states();
      check_matching_work(field, states, modules_.size());
      return pattern;
    };
    for (const std::string& entry : config_.modules_to_save) {
      saved_patterns_.push_back(
          compiled(concat("(.*\\.)?(", entry, ")(\\..*)?"), "modules_to_save"));
    }
    for (const std::string& entry : config_.layers_pattern) {
      if (entry.find('|') != std::string::npos) {
        fail<ConfigError>("pattern.syntax", "layers_pattern: ", quoted(entry),
                          ": alternatives are not supported; give a list");
      }
      layer_patterns_.push_back(
          compiled(concat(R"((.*\.)?()", entry, R"()\.\d+\..*)"), "layers_pattern"));
    }
    const auto key_pattern = [&](const std::string& key, std::string_view field) {
      return compiled(concat(R"((.*\.)?()", key, ")$"), field);
    };
    for (const auto& [key, rank] : config_.rank_pattern) {
      ranks_.emplace_back(key_pattern(key, "rank_pattern"), rank);
    }
    for (const auto& [key, alpha] : config_.alpha_pattern) {
      alphas_.emplace_back(key_pattern(key, "alpha_pattern"), alpha);
    }
  }

  [[nodiscard]] bool in_layers(std::string_view module, std::optional<Index> layer) const {
    const std::vector<Index>& layers = config_.layers_to_transform;
    if (layers.empty()) return true;
    if (!layer || std::find(layers.begin(), layers.end(), *layer) == layers.end()) return false;
    return layer_patterns_.empty() ||
           std::any_of(layer_patterns_.begin(), layer_patterns_.end(),
                       [&](const ModulePattern& p) { return p.matches(module); });
  }
  [[nodiscard]] bool excluded(std::string_view module) const {
    return excluded_->matches(module) ||
           std::any_of(saved_patterns_.begin(), saved_patterns_.end(),
                       [&](const ModulePattern& p) { return p.matches(module); });
  }
  /// A whole name in the list counts in every layer.
  [[nodiscard]] bool named_whole(std::string_view module) const {
    const std::vector<std::string>& names = config_.target_modules.names();
    return std::find(names.begin(), names.end(), module) != names.end();
  }

  [[nodiscard]] std::vector<LoraSite> sites() const {
    std::vector<LoraSite> result;
    LinearSite next;
    std::optional<Index> layer;
    for (const std::string& module : modules_) {
      if (module == concat("transformer.h.", layer.value_or(-1) + 1)) {
        layer = layer.value_or(-1) + 1;
        next = {static_cast<int>(*layer), LinearKind::attn_c_attn};
      }
      const bool inside = layer && module.starts_with(concat("transformer.h.", *layer, "."));
      const bool linear = inside && module == "transformer." + next.name();
      const LinearSite site = next;
      if (linear && next.kind != LinearKind::mlp_c_proj) {
        next.kind = static_cast<LinearKind>(static_cast<int>(next.kind) + 1);
      }
      if (excluded(module)) continue;
      const bool chosen = in_layers(module, inside ? layer : std::nullopt);
      const bool whole = (targets_->matches(module) && chosen) || named_whole(module);
      const auto parts = c_attn_parts(config_.target_modules.names(), module, !chosen);
      const bool sliced = parts[0] || parts[1] || parts[2];
      if (!whole && !sliced) continue;
      const auto table =
          std::find_if(kTokenTables.begin(), kTokenTables.end(),
                       [&module](const TokenTable& t) { return t.module == module; });
      if (table != kTokenTables.end()) {
        result.push_back(resolved_table(*table));
        continue;
      }
      if (!linear) {
        fail<ConfigError>(
            "lora.target", "target_modules: ", describe_modules(config_.target_modules),
            " matches ", quoted(module),
            "; only c_attn, c_proj and c_fc of the blocks, wte and lm_head can be adapted");
      }
      if (whole && sliced) {
        fail<ConfigError>("lora.parts",
                          "target_modules: ", describe_modules(config_.target_modules), " names ",
                          quoted(module), " and parts of it");
      }
      result.push_back(resolved(site, module, parts));
    }
    return result;
  }

  [[nodiscard]] LoraSite resolved(const LinearSite& site, const std::string& module,
                                  const std::array<bool, 3>& parts) const {
    const Index width = base_.n_embd;
    LoraSite result{
        .site = site, .module = module, .number = site.index(), .rank = config_.r, .parts = parts};
    result.alpha = config_.lora_alpha;
    result.in = site.kind == LinearKind::mlp_c_proj ? base_.inner() : width;
    result.out = site.kind == LinearKind::attn_c_attn ? 3 * width
                 : site.kind == LinearKind::mlp_c_fc  ? base_.inner()
                                                      : width;
    set_scale(result);
    if (result.sliced() && (config_.use_dora || config_.lora_bias)) {
      fail<ConfigError>("lora.conflict", config_.use_dora ? "use_dora" : "lora_bias",
                        ": not possible for parts of ", quoted(module));
    }
    return result;
  }

  [[nodiscard]] LoraSite resolved_table(const TokenTable& table) const {
    const bool embedding = table.base == "wte.weight";
    for (const auto& [asked, field] :
         {std::pair(config_.use_dora, "use_dora"), std::pair(config_.lora_bias, "lora_bias")}) {
      if (!asked) continue;
      fail<ConfigError>("lora.conflict", field, ": not possible for ", quoted(table.module),
                        "; leave it out of target_modules (or exclude it), or ", field,
                        " off; an adapter of peft's that has both can be merged there "
                        "(merge_and_unload)");
    }
    LoraSite result{
        .module = std::string(table.module),
        .table = std::string(table.base),
        .number = static_cast<int>(base_.n_layer) * kLinearsPerBlock + (embedding ? 0 : 1),
        .in = embedding ? base_.vocab_size : base_.n_embd,
        .out = embedding ? base_.n_embd : base_.vocab_size,
        .rank = config_.r,
        .alpha = config_.lora_alpha};
    set_scale(result);
    return result;
  }

  /// Rank and alpha by the patterns, then the scale.
  void set_scale(LoraSite& site) const {
    const auto first = [&site](const auto& patterns, auto& value) {
      for (const auto& [pattern, other] : patterns) {
        if (!pattern.matches(site.module)) continue;
        value = other;
        return;
      }
    };
    first(ranks_, site.rank);
    first(alphas_, site.alpha);
    const auto rank = static_cast<double>(site.rank);
    site.scale = site.alpha / (config_.use_rslora ? std::sqrt(rank) : rank);
  }

  /// Finds the modules of modules_to_save.
  void select_saved() {
    const auto refuse = [](const std::string& entry, const auto&... why) {
      fail<ConfigError>("lora.modules_to_save", "modules_to_save: ", quoted(entry), why...);
    };
    for (const std::string& entry : config_.modules_to_save) {
      bool found = false;
      for (const std::string& module : modules_) {
        if (!module.ends_with(entry)) continue;
        if (!names_module(entry, module)) {
          refuse(entry, " is the end of ", quoted(module), ", but no whole name within it");
        }
        found = true;
        saved_.insert(module);
      }
      if (!found) refuse(entry, " is no module of the model");
    }
    for (const std::string& module : saved_) {
      for (std::size_t dot = module.find('.'); dot != std::string::npos;
           dot = module.find('.', dot + 1)) {
        const std::string outer = module.substr(0, dot);
        if (saved_.contains(outer)) refuse(module, " lies within ", quoted(outer));
      }
    }
  }
  [[nodiscard]] bool is_saved(const std::string& module) const {
    for (std::size_t dot = module.find('.'); dot != std::string::npos;
         dot = module.find('.', dot + 1)) {
      if (saved_.contains(module.substr(0, dot))) return true;
    }
    return saved_.contains(module);
  }

  [[nodiscard]] std::vector<LoraCopy> copies(const std::vector<LoraSite>& sites) const {
    std::set<std::string_view> adapted;
    for (const LoraSite& site : sites) adapted.insert(site.module);
    std::vector<LoraCopy> result;
    std::size_t saved = 0;
    for (const BaseTensor& tensor : base_tensors(base_)) {
      const bool target = adapted.contains(tensor.module);
      if (is_saved(tensor.module)) {
        ++saved;
        result.push_back({tensor.full_name(), tensor.base_name(), tensor.shape});
      } else if (tensor.parameter == "bias" && (config_.bias == LoraBias::all ||
                                                (config_.bias == LoraBias::lora_only && target))) {
        const std::string_view name = target ? ".base_layer.bias" : ".bias";
        result.push_back({concat(tensor.module, name), tensor.base_name(), tensor.shape});
      }
    }
    if (saved == 0 && !saved_.empty()) {
      fail<ConfigError>("lora.modules_to_save", "modules_to_save: ", quoted(*saved_.begin()),
                        " has no parameters");
    }
    return result;
  }

  const LoraConfig& config_;
  const GPT2Config& base_;
  std::vector<std::string> modules_;
  std::optional<ModuleMatcher> targets_;
  std::optional<ModuleMatcher> excluded_;
  std::vector<ModulePattern> saved_patterns_;
  std::vector<ModulePattern> layer_patterns_;
  std::vector<std::pair<ModulePattern, Index>> ranks_;
  std::vector<std::pair<ModulePattern, double>> alphas_;
  std::set<std::string> saved_;
};

SOLO_INLINE LoraPlan plan_lora(const LoraConfig& config, const GPT2Config& base) {
  return LoraPlanner(config, base).plan();
}

}  // namespace solo::inline SOLO_ABI::detail
