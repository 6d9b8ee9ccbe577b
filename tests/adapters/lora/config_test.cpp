// SPDX-License-Identifier: MIT
// LoraConfig: peft's fields, what they choose, and what is refused.

#include <solo/adapters/lora/config.hpp>
#include <solo/adapters/lora/peft_form.hpp>
#include <solo/adapters/lora/plan.hpp>
#include <solo/io/json_fields.hpp>

#include "support/bad_input.hpp"
#include "support/catch.hpp"

#include <nlohmann/json.hpp>

#include <cmath>
#include <ctime>
#include <limits>
#include <string>
#include <vector>

using namespace solo;
using namespace solo::test;

namespace {

GPT2Config small() {
  return {.vocab_size = 23, .n_positions = 12, .n_embd = 8, .n_layer = 3, .n_head = 2};
}

LoraConfig from_text(const std::string& text) {
  const Json json = parse_json(text, "adapter_config.json");
  return LoraConfig::from_json(JsonFields(json, "adapter_config.json"));
}

/// "h.0.attn.c_attn 8x1 ": layers with rank and scale.
std::string chosen(const LoraConfig& config, const GPT2Config& base = small()) {
  std::string text;
  for (const detail::LoraSite& site : detail::plan_lora(config, base).sites) {
    text += concat(site.site.name(), " ", site.total_rank(), "x", site.scale, " ");
  }
  return text;
}

/// Short expressions of a thousand states each.
std::vector<std::pair<std::string, Index>> long_patterns(int count) {
  std::vector<std::pair<std::string, Index>> patterns;
  for (int i = 0; i < count; ++i) patterns.emplace_back(concat(i, "x{1000}"), 1);
  return patterns;
}

std::string names(const std::vector<AdapterTensor>& tensors) {
  std::string text;
  for (const AdapterTensor& t : tensors) text += t.name + to_string(t.shape) + ' ';
  return text;
}

}  // namespace

TEST_CASE("Targets are names, ends of names or an expression", "[lora]") {
  const std::string c_attn = "h.0.attn.c_attn 8x1 h.1.attn.c_attn 8x1 h.2.attn.c_attn 8x1 ";
  CHECK(chosen({}) == c_attn);
  CHECK(chosen({.target_modules = {"attn.c_attn", "c_attn", "nothing"}}) == c_attn);
  CHECK(chosen({.target_modules = ModuleNames::regex(".*c_attn")}) == c_attn);
  CHECK(chosen({.target_modules = {"h.1.mlp.c_fc", "transformer.h.0.attn.c_proj"}}) ==
        "h.0.attn.c_proj 8x1 h.1.mlp.c_fc 8x1 ");
  CHECK(chosen({.target_modules = {"c_proj"}, .layers_to_transform = {1}}) ==
        "h.1.attn.c_proj 8x1 h.1.mlp.c_proj 8x1 ");
  const std::string all = chosen({.target_modules = {"c_attn", "c_proj", "c_fc"}});
  CHECK(chosen({.target_modules = ModuleNames::regex("all-linear")}) == all);
  CHECK(chosen({.target_modules = ModuleNames::regex("ALL-Linear")}) == all);
  CHECK(std::count(all.begin(), all.end(), ' ') == 2 * 4 * 3);
  CHECK(chosen({.target_modules = {"c_attn", "c_fc"},
                .exclude_modules = {"c_fc", "h.1.attn.c_attn"}}) ==
        "h.0.attn.c_attn 8x1 h.2.attn.c_attn 8x1 ");
  CHECK(chosen({.exclude_modules = ModuleNames::regex(".*h\\.[01].*")}) == "h.2.attn.c_attn 8x1 ");
}

