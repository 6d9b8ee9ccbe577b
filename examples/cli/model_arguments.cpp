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

TrainedText ModelArguments::trained_text(Index vocab_size) const {
  const std::filesystem::path file = (adapter.empty() ? model : adapter) / kTrainingArgsFile;
  TrainedText text;
  if (!std::filesystem::exists(file)) return text;
  const Json json = read_json_file(file);
  const JsonFields fields(json, display_name(file));
  text.separator = fields.string_or("separator", "none") == "eos";
  if (!fields.absent("eos_token_id")) {
    text.eos_token_id = static_cast<int>(fields.integer("eos_token_id", {0, vocab_size - 1}));
  }
  text.special_tokens = fields.boolean_or("special_tokens", true);
  return text;
}

DType parse_save_dtype(const std::string& name) {
  for (const DType dtype : {DType::float16, DType::bfloat16}) {
    if (to_string(dtype) == name) return dtype;
  }
  return DType::float32;
}

}  // namespace solo::cli
