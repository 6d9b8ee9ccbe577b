// SPDX-License-Identifier: MIT
// What chooses the setting of each method.
#include <solo/core/error.hpp>

#include "comparison.hpp"

#include <utility>

namespace solo::cli {
namespace {

/// The mean of a number over the runs; nothing if one of them has none.
template <class F>
std::optional<double> mean_over(const std::vector<CompareTuningRun>& runs, const F& number) {
  double sum = 0.0;
  for (const CompareTuningRun& run : runs) {
    const std::optional<double> value = number(run);
    if (!value) return {};
    sum += *value;
  }
  return sum / static_cast<double>(runs.size());
}

/// A setting that can be chosen has a loss, and the metric that chooses.
bool can_be_chosen(const CompareTuning& tried, std::optional<std::size_t> metric) {
  return tried.eval_loss && (!metric || tried.metrics[*metric]);
}

bool is_better(const CompareTuning& a, const CompareTuning& b, std::optional<std::size_t> metric) {
  if (metric && a.metrics[*metric] != b.metrics[*metric]) {
    return *a.metrics[*metric] > *b.metrics[*metric];
  }
  return *a.eval_loss < *b.eval_loss;
}

/// Texts that the metric is not defined for.
bool has_undefined(const CompareTuning& tried, std::size_t metric) {
  for (const CompareTuningRun& run : tried.runs) {
    if (run.metrics && !(*run.metrics)[metric]) return true;
  }
  return false;
}

}  // namespace

Comparison::PlannedTuning Comparison::tuning_run(const PlannedMethod& method, std::size_t number,
                                                 const Json& setting, std::uint64_t seed) const {
  const std::filesystem::path folder =
      folder_ / "tuning" / method.name / concat("setting-", number) / concat("seed-", seed);
  RunChoice choice{.method = method, .setting = setting, .seed = seed, .kind = RunKind::tuning};
  PlannedTuning run{
      .training = {settings_, choice, folder},
      .texts = {},
      .title = concat("choosing for ", method.name, ": ", dump_line(setting), ", seed ", seed)};
  if (settings_.plan.chooses_by_texts()) {
    choice.kind = RunKind::tuning_texts;
    run.texts.emplace(settings_, choice, folder / "texts");
  }
  return run;
}

std::vector<Comparison::PlannedTuning> Comparison::tuning_runs(const PlannedMethod& method) const {
  const std::vector<Json> settings = settings_.plan.settings(method);
  std::vector<PlannedTuning> runs;
  if (settings.size() == 1) return runs;
  for (std::size_t i = 0; i < settings.size(); ++i) {
    for (const std::uint64_t seed : settings_.plan.tuning_seeds) {
      runs.push_back(tuning_run(method, i, settings[i], seed));
    }
  }
  return runs;
}

std::optional<CompareTuningRun> Comparison::tried_run(const PlannedTuning& run,
                                                      std::uint64_t seed) const {
  const std::optional<RunRecord> trained = run.training.finished();
  if (!trained) return {};
  CompareTuningRun result{.seed = seed, .eval_loss = {}, .metrics = {}};
  if (trained->diverged) return result;
  result.eval_loss = trained->number("eval_loss");
  if (!run.texts) return result;
  const std::optional<RunRecord> decoded = run.texts->finished();
  if (!decoded) return {};
  result.metrics = decoded->metrics();
  const bool lacks_meteor = result.metrics && !(*result.metrics)[kMeteorMetric];
  if (lacks_meteor && metric_number(settings_.plan.choose_by) == kMeteorMetric) return {};
  return result;
}

std::optional<CompareTuning> Comparison::tried(const PlannedMethod& method, std::size_t number,
                                               const Json& setting) const {
  CompareTuning result;
  result.options = setting;
  for (const std::uint64_t seed : settings_.plan.tuning_seeds) {
    const std::optional<CompareTuningRun> run =
        tried_run(tuning_run(method, number, setting, seed), seed);
    if (!run) return {};
    result.runs.push_back(*run);
  }
  result.eval_loss =
      mean_over(result.runs, [](const CompareTuningRun& run) { return run.eval_loss; });
  for (std::size_t i = 0; i < kMetrics.size(); ++i) {
    result.metrics[i] = mean_over(result.runs, [i](const CompareTuningRun& run) {
      return run.metrics ? (*run.metrics)[i] : std::nullopt;
    });
  }
  return result;
}

std::optional<Comparison::Tuned> Comparison::tuned(const PlannedMethod& method) const {
  const std::vector<Json> settings = settings_.plan.settings(method);
  if (settings.size() == 1) return Tuned{.setting = settings[0]};
  const std::optional<std::size_t> metric = metric_number(settings_.plan.choose_by);
  Tuned result;
  std::optional<std::size_t> best;
  bool undefined = false;
  for (std::size_t i = 0; i < settings.size(); ++i) {
    std::optional<CompareTuning> one = tried(method, i, settings[i]);
    if (!one) return {};
    result.tries.push_back(std::move(*one));
    const CompareTuning& last = result.tries.back();
    undefined = undefined || (metric && has_undefined(last, *metric));
    if (!can_be_chosen(last, metric)) continue;
    if (!best || is_better(last, result.tries[*best], metric)) best = i;
  }
  if (best) {
    result.setting = settings[*best];
  } else if (undefined) {
    fail<ConfigError>("compare.choice", method.name, ": ", settings_.plan.choose_by,
                      " is not defined for the validation texts of any setting; with another "
                      "choose_by the same command goes on without running them again");
  }
  result.diverged = !best;
  return result;
}

void Comparison::tune(const PlannedMethod& method) {
  for (const PlannedTuning& run : tuning_runs(method)) {
    const std::size_t before = done_;
    const bool diverged = finish(run.training, run.title).diverged;
    if (!run.texts) continue;
    if (!diverged) {
      (void)finish(*run.texts, run.title + ", validation texts");
    } else if (done_ > before) {
      --to_do_;  // its texts, which were counted before it diverged
    }
  }
}

}  // namespace solo::cli
