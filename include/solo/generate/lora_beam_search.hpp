// SPDX-License-Identifier: MIT
/// @file
/// Beam search as the LoRA paper's code does it (examples/NLG/src/gpt2_beam.py).
#pragma once

#include <solo/generate/beam_ranking.hpp>
#include <solo/generate/search.hpp>

#include <span>
#include <vector>

namespace solo::inline SOLO_ABI::detail {

/// K beams. A step gives every beam's raw logits to the processors, which see its new tokens alone,
/// takes log(softmax) of what they leave (so that bans leave no probability unused), adds the
/// beam's score, and takes exactly the K best candidates. Those that end compete by score / (new
/// tokens)^length_penalty for the one result, the earlier of equals, and run no further: the places
/// they took are filled in the next step. After the last step all beams compete. It stops when no
/// beam runs on, or none can beat the result any more; the result is that of all steps. Equal
/// scores: the lower beam, then the lower token. Refers to its arguments.
template <Scalar T>
class LoraBeamSearch final : public Search<T> {
 public:
  LoraBeamSearch(const SearchSettings& settings, const std::vector<int>& prompt,
                 const TokenLimit& limit);

  void step(MatrixView<T> logits, std::vector<Continuation>& next) override;
  [[nodiscard]] std::vector<GeneratedSequence> results() override;

  /// The candidates that the last step took, the best first, those that ended included.
  [[nodiscard]] const std::vector<BeamCandidate>& chosen() const noexcept {
    return candidates_.best();
  }
  /// The result's normalised score, once there is a result.
  [[nodiscard]] double best_score() const noexcept { return static_cast<double>(best_.score); }

 private:
  struct Hypothesis {
    std::vector<int> ids;  // prompt and new tokens
    T score = 0;
  };

  void rank(std::span<T> logits, std::size_t beam);
  [[nodiscard]] T threshold(std::size_t beam, double log_sum) const;
  void choose(MatrixView<T> logits);
  void advance(std::vector<Continuation>& next);
  [[nodiscard]] T normalised(T score, Index length) const;
  void compete(const Hypothesis& ended);
  [[nodiscard]] bool can_improve() const;

  SearchSettings settings_;
  std::size_t prompt_size_;
  TokenLimit limit_;
  Index new_tokens_ = 0;
  std::vector<Hypothesis> running_;  // those that have not ended: the first running_count_
  std::vector<Hypothesis> next_;     // those that running_ becomes
  std::size_t running_count_ = 1;
  Hypothesis best_;  // the score normalised
  bool has_best_ = false;
  std::vector<BeamRanking> rankings_;  // by beam
  BeamRanking candidates_;
};

}  // namespace solo::inline SOLO_ABI::detail

#if SOLO_HEADER_ONLY
#include <solo/generate/lora_beam_search.ipp>  // IWYU pragma: keep
#endif
