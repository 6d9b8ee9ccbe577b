// SPDX-License-Identifier: MIT
#pragma once

#include <solo/data/dataset.hpp>
#include <solo/optim/adamw.hpp>
#include <solo/optim/clip.hpp>
#include <solo/train/peak_memory.hpp>
#include <solo/train/train_check.hpp>
#include <solo/train/train_log.hpp>
#include <solo/train/train_plan.hpp>
#include <solo/train/trainer.hpp>

#include <chrono>
#include <limits>

namespace solo::inline SOLO_ABI {

namespace detail {

/// Sums over steps.
struct TrainSums {
  double loss = 0.0;
  Index scored_tokens = 0;
  Index tokens = 0;
  Index examples = 0;
  double seconds = 0.0;

  void add(const StepInfo& info, double loss_sum) {
    loss += loss_sum;
    scored_tokens += info.scored_tokens;
    tokens += info.tokens;
    examples += info.examples;
    seconds += info.seconds;
  }
  [[nodiscard]] std::optional<double> mean_loss() const {
    if (scored_tokens == 0) return std::nullopt;
    return loss / static_cast<double>(scored_tokens);
  }
};

template <Scalar T>
[[nodiscard]] AdamW<T> make_optimizer(const TrainerOptions& options,
                                      const std::vector<Parameter<T>*>& parameters,
                                      const std::shared_ptr<ThreadPool>& pool) {
  return AdamW<T>(make_param_groups(parameters, {.weight_decay = options.weight_decay,
                                                 .lr_multipliers = options.lr_multipliers}),
                  {.learning_rate = options.learning_rate,
                   .beta1 = options.adam_beta1,
                   .beta2 = options.adam_beta2,
                   .epsilon = options.adam_epsilon,
                   .pool = pool});
}

}  // namespace detail

/// One call of train().
template <Scalar T>
class Trainer<T>::Run {
 public:
  Run(Trainer& trainer, const Dataset& train, const Dataset* valid)
      : trainer_(trainer),
        options_(trainer.options_),
        model_(trainer.model_),
        train_(train),
        valid_(valid),
        log_(options_),
        plan_(options_, train.size()),
        parameters_(require_trainable(model_)),
        optimizer_(detail::make_optimizer(options_, parameters_, model_.pool())),
        tape_(model_.pool()) {}

  [[nodiscard]] TrainResult run() {
    TrainResult result;
    if (valid_ != nullptr && options_.eval_on_start) result.initial_eval_loss = evaluate();
    optimizer_.zero_grad();
    while (step_ < plan_.max_steps && !trainer_.stop_.load(std::memory_order_relaxed)) {
      const StepInfo info = take_step();
      tell(trainer_.on_step_, info);
      if (step_ % options_.logging_steps == 0) log_loss(info);
      last_ = info;
      if (options_.eval_steps > 0 && step_ % options_.eval_steps == 0) evaluate();
    }
    result.stopped = step_ < plan_.max_steps;
    if (since_log_.examples > 0) log_loss(last_);
    if (valid_ != nullptr && !result.stopped && evaluated_ != step_) evaluate();
    finish(result);
    return result;
  }

 private:
  /// The batches of one optimizer step.
  struct Window {
    std::vector<Batch> batches;
    Index examples = 0;
    Index tokens = 0;
    Index scored_tokens = 0;
  };

  [[nodiscard]] Window gather(std::int64_t step) const {
    const BatchWindow range = plan_.window(step);
    Window window;
    for (std::int64_t i = 0; i < range.count; ++i) {
      window.batches.push_back(train_.batch({.seed = options_.seed,
                                             .step = range.first + i,
                                             .size = options_.batch_size,
                                             .shuffle = options_.shuffle,
                                             .share_context = options_.share_context}));
      const Batch& batch = window.batches.back();
      window.examples += batch.examples;
      window.tokens += batch.rows();
      window.scored_tokens += batch.scored_tokens;
    }
    return window;
  }

  /// Adds the gradients of the window's mean loss; returns the sum of the losses.
  [[nodiscard]] double accumulate(const Window& window, std::int64_t step) {
    const std::string adapter = model_.active_adapter();
    const double homotopy = adapter.empty() ? 1.0 : model_.adapter(adapter).homotopy(step);
    double sum = 0.0;
    for (const Batch& batch : window.batches) {
      if (batch.scored_tokens == 0) continue;
      double part = 0.0;
      const Var<T> loss = model_.loss(tape_, batch,
                                      {.label_smoothing = options_.label_smoothing,
                                       .normalizer = window.scored_tokens,
                                       .model_dropout = options_.model_dropout,
                                       .homotopy = homotopy,
                                       .loss_sum = &part});
      sum += part;
      if (!is_finite(sum) || !is_finite(static_cast<double>(loss.item()))) {
        refuse_loss(model_, step, is_finite(sum) ? static_cast<double>(loss.item()) : sum);
      }
      tape_.backward(loss);
    }
    return sum;
  }

