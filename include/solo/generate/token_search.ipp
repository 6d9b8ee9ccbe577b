// SPDX-License-Identifier: MIT
#pragma once

#include <solo/generate/logits_processors.hpp>
#include <solo/generate/sampling.hpp>
#include <solo/generate/token_search.hpp>

#include <utility>

namespace solo::inline SOLO_ABI::detail {

template <Scalar T>
TokenSearch<T>::TokenSearch(const DecodingRules& rules, const StopRule& stop,
                            const std::vector<int>& prompt, Index max_new_tokens)
    : rules_(rules),
      stop_(stop),
      prompt_size_(prompt.size()),
      max_new_tokens_(max_new_tokens),
      sequences_(static_cast<std::size_t>(rules.num_return_sequences), prompt) {
  for (std::size_t i = 0; i < sequences_.size(); ++i) running_.push_back(i);
}

template <Scalar T>
void TokenSearch<T>::stream_to(const GenerateOptions& options) {
  tokenizer_ = options.tokenizer;
  stream_.emplace(options.on_token);
}

template <Scalar T>
std::vector<Continuation> TokenSearch<T>::step(MatrixView<T> logits) {
  std::vector<Continuation> continuations;
  std::vector<std::size_t> running;
  for (std::size_t i = 0; i < running_.size(); ++i) {
    // In the first step all sequences are the prompt, and share its row.
    const Index row = logits.rows == 1 ? 0 : static_cast<Index>(i);
    std::vector<int>& ids = sequences_[running_[i]];
    const std::span<T> scores = row_span(logits, row);
    if (i == 0 || row != 0) {
      require_no_nan<T>(scores);
      process_scores<T>(scores, ids, rules_);
      if (rules_.do_sample) warp_scores(scores, rules_);
    }
    ids.push_back(next_token(scores, running_[i]));
    const bool full = static_cast<Index>(ids.size() - prompt_size_) >= max_new_tokens_;
    const bool finished = full || stop_.ended(ids);
    tell(ids.back(), finished);
    if (finished) continue;
    continuations.push_back({row, ids.back()});
    running.push_back(running_[i]);
  }
  running_ = std::move(running);
  return continuations;
}

template <Scalar T>
int TokenSearch<T>::next_token(std::span<const T> scores, std::size_t sequence) const {
  if (!rules_.do_sample) return best_token(scores);
  const Philox random(rules_.seed, sequence);
  return draw_token(scores, open_uniform(random, sequences_[sequence].size() - prompt_size_));
}

template <Scalar T>
void TokenSearch<T>::tell(int token, bool finished) {
  if (!stream_) return;
  // A final end token is no text.
  if (!(finished && stop_.is_end_token(token))) stream_->push(tokenizer_->token(token));
  if (finished) stream_->finish();
}

template <Scalar T>
std::vector<std::vector<int>> TokenSearch<T>::results() {
  for (std::vector<int>& ids : sequences_) {
    ids.erase(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(prompt_size_));
  }
  return std::move(sequences_);
}

#if !SOLO_HEADER_ONLY
template class TokenSearch<float>;
template class TokenSearch<double>;
#endif

}  // namespace solo::inline SOLO_ABI::detail
