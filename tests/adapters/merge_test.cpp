// SPDX-License-Identifier: MIT
// Merging adapters into the base and taking them out again.

#include <solo/adapters/adapters.hpp>

#include "adapters/gated_tanh.hpp"
#include "adapters/tiny_model.hpp"
#include "support/bad_input.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <functional>
#include <limits>
#include <string>
#include <vector>

using namespace solo;
using namespace solo::test;

namespace {

const std::vector<int> kIds = {3, 17, 5, 5, 22, 0, 9, 11};

struct MergeCase {
  std::string name;
  std::function<void(GPT2<double>&)> add;
};

template <class Config>
MergeCase merge_case(std::string name, const Config& config) {
  return {std::move(name), [config](GPT2<double>& m) { m.add_adapter("a", config); }};
}

std::vector<MergeCase> merge_cases() {
  const ModuleNames everything = {"c_attn", "c_proj", "c_fc"};
  return {
      merge_case("LoRA", LoraConfig{}),
      merge_case("all layers",
                 LoraConfig{.r = 3, .target_modules = everything, .use_rslora = true}),
      merge_case("parts", LoraConfig{.r = 2, .target_modules = {"c_attn.k", "c_attn.v", "c_fc"}}),
      merge_case("lora_bias", LoraConfig{.target_modules = everything, .lora_bias = true}),
      merge_case("biases", LoraConfig{.bias = LoraBias::all}),
      merge_case("biases and lora_bias",
                 LoraConfig{.bias = LoraBias::lora_only, .lora_bias = true}),
      merge_case("saved modules", LoraConfig{.modules_to_save = {"ln_f", "mlp.c_fc"}}),
      merge_case("saved embedding", LoraConfig{.modules_to_save = {"wte"}}),
      merge_case("saved head", LoraConfig{.modules_to_save = {"lm_head"}}),
      merge_case("saved embedding and head", LoraConfig{.modules_to_save = {"wte", "lm_head"}}),
      merge_case("tokens", LoraConfig{.trainable_token_indices = {{"wte", {17, 3}}}}),
      merge_case("tokens of the head",
                 LoraConfig{.trainable_token_indices = {{"lm_head", {17, 3}}}}),
      merge_case("tokens apart",
                 LoraConfig{.trainable_token_indices = {{"wte", {17, 3}}, {"lm_head", {5}}}}),
      merge_case("on the embedding", LoraConfig{.r = 3, .target_modules = {"wte"}}),
      merge_case("on the head", LoraConfig{.r = 3, .target_modules = {"lm_head", "c_fc"}}),
      merge_case("on both tables",
                 LoraConfig{.target_modules = {"wte", "lm_head"}, .use_rslora = true}),
      merge_case("on the head, tokens", LoraConfig{.target_modules = {"lm_head"},
                                                   .trainable_token_indices = {{"wte", {17, 3}}}}),
      merge_case("on the head, a saved embedding",
                 LoraConfig{.target_modules = {"lm_head"}, .modules_to_save = {"wte"}}),
      merge_case("DoRA", LoraConfig{.target_modules = everything, .use_dora = true}),
      merge_case("DoRA and biases", LoraConfig{.bias = LoraBias::all, .use_dora = true}),
      merge_case("dropout", LoraConfig{.lora_dropout = 0.5}),
      merge_case("BitFit", BitFitConfig{}),
      merge_case("LayerNorm", LayerNormConfig{}),
  };
}

/// Changes the output of one layer by a constant: no merge function.
struct AddOne final : LinearAdapter<double> {
  Parameter<double> shift{"shift", {1}};
  std::vector<Parameter<double>*> parameters() override { return {&shift}; }
  std::vector<LinearSite> sites() const override { return {{1, LinearKind::mlp_c_fc}}; }
  Var<double> apply(Tape<double>& tape, const LinearCall<double>& call) override {
    return scale(tape, call.y, 2.0);
  }
};

}  // namespace

