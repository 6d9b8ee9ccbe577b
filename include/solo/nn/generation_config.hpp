// SPDX-License-Identifier: MIT
/// @file
/// What a model folder says about generation, under transformers' names.
#pragma once

#include <solo/core/scalar.hpp>
#include <solo/io/json.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace solo::inline SOLO_ABI {

/// When beam search stops.
enum class EarlyStopping {
  no,     ///< false: when no running beam, ended now, would beat the worst of num_beams finished
  yes,    ///< true: when num_beams have finished
  never,  ///< "never": when no running beam, however long, can beat the worst finished one
};

/// A sequence of tokens whose last one gets the bias when it would complete the sequence.
struct SequenceBias {
  std::vector<int> ids;
  double bias = 0.0;
  friend bool operator==(const SequenceBias&, const SequenceBias&) = default;
};

/// exponential_decay_length_penalty: after `start` new tokens the scores of the end tokens grow by
/// |score| · (factor^(new tokens - start) - 1).
struct LengthDecay {
  Index start = 0;
  double factor = 1.0;
  friend bool operator==(const LengthDecay&, const LengthDecay&) = default;
};

/// The keys that generation here knows; what the file does not say, or null, is empty. Its end
/// tokens are GPT2::eos_token_ids(). GenerateOptions has members of the same names and tells what
/// they do.
struct GenerationConfig {
  std::optional<Index> max_new_tokens = {};
  std::optional<Index> max_length = {};
  std::optional<Index> min_new_tokens = {};
  std::optional<Index> min_length = {};
  std::vector<std::string> stop_strings = {};
  std::optional<Index> num_beams = {};
  std::optional<EarlyStopping> early_stopping = {};
  std::optional<double> length_penalty = {};
  std::optional<Index> num_return_sequences = {};
  std::vector<SequenceBias> sequence_bias = {};
  std::optional<double> repetition_penalty = {};
  std::optional<Index> no_repeat_ngram_size = {};
  std::vector<std::vector<int>> bad_words_ids = {};
  std::optional<int> forced_bos_token_id = {};
  std::vector<int> forced_eos_token_id = {};
  std::optional<LengthDecay> exponential_decay_length_penalty = {};
  std::vector<int> suppress_tokens = {};
  std::vector<int> begin_suppress_tokens = {};
  std::optional<bool> do_sample = {};
  std::optional<double> temperature = {};
  std::optional<double> top_h = {};
  std::optional<Index> top_k = {};
  std::optional<double> top_p = {};
  std::optional<double> min_p = {};
  std::optional<double> typical_p = {};
  std::optional<double> epsilon_cutoff = {};
  std::optional<double> eta_cutoff = {};
  std::optional<bool> renormalize_logits = {};

  /// The first key that would change the output and is not supported, as a message; generation
  /// refuses it.
  std::string unsupported = {};
  /// Keys of generation_config.json that transformers does not know either, and ignores.
  std::vector<std::string> unknown_keys = {};

  /// The file's object as text, with the keys that are not known here; empty: no file says
  /// anything.
  std::string text = {};

  /// Reads generation_config.json; in a folder without one the same keys of an old config.json, as
  /// transformers does. Throws FormatError ("json.…") naming file and key.
  [[nodiscard]] static GenerationConfig from_folder(const std::filesystem::path& folder);
  /// The file's object, with the keys above as they are now.
  [[nodiscard]] Json to_json() const;
};

namespace detail {

/// Calls f(key, the member of each of `s`) for every setting of generation, in transformers' order
/// of application.
template <class F, class... Settings>
void for_generation_keys(const F& f, Settings&... s) {
  f("max_new_tokens", s.max_new_tokens...);
  f("max_length", s.max_length...);
  f("min_new_tokens", s.min_new_tokens...);
  f("min_length", s.min_length...);
  f("stop_strings", s.stop_strings...);
  f("num_beams", s.num_beams...);
  f("early_stopping", s.early_stopping...);
  f("length_penalty", s.length_penalty...);
  f("num_return_sequences", s.num_return_sequences...);
  f("sequence_bias", s.sequence_bias...);
  f("repetition_penalty", s.repetition_penalty...);
  f("no_repeat_ngram_size", s.no_repeat_ngram_size...);
  f("bad_words_ids", s.bad_words_ids...);
  f("forced_bos_token_id", s.forced_bos_token_id...);
  f("forced_eos_token_id", s.forced_eos_token_id...);
  f("exponential_decay_length_penalty", s.exponential_decay_length_penalty...);
  f("suppress_tokens", s.suppress_tokens...);
  f("begin_suppress_tokens", s.begin_suppress_tokens...);
  f("do_sample", s.do_sample...);
  f("temperature", s.temperature...);
  f("top_h", s.top_h...);
  f("top_k", s.top_k...);
  f("top_p", s.top_p...);
  f("min_p", s.min_p...);
  f("typical_p", s.typical_p...);
  f("epsilon_cutoff", s.epsilon_cutoff...);
  f("eta_cutoff", s.eta_cutoff...);
  f("renormalize_logits", s.renormalize_logits...);
}

/// Whether a setting says something.
template <class T>
[[nodiscard]] bool is_said(const std::optional<T>& setting) noexcept {
  return setting.has_value();
}
template <class T>
[[nodiscard]] bool is_said(const std::vector<T>& setting) noexcept {
  return !setting.empty();
}

}  // namespace detail

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/nn/generation_config.ipp>  // IWYU pragma: keep
#endif
