// SPDX-License-Identifier: MIT
/// @file
/// Greedy decoding and sampling: sequences that go on independently of each other.
#pragma once

#include <solo/generate/search.hpp>
#include <solo/generate/text_stream.hpp>

#include <optional>
#include <vector>

namespace solo::inline SOLO_ABI::detail {

/// The best token each time, or one drawn from the warped scores; scores are the raw logits.
/// Refers to its arguments.
template <Scalar T>
class TokenSearch final : public Search<T> {
 public:
  TokenSearch(const SearchSettings& settings, const std::vector<int>& prompt,
              const TokenLimit& limit);
  /// Tells the text of the tokens to options.on_token.
  void stream_to(const GenerateOptions& options);

  void step(MatrixView<T> logits, std::vector<Continuation>& next) override;
  [[nodiscard]] std::vector<GeneratedSequence> results() override;

 private:
  void process_row(std::span<T> scores, std::size_t sequence) const;
  [[nodiscard]] int next_token(std::span<const T> scores, std::size_t sequence) const;
  void tell(int token, bool finished);

  SearchSettings settings_;
  std::size_t prompt_size_;
  TokenLimit limit_;
  std::vector<std::vector<int>> sequences_;  // prompt and new tokens
  std::vector<std::size_t> running_;         // the sequence of each row of the next logits
  std::vector<int> tokens_;                  // what they go on with
  const Tokenizer* tokenizer_ = nullptr;
  std::optional<TextStream> stream_;
};

}  // namespace solo::inline SOLO_ABI::detail

#if SOLO_HEADER_ONLY
#include <solo/generate/token_search.ipp>  // IWYU pragma: keep
#endif
