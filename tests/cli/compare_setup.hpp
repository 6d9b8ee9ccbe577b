// SPDX-License-Identifier: MIT
/// @file
/// A small comparison, run as its users do.
#pragma once

#include "cli/program.hpp"

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace solo::test {

/// Meanings of the task, two references each.
inline constexpr const char* kMeanings[] = {
    "name[Old Mill], area[riverside]", "name[Blue Spice], food[Thai]",
    "name[The Eagle], near[Burger King]", "name[Green Man], priceRange[cheap]"};

/// A task of four meanings, two references each, and a plan for it.
struct ComparisonSetup {
  TempDir dir;
  std::string model = model_with_tokenizer(dir);
  Json plan;

  ComparisonSetup() {
    std::ofstream train(path("train.csv"));
    train << "mr,ref\n";
    for (const char* const meaning : kMeanings) {
      for (const char* const said : {"It is here.", "There it is; we say so."}) {
        train << '"' << meaning << "\"," << said << '\n';
      }
    }
    plan = {
        {"name", "tiny"},
        {"model", model},
        {"train", path("train.csv")},
        {"holdout_contexts", 1},
        {"test", path("train.csv")},
        {"seeds", {1, 2}},
        {"reference", "lora"},
        {"options", {{"max-steps", 3}, {"batch-size", 2}, {"logging-steps", 1}}},
        {"generation", {{"max-new-tokens", 6}, {"num-beams", 2}}},
        {"bootstrap_samples", 100},
        {"samples", 2},
        {"methods",
         {{{"name", "base"}, {"options", {{"method", "none"}}}},
          {{"name", "lora"}, {"options", {{"method", "lora"}, {"rank", 1}}}},
          {{"name", "solo"}, {"options", {{"method", "solo"}, {"rank", 2}, {"links", "0-2"}}}}}}};
  }
  [[nodiscard]] std::string path(const std::string& name) const { return dir.path() / name; }
  [[nodiscard]] Outcome compare(std::vector<std::string> more = {},
                                const std::string& output = "out") const {
    std::ofstream(path("plan.json")) << plan.dump();
    std::vector<std::string> arguments = {"compare", "--plan", path("plan.json"), "--output",
                                          path(output)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return solo_program(dir, arguments);
  }
  /// Options for a program in METEOR's place. Words of a text: its position. The score has their
  /// sum behind the point.
  [[nodiscard]] std::vector<std::string> fake_meteor() const {
    const std::string java = path("java");
    std::ofstream(java) << R"(#!/bin/sh
n=0
while IFS= read -r line; do
  case "$line" in
    SCORE*) n=$((n + 1)); echo "$n 9 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0" ;;
    EVAL*) n=0; set -- $line; echo 0; echo "0.0$3" ;;
  esac
done
)";
    std::filesystem::permissions(java, std::filesystem::perms::owner_all);
    std::ofstream(path("meteor.jar")) << "x";
    return {"--meteor-jar", path("meteor.jar"), "--java", java};
  }
  [[nodiscard]] Json results(const std::string& output = "out") const {
    return parse_json(slurp(path(output + "/results.json")), "results.json");
  }
};

/// The scores and losses of all runs, without times and sizes.
inline Json numbers(const Json& results) {
  Json all = Json::array();
  for (const Json& method : results.at("methods")) {
    for (const Json& run : method.at("runs")) {
      all.push_back({method.at("name"), run.at("seed"), run.at("status"), run.at("metrics"),
                     run.at("eval_loss"), run.at("curve")});
    }
  }
  return all;
}

inline std::ptrdiff_t count(const std::string& text, const std::string& part) {
  std::ptrdiff_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

}  // namespace solo::test
