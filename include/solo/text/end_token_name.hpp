// SPDX-License-Identifier: MIT
/// @file
/// The name of the token that ends a text, as the files beside a vocabulary have it.
#pragma once

#include <solo/core/config.hpp>

#include <filesystem>
#include <string>

namespace solo::inline SOLO_ABI::detail {

/// eos_token as AutoTokenizer finds it: special_tokens_map.json's, unless tokenizer_config.json
/// lists its added tokens, then tokenizer_config.json's, then GPT-2's own. Empty: none, by null or
/// by a tokenizer_class that has none of its own. Throws FormatError "json.…".
[[nodiscard]] std::string end_token_name(const std::filesystem::path& dir);

}  // namespace solo::inline SOLO_ABI::detail

#if SOLO_HEADER_ONLY
#include <solo/text/end_token_name.ipp>  // IWYU pragma: keep
#endif
