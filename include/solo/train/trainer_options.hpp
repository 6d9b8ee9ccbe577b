// SPDX-License-Identifier: MIT
/// @file
/// Options of a training run, with the names and defaults of the `solo train` command.
#pragma once

#include <solo/core/scalar.hpp>
#include <solo/optim/adamw.hpp>
#include <solo/optim/schedule.hpp>
#include <solo/train/prefix_cache_options.hpp>
#include <solo/train/recipe.hpp>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

namespace solo::inline SOLO_ABI {

/// How Trainer trains. Names and meanings are the Hugging Face Trainer's where it has them.
struct TrainerOptions {
  Recipe recipe = Recipe::none;           ///< see lora_e2e_options() for the options of one
  std::filesystem::path output_dir = {};  ///< logs and state go there; empty: nothing is written
  double epochs = 3.0;                    ///< passes over the data, fractions allowed
  std::int64_t max_steps = 0;             ///< optimizer steps; above 0 it overrides epochs
  Index batch_size = 8;
  Index gradient_accumulation_steps = 1;  ///< batches a step, the last step of an epoch maybe fewer
  AdamWVariant optimizer = AdamWVariant::torch;
  double learning_rate = 2e-4;
  double weight_decay = 0.0;  ///< of all but LayerNorms and biases; adamw_lora_nlg: of all
  double adam_beta1 = 0.9;
  double adam_beta2 = 0.999;
  double adam_epsilon = 1e-8;
  LrScheduler lr_scheduler = LrScheduler::linear;
  std::int64_t warmup_steps = 0;
  double max_grad_norm = 1.0;  ///< 0: no clipping
  double label_smoothing = 0.0;
  /// Of the learning rate, by tensor_kind(): e, v, gate, down, up, lora_A, lora_B, …
  std::map<std::string, double> lr_multipliers = {};
  std::uint64_t seed = 42;
  bool shuffle = true;
  bool share_context = false;  ///< examples of a batch with one context compute it once
  /// Shuffle examples of one context together, so that share_context finds them in one batch.
  bool shuffle_by_context = false;
  bool model_dropout = false;  ///< the base's own embd/attn/resid_pdrop act too
  /// Keeps the inputs of blocks and links alone and computes the rest again in the backward pass:
  /// less memory, 29 to 38 % more time (measured), the same bits.
  bool gradient_checkpointing = false;
  PrefixCacheOptions prefix_cache = {};  ///< of training batches; evaluation computes all
  std::int64_t logging_steps = 10;       ///< between log entries; the last step always has one
  std::int64_t eval_steps = 0;           ///< 0: evaluate at the end only
  bool eval_on_start = false;            ///< evaluate before the first step too
  Index eval_batch_size = 8;
  std::int64_t save_steps = 0;        ///< between checkpoints; 0: only when the run is stopped
  std::int64_t save_total_limit = 2;  ///< checkpoints that are kept; 0: all
  /// Stop after so many evaluations in a row without a lower eval_loss; 0: never.
  std::int64_t early_stopping = 0;
  /// Save a checkpoint at each new lowest eval_loss, keep it, and return to it at the end.
  bool load_best_model_at_end = false;
  bool resume = false;  ///< go on from the newest checkpoint that can be read
  /// The folder that has the checkpoints, or one of them; empty: output_dir.
  std::filesystem::path resume_from = {};
  /// Text of a JSON object whose fields are added to training_args.json, such as the separator.
  std::string extra_args = {};

  /// Throws ConfigError naming the first option out of its range ("config.range") or with none of
  /// its values ("config.value").
  void validate() const;
};

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/train/trainer_options.ipp>  // IWYU pragma: keep
#endif
