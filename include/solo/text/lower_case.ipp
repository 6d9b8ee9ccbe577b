// SPDX-License-Identifier: MIT
#pragma once

#include <solo/text/lower_case.hpp>
#include <solo/text/lower_case_table.hpp>
#include <solo/text/utf8.hpp>

#include <algorithm>

namespace solo::inline SOLO_ABI {
namespace detail {

[[nodiscard]] SOLO_INLINE char32_t lower_code_point(char32_t c) noexcept {
  const auto* const range =
      std::upper_bound(kLowerCase.begin(), kLowerCase.end(), c,
                       [](char32_t value, const LowerCaseRange& r) { return value < r.first; });
  if (range == kLowerCase.begin()) return c;
  const LowerCaseRange& r = *(range - 1);
  if (c > r.last || (c - r.first) % r.step != 0) return c;
  return static_cast<char32_t>(static_cast<std::int64_t>(c) + r.delta);
}

}  // namespace detail

SOLO_INLINE std::string lower_case(std::string_view text) {
  constexpr char32_t kDottedCapitalI = 0x130;
  std::string out;
  out.reserve(text.size());
  for (std::size_t pos = 0; pos < text.size();) {
    const CodePoint c = code_point_at(text, pos);
    if (!c.valid()) {
      out += text[pos];
    } else if (c.value == kDottedCapitalI) {
      out += "i\u0307";
    } else {
      append_utf8(out, detail::lower_code_point(c.value));
    }
    pos += c.length;
  }
  return out;
}

}  // namespace solo::inline SOLO_ABI
