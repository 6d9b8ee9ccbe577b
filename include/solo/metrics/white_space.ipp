// SPDX-License-Identifier: MIT
#pragma once

#include <solo/metrics/white_space.hpp>
#include <solo/text/pretokenizer.hpp>
#include <solo/text/utf8.hpp>

namespace solo::inline SOLO_ABI {

SOLO_INLINE std::vector<std::string> split_white_space(std::string_view text) {
  std::vector<std::string> pieces;
  bool inside = false;
  for (std::size_t pos = 0; pos < text.size();) {
    const CodePoint c = code_point_at(text, pos);
    const bool space = c.valid() && (char_class(c.value) == CharClass::white_space ||
                                     (c.value >= 0x1CU && c.value <= 0x1FU));
    if (!space) {
      if (!inside) pieces.emplace_back();
      pieces.back() += text.substr(pos, c.length);
    }
    inside = !space;
    pos += c.length;
  }
  return pieces;
}

}  // namespace solo::inline SOLO_ABI
