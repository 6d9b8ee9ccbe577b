// SPDX-License-Identifier: MIT
#include <solo/core/error.hpp>
#include <solo/io/json.hpp>
#include <solo/nn/gpt2_config.hpp>

#include "io/io_test_support.hpp"
#include "support/bad_input.hpp"
#include "support/catch.hpp"
#include "support/shared.hpp"
#include "support/temp_dir.hpp"

#include <nlohmann/json.hpp>

#include <limits>
#include <string>
#include <utility>
#include <vector>

using solo::Activation;
using solo::GPT2Config;
using solo::Json;
using solo::test::error_of;

namespace {

const std::string kMinimal =
    R"({"vocab_size": 100, "n_positions": 16, "n_embd": 8, "n_layer": 2, "n_head": 4})";

GPT2Config load(const std::string& text) {
  const solo::test::TempDir dir;
  solo::test::write_raw(dir.path() / "config.json", text);
  return GPT2Config::from_file(dir.path() / "config.json");
}

/// kMinimal with the fields of `change` set, or removed where they are "remove".
std::string changed(const std::string& change) {
  Json json = Json::parse(kMinimal);
  const Json changes = Json::parse(change);
  for (const auto& [key, value] : changes.items()) {
    if (value == "remove") {
      json.erase(key);
    } else {
      json[key] = value;
    }
  }
  return json.dump();
}

}  // namespace

TEST_CASE("gpt2 config: the sizes alone give GPT-2's defaults", "[gpt2_config]") {
  const GPT2Config c = load(kMinimal);
  CHECK(c.vocab_size == 100);
  CHECK(c.n_positions == 16);
  CHECK(c.n_embd == 8);
  CHECK(c.n_layer == 2);
  CHECK(c.n_head == 4);
  CHECK(c.inner() == 32);
  CHECK(c.activation_function == Activation::gelu_new);
  CHECK(c.layer_norm_epsilon == 1e-5);
  CHECK(c.scale_attn_weights);
  CHECK(!c.scale_attn_by_inverse_layer_idx);
  CHECK(c.tie_word_embeddings);
  CHECK(c.resid_pdrop == 0.1);
  CHECK(c.bos_token_id == -1);  // 50256 is beyond this vocabulary
  CHECK(c.eos_token_id == -1);
  CHECK(c.eos_token_ids.empty());
}

TEST_CASE("gpt2 config: every field is read", "[gpt2_config]") {
  const GPT2Config c = load(changed(
      R"({"n_inner": 20, "activation_function": "relu", "layer_norm_epsilon": 1e-6,
          "scale_attn_weights": false, "scale_attn_by_inverse_layer_idx": true,
          "reorder_and_upcast_attn": true, "resid_pdrop": 0, "embd_pdrop": 0.25, "attn_pdrop": 0.5,
          "bos_token_id": 3, "eos_token_id": 4, "tie_word_embeddings": false, "model_type": "gpt2",
          "add_cross_attention": false, "unknown": {"x": [1]}, "pruned_heads": {}})"));
  CHECK(c.inner() == 20);
  CHECK(c.activation_function == Activation::relu);
  CHECK(c.layer_norm_epsilon == 1e-6);
  CHECK(!c.scale_attn_weights);
  CHECK(c.scale_attn_by_inverse_layer_idx);
  CHECK(c.reorder_and_upcast_attn);
  CHECK(c.resid_pdrop == 0.0);
  CHECK(c.embd_pdrop == 0.25);
  CHECK(c.attn_pdrop == 0.5);
  CHECK(c.bos_token_id == 3);
  CHECK(c.eos_token_id == 4);
  CHECK(!c.tie_word_embeddings);
}

