// SPDX-License-Identifier: MIT
/// @file
/// What `solo compare` found, as results.json keeps it: methods × seeds on one task.
#pragma once

#include <solo/io/json.hpp>

#include <nlohmann/json.hpp>

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace solo::cli {

/// results.json's "format".
inline constexpr std::int64_t kResultsFormat = 1;

/// A measure of generated texts; more is better.
struct Metric {
  std::string_view key;    ///< in results.json
  std::string_view title;  ///< in tables
  double factor;           ///< by which papers multiply it
  int digits;              ///< shown after the point
};
/// In the order of every table.
inline constexpr std::array<Metric, 5> kMetrics = {{{"BLEU", "BLEU", 100.0, 2},
                                                    {"NIST", "NIST", 1.0, 3},
                                                    {"METEOR", "METEOR", 100.0, 2},
                                                    {"ROUGE_L", "ROUGE-L", 100.0, 2},
                                                    {"CIDEr", "CIDEr", 1.0, 3}}};

/// A value for each of kMetrics; none where it was not computed.
using MetricValues = std::array<std::optional<double>, kMetrics.size()>;
/// The place of METEOR, which needs a program of its own.
inline constexpr std::size_t kMeteorMetric = 2;

/// What chooses settings where no metric does: the validation loss.
inline constexpr std::string_view kLoss = "loss";
/// The place in kMetrics of the metric with this key; nothing for another word.
[[nodiscard]] std::optional<std::size_t> metric_number(std::string_view key) noexcept;
/// All that can choose, as a message names it: "loss, BLEU, …".
[[nodiscard]] std::string choices_text();

/// A loss and the step it belongs to.
struct CurvePoint {
  std::int64_t step = 0;
  double value = 0.0;  ///< null in the file when it is not finite, then read as NaN
};

/// A connection from one block's output to another's at one step.
struct LinkState {
  std::int64_t source = 0;
  std::int64_t destination = 0;
  std::optional<double> gate;   ///< λ; none without a gate
  std::optional<double> ratio;  ///< ‖Δ‖/‖h‖
};
struct LinkSample {
  std::int64_t step = 0;
  std::vector<LinkState> links;
};

enum class RunStatus { missing, done, diverged };
inline constexpr std::array<std::string_view, 3> kRunStatuses = {"missing", "done", "diverged"};

/// One training of a method from one seed.
struct CompareRun {
  std::uint64_t seed = 0;
  RunStatus status = RunStatus::missing;
  std::string reason;  ///< why it diverged
  MetricValues metrics;
  std::optional<double> eval_loss;
  std::optional<double> train_loss;
  std::optional<double> train_seconds;
  std::optional<double> decode_seconds;
  std::optional<double> examples_per_second;
  std::optional<std::uint64_t> peak_rss_bytes;
  std::optional<std::uint64_t> adapter_bytes;
  std::vector<CurvePoint> curve;       ///< training loss
  std::vector<CurvePoint> eval_curve;  ///< validation loss
  std::vector<LinkSample> links;       ///< empty for methods without links
};

/// A paired bootstrap of a metric, as a difference from the reference's.
struct Significance {
  double difference = 0.0;
  double low = 0.0;  ///< of the 95 % confidence interval
  double high = 0.0;
  double p = 1.0;
};
using AgainstReference = std::array<std::optional<Significance>, kMetrics.size()>;

/// One training with a setting that was tried.
struct CompareTuningRun {
  std::uint64_t seed = 0;
  std::optional<double> eval_loss;      ///< none: it diverged
  std::optional<MetricValues> metrics;  ///< of its validation texts; none without texts
};

/// A setting that was tried to choose a method's options.
struct CompareTuning {
  Json options = Json::object();
  std::optional<double> eval_loss;     ///< mean over its runs; none: one of them diverged
  MetricValues metrics = {};           ///< means over its runs; none where a run has none
  std::vector<CompareTuningRun> runs;  ///< one for each seed; none in files before them
};

/// By what the settings of all methods were chosen.
struct CompareChoice {
  std::string by = std::string(kLoss);  ///< or the key of a metric of validation texts
  Json options = Json::object();        ///< of `solo train`, which these runs had instead
  std::uint64_t contexts = 0;           ///< so many texts, the first of the validation data
  Json generation = Json::object();     ///< how they were decoded

  /// The place in kMetrics; nothing: by the loss.
  [[nodiscard]] std::optional<std::size_t> metric() const noexcept { return metric_number(by); }
};

/// Whether a method may have this name: 1 to 64 letters, digits, "-", "_", "+" and ".", beginning
/// with neither "-" nor ".". It is the name of a folder, and stands in scripts and pages.
[[nodiscard]] bool is_method_name(std::string_view text) noexcept;

struct CompareMethod {
  std::string name;  ///< is_method_name(); no two methods share one
  std::string description;
  std::string method;  ///< its kind: "lora", "solo", "full", …
  std::uint64_t trainable = 0;
  Json options = Json::object();  ///< of `solo train`
  std::vector<CompareTuning> tuning;
  std::vector<CompareRun> runs;
  AgainstReference against_reference = {};
};

struct CompareTask {
  std::string model;
  std::string train;
  std::string valid;
  std::string test;
  std::uint64_t instances = 0;
  std::uint64_t references = 0;
  Json decoding = Json::object();
};

struct CompareMachine {
  std::string cpu;
  std::uint64_t threads = 0;
  std::string version;
};

/// A text to be put into words, and what each method made of it.
struct CompareSample {
  std::string context;
  std::vector<std::string> references;
  std::map<std::string, std::string> outputs;  ///< by the method's name
};

struct CompareResults {
  std::string name;
  CompareTask task;
  CompareMachine machine;
  std::string reference;  ///< the name of the method that others are compared with
  CompareChoice choice;
  std::vector<CompareMethod> methods;
  std::vector<CompareSample> samples;

  /// Throws ConfigError "config.value" when a name is none, when two methods share one, when none
  /// has the reference's, or when a sample's output is of an unknown one; NumericError
  /// "numeric.nonfinite" when a number other than a curve's is NaN or infinite. Messages begin with
  /// `source`.
  void validate(const std::string& source) const;
};

/// The form of results.json.
[[nodiscard]] Json to_json(const CompareResults& results);
/// Strict: throws FormatError "json.missing", "json.type", "json.range" or "json.unknown_key" with
/// the field's path ("methods[2].runs[0].metrics.BLEU"), and as validate() does. A run that is not
/// done may lack everything but seed and status.
[[nodiscard]] CompareResults compare_results_from_json(const Json& json, const std::string& source);
/// Reads a file of at most 256 MiB. Throws as read_json_file and compare_results_from_json do.
[[nodiscard]] CompareResults read_compare_results(const std::filesystem::path& file);

/// The method that others are compared with; validate() has found it.
[[nodiscard]] const CompareMethod& reference_of(const CompareResults& results);

}  // namespace solo::cli
