// SPDX-License-Identifier: MIT
#include "comparison.hpp"

#include "../number_text.hpp"

#include <algorithm>
#include <cmath>
#include <iostream>

namespace solo::cli {
namespace {

/// "35 s", "12 min", "1 h 20 min".
std::string duration(double seconds) {
  if (seconds < 90) return concat(std::lround(seconds), " s");
  const long minutes = std::lround(seconds / 60);
  if (minutes < 60) return concat(minutes, " min");
  return concat(minutes / 60, " h ", minutes % 60, " min");
}

/// "BLEU 31.20, ", or the metric that chooses.
std::string shown_metric(const RunRecord& record, const ComparePlan& plan) {
  const std::size_t number = metric_number(plan.choose_by).value_or(0);
  const Metric& metric = kMetrics[number];
  const std::optional<MetricValues> values = record.metrics();
  if (!values || !(*values)[number]) return {};
  return concat(metric.title, ' ', fixed(metric.factor * *(*values)[number], metric.digits), ", ");
}

}  // namespace

Comparison::Comparison(const RunSettings& settings, std::filesystem::path folder)
    : settings_(settings), folder_(std::move(folder)) {}

RunFolder Comparison::run_folder(const PlannedMethod& method, const Json& setting,
                                 std::uint64_t seed) const {
  return {settings_,
          {.method = method, .setting = setting, .seed = seed},
          folder_ / "runs" / method.name / concat("seed-", seed)};
}

/// The base is the same whatever the seed.
std::vector<std::uint64_t> Comparison::seeds_of(const PlannedMethod& method) const {
  if (method.kind() == kNoMethod) return {settings_.plan.seeds.front()};
  return settings_.plan.seeds;
}

void Comparison::prepare() {
  const auto lay_out = [&](const RunFolder& folder) {
    std::optional<RunRecord> record = folder.finished();
    if (record) return record;
    folder.prepare();
    ++to_do_;
    return record;
  };
  const ComparePlan& plan = settings_.plan;
  for (const PlannedMethod& method : plan.methods) {
    for (const PlannedTuning& run : tuning_runs(method)) {
      const std::optional<RunRecord> trained = lay_out(run.training);
      if (run.texts && !(trained && trained->diverged)) (void)lay_out(*run.texts);
    }
    const std::optional<Tuned> best = tuned(method);
    for (const std::uint64_t seed : seeds_of(method)) {
      if (best) {
        if (!best->diverged) (void)lay_out(run_folder(method, best->setting, seed));
        continue;
      }
      // A finished run keeps its options: it may be of the setting that will be chosen.
      const RunFolder folder = run_folder(method, plan.settings(method)[0], seed);
      if (!folder.has_record()) folder.prepare();
      ++to_do_;
    }
  }
}

RunRecord Comparison::finish(const RunFolder& folder, const std::string& title) {
  if (std::optional<RunRecord> record = folder.finished()) {
    folder.add_meteor(*record, meteor_);
    return std::move(*record);
  }
  folder.prepare();
  if (!settings_.quiet) {
    std::cerr << concat("== run ", done_ + 1, " of ", to_do_, ": ", title, '\n');
  }
  const auto begin = std::chrono::steady_clock::now();
  meteor_.reset();  // its memory is not to be taken from a training
  RunRecord record = folder.run();
  folder.add_meteor(record, meteor_);
  seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  ++done_;
  if (settings_.quiet) return record;
  std::string line = "   ";
  if (record.diverged) {
    line += "diverged: " + record.reason;
  } else {
    if (const auto loss = record.number("eval_loss"))
      line += concat("eval_loss ", fixed(*loss, 4), ", ");
    line += shown_metric(record, settings_.plan);
    line += duration(seconds_ / static_cast<double>(done_)) + " a run";
  }
  if (done_ < to_do_) {
    line += concat(
        "; about ",
        duration(seconds_ / static_cast<double>(done_) * static_cast<double>(to_do_ - done_)),
        " left");
  }
  std::cerr << line << '\n';
  return record;
}

void Comparison::count_whole_runs(const std::map<std::string, Tuned>& chosen) {
  to_do_ = done_;
  for (const PlannedMethod& method : settings_.plan.methods) {
    const Tuned& best = chosen.at(method.name);
    if (best.diverged) continue;
    for (const std::uint64_t seed : seeds_of(method)) {
      if (!run_folder(method, best.setting, seed).finished()) ++to_do_;
    }
  }
}

void Comparison::run() {
  prepare();
  const ComparePlan& plan = settings_.plan;
  std::map<std::string, Tuned> chosen;
  for (const PlannedMethod& method : plan.methods) {
    tune(method);
    chosen.emplace(method.name, *tuned(method));
  }
  count_whole_runs(chosen);
  // Seed by seed, so that a comparison that is stopped has all methods of the seeds it has.
  for (const std::uint64_t seed : plan.seeds) {
    for (const PlannedMethod& method : plan.methods) {
      const std::vector<std::uint64_t> seeds = seeds_of(method);
      const Tuned& best = chosen.at(method.name);
      if (best.diverged || std::find(seeds.begin(), seeds.end(), seed) == seeds.end()) continue;
      (void)finish(run_folder(method, best.setting, seed), concat(method.name, ", seed ", seed));
    }
  }
}

}  // namespace solo::cli
