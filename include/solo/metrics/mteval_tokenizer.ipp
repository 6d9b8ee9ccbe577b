// SPDX-License-Identifier: MIT
#pragma once

#include <solo/metrics/mteval_tokenizer.hpp>
#include <solo/text/utf8.hpp>
#include <solo/text/white_space.hpp>

#include <utility>

namespace solo::inline SOLO_ABI {
namespace detail {

[[nodiscard]] constexpr bool is_ascii_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

/// Characters that stand alone wherever they are.
[[nodiscard]] constexpr bool is_mteval_punctuation(char c) noexcept {
  return (c >= '{' && c <= '~') || (c >= '[' && c <= '`') || (c >= ' ' && c <= '&') ||
         (c >= '(' && c <= '+') || (c >= ':' && c <= '@') || c == '/';
}

/// (not a digit)([.,]) → x, space, mark, space; from left to right, without overlap. x is one
/// code point.
[[nodiscard]] SOLO_INLINE std::string part_after_non_digit(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = code_point_at(text, i).length;
    const std::size_t next = i + length;
    const bool digit = length == 1 && is_ascii_digit(text[i]);
    out += text.substr(i, length);
    i = next;
    if (!digit && next < text.size() && (text[next] == '.' || text[next] == ',')) {
      out += ' ';
      out += text[next];
      out += ' ';
      ++i;
    }
  }
  return out;
}

/// ([.,])(not a digit) → space, mark, space, x.
[[nodiscard]] SOLO_INLINE std::string part_before_non_digit(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const bool mark = text[i] == '.' || text[i] == ',';
    if (mark && i + 1 < text.size() && !is_ascii_digit(text[i + 1])) {
      const std::size_t length = code_point_at(text, i + 1).length;
      out += ' ';
      out += text[i];
      out += ' ';
      out += text.substr(i + 1, length);
      i += 1 + length;
    } else {
      out += text[i++];
    }
  }
  return out;
}

/// (digit)(-) → digit, space, -, space.
[[nodiscard]] SOLO_INLINE std::string part_hyphen_after_digit(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    out += text[i];
    if (is_ascii_digit(text[i]) && i + 1 < text.size() && text[i + 1] == '-') {
      out += " - ";
      ++i;
    }
  }
  return out;
}

}  // namespace detail

SOLO_INLINE std::vector<std::string> mteval_tokens(std::string_view text) {
  std::string line(text);
  replace_all(line, "<skipped>", "");
  replace_all(line, "-\n", "");
  replace_all(line, "\n", " ");
  replace_all(line, "&quot;", "\"");
  replace_all(line, "&amp;", "&");
  replace_all(line, "&lt;", "<");
  replace_all(line, "&gt;", ">");
  std::string spaced = " ";
  for (const char c : line) {
    if (detail::is_mteval_punctuation(c)) {
      spaced += ' ';
      spaced += c;
      spaced += ' ';
    } else {
      spaced += c;
    }
  }
  spaced += ' ';
  spaced = detail::part_after_non_digit(spaced);
  spaced = detail::part_before_non_digit(spaced);
  spaced = detail::part_hyphen_after_digit(spaced);
  std::vector<std::string> tokens = split_white_space(spaced);
  if (tokens.empty()) tokens.emplace_back();
  return tokens;
}

}  // namespace solo::inline SOLO_ABI
