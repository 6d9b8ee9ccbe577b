// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/io/file.hpp>
#include <solo/io/json_fields.hpp>
#include <solo/nn/generation_config.hpp>

#include <nlohmann/json.hpp>

#include <array>
#include <string_view>
#include <type_traits>

namespace solo::inline SOLO_ABI {

namespace detail {

/// Calls f(key, member) for every key.
template <class Config, class F>
void for_generation_keys(Config& c, const F& f) {
  f("num_beams", c.num_beams);
  f("length_penalty", c.length_penalty);
  f("no_repeat_ngram_size", c.no_repeat_ngram_size);
  f("repetition_penalty", c.repetition_penalty);
  f("do_sample", c.do_sample);
  f("temperature", c.temperature);
  f("top_k", c.top_k);
  f("top_p", c.top_p);
  f("min_p", c.min_p);
  f("num_return_sequences", c.num_return_sequences);
}

/// Keys of transformers that change what is generated, with the value that does not.
struct NeutralKey {
  std::string_view key;
  double neutral;
};
inline constexpr std::array kUnsupportedGenerationKeys = {
    NeutralKey{"min_new_tokens", 0},
    NeutralKey{"min_length", 0},
    NeutralKey{"early_stopping", 0},
    NeutralKey{"typical_p", 1},
    NeutralKey{"top_h", 0},
    NeutralKey{"epsilon_cutoff", 0},
    NeutralKey{"eta_cutoff", 0},
    NeutralKey{"stop_strings", 0},
    NeutralKey{"bad_words_ids", 0},
    NeutralKey{"suppress_tokens", 0},
    NeutralKey{"begin_suppress_tokens", 0},
    NeutralKey{"sequence_bias", 0},
    NeutralKey{"forced_bos_token_id", -1},
    NeutralKey{"forced_eos_token_id", -1},
    NeutralKey{"renormalize_logits", 0},
    NeutralKey{"exponential_decay_length_penalty", 0},
    NeutralKey{"guidance_scale", 1},
    NeutralKey{"num_beam_groups", 1},
    NeutralKey{"diversity_penalty", 0},
    NeutralKey{"penalty_alpha", 0},
    NeutralKey{"force_words_ids", 0},
    NeutralKey{"constraints", 0}};

[[nodiscard]] SOLO_INLINE bool is_neutral(const Json& value, double neutral) {
  if (value.is_null()) return true;
  if (value.is_boolean()) return !value.get<bool>() && neutral == 0.0;
  if (value.is_number()) return value.get<double>() == neutral;
  return (value.is_array() || value.is_object()) && value.empty();
}

}  // namespace detail

SOLO_INLINE GenerationConfig GenerationConfig::from_folder(const std::filesystem::path& folder) {
  GenerationConfig config;
  const std::filesystem::path file = folder / "generation_config.json";
  if (!std::filesystem::exists(file)) return config;
  const Json json = read_json_file(file);
  const JsonFields fields(json, display_name(file));
  config.text = dump_line(json);
  detail::for_generation_keys(config, [&]<class N>(std::string_view key, std::optional<N>& value) {
    if (fields.absent(key)) return;
    if constexpr (std::is_same_v<N, bool>) {
      value = fields.boolean(key);
    } else if constexpr (std::is_same_v<N, double>) {
      value = fields.number(key);
    } else {
      value = fields.integer(key);
    }
  });
  for (const auto& [key, neutral] : detail::kUnsupportedGenerationKeys) {
    const Json* const value = fields.find(key);
    if (value == nullptr || detail::is_neutral(*value, neutral)) continue;
    config.unsupported = concat(fields.where(key), ": ", describe(*value), " is not supported");
    break;
  }
  return config;
}

SOLO_INLINE Json GenerationConfig::to_json() const {
  Json json = text.empty() ? Json::object() : parse_json(text, "generation_config.json");
  detail::for_generation_keys(*this, [&](std::string_view key, const auto& value) {
    if (value) json[std::string(key)] = *value;
  });
  return json;
}

}  // namespace solo::inline SOLO_ABI
