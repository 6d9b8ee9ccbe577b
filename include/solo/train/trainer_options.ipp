// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/known_value.hpp>
#include <solo/optim/param_groups.hpp>
#include <solo/train/trainer_options.hpp>

namespace solo::inline SOLO_ABI {

namespace detail {

SOLO_INLINE void require_at_least(std::int64_t least, std::string_view name, std::int64_t value) {
  if (value >= least) return;
  fail<ConfigError>("config.range", name, ": expected at least ", least, ", found ", value);
}

SOLO_INLINE void require_unit(std::string_view name, double value) {
  if (value >= 0.0 && value < 1.0) return;
  fail<ConfigError>("config.range", name, ": expected 0 <= x < 1, found ", value);
}

}  // namespace detail

SOLO_INLINE void TrainerOptions::validate() const {
  using detail::require_at_least;
  using detail::require_not_negative;
  detail::require_known("recipe", recipe, Recipe::lora_e2e);
  detail::require_known("optimizer", optimizer, AdamWVariant::lora_nlg);
  detail::require_known("lr_scheduler", lr_scheduler, LrScheduler::constant_with_warmup);
  detail::require_known("prefix_cache: mode", prefix_cache.mode, PrefixCacheMode::file);
  require_at_least(0, "max_steps", max_steps);
  if (max_steps == 0 && !(is_finite(epochs) && epochs > 0.0)) {
    fail<ConfigError>("config.range", "epochs: expected a finite number above 0, found ", epochs);
  }
  require_at_least(1, "batch_size", batch_size);
  require_at_least(1, "gradient_accumulation_steps", gradient_accumulation_steps);
  require_not_negative("learning_rate", "", learning_rate);
  require_not_negative("weight_decay", "", weight_decay);
  detail::require_unit("adam_beta1", adam_beta1);
  detail::require_unit("adam_beta2", adam_beta2);
  require_not_negative("adam_epsilon", "", adam_epsilon);
  require_at_least(0, "warmup_steps", warmup_steps);
  require_not_negative("max_grad_norm", "", max_grad_norm);
  detail::require_unit("label_smoothing", label_smoothing);
  for (const auto& [kind, multiplier] : lr_multipliers) {
    require_not_negative("lr_multiplier ", quoted(kind), multiplier);
  }
  require_at_least(1, "logging_steps", logging_steps);
  require_at_least(0, "eval_steps", eval_steps);
  require_at_least(1, "eval_batch_size", eval_batch_size);
  require_at_least(0, "save_steps", save_steps);
  require_at_least(0, "save_total_limit", save_total_limit);
  require_at_least(0, "early_stopping", early_stopping);
  require_at_least(1, "prefix_cache: max_bytes", prefix_cache.max_bytes);
  if (prefix_cache.dtype != DType::float32 && prefix_cache.dtype != DType::bfloat16) {
    fail<ConfigError>("config.range", "prefix_cache.dtype: expected float32 or bfloat16, found ",
                      to_string(prefix_cache.dtype));
  }
  const auto require = [](bool good, std::string_view what) {
    if (!good) fail<ConfigError>("train.options", what);
  };
  require(save_steps == 0 || !output_dir.empty(), "save_steps: needs an output_dir");
  require(early_stopping == 0 || eval_steps > 0, "early_stopping: needs eval_steps above 0");
  require(!load_best_model_at_end || (eval_steps > 0 && !output_dir.empty()),
          "load_best_model_at_end: needs eval_steps above 0 and an output_dir");
  require(shuffle || !shuffle_by_context, "shuffle_by_context: needs shuffle");
  require(recipe == Recipe::none || !shuffle_by_context,
          "shuffle_by_context: not with a recipe, which has an order of its own");
  const bool cached = prefix_cache.mode != PrefixCacheMode::off;
  require(!cached || !model_dropout,
          "prefix_cache: not with model_dropout, which acts in the prefix");
  require((prefix_cache.mode == PrefixCacheMode::file) == !prefix_cache.file.empty(),
          "prefix_cache: mode file and the file's path need each other");
  require(!resume || !output_dir.empty() || !resume_from.empty(),
          "resume: needs an output_dir or resume_from");
  require(resume || resume_from.empty(), "resume_from: needs resume");
}

}  // namespace solo::inline SOLO_ABI