TEST_CASE("gpt2 config: aliases and old names", "[gpt2_config]") {
  const GPT2Config c = load(
      R"({"vocab_size": 9, "max_position_embeddings": 16, "hidden_size": 8, "num_hidden_layers": 2,
          "num_attention_heads": 4, "n_inner": null})");
  CHECK(c.n_positions == 16);
  CHECK(c.n_embd == 8);
  CHECK(c.n_layer == 2);
  CHECK(c.n_head == 4);
  CHECK(c.inner() == 32);
  CHECK(load(changed(R"({"hidden_size": 8})")).n_embd == 8);
  CHECK(load(changed(R"({"n_ctx": 32})")).n_positions == 16);
  CHECK(load(changed(R"({"n_positions": "remove", "n_ctx": 32})")).n_positions == 32);
  const std::string error = error_of([] { load(changed(R"({"hidden_size": 16})")); });
  CHECK(error.find("ConfigError config.alias | ") == 0);
  CHECK(error.find("config.json: hidden_size: expected the value of n_embd, 8, found 16") !=
        std::string::npos);
}

TEST_CASE("gpt2 config: activations", "[gpt2_config]") {
  const auto read = [](const std::string& name) {
    return load(changed("{\"activation_function\": \"" + name + "\"}")).activation_function;
  };
  CHECK(read("gelu_new") == Activation::gelu_new);
  CHECK(read("gelu_pytorch_tanh") == Activation::gelu_new);
  CHECK(read("gelu_python_tanh") == Activation::gelu_new);
  CHECK(read("gelu_fast") == Activation::gelu_new);
  CHECK(read("gelu_accurate") == Activation::gelu_new);
  CHECK(read("gelu") == Activation::gelu);
  CHECK(read("gelu_python") == Activation::gelu);
  CHECK(read("swish") == Activation::silu);
  CHECK(read("relu") == Activation::relu);
  CHECK(read("silu") == Activation::silu);
}

TEST_CASE("gpt2 config: end-of-text ids", "[gpt2_config]") {
  const auto read = [](const std::string& value) {
    return load(changed("{\"eos_token_id\": " + value + "}"));
  };
  CHECK(read("99").eos_token_id == 99);
  CHECK(read("100").eos_token_id == -1);
  CHECK(read("18446744073709551615").eos_token_id == -1);
  CHECK(read("null").eos_token_id == -1);
  CHECK(read("-1").eos_token_id == -1);
  CHECK(read("[]").eos_token_id == -1);
  CHECK(read("[7]").eos_token_id == 7);
  CHECK(read("[7]").eos_token_ids.empty());
  CHECK(read("[7, 9, 500]").eos_token_id == 7);
  CHECK(read("[7, 9, 500]").eos_token_ids == std::vector<int>{7, 9});
  for (const std::string bad :
       {"1.0", "true", "\"3\"", "[1, \"x\"]", "{}", "18446744073709551616"}) {
    const std::string error = error_of([&] { read(bad); });
    CHECK(error.find("FormatError json.type | ") == 0);
    CHECK(error.find("config.json: eos_token_id: expected an integer, a list") !=
          std::string::npos);
  }
}

