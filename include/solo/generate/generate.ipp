// SPDX-License-Identifier: MIT
#pragma once

#include <solo/data/prompt_ids.hpp>
#include <solo/generate/generate.hpp>
#include <solo/nn/end_tokens.hpp>
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

SOLO_INLINE void check_max_length(const DecodingRules& rules,
                                  std::span<const std::vector<int>> prompts) {
  if (rules.max_new_tokens || !rules.max_length) return;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const auto length = static_cast<Index>(prompts[i].size());
    if (*rules.max_length > length) continue;
    fail<ConfigError>("generate.length", "prompt ", i, ": its ", length,
                      " tokens leave none of max_length ", *rules.max_length,
                      ", which counts them; say max_new_tokens");
  }
}

/// The searches of some prompts, run together: one pass a step over the newest tokens of all
/// sequences that go on. A warm step allocates nothing.
template <Scalar T>
class Decoder {
 public:
  Decoder(const GPT2<T>& model, const DecodingRules& rules, const GenerateOptions& options)
      : model_(model), rules_(rules), options_(options), stop_(rules, options.tokenizer) {}

  /// Appends the results of the prompts.
  void run(std::span<const std::vector<int>> prompts, std::vector<GeneratedSequence>& results) {
    KeyValueCache<T> cache(model_.config(), static_cast<Index>(prompts.size()),
                           model_.config().n_positions);
    prepare(cache, prompts);
    while (!batch_.segments.empty()) {
      order_.resize(batch_.segments.size());
      std::iota(order_.begin(), order_.end(), Index{0});
      step(cache, model_.next_logits(batch_, cache, order_, options_.adapter));
    }
    for (const Prompt& prompt : prompts_) {
      for (GeneratedSequence& found : prompt.search->results()) {
        results.push_back(std::move(found));
      }
    }
  }

 private:
  struct Prompt {
    std::unique_ptr<Search<T>> search;
    Index first = 0;                      // of its rows of the next logits
    Index rows = 1;                       // 0: finished
    std::vector<Continuation> next = {};  // what it goes on with
  };
  /// Memory for blocks that is taken before the first pass, if so much will be needed; it is not
  /// touched until then. What goes beyond is taken as the sequences grow.
  static constexpr Index kPreparedBytes = Index{1} << 30;

  /// The searches, their first pass, and memory for all passes.
  void prepare(KeyValueCache<T>& cache, std::span<const std::vector<int>> prompts) {
    const auto blocks_of = [](Index tokens) {
      return (tokens + KeyValueCache<T>::kBlock - 1) / KeyValueCache<T>::kBlock;
    };
    const Index sequences = rules_.sequences();
    Index blocks = 0;
    for (const std::vector<int>& prompt : prompts) {
      const auto length = static_cast<Index>(prompt.size());
      const TokenLimit limit = limit_after(length, cache.capacity());
      prompts_.push_back(
          {.search = make_search(prompt, limit), .first = static_cast<Index>(prompts_.size())});
      prompts_.back().next.reserve(static_cast<std::size_t>(sequences));
      push(0, prompt);
      const Index shared = length / KeyValueCache<T>::kBlock;
      blocks += shared + sequences * (blocks_of(length + limit.tokens - 1) - shared);
    }
    const Index all = sequences * static_cast<Index>(prompts.size());
    batch_.ids.reserve(static_cast<std::size_t>(all));
    batch_.segments.reserve(static_cast<std::size_t>(all));
    order_.reserve(static_cast<std::size_t>(all));
    cache.prepare(all, std::min(blocks, kPreparedBytes / cache.block_bytes()));
  }

  /// The new tokens that may follow a prompt. The last one is never run, so that it may lie one
  /// beyond the positions.
  [[nodiscard]] TokenLimit limit_after(Index length, Index positions) const {
    const Index wanted = rules_.wanted_tokens(length);
    const Index room = positions + 1 - length;
    if (wanted <= room) return {wanted, FinishReason::length};
    return {room, FinishReason::context};
  }

  [[nodiscard]] std::unique_ptr<Search<T>> make_search(const std::vector<int>& prompt,
                                                       const TokenLimit& limit) const {
    const SearchSettings settings{rules_, stop_, *model_.pool()};
    if (rules_.beam_style == BeamStyle::lora) {
      return std::make_unique<LoraBeamSearch<T>>(settings, prompt, limit);
    }
    if (rules_.num_beams > 1) return std::make_unique<BeamSearch<T>>(settings, prompt, limit);
    auto search = std::make_unique<TokenSearch<T>>(settings, prompt, limit);
    if (options_.on_token) search->stream_to(options_);
    return search;
  }

