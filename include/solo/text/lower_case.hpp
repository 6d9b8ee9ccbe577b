// SPDX-License-Identifier: MIT
/// @file
/// Lower case of UTF-8 text.
#pragma once

#include <solo/core/config.hpp>

#include <string>
#include <string_view>

namespace solo::inline SOLO_ABI {

/// Every code point in lower case, as Python's str.lower, but for the sigma at a word's end. Bytes
/// that are not UTF-8 stay as they are.
[[nodiscard]] std::string lower_case(std::string_view text);

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/text/lower_case.ipp>  // IWYU pragma: keep
#endif
