// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/data/dataset.hpp>
#include <solo/data/dataset_builder.hpp>
#include <solo/data/sampler.hpp>
#include <solo/io/file.hpp>
#include <solo/text/tokenizer.hpp>

#include <algorithm>
#include <numeric>
#include <utility>

namespace solo::inline SOLO_ABI {
namespace detail {

SOLO_INLINE void check_batch_size(Index size) {
  if (size < 1) fail<ConfigError>("data.options", "batch size: expected at least 1, found ", size);
}

}  // namespace detail

SOLO_INLINE Dataset Dataset::from_file(const std::filesystem::path& path,
                                       const Tokenizer& tokenizer, const DatasetOptions& options) {
  detail::DatasetBuilder builder(&tokenizer, options);
  detail::read_rows(path, options, builder);
  return Dataset(builder.finish(display_name(path)));
}

SOLO_INLINE Dataset Dataset::from_ids_file(const std::filesystem::path& path,
                                           const DatasetOptions& options) {
  const bool json = options.format == DataFormat::automatic ||
                    options.format == DataFormat::jsonl || options.format == DataFormat::json;
  if (!json) {
    fail<ConfigError>("data.tokenizer", display_name(path),
                      ": csv, tsv, txt and text files hold text, which needs a tokenizer");
  }
  detail::DatasetBuilder builder(nullptr, options);
  detail::read_id_rows(path, options, builder);
  return Dataset(builder.finish(display_name(path)));
}

SOLO_INLINE Dataset
Dataset::from_pairs(const std::vector<std::pair<std::string, std::string>>& pairs,
                    const Tokenizer& tokenizer, const DatasetOptions& options) {
  detail::DatasetBuilder builder(&tokenizer, options);
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    builder.add_pair(pairs[i].first, pairs[i].second, concat("pairs[", i, "]"));
  }
  return Dataset(builder.finish("pairs"));
}

SOLO_INLINE Dataset Dataset::from_ids(std::vector<Example> examples,
                                      const DatasetOptions& options) {
  detail::DatasetBuilder builder(nullptr, options);
  for (std::size_t i = 0; i < examples.size(); ++i) {
    builder.add(std::move(examples[i]), concat("examples[", i, "]"));
  }
  return Dataset(builder.finish("examples"));
}

SOLO_INLINE Dataset Dataset::from_sequences(std::vector<std::vector<int>>&& sequences,
                                            const DatasetOptions& options) {
  detail::DatasetBuilder builder(nullptr, options);
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    builder.add({.ids = std::move(sequences[i]), .labels = {}, .context_length = 0},
                concat("sequences[", i, "]"));
  }
  return Dataset(builder.finish("sequences"));
}

SOLO_INLINE const Example& Dataset::operator[](Index i) const {
  if (i < 0 || i >= size()) {
    fail<ConfigError>("data.index", "example ", i, ": expected 0 to ", size() - 1);
  }
  return list_.examples[static_cast<std::size_t>(i)];
}

SOLO_INLINE Dataset Dataset::subset(std::span<const Index> indices) const {
  detail::ExampleList list;
  list.eos_token_id = eos_token_id();
  list.examples.reserve(indices.size());
  for (const Index i : indices) list.add((*this)[i]);
  return Dataset(std::move(list));
}

SOLO_INLINE std::int64_t Dataset::steps_per_epoch(Index batch_size) const {
  detail::check_batch_size(batch_size);
  return size() == 0 ? 0 : (size() - 1) / batch_size + 1;
}

SOLO_INLINE const Batch& Dataset::collate(const CollateOptions& options,
                                          BatchBuffer& buffer) const {
  const std::vector<Index>& numbers = buffer.scratch.numbers;
  buffer.scratch.examples.clear();
  for (const Index i : numbers) buffer.scratch.examples.push_back(&(*this)[i]);
  detail::collate(buffer, options);
  for (Index& example : buffer.batch.segment_examples) {
    example = numbers[static_cast<std::size_t>(example)];
  }
  return buffer.batch;
}

SOLO_INLINE const Batch& Dataset::batch(const BatchOptions& options, BatchBuffer& buffer) const {
  const std::int64_t steps = steps_per_epoch(options.size);
  if (options.step < 0) {
    fail<ConfigError>("data.options", "step: expected at least 0, found ", options.step);
  }
  if (steps == 0) fail<ConfigError>("data.options", "a data set without examples has no batch");
  const auto epoch = static_cast<std::uint64_t>(options.step / steps);
  const Index first = options.step % steps * options.size;
  std::vector<Index>& numbers = buffer.scratch.numbers;
  numbers.resize(static_cast<std::size_t>(std::min(options.size, size() - first)));
  const bool by_context = options.shuffle && options.by_context;
  const Index shuffled = by_context ? contexts_.groups() : size();
  const Permutation permutation(static_cast<std::uint64_t>(shuffled), options.seed, epoch);
  if (by_context) {
    contexts_.find(permutation, first, numbers);
  } else {
    std::iota(numbers.begin(), numbers.end(), first);
    for (Index& i : numbers) {
      if (options.shuffle) i = static_cast<Index>(permutation(static_cast<std::uint64_t>(i)));
    }
  }
  collate({.share_context = options.share_context}, buffer);
  buffer.batch.seed = options.seed;
  buffer.batch.step = options.step;
  return buffer.batch;
}

SOLO_INLINE Batch Dataset::batch(const BatchOptions& options) const {
  BatchBuffer buffer;
  batch(options, buffer);
  return std::move(buffer.batch);
}

SOLO_INLINE const Batch& Dataset::batch_of(std::span<const Index> indices,
                                           const CollateOptions& options,
                                           BatchBuffer& buffer) const {
  buffer.scratch.numbers.assign(indices.begin(), indices.end());
  return collate(options, buffer);
}

SOLO_INLINE Batch Dataset::batch_of(std::span<const Index> indices,
                                    const CollateOptions& options) const {
  BatchBuffer buffer;
  batch_of(indices, options, buffer);
  return std::move(buffer.batch);
}

}  // namespace solo::inline SOLO_ABI
