// SPDX-License-Identifier: MIT
#pragma once

#include <solo/generate/logits_processors.hpp>
#include <solo/generate/logits_warpers.hpp>
#include <solo/generate/sampling.hpp>
#include <solo/generate/token_search.hpp>

namespace solo::inline SOLO_ABI::detail {

template <Scalar T>
TokenSearch<T>::TokenSearch(const SearchSettings& settings, const std::vector<int>& prompt,
                            const TokenLimit& limit)
    : settings_(settings),
      prompt_size_(prompt.size()),
      limit_(limit),
      sequences_(static_cast<std::size_t>(settings.rules.num_return_sequences)),
      tokens_(sequences_.size()) {
  for (std::size_t i = 0; i < sequences_.size(); ++i) {
    sequences_[i].reserve(prompt.size() + static_cast<std::size_t>(limit.tokens));
    sequences_[i] = prompt;
    running_.push_back(i);
  }
}

template <Scalar T>
void TokenSearch<T>::stream_to(const GenerateOptions& options) {
  tokenizer_ = options.tokenizer;
  stream_.emplace(options.on_token);
}

template <Scalar T>
void TokenSearch<T>::step(MatrixView<T> logits, std::vector<Continuation>& next) {
  // In the first step all sequences are the prompt, and share its row.
  const auto row_of = [&](std::size_t i) { return logits.rows == 1 ? 0 : static_cast<Index>(i); };
  settings_.pool.for_each(logits.rows, [&](Index row) {
    process_row(row_span(logits, row), running_[static_cast<std::size_t>(row)]);
  });
  settings_.pool.for_each(static_cast<Index>(running_.size()), [&](Index index) {
    const auto i = static_cast<std::size_t>(index);
    tokens_[i] = next_token(row_span(logits, row_of(i)), running_[i]);
  });
  std::size_t left = 0;
  for (std::size_t i = 0; i < running_.size(); ++i) {
    std::vector<int>& ids = sequences_[running_[i]];
    ids.push_back(tokens_[i]);
    const bool full = static_cast<Index>(ids.size() - prompt_size_) >= limit_.tokens;
    const bool finished = full || settings_.stop.ended(ids);
    tell(tokens_[i], finished);
    if (finished) continue;
    next.push_back({row_of(i), tokens_[i]});
    running_[left++] = running_[i];
  }
  running_.resize(left);
}

template <Scalar T>
void TokenSearch<T>::process_row(std::span<T> scores, std::size_t sequence) const {
  require_no_nan<T>(scores);
  const std::vector<int>& ids = sequences_[sequence];
  process_scores<T>(scores, {ids, ids.size() - prompt_size_}, settings_.rules);
  if (settings_.rules.do_sample) warp_scores(scores, settings_.rules);
}

template <Scalar T>
int TokenSearch<T>::next_token(std::span<const T> scores, std::size_t sequence) const {
  if (!settings_.rules.do_sample) return best_token(scores);
  const Philox random(settings_.rules.seed, sequence);
  return draw_token(scores, open_uniform(random, sequences_[sequence].size() - prompt_size_));
}

template <Scalar T>
void TokenSearch<T>::tell(int token, bool finished) {
  if (!stream_) return;
  // A final end token is no text.
  if (!(finished && settings_.stop.is_end_token(token)))
    stream_->push(tokenizer_->decode_one(token));
  if (finished) stream_->finish();
}

template <Scalar T>
std::vector<GeneratedSequence> TokenSearch<T>::results() {
  std::vector<GeneratedSequence> results;
  for (const std::vector<int>& ids : sequences_) {
    results.push_back(ended_sequence(settings_, limit_, ids, prompt_size_));
  }
  return results;
}

#if !SOLO_HEADER_ONLY
template class TokenSearch<float>;
template class TokenSearch<double>;
#endif

}  // namespace solo::inline SOLO_ABI::detail
