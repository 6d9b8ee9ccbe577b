// SPDX-License-Identifier: MIT
#include "model_arguments.hpp"

#include <solo/io/json_fields.hpp>

namespace solo::cli {

void ModelArguments::add_to(CLI::App& app, const std::vector<std::string>& dtypes) {
  add_path(app, "--model", model, "Hugging Face folder of a GPT-2")->required();
  add_path(app, "--adapter", adapter,
           "adapter folder: Solo, LoRA (also peft's), BitFit, LN tuning");
  app.add_option("--dtype", dtype, "how the base's weights are kept")
      ->check(CLI::IsMember(dtypes))
      ->capture_default_str();
}

std::optional<Tokenizer> ModelArguments::find_tokenizer() const {
  if (!adapter.empty()) {
    if (auto own = Tokenizer::find_pretrained(adapter)) return own;
  }
  return Tokenizer::find_pretrained(model);
}

bool ModelArguments::trained_with_separator() const {
  const std::filesystem::path file = (adapter.empty() ? model : adapter) / kTrainingArgsFile;
  if (!std::filesystem::exists(file)) return false;
  const Json json = read_json_file(file);
  const JsonFields fields(json, display_name(file));
  return fields.string_or("separator", "none") == "eos";
}

DType parse_save_dtype(const std::string& name) {
  for (const DType dtype : {DType::float16, DType::bfloat16}) {
    if (to_string(dtype) == name) return dtype;
  }
  return DType::float32;
}

}  // namespace solo::cli
