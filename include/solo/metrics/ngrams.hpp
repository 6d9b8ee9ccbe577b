// SPDX-License-Identifier: MIT
/// @file
/// n-grams as numbers, and how often a text has each.
#pragma once

#include <solo/core/scalar.hpp>

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace solo::inline SOLO_ABI::detail {

/// An n-gram and how often it occurs.
struct NgramCount {
  int ngram = 0;
  double count = 0.0;
};

/// The n-grams of one text by order: of[0] are its words; sorted by number.
struct NgramCounts {
  std::vector<std::vector<NgramCount>> of;
  Index length = 0;  ///< words
};

/// A map from numbers below 2^64 - 1 to values, in one piece of memory: lines of megabytes have
/// millions of n-grams.
template <class Value>
class NumberMap {
 public:
  /// The value of a number, made as `value` where there is none; and whether it was made.
  std::pair<Value*, bool> emplace(std::uint64_t number, Value value) {
    if ((size_ + 1) * 2 > slots_.size()) grow();
    Slot& slot = slots_[place(number)];
    const bool made = slot.number == kFree;
    if (made) {
      slot = {number, value};
      ++size_;
    }
    return {&slot.value, made};
  }
  /// The value of a number, null where there is none.
  [[nodiscard]] const Value* find(std::uint64_t number) const {
    if (slots_.empty()) return nullptr;
    const Slot& slot = slots_[place(number)];
    return slot.number == kFree ? nullptr : &slot.value;
  }

 private:
  static constexpr std::uint64_t kFree = ~std::uint64_t{0};
  struct Slot {
    std::uint64_t number = kFree;
    Value value = {};
  };

  /// Where a number is or belongs; the size is a power of two.
  [[nodiscard]] std::size_t place(std::uint64_t number) const {
    std::uint64_t hash = number * 0x9E3779B97F4A7C15U;
    hash ^= hash >> 32U;
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = static_cast<std::size_t>(hash) & mask;
    while (slots_[at].number != kFree && slots_[at].number != number) at = (at + 1) & mask;
    return at;
  }
  void grow() {
    std::vector<Slot> old(slots_.empty() ? 16 : 2 * slots_.size());
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.number != kFree) slots_[place(slot.number)] = slot;
    }
  }

  std::vector<Slot> slots_;
  std::size_t size_ = 0;
};

/// Numbers for n-grams: nodes of a trie of words. The empty n-gram is 0.
class NgramTrie {
 public:
  /// The n-gram without its last word.
  [[nodiscard]] int prefix(int ngram) const { return prefixes_[static_cast<std::size_t>(ngram)]; }
  [[nodiscard]] std::size_t size() const noexcept { return prefixes_.size(); }

  /// Counts of the orders 1 … max_order.
  [[nodiscard]] NgramCounts count(std::span<const std::string> words, std::size_t max_order) {
    NgramCounts counts{.of = std::vector<std::vector<NgramCount>>(max_order),
                       .length = static_cast<Index>(words.size())};
    std::vector<int> numbers;
    for (const std::string& word : words) {
      numbers.push_back(words_.emplace(word, static_cast<int>(words_.size())).first->second);
    }
    for (std::size_t begin = 0; begin < numbers.size(); ++begin) {
      int node = 0;
      for (std::size_t n = 0; n < max_order && begin + n < numbers.size(); ++n) {
        node = child(node, numbers[begin + n]);
        counts.of[n].push_back({node, 1.0});
      }
    }
    for (std::vector<NgramCount>& order : counts.of) merge(order);
    return counts;
  }

 private:
  [[nodiscard]] int child(int node, int word) {
    const std::uint64_t key =
        (static_cast<std::uint64_t>(node) << 32U) | static_cast<std::uint32_t>(word);
    const auto [found, added] = children_.emplace(key, static_cast<int>(prefixes_.size()));
    if (added) prefixes_.push_back(node);
    return *found;
  }
  static void merge(std::vector<NgramCount>& order) {
    std::sort(order.begin(), order.end(),
              [](const NgramCount& a, const NgramCount& b) { return a.ngram < b.ngram; });
    std::size_t kept = 0;
    for (const NgramCount& item : order) {
      if (kept > 0 && order[kept - 1].ngram == item.ngram) {
        order[kept - 1].count += item.count;
      } else {
        order[kept++] = item;
      }
    }
    order.resize(kept);
  }

  std::unordered_map<std::string, int> words_;
  NumberMap<int> children_;
  std::vector<int> prefixes_ = {0};
};

/// How often a text has the n-gram.
[[nodiscard]] inline double count_of(std::span<const NgramCount> order, int ngram) {
  const auto found =
      std::lower_bound(order.begin(), order.end(), ngram,
                       [](const NgramCount& item, int wanted) { return item.ngram < wanted; });
  return found != order.end() && found->ngram == ngram ? found->count : 0.0;
}

/// min(count in the hypothesis, most in any reference).
[[nodiscard]] inline double clipped_hits(const NgramCount& item, std::size_t order,
                                         std::span<const NgramCounts> references) {
  double most = 0.0;
  for (const NgramCounts& reference : references) {
    most = std::max(most, count_of(reference.of[order], item.ngram));
  }
  return std::min(item.count, most);
}

}  // namespace solo::inline SOLO_ABI::detail
