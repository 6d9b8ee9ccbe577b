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
    return found->second;
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
  std::unordered_map<std::uint64_t, int> children_;
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
