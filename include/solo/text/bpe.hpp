// SPDX-License-Identifier: MIT
/// @file
/// The algorithm of byte-pair encoding over a fixed list of merges.
#pragma once

#include <solo/core/config.hpp>

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI {
namespace detail {

/// One merge by ids; its rank is its place in the list.
struct Merge {
  int left = 0;
  int right = 0;
  int result = 0;
  friend bool operator==(const Merge&, const Merge&) = default;
};

/// Applies merges to pieces. Immutable, so any number of threads may use one. Look-ups search
/// sorted arrays: no input makes them slower than O(log merges).
class Bpe {
 public:
  Bpe() = default;
  /// `byte_ids` are the ids of the single bytes; `merges` in rank order, without a pair twice, all
  /// ids below vocab_size.
  Bpe(std::span<const Merge> merges, const std::array<int, 256>& byte_ids, int vocab_size);

  /// Appends the ids of one piece: again and again the pair of lowest rank is merged, the leftmost
  /// of equal ones first, as Hugging Face's tokenizers do. (The original GPT-2 code merges every
  /// occurrence of a pair before it looks at the new pairs; the two differ only where a merge
  /// creates a pair of lower rank, which trained merges never do.)
  void append_ids(std::string_view piece, std::vector<int>& out) const;

  /// Takes a vocabulary that grew by tokens without merges.
  void grow(int vocab_size);

  /// Rank of this pair, or -1.
  [[nodiscard]] int rank(int left, int right) const noexcept;

  friend bool operator==(const Bpe&, const Bpe&) = default;

 private:
  static constexpr std::uint32_t kNoMerge = 0xFFFFFFFFU;
  struct Entry {
    int right = 0;
    std::uint32_t rank = kNoMerge;
    int result = 0;
    friend bool operator==(const Entry&, const Entry&) = default;
  };

  [[nodiscard]] Entry find(int left, int right) const noexcept;
  void append_short(std::string_view piece, std::vector<int>& out) const;
  void append_long(std::string_view piece, std::vector<int>& out) const;

  std::array<int, 256> byte_ids_{};
  std::vector<std::uint32_t> begin_;  // entries of left id i: [begin_[i], begin_[i + 1])
  std::vector<Entry> entries_;        // by left, then right
};

}  // namespace detail
}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/text/bpe.ipp>  // IWYU pragma: keep
#endif
