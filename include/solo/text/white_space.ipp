// SPDX-License-Identifier: MIT
#pragma once

#include <solo/text/pretokenizer.hpp>
#include <solo/text/utf8.hpp>
#include <solo/text/white_space.hpp>

#include <utility>

namespace solo::inline SOLO_ABI {

SOLO_INLINE bool is_white_space(char32_t code_point) noexcept {
  return char_class(code_point) == CharClass::white_space ||
         (code_point >= 0x1CU && code_point <= 0x1FU);
}

SOLO_INLINE CodePoint last_code_point(std::string_view text) noexcept {
  std::size_t begin = text.size() - 1;
  while (begin > 0 && text.size() - begin < 4 &&
         (static_cast<unsigned char>(text[begin]) & 0xC0U) == 0x80U) {
    --begin;
  }
  const CodePoint c = code_point_at(text, begin);
  return begin + c.length == text.size() ? c : CodePoint{0xFFFFFFFFU, 1};
}

SOLO_INLINE std::string_view strip_white_space(std::string_view text) {
  while (!text.empty()) {
    const CodePoint c = code_point_at(text, 0);
    if (!is_white_space(c.value)) break;
    text.remove_prefix(c.length);
  }
  while (!text.empty()) {
    const CodePoint c = last_code_point(text);
    if (!is_white_space(c.value)) break;
    text.remove_suffix(c.length);
  }
  return text;
}

SOLO_INLINE std::vector<std::string> split_white_space(std::string_view text) {
  std::vector<std::string> pieces;
  bool inside = false;
  for (std::size_t pos = 0; pos < text.size();) {
    const CodePoint c = code_point_at(text, pos);
    const bool space = is_white_space(c.value);
    if (!space) {
      if (!inside) pieces.emplace_back();
      pieces.back() += text.substr(pos, c.length);
    }
    inside = !space;
    pos += c.length;
  }
  return pieces;
}

SOLO_INLINE void replace_all(std::string& text, std::string_view from, std::string_view to) {
  std::size_t at = text.find(from);
  if (at == std::string::npos) return;
  std::string out;
  std::size_t begin = 0;
  for (; at != std::string::npos; at = text.find(from, begin)) {
    out.append(text, begin, at - begin);
    out += to;
    begin = at + from.size();
  }
  out.append(text, begin);
  text = std::move(out);
}

}  // namespace solo::inline SOLO_ABI
