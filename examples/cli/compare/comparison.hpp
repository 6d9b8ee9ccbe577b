// SPDX-License-Identifier: MIT
/// @file
/// All runs of a comparison: choosing settings, training, decoding, scoring, and what they add up
/// to.
#pragma once

#include "results.hpp"
#include "run_folder.hpp"

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace solo::cli {

/// Runs what is not finished in its folder, and gathers what is.
class Comparison {
 public:
  Comparison(const RunSettings& settings, std::filesystem::path folder);

  /// All runs, one after the other. Throws before the first begins when a command line of any of
  /// them is wrong, or a finished run is of another plan; Stopped after a signal.
  void run();
  /// What the finished runs say; the others are missing.
  [[nodiscard]] CompareResults results() const;

 private:
  struct Tuned {
    Json setting;                           ///< the best
    std::vector<CompareTuning> tries = {};  ///< all of the grid
    bool diverged = false;                  ///< every one of them
  };

  /// A run that chooses.
  struct PlannedTuning {
    RunFolder training;
    std::optional<RunFolder> texts;  ///< where a metric chooses
    std::string title;
  };

  /// The finished runs of a method, one of two sides of a comparison.
  struct Side {
    std::vector<TextEvaluation> evaluations;
    std::vector<std::vector<MeteorCounts>> meteor;  ///< empty unless all runs have it
  };

  [[nodiscard]] PlannedTuning tuning_run(const PlannedMethod& method, std::size_t number,
                                         const Json& setting, std::uint64_t seed) const;
  [[nodiscard]] RunFolder run_folder(const PlannedMethod& method, const Json& setting,
                                     std::uint64_t seed) const;
  [[nodiscard]] std::vector<std::uint64_t> seeds_of(const PlannedMethod& method) const;
  [[nodiscard]] std::vector<PlannedTuning> tuning_runs(const PlannedMethod& method) const;
  /// Lays out and counts what is to be run.
  void prepare();
  /// Nothing if the run, its texts or the metric that chooses are missing.
  [[nodiscard]] std::optional<CompareTuningRun> tried_run(const PlannedTuning& run,
                                                          std::uint64_t seed) const;
  [[nodiscard]] std::optional<CompareTuning> tried(const PlannedMethod& method, std::size_t number,
                                                   const Json& setting) const;
  /// The setting with the best mean over the tuning seeds of what chooses: the plan's metric, of
  /// equal ones and without a metric the lower eval_loss, then the first. Nothing if a run is
  /// missing. Throws ConfigError "compare.choice" when the metric is not defined for any setting.
  [[nodiscard]] std::optional<Tuned> tuned(const PlannedMethod& method) const;
  /// Runs what chooses the setting of a method.
  void tune(const PlannedMethod& method);
  /// What is left once all settings are chosen.
  void count_whole_runs(const std::map<std::string, Tuned>& chosen);
  RunRecord finish(const RunFolder& folder, const std::string& title);
  [[nodiscard]] CompareRun result_of(const RunFolder& folder, std::uint64_t seed) const;
  [[nodiscard]] CompareMethod method_results(const PlannedMethod& method) const;
  void add_base_loss(CompareResults& results) const;
  [[nodiscard]] Side side_of(const CompareMethod& method) const;
  void compare_with_reference(CompareResults& results) const;
  void add_samples(CompareResults& results) const;

  RunSettings settings_;
  std::filesystem::path folder_;
  std::optional<MeteorSession> meteor_ = {};  // for runs in a row that only lack METEOR
  std::size_t to_do_ = 0;                     // runs that were not finished when run() began
  std::size_t done_ = 0;
  double seconds_ = 0.0;  // of those that are done
};

}  // namespace solo::cli
