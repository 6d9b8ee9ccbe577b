// SPDX-License-Identifier: MIT
#pragma once

#include <solo/metrics/cider.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

namespace solo::inline SOLO_ABI::detail {

SOLO_INLINE void Cider::add_instance(std::span<const NgramCounts> references) {
  std::vector<int> seen;
  for (const NgramCounts& reference : references) {
    for (std::size_t n = 0; n < kOrders; ++n) {
      for (const NgramCount& item : reference.of[n]) seen.push_back(item.ngram);
    }
  }
  std::sort(seen.begin(), seen.end());
  seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
  for (const int ngram : seen) {
    const auto i = static_cast<std::size_t>(ngram);
    if (i >= instances_with_.size()) instances_with_.resize(2 * i + 1);
    instances_with_[i] += 1.0;
  }
  instances_ += 1.0;
}

SOLO_INLINE Cider::Weights Cider::weights(const NgramCounts& counts) const {
  Weights w;
  for (std::size_t n = 0; n < kOrders; ++n) {
    double sum = 0.0;
    for (const NgramCount& item : counts.of[n]) {
      const auto i = static_cast<std::size_t>(item.ngram);
      const double df = i < instances_with_.size() ? instances_with_[i] : 0.0;
      const double weight = item.count * (std::log(instances_) - std::log(std::max(1.0, df)));
      w.of[n].push_back({item.ngram, weight});
      sum += weight * weight;
      if (n == 1) w.bigrams += item.count;
    }
    w.norm[n] = std::sqrt(sum);
  }
  return w;
}

SOLO_INLINE double Cider::similarity(const Weights& h, const Weights& r) {
  constexpr double kSigma = 6.0;
  const double delta = h.bigrams - r.bigrams;
  const double penalty = std::exp(-delta * delta / (2.0 * kSigma * kSigma));
  double mean = 0.0;
  for (std::size_t n = 0; n < kOrders; ++n) {
    double sum = 0.0;
    for (const NgramCount& item : h.of[n]) {
      const double other = count_of(r.of[n], item.ngram);
      sum += std::min(item.count, other) * other;
    }
    if (h.norm[n] != 0.0 && r.norm[n] != 0.0) sum /= h.norm[n] * r.norm[n];
    mean += sum * penalty / kOrders;
  }
  return mean;
}

SOLO_INLINE double Cider::score(const NgramCounts& hypothesis,
                                std::span<const NgramCounts> references) const {
  const Weights h = weights(hypothesis);
  double sum = 0.0;
  for (const NgramCounts& reference : references) sum += similarity(h, weights(reference));
  return 10.0 * sum / static_cast<double>(references.size());
}

}  // namespace solo::inline SOLO_ABI::detail
