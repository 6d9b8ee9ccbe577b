// SPDX-License-Identifier: MIT
#pragma once

#include <solo/text/pretokenizer.hpp>
#include <solo/text/unicode_table.hpp>
#include <solo/text/utf8.hpp>
#include <solo/text/word_table.hpp>

#include <algorithm>
#include <array>
#include <span>

namespace solo::inline SOLO_ABI {
namespace detail {

[[nodiscard]] constexpr bool in_ranges(std::span<const CodePointRange> ranges, char32_t c) {
  const auto after = std::upper_bound(
      ranges.begin(), ranges.end(), c,
      [](char32_t value, const CodePointRange& range) { return value < range.first; });
  return after != ranges.begin() && c <= std::prev(after)->last;
}

[[nodiscard]] constexpr CharClass search_class(char32_t c) {
  if (in_ranges(kLetters, c)) return CharClass::letter;
  if (in_ranges(kWhiteSpace, c)) return CharClass::white_space;
  if (in_ranges(kNumbers, c)) return CharClass::number;
  return CharClass::other;
}

inline constexpr std::array<CharClass, 128> kAsciiClasses = [] {
  std::array<CharClass, 128> classes{};
  for (char32_t c = 0; c < classes.size(); ++c) classes[c] = search_class(c);
  return classes;
}();

struct ClassifiedChar {
  CharClass kind;
  std::size_t length;
};

[[nodiscard]] inline ClassifiedChar classify(std::string_view text, std::size_t pos) noexcept {
  const auto first = static_cast<unsigned char>(text[pos]);
  if (first < 0x80U) return {kAsciiClasses[first], 1};
  const CodePoint c = code_point_at(text, pos);
  return {c.valid() ? search_class(c.value) : CharClass::other, c.length};
}

/// End of the run of characters of this class that begins at pos.
[[nodiscard]] inline std::size_t run_end(std::string_view text, std::size_t pos,
                                         CharClass kind) noexcept {
  while (pos < text.size()) {
    const ClassifiedChar c = classify(text, pos);
    if (c.kind != kind) break;
    pos += c.length;
  }
  return pos;
}

/// Length of the English contraction at text[pos] (which is an apostrophe), or 0.
[[nodiscard]] inline std::size_t contraction_length(std::string_view text, std::size_t pos) {
  constexpr std::array<std::string_view, 7> kContractions = {"'s", "'t",  "'re", "'ve",
                                                             "'m", "'ll", "'d"};
  for (const std::string_view form : kContractions) {
    if (text.substr(pos, form.size()) == form) return form.size();
  }
  return 0;
}

/// A run of white space leaves its last character for the next piece, unless the text ends there or
/// it is the only one.
[[nodiscard]] inline std::size_t white_space_end(std::string_view text,
                                                 std::size_t begin) noexcept {
  std::size_t last = begin;
  std::size_t pos = begin;
  while (pos < text.size()) {
    const ClassifiedChar c = classify(text, pos);
    if (c.kind != CharClass::white_space) return last > begin ? last : pos;
    last = pos;
    pos += c.length;
  }
  return pos;
}

}  // namespace detail

SOLO_INLINE CharClass char_class(char32_t code_point) noexcept {
  return code_point < 0x80U ? detail::kAsciiClasses[code_point] : detail::search_class(code_point);
}

SOLO_INLINE bool is_word_character(char32_t code_point) noexcept {
  return detail::in_ranges(detail::kWordCharacters, code_point);
}

SOLO_INLINE std::size_t piece_end(std::string_view text, std::size_t begin) noexcept {
  if (text[begin] == '\'') {
    const std::size_t length = detail::contraction_length(text, begin);
    if (length > 0) return begin + length;
  }
  const bool space = text[begin] == ' ' && begin + 1 < text.size();
  const detail::ClassifiedChar first = detail::classify(text, begin + (space ? 1U : 0U));
  if (first.kind == CharClass::white_space) return detail::white_space_end(text, begin);
  return detail::run_end(text, begin + (space ? 1U : 0U) + first.length, first.kind);
}

SOLO_INLINE std::vector<std::string_view> split_pieces(std::string_view text) {
  std::vector<std::string_view> pieces;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = piece_end(text, begin);
    pieces.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  return pieces;
}

}  // namespace solo::inline SOLO_ABI
