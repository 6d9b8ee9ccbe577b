// SPDX-License-Identifier: MIT
// A configuration of the model and of each kind of adapter: what is accepted is in range, and is
// written in a form that means the same.

#include <solo/adapters/adapters.hpp>
#include <solo/io/json_fields.hpp>
#include <solo/nn/gpt2_config.hpp>

#include "adapters/tiny_model.hpp"
#include "fuzz/fuzz.hpp"

#include <nlohmann/json.hpp>

namespace {

using namespace solo;

template <class Config>
void read_adapter_config(const Json& json) {
  fuzz::accepted([&] {
    const auto config = Config::from_json(JsonFields(json, "adapter_config.json"));
    const bool fits = fuzz::accepted([&] {
      config.validate(test::tiny_config());
      fuzz::require(!config.tensors(test::tiny_config()).empty(), "an adapter has tensors");
    });
    if (!fits) return;
    const std::string text = config.to_json("base");
    const Json written = parse_json(text, "written");
    const auto again = Config::from_json(JsonFields(written, "written"));
    fuzz::require(again.to_json("base") == text, "a configuration survives being written:", text);
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Folder folder;
  const std::string_view text = fuzz::text_of(data, size);
  folder.write("config.json", text);
  fuzz::accepted([&] {
    const GPT2Config config = GPT2Config::from_file(folder.path("config.json"));
    config.validate();
    fuzz::require(config.parameter_count() > 0, "the number of parameters does not overflow");
    for (const int id : config.end_tokens()) {
      fuzz::require(id >= 0 && id < config.vocab_size, "end tokens are in the vocabulary");
    }
    const std::string written = config.to_json();
    folder.write("config.json", written);
    fuzz::require(GPT2Config::from_file(folder.path("config.json")).to_json() == written,
                  "a configuration survives being written:", written);
  });
  fuzz::accepted([&] {
    const Json json = parse_json(text, "adapter_config.json");
    read_adapter_config<SoloConfig>(json);
    read_adapter_config<LoraConfig>(json);
    read_adapter_config<BitFitConfig>(json);
    read_adapter_config<LayerNormConfig>(json);
  });
  return 0;
}
