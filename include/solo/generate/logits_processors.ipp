// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/generate/logits_processors.hpp>
#include <solo/kernels/scratch.hpp>
#include <solo/kernels/table.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
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

template <Scalar T>
void require_no_nan(std::span<const T> logits) {
  const auto size = static_cast<Index>(logits.size());
  const auto next = [&](Index begin) {  // NaN or infinity
    return kernels<T>().find_not_less(begin, size, logits.data(), -kBanned<T>);
  };
  for (Index i = next(0); i < size; i = next(i + 1)) {
    if (std::isnan(logits[static_cast<std::size_t>(i)])) {
      fail<NumericError>("numeric.logits", "the logit of token ", i, " is NaN");
    }
  }
}

template <Scalar T>
double log_sum_exp(std::span<T> scores) {
  require_no_nan<T>(scores);
  const LogitSums sums =
      kernels<T>().logit_sums(static_cast<Index>(scores.size()), scores.data(), false);
  const double log_sum = sums.top + std::log(sums.exp_sum);
  if (!is_finite(log_sum)) {
    fail<NumericError>("numeric.logits", "the largest logit is ", sums.top);
  }
  return log_sum;
}

template <Scalar T>
void log_softmax(std::span<T> scores) {
  const double log_sum = log_sum_exp(scores);
  for (T& score : scores) score = static_cast<T>(static_cast<double>(score) - log_sum);
}

template <Scalar T>
void penalise_repetition(std::span<T> scores, std::span<const int> ids, double penalty) {
  const T factor = static_cast<T>(penalty);
  // Room for more than there are, so that growing sequences rarely ask for memory.
  int* const distinct =
      thread_buffer<int, kTokens>(static_cast<Index>(std::bit_ceil(ids.size() + 1024)));
  int* end = std::copy(ids.begin(), ids.end(), distinct);
  std::sort(distinct, end);
  end = std::unique(distinct, end);
  for (const int* id = distinct; id != end; ++id) {
    T& score = scores[static_cast<std::size_t>(*id)];
    score = score < 0 ? score * factor : score / factor;
  }
}

template <Scalar T>
void ban_repeated_ngrams(std::span<T> scores, std::span<const int> ids, Index n) {
  const auto context = static_cast<std::size_t>(n - 1);
  if (ids.size() < context + 1) return;
  const std::span<const int> last = ids.last(context);
  for (std::size_t begin = 0; begin + context < ids.size(); ++begin) {
    if (std::equal(last.begin(), last.end(), ids.begin() + static_cast<std::ptrdiff_t>(begin))) {
      scores[static_cast<std::size_t>(ids[begin + context])] = kBanned<T>;
    }
  }
}

template <Scalar T>
void keep_top_k(std::span<T> scores, Index k) {
  const auto size = static_cast<Index>(scores.size());
  if (k >= size) return;
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
  const T least = *heap;
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

template <Scalar T>
void process_scores(std::span<T> scores, std::span<const int> ids, const DecodingRules& rules) {
  if (rules.repetition_penalty != 1.0) {
    penalise_repetition(scores, ids, rules.repetition_penalty);
  }
  if (rules.no_repeat_ngram_size > 0) {
    ban_repeated_ngrams(scores, ids, rules.no_repeat_ngram_size);
  }
}

template <Scalar T>
void warp_scores(std::span<T> scores, const DecodingRules& rules) {
  const Index least = rules.min_tokens_to_keep();
  if (rules.temperature != 1.0) {
    for (T& score : scores) score = static_cast<T>(static_cast<double>(score) / rules.temperature);
  }
  if (rules.top_k > 0) keep_top_k(scores, std::max(rules.top_k, least));
  if (rules.top_p < 1.0) keep_top_p(scores, rules.top_p, least);
  if (rules.min_p > 0.0) keep_min_p(scores, rules.min_p, least);
}

#if !SOLO_HEADER_ONLY
#define SOLO_INSTANTIATE(T)                                                                  \
  template void require_no_nan<T>(std::span<const T>);                                       \
  template double log_sum_exp<T>(std::span<T>);                                              \
  template void log_softmax<T>(std::span<T>);                                                \
  template void penalise_repetition<T>(std::span<T>, std::span<const int>, double);          \
  template void ban_repeated_ngrams<T>(std::span<T>, std::span<const int>, Index);           \
  template void keep_top_k<T>(std::span<T>, Index);                                          \
  template void keep_top_p<T>(std::span<T>, double, Index);                                  \
  template void keep_min_p<T>(std::span<T>, double, Index);                                  \
  template void process_scores<T>(std::span<T>, std::span<const int>, const DecodingRules&); \
  template void warp_scores<T>(std::span<T>, const DecodingRules&)
SOLO_INSTANTIATE(float);
SOLO_INSTANTIATE(double);
#undef SOLO_INSTANTIATE
#endif

}  // namespace solo::inline SOLO_ABI::detail
