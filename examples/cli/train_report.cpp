// SPDX-License-Identifier: MIT
#include "train_report.hpp"

#include <solo/io/file.hpp>
#include <solo/train/link_log.hpp>
#include <solo/train/progress.hpp>

#include "number_text.hpp"
#include "stop_signals.hpp"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <numeric>
#include <set>
#include <sys/ioctl.h>
#include <unistd.h>

namespace solo::cli {
namespace {

std::string fixed_or_dash(const std::optional<double>& x, int digits) {
  return x ? fixed(*x, digits) : "–";
}

Json prefix_cache_json(const std::optional<PrefixCacheInfo>& info) {
  if (!info) return nullptr;
  return {{"blocks", info->blocks},
          {"rows_read", info->rows_read},
          {"rows_computed", info->rows_computed},
          {"rows_left_out", info->rows_left_out},
          {"damaged_pieces", info->damaged_pieces},
          {"bytes", info->bytes}};
}

/// The words without an option and its value.
std::vector<std::string> without_option(const std::vector<std::string>& words,
                                        std::string_view option) {
  std::vector<std::string> rest;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == option) {
      if (i + 1 < words.size() && !words[i + 1].starts_with('-')) ++i;
    } else if (!words[i].starts_with(concat(option, "="))) {
      rest.push_back(words[i]);
    }
  }
  return rest;
}

int terminal_width() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/// Tenths of the run that are done.
std::int64_t tenth(std::int64_t step, std::int64_t max_steps) {
  return step * 10 / max_steps;
}

/// The examples of the newest epoch and the time since the end of the one before.
class EpochClock {
 public:
  void step(const StepInfo& info) {
    const auto epoch = static_cast<std::int64_t>(std::ceil(info.epoch - 1e-9));
    if (epoch != epoch_) {
      epoch_ = epoch;
      begin_ = end_;
      examples_ = 0.0;
    }
    examples_ += static_cast<double>(info.examples);
    end_ = std::chrono::steady_clock::now();
  }
  [[nodiscard]] std::optional<double> examples_per_second() const {
    if (epoch_ == 0) return {};
    return examples_ / std::chrono::duration<double>(end_ - begin_).count();
  }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point end_ = begin_;
  std::int64_t epoch_ = 0;
  double examples_ = 0.0;
};

/// A batch of the first examples, all their rows.
Batch first_examples(const Dataset& data) {
  constexpr Index kExamples = 8;
  std::vector<Index> numbers(static_cast<std::size_t>(std::min(kExamples, data.size())));
  std::iota(numbers.begin(), numbers.end(), Index{0});
  return data.batch_of(numbers, {.keep_last = true});
}

/// Bytes of the tensors a run saved.
std::uintmax_t saved_bytes(const std::filesystem::path& output, const GPT2<float>& model) {
  const char* const name =
      model.adapter_names().empty() ? "model.safetensors" : "adapter_model.safetensors";
  return std::filesystem::file_size(output / name);
}

}  // namespace

std::string trainable_line(Index trainable, Index total) {
  return concat("trainable params: ", with_commas(trainable),
                " || all params: ", with_commas(total), " || trainable%: ",
                fixed(100.0 * static_cast<double>(trainable) / static_cast<double>(total), 4));
}

std::string trainable_line(GPT2<float>& model) {
  const std::string adapter = model.active_adapter();
  Index total = model.parameter_count();
  if (adapter.empty()) return trainable_line(total, total);
  std::set<const Parameter<float>*> tables;  // stand for the base's, which are counted
  for (const Replacement<float>& r : model.adapter(adapter).replacements()) {
    if (!r.tensor->requires_grad()) tables.insert(r.tensor);
  }
  for (const Parameter<float>* p : model.adapter(adapter).parameters()) {
    if (!tables.contains(p)) total += p->size();
  }
  return trainable_line(model.trainable_parameter_count(), total);
}

