// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/data/e2e.hpp>
#include <solo/text/white_space.hpp>

namespace solo::inline SOLO_ABI {
namespace detail {

[[nodiscard]] SOLO_INLINE std::string_view e2e_key(std::string_view key) {
  if (key == "eatType") return "Type";
  if (key == "priceRange") return "price";
  if (key == "familyFriendly") return "family friendly";
  return key;
}

/// "£20-25" as "£ 20 - 25".
[[nodiscard]] SOLO_INLINE std::string spaced_price(std::string_view value) {
  constexpr std::string_view kPound = "£";
  std::string out;
  for (std::size_t i = 0; i < value.size();) {
    if (value.substr(i, kPound.size()) == kPound) {
      out += "£ ";
      i += kPound.size();
    } else {
      out += value[i] == '-' ? std::string_view(" - ") : value.substr(i, 1);
      ++i;
    }
  }
  return out;
}

}  // namespace detail

SOLO_INLINE std::string e2e_context(std::string_view mr, const std::string& where) {
  const auto refuse = [&](std::string_view found) {
    fail<FormatError>("data.mr", where, ": expected a meaning representation key[value], …, found ",
                      quoted(found));
  };
  std::string context;
  std::string_view rest = strip_white_space(mr);
  if (rest.empty()) refuse(mr);
  while (!rest.empty()) {
    const std::size_t open = rest.find('[');
    const std::size_t close = rest.find(']');
    if (open == std::string_view::npos || close == std::string_view::npos || close < open) {
      refuse(rest);
    }
    const std::string_view key = strip_white_space(rest.substr(0, open));
    const std::string_view value = rest.substr(open + 1, close - open - 1);
    if (key.empty() || key.find(',') != key.npos || value.empty()) refuse(rest);
    if (!context.empty()) context += " | ";
    context += detail::e2e_key(key);
    context += " : ";
    context += key == "priceRange" ? detail::spaced_price(value) : std::string(value);
    rest.remove_prefix(close + 1);
    if (rest.empty()) break;
    if (rest.front() != ',') refuse(rest);
    rest.remove_prefix(1);
    if (strip_white_space(rest).empty()) refuse(mr);
  }
  return context;
}

}  // namespace solo::inline SOLO_ABI
