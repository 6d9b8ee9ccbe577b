// SPDX-License-Identifier: MIT
/// @file
/// GPT-2's printable code point for every byte, in which vocabularies and merges are written.
#pragma once

#include <solo/text/utf8.hpp>

#include <array>
#include <optional>

namespace solo::inline SOLO_ABI {

/// The code points of the 256 bytes: 0x21–0x7E, 0xA1–0xAC and 0xAE–0xFF stand for themselves, the
/// other 68 bytes, in ascending order, are U+0100, U+0101, …
inline constexpr std::array<char32_t, 256> kByteSymbols = [] {
  std::array<char32_t, 256> symbols{};
  char32_t next = 0x100;
  for (char32_t byte = 0; byte < 256; ++byte) {
    const bool itself = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte != 0xAD);
    symbols[byte] = itself ? byte : next++;
  }
  return symbols;
}();

namespace detail {

/// The byte of each code point below U+0144, or -1.
inline constexpr std::array<int, 0x100 + 68> kSymbolBytes = [] {
  std::array<int, 0x100 + 68> bytes{};
  bytes.fill(-1);
  for (std::size_t i = 0; i < kByteSymbols.size(); ++i) {
    bytes[kByteSymbols[i]] = static_cast<int>(i);
  }
  return bytes;
}();

}  // namespace detail

/// The bytes that a vocabulary entry stands for; empty if some character of it stands for no byte.
[[nodiscard]] inline std::optional<std::string> bytes_of_symbols(std::string_view symbols) {
  std::string out;
  for (std::size_t pos = 0; pos < symbols.size();) {
    const CodePoint c = code_point_at(symbols, pos);
    const int byte = c.value < detail::kSymbolBytes.size() ? detail::kSymbolBytes[c.value] : -1;
    if (byte < 0) return std::nullopt;
    out += static_cast<char>(byte);
    pos += c.length;
  }
  return out;
}

}  // namespace solo::inline SOLO_ABI
