// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/train/evaluation_history.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>
#include <string_view>

namespace solo::inline SOLO_ABI {

namespace detail {

SOLO_INLINE Json evaluation_of(const TrainerOptions& options) {
  Json how = {{"eval_steps", options.eval_steps}};
  // LoRA's validation loss is the mean of the batches' means.
  if (options.recipe == Recipe::lora_e2e) how["eval_batch_size"] = options.eval_batch_size;
  return how;
}

[[noreturn]] SOLO_INLINE void refuse_evaluations(const std::string& source,
                                                 const std::string& what) {
  fail<ConfigError>("checkpoint.run", source, ": ", what,
                    "; early_stopping and load_best_model_at_end need the evaluations of the whole "
                    "run: evaluate as it did, leave both out, or start anew in another folder");
}

/// Counts the evaluations after a step, and returns their steps.
[[nodiscard]] SOLO_INLINE std::set<std::int64_t> count_evaluations(RunState& state,
                                                                   const TrainerOptions& options,
                                                                   const std::string& source) {
  state.best_metric.reset();
  state.best_step = 0;
  state.worse_evaluations = 0;
  std::set<std::int64_t> steps;
  for (const LogEntry& entry : state.log_history) {
    if (!entry.eval_loss || entry.step == 0) continue;
    state.note_evaluation(entry.step, *entry.eval_loss);
    steps.insert(entry.step);
    const bool ends =
        options.early_stopping > 0 && state.worse_evaluations >= options.early_stopping;
    if (ends && entry.step < state.step) {
      fail<ConfigError>("checkpoint.run", source, ": early_stopping ", options.early_stopping,
                        " ends this run after step ", entry.step,
                        ", and the checkpoint is of step ", state.step,
                        ": resume from one of at most that step, with a greater "
                        "early_stopping or without");
    }
  }
  return steps;
}

}  // namespace detail

SOLO_INLINE std::string take_evaluations(RunState& state, const TrainerOptions& options,
                                         const IdentityPair& runs) {
  const std::set<std::int64_t> steps = detail::count_evaluations(state, options, runs.source);
  Json merged = parse_json(runs.expected, "this run");
  if (steps.empty() && (options.eval_steps == 0 || state.step < options.eval_steps)) {
    return runs.expected;
  }
  const Json stored = parse_json(runs.stored, concat(runs.source, ": run"));
  const Json own = detail::evaluation_of(options);
  Json& ways = merged[detail::kEvaluationKey];
  if (const auto found = stored.find(detail::kEvaluationKey);
      found != stored.end() && found->is_array() && !found->empty()) {
    ways = *found;
  }
  if (tracks_best(options)) {
    if (ways != Json::array({own})) {
      detail::refuse_evaluations(runs.source, concat("its run has evaluated with ", dump_line(ways),
                                                     ", this one does with ", dump_line(own)));
    }
    const std::int64_t every = std::max<std::int64_t>(options.eval_steps, 1);
    for (std::int64_t step = every; options.eval_steps > 0 && step <= state.step; step += every) {
      if (steps.contains(step)) continue;
      detail::refuse_evaluations(runs.source, concat("it has no evaluation after step ", step,
                                                     ", which eval_steps ", every, " asks for"));
    }
  }
  if (std::find(ways.begin(), ways.end(), own) == ways.end()) ways.push_back(own);
  return dump_line(merged);
}

}  // namespace solo::inline SOLO_ABI
