// SPDX-License-Identifier: MIT
/// @file
/// White space as Python's strings see it, and edits of text as its methods make them.
#pragma once

#include <solo/core/config.hpp>
#include <solo/text/utf8.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI {

/// Python's str.isspace of one code point: the property White_Space, and U+001C to U+001F.
[[nodiscard]] bool is_white_space(char32_t code_point) noexcept;

/// The code point that `text`, which is not empty, ends with; as code_point_at.
[[nodiscard]] CodePoint last_code_point(std::string_view text) noexcept;

/// Python's text.strip(): without white space at both ends.
[[nodiscard]] std::string_view strip_white_space(std::string_view text);

/// Python's text.split(): the pieces between runs of white space, none of them empty.
[[nodiscard]] std::vector<std::string> split_white_space(std::string_view text);

/// Python's text.replace(from, to), in place; `from` is not empty.
void replace_all(std::string& text, std::string_view from, std::string_view to);

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/text/white_space.ipp>  // IWYU pragma: keep
#endif
