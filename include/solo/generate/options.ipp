// SPDX-License-Identifier: MIT
#pragma once

#include <solo/generate/options.hpp>

#include <algorithm>
#include <string_view>

namespace solo::inline SOLO_ABI {

namespace detail {

template <class N>
void require_option(bool ok, std::string_view name, std::string_view expected, N found) {
  if (!ok) fail<ConfigError>("config.range", name, ": expected ", expected, ", found ", found);
}

SOLO_INLINE void check_ranges(const GenerateOptions& options, const DecodingRules& r) {
  require_option(r.max_new_tokens >= 0, "max_new_tokens", "at least 0", r.max_new_tokens);
  require_option(options.batch_size >= 1, "batch_size", "at least 1", options.batch_size);
  require_option(r.num_beams >= 1, "num_beams", "at least 1", r.num_beams);
  require_option(is_finite(r.length_penalty), "length_penalty", "a finite number",
                 r.length_penalty);
  require_option(r.no_repeat_ngram_size >= 0, "no_repeat_ngram_size", "at least 0",
                 r.no_repeat_ngram_size);
  require_option(is_finite(r.repetition_penalty) && r.repetition_penalty > 0.0,
                 "repetition_penalty", "a finite number above 0", r.repetition_penalty);
  require_option(r.num_return_sequences >= 1, "num_return_sequences", "at least 1",
                 r.num_return_sequences);
  if (!r.do_sample) return;
  require_option(is_finite(r.temperature) && r.temperature > 0.0, "temperature",
                 "a finite number above 0", r.temperature);
  require_option(r.top_k >= 0, "top_k", "at least 0", r.top_k);
  require_option(r.top_p > 0.0 && r.top_p <= 1.0, "top_p", "0 < x <= 1", r.top_p);
  require_option(r.min_p >= 0.0 && r.min_p <= 1.0, "min_p", "0 <= x <= 1", r.min_p);
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
  for (const std::string& text : options.stop_strings) {
    if (text.empty()) fail<ConfigError>("generate.options", "stop_strings: an empty string");
  }
  if (options.tokenizer != nullptr) return;
  if (options.on_token) fail<ConfigError>("generate.tokenizer", "on_token needs a tokenizer");
  if (!options.stop_strings.empty()) {
    fail<ConfigError>("generate.tokenizer", "stop_strings need a tokenizer");
  }
}

SOLO_INLINE DecodingRules decoding_rules(const GenerateOptions& options,
                                         const GenerationConfig& config) {
  if (!config.unsupported.empty()) {
    fail<ConfigError>("generate.unsupported", config.unsupported);
  }
  const auto choose = [](const auto& option, const auto& of_model, auto otherwise) {
    return option ? *option : of_model.value_or(otherwise);
  };
  DecodingRules r;
  r.max_new_tokens = options.max_new_tokens;
  r.num_beams = choose(options.num_beams, config.num_beams, r.num_beams);
  r.beam_style = options.beam_style;
  r.length_penalty = choose(options.length_penalty, config.length_penalty, r.length_penalty);
  r.no_repeat_ngram_size =
      choose(options.no_repeat_ngram_size, config.no_repeat_ngram_size, r.no_repeat_ngram_size);
  r.repetition_penalty =
      choose(options.repetition_penalty, config.repetition_penalty, r.repetition_penalty);
  r.do_sample = choose(options.do_sample, config.do_sample, r.do_sample);
  r.temperature = choose(options.temperature, config.temperature, r.temperature);
  r.top_k = choose(options.top_k, config.top_k, r.top_k);
  r.top_p = choose(options.top_p, config.top_p, r.top_p);
  r.min_p = choose(options.min_p, config.min_p, r.min_p);
  r.seed = options.seed;
  r.num_return_sequences =
      choose(options.num_return_sequences, config.num_return_sequences, r.num_return_sequences);
  check_ranges(options, r);
  check_combination(options, r);
  return r;
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
