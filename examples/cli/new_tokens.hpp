// SPDX-License-Identifier: MIT
// Tokens that training adds to tokenizer and model.
#pragma once

#include <solo/adapters/lora/config.hpp>
#include <solo/nn/gpt2_config.hpp>
#include <solo/text/tokenizer.hpp>

#include <filesystem>
#include <optional>
#include <vector>

namespace solo::cli {

/// The tokens of --add-tokens, and the vocabulary that the model then needs.
struct NewTokens {
  std::vector<Index> ids = {};
  Index vocab_size = 0;  ///< of the model
  bool resized = false;  ///< whether it has more than the base

  /// Adds the tokens of `file`, one a line or a JSON list, to the tokenizer; an empty name is none.
  /// A model that further trains the adapter in the folder `adapter`, if that has a name, has its
  /// tokens. Throws UsageError, and ConfigError ("config.value") for a file without tokens.
  [[nodiscard]] static NewTokens add(const std::filesystem::path& file,
                                     const std::filesystem::path& adapter,
                                     std::optional<Tokenizer>& tokenizer, const GPT2Config& base);

  /// Makes the configuration one for a model with these tokens: "added" is their ids, and tables
  /// that were resized go into the file, as peft writes them, unless it has all the new rows.
  void fit(LoraConfig& config) const;
};

}  // namespace solo::cli
