// SPDX-License-Identifier: MIT
/// @file
/// The tables of docs/adapters.md name every field of the configurations, with its default.
#include <solo/adapters/lora/config.hpp>
#include <solo/adapters/solo/config.hpp>
#include <solo/adapters/tuning/layer_norm.hpp>
#include <solo/io/json.hpp>
#include <solo/io/json_fields.hpp>

#include "docs/markdown.hpp"
#include "support/catch.hpp"

#include <nlohmann/json.hpp>

using namespace solo;

namespace {

/// Field and default of each row "| `field` | `default` | …" of a section.
Json documented_fields(const std::string& title) {
  Json fields = Json::object();
  const test::Page page = test::read_page("docs/adapters.md");
  for (const test::Lines& row : test::table_rows(test::section(page, title))) {
    if (row.size() != 4) continue;
    INFO(row[0]);
    const test::Lines name = test::code_spans(row[0]);
    const test::Lines value = test::code_spans(row[1]);
    REQUIRE(name.size() == 1);
    REQUIRE(value.size() == 1);
    CHECK_FALSE(row[3].empty());
    CHECK_FALSE(fields.contains(name[0]));
    fields[name[0]] = parse_json(value[0], "docs/adapters.md");
  }
  return fields;
}

/// A configuration's JSON without the fields that every adapter has.
Json own_fields(const std::string& text) {
  Json json = parse_json(text, "to_json");
  for (const char* common : {"auto_mapping", "base_model_name_or_path", "inference_mode",
                             "peft_type", "peft_version", "revision", "task_type"}) {
    json.erase(common);
  }
  return json;
}

/// What is written is documented with this value, and what is documented is read as the default.
template <class Config>
void check_defaults(const Json& documented) {
  const std::string defaults = Config{}.to_json("");
  const Json written = own_fields(defaults);
  for (const auto& [key, value] : written.items()) {
    INFO(key);
    REQUIRE(documented.contains(key));
    CHECK(dump_line(documented[key]) == dump_line(value));
  }
  CHECK(Config::from_json(JsonFields(documented, "docs")).to_json("") == defaults);
}

}  // namespace

TEST_CASE("adapters.md has every field of SoloConfig with its default", "[docs]") {
  const Json documented = documented_fields("SoloConnection");
  check_defaults<SoloConfig>(documented);
  std::size_t fields = 0;
  const SoloConfig config;
  visit_fields(config, [&](std::string_view name, const auto&) {
    CHECK(documented.contains(name));
    ++fields;
  });
  CHECK(documented.size() == fields);
}

TEST_CASE("adapters.md has every field of LoraConfig with its default", "[docs]") {
  const Json documented = documented_fields("LoRA");
  check_defaults<LoraConfig>(documented);
  // Fields that are written only where they say something.
  const LoraConfig other = {.r = 3,
                            .exclude_modules = {"c_fc"},
                            .use_rslora = true,
                            .rank_pattern = {{"c_fc", 4}},
                            .alpha_pattern = {{"c_fc", 4.0}},
                            .layers_to_transform = {1},
                            .layers_pattern = {"h"},
                            .bias = LoraBias::all,
                            .lora_bias = true,
                            .use_dora = true,
                            .modules_to_save = {"ln_f"},
                            .trainable_token_indices = {{"wte", {1}}}};
  const Json all = own_fields(other.to_json(""));
  for (const auto& [key, value] : all.items()) {
    INFO(key);
    CHECK(documented.contains(key));
  }
  CHECK(documented.size() == all.size());
}

TEST_CASE("adapters.md has every field of LayerNormConfig with its default", "[docs]") {
  const Json documented = documented_fields("BitFit and LayerNorm tuning");
  check_defaults<LayerNormConfig>(documented);
  const LayerNormConfig other = {.exclude_modules = {"ln_f"}};
  CHECK(documented.size() == own_fields(other.to_json("")).size());
}

TEST_CASE("adapters.md has every preset of Solo", "[docs]") {
  std::set<std::string> documented;
  for (const test::Lines& row :
       test::table_rows(test::section(test::read_page("docs/adapters.md"), "SoloConnection"))) {
    if (row.size() != 2) continue;
    for (const std::string& name : test::code_spans(row[0])) documented.insert(name);
  }
  const auto names = SoloConfig::preset_names();
  CHECK(documented == std::set<std::string>(names.begin(), names.end()));
}
