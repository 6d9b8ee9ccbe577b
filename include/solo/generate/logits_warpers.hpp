// SPDX-License-Identifier: MIT
/// @file
/// What sampling leaves of the scores, one row at a time, as transformers' logits warpers do. A
/// token that is out has the score -inf.
#pragma once

#include <solo/core/scalar.hpp>
#include <solo/generate/options.hpp>
#include <solo/generate/token_scores.hpp>

#include <span>

namespace solo::inline SOLO_ABI::detail {

/// Of the 100 best, the best that have h of their entropy together, and the first in any case.
template <Scalar T>
void keep_top_h(std::span<T> scores, double h);

/// Bans what scores less than the k-th best (ties stay).
template <Scalar T>
void keep_top_k(std::span<T> scores, Index k);

/// Bans a token if the better ones have the probability p together; the `least` best stay.
template <Scalar T>
void keep_top_p(std::span<T> scores, double p, Index least);

/// Bans tokens less likely than p times the likeliest; the `least` best stay.
template <Scalar T>
void keep_min_p(std::span<T> scores, double p, Index least);

/// Bans all but the tokens whose -log p is nearest to its mean, the entropy: the nearest that have
/// the probability p together (ties stay), at least the `least` nearest.
template <Scalar T>
void keep_typical(std::span<T> scores, double p, Index least);

/// Bans tokens less likely than p; the `least` best stay.
template <Scalar T>
void keep_likelier(std::span<T> scores, double p, Index least);

/// Bans tokens less likely than p and than sqrt(p) · exp(-entropy); the `least` best stay.
template <Scalar T>
void keep_by_entropy(std::span<T> scores, double p, Index least);

/// Temperature, top_h, top_k, top_p, min_p, typical_p, epsilon_cutoff, eta_cutoff, in this order.
template <Scalar T>
void warp_scores(std::span<T> scores, const DecodingRules& rules);

}  // namespace solo::inline SOLO_ABI::detail

#if SOLO_HEADER_ONLY
#include <solo/generate/logits_warpers.ipp>  // IWYU pragma: keep
#endif
