// SPDX-License-Identifier: MIT
/// @file
/// Texts for evaluation that are JSON: an object for each instance, in lines or in one list.
#pragma once

#include <solo/core/config.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI::detail {

/// Where Python's splitlines() ends a line.
[[nodiscard]] constexpr bool is_python_line_end(char32_t c) noexcept {
  return (c >= 0x0AU && c <= 0x0DU) || (c >= 0x1CU && c <= 0x1EU) || c == 0x85U || c == 0x2028U ||
         c == 0x2029U;
}

/// The "text" of each object; none when the file (`contents`, named by `path`) is not JSON. See
/// read_evaluation_texts for the rule and the errors.
[[nodiscard]] std::optional<std::vector<std::string>> json_hypotheses(
    std::string_view contents, const std::filesystem::path& path);

/// The "references", "reference" or "text" of each object.
[[nodiscard]] std::optional<std::vector<std::vector<std::string>>> json_references(
    std::string_view contents, const std::filesystem::path& path);

}  // namespace solo::inline SOLO_ABI::detail

#if SOLO_HEADER_ONLY
#include <solo/metrics/json_texts.ipp>  // IWYU pragma: keep
#endif
