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

/// Options of generate and generate_ids. What is not said (an empty list says nothing) is taken
/// from the model's generation_config.json, and what that does not say has the default named here.
struct GenerateOptions {
  /// 64, and always comes before max_length; fewer when a sequence reaches n_positions + 1 tokens
  /// or an end.
  std::optional<Index> max_new_tokens = {};
  std::optional<Index> max_length = {};      ///< at most so many tokens, prompt included
  std::optional<Index> min_new_tokens = {};  ///< 0; before them no end token comes
  std::optional<Index> min_length = {};  ///< 0; the same, prompt included; min_new_tokens is first
  std::optional<Index> num_beams = {};   ///< 1: greedy decoding or sampling; at most 1024
  BeamStyle beam_style = BeamStyle::transformers;
  std::optional<EarlyStopping> early_stopping = {};  ///< no
  std::optional<double> length_penalty = {};  ///< 1; a beam's score is Σ log p / length^penalty
  /// 0: off; otherwise no run of so many tokens, prompt included, occurs twice.
  std::optional<Index> no_repeat_ngram_size = {};
  std::optional<double> repetition_penalty =
      {};                                  ///< 1; above 1 tokens already there are less likely
  std::optional<bool> do_sample = {};      ///< false
  std::optional<double> temperature = {};  ///< 1; of sampling, as the seven below
  std::optional<double> top_h = {};        ///< off; the best of 100 with so much of their entropy
  std::optional<Index> top_k = {};         ///< 50, as in transformers; 0: off
  std::optional<double> top_p = {};        ///< 1
  std::optional<double> min_p = {};        ///< 0
  std::optional<double> typical_p = {};    ///< 1; the most typical that reach p together
  std::optional<double> epsilon_cutoff = {};  ///< 0; only tokens at least so likely
  std::optional<double> eta_cutoff = {};      ///< 0; the same, by the entropy
  /// Of sampling. Draws are a function of (seed, number of the returned sequence, new tokens so
  /// far): equal prompts are continued alike, alone or among others, on any number of threads.
  std::uint64_t seed = 42;
  /// 1; sequences a prompt gives: the best beams, or samples; at most 1024.
  std::optional<Index> num_return_sequences = {};
  /// The token that ends a sequence; nothing said: the model's own (generation_config.json, then
  /// config.json); -1 or a number beyond the vocabulary: none.
  std::optional<int> eos_token_id = {};
  /// More tokens that end a sequence; numbers beyond the vocabulary: none.
  std::vector<int> extra_end_tokens = {};
  /// A sequence ends with the token that completes one of these, even if it began in the prompt.
  /// That token stays, with whatever follows the string in it. Needs a tokenizer.
  std::vector<std::string> stop_strings = {};
  /// Sequences of tokens that do not occur; one that is an end token alone does.
  std::vector<std::vector<int>> bad_words_ids = {};
  std::vector<int> suppress_tokens = {};        ///< tokens that do not occur
  std::vector<int> begin_suppress_tokens = {};  ///< tokens that are not the first new one
  std::vector<SequenceBias> sequence_bias = {};
  std::optional<int> forced_bos_token_id = {};  ///< what follows a prompt of one token
  std::vector<int> forced_eos_token_id = {};    ///< one of them is the last of max_new_tokens
  std::optional<LengthDecay> exponential_decay_length_penalty = {};
  /// false; beams add log-probabilities that sum to 1 again after penalties and bans.
  std::optional<bool> renormalize_logits = {};
  /// false: nothing but the end tokens is taken from the model's generation_config.json.
  bool use_generation_config = true;
  /// Called with the text as it grows: whole characters, together exactly the returned text. For
  /// one prompt, one beam and one returned sequence; needs a tokenizer.
  std::function<void(std::string_view)> on_token = {};
  /// For stop_strings and on_token; generate() sets it. It must outlive the call.
  const Tokenizer* tokenizer = nullptr;
  /// Prompts decoded together, at most 1024 sequences of them; the ids do not depend on it.
  Index batch_size = 16;
  /// Which adapter: the active one if nothing is said, "" for the bare base.
  AdapterChoice adapter = {};
  /// generate only: appends the end token that training writes (EndTokens::write) to the prompt, as
  /// training with that separator did, and waits for it too, unless eos_token_id is given.
  bool append_separator = false;
};

