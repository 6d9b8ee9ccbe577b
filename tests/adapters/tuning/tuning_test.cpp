// SPDX-License-Identifier: MIT
// BitFit and LayerNorm tuning.

#include <solo/adapters/adapters.hpp>
#include <solo/io/file.hpp>
#include <solo/io/safetensors.hpp>

#include "adapters/tiny_model.hpp"
#include "support/bad_input.hpp"
#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/temp_dir.hpp"

#include <nlohmann/json.hpp>

#include <set>
#include <string>
#include <vector>

using namespace solo;
using namespace solo::test;

namespace {

template <class Config>
Config from_text(const std::string& text) {
  const Json json = parse_json(text, "adapter_config.json");
  return Config::from_json(JsonFields(json, "adapter_config.json"));
}

std::set<std::string> replaced(Adapter<float>& adapter) {
  std::set<std::string> names;
  for (const auto& item : adapter.replacements()) names.insert(item.base);
  return names;
}

}  // namespace

TEST_CASE("BitFit trains every bias and nothing else", "[tuning]") {
  GPT2<float> model = tiny_model<float>();
  Adapter<float>& adapter = model.add_adapter("a", BitFitConfig{});
  std::set<std::string> biases;
  Index count = 0;
  for (const Parameter<float>* p : model.parameters()) {
    if (!p->name().ends_with(".bias")) continue;
    biases.insert(p->name());
    count += p->size();
  }
  CHECK(replaced(adapter) == biases);
  CHECK(model.trainable_parameter_count() == count);
  CHECK(parameter_count(BitFitConfig{}, model.config()) == count);
  CHECK(parameter_count(BitFitConfig{}, GPT2Config::from_size("gpt2")) == 12 * 11 * 768 + 768);
  CHECK(adapter.peft_type() == "BITFIT");
  CHECK(adapter.file_prefix() + adapter.parameters().front()->name() ==
        "base_model.model.transformer.h.0.ln_1.bias");
}

TEST_CASE("LayerNorm tuning trains the layer norms, or some of them", "[tuning]") {
  GPT2<float> model = tiny_model<float>();
  Adapter<float>& all = model.add_adapter("all", LayerNormConfig{});
  CHECK(replaced(all).size() == 2 * (2 * 4 + 1));
  CHECK(model.trainable_parameter_count() == 18 * model.config().n_embd);
  CHECK(parameter_count(LayerNormConfig{}, GPT2Config::from_size("gpt2")) == 2 * 25 * 768);
  Adapter<float>& some = model.add_adapter(
      "some", LayerNormConfig{.target_modules = ModuleNames::regex(".*h\\.[12]\\.ln_.*|.*ln_f"),
                              .exclude_modules = {"h.2.ln_2"}});
  CHECK(replaced(some) == std::set<std::string>{"h.1.ln_1.weight", "h.1.ln_1.bias",
                                                "h.1.ln_2.weight", "h.1.ln_2.bias",
                                                "h.2.ln_1.weight", "h.2.ln_1.bias", "ln_f.weight",
                                                "ln_f.bias"});
  CHECK(some.parameters().front()->name() == "h.1.ln_1.ln_tuning_layers.weight");
}

TEST_CASE("Copies start as the base's values and leave them alone", "[tuning]") {
  const std::vector<int> ids = {3, 17, 5, 5, 22};
  GPT2<float> model = tiny_model<float>();
  const Matrix<float> base = model.logits(ids);
  const std::vector<Tensor<float>> values = copies(model.parameters());
  model.add_adapter("bits", BitFitConfig{});
  CHECK(same_bits(model.logits(ids), base));
  disturb(model.trainable_parameters(), 0.1, 3);
  const Matrix<float> bits = model.logits(ids);
  CHECK(!same_bits(bits, base));
  model.add_adapter("norms", LayerNormConfig{});
  CHECK(same_bits(model.logits(ids), base));
  CHECK(same_bits(model.logits(ids, {.adapter = "bits"}), bits));
  CHECK(same_bits(copies(model.parameters()), values));
}

