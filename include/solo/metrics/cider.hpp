// SPDX-License-Identifier: MIT
/// @file
/// CIDEr (Vedantam et al. 2015) as coco-caption computes it: clipped and with a length penalty,
/// which the paper calls CIDEr-D.
#pragma once

#include <solo/metrics/ngrams.hpp>

#include <array>

namespace solo::inline SOLO_ABI::detail {

/// Scores of texts, given how many instances have an n-gram in at least one of their references.
/// Words are ptb_tokens.
class Cider {
 public:
  static constexpr std::size_t kOrders = 4;

  /// Counts the n-grams of an instance's references.
  void add_instance(std::span<const NgramCounts> references);
  /// 10 · mean over n and references of
  /// Σ min(w_h, w_r) w_r / (‖w_h‖ ‖w_r‖) · exp(−(length_h − length_r)² / 2σ²), σ = 6, with
  /// w = count · (ln N − ln max(1, df)). Lengths count bigrams.
  [[nodiscard]] double score(const NgramCounts& hypothesis,
                             std::span<const NgramCounts> references) const;

 private:
  struct Weights {
    std::array<std::vector<NgramCount>, kOrders> of;  // weights in the place of counts
    std::array<double, kOrders> norm = {};
    double bigrams = 0.0;
  };
  [[nodiscard]] Weights weights(const NgramCounts& counts) const;
  [[nodiscard]] static double similarity(const Weights& h, const Weights& r);

  std::vector<double> instances_with_;  // by n-gram
  double instances_ = 0.0;
};

}  // namespace solo::inline SOLO_ABI::detail

#if SOLO_HEADER_ONLY
#include <solo/metrics/cider.ipp>  // IWYU pragma: keep
#endif
