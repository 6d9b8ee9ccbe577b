// SPDX-License-Identifier: MIT
#include "model_arguments.hpp"

#include <solo/io/json_fields.hpp>
#include <solo/io/tensor_store.hpp>

#include <charconv>

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
  std::optional<Tokenizer> tokenizer;
  if (!adapter.empty()) tokenizer = Tokenizer::find_pretrained(adapter);
  const bool own = tokenizer.has_value();
  if (!own) tokenizer = Tokenizer::find_pretrained(model);
  const auto metadata = trained_metadata();
  const auto mark = metadata.find(kTokenizerKey);
  if (!tokenizer || mark == metadata.end()) return tokenizer;
  // Tokens that were only added change nothing of what was trained.
  int tokens = -1;
  (void)std::from_chars(mark->second.data(), mark->second.data() + mark->second.size(), tokens);
  if (tokenizer_mark(*tokenizer, tokens) == mark->second) return tokenizer;
  fail<FormatError>(
      adapter.empty() ? "model.mixed" : "adapter.mixed", display_name(own ? adapter : model),
      ": the tokenizer there is not the one that ", display_name(adapter.empty() ? model : adapter),
      " was trained with; put the files of that one there");
}

std::string tokenizer_mark(const Tokenizer& tokenizer, int tokens) {
  return concat(tokens, ' ', tokenizer.fingerprint(tokens));
}

std::string tokenizer_mark(const std::optional<Tokenizer>& tokenizer) {
  return tokenizer ? tokenizer_mark(*tokenizer, tokenizer->vocab_size()) : std::string();
}

std::map<std::string, std::string> TrainedText::metadata() const {
  std::map<std::string, std::string> said;
  if (!separator.empty()) said[kSeparatorKey] = separator;
  if (eos_token_id >= 0) said[kEosKey] = concat(eos_token_id);
  if (!special_tokens) said[kSpecialKey] = "false";
  if (!tokenizer.empty()) said[kTokenizerKey] = tokenizer;
  return said;
}

std::map<std::string, std::string> ModelArguments::trained_metadata() const {
  if (!adapter.empty()) return read_adapter_metadata(adapter);
  std::map<std::string, std::string> metadata;
  const TensorStore store = TensorStore::open(model);
  for (const SafetensorsFile& file : store.files()) {
    metadata.insert(file.metadata().begin(), file.metadata().end());
  }
  return metadata;
}

TrainedText ModelArguments::trained_text(Index vocab_size) const {
  const std::filesystem::path& folder = adapter.empty() ? model : adapter;
  Json said = Json::object();
  std::string tokenizer;
  for (const auto& [key, value] : trained_metadata()) {
    if (key == kSeparatorKey) said["separator"] = value;
    if (key == kEosKey) said["eos_token_id"] = parse_json(value, key);
    if (key == kSpecialKey) said["special_tokens"] = parse_json(value, key);
    if (key == kTokenizerKey) tokenizer = value;
  }
  std::string source = display_name(folder);
  const std::filesystem::path file = folder / kTrainingArgsFile;
  if (!said.contains("separator") && std::filesystem::exists(file)) {
    said = read_json_file(file);
    source = display_name(file);
  }
  const JsonFields fields(said, source);
  TrainedText text;
  text.separator = fields.string_or("separator", "");
  if (!fields.absent("eos_token_id")) {
    text.eos_token_id = static_cast<int>(fields.integer("eos_token_id", {0, vocab_size - 1}));
  }
  text.special_tokens = fields.boolean_or("special_tokens", true);
  text.tokenizer = std::move(tokenizer);
  return text;
}

void require_other_folder(const std::string& command, const std::filesystem::path& output,
                          const std::filesystem::path& base, const std::string& option) {
  std::error_code ignored;
  if (!std::filesystem::equivalent(output, base, ignored)) return;
  throw UsageError(
      concat(command, ": --output is the folder of ", option, ", which would be lost"));
}

void save_tokenizer(const std::optional<Tokenizer>& tokenizer, AtomicFolder& files) {
  if (tokenizer) {
    tokenizer->save_pretrained(files);
  } else {
    for (const std::string_view name : kTokenizerFiles) files.remove(name);
  }
}

DType parse_save_dtype(const std::string& name) {
  for (const DType dtype : {DType::float16, DType::bfloat16}) {
    if (to_string(dtype) == name) return dtype;
  }
  return DType::float32;
}

}  // namespace solo::cli