  /// Gradients, clip, update. Nothing is changed when it throws.
  [[nodiscard]] StepInfo take_step() {
    const std::int64_t step = step_ + 1;
    const Window window = gather(step);
    const auto start = std::chrono::steady_clock::now();
    StepInfo info{.step = step,
                  .max_steps = plan_.max_steps,
                  .epoch = plan_.epoch_after(step),
                  .loss = std::numeric_limits<double>::quiet_NaN(),
                  .learning_rate = options_.learning_rate * schedule().factor(step - 1),
                  .examples = window.examples,
                  .tokens = window.tokens,
                  .scored_tokens = window.scored_tokens};
    double sum = 0.0;
    if (window.scored_tokens > 0) {
      try {
        sum = accumulate(window, step);
        info.loss = sum / static_cast<double>(window.scored_tokens);
        info.grad_norm = gradient_norm(parameters_, {.pool = model_.pool(), .step = step});
        log_.open();
      } catch (...) {
        optimizer_.zero_grad();
        throw;
      }
      const double clip =
          options_.max_grad_norm > 0.0 ? clip_factor(info.grad_norm, options_.max_grad_norm) : 1.0;
      optimizer_.set_learning_rate(info.learning_rate);
      optimizer_.step({.gradient_scale = clip, .check_finite = false});
      optimizer_.zero_grad();
    }
    info.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    step_ = step;
    all_.add(info, sum);
    since_log_.add(info, sum);
    if (step > kUntimedSteps) timed_.add(info, sum);
    return info;
  }

  [[nodiscard]] LrSchedule schedule() const noexcept {
    return {options_.lr_scheduler, options_.warmup_steps, plan_.max_steps};
  }

  void log_loss(const StepInfo& info) {
    write({.step = step_,
           .epoch = plan_.epoch_after(step_),
           .loss = since_log_.mean_loss(),
           .learning_rate = info.learning_rate,
           .grad_norm = info.grad_norm});
    since_log_ = {};
  }

  double evaluate() {
    Score score;
    try {
      score = model_.score(*valid_, {.batch_size = options_.eval_batch_size});
    } catch (const NumericError& error) {
      fail<NumericError>("numeric.loss", "evaluation after step ", step_, ": ", error.what());
    }
    evaluated_ = step_;
    eval_loss_ = score.loss;
    write({.step = step_, .epoch = plan_.epoch_after(step_), .eval_loss = score.loss});
    tell(trainer_.on_eval_, EvalInfo{.step = step_,
                                     .epoch = plan_.epoch_after(step_),
                                     .eval_loss = score.loss,
                                     .tokens = score.tokens});
    return score.loss;
  }

  void write(const LogEntry& entry) {
    log_.write(entry);
    history_.push_back(entry);
    tell(trainer_.on_log_, entry);
  }

  template <class Info>
  void tell(const std::vector<detail::Callback<Info>>& callbacks, const Info& info) {
    for (const auto& callback : callbacks) {
      if (callback(info)) trainer_.request_stop();
    }
  }

  void finish(TrainResult& result) {
    result.steps = step_;
    result.epochs = plan_.epoch_after(step_);
    result.train_loss = all_.mean_loss();
    if (evaluated_ > 0) result.eval_loss = eval_loss_;
    if (timed_.seconds > 0.0) {
      result.examples_per_second = static_cast<double>(timed_.examples) / timed_.seconds;
      result.tokens_per_second = static_cast<double>(timed_.tokens) / timed_.seconds;
    }
    for (const Parameter<T>* p : parameters_) result.trainable += p->size();
    log_.write_state({.epoch = result.epochs,
                      .global_step = step_,
                      .max_steps = plan_.max_steps,
                      .num_train_epochs = plan_.epochs(),
                      .logging_steps = options_.logging_steps,
                      .eval_steps = options_.eval_steps,
                      .train_batch_size = options_.batch_size,
                      .num_input_tokens_seen = all_.tokens,
                      .log_history = history_});
    result.peak_rss_bytes = peak_rss_bytes();
  }

  static constexpr std::int64_t kUntimedSteps = 2;

  Trainer& trainer_;
  const TrainerOptions& options_;
  GPT2<T>& model_;
  const Dataset& train_;
  const Dataset* valid_;
  TrainLog log_;
  TrainPlan plan_;
  std::vector<Parameter<T>*> parameters_;
  AdamW<T> optimizer_;
  Tape<T> tape_;

  std::int64_t step_ = 0;
  std::int64_t evaluated_ = -1;  // the step of the last evaluation
  double eval_loss_ = 0.0;
  StepInfo last_;
  detail::TrainSums all_;
  detail::TrainSums since_log_;
  detail::TrainSums timed_;
  std::vector<LogEntry> history_;
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
  struct Reset {  // a stop request ends one run
    std::atomic<bool>& stop;
    ~Reset() { stop.store(false, std::memory_order_relaxed); }
  } const reset{stop_};
  check_data(model_.config(), train, "training data");
  if (valid != nullptr) check_data(model_.config(), *valid, "validation data");
  return Run(*this, train, valid).run();
}

#if !SOLO_HEADER_ONLY
template class Trainer<float>;
template class Trainer<double>;
#endif

}  // namespace solo::inline SOLO_ABI
