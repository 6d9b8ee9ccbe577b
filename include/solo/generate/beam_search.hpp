// SPDX-License-Identifier: MIT
/// @file
/// Beam search as transformers' generate does it (early_stopping false), and beam sampling.
#pragma once

#include <solo/generate/options.hpp>
#include <solo/generate/search.hpp>
#include <solo/generate/stop_rule.hpp>

#include <vector>

namespace solo::inline SOLO_ABI::detail {

/// K beams. A step gives every beam's log-probabilities to the processors (they are not normalised
/// again), adds the beam's score, and takes max(2, 1 + number of end tokens) · K candidates: the
/// best, or with do_sample draws without replacement. Of those that have ended, the ones among the
/// first K join the finished, of which the K best by score / (new tokens)^length_penalty stay; of
/// the others the best K run on. It stops when no candidate runs on, or K are finished and the best
/// running score at the present length does not beat the worst of them. Equal scores: the lower
/// beam, then the lower token. Refers to its arguments.
template <Scalar T>
class BeamSearch final : public Search<T> {
 public:
  /// `max_new_tokens` >= 1; at that length every candidate has ended.
  BeamSearch(const DecodingRules& rules, const StopRule& stop, std::vector<int> prompt,
             Index max_new_tokens);

  [[nodiscard]] std::vector<Continuation> step(MatrixView<T> logits) override;
  [[nodiscard]] std::vector<std::vector<int>> results() override;

 private:
  struct Hypothesis {
    std::vector<int> ids;  // prompt and new tokens
    double score = 0.0;
  };
  struct Candidate {
    double key = 0.0;  // what the choice goes by: the score, or with do_sample a perturbed one
    double score = 0.0;
    std::size_t beam = 0;
    int token = 0;
  };

  void score_row(std::span<T> logits, const Hypothesis& beam) const;
  [[nodiscard]] std::vector<Candidate> choose(MatrixView<T> scores) const;
  [[nodiscard]] double normalised(double score) const;
  void finish(std::vector<Hypothesis> ended);
  [[nodiscard]] bool can_improve() const;

  const DecodingRules& rules_;
  const StopRule& stop_;
  std::size_t prompt_size_;
  Index max_new_tokens_;
  Index new_tokens_ = 0;
  std::vector<Hypothesis> running_;
  std::vector<Hypothesis> finished_;  // scores normalised, the best first
};

}  // namespace solo::inline SOLO_ABI::detail

#if SOLO_HEADER_ONLY
#include <solo/generate/beam_search.ipp>  // IWYU pragma: keep
#endif
