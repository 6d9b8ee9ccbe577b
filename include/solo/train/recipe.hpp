// SPDX-License-Identifier: MIT
/// @file
/// Names of the recipes: other people's training code that a run can follow.
#pragma once

#include <solo/core/error.hpp>

#include <string_view>

namespace solo::inline SOLO_ABI {

/// Whose ways a run has where no option says it: order of the examples, schedule, means of losses.
enum class Recipe {
  none,  ///< the Hugging Face Trainer's
  /// Those of microsoft/LoRA, examples/NLG (c4593f0). Batches in the order of LoraOrder, dropped
  /// nowhere; windows of gradient accumulation go on into the next epoch. The loss of a batch is
  /// Σ losses / (tokens + 1e-4), of a step the mean over its batches; no label smoothing up to
  /// 1e-4. The validation loss is the plain mean of those of the batches. LrSchedule::lora_nlg,
  /// counted in batches.
  lora_e2e,
};

/// "none" or "lora-e2e".
[[nodiscard]] constexpr std::string_view to_string(Recipe recipe) noexcept {
  return recipe == Recipe::none ? "none" : "lora-e2e";
}

/// The recipe of this name. Throws ConfigError ("config.value") for another name.
[[nodiscard]] inline Recipe recipe_from_name(std::string_view name) {
  for (const Recipe recipe : {Recipe::none, Recipe::lora_e2e}) {
    if (to_string(recipe) == name) return recipe;
  }
  fail<ConfigError>("config.value", "recipe: expected none or lora-e2e, found ", quoted(name));
}

}  // namespace solo::inline SOLO_ABI
