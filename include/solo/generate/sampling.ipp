// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/generate/sampling.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

namespace solo::inline SOLO_ABI::detail {

template <Scalar T>
int best_token(std::span<const T> scores) {
  return static_cast<int>(std::max_element(scores.begin(), scores.end()) - scores.begin());
}

template <Scalar T>
int draw_token(std::span<const T> scores, double uniform) {
  const double top = static_cast<double>(scores[static_cast<std::size_t>(best_token(scores))]);
  if (!is_finite(top)) {
    fail<NumericError>("numeric.logits", "cannot sample: the largest score is ", top);
  }
  std::vector<double> cumulated;
  double sum = 0.0;
  for (const T score : scores) {
    sum += std::exp(static_cast<double>(score) - top);
    cumulated.push_back(sum);
  }
  return static_cast<int>(std::upper_bound(cumulated.begin(), cumulated.end(), uniform * sum) -
                          cumulated.begin());
}

#if !SOLO_HEADER_ONLY
template int best_token<float>(std::span<const float>);
template int best_token<double>(std::span<const double>);
template int draw_token<float>(std::span<const float>, double);
template int draw_token<double>(std::span<const double>, double);
#endif

}  // namespace solo::inline SOLO_ABI::detail