TEST_CASE("Layers are chosen as peft chooses them", "[lora]") {
  CHECK(chosen({.layers_to_transform = {0, 2, 7}}) == "h.0.attn.c_attn 8x1 h.2.attn.c_attn 8x1 ");
  CHECK(chosen({.layers_to_transform = {2}, .layers_pattern = {"layers", "h"}}) ==
        "h.2.attn.c_attn 8x1 ");
  CHECK(chosen({.layers_to_transform = {2}, .layers_pattern = {"transformer.h"}}) ==
        "h.2.attn.c_attn 8x1 ");
  // A whole name counts in every layer.
  CHECK(chosen({.target_modules = {"c_attn", "transformer.h.0.mlp.c_fc"},
                .layers_to_transform = {1}}) == "h.0.mlp.c_fc 8x1 h.1.attn.c_attn 8x1 ");
}

TEST_CASE("The first pattern that matches gives rank and alpha", "[lora]") {
  CHECK(chosen({.rank_pattern = {{"h.1.attn.c_attn", 2}, {"c_attn", 4}, {"h\\.2\\..*", 1}},
                .alpha_pattern = {{".*2.*", 3}}}) ==
        "h.0.attn.c_attn 4x2 h.1.attn.c_attn 2x4 h.2.attn.c_attn 4x0.75 ");
  CHECK(chosen({.r = 4, .lora_alpha = 6, .use_rslora = true, .layers_to_transform = {0}}) ==
        "h.0.attn.c_attn 4x3 ");
  // Neither a part of a name nor a name without its last part.
  CHECK(chosen({.rank_pattern = {{"attn", 2}, {"transformer.h.0", 2}},
                .layers_to_transform = {0}}) == "h.0.attn.c_attn 8x1 ");
}

TEST_CASE("Parts of c_attn share its rank in the file", "[lora]") {
  const LoraConfig config{.r = 4, .lora_alpha = 12, .target_modules = {"c_attn.q", "c_attn.v"}};
  CHECK(chosen(config) == "h.0.attn.c_attn 8x3 h.1.attn.c_attn 8x3 h.2.attn.c_attn 8x3 ");
  CHECK(names(config.tensors(
            {.vocab_size = 3, .n_positions = 2, .n_embd = 2, .n_layer = 1, .n_head = 1})) ==
        "transformer.h.0.attn.c_attn.lora_A.weight(8, 2) "
        "transformer.h.0.attn.c_attn.lora_B.weight(6, 8) ");
  const LoraConfig form = detail::peft_form(config, detail::plan_lora(config, small()), small());
  CHECK(form.r == 8);
  CHECK(form.lora_alpha == 24);
  CHECK(form.target_modules == ModuleNames{"c_attn"});
  CHECK(chosen(form) == chosen(config));

  const LoraConfig mixed{.r = 4,
                         .lora_alpha = 8,
                         .target_modules = {"h.0.attn.c_attn.k", "c_fc", "h.1.attn.c_attn.q",
                                            "h.1.attn.c_attn.k", "h.1.attn.c_attn.v"},
                         .use_rslora = true,
                         .alpha_pattern = {{"h.1.mlp.c_fc", 2}}};
  const LoraConfig whole = detail::peft_form(mixed, detail::plan_lora(mixed, small()), small());
  CHECK(whole.rank_pattern ==
        std::vector<std::pair<std::string, Index>>{{"transformer.h.1.attn.c_attn", 12}});
  CHECK(whole.alpha_pattern.size() == 2);
  const auto want = detail::plan_lora(mixed, small()).sites;
  const auto have = detail::plan_lora(whole, small()).sites;
  REQUIRE(have.size() == want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    CHECK(have[i].total_rank() == want[i].total_rank());
    CHECK(have[i].scale == Approx(want[i].scale).epsilon(1e-15));
  }
}

