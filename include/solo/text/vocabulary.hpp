// SPDX-License-Identifier: MIT
/// @file
/// The tokens of a tokenizer: bytes by id, id by bytes.
#pragma once

#include <solo/core/config.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI {
namespace detail {

/// More tokens than this are refused, as in a model's configuration.
inline constexpr int kMaxVocabulary = 1 << 24;

/// Tokens are added in any order, then finish() puts them in order of their ids.
class Vocabulary {
 public:
  /// Adds a token; 0 <= id < kMaxVocabulary.
  void add(std::string_view bytes, int id);
  /// Requires that the ids are 0, 1, …, each once. Throws FormatError "tokenizer.vocab" naming
  /// `source`, the token and its id.
  void finish(const std::string& source);

  /// Adds the next id to a finished vocabulary. find() gives the lower one of equal tokens.
  void append(std::string_view bytes);

  [[nodiscard]] int size() const noexcept { return static_cast<int>(entries_.size()); }
  /// The bytes of a token, 0 <= id < size().
  [[nodiscard]] std::string_view token(int id) const noexcept;
  /// The id of the token with these bytes (the lowest, if there are several), or -1.
  [[nodiscard]] int find(std::string_view bytes) const noexcept;

  friend bool operator==(const Vocabulary&, const Vocabulary&) = default;

 private:
  struct Entry {
    int id = 0;
    std::uint32_t length = 0;
    std::uint64_t begin = 0;
    friend bool operator==(const Entry&, const Entry&) = default;
  };
  [[nodiscard]] std::string_view bytes(const Entry& entry) const noexcept;

  std::string bytes_;
  std::vector<Entry> entries_;
  std::vector<int> sorted_;  // ids by bytes
};

}  // namespace detail
}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/text/vocabulary.ipp>  // IWYU pragma: keep
#endif
