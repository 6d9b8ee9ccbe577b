// SPDX-License-Identifier: MIT
/// @file
/// The library's exceptions. Every throw is a `solo::Error` with a stable `id()`; docs/errors.md
/// lists the ids. Messages name the file, tensor, key or field, what was expected and what was
/// found.
#pragma once

#include <solo/core/config.hpp>

#include <array>
#include <charconv>
#include <concepts>
#include <stdexcept>
#include <string>
#include <string_view>

namespace solo::inline SOLO_ABI {

/// Base of everything the library throws.
class Error : public std::runtime_error {
 public:
  Error(std::string_view id, const std::string& message) : std::runtime_error(message), id_(id) {}
  /// Stable identifier, such as "config.value"; see docs/errors.md.
  [[nodiscard]] std::string_view id() const noexcept { return id_; }

 private:
  std::string_view id_;  // always a string literal
};

/// A configuration, option or argument is wrong, or a call is not possible in this state.
class ConfigError : public Error {
  using Error::Error;
};
/// A file's contents break its format.
class FormatError : public Error {
  using Error::Error;
};
/// A tensor, matrix or list has another size than needed.
class ShapeError : public Error {
  using Error::Error;
};
/// The operating system refused to open, read, write or rename.
class IoError : public Error {
  using Error::Error;
};
/// A number is NaN, infinite or out of its range.
class NumericError : public Error {
  using Error::Error;
};

namespace detail {

inline void append(std::string& out, std::string_view text) {
  out += text;
}
inline void append(std::string& out, char c) {
  out += c;
}
template <std::same_as<bool> B>
void append(std::string& out, B value) {
  out += value ? "true" : "false";
}
template <class N>
requires((std::integral<N> && !std::same_as<N, bool> && !std::same_as<N, char>) ||
         std::floating_point<N>) void append(std::string& out, N value) {
  std::array<char, 64> buffer{};
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  out.append(buffer.data(), result.ptr);
}

}  // namespace detail

/// The arguments' texts, joined. Numbers are written in their shortest exact form.
template <class... Args>
[[nodiscard]] std::string concat(const Args&... args) {
  std::string out;
  (detail::append(out, args), ...);
  return out;
}

/// Throws E with this id and the joined arguments as its message.
template <std::derived_from<Error> E, class... Args>
[[noreturn]] void fail(std::string_view id, const Args&... args) {
  throw E(id, concat(args...));
}

/// Length in bytes of the well-formed UTF-8 sequence at text[pos], or 0 if there is none (overlong
/// forms, surrogates and values over U+10FFFF are ill-formed).
[[nodiscard]] inline std::size_t utf8_length(std::string_view text, std::size_t pos) noexcept {
  const auto byte = [&](std::size_t i) -> unsigned {
    return pos + i < text.size() ? static_cast<unsigned char>(text[pos + i]) : 0U;
  };
  const auto tail = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned b = byte(0);
  if (pos >= text.size()) return 0;
  if (b < 0x80U) return 1;
  if (b >= 0xC2U && b <= 0xDFU) return tail(1) ? 2 : 0;
  if (b >= 0xE0U && b <= 0xEFU) {
    const bool overlong = b == 0xE0U && byte(1) < 0xA0U;
    const bool surrogate = b == 0xEDU && byte(1) > 0x9FU;
    return tail(1) && tail(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (b >= 0xF0U && b <= 0xF4U) {
    const bool overlong = b == 0xF0U && byte(1) < 0x90U;
    const bool beyond = b == 0xF4U && byte(1) > 0x8FU;
    return tail(1) && tail(2) && tail(3) && !overlong && !beyond ? 4 : 0;
  }
  return 0;
}

/// Untrusted text made fit for a one-line message: in single quotes, control characters and invalid
/// UTF-8 as `\\xNN`, at most `limit` bytes of it.
[[nodiscard]] inline std::string quoted(std::string_view text, std::size_t limit = 120) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "'";
  std::size_t pos = 0;
  while (pos < text.size() && pos < limit) {
    const std::size_t length = utf8_length(text, pos);
    const auto first = static_cast<unsigned char>(text[pos]);
    // U+0080–U+009F (C2 80 – C2 9F) are control characters too.
    const bool c1 =
        length == 2 && first == 0xC2U && static_cast<unsigned char>(text[pos + 1]) < 0xA0U;
    if (length == 0 || first < 0x20U || first == 0x7FU || c1) {
      const std::size_t bytes = length == 0 ? 1 : length;
      for (std::size_t i = 0; i < bytes; ++i) {
        const auto b = static_cast<unsigned char>(text[pos + i]);
        out += "\\x";
        out += kHex[b >> 4U];
        out += kHex[b & 15U];
      }
      pos += bytes;
    } else {
      out.append(text, pos, length);
      pos += length;
    }
  }
  if (pos < text.size()) out += "…";
  out += '\'';
  return out;
}
// Better matches than std::quoted, which argument-dependent lookup finds for a std::string wherever
// <iomanip> or <filesystem> is included.
[[nodiscard]] inline std::string quoted(const std::string& text, std::size_t limit = 120) {
  return quoted(std::string_view(text), limit);
}
[[nodiscard]] inline std::string quoted(std::string& text, std::size_t limit = 120) {
  return quoted(std::string_view(text), limit);
}
[[nodiscard]] inline std::string quoted(const char* text, std::size_t limit = 120) {
  return quoted(std::string_view(text), limit);
}

}  // namespace solo::inline SOLO_ABI
