// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/generate/logits_processors.hpp>
#include <solo/kernels/scratch.hpp>
#include <solo/kernels/table.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

namespace solo::inline SOLO_ABI::detail {

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

/// Whether one more token may complete the sequence.
[[nodiscard]] SOLO_INLINE bool would_complete(std::span<const int> ids,
                                              std::span<const int> sequence) {
  const std::size_t context = sequence.size() - 1;
  if (context > ids.size()) return false;
  const std::span<const int> last = ids.last(context);
  return std::equal(last.begin(), last.end(), sequence.begin());
}

template <Scalar T>
void bias_sequences(std::span<T> scores, std::span<const int> ids,
                    std::span<const SequenceBias> biases) {
  for (const SequenceBias& sequence : biases) {
    if (would_complete(ids, sequence.ids)) {
      scores[static_cast<std::size_t>(sequence.ids.back())] += static_cast<T>(sequence.bias);
    }
  }
}

template <Scalar T>
void ban_words(std::span<T> scores, std::span<const int> ids,
               std::span<const std::vector<int>> words) {
  for (const std::vector<int>& word : words) {
    if (would_complete(ids, word)) scores[static_cast<std::size_t>(word.back())] = kBanned<T>;
  }
}

template <Scalar T>
void ban_tokens(std::span<T> scores, std::span<const int> tokens) {
  for (const int token : tokens) scores[static_cast<std::size_t>(token)] = kBanned<T>;
}

template <Scalar T>
void force_tokens(std::span<T> scores, std::span<const int> tokens) {
  std::fill(scores.begin(), scores.end(), kBanned<T>);
  for (const int token : tokens) scores[static_cast<std::size_t>(token)] = T{0};
}

template <Scalar T>
void raise_ends(std::span<T> scores, std::span<const int> end_tokens, double growth) {
  for (const int token : end_tokens) {
    T& score = scores[static_cast<std::size_t>(token)];
    if (is_finite(score)) score += std::abs(score) * static_cast<T>(growth - 1.0);
  }
}

template <Scalar T>
void process_scores(std::span<T> scores, const ScoredSequence& sequence,
                    const DecodingRules& rules) {
  const std::span<const int> ids = sequence.ids;
  const auto count = static_cast<Index>(sequence.new_tokens);
  const Index prompt = static_cast<Index>(ids.size()) - count;
  bias_sequences<T>(scores, ids, rules.sequence_bias);
  if (rules.repetition_penalty != 1.0) {
    penalise_repetition(scores, ids, rules.repetition_penalty);
  }
  if (rules.no_repeat_ngram_size > 0) {
    ban_repeated_ngrams(scores, ids, rules.no_repeat_ngram_size);
  }
  ban_words<T>(scores, ids, rules.bad_words_ids);
  if (count < rules.least_tokens(prompt)) ban_tokens<T>(scores, rules.end_tokens);
  if (rules.forced_bos_token_id && ids.size() == 1) {
    force_tokens<T>(scores, {&*rules.forced_bos_token_id, 1});
  }
  if (!rules.forced_eos_token_id.empty() && count + 1 == rules.wanted_tokens(prompt)) {
    force_tokens<T>(scores, rules.forced_eos_token_id);
  }
  if (const auto& decay = rules.exponential_decay_length_penalty; decay && count > decay->start) {
    const auto steps = static_cast<double>(count - decay->start);
    raise_ends<T>(scores, rules.end_tokens, std::pow(decay->factor, steps));
  }
  ban_tokens<T>(scores, rules.suppress_tokens);
  // A forced first token is not the first that may be suppressed.
  const Index first = rules.forced_bos_token_id && prompt == 1 ? 1 : 0;
  if (count == first) ban_tokens<T>(scores, rules.begin_suppress_tokens);
}

#if !SOLO_HEADER_ONLY
#define SOLO_INSTANTIATE(T)                                                         \
  template void require_no_nan<T>(std::span<const T>);                              \
  template double log_sum_exp<T>(std::span<T>);                                     \
  template void log_softmax<T>(std::span<T>);                                       \
  template void penalise_repetition<T>(std::span<T>, std::span<const int>, double); \
  template void ban_repeated_ngrams<T>(std::span<T>, std::span<const int>, Index);  \
  template void bias_sequences<T>(std::span<T>, std::span<const int>,               \
                                  std::span<const SequenceBias>);                   \
  template void ban_words<T>(std::span<T>, std::span<const int>,                    \
                             std::span<const std::vector<int>>);                    \
  template void ban_tokens<T>(std::span<T>, std::span<const int>);                  \
  template void force_tokens<T>(std::span<T>, std::span<const int>);                \
  template void raise_ends<T>(std::span<T>, std::span<const int>, double);          \
  template void process_scores<T>(std::span<T>, const ScoredSequence&, const DecodingRules&)
SOLO_INSTANTIATE(float);
SOLO_INSTANTIATE(double);
#undef SOLO_INSTANTIATE
#endif

}  // namespace solo::inline SOLO_ABI::detail
