// SPDX-License-Identifier: MIT
#pragma once

#include <solo/generate/logits_processors.hpp>
#include <solo/generate/lora_beam_search.hpp>
#include <solo/generate/token_scores.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace solo::inline SOLO_ABI::detail {

template <Scalar T>
LoraBeamSearch<T>::LoraBeamSearch(const SearchSettings& settings, const std::vector<int>& prompt,
                                  const TokenLimit& limit)
    : settings_(settings),
      prompt_size_(prompt.size()),
      limit_(limit),
      candidates_(static_cast<std::size_t>(settings.rules.num_beams)) {
  const std::size_t room = prompt.size() + static_cast<std::size_t>(limit.tokens);
  for (std::vector<Hypothesis>* list : {&running_, &next_}) {
    list->resize(candidates_.room());
    for (Hypothesis& h : *list) h.ids.reserve(room);
  }
  best_.ids.reserve(room);
  running_.front().ids = prompt;
  for (std::size_t i = 0; i < candidates_.room(); ++i) rankings_.emplace_back(candidates_.room());
}

/// No token with a lower logit comes into the beam's full ranking.
template <Scalar T>
T LoraBeamSearch<T>::threshold(std::size_t beam, double log_sum) const {
  const double worst = rankings_[beam].best().back().key;
  const auto score = static_cast<double>(running_[beam].score);
  // Below the smallest normal number p is rounded too coarsely for a bound.
  if (worst - score < std::log(static_cast<double>(std::numeric_limits<T>::min()))) {
    return std::numeric_limits<T>::lowest();
  }
  const double rounding = 4.0 * static_cast<double>(std::numeric_limits<T>::epsilon()) *
                          (1.0 + std::abs(worst) + std::abs(score) + std::abs(log_sum));
  return static_cast<T>(worst - score + log_sum - rounding);
}

template <Scalar T>
void LoraBeamSearch<T>::rank(std::span<T> logits, std::size_t beam) {
  const Hypothesis& h = running_[beam];
  const std::span<const int> seen = std::span<const int>(h.ids).subspan(prompt_size_);
  process_scores<T>(logits, {seen, seen.size()}, settings_.rules);
  const double log_sum = log_sum_exp(logits);
  const auto size = static_cast<Index>(logits.size());
  BeamRanking& ranking = rankings_[beam];
  ranking.clear();
  T limit = std::numeric_limits<T>::lowest();
  const auto next = [&](Index begin) {
    return kernels<T>().find_not_less(begin, size, logits.data(), limit);
  };
  for (Index token = next(0); token < size; token = next(token + 1)) {
    const auto logit = static_cast<double>(logits[static_cast<std::size_t>(token)]);
    const T p = static_cast<T>(std::exp(logit - log_sum));
    if (p == T{0}) continue;
    const auto score = static_cast<double>(h.score + std::log(p));
    ranking.offer({.key = score, .score = score, .beam = beam, .token = static_cast<int>(token)});
    if (ranking.full()) limit = threshold(beam, log_sum);
  }
}

template <Scalar T>
void LoraBeamSearch<T>::choose(MatrixView<T> logits) {
  settings_.pool.for_each(logits.rows, [&](Index beam) {
    rank(row_span(logits, beam), static_cast<std::size_t>(beam));
  });
  candidates_.take(std::span(rankings_).first(running_count_));
}

template <Scalar T>
void LoraBeamSearch<T>::advance(std::vector<Continuation>& next) {
  std::size_t count = 0;
  for (const BeamCandidate& c : candidates_.best()) {
    Hypothesis& h = next_[count];
    h.ids = running_[c.beam].ids;
    h.ids.push_back(c.token);
    h.score = static_cast<T>(c.score);
    if (settings_.stop.ended(h.ids)) {
      compete(h);
      continue;
    }
    next.push_back({static_cast<Index>(c.beam), c.token});
    ++count;
  }
  std::swap(running_, next_);
  running_count_ = count;
}

template <Scalar T>
void LoraBeamSearch<T>::step(MatrixView<T> logits, std::vector<Continuation>& next) {
  choose(logits);
  ++new_tokens_;
  advance(next);
  if (new_tokens_ < limit_.tokens) {
    if (!can_improve()) next.clear();
    return;
  }
  for (std::size_t beam = 0; beam < running_count_; ++beam) compete(running_[beam]);
  next.clear();
}

template <Scalar T>
T LoraBeamSearch<T>::normalised(T score, Index length) const {
  const double divisor = std::pow(static_cast<double>(length), settings_.rules.length_penalty);
  // Where the power is 0, 0 / 0 would be no order.
  return score == T{0} ? score : score / static_cast<T>(divisor);
}

template <Scalar T>
void LoraBeamSearch<T>::compete(const Hypothesis& ended) {
  const T score = normalised(ended.score, new_tokens_);
  if (has_best_ && !(best_.score < score)) return;
  has_best_ = true;
  best_.ids = ended.ids;
  best_.score = score;
}

/// Scores never rise, and a negative one is the better the larger its divisor is: the largest of
/// those to come is the next length's or that of the last.
template <Scalar T>
bool LoraBeamSearch<T>::can_improve() const {
  if (running_count_ == 0 || !has_best_) return running_count_ > 0;
  const T score = running_.front().score;
  return best_.score <
         std::max(normalised(score, new_tokens_ + 1), normalised(score, limit_.tokens));
}

template <Scalar T>
std::vector<GeneratedSequence> LoraBeamSearch<T>::results() {
  return {ended_sequence(settings_, limit_, best_.ids, prompt_size_)};
}

#if !SOLO_HEADER_ONLY
template class LoraBeamSearch<float>;
template class LoraBeamSearch<double>;
#endif

}  // namespace solo::inline SOLO_ABI::detail
