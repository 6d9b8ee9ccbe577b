// SPDX-License-Identifier: MIT
#pragma once

#include <solo/optim/param_groups.hpp>

#include <algorithm>

namespace solo::inline SOLO_ABI {

namespace detail {

/// Calls f on each dot-separated component of `name`.
template <class F>
void for_components(std::string_view name, const F& f) {
  while (true) {
    const std::size_t dot = name.find('.');
    f(name.substr(0, dot));
    if (dot == std::string_view::npos) return;
    name.remove_prefix(dot + 1);
  }
}

}  // namespace detail

SOLO_INLINE std::string_view tensor_kind(std::string_view name) noexcept {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return name;
  const std::string_view last = name.substr(dot + 1);
  if (last != "weight" && last != "bias") return last;
  name = name.substr(0, dot);
  return name.substr(name.rfind('.') + 1);  // npos + 1 is 0
}

SOLO_INLINE bool has_weight_decay(std::string_view name) {
  std::string lower(name);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  for (const std::string_view part : {"bias", "layernorm", "rmsnorm"}) {
    if (lower.find(part) != std::string::npos) return false;
  }
  bool decays = true;
  detail::for_components(lower, [&](std::string_view part) {
    for (const std::string_view norm : {"ln_1", "ln_2", "ln_f", "norm"}) decays &= part != norm;
    decays &= !part.ends_with("_norm");
  });
  return decays;
}

template <Scalar T>
std::vector<ParamGroup<T>> make_param_groups(const std::vector<Parameter<T>*>& parameters,
                                             const ParamGroupOptions& options) {
  detail::require_not_negative("weight_decay", "", options.weight_decay);
  if (std::find(parameters.begin(), parameters.end(), nullptr) != parameters.end()) {
    fail<ConfigError>("optim.parameters", "a parameter is null");
  }
  for (const auto& [kind, multiplier] : options.lr_multipliers) {
    const std::string_view name = kind;  // clang 14 captures no structured binding
    detail::require_not_negative("lr_multiplier ", quoted(kind), multiplier);
    const bool used = std::any_of(parameters.begin(), parameters.end(),
                                  [&](Parameter<T>* p) { return tensor_kind(p->name()) == name; });
    if (!used) {
      fail<ConfigError>("optim.multiplier", "lr_multiplier ", quoted(kind),
                        ": no tensor of this kind is trained");
    }
  }
  std::vector<ParamGroup<T>> groups;
  for (Parameter<T>* p : parameters) {
    const bool decays = options.decay_all || has_weight_decay(p->name());
    const double decay = decays ? options.weight_decay : 0.0;
    const auto found = options.lr_multipliers.find(std::string(tensor_kind(p->name())));
    const double multiplier = found == options.lr_multipliers.end() ? 1.0 : found->second;
    auto group = std::find_if(groups.begin(), groups.end(), [&](const ParamGroup<T>& g) {
      return g.weight_decay == decay && g.lr_multiplier == multiplier;
    });
    if (group == groups.end()) {
      groups.push_back({.weight_decay = decay, .lr_multiplier = multiplier});
      group = groups.end() - 1;
    }
    group->parameters.push_back(p);
  }
  return groups;
}

#if !SOLO_HEADER_ONLY
template std::vector<ParamGroup<float>> make_param_groups(const std::vector<Parameter<float>*>&,
                                                          const ParamGroupOptions&);
template std::vector<ParamGroup<double>> make_param_groups(const std::vector<Parameter<double>*>&,
                                                           const ParamGroupOptions&);
#endif

}  // namespace solo::inline SOLO_ABI
