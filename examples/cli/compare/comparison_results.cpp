// SPDX-License-Identifier: MIT
// What the finished runs of a comparison add up to.
#include <solo/io/file.hpp>
#include <solo/io/json_fields.hpp>
#include <solo/text/lines.hpp>

#include "comparison.hpp"

#include <algorithm>
#include <fstream>
#include <thread>

namespace solo::cli {
namespace {

constexpr std::size_t kCurvePoints = 64;

/// At most kCurvePoints of the points, the first and the last among them.
std::vector<CurvePoint> thinned(std::vector<CurvePoint> points) {
  if (points.size() <= kCurvePoints) return points;
  std::vector<CurvePoint> kept;
  for (std::size_t i = 0; i < kCurvePoints; ++i) {
    kept.push_back(points[i * (points.size() - 1) / (kCurvePoints - 1)]);
  }
  return kept;
}

void read_curves(const std::filesystem::path& trained, CompareRun& run) {
  const std::filesystem::path path = trained / "trainer_state.json";
  if (!std::filesystem::exists(path)) return;
  const Json json = read_json_file(path);
  for (const Json& entry : JsonFields(json, display_name(path)).value("log_history")) {
    const JsonFields fields(entry, display_name(path), "log_history");
    const std::int64_t step = fields.integer("step");
    if (!fields.absent("loss")) run.curve.push_back({step, fields.number("loss")});
    if (!fields.absent("eval_loss")) run.eval_curve.push_back({step, fields.number("eval_loss")});
  }
  run.curve = thinned(std::move(run.curve));
  run.eval_curve = thinned(std::move(run.eval_curve));
}

/// A line of links.jsonl.
LinkSample read_links_line(const Json& json, const std::string& where) {
  const JsonFields fields(json, where);
  LinkSample sample{.step = fields.integer("step"), .links = {}};
  for (const Json& link : fields.value("links")) {
    const JsonFields of(link, where, "links");
    sample.links.push_back({of.integer("source"), of.integer("destination"), of.number_if("gate"),
                            of.number_if("ratio")});
  }
  return sample;
}

void read_links(const std::filesystem::path& trained, CompareRun& run) {
  const std::filesystem::path path = trained / "links.jsonl";
  if (!std::filesystem::exists(path)) return;
  LineReader lines(path);
  std::string_view line;
  while (lines.next_record(line)) {
    run.links.push_back(read_links_line(parse_json(line, lines.where()), lines.where()));
  }
}

std::optional<std::uint64_t> bytes_in(const Json& object, const char* key) {
  if (!object.is_object() || !object.contains(key) || !object[key].is_number_unsigned()) return {};
  return object[key].get<std::uint64_t>();
}

AgainstReference significance_of(const ForEachScore<PairedComparison>& found,
                                 const std::optional<PairedComparison>& meteor) {
  const auto of = [](const PairedComparison& c) {
    return Significance{c.difference, c.low, c.high, c.p_value};
  };
  AgainstReference all;
  all[0] = of(found.bleu);
  if (found.nist) all[1] = of(*found.nist);
  if (meteor) all[2] = of(*meteor);
  all[3] = of(found.rouge_l);
  all[4] = of(found.cider);
  return all;
}

/// The mean of METEOR over a side's runs.
double mean_meteor(MeteorSession& meteor, std::span<const std::vector<MeteorCounts>> runs,
                   std::span<const Index> sample) {
  double sum = 0.0;
  for (const std::vector<MeteorCounts>& run : runs) sum += meteor.score(run, sample);
  return sum / static_cast<double>(runs.size());
}

CompareMachine this_machine(int threads) {
  CompareMachine machine;
  std::ifstream cpus("/proc/cpuinfo");
  for (std::string line; std::getline(cpus, line) && machine.cpu.empty();) {
    if (line.starts_with("model name")) {
      machine.cpu = line.substr(std::min(line.find(": ") + 2, line.size()));
    }
  }
  if (machine.cpu.empty()) machine.cpu = "unknown";
  machine.threads = threads > 0 ? static_cast<std::uint64_t>(threads)
                                : std::max(1U, std::thread::hardware_concurrency());
  machine.version = SOLO_VERSION_STRING;
  return machine;
}

}  // namespace

CompareRun Comparison::result_of(const RunFolder& folder, std::uint64_t seed) const {
  CompareRun run;
  run.seed = seed;
  const std::optional<RunRecord> record = folder.finished();
  if (!record) return run;
  run.status = record->diverged ? RunStatus::diverged : RunStatus::done;
  run.reason = record->reason;
  run.metrics = record->metrics().value_or(MetricValues());
  run.eval_loss = record->number("eval_loss");
  run.train_loss = record->number("train_loss");
  run.train_seconds = record->train_seconds;
  run.decode_seconds = record->decode_seconds;
  run.examples_per_second = record->number("examples_per_second");
  run.peak_rss_bytes = bytes_in(record->trained, "peak_rss_bytes");
  run.adapter_bytes = bytes_in(record->trained, "saved_bytes");
  read_curves(folder.trained_folder(), run);
  read_links(folder.trained_folder(), run);
  return run;
}

CompareMethod Comparison::method_results(const PlannedMethod& method) const {
  const std::optional<Tuned> best = tuned(method);
  CompareMethod result;
  result.name = method.name;
  result.description = method.description;
  result.method = method.kind();
  if (best) result.tuning = best->tries;
  const Json setting = best ? best->setting : Json::object();
  for (const std::uint64_t seed : seeds_of(method)) {
    const RunFolder folder = run_folder(method, setting, seed);
    CompareRun run;
    run.seed = seed;
    if (best && best->diverged) {
      run.status = RunStatus::diverged;
      run.reason = "every setting of its grid diverged";
    } else if (best) {
      run = result_of(folder, seed);
    }
    if (const auto record = best ? folder.finished() : std::nullopt) {
      result.trainable = bytes_in(record->trained, "trainable").value_or(result.trainable);
    }
    result.runs.push_back(std::move(run));
  }
  result.options = run_folder(method, setting, settings_.plan.seeds.front()).train_options();
  return result;
}

/// The base's validation loss is where every other method began.
void Comparison::add_base_loss(CompareResults& results) const {
  std::optional<double> loss;
  for (const CompareMethod& method : results.methods) {
    for (const CompareRun& run : method.runs) {
      if (!run.eval_curve.empty() && run.eval_curve.front().step == 0) {
        loss = run.eval_curve.front().value;
      }
    }
  }
  for (CompareMethod& method : results.methods) {
    for (CompareRun& run : method.runs) {
      if (method.method == kNoMethod && run.status == RunStatus::done) run.eval_loss = loss;
    }
  }
}

Comparison::Side Comparison::side_of(const CompareMethod& method) const {
  const std::vector<std::vector<std::string>> references = settings_.task.test.references();
  Side side;
  bool all_have_meteor = true;
  for (const CompareRun& run : method.runs) {
    if (run.status != RunStatus::done) continue;
    const std::filesystem::path folder = folder_ / "runs" / method.name / concat("seed-", run.seed);
    side.evaluations.emplace_back(references, read_hypotheses(folder, settings_.task.test));
    std::optional<std::vector<MeteorCounts>> counts = read_meteor(folder, settings_.task.test);
    all_have_meteor = all_have_meteor && counts;
    if (counts) side.meteor.push_back(std::move(*counts));
  }
  if (!all_have_meteor) side.meteor.clear();
  return side;
}

void Comparison::compare_with_reference(CompareResults& results) const {
  const Side reference = side_of(reference_of(results));
  if (reference.evaluations.empty()) return;
  std::optional<MeteorSession> meteor =
      reference.meteor.empty() ? std::nullopt : settings_.meteor.start();
  const BootstrapOptions options{.samples = settings_.plan.bootstrap_samples};
  for (CompareMethod& method : results.methods) {
    if (method.name == results.reference) continue;
    const Side own = side_of(method);
    if (own.evaluations.empty()) continue;
    std::optional<PairedComparison> by_meteor;
    if (meteor && !own.meteor.empty()) {
      by_meteor = paired_bootstrap(
          own.evaluations.front().size(),
          [&](std::span<const Index> sample) {
            return mean_meteor(*meteor, own.meteor, sample) -
                   mean_meteor(*meteor, reference.meteor, sample);
          },
          options);
    }
    method.against_reference = significance_of(
        paired_bootstrap(own.evaluations, reference.evaluations, options), by_meteor);
  }
}

void Comparison::add_samples(CompareResults& results) const {
  const std::vector<ReferenceGroup>& groups = settings_.task.test.groups;
  const auto count = std::min(static_cast<std::size_t>(settings_.plan.samples), groups.size());
  for (std::size_t i = 0; i < count; ++i) {
    const ReferenceGroup& group = groups[i * groups.size() / count];
    results.samples.push_back({group.context, group.references, {}});
  }
  for (const CompareMethod& method : results.methods) {
    const auto done = std::find_if(method.runs.begin(), method.runs.end(),
                                   [](const auto& run) { return run.status == RunStatus::done; });
    if (done == method.runs.end()) continue;
    const std::vector<std::string> texts = read_hypotheses(
        folder_ / "runs" / method.name / concat("seed-", done->seed), settings_.task.test);
    for (std::size_t i = 0; i < count; ++i) {
      results.samples[i].outputs[method.name] = texts[i * groups.size() / count];
    }
  }
}

CompareResults Comparison::results() const {
  const ComparePlan& plan = settings_.plan;
  CompareResults results;
  results.name = plan.name;
  results.task = {.model = plan.model.filename().string(),
                  .train = plan.train.filename().string(),
                  .valid = plan.holdout_contexts > 0
                               ? concat("the last ", plan.holdout_contexts, " meanings of ",
                                        plan.train.filename().string())
                               : plan.valid.filename().string(),
                  .test = plan.test.filename().string(),
                  .instances = settings_.task.test.groups.size(),
                  .references = settings_.task.test.reference_count(),
                  .decoding = plan.generation};
  results.machine = this_machine(settings_.threads);
  results.reference = plan.reference;
  results.choice.by = plan.choose_by;
  results.choice.options = plan.choose_options;
  if (plan.chooses_by_texts()) {
    results.choice.contexts = settings_.task.choice.groups.size();
    results.choice.generation = plan.choice_generation();
  }
  for (const PlannedMethod& method : plan.methods) {
    results.methods.push_back(method_results(method));
  }
  add_base_loss(results);
  compare_with_reference(results);
  add_samples(results);
  return results;
}

}  // namespace solo::cli
