// SPDX-License-Identifier: MIT
// results.json, read strictly.
#include <solo/core/error.hpp>
#include <solo/io/file.hpp>
#include <solo/io/json_fields.hpp>

#include "results.hpp"

#include <algorithm>
#include <limits>

namespace solo::cli {
namespace {

constexpr IntegerRange kCount = {.min = 0};
constexpr auto kMetricKeys = [] {
  std::array<std::string_view, kMetrics.size()> keys;
  for (std::size_t i = 0; i < kMetrics.size(); ++i) keys[i] = kMetrics[i].key;
  return keys;
}();

/// "methods[2]", below the parent's path.
std::string item_path(const std::string& parent, std::string_view key, std::size_t i) {
  return concat(parent, parent.empty() ? "" : ".", key, "[", i, "]");
}

/// The items of a list, each handed over with its path.
template <class F>
auto read_list(const JsonFields& fields, const std::string& path, std::string_view key,
               const F& read) {
  const Json& list = fields.value(key);
  if (!list.is_array()) fields.refuse(key, "a list");
  std::vector<decltype(read(list, path))> items;
  items.reserve(list.size());
  for (std::size_t i = 0; i < list.size(); ++i) {
    items.push_back(read(list[i], item_path(path, key, i)));
  }
  return items;
}

/// As read_list; a list that is not required may be missing.
template <class F>
auto read_list_if(bool required, const JsonFields& fields, const std::string& path,
                  std::string_view key, const F& read) {
  if (!required && !fields.has(key)) return decltype(read_list(fields, path, key, read)){};
  return read_list(fields, path, key, read);
}

std::uint64_t read_count(const JsonFields& fields, std::string_view key) {
  return static_cast<std::uint64_t>(fields.integer(key, kCount));
}

/// A number or null; a field that is not required may be missing.
std::optional<double> read_number(const JsonFields& fields, std::string_view key,
                                  bool required = true) {
  if (required) static_cast<void>(fields.value(key));
  return fields.number_if(key);
}
std::optional<std::uint64_t> read_size(const JsonFields& fields, std::string_view key,
                                       bool required) {
  const bool none = required ? fields.value(key).is_null() : fields.absent(key);
  return none ? std::nullopt : std::optional(read_count(fields, key));
}

Json read_object(const JsonFields& fields, std::string_view key) {
  return fields.object(key).json();
}

CurvePoint read_point(const Json& json, const std::string& source, const std::string& path) {
  const bool pair = json.is_array() && json.size() == 2 && json[0].is_number_integer() &&
                    (json[1].is_number() || json[1].is_null());
  if (!pair) {
    fail<FormatError>("json.type", source, ": ", path, ": expected [step, loss], found ",
                      json.is_array() ? dump_line(json).substr(0, 100) : describe(json));
  }
  return {json[0].get<std::int64_t>(),
          json[1].is_null() ? std::numeric_limits<double>::quiet_NaN() : json[1].get<double>()};
}

LinkSample read_links(const Json& json, const std::string& source, const std::string& path) {
  const JsonFields fields(json, source, path);
  fields.reject_unknown_keys({"step", "links"});
  LinkSample sample = {.step = fields.integer("step", kCount), .links = {}};
  sample.links = read_list(fields, path, "links", [&](const Json& item, const std::string& where) {
    const JsonFields link(item, source, where);
    link.reject_unknown_keys({"source", "destination", "gate", "ratio"});
    return LinkState{.source = link.integer("source", kCount),
                     .destination = link.integer("destination", kCount),
                     .gate = read_number(link, "gate"),
                     .ratio = read_number(link, "ratio")};
  });
  return sample;
}

RunStatus read_status(const JsonFields& fields) {
  const std::string text = fields.string("status");
  const auto* const found = std::find(kRunStatuses.begin(), kRunStatuses.end(), text);
  if (found == kRunStatuses.end()) fields.refuse("status", "'done', 'diverged' or 'missing'");
  return static_cast<RunStatus>(found - kRunStatuses.begin());
}

MetricValues read_metrics(const JsonFields& fields) {
  fields.reject_unknown_keys(kMetricKeys);
  MetricValues values;
  for (std::size_t i = 0; i < kMetrics.size(); ++i) values[i] = read_number(fields, kMetricKeys[i]);
  return values;
}

CompareRun read_run(const Json& json, const std::string& source, const std::string& path) {
  const JsonFields fields(json, source, path);
  fields.reject_unknown_keys({"seed", "status", "reason", "metrics", "eval_loss", "train_loss",
                              "train_seconds", "decode_seconds", "examples_per_second",
                              "peak_rss_bytes", "adapter_bytes", "curve", "eval_curve", "links"});
  CompareRun run;
  run.seed = read_count(fields, "seed");
  run.status = read_status(fields);
  run.reason = fields.string_or("reason", "");
  const bool done = run.status == RunStatus::done;
  if (done || fields.has("metrics")) run.metrics = read_metrics(fields.object("metrics"));
  run.eval_loss = read_number(fields, "eval_loss", done);
  run.train_loss = read_number(fields, "train_loss", done);
  run.train_seconds = read_number(fields, "train_seconds", done);
  run.decode_seconds = read_number(fields, "decode_seconds", done);
  run.examples_per_second = read_number(fields, "examples_per_second", done);
  run.peak_rss_bytes = read_size(fields, "peak_rss_bytes", done);
  run.adapter_bytes = read_size(fields, "adapter_bytes", done);
  const auto point = [&](const Json& item, const std::string& where) {
    return read_point(item, source, where);
  };
  run.curve = read_list_if(done, fields, path, "curve", point);
  run.eval_curve = read_list_if(done, fields, path, "eval_curve", point);
  run.links = read_list_if(
      done, fields, path, "links",
      [&](const Json& item, const std::string& where) { return read_links(item, source, where); });
  return run;
}

AgainstReference read_against(const JsonFields& fields, const std::string& source,
                              const std::string& path) {
  fields.reject_unknown_keys(kMetricKeys);
  AgainstReference against;
  for (std::size_t i = 0; i < kMetrics.size(); ++i) {
    const Json& json = fields.value(kMetricKeys[i]);
    if (json.is_null()) continue;
    const JsonFields one(json, source, concat(path, ".against_reference.", kMetricKeys[i]));
    one.reject_unknown_keys({"difference", "low", "high", "p"});
    against[i] = Significance{.difference = one.number("difference"),
                              .low = one.number("low"),
                              .high = one.number("high"),
                              .p = one.number("p")};
  }
  return against;
}

std::optional<MetricValues> read_metrics_if(const JsonFields& fields) {
  if (fields.absent("metrics")) return {};
  return read_metrics(fields.object("metrics"));
}

CompareTuning read_tuning(const Json& json, const std::string& source, const std::string& path) {
  const JsonFields fields(json, source, path);
  fields.reject_unknown_keys({"options", "eval_loss", "metrics", "runs"});
  CompareTuning tried;
  tried.options = read_object(fields, "options");
  tried.eval_loss = read_number(fields, "eval_loss");
  tried.metrics = read_metrics_if(fields).value_or(MetricValues());
  tried.runs =
      read_list_if(false, fields, path, "runs", [&](const Json& item, const std::string& where) {
        const JsonFields run(item, source, where);
        run.reject_unknown_keys({"seed", "eval_loss", "metrics"});
        return CompareTuningRun{.seed = read_count(run, "seed"),
                                .eval_loss = read_number(run, "eval_loss"),
                                .metrics = read_metrics_if(run)};
      });
  return tried;
}

CompareMethod read_method(const Json& json, const std::string& source, const std::string& path) {
  const JsonFields fields(json, source, path);
  fields.reject_unknown_keys({"name", "description", "method", "trainable", "options", "tuning",
                              "runs", "against_reference"});
  CompareMethod method;
  method.name = fields.string("name");
  method.description = fields.string("description");
  method.method = fields.string("method");
  method.trainable = read_count(fields, "trainable");
  method.options = read_object(fields, "options");
  method.tuning = read_list_if(
      false, fields, path, "tuning",
      [&](const Json& item, const std::string& where) { return read_tuning(item, source, where); });
  method.runs = read_list(fields, path, "runs", [&](const Json& item, const std::string& where) {
    return read_run(item, source, where);
  });
  method.against_reference = read_against(fields.object("against_reference"), source, path);
  return method;
}

CompareSample read_sample(const Json& json, const std::string& source, const std::string& path) {
  const JsonFields fields(json, source, path);
  fields.reject_unknown_keys({"context", "references", "outputs"});
  CompareSample sample = {.context = fields.string("context"),
                          .references = fields.strings("references"),
                          .outputs = {}};
  const JsonFields outputs = fields.object("outputs");
  for (const auto& [name, text] : outputs.json().items()) {
    sample.outputs[name] = outputs.string(name);
  }
  return sample;
}

CompareTask read_task(const JsonFields& fields) {
  fields.reject_unknown_keys(
      {"model", "train", "valid", "test", "instances", "references", "decoding"});
  return {.model = fields.string("model"),
          .train = fields.string("train"),
          .valid = fields.string("valid"),
          .test = fields.string("test"),
          .instances = read_count(fields, "instances"),
          .references = read_count(fields, "references"),
          .decoding = read_object(fields, "decoding")};
}

/// Files without it are of versions that knew the loss only.
CompareChoice read_choice(const JsonFields& fields) {
  CompareChoice choice;
  choice.by = fields.string_or("choose_by", kLoss);
  if (fields.has("choose_options")) choice.options = read_object(fields, "choose_options");
  if (choice.by == kLoss) return choice;
  if (!choice.metric()) fields.refuse("choose_by", concat("one of ", choices_text()));
  choice.contexts = read_count(fields, "choose_contexts");
  choice.generation = read_object(fields, "choose_generation");
  return choice;
}

CompareMachine read_machine(const JsonFields& fields) {
  fields.reject_unknown_keys({"cpu", "threads", "version"});
  return {.cpu = fields.string("cpu"),
          .threads = read_count(fields, "threads"),
          .version = fields.string("version")};
}

}  // namespace

CompareResults compare_results_from_json(const Json& json, const std::string& source) {
  const JsonFields fields(json, source);
  fields.reject_unknown_keys({"name", "format", "task", "machine", "reference", "choose_by",
                              "choose_options", "choose_contexts", "choose_generation", "methods",
                              "samples"});
  static_cast<void>(fields.integer("format", {.min = kResultsFormat, .max = kResultsFormat}));
  CompareResults results;
  results.name = fields.string("name");
  results.task = read_task(fields.object("task"));
  results.machine = read_machine(fields.object("machine"));
  results.reference = fields.string("reference");
  results.choice = read_choice(fields);
  results.methods = read_list(fields, "", "methods", [&](const Json& item, const std::string& at) {
    return read_method(item, source, at);
  });
  results.samples = read_list(fields, "", "samples", [&](const Json& item, const std::string& at) {
    return read_sample(item, source, at);
  });
  results.validate(source);
  return results;
}

CompareResults read_compare_results(const std::filesystem::path& file) {
  return compare_results_from_json(read_json_file(file), display_name(file));
}

}  // namespace solo::cli
