// SPDX-License-Identifier: MIT
// Tensors know the configuration that they were saved with.
#include <solo/adapters/adapters.hpp>
#include <solo/io/json.hpp>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <nlohmann/json.hpp>

#include <functional>

using namespace solo;
using test::TempDir;

namespace {

GPT2<float> new_model() {
  return GPT2<float>({.vocab_size = 23, .n_positions = 16, .n_embd = 8, .n_layer = 2, .n_head = 2},
                     {.threads = 1});
}

/// What loading says after the file of the configuration was changed.
template <class F>
std::string edited(const std::filesystem::path& file, const F& change,
                   const std::function<void()>& load) {
  const std::string before = read_text_file(file);
  Json json = read_json_file(file);
  change(json);
  write_file_atomically(file, dump_sorted(json));
  std::string found = "no error";
  try {
    load();
  } catch (const Error& error) {
    found = concat(error.id(), ": ", std::string_view(error.what()));
  }
  write_file_atomically(file, before);
  return found;
}

}  // namespace

TEST_CASE("an adapter_config.json of another run is refused", "[adapters]") {
  const TempDir dir;
  GPT2<float> model = new_model();
  model.add_adapter("lora", LoraConfig{.r = 2, .lora_alpha = 4});
  model.add_adapter("solo", SoloConfig{.r = 2, .stride = 1});
  for (const char* const name : {"lora", "solo"}) model.save_adapter(name, dir.path() / name);
  const auto load = [&](const std::string& name, const auto& change) {
    return edited(dir.path() / name / "adapter_config.json", change,
                  [&] { new_model().load_adapter("a", dir.path() / name); });
  };
  const std::string alpha = load("lora", [](Json& c) { c["lora_alpha"] = 64; });
  CHECK(alpha.starts_with("adapter.mixed: "));
  for (const char* const part : {"lora_alpha is 64", "saved with 4", "adapter_config.json"}) {
    CHECK(alpha.find(part) != std::string::npos);
  }
  CHECK(load("lora", [](Json& c) { c["use_rslora"] = true; }).starts_with("adapter.mixed: "));
  CHECK(load("lora", [](Json& c) { c["r"] = 4; }).starts_with("adapter.mixed: "));
  CHECK(load("solo", [](Json& c) { c["scale"] = 3; }).starts_with("adapter.mixed: "));
  CHECK(load("solo", [](Json& c) { c["gate"] = "tanh"; }).starts_with("adapter.mixed: "));
  // What changes no number may be edited.
  CHECK(load("lora", [](Json& c) {
          c["base_model_name_or_path"] = "elsewhere";
          c["lora_dropout"] = 0.3;
          c["lora_alpha"] = 4.0;
          c["inference_mode"] = false;
          c["use_rslora"] = false;
        }) == "no error");
  CHECK(load("solo", [](Json& c) { c["dropout"] = 0.3; }) == "no error");
}

TEST_CASE("a config.json of another model is refused", "[adapters]") {
  const TempDir dir;
  new_model().save_pretrained(dir.path());
  const auto load = [&](const auto& change) {
    return edited(dir.path() / "config.json", change,
                  [&] { (void)GPT2<float>::from_pretrained(dir.path(), {.threads = 1}); });
  };
  const std::string heads = load([](Json& c) { c["n_head"] = 4; });
  CHECK(heads.starts_with("model.mixed: "));
  CHECK(heads.find("n_head is 4") != std::string::npos);
  CHECK(load([](Json& c) { c["layer_norm_epsilon"] = 1e-6; }).starts_with("model.mixed: "));
  CHECK(load([](Json& c) { c["activation_function"] = "relu"; }).starts_with("model.mixed: "));
  CHECK(load([](Json& c) { c["resid_pdrop"] = 0.5; }) == "no error");
  CHECK(load([](Json& c) { c["activation_function"] = "gelu_pytorch_tanh"; }) == "no error");
}

TEST_CASE("a loaded LoRA of parts of c_attn trains these parts alone", "[adapters]") {
  const TempDir dir;
  GPT2<float> model = new_model();
  model.add_adapter("a", LoraConfig{.r = 1, .target_modules = {"c_attn.q", "c_attn.v"}});
  model.save_adapter("a", dir.path(), {.metadata = {{"solo_separator", "none"}}});
  CHECK(read_adapter_metadata(dir.path()).at("solo_target_modules") == "c_attn.q,c_attn.v");
  CHECK(read_adapter_metadata(dir.path()).at("solo_separator") == "none");
  CHECK(read_adapter_metadata(dir.path()).at("format") == "pt");
  GPT2<float> again = new_model();
  again.load_adapter("a", dir.path());
  CHECK(again.trainable_parameter_count("a") == model.trainable_parameter_count("a"));
  again.save_adapter("a", dir.path() / "again");
  CHECK(read_adapter_metadata(dir.path() / "again").contains("solo_target_modules"));
}
