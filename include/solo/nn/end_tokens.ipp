// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/io/file.hpp>
#include <solo/io/json_fields.hpp>
#include <solo/nn/end_tokens.hpp>
#include <solo/text/tokenizer.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <utility>

namespace solo::inline SOLO_ABI {
namespace detail {

[[nodiscard]] SOLO_INLINE bool has_token(const std::vector<int>& tokens, int token) {
  return std::find(tokens.begin(), tokens.end(), token) != tokens.end();
}

[[nodiscard]] SOLO_INLINE std::string token_list(const std::vector<int>& tokens) {
  std::string text;
  for (const int token : tokens) text += concat(text.empty() ? "" : " and ", token);
  return text.empty() ? "none" : text;
}

SOLO_INLINE std::vector<int> read_end_tokens(const std::filesystem::path& folder,
                                             const GPT2Config& config) {
  const std::filesystem::path file = folder / "generation_config.json";
  if (!std::filesystem::exists(file)) return config.end_tokens();
  const Json json = read_json_file(file);
  const JsonFields fields(json, display_name(file));
  if (fields.absent("eos_token_id")) return {};
  const std::vector<std::int64_t> found =
      fields.value("eos_token_id").is_array()
          ? fields.integers("eos_token_id")
          : std::vector<std::int64_t>{fields.integer("eos_token_id")};
  std::vector<int> ids;
  for (const std::int64_t id : found) {
    if (id >= 0 && id < config.vocab_size) ids.push_back(static_cast<int>(id));
  }
  return ids;
}

SOLO_INLINE void align_end_tokens(int token, GPT2Config& config, std::vector<int>& stop) {
  if (has_token(config.end_tokens(), token) && has_token(stop, token)) return;
  const auto put_first = [token](std::vector<int>& tokens) {
    std::erase(tokens, token);
    tokens.insert(tokens.begin(), token);
  };
  config.eos_token_id = token;
  if (!config.eos_token_ids.empty()) put_first(config.eos_token_ids);
  put_first(stop);
}

}  // namespace detail

SOLO_INLINE bool EndTokens::waits_for_written() const {
  return detail::has_token(stop, write);
}

SOLO_INLINE int EndTokens::required(const std::string& where) const {
  if (write >= 0) return write;
  fail<ConfigError>("tokenizer.eos", where,
                    ": no file names the token that ends a text; name it as eos_token in "
                    "tokenizer_config.json, or as eos_token_id in generation_config.json or "
                    "config.json");
}

SOLO_INLINE EndTokens EndTokens::from_folder(const std::filesystem::path& folder,
                                             const GPT2Config& config, const Tokenizer* tokenizer) {
  return resolve(config, detail::read_end_tokens(folder, config), tokenizer);
}

SOLO_INLINE EndTokens EndTokens::resolve(const GPT2Config& config, std::vector<int> stop,
                                         const Tokenizer* tokenizer) {
  EndTokens ends;
  ends.stop = std::move(stop);
  const int named = tokenizer == nullptr ? -1 : tokenizer->eos_token_id();
  // A token that was added to the tokenizer alone cannot be trained.
  const int own = named < config.vocab_size ? named : -1;
  const std::vector<int> of_config = config.end_tokens();
  const std::vector<int>& others = ends.stop.empty() ? of_config : ends.stop;
  ends.write = own >= 0 || others.empty() ? own : others.front();
  if (tokenizer == nullptr || ends.write < 0) return ends;
  if (own >= 0 && ends.waits_for_written() && detail::has_token(of_config, own)) return ends;
  ends.difference = concat(
      "end tokens differ: the tokenizer names ",
      named < 0 ? "none" : concat(named, ' ', quoted(tokenizer->token(named))),
      named == own ? "" : concat(" (beyond the model's vocabulary of ", config.vocab_size, ")"),
      ", generation waits for ", detail::token_list(ends.stop), ", config.json names ",
      detail::token_list(of_config));
  return ends;
}

}  // namespace solo::inline SOLO_ABI
