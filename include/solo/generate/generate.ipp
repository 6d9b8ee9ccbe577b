// SPDX-License-Identifier: MIT
#pragma once

#include <solo/generate/generate.hpp>
#include <solo/text/utf8.hpp>

#include <algorithm>
#include <memory>
#include <numeric>
#include <utility>

namespace solo::inline SOLO_ABI {

namespace detail {

template <Scalar T>
void check_prompts(const GPT2<T>& model, std::span<const std::vector<int>> prompts) {
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
}

/// Runs the searches of some prompts together: one pass a step over the newest tokens of all
/// sequences that go on.
template <Scalar T>
class Decoder {
 public:
  Decoder(const GPT2<T>& model, const DecodingRules& rules, const GenerateOptions& options)
      : model_(model), rules_(rules), options_(options), stop_(rules.end_tokens, options) {}

  /// Appends the results of the prompts.
  void run(std::span<const std::vector<int>> prompts, std::vector<std::vector<int>>& results) {
    KeyValueCache<T> cache(model_.config(), static_cast<Index>(prompts.size()),
                           model_.config().n_positions);
    std::vector<std::unique_ptr<Search<T>>> searches;
    std::vector<Index> rows;  // of the next logits, by search
    Batch batch;
    for (const std::vector<int>& prompt : prompts) {
      searches.push_back(make_search(prompt));
      rows.push_back(1);
      push(batch, 0, prompt);
    }
    while (!batch.segments.empty()) {
      std::vector<Index> sequences(batch.segments.size());
      std::iota(sequences.begin(), sequences.end(), Index{0});
      const MatrixView<T> logits = model_.next_logits(batch, cache, sequences, options_.adapter);
      batch = step(searches, rows, cache, logits);
    }
    for (const auto& search : searches) {
      for (std::vector<int>& ids : search->results()) results.push_back(std::move(ids));
    }
  }

 private:
  [[nodiscard]] std::unique_ptr<Search<T>> make_search(const std::vector<int>& prompt) const {
    // The last new token is never run, so that it may lie one beyond the positions.
    const Index room = model_.config().n_positions + 1 - static_cast<Index>(prompt.size());
    const Index limit = std::min(rules_.max_new_tokens, room);
    if (rules_.num_beams > 1) {
      return std::make_unique<BeamSearch<T>>(rules_, stop_, prompt, limit);
    }
    auto search = std::make_unique<TokenSearch<T>>(rules_, stop_, prompt, limit);
    if (options_.on_token) search->stream_to(options_);
    return search;
  }

  /// Appends tokens of one sequence, the first at `position`, to the next pass.
  static void push(Batch& batch, Index position, std::span<const int> tokens) {
    batch.segments.push_back(
        {.begin = batch.rows(), .length = static_cast<Index>(tokens.size()), .position = position});
    batch.ids.insert(batch.ids.end(), tokens.begin(), tokens.end());
  }

  /// Hands every search its rows of the logits; returns the next pass, with the cache in its order.
  [[nodiscard]] static Batch step(std::span<const std::unique_ptr<Search<T>>> searches,
                                  std::vector<Index>& rows, KeyValueCache<T>& cache,
                                  MatrixView<T> logits) {
    Batch batch;
    std::vector<Index> parents;
    Index first = 0;
    for (std::size_t i = 0; i < searches.size(); ++i) {
      if (rows[i] == 0) continue;  // finished
      const auto next = searches[i]->step(logits.middle_rows(first, rows[i]));
      for (const Continuation& c : next) {
        parents.push_back(first + c.parent);
        push(batch, cache.length(parents.back()), {&c.token, 1});
      }
      first += rows[i];
      rows[i] = static_cast<Index>(next.size());
    }
    cache.reorder(parents);
    return batch;
  }

  const GPT2<T>& model_;
  const DecodingRules& rules_;
  const GenerateOptions& options_;
  StopRule stop_;
};

}  // namespace detail

template <Scalar T>
std::vector<std::vector<int>> generate_ids(const GPT2<T>& model,
                                           std::span<const std::vector<int>> prompts,
                                           const GenerateOptions& options) {
  detail::DecodingRules rules = detail::decoding_rules(options, model.generation_config());
  rules.end_tokens = detail::end_tokens(options, model.eos_token_ids(), model.config().vocab_size);
  if (options.on_token && prompts.size() != 1) {
    fail<ConfigError>("generate.options", "on_token: expected one prompt, found ", prompts.size());
  }
  detail::check_prompts(model, prompts);
  if (rules.max_new_tokens == 0) {
    return std::vector<std::vector<int>>(prompts.size() *
                                         static_cast<std::size_t>(rules.num_return_sequences));
  }
  std::vector<std::vector<int>> results;
  const auto step = static_cast<std::size_t>(options.batch_size);
  for (std::size_t begin = 0; begin < prompts.size(); begin += step) {
    const auto group = prompts.subspan(begin, std::min(step, prompts.size() - begin));
    detail::Decoder<T>(model, rules, options).run(group, results);
  }
  return results;
}

template <Scalar T>
std::string generate(const GPT2<T>& model, const Tokenizer& tokenizer, std::string_view prompt,
                     const GenerateOptions& options) {
  GenerateOptions with_tokenizer = options;
  with_tokenizer.tokenizer = &tokenizer;
  std::vector<int> ids = tokenizer.encode(prompt);
  if (options.append_separator) {
    if (tokenizer.eos_token_id() < 0) {
      fail<ConfigError>("tokenizer.eos", "append_separator: the tokenizer has no <|endoftext|>");
    }
    ids.push_back(tokenizer.eos_token_id());
  }
  return output_text(model, tokenizer,
                     generate_ids(model, std::span(&ids, 1), with_tokenizer).front(), options);
}

template <Scalar T>
std::string output_text(const GPT2<T>& model, const Tokenizer& tokenizer, std::vector<int> ids,
                        const GenerateOptions& options) {
  const std::vector<int> end =
      detail::end_tokens(options, model.eos_token_ids(), model.config().vocab_size);
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
