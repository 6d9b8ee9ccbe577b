// SPDX-License-Identifier: MIT
/// @file
/// Beam search as transformers' generate does it, and beam sampling.
#pragma once

#include <solo/generate/beam_ranking.hpp>
#include <solo/generate/search.hpp>

#include <span>
#include <vector>

namespace solo::inline SOLO_ABI::detail {

/// K beams. A step gives every beam's log-probabilities to the processors (they are not normalised
/// again), adds the beam's score, and takes max(2, 1 + number of end tokens) · K candidates: the
/// best, or with do_sample draws without replacement. Of those that have ended, the ones among the
/// first K join the finished, of which the K best by score / (new tokens)^length_penalty stay; of
/// the others the best K run on. It stops when no candidate runs on, or K are finished and
/// early_stopping is met: at once (yes), or when the best running score does not beat the worst of
/// them, divided by the present length (no) or by the one of which it is best (never). Equal
/// scores: the lower beam, then the lower token. Refers to its arguments.
template <Scalar T>
class BeamSearch final : public Search<T> {
 public:
  /// At the limit every candidate has ended.
  BeamSearch(const SearchSettings& settings, const std::vector<int>& prompt,
             const TokenLimit& limit);

  void step(MatrixView<T> logits, std::vector<Continuation>& next) override;
  [[nodiscard]] std::vector<GeneratedSequence> results() override;

 private:
  struct Hypothesis {
    std::vector<int> ids;  // prompt and new tokens
    double score = 0.0;
  };

  void score_row(std::span<T> logits, std::size_t row);
  void rank(std::size_t beam, std::span<const T> scores, double log_sum);
  [[nodiscard]] T threshold(std::size_t beam, double log_sum) const;
  void choose(MatrixView<T> scores);
  /// Moves on to the chosen candidates; false if all of them have ended.
  [[nodiscard]] bool advance();
  [[nodiscard]] double normalised(double score, Index length) const;
  void finish(const std::vector<int>& ids, double score);
  [[nodiscard]] bool can_improve() const;

  SearchSettings settings_;
  std::size_t prompt_size_;
  TokenLimit limit_;
  Index new_tokens_ = 0;
  std::vector<Hypothesis> running_;
  std::vector<Hypothesis> next_;      // those that running_ becomes
  std::vector<Hypothesis> finished_;  // scores normalised, the best first
  std::size_t finished_count_ = 0;
  std::vector<double> log_sums_;       // by row: what a score is to be reduced by
  std::vector<BeamRanking> rankings_;  // by beam
  BeamRanking candidates_;
  BeamRanking going_on_;
};

}  // namespace solo::inline SOLO_ABI::detail

#if SOLO_HEADER_ONLY
#include <solo/generate/beam_search.ipp>  // IWYU pragma: keep
#endif
