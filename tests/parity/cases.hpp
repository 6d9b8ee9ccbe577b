// SPDX-License-Identifier: MIT
/// @file
/// The committed goldens as the parity tests see them (tests/golden/README.md describes the files).
#pragma once

#include <solo/data/batch.hpp>
#include <solo/io/json.hpp>
#include <solo/io/safetensors.hpp>
#include <solo/nn/gpt2.hpp>

#include "support/catch.hpp"
#include "support/golden.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace solo::test {

/// One case of the manifest.
struct GoldenCase {
  std::string kind;
  std::string name;
  Json json;
  std::optional<SafetensorsFile> tensors;

  [[nodiscard]] std::filesystem::path folder(std::string_view field) const {
    return golden_dir() / json.at(std::string(field)).get<std::string>();
  }
  [[nodiscard]] bool has_adapter() const {
    return json.contains("adapter") && json.at("adapter").is_string();
  }
  /// A stored tensor, flat.
  [[nodiscard]] std::vector<double> tensor(const std::string& key) const {
    const TensorInfo& info = tensors->at(key);
    std::vector<double> values(static_cast<std::size_t>(Tensor<double>::count(info.shape)));
    tensors->read<double>(info, values);
    return values;
  }
};

/// All cases of a kind. There must be some: a test over none could not fail.
inline std::vector<GoldenCase> golden_cases(std::string_view kind) {
  const std::filesystem::path root = golden_dir();
  const Json manifest = read_json_file(root / "manifest.json");
  std::vector<GoldenCase> cases;
  for (const Json& entry : manifest.at("cases")) {
    if (entry.at("kind").get<std::string>() != kind) continue;
    GoldenCase c;
    c.kind = kind;
    c.name = entry.at("name").get<std::string>();
    c.json = read_json_file(root / entry.at("file").get<std::string>());
    if (c.json.contains("tensors")) c.tensors = SafetensorsFile::open(c.folder("tensors"));
    cases.push_back(std::move(c));
  }
  REQUIRE_FALSE(cases.empty());
  return cases;
}

/// Sequences end to end, labels shifted: what a collator makes, written down a second time.
inline Batch ragged_batch(const std::vector<const Json*>& examples) {
  Batch batch;
  for (const Json* example : examples) {
    const auto ids = example->at("input_ids").get<std::vector<int>>();
    const auto labels = example->at("labels").get<std::vector<int>>();
    batch.segments.push_back({.begin = batch.rows(), .length = static_cast<Index>(ids.size())});
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const int target = i + 1 < ids.size() ? labels[i + 1] : kIgnoreIndex;
      batch.ids.push_back(ids[i]);
      batch.targets.push_back(target);
      if (target != kIgnoreIndex) ++batch.scored_tokens;
    }
    ++batch.examples;
  }
  return batch;
}

inline Batch ragged_batch(const Json& examples) {
  std::vector<const Json*> list;
  for (const Json& example : examples) list.push_back(&example);
  return ragged_batch(list);
}

/// The largest of the ratios error / limit, and where it was; printed so that logs show the margin.
class Margin {
 public:
  explicit Margin(std::string what) : what_(std::move(what)) {}
  void add(double error, double limit, const std::string& where) {
    INFO(what_ << ": " << where << ": error " << error << ", limit " << limit);
    CHECK(error <= limit);
    if (!(error / limit <= worst_)) {
      worst_ = error / limit;
      error_ = error;
      limit_ = limit;
      where_ = where;
    }
  }
  ~Margin() {
    std::printf("parity: %s: worst %.2e of %.0e allowed (%s)\n", what_.c_str(), error_, limit_,
                where_.c_str());
  }
  Margin(const Margin&) = delete;
  Margin& operator=(const Margin&) = delete;

 private:
  std::string what_;
  double worst_ = -1.0;
  double error_ = 0.0;
  double limit_ = 0.0;
  std::string where_ = "nothing compared";
};

template <Scalar T>
[[nodiscard]] std::string scalar_name() {
  return std::is_same_v<T, double> ? "double" : "float";
}

/// `in_float` or `in_double`, as T is.
template <Scalar T>
[[nodiscard]] double limit(double in_float, double in_double) {
  return std::is_same_v<T, double> ? in_double : in_float;
}

/// ‖a − b‖ / ‖b‖; both zero: 0.
template <class A>
[[nodiscard]] double relative_l2(const A& a, const std::vector<double>& b) {
  REQUIRE(static_cast<std::size_t>(a.size()) == b.size());
  double difference = 0.0;
  double norm = 0.0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    const double d = static_cast<double>(a[i]) - b[i];
    difference += d * d;
    norm += b[i] * b[i];
  }
  if (norm == 0.0) return difference == 0.0 ? 0.0 : HUGE_VAL;
  return std::sqrt(difference / norm);
}

/// Logits of every sequence of the case: max |Δ| ≤ 1e-4 rms in float, 1e-9 in double.
template <Scalar T>
void check_logits(const GPT2<T>& model, const GoldenCase& c, Margin& margin) {
  for (const Json& sequence : c.json.at("sequences")) {
    const auto ids = sequence.at("input_ids").get<std::vector<int>>();
    const auto rows = sequence.at("rows").get<std::vector<Index>>();
    const std::vector<double> expected = c.tensor(sequence.at("logits").get<std::string>());
    const Matrix<T> logits = model.logits(ids);
    REQUIRE(logits.rows() == static_cast<Index>(ids.size()));
    const Index columns = logits.cols();
    REQUIRE(expected.size() == rows.size() * static_cast<std::size_t>(columns));
    double error = 0.0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      for (Index j = 0; j < columns; ++j) {
        const double want =
            expected[i * static_cast<std::size_t>(columns) + static_cast<std::size_t>(j)];
        error = std::max(error, std::abs(static_cast<double>(logits(rows[i], j)) - want));
      }
    }
    const double rms = sequence.at("rms").get<double>();
    margin.add(error, limit<T>(1e-4 * rms, 1e-9),
               c.name + ", " + std::to_string(ids.size()) + " tokens");
  }
}

/// The loss of an entry of `losses`, recorded on the tape: relative 1e-6, 1e-9 in double.
template <Scalar T>
Var<T> check_loss(GPT2<T>& model, Tape<T>& tape, const Json& entry, Margin& margin,
                  const std::string& where) {
  const Batch batch = ragged_batch(entry.at("examples"));
  REQUIRE(batch.scored_tokens == entry.at("tokens").get<Index>());
  double sum = 0.0;
  const Var<T> loss =
      model.loss(tape, batch,
                 {.label_smoothing = entry.at("label_smoothing").get<double>(), .loss_sum = &sum});
  const double want = entry.at("loss").get<double>();
  const double mean = sum / static_cast<double>(batch.scored_tokens);
  margin.add(std::abs(static_cast<double>(loss.item()) - want) / want, limit<T>(1e-6, 1e-9), where);
  margin.add(std::abs(mean - want) / want, limit<T>(1e-6, 1e-9), where + " (sum)");
  return loss;
}

}  // namespace solo::test
