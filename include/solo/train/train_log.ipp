// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/io/temporary_file.hpp>
#include <solo/train/evaluation_history.hpp>
#include <solo/train/train_json.hpp>
#include <solo/train/train_log.hpp>

#include <nlohmann/json.hpp>

#include <string_view>

namespace solo::inline SOLO_ABI {

SOLO_INLINE std::string to_json_line(const LogEntry& entry) {
  return dump_line(detail::to_json(entry));
}

SOLO_INLINE TrainerState trainer_state_of(const RunState& state, const TrainPlan& plan,
                                          const TrainerOptions& options) {
  const bool tracks = tracks_best(options);
  return {.epoch = plan.epoch_after(state.step),
          .global_step = state.step,
          .max_steps = plan.max_steps,
          .num_train_epochs = plan.epochs(),
          .logging_steps = options.logging_steps,
          .eval_steps = options.eval_steps,
          .train_batch_size = options.batch_size,
          .num_input_tokens_seen = state.all.tokens,
          .save_steps = options.save_steps,
          .best_metric = tracks ? state.best_metric : std::nullopt,
          .best_global_step = tracks ? state.best_step : 0};
}

SOLO_INLINE void write_trainer_state(AtomicFile& file, const TrainerState& state,
                                     std::span<const LogEntry> log_history) {
  const auto& [epoch, global_step, max_steps, num_train_epochs, logging_steps, eval_steps,
               train_batch_size, num_input_tokens_seen, save_steps, best_metric, best_global_step,
               best_model_checkpoint] = state;
  Json out = Json::object();
  out["epoch"] = epoch;
  out["global_step"] = global_step;
  out["max_steps"] = max_steps;
  out["num_train_epochs"] = num_train_epochs;
  out["logging_steps"] = logging_steps;
  out["eval_steps"] = eval_steps;
  out["train_batch_size"] = train_batch_size;
  out["num_input_tokens_seen"] = num_input_tokens_seen;
  out["save_steps"] = save_steps;
  out["best_metric"] = best_metric ? Json(*best_metric) : Json(nullptr);
  out["best_global_step"] = best_metric ? Json(best_global_step) : Json(nullptr);
  out["best_model_checkpoint"] =
      best_model_checkpoint.empty() ? Json(nullptr) : Json(best_model_checkpoint);
  out["log_history"] = Json::array();
  // What transformers' TrainerState has besides, with the values of a run that uses none of it.
  out["total_flos"] = 0;
  out["trial_name"] = nullptr;
  out["trial_params"] = nullptr;
  out["is_local_process_zero"] = true;
  out["is_world_process_zero"] = true;
  out["is_hyper_param_search"] = false;
  out["stateful_callbacks"] = Json::object();
  const std::string text = dump_sorted(out) + "\n";
  constexpr std::string_view kEmpty = "\"log_history\": [";
  const std::size_t at = text.find(kEmpty) + kEmpty.size();
  file.write(std::string_view(text).substr(0, at));
  constexpr std::size_t kPiece = 1U << 16U;
  std::string piece;
  for (const LogEntry& entry : log_history) {
    piece += &entry == log_history.data() ? "\n    " : ",\n    ";
    for (const char c : dump_sorted(detail::to_json(entry))) {
      piece += c;
      if (c == '\n') piece += "    ";
    }
    if (piece.size() < kPiece) continue;
    file.write(piece);
    piece.clear();
  }
  if (!log_history.empty()) piece += "\n  ";
  file.write(piece);
  file.write(std::string_view(text).substr(at));
}

SOLO_INLINE std::string training_args_json(const TrainerOptions& options) {
  Json out = detail::to_json(options);
  if (!options.extra_args.empty()) {
    const Json extra = parse_json(options.extra_args, "extra_args");
    if (!extra.is_object()) {
      fail<FormatError>("json.type", "extra_args: expected a JSON object");
    }
    for (const auto& [key, value] : extra.items()) {
      if (out.contains(key)) {
        fail<ConfigError>("train.extra_args", "extra_args: ", quoted(key),
                          " is an option of the trainer");
      }
      out[key] = value;
    }
  }
  return dump_sorted(out) + "\n";
}

SOLO_INLINE TrainLog::TrainLog(const TrainerOptions& options)
    : folder_(options.output_dir), training_args_(training_args_json(options)) {}

SOLO_INLINE void TrainLog::open(std::span<const LogEntry> history) {
  if (folder_.empty() || lines_) return;
  make_directories(folder_);
  remove_stale_temporaries(folder_);
  AtomicFile lines(folder_ / "log.jsonl");
  for (const LogEntry& entry : history) lines.write(to_json_line(entry) + '\n');
  lines.commit();
  lines_.emplace(folder_ / "log.jsonl");
}

SOLO_INLINE void TrainLog::write(const LogEntry& entry) {
  open();
  if (lines_) lines_->write_line(to_json_line(entry));
}

SOLO_INLINE void TrainLog::finish(AtomicFolder& files, const TrainerState& state,
                                  std::span<const LogEntry> history) const {
  files.write("training_args.json", training_args_);
  write_trainer_state(files.add("trainer_state.json"), state, history);
}

}  // namespace solo::inline SOLO_ABI
