// SPDX-License-Identifier: MIT
#include "model_arguments.hpp"

#include <solo/io/json_fields.hpp>
#include <solo/io/tensor_store.hpp>

namespace solo::cli {

void ModelArguments::add_to(CLI::App& app, const std::vector<std::string>& dtypes) {
  add_path(app, "--model", model, "Hugging Face folder of a GPT-2")->required();
  add_path(app, "--adapter", adapter,
           "adapter folder: Solo, LoRA (also peft's), BitFit, LN tuning");
  app.add_option("--dtype", dtype, "how the base's weights are kept")
      ->check(CLI::IsMember(dtypes))
      ->capture_default_str();
}

std::string ModelArguments::trained_separator() const {
  const std::filesystem::path& folder = adapter.empty() ? model : adapter;
  const auto known = [](const std::map<std::string, std::string>& metadata) {
    const auto found = metadata.find(kSeparatorKey);
    return found == metadata.end() ? std::string() : found->second;
  };
  std::string separator;
  if (!adapter.empty()) {
    separator = known(read_adapter_metadata(adapter));
  } else {
    for (const SafetensorsFile& file : TensorStore::open(model).files()) {
      if (separator.empty()) separator = known(file.metadata());
    }
  }
  const std::filesystem::path file = folder / kTrainingArgsFile;
  if (!separator.empty() || !std::filesystem::exists(file)) return separator;
  const Json json = read_json_file(file);
  return JsonFields(json, display_name(file)).string_or("separator", "none");
}

void require_other_folder(const std::string& command, const std::filesystem::path& output,
                          const std::filesystem::path& base, const std::string& option) {
  std::error_code ignored;
  if (!std::filesystem::equivalent(output, base, ignored)) return;
  throw UsageError(
      concat(command, ": --output is the folder of ", option, ", which would be lost"));
}

void require_no_adapter(const std::filesystem::path& output) {
  const std::filesystem::path file = output / kAdapterConfigFile;
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return;
  fail<ConfigError>("output.adapter", display_name(file),
                    ": the folder holds an adapter of another run, which would be used with the "
                    "model saved here: remove it or take another folder");
}

void save_tokenizer(const std::optional<Tokenizer>& tokenizer, AtomicFolder& files) {
  if (tokenizer) {
    tokenizer->save_pretrained(files);
  } else {
    for (const char* const name : kTokenizerFiles) files.remove(name);
  }
}

DType parse_save_dtype(const std::string& name) {
  for (const DType dtype : {DType::float16, DType::bfloat16}) {
    if (to_string(dtype) == name) return dtype;
  }
  return DType::float32;
}

}  // namespace solo::cli
