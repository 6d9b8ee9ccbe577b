// SPDX-License-Identifier: MIT
/// @file
/// UTF-8, beyond what error messages need: code points, and Python's "replace" policy.
#pragma once

#include <solo/core/error.hpp>

#include <string>
#include <string_view>

namespace solo::inline SOLO_ABI {

/// One code point of a text, or one byte of it that is not UTF-8.
struct CodePoint {
  char32_t value = 0;      ///< U+FFFFFFFF for an ill-formed byte
  std::size_t length = 0;  ///< bytes

  [[nodiscard]] constexpr bool valid() const noexcept { return value != 0xFFFFFFFFU; }
};

/// The code point at text[pos]; an ill-formed byte gives {0xFFFFFFFF, 1}. pos < text.size().
[[nodiscard]] inline CodePoint code_point_at(std::string_view text, std::size_t pos) noexcept {
  const auto byte = [&](std::size_t i) -> char32_t {
    return static_cast<unsigned char>(text[pos + i]);
  };
  const auto tail = [&](std::size_t i) -> char32_t { return byte(i) & 0x3FU; };
  switch (utf8_length(text, pos)) {
    case 1:
      return {byte(0), 1};
    case 2:
      return {((byte(0) & 0x1FU) << 6U) | tail(1), 2};
    case 3:
      return {((byte(0) & 0x0FU) << 12U) | (tail(1) << 6U) | tail(2), 3};
    case 4:
      return {((byte(0) & 0x07U) << 18U) | (tail(1) << 12U) | (tail(2) << 6U) | tail(3), 4};
    default:
      return {0xFFFFFFFFU, 1};
  }
}

/// Appends `c` (a Unicode scalar value) as UTF-8.
inline void append_utf8(std::string& out, char32_t c) {
  const auto put = [&out](char32_t byte) { out += static_cast<char>(byte); };
  if (c < 0x80U) {
    put(c);
  } else if (c < 0x800U) {
    put(0xC0U | (c >> 6U));
    put(0x80U | (c & 0x3FU));
  } else if (c < 0x10000U) {
    put(0xE0U | (c >> 12U));
    put(0x80U | ((c >> 6U) & 0x3FU));
    put(0x80U | (c & 0x3FU));
  } else {
    put(0xF0U | (c >> 18U));
    put(0x80U | ((c >> 12U) & 0x3FU));
    put(0x80U | ((c >> 6U) & 0x3FU));
    put(0x80U | (c & 0x3FU));
  }
}

/// True if every byte belongs to a well-formed sequence.
[[nodiscard]] inline bool is_utf8(std::string_view text) noexcept {
  for (std::size_t pos = 0; pos < text.size();) {
    const std::size_t length = utf8_length(text, pos);
    if (length == 0) return false;
    pos += length;
  }
  return true;
}

namespace detail {

/// Bytes of the maximal ill-formed subpart at text[pos] (Unicode 16.0, section 3.9, U+FFFD
/// substitution): the longest prefix of a well-formed sequence, at least one byte.
[[nodiscard]] inline std::size_t ill_formed_length(std::string_view text, std::size_t pos) {
  const auto byte = [&](std::size_t i) -> unsigned {
    return pos + i < text.size() ? static_cast<unsigned char>(text[pos + i]) : 0U;
  };
  const auto tail = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned b = byte(0);
  const unsigned second = byte(1);
  if (b < 0xE0U || b > 0xF4U || !tail(1)) return 1;
  if ((b == 0xE0U && second < 0xA0U) || (b == 0xEDU && second > 0x9FU)) return 1;
  if ((b == 0xF0U && second < 0x90U) || (b == 0xF4U && second > 0x8FU)) return 1;
  return b >= 0xF0U && tail(2) ? 3 : 2;
}

}  // namespace detail

/// `text` as valid UTF-8: one U+FFFD for each maximal ill-formed subpart, as Python's
/// bytes.decode("utf-8", "replace").
[[nodiscard]] inline std::string to_utf8_lossy(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t pos = 0; pos < text.size();) {
    const std::size_t length = utf8_length(text, pos);
    if (length > 0) {
      out.append(text, pos, length);
      pos += length;
    } else {
      append_utf8(out, 0xFFFDU);
      pos += detail::ill_formed_length(text, pos);
    }
  }
  return out;
}

}  // namespace solo::inline SOLO_ABI
