// SPDX-License-Identifier: MIT
#pragma once

#include <solo/data/dataset.hpp>
#include <solo/io/folder_lock.hpp>
#include <solo/optim/adamw.hpp>
#include <solo/optim/clip.hpp>
#include <solo/train/checkpoint_keeper.hpp>
#include <solo/train/evaluation_history.hpp>
#include <solo/train/make_optimizer.hpp>
#include <solo/train/peak_memory.hpp>
#include <solo/train/prefix_cache.hpp>
#include <solo/train/result_files.hpp>
#include <solo/train/run_batches.hpp>
#include <solo/train/run_identity.hpp>
#include <solo/train/run_state.hpp>
#include <solo/train/train_check.hpp>
#include <solo/train/train_log.hpp>
#include <solo/train/train_plan.hpp>
#include <solo/train/trainer.hpp>

#include <chrono>
#include <limits>
#include <optional>

namespace solo::inline SOLO_ABI {

/// One call of train().
template <Scalar T>
class Trainer<T>::Run {
 public:
  Run(Trainer& trainer, const Dataset& train, const Dataset* valid)
      : trainer_(trainer),
        options_(trainer.options_),
        model_(trainer.model_),
        hold_(model_.hold_for_training()),
        valid_(valid),
        batches_(train, options_),
        log_(options_),
        plan_(options_, train.size()),
        parameters_(require_trainable(model_)),
        adapter_(model_.active_adapter().empty() ? nullptr
                                                 : &model_.adapter(model_.active_adapter())),
        optimizer_(detail::make_optimizer(options_, parameters_, model_.pool())),
        tape_(model_.pool()),
        keeper_(
            {.model = model_, .options = options_, .plan = plan_, .train = train, .valid = valid},
            optimizer_) {
    if (options_.prefix_cache.mode != PrefixCacheMode::off) {
      prefix_cache_.emplace(model_, train, options_.prefix_cache);
    }
  }

  [[nodiscard]] TrainResult run() {
    TrainResult result;
    if (options_.resume) {
      result.resumed = keeper_.resume(state_);
      first_step_ = state_.step;
      tell(trainer_.on_resume_, *result.resumed);
    } else {
      keeper_.require_none();
      if (valid_ != nullptr && options_.eval_on_start) state_.initial_eval_loss = evaluate();
    }
    optimizer_.zero_grad();
    while (!done() && !trainer_.stop_.load(std::memory_order_relaxed)) advance();
    result.stopped = !done();
    if (!result.stopped) {
      complete(result);
    } else if (state_.step > first_step_) {
      // Before the entry below, which the run that goes on from here does not have.
      if (!options_.output_dir.empty()) save();
      if (state_.since_log.examples > 0) log_loss();
    }
    finish(result);
    return result;
  }

 private:
  /// The batches of one optimizer step are the first `batches` of buffers_.
  struct Window {
    std::size_t batches = 0;
    Index examples = 0;
    Index tokens = 0;
    Index scored_tokens = 0;
  };

  [[nodiscard]] Window gather(std::int64_t step) {
    const BatchWindow range = plan_.window(step);
    Window window{.batches = static_cast<std::size_t>(range.count)};
    if (buffers_.size() < window.batches) buffers_.resize(window.batches);
    for (std::size_t i = 0; i < window.batches; ++i) {
      const Batch& batch = batches_.batch(range.first + static_cast<std::int64_t>(i), buffers_[i]);
      window.examples += batch.examples;
      window.tokens += batch.rows();
      window.scored_tokens += batch.scored_tokens;
    }
    return window;
  }

  /// What the losses of one of the window's batches are divided by.
  [[nodiscard]] double denominator(const Window& window, const Batch& batch) const {
    if (options_.recipe == Recipe::none) return static_cast<double>(window.scored_tokens);
    return lora_denominator(batch.scored_tokens) * static_cast<double>(window.batches);
  }
  [[nodiscard]] double label_smoothing() const {
    const bool none = options_.recipe == Recipe::lora_e2e && options_.label_smoothing <= 1e-4;
    return none ? 0.0 : options_.label_smoothing;
  }

