// SPDX-License-Identifier: MIT
#pragma once

#include <solo/generate/generate.hpp>
#include <solo/text/utf8.hpp>

#include <algorithm>
#include <cmath>

namespace solo::inline SOLO_ABI {

namespace detail {

/// The tokens at which a sequence ends.
template <Scalar T>
[[nodiscard]] std::vector<int> end_tokens(const GPT2<T>& model, const GenerateOptions& options) {
  if (!options.eos_token_id) return model.eos_token_ids();
  const bool known =
      *options.eos_token_id >= 0 && *options.eos_token_id < model.config().vocab_size;
  return known ? std::vector<int>{*options.eos_token_id} : std::vector<int>{};
}

/// The largest logit's token, the first of equals.
template <Scalar T>
[[nodiscard]] int greedy_token(std::span<const T> logits) {
  std::size_t best = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (std::isnan(logits[i])) {
      fail<NumericError>("numeric.logits", "the logit of token ", i, " is NaN");
    }
    if (logits[i] > logits[best]) best = i;
  }
  return static_cast<int>(best);
}

/// Sequences decoded together: each step runs the newest tokens of those not finished.
template <Scalar T>
class GreedyDecoder {
 public:
  GreedyDecoder(const GPT2<T>& model, const GenerateOptions& options)
      : model_(model), options_(options), end_(end_tokens(model, options)) {}

  [[nodiscard]] std::vector<std::vector<int>> run(std::span<const std::vector<int>> prompts) {
    const Index limit = model_.config().n_positions;
    Index longest = 1;
    for (const std::vector<int>& prompt : prompts) {
      longest = std::max(longest, static_cast<Index>(prompt.size()));
    }
    // The last new token is never fed back.
    const Index capacity =
        std::min(longest + std::max<Index>(options_.max_new_tokens - 1, 0), limit);
    KeyValueCache<T> cache(model_.config(), static_cast<Index>(prompts.size()), capacity);
    std::vector<std::vector<int>> results(prompts.size());
    Batch batch;
    std::vector<Index> running;
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      if (options_.max_new_tokens == 0) break;
      push(batch, running, static_cast<Index>(i), 0, prompts[i]);
    }
    while (!running.empty()) {
      const Matrix<T> logits = model_.next_logits(batch, cache, running, options_.adapter);
      const std::vector<Index> sequences = std::move(running);
      batch = {};
      running = {};
      for (std::size_t row = 0; row < sequences.size(); ++row) {
        std::vector<int>& result = results[static_cast<std::size_t>(sequences[row])];
        result.push_back(greedy_token<T>(
            {logits.row(static_cast<Index>(row)).data(), static_cast<std::size_t>(logits.cols())}));
        const Index length = cache.length(sequences[row]);
        const bool ended = std::find(end_.begin(), end_.end(), result.back()) != end_.end();
        const bool full = static_cast<Index>(result.size()) >= options_.max_new_tokens;
        if (ended || full || length >= limit) continue;
        push(batch, running, sequences[row], length, {&result.back(), 1});
      }
    }
    return results;
  }

 private:
  /// Appends tokens of one sequence, the first at `position`, to the next pass.
  static void push(Batch& batch, std::vector<Index>& running, Index sequence, Index position,
                   std::span<const int> tokens) {
    batch.segments.push_back(
        {.begin = batch.rows(), .length = static_cast<Index>(tokens.size()), .position = position});
    batch.ids.insert(batch.ids.end(), tokens.begin(), tokens.end());
    running.push_back(sequence);
  }

  const GPT2<T>& model_;
  const GenerateOptions& options_;
  std::vector<int> end_;
};

}  // namespace detail

template <Scalar T>
std::vector<std::vector<int>> generate_ids(const GPT2<T>& model,
                                           std::span<const std::vector<int>> prompts,
                                           const GenerateOptions& options) {
  if (options.max_new_tokens < 0 || options.batch_size < 1) {
    fail<ConfigError>("config.range", "max_new_tokens: expected at least 0, found ",
                      options.max_new_tokens, "; batch_size: expected at least 1, found ",
                      options.batch_size);
  }
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const auto length = static_cast<Index>(prompts[i].size());
    if (length == 0) fail<ShapeError>("sequence.empty", "prompt ", i, " has no token");
    if (length > model.config().n_positions) {
      fail<ShapeError>("sequence.length", "prompt ", i, ": ", length,
                       " tokens are more than n_positions ", model.config().n_positions);
    }
    for (const int id : prompts[i]) {
      if (id < 0 || id >= model.config().vocab_size) {
        fail<ShapeError>("ids.range", "prompt ", i, ": token id ", id,
                         " is not below the vocabulary size ", model.config().vocab_size);
      }
    }
  }
  std::vector<std::vector<int>> results;
  const auto step = static_cast<std::size_t>(options.batch_size);
  for (std::size_t begin = 0; begin < prompts.size(); begin += step) {
    const auto group = prompts.subspan(begin, std::min(step, prompts.size() - begin));
    for (std::vector<int>& ids : detail::GreedyDecoder<T>(model, options).run(group)) {
      results.push_back(std::move(ids));
    }
  }
  return results;
}

template <Scalar T>
std::string generate(const GPT2<T>& model, const Tokenizer& tokenizer, std::string_view prompt,
                     const GenerateOptions& options) {
  std::vector<int> ids = tokenizer.encode(prompt);
  if (options.append_separator) {
    if (tokenizer.eos_token_id() < 0) {
      fail<ConfigError>("tokenizer.eos", "append_separator: the tokenizer has no <|endoftext|>");
    }
    ids.push_back(tokenizer.eos_token_id());
  }
  return output_text(model, tokenizer, generate_ids(model, std::span(&ids, 1), options).front(),
                     options);
}

template <Scalar T>
std::string output_text(const GPT2<T>& model, const Tokenizer& tokenizer, std::vector<int> ids,
                        const GenerateOptions& options) {
  const std::vector<int> end = detail::end_tokens(model, options);
  if (!ids.empty() && std::find(end.begin(), end.end(), ids.back()) != end.end()) ids.pop_back();
  return to_utf8_lossy(tokenizer.decode(ids));
}

#if !SOLO_HEADER_ONLY
#define SOLO_INSTANTIATE(T)                                                               \
  template std::vector<std::vector<int>> generate_ids<T>(                                 \
      const GPT2<T>&, std::span<const std::vector<int>>, const GenerateOptions&);         \
  template std::string output_text<T>(const GPT2<T>&, const Tokenizer&, std::vector<int>, \
                                      const GenerateOptions&);                            \
  template std::string generate<T>(const GPT2<T>&, const Tokenizer&, std::string_view,    \
                                   const GenerateOptions&)
SOLO_INSTANTIATE(float);
SOLO_INSTANTIATE(double);
#undef SOLO_INSTANTIATE
#endif

}  // namespace solo::inline SOLO_ABI
