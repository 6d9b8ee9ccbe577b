// SPDX-License-Identifier: MIT
/// @file
/// Penn Treebank tokens, which METEOR, ROUGE-L and CIDEr see texts through.
#pragma once

#include <solo/core/config.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI {

/// The tokens that coco-caption keeps of what Stanford's PTBTokenizer (CoreNLP 3.4.1, -lowerCase)
/// makes of a text: lower case, clitics apart, punctuation dropped. A scanner of its own that
/// equals the original on every line of E2E; abbreviations, URLs and the like are not treated
/// (e2e.md 4.5).
[[nodiscard]] std::vector<std::string> ptb_tokens(std::string_view text);

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/metrics/ptb_tokenizer.ipp>  // IWYU pragma: keep
#endif
