// SPDX-License-Identifier: MIT
// solo evaluate: BLEU, NIST, METEOR, ROUGE-L and CIDEr of a system's texts.
#include <solo/metrics/metrics.hpp>

#include "meteor.hpp"
#include "number_text.hpp"
#include "score_json.hpp"

#include <algorithm>
#include <memory>

namespace solo::cli {
namespace {

struct EvaluateArguments {
  std::filesystem::path references;
  std::filesystem::path hypotheses;
  std::filesystem::path compare;
  bool per_instance = false;
  BootstrapOptions bootstrap{.samples = 0};
  MeteorArguments meteor;
};

Json to_json(const Interval& interval) {
  return {interval.low, interval.high};
}

Json to_json(const PairedComparison& c) {
  return {{"difference", c.difference}, {"low", c.low}, {"high", c.high}, {"p", c.p_value}};
}

template <class Value>
Json to_json(const std::optional<Value>& value) {
  return value ? to_json(*value) : Json(nullptr);
}

template <class Value>
Json to_json(const ForEachScore<Value>& values, const std::optional<Value>& meteor) {
  return {{"BLEU", to_json(values.bleu)},
          {"NIST", to_json(values.nist)},
          {"METEOR", to_json(meteor)},
          {"ROUGE_L", to_json(values.rouge_l)},
          {"CIDEr", to_json(values.cider)}};
}

/// A system's texts, and what is needed to score any sample of them.
struct System {
  TextEvaluation evaluation;
  std::vector<MeteorCounts> meteor;  ///< empty without METEOR's program
};

System read_system(const std::filesystem::path& references, const std::filesystem::path& hypotheses,
                   std::optional<MeteorSession>& meteor) {
  const EvaluationTexts texts = read_evaluation_texts(references, hypotheses);
  warn_of_empty_texts(hypotheses, texts.hypotheses);
  System system{.evaluation = TextEvaluation(texts.references, texts.hypotheses), .meteor = {}};
  if (meteor) system.meteor = meteor->counts(texts.references, texts.hypotheses);
  return system;
}

Json instances(const System& system, std::optional<MeteorSession>& meteor) {
  Json all = Json::array();
  for (Index i = 0; i < system.evaluation.size(); ++i) {
    TextScores scores = system.evaluation.instance(i);
    if (meteor) scores.meteor = meteor->score(system.meteor[static_cast<std::size_t>(i)]);
    all.push_back(scores_json(scores));
  }
  return all;
}

Json intervals(const System& system, std::optional<MeteorSession>& meteor,
               const BootstrapOptions& options) {
  std::optional<Interval> own;
  if (meteor) {
    own = confidence_interval(
        system.evaluation.size(),
        [&](std::span<const Index> sample) { return meteor->score(system.meteor, sample); },
        options);
  }
  return to_json(confidence_intervals(system.evaluation, options), own);
}

Json comparison(const System& a, const System& b, std::optional<MeteorSession>& meteor,
                const BootstrapOptions& options) {
  std::optional<PairedComparison> own;
  if (meteor) {
    own = paired_bootstrap(
        a.evaluation.size(),
        [&](std::span<const Index> sample) {
          return meteor->score(a.meteor, sample) - meteor->score(b.meteor, sample);
        },
        options);
  }
  return to_json(
      paired_bootstrap(std::span(&a.evaluation, 1), std::span(&b.evaluation, 1), options), own);
}

Json evaluate(const EvaluateArguments& arguments) {
  std::optional<MeteorSession> meteor = arguments.meteor.program().start();
  const System system = read_system(arguments.references, arguments.hypotheses, meteor);
  TextScores scores = system.evaluation.scores();
  if (meteor) scores.meteor = meteor->score(system.meteor);
  Json result = scores_json(scores);
  if (arguments.per_instance) result["instances"] = instances(system, meteor);
  if (arguments.bootstrap.samples > 0) {
    result["intervals"] = intervals(system, meteor, arguments.bootstrap);
  }
  if (!arguments.compare.empty()) {
    BootstrapOptions options = arguments.bootstrap;
    if (options.samples == 0) options.samples = BootstrapOptions{}.samples;
    const System other = read_system(arguments.references, arguments.compare, meteor);
    result["comparison"] = comparison(system, other, meteor, options);
  }
  return result;
}

std::string text_of(const Json& value) {
  return value.is_null() ? "n/a" : fixed(value.get<double>(), 4);
}

void run_evaluate(const EvaluateArguments& arguments, const Common& common) {
  const Json result = evaluate(arguments);
  if (common.json) {
    print_line(result);
    return;
  }
  for (const char* const name : {"BLEU", "NIST", "METEOR", "ROUGE_L", "CIDEr"}) {
    std::string line = concat(name, ": ", text_of(result[name]));
    if (result.contains("intervals") && !result["intervals"][name].is_null()) {
      const Json& interval = result["intervals"][name];
      line += concat(" [", text_of(interval[0]), ", ", text_of(interval[1]), "]");
    }
    if (result.contains("comparison") && !result["comparison"][name].is_null()) {
      const Json& c = result["comparison"][name];
      line += concat("; difference ", text_of(c["difference"]), " [", text_of(c["low"]), ", ",
                     text_of(c["high"]), "], p ", text_of(c["p"]));
    }
    print(line + '\n');
  }
  if (!result.contains("instances")) return;
  print("\ninstance\tBLEU\tNIST\tMETEOR\tROUGE_L\tCIDEr\n");
  for (std::size_t i = 0; i < result["instances"].size(); ++i) {
    std::string line = std::to_string(i + 1);
    for (const auto& [name, value] : result["instances"][i].items()) {
      line += '\t' + text_of(value);
    }
    print(line + '\n');
  }
}

}  // namespace

Command add_evaluate(CLI::App& program, Common& common) {
  const auto o = std::make_shared<EvaluateArguments>();
  CLI::App& app = add_subcommand(program, common, "evaluate",
                                 "scores texts against references, as e2e-metrics does");
  add_path(app, "--references", o->references,
           "a line each, groups apart by blank lines; or .csv, .tsv, JSON lines")
      ->required();
  add_path(app, "--hypotheses", o->hypotheses,
           "the system's texts: a line each; .csv, .tsv, or generate's JSON lines")
      ->required();
  add_path(app, "--compare", o->compare, "another system's texts: paired bootstrap against them");
  app.add_flag("--per-instance", o->per_instance, "scores of every instance too");
  app.add_option("--bootstrap", o->bootstrap.samples,
                 "95 % intervals from so many resamples; 0: none")
      ->check(CLI::Range(Index{0}, Index{1'000'000}))
      ->capture_default_str();
  add_seed(app, o->bootstrap.seed, "of the bootstrap");
  o->meteor.add_to(app);
  return {&app, [o, &common] { run_evaluate(*o, common); }};
}

}  // namespace solo::cli
