// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/generate/sampling.hpp>
#include <solo/generate/token_scores.hpp>
#include <solo/kernels/scratch.hpp>

#include <algorithm>
#include <cmath>

namespace solo::inline SOLO_ABI::detail {

template <Scalar T>
int best_token(std::span<const T> scores) {
  const auto size = static_cast<Index>(scores.size());
  return static_cast<int>(kernels<T>().find_not_less(0, size, scores.data(), maximum<T>(scores)));
}

template <Scalar T>
int draw_token(std::span<const T> scores, double uniform) {
  const double top = static_cast<double>(maximum<T>(scores));
  if (!is_finite(top)) {
    fail<NumericError>("numeric.logits", "cannot sample: the largest score is ", top);
  }
  int* const tokens = thread_buffer<int, kTokens>(static_cast<Index>(scores.size()));
  double* const sums = thread_buffer<double, kTokenSums>(static_cast<Index>(scores.size()));
  Index count = 0;
  double sum = 0.0;
  for_allowed<T>(scores, [&](int token) {
    sum += std::exp(static_cast<double>(scores[static_cast<std::size_t>(token)]) - top);
    tokens[count] = token;
    sums[count++] = sum;
  });
  return tokens[std::upper_bound(sums, sums + count, uniform * sum) - sums];
}

#if !SOLO_HEADER_ONLY
template int best_token<float>(std::span<const float>);
template int best_token<double>(std::span<const double>);
template int draw_token<float>(std::span<const float>, double);
template int draw_token<double>(std::span<const double>, double);
#endif

}  // namespace solo::inline SOLO_ABI::detail
