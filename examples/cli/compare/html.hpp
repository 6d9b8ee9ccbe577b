// SPDX-License-Identifier: MIT
/// @file
/// A comparison as one page of HTML that needs nothing else.
#pragma once

#include "results.hpp"

#include <string>
#include <string_view>

namespace solo::cli {

/// Table, pictures, what was tried, texts side by side. No script, no other file, no network.
[[nodiscard]] std::string comparison_page(const CompareResults& results);

/// Text as it stands between tags or in quotes.
[[nodiscard]] std::string html_text(std::string_view text);

}  // namespace solo::cli
