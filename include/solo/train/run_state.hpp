// SPDX-License-Identifier: MIT
/// @file
/// What a training run knows besides its tensors: a checkpoint holds all of it.
#pragma once

#include <solo/core/scalar.hpp>
#include <solo/train/train_info.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace solo::inline SOLO_ABI {

/// Sums over steps.
struct TrainSums {
  double loss = 0.0;
  std::int64_t scored_tokens = 0;
  std::int64_t tokens = 0;
  std::int64_t examples = 0;

  void add(const StepInfo& info, double loss_sum) {
    loss += loss_sum;
    scored_tokens += info.scored_tokens;
    tokens += info.tokens;
    examples += info.examples;
  }
  [[nodiscard]] std::optional<double> mean_loss() const {
    if (scored_tokens == 0) return std::nullopt;
    return loss / static_cast<double>(scored_tokens);
  }
};

/// Where a run is. Batches, dropout and schedules are pure functions of the options and `step`, so
/// there is no cursor and no random state besides.
struct RunState {
  std::int64_t step = 0;                       ///< finished
  double learning_rate = 0.0;                  ///< of that step
  double grad_norm = 0.0;                      ///< of that step, before clipping
  TrainSums all = {};                          ///< over all steps
  TrainSums since_log = {};                    ///< over the steps since the last log entry
  std::optional<std::int64_t> evaluated = {};  ///< the step of the last evaluation
  std::optional<double> eval_loss = {};        ///< of that evaluation
  std::optional<double> initial_eval_loss = {};
  std::optional<double> best_metric = {};  ///< lowest eval_loss after a step
  std::int64_t best_step = 0;
  std::int64_t worse_evaluations = 0;  ///< in a row, since the best
  std::int64_t schedule_steps = 0;     ///< of the learning rate, when it was saved
  std::string computed_by = {};        ///< version and instruction set, when it was saved
  std::vector<LogEntry> log_history = {};

  /// Counts an evaluation after a step: best_metric, best_step and worse_evaluations.
  void note_evaluation(std::int64_t at, double loss) {
    if (!best_metric || loss < *best_metric) {
      best_metric = loss;
      best_step = at;
      worse_evaluations = 0;
    } else {
      ++worse_evaluations;
    }
  }

  /// One line of JSON that from_json() reads back to the bit: all but log_history, which has no
  /// limit.
  [[nodiscard]] std::string to_json() const;
  /// Throws FormatError "json.…" naming `source` and the field: every field must be there.
  [[nodiscard]] static RunState from_json(const std::string& text, const std::string& source);
};

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/train/run_state.ipp>  // IWYU pragma: keep
#endif
