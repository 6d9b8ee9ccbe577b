// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/text/lines.hpp>
#include <solo/text/pretokenizer.hpp>
#include <solo/text/utf8.hpp>
#include <solo/text/word_counts.hpp>

namespace solo::inline SOLO_ABI {

SOLO_INLINE void WordCounts::add(std::string_view text) {
  recent_.resize(kSlots, nullptr);
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = piece_end(text, begin);
    const std::string_view piece = text.substr(begin, end - begin);
    begin = end;
    std::uint64_t hash = piece.size();
    for (const char c : piece) {
      hash = (hash ^ static_cast<unsigned char>(c)) * 0x9E3779B97F4A7C15U;
    }
    Map::value_type*& slot = recent_[hash >> 48U];
    if (slot == nullptr || slot->first != piece) {
      auto found = words_.lower_bound(piece);
      if (found == words_.end() || found->first != piece) {
        found = words_.emplace_hint(found, piece, 0);
      }
      slot = &*found;
    }
    ++slot->second;
  }
}

SOLO_INLINE void WordCounts::add_file(const std::filesystem::path& path) {
  LineReader reader(path, {.allow_fifo = true});
  std::string text;
  for (std::string_view line; reader.next(line);) {
    if (!is_utf8(line)) {
      fail<FormatError>("data.utf8", reader.where(), ": expected valid UTF-8");
    }
    text.assign(line);
    text += reader.line_end();
    add(text);
  }
}

}  // namespace solo::inline SOLO_ABI
