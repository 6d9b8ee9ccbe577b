// SPDX-License-Identifier: MIT
/// @file
/// Numbers as people read them in reports.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdio>
#include <string>

namespace solo::cli {

/// "1,234,567".
template <std::integral N>
[[nodiscard]] std::string with_commas(N n) {
  std::string digits = std::to_string(n);
  for (auto i = static_cast<std::ptrdiff_t>(digits.size()) - 3; i > 0; i -= 3) {
    digits.insert(static_cast<std::size_t>(i), ",");
  }
  return digits;
}

/// With this many digits after the point.
[[nodiscard]] inline std::string fixed(double x, int digits) {
  const auto length = static_cast<std::size_t>(std::snprintf(nullptr, 0, "%.*f", digits, x));
  std::string text(length, '\0');
  std::snprintf(text.data(), length + 1, "%.*f", digits, x);
  return text;
}

}  // namespace solo::cli
