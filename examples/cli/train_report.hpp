// SPDX-License-Identifier: MIT
/// @file
/// What `solo train` shows and leaves: progress, the trainable line, the result, a report.
#pragma once

#include <solo/data/dataset.hpp>
#include <solo/io/atomic_folder.hpp>
#include <solo/nn/gpt2.hpp>
#include <solo/train/train_info.hpp>
#include <solo/train/trainer_options.hpp>

#include "program.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>

namespace solo::cli {

/// "trainable params: 294,912 || all params: 124,734,720 || trainable%: 0.2364", peft's wording.
std::string trainable_line(GPT2<float>& model);
std::string trainable_line(Index trainable, Index total);

/// The progress bar on a terminal; elsewhere a line for each evaluation and each tenth of the
/// steps; nothing when quiet.
class ProgressPrinter {
 public:
  /// `title` is the first line, written when the run is known to begin.
  explicit ProgressPrinter(bool quiet, std::string title = {});
  void step(const StepInfo& info);
  void eval(const EvalInfo& info);
  /// Says where the run goes on; warns of checkpoints that could not be taken.
  void resume(const ResumeInfo& info);
  void finish();

 private:
  void begin();
  void draw();
  [[nodiscard]] std::string line(int width) const;

  std::string title_;
  bool bar_ = false;
  bool lines_ = false;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point start_;
  std::int64_t first_step_ = 0;
  std::optional<StepInfo> last_;
  std::optional<double> eval_loss_;
  double examples_ = 0.0;
};

/// A run of the trainer, and how long it took.
struct FinishedRun {
  TrainResult result;
  double seconds = 0.0;
  /// Over the last epoch that was begun, all that happened in it included; none without a step.
  std::optional<double> last_epoch_examples_per_second = {};
};

/// What train_with_progress does besides training.
struct ProgressOptions {
  std::function<void(AtomicFolder&)> save = {};  ///< adds the files of the result
  bool quiet = false;
  std::int64_t link_statistics_steps = 0;  ///< above 0: links.jsonl is written
};

/// Trains with progress on stderr; a signal stops the run as request_stop() does. links.jsonl is
/// about the first examples.
FinishedRun train_with_progress(GPT2<float>& model, const TrainerOptions& options,
                                const Dataset& train, const std::optional<Dataset>& valid,
                                const ProgressOptions& progress_options);

/// Writes report.md into the output folder.
void write_report(const std::filesystem::path& output, const GPT2<float>& model,
                  const TrainResult& result, double seconds);
/// The result on stdout, as JSON or as text.
void print_result(const std::filesystem::path& output, const GPT2<float>& model,
                  const FinishedRun& run, const Common& common);
/// Says on stderr how a run that a signal stopped goes on, and throws Stopped.
[[noreturn]] void report_stop(const TrainResult& result, const Common& common);

}  // namespace solo::cli
