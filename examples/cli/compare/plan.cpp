// SPDX-License-Identifier: MIT
#include "plan.hpp"

#include <solo/core/error.hpp>
#include <solo/io/file.hpp>
#include <solo/io/json_fields.hpp>

#include <algorithm>
#include <initializer_list>
#include <set>

namespace solo::cli {
namespace {

constexpr IntegerRange kSeeds = {.min = 0};
constexpr IntegerRange kCounts = {.min = 0, .max = 1'000'000};

std::filesystem::path path_or(const JsonFields& fields, const char* key) {
  const std::string text = fields.string_or(key, "");
  if (text.empty() && fields.has(key)) fields.refuse(key, "a path");
  return text;
}

/// An object of options; {} if there is none.
Json options_or(const JsonFields& fields, const char* key) {
  const Json* const value = fields.find(key);
  if (value == nullptr) return Json::object();
  if (!value->is_object()) fields.refuse(key, "an object of options");
  return *value;
}

Json grid_or(const JsonFields& fields, const char* key) {
  Json grid = options_or(fields, key);
  for (const auto& [option, values] : grid.items()) {
    if (!values.is_array() || values.empty()) {
      fields.object(key).refuse(option, "a list of values to choose from");
    }
  }
  return grid;
}

std::vector<std::uint64_t> seeds_or(const JsonFields& fields, const char* key,
                                    std::vector<std::uint64_t> fallback) {
  if (!fields.has(key)) return fallback;
  std::vector<std::uint64_t> seeds;
  for (const std::int64_t seed : fields.integers(key, kSeeds)) {
    seeds.push_back(static_cast<std::uint64_t>(seed));
  }
  return seeds;
}

PlannedMethod read_method(const JsonFields& fields) {
  fields.reject_unknown_keys({"name", "description", "options", "grid"});
  return {.name = fields.string("name"),
          .description = fields.string_or("description", ""),
          .options = options_or(fields, "options"),
          .grid = grid_or(fields, "grid")};
}

template <class... Parts>
[[noreturn]] void refuse(const Parts&... parts) {
  fail<ConfigError>("compare.plan", parts...);
}

/// Options that a run sets itself; of each prompt one text is scored.
void refuse_own_options(const std::string& where, const Json& options,
                        std::initializer_list<const char*> own) {
  for (const char* const key : own) {
    if (options.contains(key)) refuse(where, ": ", quoted(key), " is not an option of a plan");
  }
}

void refuse_generation_options(const char* where, const Json& options) {
  refuse_own_options(where, options,
                     {"model", "adapter", "input", "prompt", "json", "config", "separator",
                      "num-return-sequences"});
}

void check_seeds(const std::vector<std::uint64_t>& seeds, const char* name) {
  if (std::set<std::uint64_t>(seeds.begin(), seeds.end()).size() != seeds.size()) {
    refuse(name, ": a seed is given twice");
  }
}

/// What chooses the settings, and how.
void check_choice(const ComparePlan& plan) {
  const auto has_choice = [&](const PlannedMethod& m) { return plan.settings(m).size() > 1; };
  const bool chooses = std::any_of(plan.methods.begin(), plan.methods.end(), has_choice);
  if (!plan.choose_options.empty() && !chooses) {
    refuse("choose_options: no method has a grid of two settings or more");
  }
  if (!plan.chooses_by_texts()) {
    const char* const given = plan.choose_generation     ? "choose_generation"
                              : plan.choose_contexts > 0 ? "choose_contexts"
                                                         : nullptr;
    if (given != nullptr) {
      refuse(given, ": it is for a choice by a metric, and choose_by is ", plan.choose_by);
    }
    return;
  }
  if (!metric_number(plan.choose_by)) {
    refuse("choose_by: expected one of ", choices_text(), ", found ", quoted(plan.choose_by));
  }
  refuse_generation_options("choose_generation", plan.choice_generation());
  if (!chooses) {
    refuse("choose_by: ", plan.choose_by, ", but no method has a grid of two settings or more");
  }
}

}  // namespace

std::string PlannedMethod::kind() const {
  const auto found = options.find("method");
  return found != options.end() && found->is_string() ? found->get<std::string>() : std::string();
}

void ComparePlan::validate() const {
  if (model.empty()) refuse("model: the plan and --model say nothing");
  if (train.empty()) refuse("train: the plan and --train say nothing");
  if (test.empty()) refuse("test: the plan and --test say nothing");
  if (valid.empty() == (holdout_contexts == 0)) {
    refuse("give either valid, or holdout_contexts to take it from train");
  }
  if (seeds.empty()) refuse("seeds: the list is empty");
  check_seeds(seeds, "seeds");
  check_seeds(tuning_seeds, "tuning_seeds");
  if (bootstrap_samples < 100) refuse("bootstrap_samples: expected 100 or more");
  refuse_generation_options("generation", generation);
  std::set<std::string> names;
  for (const PlannedMethod& m : methods) {
    if (!is_method_name(m.name)) {
      refuse(R"(methods: a name has 1 to 64 letters, digits, "-", "_", "+" or ".", found )",
             quoted(m.name));
    }
    if (!names.insert(m.name).second) refuse("methods: ", quoted(m.name), " is there twice");
    if (m.kind().empty()) refuse(m.name, ": options: \"method\" is missing");
    if (m.kind() == kNoMethod && m.options.size() > 1) {
      refuse(m.name, ": method \"none\" has no options");
    }
    for (const Json* const o : {&options, &choose_options, &m.options, &m.grid, &grid}) {
      refuse_own_options(
          m.name, *o,
          {"model", "adapter", "train", "valid", "output", "seed", "resume", "json", "config"});
    }
    for (const auto& [option, values] : grid_of(m).items()) {
      if (choose_options.contains(option)) {
        refuse("choose_options: ", m.name, " chooses ", quoted(option), " from its grid");
      }
    }
    if (settings(m).size() > 1 && tuning_seeds.empty()) {
      refuse("tuning_seeds: ", m.name, " has a grid to choose from, but no seed to choose with");
    }
  }
  if (names.empty()) refuse("methods: the list is empty");
  if (!reference.empty() && names.count(reference) == 0) {
    refuse("reference: no method is named ", quoted(reference));
  }
  check_choice(*this);
}

std::vector<Json> ComparePlan::settings(const PlannedMethod& method) const {
  std::vector<Json> all = {Json::object()};
  if (method.kind() == kNoMethod) return all;
  for (const auto& [option, values] : grid_of(method).items()) {
    std::vector<Json> next;
    for (const Json& setting : all) {
      for (const Json& value : values) {
        next.push_back(setting);
        next.back()[option] = value;
      }
    }
    all = std::move(next);
  }
  return all;
}

ComparePlan read_plan(const std::filesystem::path& path) {
  const Json json = read_json_file(path);
  const JsonFields fields(json, display_name(path));
  fields.reject_unknown_keys({"name", "model", "train", "valid", "test", "holdout_contexts",
                              "seeds", "tuning_seeds", "reference", "options", "generation", "grid",
                              "choose_by", "choose_options", "choose_generation", "choose_contexts",
                              "bootstrap_samples", "samples", "methods"});
  ComparePlan plan;
  plan.name = fields.string_or("name", plan.name);
  plan.model = path_or(fields, "model");
  plan.train = path_or(fields, "train");
  plan.valid = path_or(fields, "valid");
  plan.test = path_or(fields, "test");
  plan.holdout_contexts = fields.integer_or("holdout_contexts", 0, kCounts);
  plan.seeds = seeds_or(fields, "seeds", plan.seeds);
  plan.tuning_seeds = seeds_or(fields, "tuning_seeds", {});
  plan.reference = fields.string_or("reference", "");
  plan.options = options_or(fields, "options");
  plan.generation = options_or(fields, "generation");
  plan.grid = grid_or(fields, "grid");
  plan.choose_by = fields.string_or("choose_by", plan.choose_by);
  plan.choose_options = options_or(fields, "choose_options");
  if (fields.has("choose_generation")) {
    plan.choose_generation = options_or(fields, "choose_generation");
  }
  plan.choose_contexts = fields.integer_or("choose_contexts", 0, kCounts);
  plan.bootstrap_samples = fields.integer_or("bootstrap_samples", plan.bootstrap_samples, kCounts);
  plan.samples = fields.integer_or("samples", plan.samples, kCounts);
  const Json& methods = fields.value("methods");
  if (!methods.is_array()) fields.refuse("methods", "a list of methods");
  for (std::size_t i = 0; i < methods.size(); ++i) {
    plan.methods.push_back(
        read_method(JsonFields(methods[i], display_name(path), concat("methods[", i, "]"))));
  }
  return plan;
}

ComparePlan recipe_plan(const std::string& recipe) {
  if (recipe != "lora-e2e") {
    fail<ConfigError>("config.value", "recipe: expected lora-e2e, found ", quoted(recipe));
  }
  // e2e.md 3: what LoRA's README decodes with.
  Json generation = {{"num-beams", 10},
                     {"beam-style", "lora"},
                     {"length-penalty", 0.8},
                     {"no-repeat-ngram-size", 4},
                     {"max-new-tokens", 64}};
  return {
      .name = "LoRA's E2E experiment",
      .seeds = {110, 111, 112},
      .reference = "lora",
      .options = {{"recipe", recipe}},
      .generation = std::move(generation),
      .methods = {
          {.name = "lora",
           .description = "LoRA of rank 4 on q and v",
           .options = {{"method", "lora"}}},
          {.name = "solo",
           .description = "SoloConnection of Table 1: stride 2, rank 120",
           .options = {{"method", "solo"}, {"preset", "solo-table1"}}},
          {.name = "full", .description = "full fine-tuning", .options = {{"method", "full"}}}}};
}

}  // namespace solo::cli
