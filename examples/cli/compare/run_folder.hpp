// SPDX-License-Identifier: MIT
/// @file
/// One run of a comparison, in a folder of its own: training, decoding, scoring.
#pragma once

#include <solo/metrics/metrics.hpp>

#include "../meteor.hpp"
#include "child.hpp"
#include "plan.hpp"
#include "results.hpp"
#include "task.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace solo::cli {

/// What all runs of a comparison share.
struct RunSettings {
  const ComparePlan& plan;
  const TaskFiles& task;
  int threads = 0;
  bool quiet = false;
  bool rerun = false;  ///< replace runs that were made with other options or data
  MeteorProgram meteor = {};
};

/// What a run does.
enum class RunKind {
  whole,         ///< trains, and decodes the test set
  tuning,        ///< trains only, to choose a setting
  tuning_texts,  ///< decodes what chooses a setting, by what the folder above it trained
};

/// Which run.
struct RunChoice {
  const PlannedMethod& method;
  Json setting = Json::object();  ///< what was chosen from the grid
  std::uint64_t seed = 0;
  RunKind kind = RunKind::whole;
};

/// What a run left, run.json.
struct RunRecord {
  bool diverged = false;
  std::string reason = {};  ///< why it diverged
  Json trained = nullptr;   ///< the result of solo train; null for the base
  std::optional<double> train_seconds = {};
  std::optional<double> decode_seconds = {};
  std::optional<TextScores> scores = {};
  Index line_breaks = 0;  ///< texts in which a line break became a space

  /// A number of the result of solo train, if it has one.
  [[nodiscard]] std::optional<double> number(const char* key) const;
  /// The scores in the order of tables; nothing without texts.
  [[nodiscard]] std::optional<MetricValues> metrics() const;
};

/// A run and its folder.
class RunFolder {
 public:
  RunFolder(const RunSettings& settings, RunChoice choice, std::filesystem::path folder);

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return folder_; }
  /// Where solo train writes, or has written.
  [[nodiscard]] std::filesystem::path trained_folder() const;
  /// Writes the options of both commands, train.json and generate.json. Throws what solo train and
  /// solo generate say about them before they begin.
  void prepare() const;
  /// Whether a run has been finished here, of this plan or another.
  [[nodiscard]] bool has_record() const;
  /// The finished run; nothing if it is not finished. Throws ConfigError "compare.changed" when it
  /// was made with other options or data and is not to be replaced.
  [[nodiscard]] std::optional<RunRecord> finished() const;
  /// After prepare(): trains (going on where it was stopped), decodes and scores, or what its kind
  /// does of that. A run whose numbers are not finite has diverged; throws Stopped after a signal,
  /// ConfigError "compare.run" for any other error.
  RunRecord run() const;
  /// METEOR of a finished run that lacks it, if there is its program; started when it is not yet.
  void add_meteor(RunRecord& record, std::optional<MeteorSession>& meteor) const;
  /// The options of solo train, files excepted.
  [[nodiscard]] Json train_options() const;

 private:
  [[nodiscard]] bool is_base() const { return choice_.method.kind() == kNoMethod; }
  [[nodiscard]] bool trains() const { return !is_base() && choice_.kind != RunKind::tuning_texts; }
  [[nodiscard]] bool decodes() const { return choice_.kind != RunKind::tuning; }
  [[nodiscard]] const TextSet& texts() const;
  [[nodiscard]] Json generate_options() const;
  [[nodiscard]] Json identity() const;
  [[nodiscard]] std::vector<std::string> words(const char* command) const;
  [[nodiscard]] ChildResult run_child(AddCommand add, const char* command, bool resume,
                                      const char* out) const;
  void train(RunRecord& record) const;
  void decode(RunRecord& record) const;
  void write(const RunRecord& record) const;

  RunSettings settings_;
  RunChoice choice_;
  std::filesystem::path folder_;
};

/// What METEOR counted in the texts of a run, one for each; nothing when it was not there. Throws
/// FormatError "compare.texts" when there are more or fewer.
[[nodiscard]] std::optional<std::vector<MeteorCounts>> read_meteor(
    const std::filesystem::path& folder, const TextSet& set);

/// The texts that a finished run left in its folder, one for each prompt of the set. Throws
/// FormatError "compare.texts" when there are more or fewer.
[[nodiscard]] std::vector<std::string> read_hypotheses(const std::filesystem::path& folder,
                                                       const TextSet& set);

}  // namespace solo::cli
