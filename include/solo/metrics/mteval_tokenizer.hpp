// SPDX-License-Identifier: MIT
/// @file
/// The tokenizer of mteval, which BLEU and NIST see texts through.
#pragma once

#include <solo/core/config.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI {

/// The tokens of a text as e2e-metrics' pymteval has them: ASCII punctuation stands alone, and
/// ". , -" where digits do not hold them. Upper case stays. An empty text is one empty token.
[[nodiscard]] std::vector<std::string> mteval_tokens(std::string_view text);

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/metrics/mteval_tokenizer.ipp>  // IWYU pragma: keep
#endif
