// SPDX-License-Identifier: MIT
#pragma once

#include <solo/train/train_json.hpp>

#include <nlohmann/json.hpp>

#include <string>
#include <utility>

namespace solo::inline SOLO_ABI::detail {

SOLO_INLINE Json to_json(const LogEntry& entry) {
  Json out = Json::object();
  out["step"] = entry.step;
  out["epoch"] = entry.epoch;
  const auto add = [&out](const char* key, const std::optional<double>& value) {
    if (value) out[key] = *value;
  };
  add("loss", entry.loss);
  add("learning_rate", entry.learning_rate);
  add("grad_norm", entry.grad_norm);
  add("eval_loss", entry.eval_loss);
  return out;
}

SOLO_INLINE Json to_json(const TrainerOptions& options) {
  Json out = Json::object();
  out["recipe"] = std::string(to_string(options.recipe));
  out["epochs"] = options.epochs;
  out["max_steps"] = options.max_steps;
  out["batch_size"] = options.batch_size;
  out["gradient_accumulation_steps"] = options.gradient_accumulation_steps;
  out["optimizer"] = std::string(to_string(options.optimizer));
  out["learning_rate"] = options.learning_rate;
  out["weight_decay"] = options.weight_decay;
  out["adam_beta1"] = options.adam_beta1;
  out["adam_beta2"] = options.adam_beta2;
  out["adam_epsilon"] = options.adam_epsilon;
  out["lr_scheduler"] = std::string(to_string(options.lr_scheduler));
  out["warmup_steps"] = options.warmup_steps;
  out["max_grad_norm"] = options.max_grad_norm;
  out["label_smoothing"] = options.label_smoothing;
  Json multipliers = Json::object();
  for (const auto& [kind, multiplier] : options.lr_multipliers) multipliers[kind] = multiplier;
  out["lr_multipliers"] = std::move(multipliers);
  out["seed"] = options.seed;
  out["shuffle"] = options.shuffle;
  out["share_context"] = options.share_context;
  out["shuffle_by_context"] = options.shuffle_by_context;
  out["model_dropout"] = options.model_dropout;
  out["gradient_checkpointing"] = options.gradient_checkpointing;
  const PrefixCacheOptions& cache = options.prefix_cache;
  out["prefix_cache"] = cache.mode == PrefixCacheMode::file
                            ? cache.file.string()
                            : (cache.mode == PrefixCacheMode::memory ? "memory" : "off");
  out["prefix_cache_dtype"] = std::string(to_string(cache.dtype));
  out["prefix_cache_max_bytes"] = cache.max_bytes;
  out["logging_steps"] = options.logging_steps;
  out["eval_steps"] = options.eval_steps;
  out["eval_on_start"] = options.eval_on_start;
  out["eval_batch_size"] = options.eval_batch_size;
  out["save_steps"] = options.save_steps;
  out["save_total_limit"] = options.save_total_limit;
  out["early_stopping"] = options.early_stopping;
  out["load_best_model_at_end"] = options.load_best_model_at_end;
  return out;
}

}  // namespace solo::inline SOLO_ABI::detail
