// SPDX-License-Identifier: MIT
#pragma once

#include <solo/generate/logits_processors.hpp>
#include <solo/generate/logits_warpers.hpp>
#include <solo/kernels/scratch.hpp>
#include <solo/kernels/table.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>

namespace solo::inline SOLO_ABI::detail {

/// Bans all but the best tokens: the `least` best, and those after them as long as more(token).
/// more() sees every token that stays, in order. Of equal scores the last comes first, as in
/// transformers, which sorts upwards.
template <Scalar T, class More>
void keep_best(std::span<T> scores, Index least, const More& more) {
  const auto at = [&](int token) -> T& { return scores[static_cast<std::size_t>(token)]; };
  const auto worse = [&](int a, int b) { return at(a) < at(b) || (at(a) == at(b) && a < b); };
  int* const heap = thread_buffer<int, kTokens>(static_cast<Index>(scores.size()));
  int* end = heap;
  for_allowed<T>(scores, [&](int token) { *end++ = token; });
  std::make_heap(heap, end, worse);
  for (Index taken = 0; end != heap; ++taken) {
    const bool stays = more(*heap);
    if (!stays && taken >= least) break;
    std::pop_heap(heap, end, worse);
    --end;
  }
  for (const int* token = heap; token != end; ++token) at(*token) = kBanned<T>;
}

/// The k-th largest score; 1 <= k <= their number.
template <Scalar T>
T kth_best(std::span<const T> scores, Index k) {
  const auto size = static_cast<Index>(scores.size());
  T* const heap = thread_buffer<T, kTokenScores>(k);  // the k largest so far, the smallest in front
  std::copy_n(scores.begin(), k, heap);
  std::make_heap(heap, heap + k, std::greater<T>());
  const auto next = [&](Index begin) {
    return kernels<T>().find_not_less(begin, size, scores.data(), *heap);
  };
  for (Index i = next(k); i < size; i = next(i + 1)) {
    const T score = scores[static_cast<std::size_t>(i)];
    if (score == *heap) continue;
    std::pop_heap(heap, heap + k, std::greater<T>());
    heap[k - 1] = score;
    std::push_heap(heap, heap + k, std::greater<T>());
  }
  return *heap;
}

template <Scalar T>
void keep_top_k(std::span<T> scores, Index k) {
  if (k >= static_cast<Index>(scores.size())) return;
  const T least = kth_best<T>(scores, k);
  for (T& score : scores) score = score < least ? kBanned<T> : score;
}

template <Scalar T>
void keep_top_p(std::span<T> scores, double p, Index least) {
  const T top = maximum<T>(scores);
  const auto weight = [top](T score) { return std::exp(static_cast<double>(score - top)); };
  double sum = 0.0;
  for_allowed<T>(scores,
                 [&](int token) { sum += weight(scores[static_cast<std::size_t>(token)]); });
  double better = 0.0;  // the weight of all better tokens
  keep_best(scores, least, [&](int token) {
    const bool stays = better < p * sum;
    better += weight(scores[static_cast<std::size_t>(token)]);
    return stays;
  });
}

template <Scalar T>
void keep_min_p(std::span<T> scores, double p, Index least) {
  const T top = maximum<T>(scores);
  keep_best(scores, least, [&](int token) {
    return std::exp(static_cast<double>(scores[static_cast<std::size_t>(token)] - top)) >= p;
  });
}

/// Calls f(token, log p) for the tokens that are not out.
template <Scalar T, class F>
void for_log_probabilities(std::span<const T> scores, double log_sum, const F& f) {
  for_allowed<T>(scores, [&](int token) {
    f(token, static_cast<double>(scores[static_cast<std::size_t>(token)]) - log_sum);
  });
}

/// -Σ p log p.
template <Scalar T>
double entropy(std::span<const T> scores, double log_sum) {
  double sum = 0.0;
  for_log_probabilities(scores, log_sum,
                        [&](int, double log_p) { sum -= std::exp(log_p) * log_p; });
  return sum;
}

template <Scalar T>
void keep_top_h(std::span<T> scores, double h) {
  constexpr std::ptrdiff_t kConsidered = 100;  // as transformers
  int* const tokens = thread_buffer<int, kTokens>(static_cast<Index>(scores.size()));
  int* end = tokens;
  for_allowed<T>(scores, [&](int token) { *end++ = token; });
  const auto at = [&](int token) -> T& { return scores[static_cast<std::size_t>(token)]; };
  int* const last = tokens + std::min(kConsidered, end - tokens);
  std::partial_sort(tokens, last, end,
                    [&](int a, int b) { return at(a) > at(b) || (at(a) == at(b) && a < b); });
  const auto shifted = [&](int token) { return static_cast<double>(at(token) - at(*tokens)); };
  double sum = 0.0;
  for (const int* token = tokens; token != last; ++token) sum += std::exp(shifted(*token));
  const auto part = [&](int token) {  // of the entropy
    const double log_p = shifted(token) - std::log(sum);
    return -std::exp(log_p) * log_p;
  };
  double whole = 0.0;
  for (const int* token = tokens; token != last; ++token) whole += part(*token);
  double reached = 0.0;
  const int* kept = tokens;
  for (; kept != last; ++kept) {
    reached += part(*kept);
    if (reached > h * whole && kept != tokens) break;
  }
  for (const int* token = kept; token != end; ++token) at(*token) = kBanned<T>;
}

template <Scalar T>
void keep_typical(std::span<T> scores, double p, Index least) {
  const auto size = static_cast<Index>(scores.size());
  const double log_sum = log_sum_exp(scores);
  const double expected = entropy<T>(scores, log_sum);
  int* const tokens = thread_buffer<int, kTokens>(size);
  double* const distances = thread_buffer<double, kTokenSums>(size);
  int* end = tokens;
  for_log_probabilities<T>(scores, log_sum, [&](int token, double log_p) {
    *end++ = token;
    distances[token] = std::abs(-log_p - expected);
  });
  std::sort(tokens, end, [&](int a, int b) {
    return distances[a] < distances[b] || (distances[a] == distances[b] && a < b);
  });
  double reached = 0.0;
  const int* last = tokens;  // the first with which p is reached
  for (; last + 1 != end; ++last) {
    reached += std::exp(static_cast<double>(scores[static_cast<std::size_t>(*last)]) - log_sum);
    if (reached >= p) break;
  }
  const double farthest = distances[*last];
  for (const int* token = tokens + std::min<std::ptrdiff_t>(least, end - tokens); token != end;
       ++token) {
    if (distances[*token] > farthest) scores[static_cast<std::size_t>(*token)] = kBanned<T>;
  }
}

template <Scalar T>
void keep_likelier(std::span<T> scores, double p, Index least) {
  const T best = kth_best<T>(scores, std::min(least, static_cast<Index>(scores.size())));
  for_log_probabilities<T>(scores, log_sum_exp(scores), [&](int token, double log_p) {
    T& score = scores[static_cast<std::size_t>(token)];
    if (std::exp(log_p) < p && score < best) score = kBanned<T>;
  });
}

template <Scalar T>
void keep_by_entropy(std::span<T> scores, double p, Index least) {
  const double expected = entropy<T>(scores, log_sum_exp(scores));
  keep_likelier(scores, std::min(p, std::sqrt(p) * std::exp(-expected)), least);
}

template <Scalar T>
void warp_scores(std::span<T> scores, const DecodingRules& rules) {
  const Index least = rules.min_tokens_to_keep();
  if (rules.temperature != 1.0) {
    for (T& score : scores) score = static_cast<T>(static_cast<double>(score) / rules.temperature);
  }
  if (rules.top_h) keep_top_h(scores, *rules.top_h);
  if (rules.top_k > 0) keep_top_k(scores, std::max(rules.top_k, least));
  if (rules.top_p < 1.0) keep_top_p(scores, rules.top_p, least);
  if (rules.min_p > 0.0) keep_min_p(scores, rules.min_p, least);
  if (rules.typical_p < 1.0) keep_typical(scores, rules.typical_p, least);
  if (rules.epsilon_cutoff > 0.0) keep_likelier(scores, rules.epsilon_cutoff, least);
  if (rules.eta_cutoff > 0.0) keep_by_entropy(scores, rules.eta_cutoff, least);
}

#if !SOLO_HEADER_ONLY
#define SOLO_INSTANTIATE(T)                                      \
  template void keep_top_h<T>(std::span<T>, double);             \
  template void keep_top_k<T>(std::span<T>, Index);              \
  template void keep_top_p<T>(std::span<T>, double, Index);      \
  template void keep_min_p<T>(std::span<T>, double, Index);      \
  template void keep_typical<T>(std::span<T>, double, Index);    \
  template void keep_likelier<T>(std::span<T>, double, Index);   \
  template void keep_by_entropy<T>(std::span<T>, double, Index); \
  template void warp_scores<T>(std::span<T>, const DecodingRules&)
SOLO_INSTANTIATE(float);
SOLO_INSTANTIATE(double);
#undef SOLO_INSTANTIATE
#endif

}  // namespace solo::inline SOLO_ABI::detail
