// SPDX-License-Identifier: MIT
/// @file
/// What the files of a tokenizer folder say together, by the rules of transformers' AutoTokenizer.
#pragma once

#include <solo/text/tokenizer_files.hpp>

#include <filesystem>

namespace solo::inline SOLO_ABI {
namespace detail {

/// Whether a file or folder has this path.
[[nodiscard]] bool is_there(const std::filesystem::path& path);

/// Reads a folder that holds tokenizer.json, or vocab.json and merges.txt. tokenizer.json wins over
/// those two, tokenizer_config.json's added_tokens_decoder over added_tokens.json,
/// special_tokens_map.json and tokenizer.json's added_tokens; special tokens that no file gives an
/// id get the next ones. Where files differ, a warning says which one counts. Throws FormatError
/// "tokenizer.unsupported", "tokenizer.added" and as the readers of the files.
[[nodiscard]] TokenizerParts read_tokenizer_folder(const std::filesystem::path& dir);

}  // namespace detail
}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/text/tokenizer_folder.ipp>  // IWYU pragma: keep
#endif
