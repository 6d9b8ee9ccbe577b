// SPDX-License-Identifier: MIT
/// @file
/// Longest common subsequences, 63 words of one text at once (Crochemore et al. 2001, Hyyrö 2004).
#pragma once

#include <solo/core/config.hpp>

#include <cstddef>
#include <span>
#include <string>

namespace solo::inline SOLO_ABI::detail {

/// Length of the longest common subsequence of two lists of words. Takes time by the product of the
/// lengths over 63 at most, and memory by their sum.
[[nodiscard]] std::size_t longest_common_subsequence(std::span<const std::string> a,
                                                     std::span<const std::string> b);

}  // namespace solo::inline SOLO_ABI::detail

#if SOLO_HEADER_ONLY
#include <solo/metrics/common_subsequence.ipp>  // IWYU pragma: keep
#endif
