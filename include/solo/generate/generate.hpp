// SPDX-License-Identifier: MIT
/// @file
/// Text generation with a key/value cache. Semantics and names are those of transformers' generate.
#pragma once

#include <solo/nn/gpt2.hpp>
#include <solo/text/tokenizer.hpp>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI {

/// Options of generate and generate_ids. Decoding is greedy.
struct GenerateOptions {
  /// At most this many new tokens; fewer when a sequence reaches n_positions or an eos token.
  Index max_new_tokens = 64;
  /// The token that ends a sequence; nothing said: the model's own (generation_config.json, then
  /// config.json); -1 or a number beyond the vocabulary: none.
  std::optional<int> eos_token_id = {};
  /// Prompts decoded together; the ids do not depend on it.
  Index batch_size = 16;
  /// Which adapter: the active one if nothing is said, "" for the bare base.
  AdapterChoice adapter = {};
  /// generate only: appends the tokenizer's eos token to the prompt, as training with that
  /// separator did.
  bool append_separator = false;
};

/// The new tokens of every prompt, the final eos included. Throws ShapeError ("sequence.empty",
/// "sequence.length", "ids.range") for a prompt that is empty, leaves no room or has ids beyond the
/// vocabulary, ConfigError for options out of range, NumericError ("numeric.logits") if a logit is
/// NaN.
template <Scalar T>
[[nodiscard]] std::vector<std::vector<int>> generate_ids(const GPT2<T>& model,
                                                         std::span<const std::vector<int>> prompts,
                                                         const GenerateOptions& options = {});

/// New tokens as text: without a final eos token, and with U+FFFD for bytes that are no UTF-8.
template <Scalar T>
[[nodiscard]] std::string output_text(const GPT2<T>& model, const Tokenizer& tokenizer,
                                      std::vector<int> ids, const GenerateOptions& options = {});

/// The text that follows `prompt`, as output_text has it.
template <Scalar T>
[[nodiscard]] std::string generate(const GPT2<T>& model, const Tokenizer& tokenizer,
                                   std::string_view prompt, const GenerateOptions& options = {});

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/generate/generate.ipp>  // IWYU pragma: keep
#endif
