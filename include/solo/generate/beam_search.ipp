// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/rng.hpp>
#include <solo/generate/beam_search.hpp>
#include <solo/generate/logits_processors.hpp>
#include <solo/generate/logits_warpers.hpp>
#include <solo/generate/sampling.hpp>
#include <solo/generate/token_scores.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace solo::inline SOLO_ABI::detail {

/// transformers' score of a beam that does not count: it loses to every real one.
inline constexpr double kNoBeam = -1e9;

template <Scalar T>
BeamSearch<T>::BeamSearch(const SearchSettings& settings, const std::vector<int>& prompt,
                          const TokenLimit& limit)
    : settings_(settings),
      prompt_size_(prompt.size()),
      limit_(limit),
      candidates_(
          static_cast<std::size_t>(settings.rules.min_tokens_to_keep() * settings.rules.num_beams)),
      going_on_(static_cast<std::size_t>(settings.rules.num_beams)) {
  const auto beams = static_cast<std::size_t>(settings.rules.num_beams);
  for (std::vector<Hypothesis>* list : {&running_, &next_, &finished_}) {
    list->resize(beams);
    for (Hypothesis& h : *list) {
      h.ids.reserve(prompt.size() + static_cast<std::size_t>(limit.tokens));
    }
  }
  for (Hypothesis& beam : running_) {
    beam.ids = prompt;
    beam.score = kNoBeam;
  }
  running_.front().score = 0.0;
  log_sums_.resize(beams);
  for (std::size_t beam = 0; beam < beams; ++beam) rankings_.emplace_back(candidates_.room());
}

template <Scalar T>
void BeamSearch<T>::score_row(std::span<T> logits, std::size_t row) {
  const DecodingRules& rules = settings_.rules;
  // A ban may come first; what changes scores needs them normalised.
  if (rules.do_sample || rules.change_scores()) {
    log_softmax(logits);
    log_sums_[row] = 0.0;
  } else {
    log_sums_[row] = log_sum_exp(logits);
  }
  const std::vector<int>& ids = running_[row].ids;
  process_scores<T>(logits, {ids, ids.size() - prompt_size_}, rules);
  if (rules.do_sample) warp_scores(logits, rules);
  if (rules.renormalize_logits) log_softmax(logits);
}

/// No token with a lower score comes into the beam's full ranking.
template <Scalar T>
T BeamSearch<T>::threshold(std::size_t beam, double log_sum) const {
  if (settings_.rules.do_sample) return std::numeric_limits<T>::lowest();
  const double worst = rankings_[beam].best().back().key;
  const double score = running_[beam].score;
  const double rounding = 4.0 * static_cast<double>(std::numeric_limits<T>::epsilon()) *
                          (std::abs(worst) + std::abs(score) + std::abs(log_sum));
  return static_cast<T>(worst - score + log_sum - rounding);
}

template <Scalar T>
void BeamSearch<T>::rank(std::size_t beam, std::span<const T> scores, double log_sum) {
  const auto size = static_cast<Index>(scores.size());
  const Philox random(settings_.rules.seed, static_cast<std::uint64_t>(new_tokens_));
  const auto first = beam * static_cast<std::uint64_t>(size);  // of the beam's random numbers
  BeamRanking& ranking = rankings_[beam];
  ranking.clear();
  T limit = kBanned<T>;
  const auto next = [&](Index begin) {
    return kernels<T>().find_not_less(begin, size, scores.data(), limit);
  };
  for (Index token = next(0); token < size; token = next(token + 1)) {
    const double value = static_cast<double>(scores[static_cast<std::size_t>(token)]) - log_sum;
    const double score = running_[beam].score + static_cast<double>(static_cast<T>(value));
    BeamCandidate candidate{score, score, beam, static_cast<int>(token)};
    if (settings_.rules.do_sample && is_finite(score)) {
      candidate.key += gumbel(open_uniform(random, first + static_cast<std::uint64_t>(token)));
    }
    ranking.offer(candidate);
    if (ranking.full()) limit = threshold(beam, log_sum);
  }
}

