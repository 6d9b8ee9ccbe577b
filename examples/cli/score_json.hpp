// SPDX-License-Identifier: MIT
/// @file
/// Scores of texts as commands print and keep them.
#pragma once

#include <solo/metrics/text_evaluation.hpp>

#include "program.hpp"

namespace solo::cli {

/// In the order of e2e-metrics.
[[nodiscard]] inline Json scores_json(const TextScores& s) {
  return {{"BLEU", s.bleu},
          {"NIST", or_null(s.nist)},
          {"METEOR", or_null(s.meteor)},
          {"ROUGE_L", s.rouge_l},
          {"CIDEr", s.cider}};
}

}  // namespace solo::cli
