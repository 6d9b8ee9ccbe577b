// SPDX-License-Identifier: MIT
/// @file
/// What changes the scores of the next token, one row at a time, as transformers' logits processors
/// and warpers of the same names do. A token that is out has the score -inf.
#pragma once

#include <solo/core/scalar.hpp>
#include <solo/generate/options.hpp>
#include <solo/generate/token_scores.hpp>

#include <span>

namespace solo::inline SOLO_ABI::detail {

/// Throws NumericError ("numeric.logits") naming the first token whose logit is NaN.
template <Scalar T>
void require_no_nan(std::span<const T> logits);

/// log Σ exp(logit). Throws NumericError ("numeric.logits") for NaN, +inf, or if no logit is
/// finite.
template <Scalar T>
[[nodiscard]] double log_sum_exp(std::span<T> logits);

/// Logits become log-probabilities. Throws as log_sum_exp().
template <Scalar T>
void log_softmax(std::span<T> scores);

/// Scores of the tokens in `ids`: divided by the penalty if above 0, else multiplied by it.
template <Scalar T>
void penalise_repetition(std::span<T> scores, std::span<const int> ids, double penalty);

/// Bans every token that followed an earlier occurrence of the last n - 1 of `ids`.
template <Scalar T>
void ban_repeated_ngrams(std::span<T> scores, std::span<const int> ids, Index n);

/// Bans what scores less than the k-th best (ties stay).
template <Scalar T>
void keep_top_k(std::span<T> scores, Index k);

/// Bans a token if the better ones have the probability p together; the `least` best stay.
template <Scalar T>
void keep_top_p(std::span<T> scores, double p, Index least);

/// Bans tokens less likely than p times the likeliest; the `least` best stay.
template <Scalar T>
void keep_min_p(std::span<T> scores, double p, Index least);

/// Repetition penalty, then n-gram bans; `ids` is prompt and new tokens.
template <Scalar T>
void process_scores(std::span<T> scores, std::span<const int> ids, const DecodingRules& rules);

/// Temperature, top_k, top_p, min_p, in this order.
template <Scalar T>
void warp_scores(std::span<T> scores, const DecodingRules& rules);

}  // namespace solo::inline SOLO_ABI::detail

#if SOLO_HEADER_ONLY
#include <solo/generate/logits_processors.ipp>  // IWYU pragma: keep
#endif
