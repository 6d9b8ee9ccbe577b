// SPDX-License-Identifier: MIT
#pragma once

#include <solo/metrics/common_subsequence.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace solo::inline SOLO_ABI::detail {

/// The state of the computation is a row of bits, one for each word of b: 0 where the length of the
/// common subsequence grows. Blocks hold 63 of them; their last bit is 1, and a carry clears it in
/// the sum.
inline constexpr std::size_t kRowBits = 63;

/// Moves one block past a word of a that occurs in b where `occurs` says. `no_carry` is 0 when the
/// block before gave a carry, else 1.
inline void advance_block(std::uint64_t& row, std::uint64_t occurs, std::uint64_t& no_carry) {
  const std::uint64_t matches = row & occurs;
  const std::uint64_t sum = row + matches + 1U - no_carry;
  row = sum | (row - matches);
  no_carry = sum >> kRowBits;
}

/// Where each word of b occurs: all its blocks for a word that is in many, else the few that it is
/// in, so that all words together take memory by the length of b.
class WordPositions {
 public:
  WordPositions(std::span<const std::size_t> b, std::size_t words)
      : blocks_((b.size() + kRowBits - 1) / kRowBits), rare_(words), frequent_(words) {
    for (std::size_t i = 0; i < b.size(); ++i) {
      std::vector<Piece>& pieces = rare_[b[i]];
      const std::size_t block = i / kRowBits;
      if (pieces.empty() || pieces.back().block != block) pieces.push_back({block, 0});
      pieces.back().occurs |= std::uint64_t{1} << (i % kRowBits);
    }
    constexpr std::size_t kFrequent = 8;
    for (std::size_t word = 0; word < words; ++word) {
      if (rare_[word].size() * kFrequent <= blocks_) continue;
      frequent_[word].resize(blocks_);
      for (const Piece& piece : rare_[word]) frequent_[word][piece.block] = piece.occurs;
      rare_[word] = {};
    }
  }

  [[nodiscard]] std::size_t blocks() const noexcept { return blocks_; }
  [[nodiscard]] bool frequent(std::size_t word) const { return !frequent_[word].empty(); }

  /// Moves the row past one word.
  void advance(std::span<std::uint64_t> row, std::size_t word) const {
    std::uint64_t no_carry = 1;
    if (frequent(word)) {
      const std::vector<std::uint64_t>& occurs = frequent_[word];
      for (std::size_t j = 0; j < row.size(); ++j) advance_block(row[j], occurs[j], no_carry);
      return;
    }
    std::size_t next = 0;
    for (const Piece& piece : rare_[word]) {
      // Without a carry, blocks that lack the word stay as they are.
      for (; no_carry == 0 && next < piece.block; ++next) advance_block(row[next], 0, no_carry);
      advance_block(row[piece.block], piece.occurs, no_carry);
      next = piece.block + 1;
    }
    for (; no_carry == 0 && next < row.size(); ++next) advance_block(row[next], 0, no_carry);
  }

  /// Moves the row past several frequent words in one pass: their carries do not wait for each
  /// other.
  template <std::size_t N>
  void advance_all(std::span<std::uint64_t> row, std::span<const std::size_t, N> words) const {
    std::array<const std::uint64_t*, N> occurs{};
    std::array<std::uint64_t, N> no_carry{};
    for (std::size_t i = 0; i < N; ++i) {
      occurs[i] = frequent_[words[i]].data();
      no_carry[i] = 1;
    }
    for (std::size_t j = 0; j < row.size(); ++j) {
      std::uint64_t block = row[j];
      for (std::size_t i = 0; i < N; ++i) advance_block(block, occurs[i][j], no_carry[i]);
      row[j] = block;
    }
  }

 private:
  struct Piece {
    std::size_t block;
    std::uint64_t occurs;
  };

  std::size_t blocks_;
  std::vector<std::vector<Piece>> rare_;  // by word, as the next
  std::vector<std::vector<std::uint64_t>> frequent_;
};

/// Both lists without the words that the other lacks, as numbers below `words`.
struct SharedWords {
  SharedWords(std::span<const std::string> first, std::span<const std::string> second) {
    std::unordered_map<std::string_view, std::size_t> numbers;
    for (const std::string& word : second) numbers.try_emplace(word, numbers.size());
    words = numbers.size();
    std::vector<bool> in_both(words, false);
    for (const std::string& word : first) {
      const auto found = numbers.find(word);
      if (found == numbers.end()) continue;
      in_both[found->second] = true;
      a.push_back(found->second);
    }
    for (const std::string& word : second) {
      const std::size_t number = numbers.find(word)->second;
      if (in_both[number]) b.push_back(number);
    }
  }

  std::vector<std::size_t> a = {};
  std::vector<std::size_t> b = {};
  std::size_t words = 0;
};

SOLO_INLINE std::size_t longest_common_subsequence(std::span<const std::string> a,
                                                   std::span<const std::string> b) {
  constexpr std::size_t kTogether = 4;
  const std::size_t shorter = std::min(a.size(), b.size());
  std::size_t front = 0;
  while (front < shorter && a[front] == b[front]) ++front;
  std::size_t back = 0;
  while (back < shorter - front && a[a.size() - 1 - back] == b[b.size() - 1 - back]) ++back;
  const SharedWords shared(a.subspan(front, a.size() - front - back),
                           b.subspan(front, b.size() - front - back));
  const WordPositions positions(shared.b, shared.words);
  std::vector<std::uint64_t> row(positions.blocks(), ~std::uint64_t{0});
  const std::span<const std::size_t> words(shared.a);
  for (std::size_t i = 0; i < words.size();) {
    const auto next = words.subspan(i, std::min(kTogether, words.size() - i));
    const auto is_frequent = [&](std::size_t word) { return positions.frequent(word); };
    if (next.size() == kTogether && std::all_of(next.begin(), next.end(), is_frequent)) {
      positions.advance_all(row, next.first<kTogether>());
      i += kTogether;
    } else {
      positions.advance(row, words[i++]);
    }
  }
  std::size_t length = front + back;
  for (const std::uint64_t block : row) length += static_cast<std::size_t>(std::popcount(~block));
  return length;
}

}  // namespace solo::inline SOLO_ABI::detail
