// SPDX-License-Identifier: MIT
#pragma once

#include <solo/adapters/modules.hpp>
#include <solo/core/error.hpp>

namespace solo::inline SOLO_ABI::detail {

SOLO_INLINE bool names_module(std::string_view entry, std::string_view name) {
  if (!name.ends_with(entry)) return false;
  return name.size() == entry.size() || name[name.size() - entry.size() - 1] == '.';
}

SOLO_INLINE ModuleMatcher::ModuleMatcher(const ModuleNames& modules, std::string_view field)
    : names_(modules.names()) {
  if (modules.is_regex()) pattern_.emplace(modules.expression(), field);
}

SOLO_INLINE bool ModuleMatcher::matches(std::string_view name) const {
  if (pattern_) return pattern_->matches(name);
  for (const std::string& entry : names_) {
    if (names_module(entry, name)) return true;
  }
  return false;
}

SOLO_INLINE std::string BaseTensor::base_name() const {
  constexpr std::string_view kPrefix = "transformer.";
  std::string name = full_name();
  if (name.starts_with(kPrefix)) name.erase(0, kPrefix.size());
  return name;
}

SOLO_INLINE std::vector<BaseTensor> base_tensors(const GPT2Config& config) {
  const Index width = config.n_embd;
  const Index inner = config.inner();
  std::vector<BaseTensor> tensors = {{"transformer.wte", "weight", {config.vocab_size, width}},
                                     {"transformer.wpe", "weight", {config.n_positions, width}}};
  const auto norm = [&](const std::string& module) {
    tensors.push_back({module, "weight", {width}});
    tensors.push_back({module, "bias", {width}});
  };
  const auto linear = [&](const std::string& module, Index in, Index out) {
    tensors.push_back({module, "weight", {in, out}});
    tensors.push_back({module, "bias", {out}});
  };
  for (Index i = 0; i < config.n_layer; ++i) {
    const std::string block = concat("transformer.h.", i, ".");
    norm(block + "ln_1");
    linear(block + "attn.c_attn", width, 3 * width);
    linear(block + "attn.c_proj", width, width);
    norm(block + "ln_2");
    linear(block + "mlp.c_fc", width, inner);
    linear(block + "mlp.c_proj", inner, width);
  }
  norm("transformer.ln_f");
  tensors.push_back({"lm_head", "weight", {config.vocab_size, width}});
  return tensors;
}

SOLO_INLINE std::vector<std::string> module_names(const GPT2Config& config) {
  std::vector<std::string> names = {"transformer", "transformer.wte", "transformer.wpe",
                                    "transformer.drop", "transformer.h"};
  for (Index i = 0; i < config.n_layer; ++i) {
    const std::string block = concat("transformer.h.", i);
    names.push_back(block);
    for (const std::string_view part :
         {".ln_1", ".attn", ".attn.c_attn", ".attn.c_proj", ".attn.attn_dropout",
          ".attn.resid_dropout", ".ln_2", ".mlp", ".mlp.c_fc", ".mlp.c_proj", ".mlp.act",
          ".mlp.dropout"}) {
      names.push_back(concat(block, part));
    }
  }
  names.emplace_back("transformer.ln_f");
  names.emplace_back("lm_head");
  return names;
}

SOLO_INLINE std::string lower_ascii(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

SOLO_INLINE void check_matching_work(std::string_view field, std::size_t work,
                                     std::size_t modules) {
  constexpr std::size_t kMaxWork = 20'000'000;
  if (work > kMaxWork / (modules + 1)) {
    fail<ConfigError>("config.size", field, ": names and patterns of ", work,
                      " characters or states are too many for a model of ", modules, " modules");
  }
}

SOLO_INLINE std::size_t characters(const ModuleNames& modules) {
  std::size_t count = modules.expression().size();
  for (const std::string& name : modules.names()) count += name.size() + 1;
  return count;
}

SOLO_INLINE std::string describe_modules(const ModuleNames& modules) {
  if (modules.is_regex()) return quoted(modules.expression());
  std::string text = "[";
  for (const std::string& name : modules.names()) {
    if (text.size() > 300) return text + ", …]";
    if (text.size() > 1) text += ", ";
    text += quoted(name, 60);
  }
  return text + "]";
}

}  // namespace solo::inline SOLO_ABI::detail
