// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/metrics/cider.hpp>
#include <solo/metrics/mteval_tokenizer.hpp>
#include <solo/metrics/ptb_tokenizer.hpp>
#include <solo/metrics/rouge_l.hpp>
#include <solo/metrics/text_evaluation.hpp>
#include <solo/text/lower_case.hpp>

namespace solo::inline SOLO_ABI {
namespace detail {

SOLO_INLINE void check_texts(std::span<const std::vector<std::string>> references,
                             std::span<const std::string> hypotheses) {
  if (references.size() != hypotheses.size() || references.empty()) {
    fail<FormatError>("metrics.count",
                      "expected as many hypotheses as groups of references, found ",
                      hypotheses.size(), " and ", references.size());
  }
  for (std::size_t i = 0; i < references.size(); ++i) {
    if (references[i].empty()) {
      fail<FormatError>("metrics.references", "instance ", i + 1, ": no references");
    }
    if (hypotheses[i].find('\n') != std::string::npos) {
      fail<FormatError>("metrics.line_break", "instance ", i + 1,
                        ": the hypothesis has a line break: ", quoted(hypotheses[i]));
    }
  }
}

[[nodiscard]] SOLO_INLINE NgramCounts mteval_counts(NgramTrie& trie, std::string_view text) {
  std::vector<std::string> tokens = mteval_tokens(text);
  for (std::string& token : tokens) token = lower_case(token);
  return trie.count(tokens, NistStatistics::kOrders);
}

/// NIST of one instance whose references are the only ones.
[[nodiscard]] SOLO_INLINE std::optional<double> nist_alone(const NgramCounts& hypothesis,
                                                           std::span<const NgramCounts> references,
                                                           const NgramTrie& trie) {
  NistInformation information;
  for (const NgramCounts& reference : references) information.add(reference);
  return nist_statistics(hypothesis, references, information, trie).score();
}

}  // namespace detail

SOLO_INLINE TextEvaluation::TextEvaluation(std::span<const std::vector<std::string>> references,
                                           std::span<const std::string> hypotheses) {
  detail::check_texts(references, hypotheses);
  const std::size_t size = references.size();
  {
    detail::NgramTrie trie;
    detail::NistInformation information;
    std::vector<std::vector<detail::NgramCounts>> counts(size);
    for (std::size_t i = 0; i < size; ++i) {
      for (const std::string& text : references[i]) {
        counts[i].push_back(detail::mteval_counts(trie, text));
        information.add(counts[i].back());
      }
    }
    for (std::size_t i = 0; i < size; ++i) {
      const detail::NgramCounts said = detail::mteval_counts(trie, hypotheses[i]);
      bleu_.push_back(detail::bleu_statistics(said, counts[i]));
      nist_.push_back(detail::nist_statistics(said, counts[i], information, trie));
      nist_alone_.push_back(detail::nist_alone(said, counts[i], trie));
    }
  }
  detail::NgramTrie trie;
  detail::Cider cider;
  std::vector<std::vector<detail::NgramCounts>> counts(size);
  for (std::size_t i = 0; i < size; ++i) {
    std::vector<std::vector<std::string>> words;
    for (const std::string& text : references[i]) {
      words.push_back(ptb_tokens(text));
      counts[i].push_back(trie.count(words.back(), detail::Cider::kOrders));
    }
    cider.add_instance(counts[i]);
    rouge_l_.push_back(rouge_l(ptb_tokens(hypotheses[i]), words));
  }
  for (std::size_t i = 0; i < size; ++i) {
    const detail::NgramCounts said = trie.count(ptb_tokens(hypotheses[i]), detail::Cider::kOrders);
    cider_.push_back(cider.score(said, counts[i]));
  }
}

SOLO_INLINE std::size_t TextEvaluation::checked(Index i) const {
  if (i < 0 || i >= size()) {
    fail<ConfigError>("metrics.sample", "instance: expected 0 to ", size() - 1, ", found ", i);
  }
  return static_cast<std::size_t>(i);
}

SOLO_INLINE TextScores TextEvaluation::scores(std::span<const Index> sample) const {
  if (sample.empty()) fail<ConfigError>("metrics.sample", "the sample is empty");
  BleuStatistics bleu;
  NistStatistics nist;
  TextScores scores;
  for (const Index number : sample) {
    const std::size_t i = checked(number);
    bleu += bleu_[i];
    nist += nist_[i];
    scores.rouge_l += rouge_l_[i];
    scores.cider += cider_[i];
  }
  scores.bleu = bleu.score();
  scores.nist = nist.score();
  scores.rouge_l /= static_cast<double>(sample.size());
  scores.cider /= static_cast<double>(sample.size());
  return scores;
}

SOLO_INLINE TextScores TextEvaluation::scores() const {
  std::vector<Index> all;
  for (Index i = 0; i < size(); ++i) all.push_back(i);
  return scores(all);
}

SOLO_INLINE TextScores TextEvaluation::instance(Index number) const {
  const std::size_t i = checked(number);
  return {.bleu = bleu_[i].smoothed_score(),
          .nist = nist_alone_[i],
          .rouge_l = rouge_l_[i],
          .cider = cider_[i]};
}

SOLO_INLINE BleuStatistics TextEvaluation::bleu_statistics() const {
  BleuStatistics sum;
  for (const BleuStatistics& s : bleu_) sum += s;
  return sum;
}

SOLO_INLINE NistStatistics TextEvaluation::nist_statistics() const {
  NistStatistics sum;
  for (const NistStatistics& s : nist_) sum += s;
  return sum;
}

}  // namespace solo::inline SOLO_ABI
