// SPDX-License-Identifier: MIT
#include "training_options.hpp"

#include <solo/train/lora_e2e.hpp>

#include "number_option.hpp"

namespace solo::cli {
namespace {
constexpr const char* kGroup = "Training";
constexpr std::int64_t kMegabyte = std::int64_t{1} << 20;
}  // namespace

TrainingOptions::TrainingOptions(CLI::App& app, TrainerOptions defaults)
    : options_(std::move(defaults)),
      optimizer_(to_string(options_.optimizer)),
      scheduler_(to_string(options_.lr_scheduler)),
      prefix_cache_max_mb_(options_.prefix_cache.max_bytes / kMegabyte) {
  TrainerOptions& t = options_;
  const std::string group = kGroup;
  const auto add = [&](const std::string& name, auto TrainerOptions::*member,
                       const std::string& help) {
    auto* const option = app.add_option(name, t.*member, help)->group(group)->capture_default_str();
    remember(option, member);
    return option;
  };
  using T = TrainerOptions;
  auto* const epochs = add("--epochs", &T::epochs, "passes over the data");
  add("--max-steps", &T::max_steps, "optimizer steps, instead of epochs")->excludes(epochs);
  add("--batch-size", &T::batch_size, "sequences a batch");
  add("--gradient-accumulation-steps", &T::gradient_accumulation_steps, "batches a step");
  add_names(app);
  learning_rate_ =
      add("--learning-rate", &T::learning_rate, "learning rate (train --method full: 5e-5)");
  add("--weight-decay", &T::weight_decay, "of all but norms and biases");
  add("--adam-beta1", &T::adam_beta1, "decay of AdamW's mean of gradients");
  add("--adam-beta2", &T::adam_beta2, "decay of AdamW's mean of their squares");
  add("--adam-epsilon", &T::adam_epsilon, "added to the root of the latter");
  add("--warmup-steps", &T::warmup_steps, "steps of linear warm-up");
  add("--max-grad-norm", &T::max_grad_norm, "clip the gradient's norm; 0: off");
  add("--label-smoothing", &T::label_smoothing, "share spread over the whole vocabulary");
  auto* const seed = add_seed(app, t.seed, "of batches, dropout and initial values");
  remember(seed->group(group), &T::seed);
  add("--logging-steps", &T::logging_steps, "steps between log entries");
  add("--eval-steps", &T::eval_steps, "steps between evaluations; 0: at the end only");
  add("--save-steps", &T::save_steps, "steps between checkpoints; 0: only when stopped by Ctrl-C");
  add("--save-total-limit", &T::save_total_limit, "checkpoints that are kept; 0: all");
  add("--early-stopping", &T::early_stopping,
      "stop after so many evaluations without a lower eval_loss; 0: never");
  app.add_flag("--load-best-model-at-end", t.load_best_model_at_end,
               "keep the checkpoint of the lowest eval_loss and return to it at the end")
      ->group(group);
  resume_ = add_path(app, "--resume", t.resume_from,
                     "go on from the newest checkpoint in DIR (default: the output folder)")
                ->type_name("[DIR]")
                ->expected(0, 1)
                ->group(group);
  app.add_option("--lr-multiplier", multipliers_,
                 "NAME=F scales the rate of e, v, gate, down, up, lora_A or lora_B; repeatable")
      ->group(group)
      ->take_all();
  auto* const no_shuffle =
      app.add_flag("--no-shuffle", no_shuffle_, "batches in file order")->group(group);
  app.add_flag("--shuffle-by-context", t.shuffle_by_context,
               "examples of one context stay together, for --share-context")
      ->excludes(no_shuffle)
      ->group(group);
  app.add_flag("--share-context", t.share_context,
               "examples of a batch with one context compute it once")
      ->group(group);
  add_prefix_cache(app);
  app.add_flag("--model-dropout", t.model_dropout, "the base's own dropouts act")->group(group);
  app.add_flag("--gradient-checkpointing", t.gradient_checkpointing,
               "less memory for more time: activations are computed again")
      ->group(group);
}

void TrainingOptions::add_names(CLI::App& app) {
  auto* const optimizer =
      app.add_option("--optimizer", optimizer_,
                     "AdamW of torch, or of LoRA's code (which decays all that trains)")
          ->check(CLI::IsMember({"adamw", "adamw_lora_nlg"}))
          ->group(kGroup)
          ->capture_default_str();
  remember(optimizer, &TrainerOptions::optimizer);
  auto* const scheduler =
      app.add_option("--lr-scheduler", scheduler_, "schedule of the learning rate")
          ->check(CLI::IsMember({"linear", "cosine", "constant", "constant_with_warmup"}))
          ->group(kGroup)
          ->capture_default_str();
  remember(scheduler, &TrainerOptions::lr_scheduler);
}

void TrainingOptions::add_prefix_cache(CLI::App& app) {
  const auto add = [&](const std::string& name, auto& value, const std::string& help) {
    return app.add_option(name, value, help)->group(kGroup)->capture_default_str();
  };
  auto* const cache =
      add("--prefix-cache", prefix_cache_,
          "keep what the blocks below the adapter give: off, memory, or a file for later runs too")
          ->type_name("off|memory|FILE")
          ->check([](const std::string& text) {
            return text.empty() ? std::string("--prefix-cache: the path is empty") : std::string();
          });
  add("--prefix-cache-dtype", prefix_cache_dtype_, "of what is kept")
      ->check(CLI::IsMember({"float32", "bfloat16"}))
      ->needs(cache);
  add("--prefix-cache-max-mb", prefix_cache_max_mb_, "limit; examples beyond it are computed")
      ->check(CLI::Range(Index{1}, Index{1} << 40))
      ->needs(cache);
  app.add_flag("--prefix-cache-rebuild", options_.prefix_cache.rebuild, "replace the file")
      ->needs(cache)
      ->group(kGroup);
}

bool TrainingOptions::learning_rate_given() const {
  return learning_rate_->count() > 0;
}

TrainerOptions TrainingOptions::trainer_options(const std::filesystem::path& output,
                                                Recipe recipe) const {
  TrainerOptions t = options_;
  t.optimizer = adamw_variant_from_name(optimizer_);
  t.lr_scheduler = lr_scheduler_from_name(scheduler_);
  if (recipe == Recipe::lora_e2e) {
    TrainerOptions followed = lora_e2e_options(t);
    for (const Field& field : fields_) {
      if (field.option->count() > 0) field.copy(followed, t);
    }
    t = std::move(followed);
  }
  t.shuffle = !no_shuffle_;
  t.output_dir = output;
  t.resume = resume_->count() > 0;
  PrefixCacheOptions& cache = t.prefix_cache;
  if (prefix_cache_ == "memory") {
    cache.mode = PrefixCacheMode::memory;
  } else if (prefix_cache_ != "off") {
    cache.mode = PrefixCacheMode::file;
    cache.file = prefix_cache_;
  }
  cache.dtype = prefix_cache_dtype_ == "bfloat16" ? DType::bfloat16 : DType::float32;
  cache.max_bytes = prefix_cache_max_mb_ * kMegabyte;
  for (const std::string& item : multipliers_) {
    const std::size_t equals = item.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw UsageError(concat("--lr-multiplier: expected NAME=FACTOR, found ", quoted(item)));
    }
    const std::string name = item.substr(0, equals);
    if (t.lr_multipliers.contains(name)) {
      throw UsageError(
          concat("--lr-multiplier: ", quoted(std::string_view(name)), " is named twice"));
    }
    t.lr_multipliers[name] =
        parse_real("--lr-multiplier", item.substr(equals + 1), "NAME=FACTOR, FACTOR a number");
  }
  require_folder(output);
  return t;
}

}  // namespace solo::cli
