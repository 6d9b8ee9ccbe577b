// SPDX-License-Identifier: MIT
/// @file
/// How often each word of a text occurs: what byte-pair encoding is trained on.
#pragma once

#include <solo/core/config.hpp>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI {

/// Counts the pieces that GPT-2's splitter makes of texts. Memory grows with the distinct words,
/// not with the text; no choice of words makes counting one slower than O(log distinct words).
class WordCounts {
 public:
  using Map = std::map<std::string, std::int64_t, std::less<>>;

  WordCounts() = default;
  // The cache points into the map.
  WordCounts(const WordCounts&) = delete;
  WordCounts& operator=(const WordCounts&) = delete;
  WordCounts(WordCounts&&) = default;
  WordCounts& operator=(WordCounts&&) = default;

  /// Counts the words of one text. Words do not reach from one text into the next.
  void add(std::string_view text);
  /// Counts a file of plain text, each line with its end ("\n" or "\r\n") a text of its own, as
  /// Hugging Face's trainers read files; only a byte order mark at the start is left out. Throws
  /// IoError and FormatError as LineReader, and FormatError "data.utf8".
  void add_file(const std::filesystem::path& path);

  /// The words in the order of their bytes, with their counts.
  [[nodiscard]] const Map& words() const noexcept { return words_; }

 private:
  static constexpr std::size_t kSlots = std::size_t{1} << 16U;

  Map words_;
  std::vector<Map::value_type*> recent_;  // by hash, the last word seen there
};

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/text/word_counts.ipp>  // IWYU pragma: keep
#endif
