// SPDX-License-Identifier: MIT
#pragma once

#include <solo/metrics/nist.hpp>

#include <cmath>
#include <cstdint>

namespace solo::inline SOLO_ABI {

SOLO_INLINE NistStatistics& NistStatistics::operator+=(const NistStatistics& other) noexcept {
  for (std::size_t n = 0; n < kOrders; ++n) {
    information[n] += other.information[n];
    candidates[n] += other.candidates[n];
  }
  length += other.length;
  reference_length += other.reference_length;
  return *this;
}

SOLO_INLINE std::optional<double> NistStatistics::score() const noexcept {
  double sum = 0.0;
  for (std::size_t n = 0; n < kOrders; ++n) {
    if (candidates[n] == 0.0) return {};
    sum += information[n] / candidates[n];
  }
  const double ratio = reference_length > 0.0 ? length / reference_length : 1.0;
  if (ratio >= 1.0) return sum;
  if (ratio <= 0.0) return 0.0;
  const double half = std::log(1.5);
  const double beta = std::log(2.0) / (half * half);
  return sum * std::exp(-beta * std::log(ratio) * std::log(ratio));
}

namespace detail {

SOLO_INLINE void NistInformation::add(const NgramCounts& reference) {
  const auto count = [&](int ngram, double more) {
    *counts_.emplace(static_cast<std::uint64_t>(ngram), 0.0).first += more;
  };
  count(0, static_cast<double>(reference.length));
  for (const std::vector<NgramCount>& order : reference.of) {
    for (const NgramCount& item : order) count(item.ngram, item.count);
  }
}

SOLO_INLINE double NistInformation::count(int ngram) const {
  const double* const found = counts_.find(static_cast<std::uint64_t>(ngram));
  return found == nullptr ? 0.0 : *found;
}

SOLO_INLINE double NistInformation::operator()(const NgramTrie& trie, int ngram) const {
  return std::log2(count(trie.prefix(ngram)) / count(ngram));
}

SOLO_INLINE NistStatistics nist_statistics(const NgramCounts& hypothesis,
                                           std::span<const NgramCounts> references,
                                           const NistInformation& information,
                                           const NgramTrie& trie) {
  NistStatistics s;
  s.length = static_cast<double>(hypothesis.length);
  for (std::size_t n = 0; n < NistStatistics::kOrders; ++n) {
    for (const NgramCount& item : hypothesis.of[n]) {
      const double hits = clipped_hits(item, n, references);
      if (hits > 0.0) s.information[n] += hits * information(trie, item.ngram);
    }
    s.candidates[n] = s.length - static_cast<double>(n);
  }
  for (const NgramCounts& r : references) s.reference_length += static_cast<double>(r.length);
  s.reference_length /= static_cast<double>(references.size());
  return s;
}

}  // namespace detail

}  // namespace solo::inline SOLO_ABI