namespace detail {

/// New tokens where nothing says how many.
inline constexpr Index kDefaultNewTokens = 64;
/// Sequences of one prompt, and of all prompts that are decoded together.
inline constexpr Index kMaxSequences = 1024;

/// How sequences grow: every option with its value, checked.
struct DecodingRules {
  std::optional<Index> max_new_tokens = {};
  std::optional<Index> max_length = {};
  std::optional<Index> min_new_tokens = {};
  Index min_length = 0;
  std::vector<std::string> stop_strings = {};
  Index num_beams = 1;
  BeamStyle beam_style = BeamStyle::transformers;
  EarlyStopping early_stopping = EarlyStopping::no;
  double length_penalty = 1.0;
  Index num_return_sequences = 1;
  std::vector<SequenceBias> sequence_bias = {};
  double repetition_penalty = 1.0;
  Index no_repeat_ngram_size = 0;
  std::vector<std::vector<int>> bad_words_ids = {};
  std::optional<int> forced_bos_token_id = {};
  std::vector<int> forced_eos_token_id = {};
  std::optional<LengthDecay> exponential_decay_length_penalty = {};
  std::vector<int> suppress_tokens = {};
  std::vector<int> begin_suppress_tokens = {};
  bool do_sample = false;
  double temperature = 1.0;
  std::optional<double> top_h = {};
  Index top_k = 50;
  double top_p = 1.0;
  double min_p = 0.0;
  double typical_p = 1.0;
  double epsilon_cutoff = 0.0;
  double eta_cutoff = 0.0;
  bool renormalize_logits = false;
  std::uint64_t seed = 42;
  std::vector<int> end_tokens = {};

  /// Warpers leave at least this many tokens.
  [[nodiscard]] Index min_tokens_to_keep() const noexcept {
    if (num_beams == 1) return 1;
    return std::max<Index>(2, static_cast<Index>(end_tokens.size()) + 1);
  }
  /// Sequences that a prompt has at once.
  [[nodiscard]] Index sequences() const noexcept {
    return num_beams > 1 ? num_beams : num_return_sequences;
  }
  /// New tokens after a prompt of this length, whatever the positions allow.
  [[nodiscard]] Index wanted_tokens(Index prompt_length) const noexcept {
    if (max_new_tokens) return *max_new_tokens;
    return max_length ? *max_length - prompt_length : kDefaultNewTokens;
  }
  /// New tokens before which a sequence does not end by a token.
  [[nodiscard]] Index least_tokens(Index prompt_length) const noexcept {
    return min_new_tokens ? *min_new_tokens : min_length - prompt_length;
  }
  /// Whether a processor does more than ban tokens.
  [[nodiscard]] bool change_scores() const noexcept {
    return repetition_penalty != 1.0 || !sequence_bias.empty() || forced_bos_token_id ||
           !forced_eos_token_id.empty() || exponential_decay_length_penalty || renormalize_logits;
  }
};

/// The rules that the options ask for, beside what the model's files say. Throws ConfigError:
/// "config.range" naming the first option out of its range, "generate.options" for options that
/// exclude each other, "generate.tokenizer" for one that needs a tokenizer, "generate.unsupported"
/// when generation_config.json asks for what is not supported.
[[nodiscard]] DecodingRules decoding_rules(const GenerateOptions& options,
                                           const GenerationConfig& config);

/// The rules with their end tokens, for a model of this vocabulary: suppressed tokens that it does
/// not have are dropped, as are bad words that are an end token. Throws ConfigError "config.range"
/// for another token beyond it, and for more beams than so many end tokens allow.
[[nodiscard]] DecodingRules with_end_tokens(DecodingRules rules, std::vector<int> end_tokens,
                                            Index vocab_size);

/// The tokens at which a sequence ends.
[[nodiscard]] std::vector<int> end_tokens(const GenerateOptions& options,
                                          const std::vector<int>& of_model, Index vocab_size);

}  // namespace detail

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/generate/options.ipp>  // IWYU pragma: keep
#endif
