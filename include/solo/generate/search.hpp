// SPDX-License-Identifier: MIT
/// @file
/// How the sequences of one prompt go on: what greedy decoding, sampling and beam search share.
#pragma once

#include <solo/core/parallel.hpp>
#include <solo/core/view.hpp>
#include <solo/generate/generated_sequence.hpp>
#include <solo/generate/options.hpp>
#include <solo/generate/stop_rule.hpp>

#include <cstddef>
#include <span>
#include <vector>

namespace solo::inline SOLO_ABI::detail {

/// A token to run next, and the row of the last step's logits whose sequence it continues.
struct Continuation {
  Index parent = 0;
  int token = 0;
};

/// How many new tokens a sequence may have, at least 1, and what that limit is.
struct TokenLimit {
  Index tokens = 1;
  FinishReason reason = FinishReason::length;
};

/// What the searches of a call share.
struct SearchSettings {
  const DecodingRules& rules;
  const StopRule& stop;
  ThreadPool& pool;
};

/// The sequences of one prompt. Sees nothing of other prompts, so that a prompt gives the same
/// alone and in a batch.
template <Scalar T>
class Search {
 public:
  Search() = default;
  Search(const Search&) = delete;
  Search& operator=(const Search&) = delete;
  virtual ~Search() = default;

  /// Takes the logits that follow the sequences of the last step (one row, the prompt's, in the
  /// first), which it may overwrite, and says what to run next; nothing: it has finished. A warm
  /// step allocates nothing.
  virtual void step(MatrixView<T> logits, std::vector<Continuation>& next) = 0;
  /// The returned sequences, the best first.
  [[nodiscard]] virtual std::vector<GeneratedSequence> results() = 0;
};

/// What is new of `ids`, which have ended, and why they have.
[[nodiscard]] inline GeneratedSequence ended_sequence(const SearchSettings& settings,
                                                      const TokenLimit& limit,
                                                      std::span<const int> ids,
                                                      std::size_t prompt_size) {
  const std::span<const int> fresh = ids.subspan(prompt_size);
  return {{fresh.begin(), fresh.end()}, settings.stop.reason(ids).value_or(limit.reason)};
}

/// A row as a span.
template <Scalar T>
[[nodiscard]] std::span<T> row_span(MatrixView<T> matrix, Index row) {
  return {matrix.row(row), static_cast<std::size_t>(matrix.cols)};
}

}  // namespace solo::inline SOLO_ABI::detail
