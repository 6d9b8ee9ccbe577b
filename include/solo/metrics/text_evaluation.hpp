// SPDX-License-Identifier: MIT
/// @file
/// Generated texts against references: BLEU, NIST, ROUGE-L and CIDEr as e2e-metrics computes them.
#pragma once

#include <solo/core/scalar.hpp>
#include <solo/metrics/bleu.hpp>
#include <solo/metrics/nist.hpp>

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace solo::inline SOLO_ABI {

/// Scores of texts. BLEU, METEOR and ROUGE-L are fractions.
struct TextScores {
  double bleu = 0.0;
  std::optional<double> nist = {};    ///< none where it is not defined
  std::optional<double> meteor = {};  ///< none: only its own program computes it
  double rouge_l = 0.0;
  double cider = 0.0;
};

/// The texts of a system for a list of instances, each with one or more references. Keeps what the
/// scores of any selection of instances are sums of. Needs no model.
class TextEvaluation {
 public:
  /// Throws FormatError: "metrics.count" when there are more or fewer hypotheses than groups of
  /// references, or none of both, "metrics.references" for a group without any,
  /// "metrics.line_break" for a hypothesis of several lines, each naming the instance.
  TextEvaluation(std::span<const std::vector<std::string>> references,
                 std::span<const std::string> hypotheses);

  [[nodiscard]] Index size() const noexcept { return static_cast<Index>(bleu_.size()); }
  /// Of all instances.
  [[nodiscard]] TextScores scores() const;
  /// Of the instances with these numbers, which may repeat: sums of their statistics. How much an
  /// n-gram says (NIST, CIDEr) stays what it is in the whole set. Throws ConfigError
  /// "metrics.sample" for a number out of range or an empty sample.
  [[nodiscard]] TextScores scores(std::span<const Index> sample) const;
  /// Of one: BLEU with one hit more in every order, NIST as if it were the whole set, ROUGE-L, and
  /// CIDEr in the whole set. Throws ConfigError "metrics.sample".
  [[nodiscard]] TextScores instance(Index i) const;
  /// What BLEU and NIST are computed from.
  [[nodiscard]] BleuStatistics bleu_statistics() const;
  [[nodiscard]] NistStatistics nist_statistics() const;

 private:
  [[nodiscard]] std::size_t checked(Index i) const;

  std::vector<BleuStatistics> bleu_;  // by instance, as all below
  std::vector<NistStatistics> nist_;
  std::vector<std::optional<double>> nist_alone_;
  std::vector<double> rouge_l_;
  std::vector<double> cider_;
};

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/metrics/text_evaluation.ipp>  // IWYU pragma: keep
#endif
