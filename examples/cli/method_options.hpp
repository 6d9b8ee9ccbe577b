// SPDX-License-Identifier: MIT
/// @file
/// --method and the options of the adapters' configurations, for `train` and `params`.
#pragma once

#include <solo/adapters/adapters.hpp>
#include <solo/train/recipe.hpp>

#include "program.hpp"

#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace solo::cli {

/// The configuration of one method; monostate is full fine-tuning.
using MethodConfig =
    std::variant<std::monostate, SoloConfig, LoraConfig, BitFitConfig, LayerNormConfig>;

/// The parts of c_attn (c_attn.q, …) that a LoRA folder was trained on, as its training_args.json
/// says; empty for whole modules.
std::vector<std::string> trained_parts(const std::filesystem::path& folder);

/// What was said on the command line about the method.
class MethodOptions {
 public:
  /// Adds --method and every configuration option.
  explicit MethodOptions(CLI::App& app);

  [[nodiscard]] const std::string& method() const noexcept { return method_; }
  [[nodiscard]] Recipe recipe() const { return recipe_from_name(recipe_); }
  /// The configuration that the options ask for, or the recipe where they do not say. Throws
  /// UsageError for an option that the method does not have, ConfigError for a value out of its
  /// range.
  [[nodiscard]] MethodConfig config() const;
  /// The configuration of an adapter folder of this method; an option that says something else is
  /// a ConfigError, except --dropout.
  [[nodiscard]] MethodConfig config_of(const std::filesystem::path& folder) const;
  /// The value given for a configuration option; empty if there was none.
  [[nodiscard]] std::string given(const std::string& option) const;

 private:
  std::string method_;
  std::string recipe_ = "none";
  std::map<std::string, std::string> values_;  // by option name, as given
};

}  // namespace solo::cli
