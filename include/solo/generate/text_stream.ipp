// SPDX-License-Identifier: MIT
#pragma once

#include <solo/generate/text_stream.hpp>
#include <solo/text/utf8.hpp>

namespace solo::inline SOLO_ABI::detail {

/// Bytes at the end of `text` that may yet become a character.
[[nodiscard]] SOLO_INLINE std::size_t started_character(std::string_view text) {
  for (std::size_t length = 1; length <= 3 && length <= text.size(); ++length) {
    const std::string_view tail = text.substr(text.size() - length);
    const auto lead = static_cast<unsigned char>(tail.front());
    if ((lead & 0xC0U) == 0x80U) continue;  // not the first byte of a character
    const std::size_t needed = lead < 0xE0U ? 2 : lead < 0xF0U ? 3 : 4;
    const bool possible =
        lead >= 0xC2U && lead <= 0xF4U && length < needed && ill_formed_length(tail, 0) == length;
    return possible ? length : 0;
  }
  return 0;
}

SOLO_INLINE void TextStream::push(std::string_view bytes) {
  waiting_ += bytes;
  const std::size_t decided = waiting_.size() - started_character(waiting_);
  if (decided == 0) return;
  const std::string piece = to_utf8_lossy(std::string_view(waiting_).substr(0, decided));
  waiting_.erase(0, decided);
  sink_(piece);
}

SOLO_INLINE void TextStream::finish() {
  if (waiting_.empty()) return;
  const std::string piece = to_utf8_lossy(waiting_);
  waiting_.clear();
  sink_(piece);
}

}  // namespace solo::inline SOLO_ABI::detail
