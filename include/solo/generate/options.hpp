// SPDX-License-Identifier: MIT
/// @file
/// Options of generation. Names and meanings are those of transformers' generate.
#pragma once

#include <solo/nn/generation_config.hpp>
#include <solo/nn/gpt2.hpp>
#include <solo/text/tokenizer.hpp>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI {

/// How beams are searched.
enum class BeamStyle {
  transformers,  ///< as transformers' generate, early_stopping false
  /// As the LoRA paper's code: repetition_penalty and no_repeat_ngram_size see new tokens only and
  /// change the logits before the softmax; one result a prompt. Its end tokens are the eos and, as
  /// an extra one, the token "\n\n" where the vocabulary has it.
  lora,
};

/// Options of generate and generate_ids. What is not said is taken from the model's
/// generation_config.json, and what that does not say has the default named here.
struct GenerateOptions {
  /// At most this many new tokens; fewer when a sequence reaches n_positions + 1 tokens or an end.
  Index max_new_tokens = 64;
  std::optional<Index> num_beams = {};  ///< 1: greedy decoding or sampling
  BeamStyle beam_style = BeamStyle::transformers;
  std::optional<double> length_penalty = {};  ///< 1; a beam's score is Σ log p / length^penalty
  /// 0: off; otherwise no run of so many tokens, prompt included, occurs twice.
  std::optional<Index> no_repeat_ngram_size = {};
  std::optional<double> repetition_penalty =
      {};                                  ///< 1; above 1 tokens already there are less likely
  std::optional<bool> do_sample = {};      ///< false
  std::optional<double> temperature = {};  ///< 1; of sampling, as the three below
  std::optional<Index> top_k = {};         ///< 50, as in transformers; 0: off
  std::optional<double> top_p = {};        ///< 1
  std::optional<double> min_p = {};        ///< 0
  /// Of sampling. Draws are a function of (seed, number of the returned sequence, new tokens so
  /// far): equal prompts are continued alike, alone or among others, on any number of threads.
  std::uint64_t seed = 42;
  /// 1; sequences a prompt gives: the best beams, or samples.
  std::optional<Index> num_return_sequences = {};
  /// The token that ends a sequence; nothing said: the model's own (generation_config.json, then
  /// config.json); -1 or a number beyond the vocabulary: none.
  std::optional<int> eos_token_id = {};
  /// More tokens that end a sequence; numbers beyond the vocabulary: none.
  std::vector<int> extra_end_tokens = {};
  /// A sequence ends with the token that completes one of these, even if it began in the prompt.
  /// That token stays, with whatever follows the string in it. Needs a tokenizer.
  std::vector<std::string> stop_strings = {};
  /// Called with the text as it grows: whole characters, together exactly the returned text. For
  /// one prompt, one beam and one returned sequence; needs a tokenizer.
  std::function<void(std::string_view)> on_token = {};
  /// For stop_strings and on_token; generate() sets it. It must outlive the call.
  const Tokenizer* tokenizer = nullptr;
  /// Prompts decoded together; the ids do not depend on it.
  Index batch_size = 16;
  /// Which adapter: the active one if nothing is said, "" for the bare base.
  AdapterChoice adapter = {};
  /// generate only: appends the end token that training writes (EndTokens::write) to the prompt, as
  /// training with that separator did, and waits for it too, unless eos_token_id is given.
  bool append_separator = false;
};

namespace detail {

/// How sequences grow: every option with its value, checked.
struct DecodingRules {
  Index max_new_tokens = 64;
  Index num_beams = 1;
  BeamStyle beam_style = BeamStyle::transformers;
  double length_penalty = 1.0;
  Index no_repeat_ngram_size = 0;
  double repetition_penalty = 1.0;
  bool do_sample = false;
  double temperature = 1.0;
  Index top_k = 50;
  double top_p = 1.0;
  double min_p = 0.0;
  std::uint64_t seed = 42;
  Index num_return_sequences = 1;
  std::vector<int> end_tokens = {};

  /// Warpers leave at least this many tokens.
  [[nodiscard]] Index min_tokens_to_keep() const noexcept {
    if (num_beams == 1) return 1;
    return std::max<Index>(2, static_cast<Index>(end_tokens.size()) + 1);
  }
};

/// The rules that the options ask for, beside what the model's files say. Throws ConfigError:
/// "config.range" naming the first option out of its range, "generate.options" for options that
/// exclude each other, "generate.tokenizer" for one that needs a tokenizer, "generate.unsupported"
/// when generation_config.json asks for what is not supported.
[[nodiscard]] DecodingRules decoding_rules(const GenerateOptions& options,
                                           const GenerationConfig& config);

/// The tokens at which a sequence ends.
[[nodiscard]] std::vector<int> end_tokens(const GenerateOptions& options,
                                          const std::vector<int>& of_model, Index vocab_size);

}  // namespace detail

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/generate/options.ipp>  // IWYU pragma: keep
#endif
