// SPDX-License-Identifier: MIT
/// @file
/// The files a training run leaves in its output folder, with the Hugging Face Trainer's fields.
#pragma once

#include <solo/io/atomic_folder.hpp>
#include <solo/io/file.hpp>
#include <solo/train/run_state.hpp>
#include <solo/train/train_info.hpp>
#include <solo/train/train_plan.hpp>
#include <solo/train/trainer_options.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace solo::inline SOLO_ABI {

/// The fields of transformers' TrainerState that have a meaning here.
struct TrainerState {
  double epoch = 0.0;
  std::int64_t global_step = 0;
  std::int64_t max_steps = 0;
  std::int64_t num_train_epochs = 0;  ///< begun
  std::int64_t logging_steps = 0;
  std::int64_t eval_steps = 0;
  Index train_batch_size = 0;
  std::int64_t num_input_tokens_seen = 0;
  std::int64_t save_steps = 0;
  std::optional<double> best_metric = {};  ///< lowest eval_loss; none when it is not asked for
  std::int64_t best_global_step = 0;
  std::string best_model_checkpoint = {};
};

/// Where a run of this plan is: all but best_model_checkpoint.
[[nodiscard]] TrainerState trainer_state_of(const RunState& state, const TrainPlan& plan,
                                            const TrainerOptions& options);

/// Writes a trainer_state.json with these entries, one in memory at a time.
void write_trainer_state(AtomicFile& file, const TrainerState& state,
                         std::span<const LogEntry> log_history);

/// One line of log.jsonl, without the newline.
[[nodiscard]] std::string to_json_line(const LogEntry& entry);

/// The text of a training_args.json: all options but output_dir, and the fields of extra_args.
/// Throws FormatError when extra_args is no JSON object, ConfigError ("train.extra_args") when a
/// field of it is an option already.
[[nodiscard]] std::string training_args_json(const TrainerOptions& options);

/// Writes log.jsonl line by line, and in the end the other two files: until then those of an older
/// run stay with its result. Nothing is written when output_dir is empty.
class TrainLog {
 public:
  /// Touches no file. Throws as training_args_json.
  explicit TrainLog(const TrainerOptions& options);
  /// Makes the folder and starts log.jsonl anew with the entries of a run that goes on; does
  /// nothing the second time. Throws IoError.
  void open(std::span<const LogEntry> history = {});
  /// Adds a line, flushed. Opens if need be.
  void write(const LogEntry& entry);
  /// Adds training_args.json and trainer_state.json to a result.
  void finish(AtomicFolder& files, const TrainerState& state,
              std::span<const LogEntry> history) const;

 private:
  std::filesystem::path folder_;
  std::string training_args_;
  std::optional<AppendFile> lines_;
};

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/train/train_log.ipp>  // IWYU pragma: keep
#endif
