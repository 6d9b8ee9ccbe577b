// SPDX-License-Identifier: MIT
/// @file
/// Which tokens end a text: the one that training writes, and those that generation waits for.
#pragma once

#include <solo/nn/gpt2_config.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace solo::inline SOLO_ABI {

class Tokenizer;

/// The end tokens that a model's files and its tokenizer name, as transformers means them.
struct EndTokens {
  /// What training writes behind a text, and between prompt and completion: the tokenizer's eos
  /// token; if it names none, or one beyond the model's vocabulary, the first that generation waits
  /// for, or else config.json's. -1: nobody names one.
  int write = -1;
  /// What generation waits for: generation_config.json's; where there is no such file,
  /// config.json's.
  std::vector<int> stop = {};
  /// How the three differ, with their tokens; empty when training and generation mean the same.
  std::string difference = {};

  [[nodiscard]] bool waits_for_written() const;
  /// `write`; ConfigError "tokenizer.eos" with the remedy when there is none, after `where`.
  [[nodiscard]] int required(const std::string& where) const;

  /// Of a model's folder; `tokenizer` may be null. Throws FormatError ("json.…").
  [[nodiscard]] static EndTokens from_folder(const std::filesystem::path& folder,
                                             const GPT2Config& config, const Tokenizer* tokenizer);
  /// Of a model: its config() and eos_token_ids().
  [[nodiscard]] static EndTokens resolve(const GPT2Config& config, std::vector<int> stop,
                                         const Tokenizer* tokenizer);
};

namespace detail {

/// eos_token_id of generation_config.json, which as in transformers alone counts where it is, or
/// else the configuration's; ids beyond the vocabulary end nothing.
[[nodiscard]] std::vector<int> read_end_tokens(const std::filesystem::path& folder,
                                               const GPT2Config& config);

/// Puts `token` first in both lists of ends where one of them lacks it.
void align_end_tokens(int token, GPT2Config& config, std::vector<int>& stop);

}  // namespace detail
}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/nn/end_tokens.ipp>  // IWYU pragma: keep
#endif