template <Scalar T>
void BeamSearch<T>::choose(MatrixView<T> scores) {
  settings_.pool.for_each(scores.rows, [&](Index row) {
    score_row(row_span(scores, row), static_cast<std::size_t>(row));
  });
  settings_.pool.for_each(static_cast<Index>(running_.size()), [&](Index beam) {
    const Index row = scores.rows == 1 ? 0 : beam;
    rank(static_cast<std::size_t>(beam), row_span(scores, row),
         log_sums_[static_cast<std::size_t>(row)]);
  });
  candidates_.take(std::span(rankings_).first(running_.size()));
}

template <Scalar T>
bool BeamSearch<T>::advance() {
  const bool full = new_tokens_ >= limit_.tokens;
  const auto beams = static_cast<std::size_t>(settings_.rules.num_beams);
  bool all_ended = true;
  going_on_.clear();
  for (std::size_t i = 0; i < candidates_.best().size(); ++i) {
    BeamCandidate c = candidates_.best()[i];
    std::vector<int>& ids = running_[c.beam].ids;
    ids.push_back(c.token);
    const bool has_ended = full || settings_.stop.ended(ids);
    if (has_ended && i < beams) finish(ids, normalised(c.score, new_tokens_));
    ids.pop_back();
    all_ended = all_ended && has_ended;
    if (has_ended) c.score += kNoBeam;
    c.key = c.score;
    going_on_.offer(c);
  }
  const std::vector<BeamCandidate>& chosen = going_on_.best();
  next_.resize(chosen.size());
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    next_[i].ids = running_[chosen[i].beam].ids;
    next_[i].ids.push_back(chosen[i].token);
    next_[i].score = chosen[i].score;
  }
  std::swap(running_, next_);
  return !all_ended;
}

template <Scalar T>
void BeamSearch<T>::step(MatrixView<T> logits, std::vector<Continuation>& next) {
  choose(logits);
  ++new_tokens_;
  if (!advance() || !can_improve()) return;
  for (const BeamCandidate& c : going_on_.best()) {
    next.push_back({logits.rows == 1 ? 0 : static_cast<Index>(c.beam), c.token});
  }
}

template <Scalar T>
double BeamSearch<T>::normalised(double score, Index length) const {
  const double divisor = std::pow(static_cast<double>(length), settings_.rules.length_penalty);
  // Where the power is 0 or infinite, 0 / 0 and -inf / inf would be no order.
  return score == 0.0 || !is_finite(score) ? score : score / divisor;
}

template <Scalar T>
void BeamSearch<T>::finish(const std::vector<int>& ids, double score) {
  const auto begin = finished_.begin();
  const auto place =
      std::upper_bound(begin, begin + static_cast<std::ptrdiff_t>(finished_count_), score,
                       [](double s, const Hypothesis& h) { return s > h.score; });
  if (place == finished_.end()) return;
  finished_count_ = std::min(finished_count_ + 1, finished_.size());
  // The last one makes room.
  const auto end = begin + static_cast<std::ptrdiff_t>(finished_count_);
  std::rotate(place, end - 1, end);
  place->ids = ids;
  place->score = score;
}

template <Scalar T>
bool BeamSearch<T>::can_improve() const {
  const DecodingRules& rules = settings_.rules;
  const bool enough = finished_count_ == finished_.size();
  if (enough && rules.early_stopping == EarlyStopping::yes) return false;
  const bool longest = rules.early_stopping == EarlyStopping::never && rules.length_penalty > 0.0;
  const Index length =
      longest ? rules.wanted_tokens(static_cast<Index>(prompt_size_)) : new_tokens_;
  return normalised(running_.front().score, length) > (enough ? finished_.back().score : kNoBeam);
}

template <Scalar T>
std::vector<GeneratedSequence> BeamSearch<T>::results() {
  std::vector<GeneratedSequence> results;
  const auto count = static_cast<std::size_t>(settings_.rules.num_return_sequences);
  for (std::size_t i = 0; i < count; ++i) {
    // Only a vocabulary that runs out of candidates leaves too few finished.
    const Hypothesis& h = i < finished_count_ ? finished_[i] : running_[i - finished_count_];
    results.push_back(ended_sequence(settings_, limit_, h.ids, prompt_size_));
  }
  return results;
}

#if !SOLO_HEADER_ONLY
template class BeamSearch<float>;
template class BeamSearch<double>;
#endif

}  // namespace solo::inline SOLO_ABI::detail