TEST_CASE("A merged model computes the same, and unmerging gives the base's bits back", "[merge]") {
  for (const MergeCase& c : merge_cases()) {
    CAPTURE(c.name);
    GPT2<double> model = tiny_model<double>();
    const std::vector<Tensor<double>> base = copies(model.parameters());
    const Matrix<double> base_logits = model.logits(kIds);
    c.add(model);
    disturb(model.trainable_parameters(), 0.3, 21);
    const Matrix<double> adapted = model.logits(kIds);
    const std::vector<Tensor<double>> adapter = copies(model.adapter("a").parameters());
    CHECK((adapted - base_logits).cwiseAbs().maxCoeff() > 1e-3);

    const float worst = model.merge_adapter("a");
    CHECK(worst >= 0.0F);
    CHECK(worst < 1e-11F);
    CHECK((model.logits(kIds) - adapted).cwiseAbs().maxCoeff() < 1e-11);
    CHECK(!same_bits(copies(model.parameters()), base));
    CHECK(same_bits(copies(model.adapter("a").parameters()), adapter));
    check_throws<ConfigError>([&] { return model.merge_adapter("a"); }, "adapter.merged", {"'a'"});
    check_throws<ConfigError>([&] { return model.logits(kIds, {.adapter = ""}); }, "adapter.merged",
                              {"'a'", "unmerge_adapter"});
    check_throws<ConfigError>([&] { return (model.delete_adapter("a"), 0); }, "adapter.merged",
                              {"'a'"});
    check_throws<ConfigError>([&] { return model.trainable_parameters(); }, "adapter.merged",
                              {"'a'"});
    Tape<double> tape;
    const Batch batch{.ids = {1, 2, 3}, .targets = {2, 3, 1}, .segments = {{.length = 3}}};
    check_throws<ConfigError>([&] { return model.loss(tape, batch); }, "adapter.merged", {"'a'"});

    model.unmerge_adapter("a");
    CHECK(same_bits(copies(model.parameters()), base));
    CHECK(same_bits(model.logits(kIds), adapted));
    CHECK(same_bits(model.logits(kIds, {.adapter = ""}), base_logits));
    check_throws<ConfigError>([&] { return (model.unmerge_adapter("a"), 0); }, "adapter.merge",
                              {"'a'", "not merged"});
    CHECK(model.merge_adapter("a") == worst);
  }
}

TEST_CASE("Float models say how far merging moves the logits", "[merge]") {
  GPT2<float> model = tiny_model<float>();
  model.add_adapter("a", LoraConfig{.target_modules = {"c_attn", "c_proj", "c_fc"}});
  disturb(model.trainable_parameters(), 0.3, 21);
  const float worst = model.merge_adapter("a");
  CHECK(worst > 0.0F);
  CHECK(worst < 1e-4F);
}

TEST_CASE("A merged model is saved as an ordinary one", "[merge]") {
  const TempDir dir;
  GPT2<float> model = tiny_model<float>();
  model.add_adapter(
      "a", LoraConfig{.bias = LoraBias::all, .lora_bias = true, .modules_to_save = {"wpe"}});
  disturb(model.trainable_parameters(), 0.3, 21);
  model.merge_adapter("a");
  model.save_pretrained(dir.path() / "merged");
  model.save_adapter("a", dir.path() / "adapter");
  const auto loaded = GPT2<float>::from_pretrained(dir.path() / "merged", {.threads = 1});
  CHECK(same_bits(loaded.logits(kIds), model.logits(kIds)));
  GPT2<float> other = tiny_model<float>();
  other.load_adapter("a", dir.path() / "adapter");
  model.unmerge_adapter("a");
  CHECK(same_bits(other.logits(kIds), model.logits(kIds)));
}

TEST_CASE("Merging gives a tied head its own table where it has to", "[merge]") {
  const auto tied_after = [](const LoraConfig& config) {
    GPT2<float> model = tiny_model<float>();
    model.add_adapter("a", config);
    disturb(model.trainable_parameters(), 0.3, 21);
    const Matrix<float> adapted = model.logits(kIds);
    (void)model.merge_adapter("a");
    const TempDir dir;
    model.save_pretrained(dir.path());
    const auto loaded = GPT2<float>::from_pretrained(dir.path(), {.threads = 1});
    CHECK((loaded.logits(kIds) - adapted).cwiseAbs().maxCoeff() < 1e-4F);
    CHECK(loaded.config().tie_word_embeddings == model.config().tie_word_embeddings);
    const bool tied = model.config().tie_word_embeddings;
    model.unmerge_adapter("a");
    CHECK(model.config().tie_word_embeddings);
    return tied;
  };
  CHECK(tied_after({.trainable_token_indices = {{"wte", {3, 5}}}}));
  CHECK(!tied_after({.trainable_token_indices = {{"lm_head", {3, 5}}}}));
  CHECK(!tied_after({.modules_to_save = {"wte"}}));
  CHECK(!tied_after({.target_modules = {"wte"}}));
  CHECK(!tied_after({.target_modules = {"lm_head"}}));
}

