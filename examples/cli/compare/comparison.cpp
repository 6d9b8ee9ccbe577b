// SPDX-License-Identifier: MIT
#include "comparison.hpp"

#include "../number_text.hpp"

#include <algorithm>
#include <iostream>

namespace solo::cli {
namespace {

/// "35 s", "12 min", "1 h 20 min".
std::string duration(double seconds) {
  if (seconds < 90) return concat(static_cast<int>(seconds + 0.5), " s");
  const int minutes = static_cast<int>(seconds / 60 + 0.5);
  if (minutes < 60) return concat(minutes, " min");
  return concat(minutes / 60, " h ", minutes % 60, " min");
}

}  // namespace

Comparison::Comparison(const RunSettings& settings, std::filesystem::path folder)
    : settings_(settings), folder_(std::move(folder)) {}

RunFolder Comparison::tuning_folder(const PlannedMethod& method, std::size_t number,
                                    const Json& setting, std::uint64_t seed) const {
  return {settings_,
          {.method = method, .setting = setting, .seed = seed, .decode = false},
          folder_ / "tuning" / method.name / concat("setting-", number) / concat("seed-", seed)};
}

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

std::vector<Comparison::Planned> Comparison::tuning_runs(const PlannedMethod& method) const {
  const std::vector<Json> settings = settings_.plan.settings(method);
  std::vector<Planned> runs;
  if (settings.size() == 1) return runs;
  for (std::size_t i = 0; i < settings.size(); ++i) {
    for (const std::uint64_t seed : settings_.plan.tuning_seeds) {
      runs.push_back(
          {tuning_folder(method, i, settings[i], seed),
           concat("choosing for ", method.name, ": ", dump_line(settings[i]), ", seed ", seed)});
    }
  }
  return runs;
}

void Comparison::prepare() {
  const auto lay_out = [&](const RunFolder& folder) {
    if (folder.finished()) return;
    folder.prepare();
    ++to_do_;
  };
  const ComparePlan& plan = settings_.plan;
  for (const PlannedMethod& method : plan.methods) {
    for (const Planned& run : tuning_runs(method)) lay_out(run.folder);
    const std::optional<Tuned> best = tuned(method);
    for (const std::uint64_t seed : seeds_of(method)) {
      if (best) {
        if (!best->diverged) lay_out(run_folder(method, best->setting, seed));
      } else {
        run_folder(method, plan.settings(method)[0], seed).prepare();
        ++to_do_;
      }
    }
  }
}

std::optional<Comparison::Tuned> Comparison::tuned(const PlannedMethod& method) const {
  const std::vector<Json> settings = settings_.plan.settings(method);
  if (settings.size() == 1) return Tuned{.setting = settings[0]};
  Tuned result;
  std::optional<double> best;
  for (std::size_t i = 0; i < settings.size(); ++i) {
    double sum = 0.0;
    bool diverged = false;
    for (const std::uint64_t seed : settings_.plan.tuning_seeds) {
      const std::optional<RunRecord> record =
          tuning_folder(method, i, settings[i], seed).finished();
      if (!record) return {};
      const std::optional<double> loss = record->number("eval_loss");
      diverged = diverged || record->diverged || !loss;
      sum += loss.value_or(0.0);
    }
    const double mean = sum / static_cast<double>(settings_.plan.tuning_seeds.size());
    result.tries.push_back({settings[i], diverged ? std::nullopt : std::optional(mean)});
    if (!diverged && (!best || mean < *best)) {
      best = mean;
      result.setting = settings[i];
    }
  }
  result.diverged = !best;
  return result;
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
    if (record.scores) line += concat("BLEU ", fixed(100.0 * record.scores->bleu, 2), ", ");
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

void Comparison::run() {
  prepare();
  const ComparePlan& plan = settings_.plan;
  std::map<std::string, Tuned> chosen;
  for (const PlannedMethod& method : plan.methods) {
    for (const Planned& run : tuning_runs(method)) (void)finish(run.folder, run.title);
    const auto found = chosen.emplace(method.name, *tuned(method)).first;
    if (found->second.diverged) to_do_ -= seeds_of(method).size();
  }
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
