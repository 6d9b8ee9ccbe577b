// SPDX-License-Identifier: MIT
/// @file
/// NIST-5 (Doddington 2002) as e2e-metrics' pymteval computes it.
#pragma once

#include <solo/metrics/ngrams.hpp>

#include <array>
#include <optional>

namespace solo::inline SOLO_ABI {

/// What NIST needs of a text, or of several: sums add up.
struct NistStatistics {
  static constexpr std::size_t kOrders = 5;
  std::array<double, kOrders> information = {};  ///< Σ info · hits
  std::array<double, kOrders> candidates = {};   ///< Σ (length − (n − 1)), below 0 too
  double length = 0.0;
  double reference_length = 0.0;  ///< mean over the references

  NistStatistics& operator+=(const NistStatistics& other) noexcept;
  /// Σ_n information / candidates · exp(−β ln² min(1, length / reference_length)), β such that a
  /// text of two thirds of the length loses half. Nothing when an order has 0 candidates.
  [[nodiscard]] std::optional<double> score() const noexcept;
};

namespace detail {

/// info(w₁ … wₙ) = log₂(C(w₁ … wₙ₋₁) / C(w₁ … wₙ)), C counted over all references; C of the empty
/// n-gram is the number of all words.
class NistInformation {
 public:
  void add(const NgramCounts& reference);
  [[nodiscard]] double operator()(const NgramTrie& trie, int ngram) const;

 private:
  [[nodiscard]] double count(int ngram) const;
  NumberMap<double> counts_;  // by n-gram
};

[[nodiscard]] NistStatistics nist_statistics(const NgramCounts& hypothesis,
                                             std::span<const NgramCounts> references,
                                             const NistInformation& information,
                                             const NgramTrie& trie);

}  // namespace detail

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/metrics/nist.ipp>  // IWYU pragma: keep
#endif
