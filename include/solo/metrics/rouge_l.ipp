// SPDX-License-Identifier: MIT
#pragma once

#include <solo/metrics/common_subsequence.hpp>
#include <solo/metrics/rouge_l.hpp>

#include <algorithm>

namespace solo::inline SOLO_ABI {
namespace detail {

[[nodiscard]] SOLO_INLINE std::vector<std::string> one_word_or_more(
    std::vector<std::string> words) {
  if (words.empty()) words.emplace_back();
  return words;
}

}  // namespace detail

SOLO_INLINE double rouge_l(const std::vector<std::string>& hypothesis,
                           std::span<const std::vector<std::string>> references) {
  constexpr double kBetaSquared = 1.2 * 1.2;
  const std::vector<std::string> said = detail::one_word_or_more(hypothesis);
  double precision = 0.0;
  double recall = 0.0;
  for (const std::vector<std::string>& words : references) {
    const std::vector<std::string> reference = detail::one_word_or_more(words);
    const auto common = static_cast<double>(detail::longest_common_subsequence(said, reference));
    precision = std::max(precision, common / static_cast<double>(said.size()));
    recall = std::max(recall, common / static_cast<double>(reference.size()));
  }
  if (precision == 0.0 || recall == 0.0) return 0.0;
  return (1.0 + kBetaSquared) * precision * recall / (recall + kBetaSquared * precision);
}

}  // namespace solo::inline SOLO_ABI
