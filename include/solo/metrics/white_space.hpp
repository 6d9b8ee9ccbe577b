// SPDX-License-Identifier: MIT
/// @file
/// White space as the scorers of e2e-metrics see it: Python's str.isspace.
#pragma once

#include <solo/core/config.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI {

/// Python's text.split(): the pieces between runs of white space, none of them empty.
[[nodiscard]] std::vector<std::string> split_white_space(std::string_view text);

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/metrics/white_space.ipp>  // IWYU pragma: keep
#endif
