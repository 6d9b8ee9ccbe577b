// SPDX-License-Identifier: MIT
/// @file
/// The training loop: batches, accumulation, AdamW, schedule, evaluation, logs, callbacks.
#pragma once

#include <solo/io/atomic_folder.hpp>
#include <solo/nn/gpt2.hpp>
#include <solo/train/train_info.hpp>
#include <solo/train/trainer_options.hpp>

#include <atomic>
#include <functional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace solo::inline SOLO_ABI {

namespace detail {

/// A callback may return void, or bool: true stops the run after the step.
template <class Info>
using Callback = std::function<bool(const Info&)>;

/// ConfigError ("config.value") for an empty std::function or a null pointer.
template <class Signature, class F>
[[nodiscard]] std::function<Signature> require_callback(F&& f) {
  std::function<Signature> call(std::forward<F>(f));
  if (!call) fail<ConfigError>("config.value", "a callback of the trainer is empty");
  return call;
}

template <class Info, class F>
[[nodiscard]] Callback<Info> make_callback(F&& f) {
  static_assert(std::is_invocable_v<F&, const Info&>,
                "the callback must take the information as its only argument (const StepInfo&, "
                "const LogEntry& or const EvalInfo&)");
  if constexpr (std::is_invocable_v<F&, const Info&>) {
    using Result = std::invoke_result_t<F&, const Info&>;
    static_assert(std::is_void_v<Result> || std::is_same_v<Result, bool>,
                  "the callback must return nothing, or bool: true stops the run");
    auto call = require_callback<Result(const Info&)>(std::forward<F>(f));
    if constexpr (std::is_same_v<Result, bool>) {
      return call;
    } else {
      return [call = std::move(call)](const Info& info) {
        call(info);
        return false;
      };
    }
  }
}

}  // namespace detail

/// Trains what trains in a model: its active adapter, or all of it when there is none.
///
/// Batches, dropout and results are pure functions of model, data and options: the same bits at
/// each run, on any number of threads. With `output_dir` it writes log.jsonl there, with
/// `save_steps` checkpoints too, and nothing before the first step is known to be finite, nor when
/// it is stopped before that, so that an older result stays; at the end trainer_state.json and
/// training_args.json, together with what on_save() adds, such as the adapter or the model. The
/// model must outlive the trainer and stay where it is.
template <Scalar T>
class Trainer {
 public:
  /// Throws ConfigError ("config.range", …) for options out of their range.
  explicit Trainer(GPT2<T>& model, TrainerOptions options = {});
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  [[nodiscard]] const TrainerOptions& options() const noexcept { return options_; }

  /// Calls f(const StepInfo&) after each optimizer step, f(const LogEntry&) after each log entry
  /// has been written (that of an evaluation before the first step among them), f(const EvalInfo&)
  /// after each evaluation; the callbacks of a kind in the order they came. What f returns is void,
  /// or bool: true stops as request_stop() does. An exception from f leaves train(). Throws
  /// ConfigError, as those below: "config.value" for an empty std::function, "train.running" in a
  /// callback of this trainer.
  template <class F>
  Trainer& on_step(F&& f) {
    return add(on_step_, detail::make_callback<StepInfo>(std::forward<F>(f)));
  }
  template <class F>
  Trainer& on_log(F&& f) {
    return add(on_log_, detail::make_callback<LogEntry>(std::forward<F>(f)));
  }
  template <class F>
  Trainer& on_eval(F&& f) {
    return add(on_eval_, detail::make_callback<EvalInfo>(std::forward<F>(f)));
  }

  /// Calls f(const ResumeInfo&) when a run goes on from a checkpoint, before its first step.
  template <class F>
  Trainer& on_resume(F&& f) {
    return add(on_resume_, detail::make_callback<ResumeInfo>(std::forward<F>(f)));
  }

  /// Calls f(AtomicFolder&) at the end of a run with an output_dir, to add the files of its result:
  /// they replace those of an older run together with trainer_state.json and training_args.json,
  /// all or none. A run that fails leaves the older result whole; when it is these files that fail,
  /// a checkpoint is written, from which resume saves the result.
  template <class F>
  Trainer& on_save(F&& f) {
    return add(on_save_, detail::require_callback<void(AtomicFolder&)>(std::forward<F>(f)));
  }

  /// Trains, a fresh optimizer each time; `valid` is evaluated as the options say and at the end.
  /// The end token of the training texts becomes one of the model's (GPT2::align_end_token).
  /// Throws before anything is changed or written: ConfigError when nothing trains
  /// ("train.nothing") or is scored ("loss.labels"), ShapeError for ids beyond the vocabulary
  /// ("ids.range") or sequences longer than n_positions ("sequence.length"). NumericError
  /// ("numeric.loss", "numeric.gradient") names step and tensor when a loss or gradient is not
  /// finite, or its square is beyond T; the model then is as after the step before.
  /// "numeric.parameter": an update made a parameter infinite or NaN, and the model keeps it; the
  /// last checkpoint is the way back. IoError when a log or checkpoint cannot be written, or when
  /// another run holds the output folder ("io.busy"), or as require_replaceable. With a prefix
  /// cache as PrefixCache does. While it runs the model's adapters are held
  /// (GPT2::hold_for_training): "adapter.held" when they are already, "train.running" when this
  /// trainer trains.
  ///
  /// With `resume` it goes on from the newest checkpoint that can be read, whatever the trained
  /// tensors hold now, and ends with the bits of a run that was never stopped. Asked for more steps
  /// than the checkpoint's run, or fewer, each further step has the rate of the new number. Throws
  /// as CheckpointKeeper::resume; without it ConfigError ("checkpoint.exists") when the output
  /// folder has checkpoints.
  TrainResult train(const Dataset& train);
  TrainResult train(const Dataset& train, const Dataset& valid);

  /// Lets train() return after the step that runs now (or at once when it has not begun a step), as
  /// if it were the last, but for the evaluation at the end; with an output_dir a checkpoint is
  /// saved. Safe from any thread and from a signal
  /// handler.
  void request_stop() noexcept { stop_.store(true, std::memory_order_relaxed); }

 private:
  class Run;

  template <class Call>
  Trainer& add(std::vector<Call>& calls, Call call) {
    require_not_running("a callback is added");
    calls.push_back(std::move(call));
    return *this;
  }
  void require_not_running(std::string_view what) const {
    if (running_) fail<ConfigError>("train.running", what, " while the trainer trains");
  }
  /// One run: a stop request ends with it.
  class Running {
   public:
    explicit Running(Trainer& trainer) : trainer_(trainer) {
      trainer.require_not_running("train() is called");
      trainer.running_ = true;
    }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    ~Running() {
      trainer_.stop_.store(false, std::memory_order_relaxed);
      trainer_.running_ = false;
    }

   private:
    Trainer& trainer_;
  };

  TrainResult start(const Dataset& train, const Dataset* valid);

  static_assert(std::atomic<bool>::is_always_lock_free);

  GPT2<T>& model_;
  TrainerOptions options_;
  std::vector<detail::Callback<StepInfo>> on_step_;
  std::vector<detail::Callback<LogEntry>> on_log_;
  std::vector<detail::Callback<EvalInfo>> on_eval_;
  std::vector<detail::Callback<ResumeInfo>> on_resume_;
  std::vector<std::function<void(AtomicFolder&)>> on_save_;
  std::atomic<bool> stop_ = false;
  bool running_ = false;
};

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/train/trainer.ipp>  // IWYU pragma: keep
#endif
