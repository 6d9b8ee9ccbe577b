// SPDX-License-Identifier: MIT
// Scores of texts, as docs/metrics.md has it.
#include <solo/metrics/metrics.hpp>

#include "support.hpp"

using solo::test::require;

int main() {
  const std::vector<std::vector<std::string>> references = {{"A cheap pub .", "The pub is cheap ."},
                                                            {"It is by the river ."}};
  const std::vector<std::string> hypotheses = {"A cheap pub .", "It is near the river ."};
  const solo::TextEvaluation evaluation(references, hypotheses);
  const solo::TextScores scores = evaluation.scores();  // .bleu, .nist, .rouge_l, .cider

  require(scores.bleu > 0.5 && scores.bleu < 1.0, "BLEU");
  require(evaluation.instance(0).rouge_l == 1.0, "ROUGE-L of equal texts");
}
