// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/rng.hpp>
#include <solo/generate/beam_search.hpp>
#include <solo/generate/logits_processors.hpp>
#include <solo/generate/sampling.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace solo::inline SOLO_ABI::detail {

/// transformers' score of a beam that does not count: it loses to every real one.
inline constexpr double kNoBeam = -1e9;

template <Scalar T>
BeamSearch<T>::BeamSearch(const DecodingRules& rules, const StopRule& stop, std::vector<int> prompt,
                          Index max_new_tokens)
    : rules_(rules),
      stop_(stop),
      prompt_size_(prompt.size()),
      max_new_tokens_(max_new_tokens),
      running_(static_cast<std::size_t>(rules.num_beams)) {
  for (Hypothesis& beam : running_) beam = {prompt, kNoBeam};
  running_.front().score = 0.0;
}

template <Scalar T>
void BeamSearch<T>::score_row(std::span<T> logits, const Hypothesis& beam) const {
  log_softmax(logits);
  process_scores<T>(logits, beam.ids, rules_);
  if (rules_.do_sample) warp_scores(logits, rules_);
}

template <Scalar T>
std::vector<typename BeamSearch<T>::Candidate> BeamSearch<T>::choose(MatrixView<T> scores) const {
  const auto before = [](const Candidate& a, const Candidate& b) { return a.key > b.key; };
  const auto ends = static_cast<Index>(rules_.end_tokens.size());
  const auto count = static_cast<std::size_t>(std::max<Index>(2, 1 + ends) * rules_.num_beams);
  const Philox random(rules_.seed, static_cast<std::uint64_t>(new_tokens_));
  std::vector<Candidate> best;  // in order
  for (std::size_t beam = 0; beam < running_.size(); ++beam) {
    const Index row = scores.rows == 1 ? 0 : static_cast<Index>(beam);
    for (Index token = 0; token < scores.cols; ++token) {
      const double score = running_[beam].score + static_cast<double>(scores.row(row)[token]);
      Candidate candidate{score, score, beam, static_cast<int>(token)};
      if (rules_.do_sample && is_finite(score)) {
        const auto index = beam * static_cast<std::uint64_t>(scores.cols);
        candidate.key += gumbel(open_uniform(random, index + static_cast<std::uint64_t>(token)));
      }
      if (best.size() == count && !before(candidate, best.back())) continue;
      if (best.size() == count) best.pop_back();
      best.insert(std::upper_bound(best.begin(), best.end(), candidate, before), candidate);
    }
  }
  return best;
}

template <Scalar T>
std::vector<Continuation> BeamSearch<T>::step(MatrixView<T> logits) {
  for (Index row = 0; row < logits.rows; ++row) {
    score_row(row_span(logits, row), running_[static_cast<std::size_t>(row)]);
  }
  const std::vector<Candidate> candidates = choose(logits);
  ++new_tokens_;
  const bool full = new_tokens_ >= max_new_tokens_;
  const auto beams = static_cast<std::size_t>(rules_.num_beams);
  std::vector<Hypothesis> ended;
  std::vector<std::pair<Hypothesis, Index>> going_on;
  bool all_ended = true;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const Candidate& c = candidates[i];
    Hypothesis h{running_[c.beam].ids, c.score};
    h.ids.push_back(c.token);
    const bool has_ended = full || stop_.ended(h.ids);
    all_ended = all_ended && has_ended;
    if (has_ended && i < beams) ended.push_back({h.ids, normalised(c.score)});
    if (has_ended) h.score += kNoBeam;
    going_on.emplace_back(std::move(h), logits.rows == 1 ? 0 : static_cast<Index>(c.beam));
  }
  finish(std::move(ended));
  std::stable_sort(going_on.begin(), going_on.end(),
                   [](const auto& a, const auto& b) { return a.first.score > b.first.score; });
  going_on.resize(std::min(going_on.size(), beams));
  running_.clear();
  std::vector<Continuation> continuations;
  for (auto& [hypothesis, parent] : going_on) {
    continuations.push_back({parent, hypothesis.ids.back()});
    running_.push_back(std::move(hypothesis));
  }
  if (all_ended || !can_improve()) return {};
  return continuations;
}

template <Scalar T>
double BeamSearch<T>::normalised(double score) const {
  const double length = std::pow(static_cast<double>(new_tokens_), rules_.length_penalty);
  // Where the power is 0 or infinite, 0 / 0 and -inf / inf would be no order.
  return score == 0.0 || !is_finite(score) ? score : score / length;
}

template <Scalar T>
void BeamSearch<T>::finish(std::vector<Hypothesis> ended) {
  for (Hypothesis& h : ended) finished_.push_back(std::move(h));
  std::stable_sort(finished_.begin(), finished_.end(),
                   [](const Hypothesis& a, const Hypothesis& b) { return a.score > b.score; });
  finished_.resize(std::min(finished_.size(), static_cast<std::size_t>(rules_.num_beams)));
}

template <Scalar T>
bool BeamSearch<T>::can_improve() const {
  const bool enough = static_cast<Index>(finished_.size()) == rules_.num_beams;
  return normalised(running_.front().score) > (enough ? finished_.back().score : kNoBeam);
}

template <Scalar T>
std::vector<std::vector<int>> BeamSearch<T>::results() {
  // Only a vocabulary that runs out of candidates leaves too few finished.
  for (Hypothesis& h : running_) {
    if (static_cast<Index>(finished_.size()) >= rules_.num_return_sequences) break;
    finished_.push_back(std::move(h));
  }
  std::vector<std::vector<int>> results;
  for (Index i = 0; i < rules_.num_return_sequences; ++i) {
    const std::vector<int>& ids = finished_[static_cast<std::size_t>(i)].ids;
    results.emplace_back(ids.begin() + static_cast<std::ptrdiff_t>(prompt_size_), ids.end());
  }
  return results;
}

#if !SOLO_HEADER_ONLY
template class BeamSearch<float>;
template class BeamSearch<double>;
#endif

}  // namespace solo::inline SOLO_ABI::detail
