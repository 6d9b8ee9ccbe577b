// SPDX-License-Identifier: MIT
/// @file
/// The evaluations of a run that goes on: which is best, and whether they are those of one that was
/// never stopped.
#pragma once

#include <solo/io/json.hpp>
#include <solo/train/run_state.hpp>
#include <solo/train/trainer_options.hpp>

#include <string>

namespace solo::inline SOLO_ABI {

/// Whether the options ask which evaluation is best.
[[nodiscard]] inline bool tracks_best(const TrainerOptions& options) noexcept {
  return options.early_stopping > 0 || options.load_best_model_at_end;
}

namespace detail {

/// In a run's identity: the list of the ways in which it has evaluated. No number of the steps
/// depends on it, so it may change unless the best evaluation is asked for.
inline constexpr const char* kEvaluationKey = "evaluation";
/// When these options evaluate, and with what else the loss is another.
[[nodiscard]] Json evaluation_of(const TrainerOptions& options);

}  // namespace detail

/// A checkpoint's run and the one that goes on from it, as run_identity() says them.
struct IdentityPair {
  const std::string& stored;
  const std::string& expected;
  const std::string& source;  ///< how messages name the checkpoint
};

/// Counts the evaluations in the log of `state`, a checkpoint's, again, whether or not its run
/// asked for the best, and returns the expected identity with all ways in which the run has
/// evaluated. Throws ConfigError ("checkpoint.run") when `options` ask for the best and a run that
/// had them from its start would have evaluated otherwise, or ended before this checkpoint.
[[nodiscard]] std::string take_evaluations(RunState& state, const TrainerOptions& options,
                                           const IdentityPair& runs);

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/train/evaluation_history.ipp>  // IWYU pragma: keep
#endif
