// SPDX-License-Identifier: MIT
/// @file
/// The E2E experiment of the LoRA paper: what the README of its code runs.
#pragma once

#include <solo/adapters/lora/config.hpp>
#include <solo/train/trainer_options.hpp>

namespace solo::inline SOLO_ABI {

/// Sequences are cut to this many tokens.
inline constexpr Index kLoraE2eMaxLength = 512;

/// Five epochs in batches of 8 with LoRA's AdamW, rate 2e-4, decay 0.01, 500 steps of warm-up,
/// label smoothing 0.1, seed 110, no clipping; validation in batches of 4. `rest` has the other
/// options.
[[nodiscard]] inline TrainerOptions lora_e2e_options(TrainerOptions rest = {}) {
  rest.recipe = Recipe::lora_e2e;
  rest.epochs = 5.0;
  rest.batch_size = 8;
  rest.gradient_accumulation_steps = 1;
  rest.optimizer = AdamWVariant::lora_nlg;
  rest.learning_rate = 2e-4;
  rest.weight_decay = 0.01;
  rest.adam_beta1 = 0.9;
  rest.adam_beta2 = 0.999;
  rest.adam_epsilon = 1e-6;
  rest.lr_scheduler = LrScheduler::linear;
  rest.warmup_steps = 500;
  rest.max_grad_norm = 0.0;
  rest.label_smoothing = 0.1;
  rest.seed = 110;
  rest.eval_batch_size = 4;
  return rest;
}

/// Rank 4 on queries and values, alpha 32, dropout 0.1, all layers beginning alike.
[[nodiscard]] inline LoraConfig lora_e2e_adapter() {
  return {.r = 4,
          .lora_alpha = 32,
          .lora_dropout = 0.1,
          .target_modules = {"c_attn.q", "c_attn.v"},
          .equal_init = true,
          .seed = 110};
}

}  // namespace solo::inline SOLO_ABI