TEST_CASE("gpt2 config: what is refused, by name", "[gpt2_config]") {
  struct Case {
    std::string change;
    std::string id;
    std::string part;
  };
  const std::vector<Case> cases = {
      {R"({"vocab_size": "remove"})", "FormatError json.missing", "vocab_size: expected a value"},
      {R"({"n_positions": "remove"})", "FormatError json.missing", "n_positions: expected"},
      {R"({"n_embd": "remove"})", "FormatError json.missing", "n_embd: expected"},
      {R"({"n_layer": "remove"})", "FormatError json.missing", "n_layer: expected"},
      {R"({"n_head": "remove"})", "FormatError json.missing", "n_head: expected"},
      {R"({"n_head": 3})", "ConfigError config.range",
       "n_head: expected a divisor of n_embd 8, found 3"},
      {R"({"n_head": 0})", "ConfigError config.range", "n_head: expected 1 to 4096, found 0"},
      {R"({"n_head": -4})", "ConfigError config.range", "n_head: expected 1 to 4096, found -4"},
      {R"({"n_layer": 4097})", "ConfigError config.range",
       "n_layer: expected 1 to 4096, found 4097"},
      {R"({"n_embd": 16777217})", "ConfigError config.range", "n_embd: expected 1 to 16777216"},
      {R"({"vocab_size": 9223372036854775807})", "ConfigError config.range", "vocab_size"},
      {R"({"vocab_size": 18446744073709551615})", "FormatError json.range", "vocab_size"},
      {R"({"n_positions": 0})", "ConfigError config.range", "n_positions: expected 1 to"},
      {R"({"n_inner": 0})", "ConfigError config.range", "n_inner: expected 1 to 16777216, found 0"},
      {R"({"n_embd": 8.0})", "FormatError json.type", "n_embd: expected an integer, found 8.0"},
      {R"({"n_embd": "8"})", "FormatError json.type",
       "n_embd: expected an integer, found the string '8'"},
      {R"({"n_embd": null})", "FormatError json.type", "n_embd: expected an integer, found null"},
      {R"({"layer_norm_epsilon": null})", "FormatError json.type",
       "layer_norm_epsilon: expected a number"},
      {R"({"layer_norm_epsilon": 0})", "ConfigError config.range",
       "layer_norm_epsilon: expected a positive"},
      {R"({"layer_norm_epsilon": -1e-5})", "ConfigError config.range", "found -1e-05"},
      {R"({"layer_norm_epsilon": 1e39})", "ConfigError config.range", "found 1e+39"},
      {R"({"layer_norm_epsilon": 1e-60})", "ConfigError config.range", "found 1e-60"},
      {R"({"activation_function": null})", "FormatError json.type",
       "activation_function: expected a string"},
      {R"({"activation_function": "tanh"})", "ConfigError config.value", "found 'tanh'"},
      {R"({"activation_function": "quick_gelu"})", "ConfigError config.value",
       "found 'quick_gelu'"},
      {R"({"add_cross_attention": true})", "ConfigError config.value",
       "add_cross_attention: expected false"},
      {R"({"model_type": "llama"})", "ConfigError config.value",
       "model_type: expected 'gpt2', found 'llama'"},
      {R"({"model_type": 3})", "FormatError json.type", "model_type: expected a string"},
      {R"({"pruned_heads": {"0": [1]}})", "ConfigError config.value", "pruned_heads"},
      {R"({"quantization_config": {"bits": 4}})", "ConfigError config.value",
       "quantization_config"},
      {R"({"resid_pdrop": 1.0})", "ConfigError config.range",
       "resid_pdrop: expected at least 0 and less"},
      {R"({"embd_pdrop": -0.1})", "ConfigError config.range", "embd_pdrop"},
      {R"({"attn_pdrop": "0.1"})", "FormatError json.type", "attn_pdrop: expected a number"},
      {R"({"scale_attn_weights": 1})", "FormatError json.type",
       "scale_attn_weights: expected true or false"},
      {R"({"tie_word_embeddings": null})", "FormatError json.type", "tie_word_embeddings"},
  };
  for (const Case& c : cases) {
    INFO(c.change);
    const std::string error = error_of([&] { load(changed(c.change)); });
    CHECK(error.find(c.id + " | ") == 0);
    CHECK(error.find("config.json: ") != std::string::npos);
    CHECK(error.find(c.part) != std::string::npos);
    CHECK(error.size() < 1000);
  }
  CHECK(error_of([] { load("[1]"); }).find("FormatError json.type | ") == 0);
  CHECK(error_of([] {
          load(R"({"n_embd": 8, "n_embd": 8})");
        }).find("FormatError json.duplicate_key | ") == 0);
  CHECK(error_of([] {
          (void)GPT2Config::from_file("/nowhere/config.json");
        }).find("IoError io.open | /nowhere/config.json") == 0);
}

TEST_CASE("gpt2 config: validate", "[gpt2_config]") {
  CHECK_NOTHROW(GPT2Config{}.validate());
  CHECK_NOTHROW(GPT2Config{.vocab_size = 10}.validate());
  CHECK(error_of([] { GPT2Config{.n_head = 5}.validate(); }) ==
        "ConfigError config.range | GPT2Config: n_head: expected a divisor of n_embd 768, found 5");
  CHECK(error_of([] {
          GPT2Config{.activation_function = Activation::tanh}.validate();
        }).find("ConfigError config.value | GPT2Config: activation_function") == 0);
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  CHECK(error_of([] {
          GPT2Config{.layer_norm_epsilon = kNaN}.validate();
        }).find("ConfigError config.range | ") == 0);
  CHECK(error_of([] {
          GPT2Config{.attn_pdrop = kNaN}.validate();
        }).find("ConfigError config.range | ") == 0);
  CHECK(error_of([] {
          GPT2Config{.n_inner = -1}.validate();
        }).find("ConfigError config.range | ") == 0);
}

