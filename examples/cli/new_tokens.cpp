// SPDX-License-Identifier: MIT
#include "new_tokens.hpp"

#include <solo/adapters/adapter_file.hpp>
#include <solo/io/file.hpp>
#include <solo/io/json_fields.hpp>
#include <solo/text/lines.hpp>

#include "program.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <string>
#include <string_view>

namespace solo::cli {
namespace {

/// One token a line, or a JSON list of them.
std::vector<std::string> read_tokens(const std::filesystem::path& file) {
  const std::string text = read_text_file(file);
  std::vector<std::string> tokens;
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && text[first] == '[') {
    const Json json = Json{{"tokens", parse_json(text, display_name(file))}};
    tokens = JsonFields(json, display_name(file)).strings("tokens");
  } else {
    LineReader reader(file);
    for (std::string_view line; reader.next_record(line);) tokens.emplace_back(line);
  }
  std::erase(tokens, "");
  if (tokens.empty()) {
    fail<ConfigError>("config.value", "--add-tokens: ", display_name(file),
                      ": expected one token a line or a JSON ", "list, found none");
  }
  return tokens;
}

}  // namespace

NewTokens NewTokens::add(const std::filesystem::path& file, const std::filesystem::path& adapter,
                         std::optional<Tokenizer>& tokenizer, const GPT2Config& base) {
  NewTokens result{.vocab_size = base.vocab_size};
  if (!adapter.empty()) result.vocab_size = adapter_vocab_size(adapter, base);
  if (!file.empty()) {
    if (!adapter.empty()) {
      throw UsageError("--add-tokens is for a new adapter: the one of --adapter has its rows");
    }
    if (!tokenizer) throw UsageError("--add-tokens needs a tokenizer in the folder of --model");
    const std::vector<std::string> tokens = read_tokens(file);
    (void)tokenizer->add_tokens(tokens);
    for (const AddedToken& token : tokenizer->added_tokens()) {
      if (std::find(tokens.begin(), tokens.end(), token.content) != tokens.end()) {
        result.ids.push_back(token.id);
      }
    }
    result.vocab_size = std::max<Index>(result.vocab_size, tokenizer->vocab_size());
  }
  result.resized = result.vocab_size > base.vocab_size;
  return result;
}

void NewTokens::fit(LoraConfig& config) const {
  for (auto& [module, rows] : config.trainable_token_indices) {
    if (!rows.empty()) continue;
    if (ids.empty()) throw UsageError("--trainable-token-indices added needs --add-tokens");
    rows = ids;
  }
  const auto trains = [&config](std::string_view module) {
    const auto& saved = config.modules_to_save;
    return std::any_of(saved.begin(), saved.end(),
                       [module](const std::string& entry) { return entry.ends_with(module); });
  };
  if (!ids.empty() && config.trainable_token_indices.empty() && !trains("wte")) {
    warn(
        "--add-tokens: the tokens' rows of the embedding stay as they are; "
        "--trainable-token-indices added trains them");
  }
  if (!resized || !config.trainable_token_indices.empty()) return;
  const std::vector<std::string> tables = {"transformer.wte.weight", "lm_head.weight"};
  config.see_tensors(tables);
}

}  // namespace solo::cli