TEST_CASE("Patterns are written so that the order of a file keeps their meaning", "[lora]") {
  const auto form = [](const LoraConfig& config) {
    return detail::peft_form(config, detail::plan_lora(config, small()), small());
  };
  const LoraConfig harmless{.rank_pattern = {{"h.1.attn.c_attn", 2}, {"h.0.attn.c_attn", 4}}};
  CHECK(form(harmless).rank_pattern ==
        std::vector<std::pair<std::string, Index>>{{"h.0.attn.c_attn", 4}, {"h.1.attn.c_attn", 2}});
  const LoraConfig overlapping{.rank_pattern = {{"h.1.attn.c_attn", 2}, {"c_attn", 4}}};
  CHECK(form(overlapping).rank_pattern ==
        std::vector<std::pair<std::string, Index>>{{"transformer.h.0.attn.c_attn", 4},
                                                   {"transformer.h.1.attn.c_attn", 2},
                                                   {"transformer.h.2.attn.c_attn", 4}});
  CHECK(chosen(form(overlapping)) == chosen(overlapping));
}

TEST_CASE("The file's tensors have peft's names and shapes", "[lora]") {
  const GPT2Config base{
      .vocab_size = 9, .n_positions = 3, .n_embd = 4, .n_layer = 2, .n_head = 2, .n_inner = 6};
  CHECK(names(LoraConfig{
            .r = 5, .target_modules = {"c_fc"}, .layers_to_transform = {1}, .lora_bias = true}
                  .tensors(base)) ==
        "transformer.h.1.mlp.c_fc.lora_A.weight(5, 4) transformer.h.1.mlp.c_fc.lora_B.weight(6, 5) "
        "transformer.h.1.mlp.c_fc.lora_B.bias(6,) ");
  CHECK(names(LoraConfig{.r = 1,
                         .target_modules = {"mlp.c_proj"},
                         .layers_to_transform = {0},
                         .bias = LoraBias::lora_only,
                         .use_dora = true,
                         .modules_to_save = {"ln_f", "wpe"}}
                  .tensors(base)) ==
        "transformer.h.0.mlp.c_proj.lora_A.weight(1, 6) "
        "transformer.h.0.mlp.c_proj.lora_B.weight(4, 1) "
        "transformer.h.0.mlp.c_proj.lora_magnitude_vector(4,) transformer.wpe.weight(3, 4) "
        "transformer.h.0.mlp.c_proj.base_layer.bias(4,) transformer.ln_f.weight(4,) "
        "transformer.ln_f.bias(4,) ");
  const std::vector<AdapterTensor> all =
      LoraConfig{.target_modules = {"h.1.mlp.c_fc"}, .bias = LoraBias::all}.tensors(base);
  CHECK(all.size() == 2 + 6 * 2 + 1);
  CHECK(names(all).find("transformer.h.1.mlp.c_fc.base_layer.bias(6,)") != std::string::npos);
  CHECK(names(all).find("transformer.h.0.mlp.c_fc.bias(6,)") != std::string::npos);
  // A module that is saved in full is no target.
  CHECK(names(LoraConfig{.target_modules = {"c_attn", "c_fc"},
                         .layers_to_transform = {0},
                         .modules_to_save = {"h.0.attn"}}
                  .tensors(base))
            .find("c_attn.lora_A") == std::string::npos);
}