TEST_CASE("gpt2 config: published sizes", "[gpt2_config]") {
  struct Size {
    std::string name;
    solo::Index layers, width, heads;
  };
  for (const Size& size : std::vector<Size>{{"gpt2", 12, 768, 12},
                                            {"gpt2-medium", 24, 1024, 16},
                                            {"gpt2-large", 36, 1280, 20},
                                            {"gpt2-xl", 48, 1600, 25}}) {
    const GPT2Config c = GPT2Config::from_size(size.name);
    CHECK_NOTHROW(c.validate());
    CHECK(c.n_layer == size.layers);
    CHECK(c.n_embd == size.width);
    CHECK(c.n_head == size.heads);
  }
  CHECK(error_of([] { (void)GPT2Config::from_size("gpt3"); }).find("found 'gpt3'") !=
        std::string::npos);
}

TEST_CASE("gpt2 config: written and read again", "[gpt2_config]") {
  GPT2Config c{.vocab_size = 50,
               .n_positions = 12,
               .n_embd = 6,
               .n_layer = 3,
               .n_head = 2,
               .n_inner = 10,
               .activation_function = Activation::gelu,
               .layer_norm_epsilon = 2e-6,
               .scale_attn_weights = false,
               .scale_attn_by_inverse_layer_idx = true,
               .reorder_and_upcast_attn = true,
               .resid_pdrop = 0.0,
               .embd_pdrop = 0.3,
               .attn_pdrop = 0.2,
               .bos_token_id = -1,
               .eos_token_id = 7,
               .eos_token_ids = {7, 8},
               .tie_word_embeddings = false};
  const std::string text = c.to_json("bfloat16");
  const GPT2Config back = load(text);
  CHECK(back.to_json("bfloat16") == text);
  CHECK(back.n_inner == 10);
  CHECK(back.bos_token_id == -1);
  CHECK(back.eos_token_ids == std::vector<int>{7, 8});
  CHECK(back.layer_norm_epsilon == 2e-6);
  const Json json = solo::parse_json(text, "config.json");
  CHECK(json.at("model_type") == "gpt2");
  CHECK(json.at("architectures") == Json::array({"GPT2LMHeadModel"}));
  CHECK(json.at("n_ctx") == 12);
  CHECK(json.at("dtype") == "bfloat16");
  CHECK(json.at("bos_token_id").is_null());
  CHECK(text.find("\"layer_norm_epsilon\": 2e-06,\n") != std::string::npos);
}

TEST_CASE("gpt2 config: gpt2-mini", "[gpt2_config]") {
  const auto shared = solo::test::shared_dir();
  if (!shared) SOLO_SKIP("needs ../shared");
  const GPT2Config c = GPT2Config::from_file(*shared / "models/gpt2-mini/config.json");
  CHECK(c.n_embd == 256);
  CHECK(c.n_layer == 12);
  CHECK(c.eos_token_id == 8191);
  CHECK(c.resid_pdrop == 0.0);
}

TEST_CASE("parameters are counted or refused, never counted wrong") {
  CHECK(GPT2Config{}.parameter_count() == 124439808);
  CHECK(GPT2Config{.n_inner = 1000}.parameter_count() == 124439808 - 12 * (2 * 768 + 1) * 2072);
  CHECK(GPT2Config{.tie_word_embeddings = false}.parameter_count() == 124439808 + 50257 * 768);
  constexpr auto kMost = std::numeric_limits<solo::Index>::max();
  for (const GPT2Config& config :
       {GPT2Config{.n_embd = solo::Index{1} << 24, .n_layer = 4096, .n_head = 4096},
        GPT2Config{.n_embd = kMost}, GPT2Config{.vocab_size = kMost}, GPT2Config{.n_layer = kMost},
        GPT2Config{.n_layer = -1}, GPT2Config{.n_positions = kMost},
        GPT2Config{.n_inner = kMost}}) {
    solo::test::check_throws<solo::ShapeError>([&] { return config.parameter_count(); },
                                               "shape.overflow", {});
  }
}