TEST_CASE("peft's LN_TUNING folder is loaded and written again", "[tuning]") {
  const TempDir dir;
  const std::filesystem::path source = golden_dir() / "ln_tuning" / "all";
  auto model = GPT2<float>::from_pretrained(golden_dir() / "tiny-gpt2", {.threads = 1});
  model.load_adapter("peft", source);
  model.save_adapter("peft", dir.path() / "first");
  const auto theirs = SafetensorsFile::open(source / kAdapterTensorFile);
  const auto ours = SafetensorsFile::open(dir.path() / "first" / kAdapterTensorFile);
  REQUIRE(ours.tensors().size() == theirs.tensors().size());
  for (const TensorInfo& info : ours.tensors()) {
    std::vector<float> a(static_cast<std::size_t>(Tensor<float>::count(info.shape)));
    std::vector<float> b(a.size());
    ours.read<float>(info, a);
    theirs.read<float>(theirs.at(info.name), b);
    CHECK(a == b);
  }
  const std::string written = read_text_file(dir.path() / "first" / kAdapterConfigFile);
  CHECK(written.find("\"peft_type\": \"LN_TUNING\"") != std::string::npos);
}

TEST_CASE("Configurations of selections are read, strictly", "[tuning]") {
  CHECK(from_text<LayerNormConfig>("{}").target_modules == ModuleNames{"ln_1", "ln_2", "ln_f"});
  CHECK(from_text<LayerNormConfig>(R"({"target_modules": "ln.*", "exclude_modules": ["ln_f"],
        "modules_to_save": null, "inference_mode": true, "peft_version": "0.21.2"})")
            .exclude_modules == ModuleNames{"ln_f"});
  const LayerNormConfig some{.target_modules = {"ln_f"}, .exclude_modules = {"ln_1"}};
  const LayerNormConfig again = from_text<LayerNormConfig>(some.to_json("gpt2"));
  CHECK(again.target_modules == some.target_modules);
  CHECK(again.exclude_modules == some.exclude_modules);
  CHECK(BitFitConfig{}.to_json("gpt2") == R"({
  "base_model_name_or_path": "gpt2",
  "inference_mode": true,
  "peft_type": "BITFIT",
  "task_type": "CAUSAL_LM"
})");
  CHECK(from_text<BitFitConfig>(BitFitConfig{}.to_json("")).to_json("") ==
        BitFitConfig{}.to_json(""));

  const std::string nothing = R"({"later": null, "old": false, "some": {}, "other": []})";
  CHECK(from_text<BitFitConfig>(nothing).to_json("") == BitFitConfig{}.to_json(""));
  CHECK(from_text<LayerNormConfig>(nothing).to_json("") == LayerNormConfig{}.to_json(""));
  check_throws<FormatError>([] { return from_text<BitFitConfig>(R"({"target_modules": ["x"]})"); },
                            "json.unknown_key", {"target_modules"});
  check_throws<FormatError>([] { return from_text<LayerNormConfig>(R"({"r": 8})"); },
                            "json.unknown_key", {"r"});
  check_throws<ConfigError>(
      [] { return from_text<LayerNormConfig>(R"({"modules_to_save": ["wte"]})"); },
      "ln_tuning.unsupported", {"modules_to_save", "adapter_config.json"});
  const auto refuse = [](const LayerNormConfig& config, const std::vector<std::string>& parts) {
    check_throws<ConfigError>([&] { return config.tensors(tiny_config()); }, "ln_tuning.target",
                              parts);
  };
  refuse({.target_modules = {"c_attn"}}, {"transformer.h.0.attn.c_attn", "ln_1, ln_2 and ln_f"});
  refuse({.target_modules = {"norm"}}, {"'norm'", "no layer norm"});
  refuse({.target_modules = {}}, {"[]", "no layer norm"});
  refuse({.exclude_modules = ModuleNames::regex(".*")}, {"no layer norm"});
  check_throws<ConfigError>(
      [] {
        return LayerNormConfig{.target_modules = ModuleNames::regex("[")}.tensors(tiny_config());
      },
      "pattern.syntax", {"target_modules", "'['"});
}