  /// Appends tokens of one sequence, the first at `position`, to the next pass.
  void push(Index position, std::span<const int> tokens) {
    batch_.segments.push_back({.begin = batch_.rows(),
                               .length = static_cast<Index>(tokens.size()),
                               .position = position});
    batch_.ids.insert(batch_.ids.end(), tokens.begin(), tokens.end());
  }

  /// Hands every search its rows of the logits, and makes the next pass, the cache in its order.
  void step(KeyValueCache<T>& cache, MatrixView<T> logits) {
    // Several prompts share the threads; one has them for its rows.
    model_.pool()->for_each(static_cast<Index>(prompts_.size()), [&](Index i) {
      Prompt& prompt = prompts_[static_cast<std::size_t>(i)];
      prompt.next.clear();
      if (prompt.rows == 0) return;
      prompt.search->step(logits.middle_rows(prompt.first, prompt.rows), prompt.next);
    });
    batch_.ids.clear();
    batch_.segments.clear();
    order_.clear();
    for (Prompt& prompt : prompts_) {
      const Index first = static_cast<Index>(order_.size());
      for (const Continuation& c : prompt.next) {
        order_.push_back(prompt.first + c.parent);
        push(cache.length(order_.back()), {&c.token, 1});
      }
      prompt.first = first;
      prompt.rows = static_cast<Index>(prompt.next.size());
    }
    cache.reorder(order_);
  }

  const GPT2<T>& model_;
  const DecodingRules& rules_;
  const GenerateOptions& options_;
  StopRule stop_;
  std::vector<Prompt> prompts_;
  Batch batch_;               // the next pass
  std::vector<Index> order_;  // the cache's sequences it runs
};

}  // namespace detail

template <Scalar T>
std::vector<GeneratedSequence> generate_sequences(const GPT2<T>& model,
                                                  std::span<const std::vector<int>> prompts,
                                                  const GenerateOptions& options) {
  const AdapterHold hold = model.hold_adapters();  // also from on_token
  const Index vocab_size = model.config().vocab_size;
  const detail::DecodingRules rules = detail::with_end_tokens(
      detail::decoding_rules(options, model.generation_config()),
      detail::end_tokens(options, model.eos_token_ids(), vocab_size), vocab_size);
  if (options.on_token && prompts.size() != 1) {
    fail<ConfigError>("generate.options", "on_token: expected one prompt, found ", prompts.size());
  }
  detail::check_prompts(model, prompts);
  detail::check_max_length(rules, prompts);
  if (rules.max_new_tokens == 0) {
    return std::vector<GeneratedSequence>(prompts.size() *
                                          static_cast<std::size_t>(rules.num_return_sequences));
  }
  std::vector<GeneratedSequence> results;
  const auto step = static_cast<std::size_t>(
      std::min(options.batch_size, std::max<Index>(1, detail::kMaxSequences / rules.sequences())));
  for (std::size_t begin = 0; begin < prompts.size(); begin += step) {
    const auto group = prompts.subspan(begin, std::min(step, prompts.size() - begin));
    detail::Decoder<T>(model, rules, options).run(group, results);
  }
  return results;
}

template <Scalar T>
std::vector<std::vector<int>> generate_ids(const GPT2<T>& model,
                                           std::span<const std::vector<int>> prompts,
                                           const GenerateOptions& options) {
  std::vector<std::vector<int>> ids;
  for (GeneratedSequence& sequence : generate_sequences(model, prompts, options)) {
    ids.push_back(std::move(sequence.ids));
  }
  return ids;
}

template <Scalar T>
std::string generate(const GPT2<T>& model, const Tokenizer& tokenizer, std::string_view prompt,
                     const GenerateOptions& options) {
  GenerateOptions with_tokenizer = options;
  with_tokenizer.tokenizer = &tokenizer;
  std::vector<int> ids = tokenizer.encode(prompt);
  if (options.append_separator) {
    const EndTokens ends = EndTokens::resolve(model.config(), model.eos_token_ids(), &tokenizer);
    ids = prompt_ids(tokenizer, prompt);
    ids.push_back(ends.required("append_separator"));
    if (!options.eos_token_id) with_tokenizer.extra_end_tokens.push_back(ends.write);
  }
  ids = generate_ids(model, std::span(&ids, 1), with_tokenizer).front();
  return output_text(model, tokenizer, std::move(ids), with_tokenizer);
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
  template std::vector<GeneratedSequence> generate_sequences<T>(                          \
      const GPT2<T>&, std::span<const std::vector<int>>, const GenerateOptions&);         \
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
