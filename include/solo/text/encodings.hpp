// SPDX-License-Identifier: MIT
/// @file
/// What tells UTF-8 from the encodings that are refused.
#pragma once

#include <solo/core/error.hpp>

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace solo::inline SOLO_ABI {

/// The byte order mark of UTF-8.
inline constexpr std::string_view kUtf8Mark = "\xEF\xBB\xBF";

/// "UTF-16LE" or "UTF-16BE" when a text begins as one does: with its byte order mark, or with
/// characters below 256, every other byte of which is NUL; else empty.
[[nodiscard]] inline std::string_view utf16_name(std::string_view text) noexcept {
  if (text.starts_with("\xFF\xFE")) return "UTF-16LE";
  if (text.starts_with("\xFE\xFF")) return "UTF-16BE";
  constexpr std::size_t kSeen = 64;
  const std::size_t size = std::min(text.size(), kSeen) / 2 * 2;
  std::size_t first = 0;
  std::size_t second = 0;
  for (std::size_t i = 0; i < size; i += 2) {
    first += text[i] == '\0' ? 1U : 0U;
    second += text[i + 1] == '\0' ? 1U : 0U;
  }
  const std::size_t most = std::max(first, second);
  if (most < 2 || most * 4 < size || std::min(first, second) != 0) return {};
  return first == 0 ? "UTF-16LE" : "UTF-16BE";
}

/// Throws FormatError "text.utf16" when the text at the beginning of a file is UTF-16; `name` is
/// what messages call the file.
inline void refuse_utf16(std::string_view beginning, std::string_view name) {
  const std::string_view found = utf16_name(beginning);
  if (!found.empty()) fail<FormatError>("text.utf16", name, ": expected UTF-8, found ", found);
}

}  // namespace solo::inline SOLO_ABI