ProgressPrinter::ProgressPrinter(bool quiet, std::string title)
    : title_(std::move(title)),
      bar_(!quiet && ::isatty(STDERR_FILENO) == 1),
      lines_(!quiet && !bar_),
      start_(std::chrono::steady_clock::now()) {}

void ProgressPrinter::begin() {
  if ((bar_ || lines_) && !title_.empty()) std::cerr << title_ << '\n';
  title_.clear();
}

void ProgressPrinter::step(const StepInfo& info) {
  begin();
  last_ = info;
  examples_ += static_cast<double>(info.examples);
  if (bar_) draw();
  if (lines_ && tenth(info.step, info.max_steps) != tenth(info.step - 1, info.max_steps)) {
    std::cerr << line(0) + '\n';
  }
}

void ProgressPrinter::eval(const EvalInfo& info) {
  begin();
  eval_loss_ = info.eval_loss;
  if (bar_) draw();
  if (lines_) std::cerr << concat("step ", info.step, ": eval_loss ", info.eval_loss, '\n');
}

void ProgressPrinter::resume(const ResumeInfo& info) {
  first_step_ = info.step;
  for (const std::string& reason : info.skipped) warn(concat("skipped ", reason));
  for (const std::string& note : info.notes) warn(note);
  begin();
  if (bar_ || lines_) {
    std::cerr << concat("going on from ", display_name(info.checkpoint), ", step ", info.step,
                        '\n');
  }
}

std::string ProgressPrinter::line(int width) const {
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start_;
  return progress_line({.step = last_->step,
                        .max_steps = last_->max_steps,
                        .first_step = first_step_,
                        .seconds = elapsed.count(),
                        .loss = last_->loss,
                        .eval_loss = eval_loss_,
                        .examples_per_second = examples_ / elapsed.count(),
                        .width = width});
}

void ProgressPrinter::draw() {
  if (!last_) return;
  std::cerr << '\r' << line(terminal_width() - 1) << std::flush;
  drawn_ = true;
}

void ProgressPrinter::finish() {
  if (drawn_) std::cerr << '\n';
}

FinishedRun train_with_progress(GPT2<float>& model, const TrainerOptions& options,
                                const Dataset& train, const std::optional<Dataset>& valid,
                                const ProgressOptions& progress_options) {
  const std::int64_t link_statistics_steps = progress_options.link_statistics_steps;
  Trainer<float> trainer(model, options);
  std::optional<LinkLog<float>> links;
  if (link_statistics_steps > 0) {
    links.emplace(trainer, model,
                  LinkLogOptions{.batch = first_examples(valid ? *valid : train),
                                 .steps = link_statistics_steps});
  }
  ProgressPrinter progress(progress_options.quiet, trainable_line(model));
  EpochClock clock;
  trainer.on_step([&](const StepInfo& info) {
    clock.step(info);
    progress.step(info);
  });
  trainer.on_eval([&](const EvalInfo& info) { progress.eval(info); });
  trainer.on_resume([&](const ResumeInfo& info) { progress.resume(info); });
  trainer.on_save(progress_options.save);
  const StopSignals signals(trainer);
  const auto begin = std::chrono::steady_clock::now();
  TrainResult result = valid ? trainer.train(train, *valid) : trainer.train(train);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  if (links) links->finish(result);
  progress.finish();
  for (const std::string& note : result.notes) warn(note);
  if (!result.locked) {
    warn(concat(display_name(options.output_dir),
                ": its file system has no locks: another run there would not have been noticed"));
  }
  if (result.prefix_cache && result.prefix_cache->damaged_pieces > 0) {
    warn(concat(display_name(options.prefix_cache.file), ": ", result.prefix_cache->damaged_pieces,
                " pieces of the prefix cache were damaged and have been computed again"));
  }
  if (result.prefix_cache && result.prefix_cache->rows_left_out > 0) {
    warn(concat("prefix cache: ", result.prefix_cache->rows_left_out,
                " token rows of the data are beyond its limit of ", options.prefix_cache.max_bytes,
                " bytes and were computed each time"));
  }
  return {std::move(result), seconds.count(), clock.examples_per_second()};
}

