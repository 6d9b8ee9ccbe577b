// SPDX-License-Identifier: MIT
/// @file
/// ROUGE-L (Lin 2004) as coco-caption computes it.
#pragma once

#include <solo/core/config.hpp>

#include <span>
#include <string>
#include <vector>

namespace solo::inline SOLO_ABI {

/// (1 + β²) P R / (R + β² P) with β = 1.2, where P = LCS / words of the hypothesis and R = LCS /
/// words of a reference, each the largest over the references, maybe of different ones. Words are
/// ptb_tokens; none at all are one empty word. references must not be empty.
[[nodiscard]] double rouge_l(const std::vector<std::string>& hypothesis,
                             std::span<const std::vector<std::string>> references);

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/metrics/rouge_l.ipp>  // IWYU pragma: keep
#endif
