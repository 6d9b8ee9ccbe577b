// SPDX-License-Identifier: MIT
/// @file
/// The E2E challenge's meaning representations.
#pragma once

#include <solo/core/config.hpp>

#include <string>
#include <string_view>

namespace solo::inline SOLO_ABI {

/// The meaning representation "name[Old Mill], priceRange[£20-25]" as the LoRA paper writes it:
/// "name : Old Mill | price : £ 20 - 25" (e2e.md 1.2; exact on all of E2E). Throws FormatError
/// "data.mr"; `where` begins its message.
[[nodiscard]] std::string e2e_context(std::string_view mr, const std::string& where);

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/data/e2e.ipp>  // IWYU pragma: keep
#endif