void write_report(const std::filesystem::path& output, const GPT2<float>& model,
                  const TrainResult& result, double seconds) {
  const double mb = static_cast<double>(result.peak_rss_bytes) / 1e6;
  std::string text = "# Training report\n\n| | |\n|---|---|\n";
  const auto row = [&text](std::string_view name, const std::string& value) {
    text += concat("| ", name, " | ", value, " |\n");
  };
  row("trainable parameters", with_commas(result.trainable));
  row("optimizer steps", std::to_string(result.steps));
  row("epochs", fixed(result.epochs, 2));
  row("training loss, mean over all steps", fixed_or_dash(result.train_loss, 4));
  row("validation loss before", fixed_or_dash(result.initial_eval_loss, 4));
  row("validation loss after", fixed_or_dash(result.eval_loss, 4));
  row("seconds", fixed(seconds, 1));
  row("examples per second", fixed_or_dash(result.examples_per_second, 2));
  row("peak memory", fixed(mb, 0) + " MB");
  row("saved tensors", fixed(static_cast<double>(saved_bytes(output, model)) / 1e3, 0) + " kB");
  write_file_atomically(output / "report.md", text);
}

void report_stop(const TrainResult& result, const Common& common) {
  // A folder that --resume named may not have the newest checkpoint.
  std::vector<std::string> words = without_option(common.command, "--resume");
  words.emplace_back("--resume");
  if (result.checkpoint.empty() && result.resumed) words.push_back(result.resumed->checkpoint);
  const bool kept = !result.checkpoint.empty() || result.resumed;
  const std::string_view nothing = result.saved ? "" : ", none of them new, nothing saved";
  std::cerr << (kept ? concat("stopped after step ", result.steps, nothing,
                              "; to go on: ", shell_words(words), '\n')
                     : std::string("stopped before the first step: nothing saved, what was in the "
                                   "output folder is as it was\n"));
  throw Stopped{StopSignals::received()};
}

void print_result(const std::filesystem::path& output, const GPT2<float>& model,
                  const FinishedRun& run, const Common& common) {
  const TrainResult& result = run.result;
  if (common.json) {
    print_line({{"steps", result.steps},
                {"train_loss", or_null(result.train_loss)},
                {"initial_eval_loss", or_null(result.initial_eval_loss)},
                {"eval_loss", or_null(result.eval_loss)},
                {"examples_per_second", or_null(result.examples_per_second)},
                {"tokens_per_second", or_null(result.tokens_per_second)},
                {"last_epoch_examples_per_second", or_null(run.last_epoch_examples_per_second)},
                {"peak_rss_bytes", result.peak_rss_bytes},
                {"trainable", result.trainable},
                {"saved_bytes", result.saved ? saved_bytes(output, model) : 0},
                {"prefix_cache", prefix_cache_json(result.prefix_cache)},
                {"stopped", result.stopped},
                {"stopped_early", result.stopped_early},
                {"best_eval_loss", or_null(result.best_eval_loss)},
                {"resumed_from",
                 result.resumed ? Json(result.resumed->checkpoint.string()) : Json(nullptr)},
                {"checkpoint",
                 result.checkpoint.empty() ? Json(nullptr) : Json(result.checkpoint.string())},
                {"output", output.string()}});
    return;
  }
  print(concat(result.steps, " steps, training loss ", fixed_or_dash(result.train_loss, 4),
               ", validation loss ", fixed_or_dash(result.initial_eval_loss, 4), " -> ",
               fixed_or_dash(result.eval_loss, 4),
               result.saved ? concat("; saved to ", display_name(output)) : "; nothing saved",
               '\n'));
}

}  // namespace solo::cli
