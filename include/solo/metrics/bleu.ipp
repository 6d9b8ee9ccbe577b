// SPDX-License-Identifier: MIT
#pragma once

#include <solo/metrics/bleu.hpp>

#include <cmath>
#include <cstdlib>

namespace solo::inline SOLO_ABI {

SOLO_INLINE BleuStatistics& BleuStatistics::operator+=(const BleuStatistics& other) noexcept {
  for (std::size_t n = 0; n < kOrders; ++n) {
    hits[n] += other.hits[n];
    candidates[n] += other.candidates[n];
  }
  reference_length += other.reference_length;
  return *this;
}

SOLO_INLINE double BleuStatistics::score_with(double more) const noexcept {
  double brevity = 1.0;
  if (candidates[0] <= reference_length) {
    brevity = std::exp(1.0 - reference_length / (candidates[0] == 0.0 ? 1e-5 : candidates[0]));
  }
  double sum = 0.0;
  for (std::size_t n = 0; n < kOrders; ++n) {
    sum += std::log(std::max(hits[n] + more, 1e-15) / std::max(candidates[n] + more, 1e-9));
  }
  return brevity * std::exp(sum / kOrders);
}

SOLO_INLINE double BleuStatistics::score() const noexcept {
  return score_with(0.0);
}

SOLO_INLINE double BleuStatistics::smoothed_score() const noexcept {
  return score_with(1.0);
}

namespace detail {

SOLO_INLINE BleuStatistics bleu_statistics(const NgramCounts& hypothesis,
                                           std::span<const NgramCounts> references) {
  BleuStatistics s;
  for (std::size_t n = 0; n < BleuStatistics::kOrders; ++n) {
    for (const NgramCount& item : hypothesis.of[n]) s.hits[n] += clipped_hits(item, n, references);
    s.candidates[n] = static_cast<double>(hypothesis.length) - static_cast<double>(n);
  }
  const auto distance = [&](const NgramCounts& r) {
    return std::pair(std::abs(r.length - hypothesis.length), r.length);
  };
  const auto closest = std::min_element(
      references.begin(), references.end(),
      [&](const NgramCounts& a, const NgramCounts& b) { return distance(a) < distance(b); });
  s.reference_length = static_cast<double>(closest->length);
  return s;
}

}  // namespace detail

}  // namespace solo::inline SOLO_ABI
