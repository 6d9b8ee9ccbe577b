// SPDX-License-Identifier: MIT
#include "results.hpp"

#include <solo/core/error.hpp>

#include <algorithm>
#include <cmath>
#include <set>

namespace solo::cli {
namespace {

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json number_json(double value) {
  return value;
}

/// One field for each of kMetrics.
template <class Values, class F>
Json by_metric(const Values& values, const F& json_of) {
  Json json = Json::object();
  for (std::size_t i = 0; i < kMetrics.size(); ++i) {
    json[std::string(kMetrics[i].key)] = values[i] ? json_of(*values[i]) : Json(nullptr);
  }
  return json;
}

Json curve_json(const std::vector<CurvePoint>& curve) {
  Json json = Json::array();
  for (const CurvePoint& point : curve) json.push_back(Json::array({point.step, point.value}));
  return json;
}

Json links_json(const std::vector<LinkSample>& samples) {
  Json json = Json::array();
  for (const LinkSample& sample : samples) {
    Json links = Json::array();
    for (const LinkState& link : sample.links) {
      links.push_back({{"source", link.source},
                       {"destination", link.destination},
                       {"gate", or_null(link.gate)},
                       {"ratio", or_null(link.ratio)}});
    }
    json.push_back({{"step", sample.step}, {"links", std::move(links)}});
  }
  return json;
}

Json run_json(const CompareRun& run) {
  Json json = {{"seed", run.seed}, {"status", kRunStatuses[static_cast<std::size_t>(run.status)]}};
  if (!run.reason.empty()) json["reason"] = run.reason;
  json["metrics"] = by_metric(run.metrics, number_json);
  json["eval_loss"] = or_null(run.eval_loss);
  json["train_loss"] = or_null(run.train_loss);
  json["train_seconds"] = or_null(run.train_seconds);
  json["decode_seconds"] = or_null(run.decode_seconds);
  json["examples_per_second"] = or_null(run.examples_per_second);
  json["peak_rss_bytes"] = or_null(run.peak_rss_bytes);
  json["adapter_bytes"] = or_null(run.adapter_bytes);
  json["curve"] = curve_json(run.curve);
  json["eval_curve"] = curve_json(run.eval_curve);
  json["links"] = links_json(run.links);
  return json;
}

/// Metrics only where texts were generated to choose.
Json tuning_json(const CompareTuning& tried, bool with_metrics) {
  Json runs = Json::array();
  for (const CompareTuningRun& run : tried.runs) {
    Json json = {{"seed", run.seed}, {"eval_loss", or_null(run.eval_loss)}};
    if (with_metrics) {
      json["metrics"] = run.metrics ? by_metric(*run.metrics, number_json) : Json(nullptr);
    }
    runs.push_back(std::move(json));
  }
  Json json = {{"options", tried.options}, {"eval_loss", or_null(tried.eval_loss)}};
  if (with_metrics) json["metrics"] = by_metric(tried.metrics, number_json);
  json["runs"] = std::move(runs);
  return json;
}

Json method_json(const CompareMethod& method, const CompareChoice& choice) {
  Json runs = Json::array();
  for (const CompareRun& run : method.runs) runs.push_back(run_json(run));
  const auto significance = [](const Significance& s) {
    return Json{{"difference", s.difference}, {"low", s.low}, {"high", s.high}, {"p", s.p}};
  };
  Json tuning = Json::array();
  for (const CompareTuning& tried : method.tuning) {
    tuning.push_back(tuning_json(tried, choice.metric().has_value()));
  }
  return {{"name", method.name},
          {"description", method.description},
          {"method", method.method},
          {"trainable", method.trainable},
          {"options", method.options},
          {"tuning", tuning},
          {"runs", std::move(runs)},
          {"against_reference", by_metric(method.against_reference, significance)}};
}

void require_finite(const std::optional<double>& value, const std::string& where,
                    std::string_view key) {
  if (!value || std::isfinite(*value)) return;
  fail<NumericError>("numeric.nonfinite", where, key, " is ", *value,
                     "; a run that diverged is not done");
}

void require_finite_run(const CompareRun& run, const std::string& where) {
  if (run.status != RunStatus::done) return;
  for (std::size_t i = 0; i < kMetrics.size(); ++i) {
    require_finite(run.metrics[i], where, kMetrics[i].key);
  }
  require_finite(run.eval_loss, where, "eval_loss");
  require_finite(run.train_loss, where, "train_loss");
  require_finite(run.train_seconds, where, "train_seconds");
  require_finite(run.decode_seconds, where, "decode_seconds");
  require_finite(run.examples_per_second, where, "examples_per_second");
}

void require_finite_method(const CompareMethod& method, const std::string& source) {
  const std::string where = concat(source, ": ", quoted(method.name), ": ");
  for (const CompareRun& run : method.runs) {
    require_finite_run(run, concat(where, "seed ", run.seed, ": "));
  }
  for (std::size_t i = 0; i < kMetrics.size(); ++i) {
    if (!method.against_reference[i]) continue;
    const Significance& s = *method.against_reference[i];
    for (const double value : {s.difference, s.low, s.high, s.p}) {
      require_finite(value, where, concat("against_reference.", kMetrics[i].key));
    }
  }
}

}  // namespace

std::optional<std::size_t> metric_number(std::string_view key) noexcept {
  for (std::size_t i = 0; i < kMetrics.size(); ++i) {
    if (kMetrics[i].key == key) return i;
  }
  return {};
}

std::string choices_text() {
  std::string text(kLoss);
  for (const Metric& metric : kMetrics) text += concat(", ", metric.key);
  return text;
}

bool is_method_name(std::string_view text) noexcept {
  constexpr std::string_view kLetters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_+.";
  return !text.empty() && text.size() <= 64 && text[0] != '.' && text[0] != '-' &&
         text.find_first_not_of(kLetters) == std::string_view::npos;
}

void CompareResults::validate(const std::string& source) const {
  std::set<std::string_view> names;
  for (const CompareMethod& m : methods) {
    if (!is_method_name(m.name)) {
      fail<ConfigError>("config.value", source,
                        ": a method's name has 1 to 64 letters, digits, \"-\", \"_\", \"+\" or "
                        "\".\", found ",
                        quoted(m.name));
    }
    if (!names.insert(m.name).second) {
      fail<ConfigError>("config.value", source, ": two methods are named ", quoted(m.name));
    }
    require_finite_method(m, source);
  }
  if (names.count(reference) == 0) {
    fail<ConfigError>("config.value", source, ": reference: expected the name of a method, found ",
                      quoted(reference));
  }
  for (std::size_t i = 0; i < samples.size(); ++i) {
    for (const auto& [method, text] : samples[i].outputs) {
      if (names.count(method) == 1) continue;
      fail<ConfigError>("config.value", source, ": samples[", i,
                        "].outputs: expected names of methods, found ", quoted(method));
    }
  }
}

Json to_json(const CompareResults& results) {
  const CompareTask& task = results.task;
  const CompareMachine& machine = results.machine;
  Json methods = Json::array();
  for (const CompareMethod& method : results.methods) {
    methods.push_back(method_json(method, results.choice));
  }
  Json samples = Json::array();
  for (const CompareSample& sample : results.samples) {
    samples.push_back({{"context", sample.context},
                       {"references", sample.references},
                       {"outputs", Json(sample.outputs)}});
  }
  Json json = {{"name", results.name},
               {"format", kResultsFormat},
               {"task",
                {{"model", task.model},
                 {"train", task.train},
                 {"valid", task.valid},
                 {"test", task.test},
                 {"instances", task.instances},
                 {"references", task.references},
                 {"decoding", task.decoding}}},
               {"machine",
                {{"cpu", machine.cpu}, {"threads", machine.threads}, {"version", machine.version}}},
               {"reference", results.reference},
               {"choose_by", results.choice.by}};
  if (!results.choice.options.empty()) json["choose_options"] = results.choice.options;
  if (results.choice.metric()) {
    json["choose_contexts"] = results.choice.contexts;
    json["choose_generation"] = results.choice.generation;
  }
  json["methods"] = std::move(methods);
  json["samples"] = std::move(samples);
  return json;
}

const CompareMethod& reference_of(const CompareResults& results) {
  return *std::find_if(results.methods.begin(), results.methods.end(),
                       [&](const CompareMethod& m) { return m.name == results.reference; });
}

}  // namespace solo::cli