  /// Adds the gradients of the window's loss, which `mean` receives; returns the losses' sum.
  [[nodiscard]] double accumulate(const Window& window, std::int64_t step, double& mean) {
    const double homotopy = adapter_ == nullptr ? 1.0 : adapter_->homotopy(step);
    double sum = 0.0;
    mean = 0.0;
    for (std::size_t i = 0; i < window.batches; ++i) {
      const Batch& batch = buffers_[i].batch;
      if (batch.scored_tokens == 0) continue;
      const double normalizer = denominator(window, batch);
      double part = 0.0;
      const Var<T> loss = model_.loss(tape_, batch,
                                      {.label_smoothing = label_smoothing(),
                                       .normalizer = normalizer,
                                       .model_dropout = options_.model_dropout,
                                       .homotopy = homotopy,
                                       .gradient_checkpointing = options_.gradient_checkpointing,
                                       .loss_sum = &part},
                                      prefix_cache_ ? &*prefix_cache_ : nullptr);
      sum += part;
      mean += part / normalizer;
      if (!is_finite(sum) || !is_finite(static_cast<double>(loss.item()))) {
        refuse_loss(model_, step, is_finite(sum) ? static_cast<double>(loss.item()) : sum);
      }
      tape_.backward(loss);
    }
    return sum;
  }

  /// Gradients, clip, update. Nothing is changed when it throws.
  [[nodiscard]] StepInfo take_step() {
    const std::int64_t step = state_.step + 1;
    const Window window = gather(step);
    const auto start = std::chrono::steady_clock::now();
    StepInfo info{
        .step = step,
        .max_steps = plan_.max_steps,
        .epoch = plan_.epoch_after(step),
        .loss = std::numeric_limits<double>::quiet_NaN(),
        .learning_rate = options_.learning_rate * schedule().factor(plan_.schedule_step(step)),
        .examples = window.examples,
        .tokens = window.tokens,
        .scored_tokens = window.scored_tokens};
    double sum = 0.0;
    if (window.scored_tokens > 0) {
      try {
        sum = accumulate(window, step, info.loss);
        info.grad_norm = gradient_norm(parameters_, {.pool = model_.pool(), .step = step});
        open_log();
      } catch (...) {
        optimizer_.zero_grad();
        throw;
      }
      const double clip =
          options_.max_grad_norm > 0.0 ? clip_factor(info.grad_norm, options_.max_grad_norm) : 1.0;
      optimizer_.set_learning_rate(info.learning_rate);
      require_square<T>(info.grad_norm * clip, step);
      optimizer_.step({.gradient_scale = clip, .check_finite = false});
      optimizer_.zero_grad();
      require_finite(parameters_, step);
    }
    info.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    state_.step = step;
    state_.learning_rate = info.learning_rate;
    state_.grad_norm = info.grad_norm;
    state_.all.add(info, sum);
    state_.since_log.add(info, sum);
    if (step > first_step_ + kUntimedSteps) {
      timed_.add(info, sum);
      timed_seconds_ += info.seconds;
    }
    return info;
  }

  [[nodiscard]] bool early() const noexcept {
    return options_.early_stopping > 0 && state_.worse_evaluations >= options_.early_stopping;
  }
  [[nodiscard]] bool done() const noexcept { return state_.step >= plan_.max_steps || early(); }

  /// A step and what is due after it. The end of the run is for complete().
  void advance() {
    tell(trainer_.on_step_, take_step());
    if (state_.step % options_.logging_steps == 0) log_loss();
    if (options_.eval_steps > 0 && state_.step % options_.eval_steps == 0) evaluate();
    const bool due = options_.save_steps > 0 && state_.step % options_.save_steps == 0;
    if (!done() && (due || best_is_new())) save();
  }

