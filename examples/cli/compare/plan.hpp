// SPDX-License-Identifier: MIT
/// @file
/// What `solo compare` compares: methods × seeds on one task.
#pragma once

#include <solo/core/scalar.hpp>
#include <solo/io/json.hpp>

#include "results.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace solo::cli {

/// The base model alone, as a method of a plan.
inline constexpr std::string_view kNoMethod = "none";

/// One method: options of `solo train` beside the plan's own.
struct PlannedMethod {
  std::string name;  ///< letters, digits, "-", "_", "+" and "."
  std::string description = {};
  Json options = Json::object();  ///< "method": "none" is the base model without training
  Json grid = Json::object();     ///< option: values to choose from; instead of the plan's

  /// Its "method".
  [[nodiscard]] std::string kind() const;
};

/// A comparison, as its JSON file describes it.
struct ComparePlan {
  std::string name = "comparison";
  std::filesystem::path model = {};
  std::filesystem::path train = {};
  std::filesystem::path valid = {};  ///< empty: none, or taken from train
  std::filesystem::path test = {};
  Index holdout_contexts = 0;  ///< the last so many contexts of train are for validation
  std::vector<std::uint64_t> seeds = {1, 2, 3};
  std::vector<std::uint64_t> tuning_seeds = {};  ///< of the runs that choose from the grid
  std::string reference = {};                    ///< the method that others are compared with
  Json options = Json::object();                 ///< of solo train, for all methods
  Json generation = Json::object();              ///< of solo generate
  Json grid = Json::object();                    ///< option of solo train: values to choose from
  std::string choose_by = std::string(kLoss);    ///< or a metric of validation texts
  Json choose_options = Json::object();          ///< of solo train, for the runs that choose
  std::optional<Json> choose_generation = {};    ///< how these are decoded; none: as the test set
  Index choose_contexts = 0;                     ///< so many, the first; 0: all
  Index bootstrap_samples = 1000;
  Index samples = 6;  ///< texts that the report shows
  std::vector<PlannedMethod> methods = {};

  /// Throws ConfigError "compare.plan" for what is missing or contradicts itself.
  void validate() const;
  /// What a method chooses from: its own grid, or the plan's.
  [[nodiscard]] const Json& grid_of(const PlannedMethod& method) const {
    return method.grid.empty() ? grid : method.grid;
  }
  /// All combinations of values of a method's grid, each an object of options; one empty object if
  /// there is nothing to choose.
  [[nodiscard]] std::vector<Json> settings(const PlannedMethod& method) const;
  /// Whether settings are chosen by texts, not by the loss.
  [[nodiscard]] bool chooses_by_texts() const { return choose_by != kLoss; }
  /// How the texts that choose are decoded.
  [[nodiscard]] const Json& choice_generation() const {
    return choose_generation ? *choose_generation : generation;
  }
};

/// Reads a plan. Throws FormatError ("json.…") naming file and field.
[[nodiscard]] ComparePlan read_plan(const std::filesystem::path& path);

/// The plan of `--recipe lora-e2e`, files excepted: LoRA, Solo and full fine-tuning as LoRA's paper
/// trained, decoded and scored GPT-2 on E2E.
[[nodiscard]] ComparePlan recipe_plan(const std::string& recipe);

}  // namespace solo::cli
