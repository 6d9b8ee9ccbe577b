// SPDX-License-Identifier: MIT
/// @file
/// What a training run tells its callbacks and its caller.
#pragma once

#include <solo/core/scalar.hpp>
#include <solo/train/prefix_cache_options.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace solo::inline SOLO_ABI {

/// A finished optimizer step.
struct StepInfo {
  std::int64_t step = 0;       ///< 1, 2, …
  std::int64_t max_steps = 0;  ///< of the whole run
  double epoch = 0.0;          ///< passes over the data so far, a fraction inside an epoch
  double loss = 0.0;  ///< mean over the step's scored tokens, or a recipe's; NaN if there are none
  double learning_rate = 0.0;  ///< the one that was used
  double grad_norm = 0.0;      ///< before clipping
  Index examples = 0;
  Index tokens = 0;         ///< rows computed
  Index scored_tokens = 0;  ///< of them with a label; 0: nothing was updated
  double seconds = 0.0;     ///< from a batch in memory to updated weights
};

/// An entry of log_history in trainer_state.json and a line of log.jsonl.
struct LogEntry {
  std::int64_t step = 0;
  double epoch = 0.0;
  std::optional<double> loss = {};  ///< mean over the scored tokens since the last such entry
  std::optional<double> learning_rate = {};  ///< of the last step
  std::optional<double> grad_norm = {};      ///< of the last step, before clipping
  std::optional<double> eval_loss = {};
};

/// A finished evaluation.
struct EvalInfo {
  std::int64_t step = 0;  ///< 0: before training
  double epoch = 0.0;
  double eval_loss = 0.0;  ///< plain cross-entropy, mean over the scored tokens, or a recipe's
  Index tokens = 0;        ///< scored
};

/// What a run goes on from.
struct ResumeInfo {
  std::filesystem::path checkpoint = {};
  std::int64_t step = 0;                  ///< finished when it was saved
  std::vector<std::string> skipped = {};  ///< why newer checkpoints were not taken, a line each
  std::vector<std::string> notes = {};    ///< what is otherwise than when it was saved, a line each
};

/// What Trainer::train did.
struct TrainResult {
  std::int64_t steps = 0;  ///< of the whole run, those before a resume included
  double epochs = 0.0;
  bool stopped = false;                    ///< by request_stop() or a callback
  bool stopped_early = false;              ///< by early_stopping
  std::optional<ResumeInfo> resumed = {};  ///< with resume
  std::filesystem::path checkpoint = {};   ///< the last one that was written; empty: none
  bool saved = false;  ///< output_dir has the result; one stopped before a step keeps what is there
  std::vector<std::string> notes = {};        ///< what is otherwise than was asked for, a line each
  std::optional<double> best_eval_loss = {};  ///< with early_stopping or load_best_model_at_end
  std::int64_t best_step = 0;                 ///< when that was
  std::optional<double> train_loss = {};      ///< mean over the scored tokens of all steps
  std::optional<double> eval_loss = {};       ///< after the last step, or the best one
  std::optional<double> initial_eval_loss = {};  ///< before the first, with eval_on_start
  /// Over all steps of this call but the first two, from a batch in memory to updated weights; none
  /// for two or fewer steps.
  std::optional<double> examples_per_second = {};
  std::optional<double> tokens_per_second = {};  ///< rows computed
  std::int64_t peak_rss_bytes = 0;               ///< of the process so far; 0: unknown
  Index trainable = 0;                           ///< numbers that were trained
  bool locked = true;  ///< false: the file system of output_dir has no locks
  std::optional<PrefixCacheInfo> prefix_cache = {};  ///< with a prefix cache
};

}  // namespace solo::inline SOLO_ABI
