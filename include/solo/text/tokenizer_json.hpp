// SPDX-License-Identifier: MIT
/// @file
/// Reader of tokenizer.json.
#pragma once

#include <solo/io/json_fields.hpp>
#include <solo/text/tokenizer_files.hpp>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI {
namespace detail {

/// The ids that a file may give to a token.
inline constexpr IntegerRange kTokenIds = {.min = 0, .max = kMaxVocabulary - 1};

/// What tokenizer.json says.
struct TokenizerJson {
  TokenizerParts parts;           ///< without added tokens
  std::vector<AddedToken> added;  ///< with the file's ids, not compared to the vocabulary yet
  std::string pad_token;          ///< of the section "padding"
};

/// Reads tokenizer.json. Throws FormatError "tokenizer.json" for what is missing or wrong, and
/// "tokenizer.unsupported" for what is another kind of tokenizer. Truncation and padding, which
/// change no text's ids, are warnings.
[[nodiscard]] TokenizerJson read_tokenizer_json(const std::filesystem::path& path);

/// An added token as files write it, without its id; `special` is what no field "special" means.
[[nodiscard]] AddedToken read_added_token(const JsonFields& fields, bool special);

/// Throws FormatError "tokenizer.unsupported" about a field unless `good`.
void require_setting(bool good, const JsonFields& fields, std::string_view key,
                     std::string_view expected);

}  // namespace detail
}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/text/tokenizer_json.ipp>  // IWYU pragma: keep
#endif
