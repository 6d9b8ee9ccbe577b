// SPDX-License-Identifier: MIT
/// @file
/// What changes the scores of the next token, one row at a time, as transformers' logits processors
/// do. A token that is out has the score -inf.
#pragma once

#include <solo/core/scalar.hpp>
#include <solo/generate/options.hpp>
#include <solo/generate/token_scores.hpp>

#include <cstddef>
#include <span>
#include <vector>

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

/// Adds the bias of every sequence that the next token may complete to that token.
template <Scalar T>
void bias_sequences(std::span<T> scores, std::span<const int> ids,
                    std::span<const SequenceBias> biases);

/// Bans the last token of every word whose other tokens are the last of `ids`.
template <Scalar T>
void ban_words(std::span<T> scores, std::span<const int> ids,
               std::span<const std::vector<int>> words);

template <Scalar T>
void ban_tokens(std::span<T> scores, std::span<const int> tokens);

/// Bans all but these tokens, whose scores become 0.
template <Scalar T>
void force_tokens(std::span<T> scores, std::span<const int> tokens);

/// Finite scores of the end tokens grow by |score| · (growth - 1).
template <Scalar T>
void raise_ends(std::span<T> scores, std::span<const int> end_tokens, double growth);

/// The sequence that the next token continues.
struct ScoredSequence {
  std::span<const int> ids;    ///< prompt and new tokens; of beam_style lora the new ones alone
  std::size_t new_tokens = 0;  ///< how many of them are new
};

/// All of these that the rules ask for, in transformers' order.
template <Scalar T>
void process_scores(std::span<T> scores, const ScoredSequence& sequence,
                    const DecodingRules& rules);

}  // namespace solo::inline SOLO_ABI::detail

#if SOLO_HEADER_ONLY
#include <solo/generate/logits_processors.ipp>  // IWYU pragma: keep
#endif