TEST_CASE("Parameters are counted without a model", "[lora]") {
  const GPT2Config gpt2 = GPT2Config::from_size("gpt2");
  CHECK(parameter_count(LoraConfig{}, gpt2) == 294'912);
  CHECK(parameter_count(LoraConfig{.r = 4, .target_modules = {"c_attn.q", "c_attn.v"}}, gpt2) ==
        147'456);
  CHECK(parameter_count(LoraConfig{.use_dora = true}, gpt2) == 294'912 + 12 * 2304);
  CHECK(parameter_count(LoraConfig{.lora_bias = true}, gpt2) == 294'912 + 12 * 2304);
  CHECK(parameter_count(LoraConfig{.bias = LoraBias::lora_only}, gpt2) == 294'912 + 12 * 2304);
  CHECK(parameter_count(LoraConfig{.modules_to_save = {"ln_f"}}, gpt2) == 294'912 + 2 * 768);
  const GPT2Config huge{
      .vocab_size = 1 << 24, .n_positions = 1 << 24, .n_embd = 1 << 24, .n_layer = 2, .n_head = 1};
  CHECK(parameter_count(LoraConfig{.r = 1 << 24}, huge) == Index{2} << 50);
}

TEST_CASE("What LoraConfig refuses", "[lora]") {
  struct Bad {
    LoraConfig config;
    std::string id;
    std::vector<std::string> parts;
  };
  const double nan = std::nan("");
  const std::vector<Bad> cases = {
      {{.r = 0}, "config.range", {"r: ", "found 0"}},
      {{.r = -3}, "config.range", {"r: ", "found -3"}},
      {{.r = (1 << 24) + 1}, "config.range", {"r: ", "16777217"}},
      {{.lora_alpha = nan}, "config.range", {"lora_alpha", "nan"}},
      {{.lora_alpha = HUGE_VAL}, "config.range", {"lora_alpha", "inf"}},
      {{.lora_alpha = 1e308}, "config.range", {"lora_alpha", "1e+308"}},
      {{.lora_dropout = 1.0}, "config.range", {"lora_dropout", "found 1"}},
      {{.lora_dropout = -0.1}, "config.range", {"lora_dropout", "-0.1"}},
      {{.lora_dropout = nan}, "config.range", {"lora_dropout", "nan"}},
      {{.rank_pattern = {{"c_attn", 0}}}, "config.range", {"rank_pattern", "c_attn", "found 0"}},
      {{.alpha_pattern = {{"c_attn", nan}}}, "config.range", {"alpha_pattern", "c_attn", "nan"}},
      {{.rank_pattern = {{"a", 1}, {"a", 2}}}, "config.value", {"rank_pattern", "'a'", "twice"}},
      {{.rank_pattern = {{"(", 1}}}, "pattern.syntax", {"rank_pattern", "("}},
      {{.rank_pattern = {{"c_attn)|(x", 1}, {"[", 1}}}, "pattern.syntax", {"rank_pattern", "["}},
      {{.layers_to_transform = {-1}}, "config.range", {"layers_to_transform", "-1"}},
      {{.target_modules = {}}, "lora.target", {"target_modules", "[]", "3 blocks"}},
      {{.target_modules = {"q_proj", "v_proj"}}, "lora.target", {"'q_proj', 'v_proj'"}},
      {{.target_modules = ModuleNames::regex("c_attn")}, "lora.target", {"'c_attn'"}},
      {{.target_modules = ModuleNames::regex("(")}, "pattern.syntax", {"target_modules", "'('"}},
      {{.layers_to_transform = {3}}, "lora.target", {"'c_attn'", "layers_to_transform"}},
      {{.layers_to_transform = {1}, .layers_pattern = {"layers"}},
       "lora.target",
       {"layers_pattern"}},
      {{.exclude_modules = {"c_attn"}}, "lora.target", {"'c_attn'"}},
      {{.target_modules = {"wpe"}}, "lora.target", {"transformer.wpe", "c_attn, c_proj and c_fc"}},
      {{.target_modules = {"attn"}}, "lora.target", {"transformer.h.0.attn'"}},
      {{.target_modules = {"wte"}, .use_dora = true}, "lora.conflict", {"use_dora", "'transform"}},
      {{.target_modules = {"lm_head"}, .lora_bias = true}, "lora.conflict", {"'lm_head'"}},
      {{.target_modules = {"c_attn", "c_attn.q"}}, "lora.parts", {"transformer.h.0.attn.c_attn"}},
      {{.target_modules = {"c_attn.q"}, .use_dora = true}, "lora.conflict", {"use_dora", "c_attn"}},
      {{.target_modules = {"c_attn.q"}, .lora_bias = true}, "lora.conflict", {"lora_bias"}},
      {{.lora_bias = true, .use_dora = true}, "lora.conflict", {"lora_bias", "use_dora"}},
      {{.layers_pattern = {"h"}}, "lora.conflict", {"layers_pattern", "layers_to_transform"}},
      {{.target_modules = ModuleNames::regex(".*c_attn"), .layers_to_transform = {0}},
       "lora.conflict",
       {"layers_to_transform", ".*c_attn"}},
      {{.layers_to_transform = {0}, .layers_pattern = {"h|g"}}, "pattern.syntax", {"'h|g'"}},
      {{.modules_to_save = {"nothing"}}, "lora.modules_to_save", {"'nothing'", "no module"}},
      {{.modules_to_save = {""}}, "lora.modules_to_save", {"empty"}},
      {{.modules_to_save = {"n_f"}}, "lora.modules_to_save", {"'n_f'", "transformer.ln_f"}},
      {{.modules_to_save = {"mlp", "h.0.mlp.c_fc"}}, "lora.modules_to_save", {"lies within"}},
      {{.modules_to_save = {"drop"}}, "lora.modules_to_save", {"no parameters"}},
      {{.target_modules = {std::string(2'000'000, 'x')}}, "config.size", {"too many"}},
      {{.rank_pattern = long_patterns(2000)},
       "config.size",
       {"rank_pattern", "states", "too many"}},
  };
  for (const Bad& bad : cases) {
    check_throws<ConfigError>([&] { return bad.config.tensors(small()); }, bad.id, bad.parts);
  }
  check_throws<ConfigError>([] { return lora_bias_from("some"); }, "config.value", {"'some'"});
}

TEST_CASE("A pattern of very many keys is read in linear time", "[lora]") {
  const auto ticks = [](std::size_t keys) {
    std::string text = R"({"rank_pattern": {)";
    for (std::size_t i = 0; i < keys; ++i) text += concat("\"", i, "\":1,");
    const std::clock_t start = std::clock();
    CHECK(from_text(text + "\"x\":1}}").rank_pattern.size() == keys + 1);
    return std::clock() - start;
  };
  const std::clock_t few = ticks(10'000);
  CHECK(ticks(160'000) < 64 * few);  // linear: 16 times, quadratic: 256
}

TEST_CASE("peft's configuration is read, strictly", "[lora]") {
  const LoraConfig least = from_text(R"({"peft_type": "LORA", "target_modules": ["c_fc"]})");
  CHECK(least.r == 8);
  CHECK(least.lora_alpha == 8);
  CHECK(least.target_modules == ModuleNames{"c_fc"});
  CHECK(from_text(R"({"peft_type": "LORA"})").target_modules == ModuleNames{"c_attn"});
  CHECK(from_text(R"({"target_modules": null})").target_modules == ModuleNames{"c_attn"});
  CHECK(from_text(R"({"target_modules": ".*x"})").target_modules == ModuleNames::regex(".*x"));
  CHECK(from_text(R"({"layers_to_transform": 2})").layers_to_transform == std::vector<Index>{2});
  CHECK(from_text(R"({"layers_to_transform": [], "layers_pattern": ""})")
            .layers_to_transform.empty());
  CHECK(from_text(R"({"init_lora_weights": "orthogonal", "revision": "main", "peft_version": "9",
                      "auto_mapping": {"a": 1}, "base_model_name_or_path": null,
                      "fan_in_fan_out": false, "inference_mode": false, "task_type": null})")
            .r == 8);
  const LoraConfig order = from_text(R"({"rank_pattern": {"z": 3, "a": 2}, "lora_alpha": 0.5,
                                         "alpha_pattern": {"z": 1.5}})");
  CHECK(order.rank_pattern == std::vector<std::pair<std::string, Index>>{{"z", 3}, {"a", 2}});
  CHECK(order.alpha_pattern == std::vector<std::pair<std::string, double>>{{"z", 1.5}});
  CHECK(order.lora_alpha == 0.5);

  for (const std::string key : {"lora_aplha", "enable_lora", "some_later_option"}) {
    for (const std::string nothing : {"null", "false", "{}", "[]"}) {
      CHECK(from_text(concat("{\"", key, "\": ", nothing, "}")).r == 8);
    }
    for (const std::string something : {"3", "0", "true", "[false]", "\"\""}) {
      check_throws<FormatError>(
          [&] { return from_text(concat("{\"", key, "\": ", something, "}")); }, "json.unknown_key",
          {"adapter_config.json", key});
    }
  }
  CHECK(from_text(R"({"merge_weights": true, "runtime_config": {"ephemeral_gpu_offload": false},
                      "loftq_config": null, "eva_config": {"rho": 2.0}, "corda_config": {},
                      "init_lora_weights": "eva", "megatron_core": "other", "use_rslora": null,
                      "qalora_group_size": 32, "use_qalora": null, "use_dora": null})")
            .start == LoraStart::plain);
  CHECK(from_text(R"({"init_lora_weights": "pissa"})").start == LoraStart::pissa);
  CHECK(from_text(R"({"init_lora_weights": "OLoRA"})").start == LoraStart::olora);
  check_throws<ConfigError>([] { return from_text(R"({"loftq_config": {"loftq_bits": 4}})"); },
                            "lora.start", {"loftq_config", "merge_and_unload"});
  check_throws<FormatError>([] { return from_text(R"({"base_model_name_or_path": 7})"); },
                            "json.type", {"base_model_name_or_path", "7"});
  const std::vector<std::pair<std::string, std::string>> unsupported = {
      {"alora_invocation_tokens", "[1]"},
      {"arrow_config", "{}"},
      {"kasa_config", "{}"},
      {"layer_replication", "[[0, 2]]"},
      {"megatron_config", "{}"},
      {"monteclora_config", "{}"},
      {"target_parameters", R"(["a"])"},
      {"use_bdlora", "{}"},
      {"use_qalora", "true"},
      {"velora_config", "{}"}};
  for (const auto& [key, value] : unsupported) {
    check_throws<ConfigError>(
        [&, k = key, v = value] { return from_text(concat("{\"", k, "\": ", v, "}")); },
        "lora.unsupported", {"adapter_config.json", key});
  }
  // Where nothing is tied that would not be anyway, it changes nothing.
  for (const std::string more :
       {"", R"(, "modules_to_save": ["wte"])", R"(, "trainable_token_indices": [3])",
        R"(, "trainable_token_indices": {"wte": [3], "lm_head": [3]})"}) {
    CHECK_NOTHROW(from_text(R"({"ensure_weight_tying": true, "layer_replication": [],
                                "target_parameters": [])" +
                            more + "}"));
  }
  for (const std::string more :
       {R"("modules_to_save": ["lm_head"])", R"("target_modules": ["c_attn", "lm_head"])",
        R"-("target_modules": ".*(c_attn|lm_head)")-",
        R"("trainable_token_indices": {"wte": [3], "lm_head": [4]})"}) {
    check_throws<ConfigError>(
        [&] { return from_text(R"({"ensure_weight_tying": true, )" + more + "}"); },
        "lora.unsupported", {"ensure_weight_tying", "lm_head"});
  }
  const std::vector<std::pair<std::string, std::string>> types = {
      {R"({"r": 4.0})", "r"},
      {R"({"r": "4"})", "r"},
      {R"({"lora_alpha": null})", "lora_alpha"},
      {R"({"use_dora": 1})", "use_dora"},
      {R"({"target_modules": [1]})", "target_modules"},
      {R"({"target_modules": {}})", "target_modules"},
      {R"({"rank_pattern": []})", "rank_pattern"},
      {R"({"rank_pattern": {"a": 1.5}})", "a"},
      {R"({"fan_in_fan_out": 0})", "fan_in_fan_out"},
      {R"({"layers_to_transform": "1"})", "layers_to_transform"},
      {R"({"modules_to_save": 3})", "modules_to_save"}};
  for (const auto& [text, key] : types) {
    check_throws<FormatError>([&, t = text] { return from_text(t); }, "json.type",
                              {"adapter_config.json", key});
  }
  check_throws<FormatError>([] { return from_text(R"({"r": 0})"); }, "json.range", {"r", "0"});
  check_throws<ConfigError>([] { return from_text(R"({"bias": "some"})"); }, "config.value",
                            {"adapter_config.json", "bias", "'some'"});
  check_throws<ConfigError>([] { return from_text(R"({"task_type": "SEQ_CLS"})"); },
                            "adapter.task_type", {"adapter_config.json", "SEQ_CLS"});
}

TEST_CASE("The configuration is written as peft's stable subset", "[lora]") {
  CHECK(LoraConfig{.r = 4, .lora_alpha = 16, .seed = 3}.to_json("gpt2") == R"({
  "base_model_name_or_path": "gpt2",
  "bias": "none",
  "fan_in_fan_out": true,
  "inference_mode": true,
  "init_lora_weights": true,
  "layers_pattern": null,
  "layers_to_transform": null,
  "lora_alpha": 16,
  "lora_dropout": 0.0,
  "modules_to_save": null,
  "peft_type": "LORA",
  "r": 4,
  "target_modules": [
    "c_attn"
  ],
  "task_type": "CAUSAL_LM"
})");
  const LoraConfig all{.r = 3,
                       .lora_alpha = 2.5,
                       .lora_dropout = 0.25,
                       .target_modules = ModuleNames::regex(".*c_(attn|fc)"),
                       .exclude_modules = {"h.0.attn.c_attn"},
                       .use_rslora = true,
                       .rank_pattern = {{"b", 2}, {"a", 3}},
                       .alpha_pattern = {{"c", 0.5}, {"d", 4}},
                       .bias = LoraBias::all,
                       .use_dora = true,
                       .modules_to_save = {"ln_f"}};
  const LoraConfig again = from_text(all.to_json(""));
  CHECK(again.to_json("") == all.to_json(""));
  CHECK(again.target_modules == all.target_modules);
  CHECK(again.exclude_modules == all.exclude_modules);
  CHECK(again.rank_pattern == std::vector<std::pair<std::string, Index>>{{"a", 3}, {"b", 2}});
  CHECK(again.alpha_pattern == all.alpha_pattern);
  CHECK(again.bias == LoraBias::all);
  CHECK(again.use_dora);
  CHECK(again.use_rslora);
  CHECK(again.modules_to_save == all.modules_to_save);
  const LoraConfig layers{
      .layers_to_transform = {2, 0}, .layers_pattern = {"h"}, .lora_bias = true};
  const LoraConfig layers_again = from_text(layers.to_json(""));
  CHECK(layers_again.layers_to_transform == layers.layers_to_transform);
  CHECK(layers_again.layers_pattern == layers.layers_pattern);
  CHECK(layers_again.lora_bias);
}

TEST_CASE("peft's leftovers are known", "[lora]") {
  const LoraConfig both{.bias = LoraBias::all, .modules_to_save = {"ln_f"}};
  CHECK(both.ignores("transformer.ln_f.modules_to_save.bias"));
  CHECK(both.ignores("transformer.ln_f.original_module.bias"));
  CHECK(!both.ignores("transformer.ln_f.bias"));
  CHECK(!both.ignores("transformer.ln_f.modules_to_save.weight"));
  CHECK(!LoraConfig{.bias = LoraBias::all}.ignores("transformer.ln_f.modules_to_save.bias"));
}

TEST_CASE("Numbers that are none of an enumeration's values are refused by LoraConfig", "[lora]") {
  for (const int number : {-1, 3, 77}) {
    const std::string found = std::to_string(number);
    check_throws<ConfigError>([&] { return chosen({.bias = static_cast<LoraBias>(number)}); },
                              "config.value", {"bias", found});
    check_throws<ConfigError>([&] { return chosen({.start = static_cast<LoraStart>(number)}); },
                              "config.value", {"start", found});
  }
}
