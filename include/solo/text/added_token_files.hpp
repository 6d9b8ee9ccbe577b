// SPDX-License-Identifier: MIT
/// @file
/// The files of a tokenizer when tokens are added to it.
#pragma once

#include <solo/text/added_tokens.hpp>

#include <span>
#include <string>
#include <vector>

namespace solo::inline SOLO_ABI::detail {

/// A file of a tokenizer folder as save_pretrained writes it.
struct KeptFile {
  std::string name;
  std::string contents;
};

/// The files with `added`, all added tokens of the tokenizer by id, in every place where
/// transformers and read_tokenizer_folder look for them; those from `first_new` on are new. A
/// tokenizer_config.json that gets its first added_tokens_decoder takes over what
/// special_tokens_map.json says, which no longer counts beside it.
[[nodiscard]] std::vector<KeptFile> with_added_tokens(std::vector<KeptFile> files,
                                                      std::span<const AddedToken> added,
                                                      int first_new);

}  // namespace solo::inline SOLO_ABI::detail

#if SOLO_HEADER_ONLY
#include <solo/text/added_token_files.ipp>  // IWYU pragma: keep
#endif
