// SPDX-License-Identifier: MIT
/// @file
/// Numbers on the command line: plain decimal ones, in a range that messages can say.
#pragma once

#include <CLI/CLI.hpp>

#include <charconv>
#include <concepts>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace solo::cli {

/// Whole numbers from min to max.
struct WholeRange {
  std::int64_t min = std::numeric_limits<std::int64_t>::min();
  std::uint64_t max = std::numeric_limits<std::int64_t>::max();

  template <std::integral N>
  [[nodiscard]] static constexpr WholeRange of() {
    return {static_cast<std::int64_t>(std::numeric_limits<N>::min()),
            static_cast<std::uint64_t>(std::numeric_limits<N>::max())};
  }
};

/// The text without leading zeros; UsageError naming the option and the range unless it is a whole
/// number of the range: digits, a minus sign in front of them at most.
[[nodiscard]] std::string whole_number(const std::string& option, std::string_view text,
                                       const WholeRange& range);
/// The value of such a text; the range is the type's.
template <std::integral N>
[[nodiscard]] N parse_whole(const std::string& option, std::string_view text) {
  const std::string digits = whole_number(option, text, WholeRange::of<N>());
  N value{};
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}
/// A finite number, "0.5" or "5e-4"; UsageError naming the option and `expected` for other text.
[[nodiscard]] double parse_real(const std::string& option, std::string_view text,
                                std::string_view expected = "a number");

/// From here on every option of the command whose value is a number takes such texts alone, within
/// the range that its other checks say. CLI11 would read an empty text as 0, "010" as 8 and 2^64 as
/// 2^64 - 1. A list may not be empty either, nor have an empty item.
void check_values(CLI::App& command);

}  // namespace solo::cli
