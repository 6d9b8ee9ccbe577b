// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/io/json.hpp>
#include <solo/train/train_log.hpp>

#include <nlohmann/json.hpp>

#include <utility>

namespace solo::inline SOLO_ABI {

namespace detail {

SOLO_INLINE Json to_json(const LogEntry& entry) {
  Json out = Json::object();
  out["step"] = entry.step;
  out["epoch"] = entry.epoch;
  const auto add = [&out](const char* key, const std::optional<double>& value) {
    if (value) out[key] = *value;
  };
  add("loss", entry.loss);
  add("learning_rate", entry.learning_rate);
  add("grad_norm", entry.grad_norm);
  add("eval_loss", entry.eval_loss);
  return out;
}

SOLO_INLINE Json to_json(const TrainerOptions& options) {
  Json out = Json::object();
  out["epochs"] = options.epochs;
  out["max_steps"] = options.max_steps;
  out["batch_size"] = options.batch_size;
  out["gradient_accumulation_steps"] = options.gradient_accumulation_steps;
  out["learning_rate"] = options.learning_rate;
  out["weight_decay"] = options.weight_decay;
  out["adam_beta1"] = options.adam_beta1;
  out["adam_beta2"] = options.adam_beta2;
  out["adam_epsilon"] = options.adam_epsilon;
  out["lr_scheduler"] = std::string(to_string(options.lr_scheduler));
  out["warmup_steps"] = options.warmup_steps;
  out["max_grad_norm"] = options.max_grad_norm;
  out["label_smoothing"] = options.label_smoothing;
  Json multipliers = Json::object();
  for (const auto& [kind, multiplier] : options.lr_multipliers) multipliers[kind] = multiplier;
  out["lr_multipliers"] = std::move(multipliers);
  out["seed"] = options.seed;
  out["shuffle"] = options.shuffle;
  out["share_context"] = options.share_context;
  out["model_dropout"] = options.model_dropout;
  out["logging_steps"] = options.logging_steps;
  out["eval_steps"] = options.eval_steps;
  out["eval_on_start"] = options.eval_on_start;
  out["eval_batch_size"] = options.eval_batch_size;
  return out;
}

}  // namespace detail

SOLO_INLINE std::string to_json_line(const LogEntry& entry) {
  return dump_line(detail::to_json(entry));
}

SOLO_INLINE std::string TrainerState::to_json() const {
  Json out = Json::object();
  out["epoch"] = epoch;
  out["global_step"] = global_step;
  out["max_steps"] = max_steps;
  out["num_train_epochs"] = num_train_epochs;
  out["logging_steps"] = logging_steps;
  out["eval_steps"] = eval_steps;
  out["train_batch_size"] = train_batch_size;
  out["num_input_tokens_seen"] = num_input_tokens_seen;
  out["log_history"] = Json::array();
  for (const LogEntry& entry : log_history) out["log_history"].push_back(detail::to_json(entry));
  // What transformers' TrainerState has besides, with the values of a run that uses none of it.
  out["save_steps"] = 0;
  out["total_flos"] = 0;
  for (const char* none :
       {"best_metric", "best_global_step", "best_model_checkpoint", "trial_name", "trial_params"}) {
    out[none] = nullptr;
  }
  out["is_local_process_zero"] = true;
  out["is_world_process_zero"] = true;
  out["is_hyper_param_search"] = false;
  out["stateful_callbacks"] = Json::object();
  return dump_sorted(out) + "\n";
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

SOLO_INLINE void TrainLog::open() {
  if (folder_.empty() || lines_) return;
  make_directories(folder_);
  write_file_atomically(folder_ / "training_args.json", training_args_);
  lines_.emplace(folder_ / "log.jsonl", AppendOptions{.truncate = true});
}

SOLO_INLINE void TrainLog::write(const LogEntry& entry) {
  open();
  if (lines_) lines_->write_line(to_json_line(entry));
}

SOLO_INLINE void TrainLog::write_state(const TrainerState& state) {
  open();
  if (!folder_.empty()) write_file_atomically(folder_ / "trainer_state.json", state.to_json());
}

}  // namespace solo::inline SOLO_ABI