  /// The last log entry, evaluation and checkpoint; then the best weights.
  void complete(TrainResult& result) {
    if (state_.since_log.examples > 0) log_loss();
    if (valid_ != nullptr && state_.evaluated != state_.step) evaluate();
    if (state_.step > first_step_ && (options_.save_steps > 0 || best_is_new())) save();
    const bool older = state_.best_metric && state_.best_step != state_.step;
    if (!options_.load_best_model_at_end || !older) return;
    try {
      keeper_.load_weights(state_.best_step);
      held_step_ = state_.best_step;
    } catch (const Error& error) {
      // It could be read when the run began; what was trained is worth more than nothing.
      result.notes.push_back(concat("load_best_model_at_end: the result is of step ", state_.step,
                                    " and not of the best one, ", state_.best_step, ": ",
                                    error.what()));
    }
  }

  /// Whether this step has the lowest eval_loss, and a checkpoint is wanted of it.
  [[nodiscard]] bool best_is_new() const noexcept {
    return options_.load_best_model_at_end && state_.best_step == state_.step;
  }

  void save() {
    open_log();
    state_.schedule_steps = plan_.schedule_steps;
    state_.computed_by = computed_by();
    keeper_.save(state_);
    saved_ = state_.step;
  }
  void open_log() { log_.open(state_.log_history); }

  [[nodiscard]] LrSchedule schedule() const noexcept {
    return {.kind = options_.lr_scheduler,
            .warmup_steps = options_.warmup_steps,
            .max_steps = plan_.schedule_steps,
            .lora_nlg = options_.recipe == Recipe::lora_e2e};
  }

  void log_loss() {
    write({.step = state_.step,
           .epoch = plan_.epoch_after(state_.step),
           .loss = state_.since_log.mean_loss(),
           .learning_rate = state_.learning_rate,
           .grad_norm = state_.grad_norm});
    state_.since_log = {};
  }

  double evaluate() {
    const std::int64_t step = state_.step;
    Score score;
    try {
      score = validation_score(model_, *valid_, options_);
    } catch (const NumericError& error) {
      fail<NumericError>("numeric.loss", "evaluation after step ", step, ": ", error.what());
    }
    state_.evaluated = step;
    state_.eval_loss = score.loss;
    if (step > 0) state_.note_evaluation(step, score.loss);
    write({.step = step, .epoch = plan_.epoch_after(step), .eval_loss = score.loss});
    tell(trainer_.on_eval_, EvalInfo{.step = step,
                                     .epoch = plan_.epoch_after(step),
                                     .eval_loss = score.loss,
                                     .tokens = score.tokens});
    return score.loss;
  }

  void write(const LogEntry& entry) {
    if (state_.step > first_step_) {  // until then the files are those of an older result
      open_log();
      log_.write(entry);
    }
    state_.log_history.push_back(entry);
    tell(trainer_.on_log_, entry);
  }

  template <class Info>
  void tell(const std::vector<detail::Callback<Info>>& callbacks, const Info& info) {
    for (const auto& callback : callbacks) {
      if (callback(info)) trainer_.request_stop();
    }
  }

  /// The files of the result, together.
  void save_result() {
    open_log();
    AtomicFolder files(options_.output_dir);
    for (const auto& add : trainer_.on_save_) add(files);
    TrainerState state = trainer_state_of(state_, plan_, options_);
    if (state.best_metric) state.best_model_checkpoint = keeper_.file_of(state_.best_step).string();
    log_.finish(files, state, state_.log_history);
    files.commit();
  }
  /// The checkpoint of what the model holds, written if there is none.
  [[nodiscard]] std::filesystem::path keep_checkpoint() {
    if (held_step_) return keeper_.file_of(*held_step_);
    if (keeper_.file_of(state_.step).empty()) save();
    return keeper_.file_of(state_.step);
  }

