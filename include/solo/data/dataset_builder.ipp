// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/core/known_value.hpp>
#include <solo/data/dataset_builder.hpp>
#include <solo/data/prompt_ids.hpp>
#include <solo/text/tokenizer.hpp>

#include <algorithm>
#include <limits>
#include <span>

namespace solo::inline SOLO_ABI {
namespace detail {

SOLO_INLINE DatasetBuilder::DatasetBuilder(const Tokenizer* tokenizer,
                                           const DatasetOptions& options)
    : tokenizer_(tokenizer), options_(options) {
  const auto check = [](std::string_view name, Index value) {
    if (value < 0 || value > std::numeric_limits<int>::max()) {
      fail<ConfigError>("data.options", name, ": expected 0 to ", std::numeric_limits<int>::max(),
                        ", found ", value);
    }
  };
  require_known("format", options.format, DataFormat::text);
  require_known("separator", options.separator, Separator::none);
  check("max_length", options.max_length);
  check("n_positions", options.n_positions);
  check("vocab_size", options.vocab_size);
  if (options.eos_token_id < -1) {
    fail<ConfigError>("data.options", "eos_token_id: expected -1 or a token id, found ",
                      options.eos_token_id);
  }
}

SOLO_INLINE const Tokenizer& DatasetBuilder::prepare_text(const std::string& where) {
  if (tokenizer_ == nullptr) {
    fail<ConfigError>("data.tokenizer", where, ": text needs a tokenizer, and there is none");
  }
  if (list_.eos_token_id >= 0) return *tokenizer_;
  const int eos = options_.eos_token_id >= 0 ? options_.eos_token_id : tokenizer_->eos_token_id();
  if (eos < 0) {
    fail<ConfigError>(
        "data.tokenizer", where,
        ": nothing names the token that ends a text: neither the tokenizer (eos_token "
        "in tokenizer_config.json) nor eos_token_id of model or options");
  }
  if (options_.vocab_size != 0 && eos >= options_.vocab_size) {
    fail<FormatError>("data.id", where, ": the end token ", eos,
                      " is beyond the model's vocabulary of ", options_.vocab_size, " tokens");
  }
  list_.eos_token_id = eos;
  return *tokenizer_;
}

SOLO_INLINE void DatasetBuilder::append_last(std::string_view text, bool continues,
                                             std::vector<int>& ids) const {
  const std::vector<int> tail = tokenizer_->encode(text, {.special_tokens = options_.special_tokens,
                                                          .add_special_tokens = false,
                                                          .continues = continues});
  ids.insert(ids.end(), tail.begin(), tail.end());
  const std::span<const int> suffix = tokenizer_->suffix_ids();
  ids.insert(ids.end(), suffix.begin(), suffix.end());
  if (suffix.empty() || suffix.back() != list_.eos_token_id) ids.push_back(list_.eos_token_id);
}

SOLO_INLINE void DatasetBuilder::add_pair(std::string_view prompt, std::string_view completion,
                                          const std::string& where) {
  const Tokenizer& bpe = prepare_text(where);
  Example example;
  example.ids = prompt_ids(bpe, prompt, options_.special_tokens);
  std::string text(completion);
  if (options_.separator == Separator::eos) {
    example.ids.push_back(list_.eos_token_id);
    if (!text.empty() && !text.starts_with(' ')) text.insert(0, 1, ' ');
  }
  example.context_length = static_cast<Index>(example.ids.size());
  append_last(text, !prompt.empty(), example.ids);
  example.labels = example.ids;
  if (options_.completion_only) {
    std::fill_n(example.labels.begin(), example.context_length, kIgnoreIndex);
  }
  add(std::move(example), where);
}

SOLO_INLINE Example DatasetBuilder::text_example(std::string_view text, const std::string& where) {
  const std::span<const int> prefix = prepare_text(where).prefix_ids();
  Example example;
  example.ids.assign(prefix.begin(), prefix.end());
  append_last(text, false, example.ids);
  example.labels = example.ids;
  return example;
}

SOLO_INLINE void DatasetBuilder::add_text(std::string_view text, const std::string& where) {
  add(text_example(text, where), where);
}

SOLO_INLINE void DatasetBuilder::check_ids(const Example& example, const std::string& where) const {
  const auto check = [&](std::string_view list, std::size_t i, int value) {
    if (value >= 0 && (options_.vocab_size == 0 || value < options_.vocab_size)) return;
    const std::string limit =
        options_.vocab_size == 0 ? "" : concat(" below vocab_size ", options_.vocab_size);
    fail<FormatError>("data.id", where, ": ", list, "[", i, "]: expected an id of at least 0",
                      limit, ", found ", value);
  };
  if (example.ids.empty()) fail<FormatError>("data.empty", where, ": expected one or more ids");
  if (example.labels.size() != example.ids.size()) {
    fail<FormatError>("data.labels", where, ": expected as many labels as ids, ",
                      example.ids.size(), ", found ", example.labels.size());
  }
  if (example.context_length < 0 ||
      example.context_length > static_cast<Index>(example.ids.size())) {
    fail<FormatError>("data.labels", where, ": context_length: expected 0 to ", example.ids.size(),
                      ", found ", example.context_length);
  }
  for (std::size_t i = 0; i < example.ids.size(); ++i) {
    check("input_ids", i, example.ids[i]);
    if (example.labels[i] != kIgnoreIndex) check("labels", i, example.labels[i]);
  }
}

SOLO_INLINE void DatasetBuilder::add(Example example, const std::string& where) {
  if (example.labels.empty()) example.labels = example.ids;
  check_ids(example, where);
  auto length = static_cast<Index>(example.ids.size());
  if (options_.max_length != 0 && length > options_.max_length) {
    length = options_.max_length;
    example.ids.resize(static_cast<std::size_t>(length));
    example.labels.resize(static_cast<std::size_t>(length));
    example.context_length = std::min(example.context_length, length);
    ++list_.truncated;
  }
  if (options_.n_positions != 0 && length > options_.n_positions) {
    fail<FormatError>("data.length", where, ": expected at most n_positions ", options_.n_positions,
                      " tokens, found ", length, " (max_length would cut it)");
  }
  if (example.context_length == 0) {
    while (example.context_length < length &&
           example.labels[static_cast<std::size_t>(example.context_length)] == kIgnoreIndex) {
      ++example.context_length;
    }
  }
  list_.add(std::move(example));
}

SOLO_INLINE ExampleList DatasetBuilder::finish(const std::string& source) {
  if (list_.scored_tokens == 0) {
    fail<FormatError>("data.nothing_to_score", source, ": nothing to score: none of ",
                      list_.examples.size(), " examples has a label after its first token");
  }
  return std::move(list_);
}

}  // namespace detail
}  // namespace solo::inline SOLO_ABI