TEST_CASE("An adapter that changes nothing yet is merged all the same", "[merge]") {
  GPT2<float> model = tiny_model<float>();
  const Matrix<float> base = model.logits(kIds);
  model.add_adapter("a", LoraConfig{.target_modules = {"lm_head"}});
  CHECK(model.merge_adapter("a") == 0.0F);
  CHECK(model.config().tie_word_embeddings);
  check_throws<ConfigError>([&] { return model.trainable_parameters(); }, "adapter.merged",
                            {"'a'"});
  model.unmerge_adapter("a");
  disturb(model.trainable_parameters(), 0.3, 21);
  CHECK(!same_bits(model.logits(kIds), base));
}

TEST_CASE("Merging makes the adapter the active one", "[merge]") {
  GPT2<double> model = tiny_model<double>();
  model.add_adapter("a", LoraConfig{});
  disturb(model.trainable_parameters(), 0.3, 21);
  const Matrix<double> adapted = model.logits(kIds);
  model.add_adapter("b", BitFitConfig{});
  model.merge_adapter("a");
  CHECK(model.active_adapter() == "a");
  CHECK((model.logits(kIds) - adapted).cwiseAbs().maxCoeff() < 1e-11);
  check_throws<ConfigError>([&] { return (model.set_adapter("b"), 0); }, "adapter.merged", {"'a'"});
}

TEST_CASE("What cannot be merged is refused and changes nothing", "[merge]") {
  GPT2<double> model = tiny_model<double>();
  const std::vector<Tensor<double>> base = copies(model.parameters());
  model.add_adapter("solo", SoloConfig{.r = 2});
  model.add_adapter("own", std::make_unique<GatedTanh<double>>(model.config()));
  model.add_adapter("doubled", std::make_unique<AddOne>());
  for (const std::string name : {"solo", "own"}) {
    check_throws<ConfigError>([&] { return model.merge_adapter(name); }, "adapter.merge",
                              {name, "block outputs"});
  }
  const Matrix<double> doubled = model.logits(kIds);
  check_throws<ConfigError>([&] { return model.merge_adapter("doubled"); }, "adapter.merge",
                            {"'doubled'", "CUSTOM", "h.1.mlp.c_fc"});
  check_throws<ConfigError>([&] { return model.merge_adapter("none"); }, "adapter.unknown",
                            {"'none'"});
  CHECK(same_bits(model.logits(kIds), doubled));
  CHECK(same_bits(copies(model.parameters()), base));

  model.add_adapter("broken", LoraConfig{});
  for (double& x : model.trainable_parameters()[0]->value().span()) x = 1e200;
  for (double& x : model.trainable_parameters()[1]->value().span()) x = 1e200;
  check_throws<NumericError>([&] { return model.merge_adapter("broken"); }, "numeric.merge",
                             {"h.0.attn.c_attn.weight"});
  CHECK(same_bits(copies(model.parameters()), base));
  model.set_adapter("doubled");
  CHECK(same_bits(model.logits(kIds), doubled));

  GPT2<float> half(tiny_config(), {.threads = 1, .frozen_dtype = DType::bfloat16});
  half.add_adapter("a", LoraConfig{});
  check_throws<ConfigError>([&] { return half.merge_adapter("a"); }, "adapter.merge",
                            {"h.0.attn.c_attn.weight", "bfloat16"});
  half.add_adapter("head", LoraConfig{.target_modules = {"lm_head"}});
  check_throws<ConfigError>([&] { return half.merge_adapter("head"); }, "adapter.merge",
                            {"wte.weight", "bfloat16"});
  half.add_adapter("b", BitFitConfig{});
  CHECK(half.merge_adapter("b") == 0.0F);
}
