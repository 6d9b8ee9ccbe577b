// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/known_value.hpp>
#include <solo/generate/options.hpp>

#include <algorithm>
#include <cmath>
#include <set>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

namespace solo::inline SOLO_ABI {

namespace detail {

template <class N>
void require_option(bool ok, std::string_view name, std::string_view expected, N found) {
  if (!ok) fail<ConfigError>("config.range", name, ": expected ", expected, ", found ", found);
}

SOLO_INLINE void check_lengths(const DecodingRules& r) {
  const auto check = [](std::string_view name, const std::optional<Index>& length) {
    if (length) require_option(*length >= 0, name, "at least 0", *length);
  };
  check("max_new_tokens", r.max_new_tokens);
  check("max_length", r.max_length);
  check("min_new_tokens", r.min_new_tokens);
  check("min_length", r.min_length);
}

SOLO_INLINE void check_sampling(const DecodingRules& r) {
  require_option(is_finite(r.temperature) && r.temperature > 0.0, "temperature",
                 "a finite number above 0", r.temperature);
  require_option(r.top_k >= 0, "top_k", "at least 0", r.top_k);
  require_option(r.top_p > 0.0 && r.top_p <= 1.0, "top_p", "0 < x <= 1", r.top_p);
  require_option(r.min_p >= 0.0 && r.min_p <= 1.0, "min_p", "0 <= x <= 1", r.min_p);
  require_option(r.typical_p > 0.0 && r.typical_p <= 1.0, "typical_p", "0 < x <= 1", r.typical_p);
  require_option(r.epsilon_cutoff >= 0.0 && r.epsilon_cutoff < 1.0, "epsilon_cutoff", "0 <= x < 1",
                 r.epsilon_cutoff);
  require_option(r.eta_cutoff >= 0.0 && r.eta_cutoff < 1.0, "eta_cutoff", "0 <= x < 1",
                 r.eta_cutoff);
  if (r.top_h) require_option(*r.top_h > 0.0 && *r.top_h <= 1.0, "top_h", "0 < x <= 1", *r.top_h);
}

SOLO_INLINE void check_ranges(const GenerateOptions& options, const DecodingRules& r) {
  constexpr std::string_view kCount = "1 to 1024";
  static_assert(kMaxSequences == 1024);
  require_known("beam_style", r.beam_style, BeamStyle::lora);
  require_known("early_stopping", r.early_stopping, EarlyStopping::never);
  check_lengths(r);
  require_option(options.batch_size >= 1, "batch_size", "at least 1", options.batch_size);
  require_option(r.num_beams >= 1 && r.num_beams <= kMaxSequences, "num_beams", kCount,
                 r.num_beams);
  require_option(is_finite(r.length_penalty), "length_penalty", "a finite number",
                 r.length_penalty);
  require_option(r.no_repeat_ngram_size >= 0, "no_repeat_ngram_size", "at least 0",
                 r.no_repeat_ngram_size);
  require_option(is_finite(r.repetition_penalty) && r.repetition_penalty > 0.0,
                 "repetition_penalty", "a finite number above 0", r.repetition_penalty);
  require_option(r.num_return_sequences >= 1 && r.num_return_sequences <= kMaxSequences,
                 "num_return_sequences", kCount, r.num_return_sequences);
  if (r.exponential_decay_length_penalty) {
    const auto& [start, factor] = *r.exponential_decay_length_penalty;
    require_option(start >= 0, "exponential_decay_length_penalty: start", "at least 0", start);
    require_option(is_finite(factor) && factor > 0.0, "exponential_decay_length_penalty: factor",
                   "a finite number above 0", factor);
  }
  for (const SequenceBias& sequence : r.sequence_bias) {
    require_option(is_finite(sequence.bias), "sequence_bias", "a finite number", sequence.bias);
  }
  if (r.do_sample) check_sampling(r);
}

/// The LoRA paper's search has lengths, penalty, n-gram block and ends, and no other rule.
SOLO_INLINE void check_lora_processors(const DecodingRules& r) {
  const DecodingRules none;
  const auto refuse = [](std::string_view name, bool said) {
    if (said) fail<ConfigError>("generate.options", name, ": beam_style lora has no such rule");
  };
  refuse("min_new_tokens", r.min_new_tokens.value_or(0) > 0);
  refuse("min_length", r.min_length > 0 && !r.min_new_tokens);
  refuse("early_stopping", r.early_stopping != none.early_stopping);
  refuse("sequence_bias", !r.sequence_bias.empty());
  refuse("bad_words_ids", !r.bad_words_ids.empty());
  refuse("forced_bos_token_id", r.forced_bos_token_id.has_value());
  refuse("forced_eos_token_id", !r.forced_eos_token_id.empty());
  refuse("exponential_decay_length_penalty", r.exponential_decay_length_penalty.has_value());
  refuse("suppress_tokens", !r.suppress_tokens.empty());
  refuse("begin_suppress_tokens", !r.begin_suppress_tokens.empty());
  refuse("renormalize_logits", r.renormalize_logits);
}

SOLO_INLINE void check_lora_style(const GenerateOptions& options, const DecodingRules& r) {
  if (r.do_sample) {
    fail<ConfigError>("generate.options", "do_sample: beam_style lora draws no tokens");
  }
  if (r.num_return_sequences > 1) {
    fail<ConfigError>("generate.options", "num_return_sequences: beam_style lora returns 1, found ",
                      r.num_return_sequences);
  }
  if (options.on_token) {
    fail<ConfigError>("generate.options",
                      "on_token: beam_style lora has no token before it has all of them");
  }
  check_lora_processors(r);
}

/// A token that has to come and may not would leave nothing to choose from.
SOLO_INLINE void check_forced(const DecodingRules& r) {
  const auto suppressed = [&](int token) {
    return std::find(r.suppress_tokens.begin(), r.suppress_tokens.end(), token) !=
           r.suppress_tokens.end();
  };
  if (r.forced_bos_token_id && suppressed(*r.forced_bos_token_id)) {
    fail<ConfigError>("generate.options", "forced_bos_token_id: token ", *r.forced_bos_token_id,
                      " is among suppress_tokens");
  }
  const std::vector<int>& ends = r.forced_eos_token_id;
  if (!ends.empty() && std::all_of(ends.begin(), ends.end(), suppressed)) {
    fail<ConfigError>("generate.options", "forced_eos_token_id: token ", ends.front(),
                      " is among suppress_tokens, as are the others, if any");
  }
}

SOLO_INLINE void check_combination(const GenerateOptions& options, const DecodingRules& r) {
  if (r.num_beams > 1 && r.num_return_sequences > r.num_beams) {
    fail<ConfigError>("generate.options", "num_return_sequences: expected at most num_beams ",
                      r.num_beams, ", found ", r.num_return_sequences);
  }
  if (r.num_beams == 1 && !r.do_sample && r.num_return_sequences > 1) {
    fail<ConfigError>("generate.options", "num_return_sequences: greedy decoding returns 1, found ",
                      r.num_return_sequences, "; set do_sample or num_beams");
  }
  if (options.on_token && (r.num_beams > 1 || r.num_return_sequences > 1)) {
    fail<ConfigError>("generate.options",
                      "on_token: expected num_beams 1 and num_return_sequences 1, found ",
                      r.num_beams, " and ", r.num_return_sequences);
  }
  if (r.beam_style == BeamStyle::lora) check_lora_style(options, r);
  check_forced(r);
  for (const std::string& text : r.stop_strings) {
    if (text.empty()) fail<ConfigError>("generate.options", "stop_strings: an empty string");
  }
  if (options.tokenizer != nullptr) return;
  if (options.on_token) fail<ConfigError>("generate.tokenizer", "on_token needs a tokenizer");
  if (!r.stop_strings.empty()) {
    fail<ConfigError>("generate.tokenizer", "stop_strings need a tokenizer");
  }
}

SOLO_INLINE DecodingRules decoding_rules(const GenerateOptions& options,
                                         const GenerationConfig& config) {
  const bool use_config = options.use_generation_config;
  if (use_config && !config.unsupported.empty()) {
    fail<ConfigError>("generate.unsupported", config.unsupported,
                      "; take the key out, or generate with use_generation_config false "
                      "(--no-generation-config)");
  }
  DecodingRules r;
  const auto set = []<class Rule, class Setting>(Rule& rule, const Setting& setting) {
    if constexpr (std::is_same_v<Rule, Setting>) {
      rule = setting;
    } else {
      rule = *setting;
    }
  };
  for_generation_keys(
      [&](std::string_view, auto& rule, const auto& option, const auto& of_model) {
        if (is_said(option)) {
          set(rule, option);
        } else if (use_config && is_said(of_model)) {
          set(rule, of_model);
        }
      },
      r, options, config);
  r.beam_style = options.beam_style;
  r.seed = options.seed;
  check_ranges(options, r);
  check_combination(options, r);
  return r;
}

/// Entries of the lists of candidates that a beam search may hold.
inline constexpr Index kMaxCandidates = Index{1} << 23;

SOLO_INLINE void check_tokens(const DecodingRules& r, Index vocab_size) {
  const auto check = [&](std::string_view name, std::span<const int> tokens) {
    if (tokens.empty()) {
      fail<ConfigError>("config.range", name, ": expected token ids, found an empty list");
    }
    for (const int token : tokens) {
      require_option(token >= 0 && token < vocab_size, name,
                     concat("token ids from 0 to ", vocab_size - 1), token);
    }
  };
  for (const std::vector<int>& word : r.bad_words_ids) check("bad_words_ids", word);
  for (const SequenceBias& sequence : r.sequence_bias) check("sequence_bias", sequence.ids);
  if (r.forced_bos_token_id) check("forced_bos_token_id", {&*r.forced_bos_token_id, 1});
  if (!r.forced_eos_token_id.empty()) check("forced_eos_token_id", r.forced_eos_token_id);
  const Index beams = r.num_beams;
  const Index products = kMaxCandidates / r.min_tokens_to_keep();
  if (beams > 1 && beams * beams > products) {
    const auto most = static_cast<Index>(std::sqrt(static_cast<double>(products)));
    fail<ConfigError>("config.range", "num_beams: expected 1 to ", std::max<Index>(1, most),
                      " with ", r.end_tokens.size(), " end tokens, found ", beams);
  }
}

/// Of several biases of one sequence the last counts.
SOLO_INLINE void drop_repeated(std::vector<SequenceBias>& biases) {
  std::set<std::vector<int>> seen;
  std::reverse(biases.begin(), biases.end());
  std::erase_if(biases, [&](const SequenceBias& b) { return !seen.insert(b.ids).second; });
  std::reverse(biases.begin(), biases.end());
}

SOLO_INLINE DecodingRules with_end_tokens(DecodingRules rules, std::vector<int> end_tokens,
                                          Index vocab_size) {
  rules.end_tokens = std::move(end_tokens);
  std::erase_if(rules.bad_words_ids, [&](const std::vector<int>& word) {
    return word.size() == 1 && std::find(rules.end_tokens.begin(), rules.end_tokens.end(),
                                         word.front()) != rules.end_tokens.end();
  });
  drop_repeated(rules.sequence_bias);
  const auto unknown = [&](int token) { return token < 0 || token >= vocab_size; };
  std::erase_if(rules.suppress_tokens, unknown);
  std::erase_if(rules.begin_suppress_tokens, unknown);
  check_tokens(rules, vocab_size);
  return rules;
}

SOLO_INLINE std::vector<int> end_tokens(const GenerateOptions& options,
                                        const std::vector<int>& of_model, Index vocab_size) {
  std::vector<int> tokens;
  const auto add = [&](int token) {
    const bool known = token >= 0 && token < vocab_size;
    if (known && std::find(tokens.begin(), tokens.end(), token) == tokens.end()) {
      tokens.push_back(token);
    }
  };
  if (options.eos_token_id) {
    add(*options.eos_token_id);
  } else {
    tokens = of_model;
  }
  for (const int token : options.extra_end_tokens) add(token);
  return tokens;
}

}  // namespace detail

}  // namespace solo::inline SOLO_ABI
