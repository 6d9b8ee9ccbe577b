// SPDX-License-Identifier: MIT
#pragma once

#include <solo/adapters/lora/peft_form.hpp>
#include <solo/core/error.hpp>

#include <algorithm>
#include <cmath>

namespace solo::inline SOLO_ABI::detail {

/// What a file says about a layer: rank and alpha of its parts together.
struct WholeRank {
  Index rank = 0;
  double alpha = 0.0;
  bool operator==(const WholeRank&) const = default;
};

[[nodiscard]] inline WholeRank whole_rank(const LoraConfig& config, const LoraSite& site) {
  if (!site.sliced()) return {site.rank, site.alpha};
  const auto parts = static_cast<double>(site.part_count());
  return {site.total_rank(), site.alpha * (config.use_rslora ? std::sqrt(parts) : parts)};
}

SOLO_INLINE LoraConfig peft_form(const LoraConfig& config, const LoraPlan& plan,
                                 const GPT2Config& base) {
  LoraConfig form = config;
  std::vector<std::string> names;
  for (std::string name : config.target_modules.names()) {
    const bool part = std::any_of(kPartNames.begin(), kPartNames.end(), [&](std::string_view p) {
      return name.ends_with(concat("c_attn", p));
    });
    if (part) name.resize(name.size() - 2);
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  if (!config.target_modules.is_regex()) form.target_modules = std::move(names);

  std::vector<WholeRank> wanted;
  for (const LoraSite& site : plan.sites) wanted.push_back(whole_rank(config, site));
  const bool uniform = std::equal(wanted.begin() + 1, wanted.end(), wanted.begin());
  if (uniform && config.rank_pattern.empty() && config.alpha_pattern.empty()) {
    form.r = wanted.front().rank;
    form.lora_alpha = wanted.front().alpha;
    return form;
  }
  std::sort(form.rank_pattern.begin(), form.rank_pattern.end());
  std::sort(form.alpha_pattern.begin(), form.alpha_pattern.end());
  const LoraPlan sorted = plan_lora(form, base);
  bool same = sorted.sites.size() == wanted.size();
  for (std::size_t i = 0; same && i < wanted.size(); ++i) {
    same = whole_rank(form, sorted.sites[i]) == wanted[i];
  }
  if (same) return form;
  form.rank_pattern.clear();
  form.alpha_pattern.clear();
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const std::string& module = plan.sites[i].module;
    if (wanted[i].rank != form.r) form.rank_pattern.emplace_back(module, wanted[i].rank);
    if (wanted[i].alpha != form.lora_alpha) {
      form.alpha_pattern.emplace_back(module, wanted[i].alpha);
    }
  }
  return form;
}

}  // namespace solo::inline SOLO_ABI::detail
