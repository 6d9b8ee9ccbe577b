// SPDX-License-Identifier: MIT
/// @file
/// What a model folder's generation_config.json says about generation, under transformers' names.
#pragma once

#include <solo/core/scalar.hpp>
#include <solo/io/json.hpp>

#include <filesystem>
#include <optional>
#include <string>

namespace solo::inline SOLO_ABI {

/// The keys that generation here knows; what the file does not say, or null, is empty. Its end
/// tokens are GPT2::eos_token_ids(); its length is not used: max_new_tokens has a default of its
/// own.
struct GenerationConfig {
  std::optional<Index> num_beams = {};
  std::optional<double> length_penalty = {};
  std::optional<Index> no_repeat_ngram_size = {};
  std::optional<double> repetition_penalty = {};
  std::optional<bool> do_sample = {};
  std::optional<double> temperature = {};
  std::optional<Index> top_k = {};
  std::optional<double> top_p = {};
  std::optional<double> min_p = {};
  std::optional<Index> num_return_sequences = {};
  /// The first key that would change the output and is not supported, as a message; generation
  /// refuses it.
  std::string unsupported = {};

  /// The file's object as text, with the keys that are not known here; empty: there was no file.
  std::string text = {};

  /// Reads the file if the folder has one. Throws FormatError ("json.…") naming file and key.
  [[nodiscard]] static GenerationConfig from_folder(const std::filesystem::path& folder);
  /// The file's object, with the keys above as they are now.
  [[nodiscard]] Json to_json() const;
};

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/nn/generation_config.ipp>  // IWYU pragma: keep
#endif
