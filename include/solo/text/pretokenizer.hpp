// SPDX-License-Identifier: MIT
/// @file
/// GPT-2's splitter: cuts a text into the pieces that byte-pair encoding works on. Written by hand
/// (no regular expression engine), linear in the text's length, without recursion.
#pragma once

#include <solo/core/config.hpp>

#include <cstdint>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI {

/// What the splitter tells apart. Marks (M*), punctuation, controls, unassigned code points and
/// bytes that are not UTF-8 are `other`.
enum class CharClass : std::uint8_t { other, letter, number, white_space };

/// Class of a code point by Unicode 16.0: categories L*, N*, and the property White_Space.
[[nodiscard]] CharClass char_class(char32_t code_point) noexcept;

/// Whether a character is part of a word where an added token says single_word: letters, marks,
/// decimal digits, connectors and joiners, as in Hugging Face's tokenizers.
[[nodiscard]] bool is_word_character(char32_t code_point) noexcept;

/// End of the piece that begins at text[begin], begin < text.size(). The first of these that
/// matches wins (e2e.md 1.4): 's 't 're 've 'm 'll 'd; an optional space and letters; an optional
/// space and numbers; an optional space and others; white space not followed by a non-space; white
/// space.
[[nodiscard]] std::size_t piece_end(std::string_view text, std::size_t begin) noexcept;

/// All pieces of a text, in order; together they are the text.
[[nodiscard]] std::vector<std::string_view> split_pieces(std::string_view text);

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/text/pretokenizer.ipp>  // IWYU pragma: keep
#endif