  void finish(TrainResult& result) {
    result.steps = state_.step;
    result.epochs = plan_.epoch_after(state_.step);
    result.stopped_early = !result.stopped && state_.step < plan_.max_steps;
    if (saved_ > 0) result.checkpoint = keeper_.file_of(saved_);
    if (tracks_best(options_)) {
      result.best_eval_loss = state_.best_metric;
      result.best_step = state_.best_step;
    }
    result.train_loss = state_.all.mean_loss();
    result.initial_eval_loss = state_.initial_eval_loss;
    if (state_.evaluated.value_or(0) > 0) result.eval_loss = state_.eval_loss;
    if (held_step_) result.eval_loss = state_.best_metric;
    if (timed_seconds_ > 0.0) {
      result.examples_per_second = static_cast<double>(timed_.examples) / timed_seconds_;
      result.tokens_per_second = static_cast<double>(timed_.tokens) / timed_seconds_;
    }
    for (const Parameter<T>* p : parameters_) result.trainable += p->size();
    if (prefix_cache_) result.prefix_cache = prefix_cache_->info();
    // Of a run that was stopped before it did a step there is nothing to save.
    result.saved = !options_.output_dir.empty() && (!result.stopped || state_.step > first_step_);
    if (result.saved) save_or_keep([&] { save_result(); }, [&] { return keep_checkpoint(); });
    result.peak_rss_bytes = peak_rss_bytes();
  }

  static constexpr std::int64_t kUntimedSteps = 2;

  Trainer& trainer_;
  const TrainerOptions& options_;
  GPT2<T>& model_;
  AdapterHold hold_;
  const Dataset* valid_;
  RunBatches batches_;
  TrainLog log_;
  TrainPlan plan_;
  std::vector<Parameter<T>*> parameters_;
  Adapter<T>* adapter_;  // the one that trains, or null
  AdamW<T> optimizer_;
  Tape<T> tape_;
  std::vector<BatchBuffer> buffers_;
  CheckpointKeeper<T> keeper_;
  std::optional<PrefixCache<T>> prefix_cache_;

  RunState state_;
  std::int64_t first_step_ = 0;            // what had been done before
  std::int64_t saved_ = 0;                 // the step of the last checkpoint written here
  std::optional<std::int64_t> held_step_;  // whose weights the model holds, if not the last one's
  TrainSums timed_;
  double timed_seconds_ = 0.0;
};

template <Scalar T>
Trainer<T>::Trainer(GPT2<T>& model, TrainerOptions options)
    : model_(model), options_(std::move(options)) {
  options_.validate();
}

template <Scalar T>
TrainResult Trainer<T>::train(const Dataset& train) {
  return start(train, nullptr);
}

template <Scalar T>
TrainResult Trainer<T>::train(const Dataset& train, const Dataset& valid) {
  return start(train, &valid);
}

template <Scalar T>
TrainResult Trainer<T>::start(const Dataset& train, const Dataset* valid) {
  const Running running(*this);
  check_data(model_.config(), train, "training data");
  if (valid != nullptr) {
    check_data(model_.config(), *valid, "validation data");
  } else if (options_.early_stopping > 0 || options_.load_best_model_at_end) {
    fail<ConfigError>("train.options",
                      "early_stopping and load_best_model_at_end: need validation data");
  }
  std::optional<FolderLock> lock;
  if (!options_.output_dir.empty()) {
    lock.emplace(options_.output_dir);
    require_replaceable(options_.output_dir);
  }
  if (train.eos_token_id() >= 0) model_.align_end_token(train.eos_token_id());
  TrainResult result = Run(*this, train, valid).run();
  result.locked = !lock || lock->held();
  return result;
}

#if !SOLO_HEADER_ONLY
template class Trainer<float>;
template class Trainer<double>;
#endif

}  // namespace solo::inline SOLO_ABI
