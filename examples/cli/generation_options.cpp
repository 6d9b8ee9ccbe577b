// SPDX-License-Identifier: MIT
#include "generation_options.hpp"

#include "number_option.hpp"

#include <limits>
#include <optional>
#include <string_view>

namespace solo::cli {
namespace {

/// An option of the library that is empty unless given.
template <class N>
CLI::Option* add_optional(CLI::App& app, const std::string& name, std::optional<N>& value,
                          const std::string& description) {
  return app.add_option_function<N>(
      name, [&value](const N& given) { value = given; }, description);
}

/// An option that may be repeated.
CLI::Option* add_repeated(CLI::App& app, const std::string& name, std::vector<std::string>& values,
                          const std::string& description) {
  return app.add_option(name, values, description)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->expected(1)
      ->check([](const std::string& text) {
        return text.empty() ? std::string("the string is empty") : std::string();
      });
}

/// "12,13"; nothing said: no token.
std::vector<int> parse_tokens(const std::string& option, const std::string& text) {
  std::vector<int> tokens;
  if (text.empty()) return tokens;
  for (const std::string& item : split_list(option, text)) {
    tokens.push_back(parse_whole<int>(option, item));
  }
  return tokens;
}

/// "12,13=-2.5".
SequenceBias parse_bias(const std::string& option, const std::string& text) {
  const std::size_t equals = std::min(text.find('='), text.size());
  const std::string_view number = std::string_view(text).substr(std::min(equals + 1, text.size()));
  return {parse_tokens(option, text.substr(0, equals)),
          parse_real(option, number, "token ids and a number as 12,13=-2.5")};
}

/// "10,1.05".
LengthDecay parse_decay(const std::string& option, const std::string& text) {
  const std::vector<std::string> items = split_list(option, text);
  if (items.size() != 2) {
    throw UsageError(concat(option, ": expected START,FACTOR, found ", quoted(text)));
  }
  return {parse_whole<Index>(option, items.front()), parse_real(option, items.back())};
}

}  // namespace

void GenerationOptions::add_to(CLI::App& app) {
  app_ = &app;
  add_lengths(app);
  add_searches(app);
  add_sampling(app);
  add_bans(app);
  app.add_flag("!--no-generation-config", options_.use_generation_config,
               "take nothing but the end tokens from the model's generation_config.json");
}

void GenerationOptions::add_lengths(CLI::App& app) {
  GenerateOptions& o = options_;
  add_optional(app, "--max-new-tokens", o.max_new_tokens,
               "tokens to make at most (the model's own, or 64)")
      ->check(CLI::NonNegativeNumber);
  add_optional(app, "--max-length", o.max_length,
               "the same, prompt included, where nothing says --max-new-tokens");
  add_optional(app, "--min-new-tokens", o.min_new_tokens, "no end token before so many tokens (0)");
  add_optional(app, "--min-length", o.min_length,
               "the same, prompt included, where nothing says --min-new-tokens (0)");
  add_optional(app, "--eos-token-id", o.eos_token_id,
               "the token that ends a text; -1: none (the model's own)")
      ->check(CLI::Range(-1, std::numeric_limits<int>::max()));
  add_repeated(app, "--stop", o.stop_strings,
               "a text ends behind this string; may be repeated (the model's own)");
  app.add_option("--forced-eos-token-id", forced_ends_,
                 "the last of --max-new-tokens is one of these, 12,13");
  add_optional(app, "--forced-bos-token-id", o.forced_bos_token_id,
               "the token that follows a prompt of one token");
  app.add_option("--exponential-decay-length-penalty", decay_,
                 "START,FACTOR: after START new tokens the end becomes likelier each time");
}

void GenerationOptions::add_searches(CLI::App& app) {
  GenerateOptions& o = options_;
  add_optional(app, "--num-beams", o.num_beams, "beams, up to 1024; 1: greedy or sampling (1)");
  app.add_option("--beam-style", beam_style_,
                 "whose beam search: transformers or lora, the LoRA paper's")
      ->check(CLI::IsMember({"transformers", "lora"}))
      ->capture_default_str();
  app.add_option("--early-stopping", early_stopping_,
                 "of beams: stop with --num-beams texts (true), when a better one is unlikely "
                 "(false) or impossible (never) (false)")
      ->check(CLI::IsMember({"true", "false", "never"}));
  add_optional(app, "--length-penalty", o.length_penalty,
               "of beams: score = sum of log p / length^penalty (1)");
  add_optional(app, "--num-return-sequences", o.num_return_sequences,
               "sequences for each prompt: the best beams, or samples (1)");
}

void GenerationOptions::add_sampling(CLI::App& app) {
  GenerateOptions& o = options_;
  app.add_flag_function(
      "--do-sample,!--no-do-sample", [&o](std::int64_t times) { o.do_sample = times > 0; },
      "draw tokens instead of taking the best (the model's own, or no)");
  add_optional(app, "--temperature", o.temperature, "of sampling: divides the logits (1)");
  add_optional(app, "--top-h", o.top_h,
               "of sampling: only the best that have so much of the entropy (off)");
  add_optional(app, "--top-k", o.top_k, "of sampling: only the k best; 0: all (50)");
  add_optional(app, "--top-p", o.top_p, "of sampling: only the best that reach p together (1)");
  add_optional(app, "--min-p", o.min_p,
               "of sampling: only what has p times the best's probability (0)");
  add_optional(app, "--typical-p", o.typical_p,
               "of sampling: only the most typical that reach p together (1)");
  add_optional(app, "--epsilon-cutoff", o.epsilon_cutoff,
               "of sampling: only what is at least so likely (0)");
  add_optional(app, "--eta-cutoff", o.eta_cutoff, "of sampling: the same, by the entropy (0)");
  add_seed(app, o.seed, "of sampling");
}

void GenerationOptions::add_bans(CLI::App& app) {
  GenerateOptions& o = options_;
  add_optional(app, "--no-repeat-ngram-size", o.no_repeat_ngram_size,
               "no run of so many tokens occurs twice, prompt included; 0: off (0)");
  add_optional(app, "--repetition-penalty", o.repetition_penalty,
               "above 1: tokens already there become less likely (1)");
  add_repeated(app, "--bad-words-ids", bad_words_,
               "a sequence of tokens, 12,13, that does not occur; may be repeated");
  add_repeated(app, "--sequence-bias", biases_,
               "12,13=-2.5: added to the score of the token that completes it; may be repeated");
  app.add_option("--suppress-tokens", suppressed_, "tokens, 12,13, that do not occur");
  app.add_option("--begin-suppress-tokens", begin_suppressed_,
                 "tokens, 12,13, that are not the first new one");
  app.add_flag_function(
      "--renormalize-logits,!--no-renormalize-logits",
      [&o](std::int64_t times) { o.renormalize_logits = times > 0; },
      "beams add probabilities that sum to 1 again after penalties and bans (no)");
}

GenerateOptions GenerationOptions::options(const Tokenizer* tokenizer) const {
  GenerateOptions o = options_;
  o.tokenizer = tokenizer;
  if (beam_style_ == "lora") {
    o.beam_style = BeamStyle::lora;
    // The LoRA paper's decoder adds an end token, GPT-2's 628.
    if (tokenizer != nullptr) o.extra_end_tokens = {tokenizer->token_id("\n\n")};
  }
  if (!early_stopping_.empty()) {
    o.early_stopping = early_stopping_ == "never"  ? EarlyStopping::never
                       : early_stopping_ == "true" ? EarlyStopping::yes
                                                   : EarlyStopping::no;
  }
  for (const std::string& text : bad_words_) {
    o.bad_words_ids.push_back(parse_tokens("--bad-words-ids", text));
  }
  for (const std::string& text : biases_) {
    o.sequence_bias.push_back(parse_bias("--sequence-bias", text));
  }
  o.suppress_tokens = parse_tokens("--suppress-tokens", suppressed_);
  o.begin_suppress_tokens = parse_tokens("--begin-suppress-tokens", begin_suppressed_);
  o.forced_eos_token_id = parse_tokens("--forced-eos-token-id", forced_ends_);
  if (!decay_.empty()) {
    o.exponential_decay_length_penalty = parse_decay("--exponential-decay-length-penalty", decay_);
  }
  return o;
}

void GenerationOptions::warn_of_idle(const GenerationConfig& config) const {
  const GenerationConfig none;
  const GenerationConfig& said = options_.use_generation_config ? config : none;
  const auto warn_unless = [&](bool used, const char* option, std::string_view condition) {
    if (!used && given(option)) warn(concat(option, " has no effect ", condition));
  };
  const bool sampling = options_.do_sample.value_or(said.do_sample.value_or(false));
  for (const char* option : {"--temperature", "--top-h", "--top-k", "--top-p", "--min-p",
                             "--typical-p", "--epsilon-cutoff", "--eta-cutoff", "--seed"}) {
    warn_unless(sampling, option, "without --do-sample");
  }
  const Index beams = options_.num_beams.value_or(said.num_beams.value_or(1));
  const bool has_beams = beams > 1 || beam_style_ == "lora";
  warn_unless(has_beams, "--length-penalty", "without --num-beams");
  warn_unless(has_beams, "--early-stopping", "without --num-beams");
  const auto source = [](bool option) { return option ? "" : " of generation_config.json"; };
  if (options_.max_new_tokens || said.max_new_tokens) {
    warn_unless(false, "--max-length",
                concat("beside max_new_tokens", source(options_.max_new_tokens.has_value())));
  }
  if (options_.min_new_tokens || said.min_new_tokens) {
    warn_unless(false, "--min-length",
                concat("beside min_new_tokens", source(options_.min_new_tokens.has_value())));
  }
  for (const std::string& key : said.unknown_keys) {
    warn(concat("generation_config.json: ", quoted(key), " is no key of generation, and ignored"));
  }
}

}  // namespace solo::cli
