// SPDX-License-Identifier: MIT
/// @file
/// Drawing tokens from scores. A draw is a pure function of the scores, the seed and two numbers.
#pragma once

#include <solo/core/rng.hpp>
#include <solo/core/scalar.hpp>

#include <cmath>
#include <cstdint>
#include <span>

namespace solo::inline SOLO_ABI::detail {

/// Number `index` of a stream, uniform in (0, 1).
[[nodiscard]] inline double open_uniform(const Philox& random, std::uint64_t index) {
  return (static_cast<double>(random.bits(index) >> 12U) + 0.5) * 0x1p-52;
}

/// The token of the largest score, the first of equals.
template <Scalar T>
[[nodiscard]] int best_token(std::span<const T> scores);

/// A token with the probability softmax(scores), by the inverse of the cumulated distribution in
/// the order of the tokens at `uniform`, in (0, 1). Throws NumericError ("numeric.logits") if the
/// scores are no distribution: all -inf, or one of them +inf.
template <Scalar T>
[[nodiscard]] int draw_token(std::span<const T> scores, double uniform);

/// What is added to log p so that the k largest sums are k draws without replacement, in order
/// (Gumbel's trick), for a number uniform in (0, 1).
[[nodiscard]] inline double gumbel(double uniform) {
  return -std::log(-std::log(uniform));
}

}  // namespace solo::inline SOLO_ABI::detail

#if SOLO_HEADER_ONLY
#include <solo/generate/sampling.ipp>  // IWYU pragma: keep
#endif
