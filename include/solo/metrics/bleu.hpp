// SPDX-License-Identifier: MIT
/// @file
/// BLEU-4 (Papineni et al. 2002) as e2e-metrics' pymteval computes it.
#pragma once

#include <solo/metrics/ngrams.hpp>

#include <array>

namespace solo::inline SOLO_ABI {

/// What BLEU needs of a text, or of several: sums add up.
struct BleuStatistics {
  static constexpr std::size_t kOrders = 4;
  std::array<double, kOrders> hits = {};        ///< Σ min(count, most in any reference)
  std::array<double, kOrders> candidates = {};  ///< Σ (length − (n − 1)), below 0 too
  double reference_length = 0.0;                ///< of the closest reference, the shorter of two

  BleuStatistics& operator+=(const BleuStatistics& other) noexcept;
  /// brevity · exp(¼ Σ log(hits / candidates)). A fraction; above 1 when texts are mostly empty.
  [[nodiscard]] double score() const noexcept;
  /// The score of one text with one hit and candidate more in the precision of every order; the
  /// brevity is that of the text as it is.
  [[nodiscard]] double smoothed_score() const noexcept;

 private:
  [[nodiscard]] double score_with(double more) const noexcept;
};

namespace detail {
/// Of one text and its references, tokens in lower case.
[[nodiscard]] BleuStatistics bleu_statistics(const NgramCounts& hypothesis,
                                             std::span<const NgramCounts> references);
}  // namespace detail

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/metrics/bleu.ipp>  // IWYU pragma: keep
#endif
