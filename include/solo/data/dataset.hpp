// SPDX-License-Identifier: MIT
/// @file
/// Training and evaluation data: files and lists made into sequences, and batches of them.
#pragma once

#include <solo/data/batch.hpp>
#include <solo/data/collate.hpp>
#include <solo/data/context_order.hpp>
#include <solo/data/dataset_options.hpp>
#include <solo/data/example_list.hpp>

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace solo::inline SOLO_ABI {

class Tokenizer;

/// Which batch Dataset::batch makes.
struct BatchOptions {
  std::uint64_t seed = 42;
  std::int64_t step = 0;  ///< from 0, over all epochs
  Index size = 8;         ///< examples; the last batch of an epoch may have fewer
  bool shuffle = true;    ///< another order every epoch, instead of the file's
  bool share_context = false;
  /// Shuffles the examples that share a context as one, so that batches hold them together.
  bool by_context = false;
};

/// A list of examples. All errors name the file and line (or the place in the list): FormatError
/// "data.row", "data.unknown_key", "data.csv", "data.mr", "data.line", "data.utf8", "data.id",
/// "data.labels", "data.messages",
/// "data.empty", "data.length", "data.nothing_to_score", "text.…", "json.…";
/// ConfigError "data.format", "data.tokenizer", "data.options", "data.chat_template"; IoError as
/// InputFile.
class Dataset {
 public:
  /// Reads a file of any format.
  [[nodiscard]] static Dataset from_file(const std::filesystem::path& path,
                                         const Tokenizer& tokenizer,
                                         const DatasetOptions& options = {});
  /// Reads JSON lines of {"input_ids", "labels"}; needs no tokenizer. Without labels every
  /// position is scored.
  [[nodiscard]] static Dataset from_ids_file(const std::filesystem::path& path,
                                             const DatasetOptions& options = {});
  /// Prompts and completions.
  [[nodiscard]] static Dataset from_pairs(
      const std::vector<std::pair<std::string, std::string>>& pairs, const Tokenizer& tokenizer,
      const DatasetOptions& options = {});
  /// Ids with labels: from_ids({{ids, labels}, …}), or {{ids}, …}: without labels every position
  /// is scored.
  [[nodiscard]] static Dataset from_ids(std::vector<Example> examples,
                                        const DatasetOptions& options = {});
  /// A std::vector<std::vector<int>> of ids; every position is scored. (A template, so that
  /// braces always mean the list of examples above.)
  template <std::same_as<std::vector<std::vector<int>>> Sequences>
  [[nodiscard]] static Dataset from_ids(Sequences sequences, const DatasetOptions& options = {}) {
    return from_sequences(std::move(sequences), options);
  }

  [[nodiscard]] Index size() const noexcept { return static_cast<Index>(list_.examples.size()); }
  /// Example number i, 0 <= i < size(). Throws ConfigError "data.index".
  [[nodiscard]] const Example& operator[](Index i) const;
  /// Labels that are predicted, in all examples.
  [[nodiscard]] Index scored_tokens() const noexcept { return list_.scored_tokens; }
  /// Ids in all examples.
  [[nodiscard]] Index total_tokens() const noexcept { return list_.total_tokens; }
  /// Ids of the longest example.
  [[nodiscard]] Index longest() const noexcept { return list_.longest; }
  /// Examples that max_length has cut.
  [[nodiscard]] Index truncated() const noexcept { return list_.truncated; }
  /// The token that ends its texts; -1 when all of it was given as ids.
  [[nodiscard]] int eos_token_id() const noexcept { return list_.eos_token_id; }
  /// Examples that were messages, written by the chat template.
  [[nodiscard]] Index conversations() const noexcept { return list_.conversations; }
  /// The examples with these numbers, in this order. Throws ConfigError "data.index".
  [[nodiscard]] Dataset subset(std::span<const Index> indices) const;

  /// Batches of `batch_size` that hold every example once. Throws ConfigError "data.options".
  [[nodiscard]] std::int64_t steps_per_epoch(Index batch_size) const;
  /// Batch number `step`: a pure function of the data and the options. An epoch has every example
  /// once; then the data start over, shuffled anew. Throws ConfigError "data.options".
  [[nodiscard]] Batch batch(const BatchOptions& options = {}) const;
  /// The same in a buffer that is kept from batch to batch; the result is buffer.batch.
  const Batch& batch(const BatchOptions& options, BatchBuffer& buffer) const;
  /// A batch of the examples with these numbers. Throws ConfigError "data.index".
  [[nodiscard]] Batch batch_of(std::span<const Index> indices,
                               const CollateOptions& options = {}) const;
  /// The same in a buffer that is kept from batch to batch; the result is buffer.batch.
  const Batch& batch_of(std::span<const Index> indices, const CollateOptions& options,
                        BatchBuffer& buffer) const;

 private:
  /// A batch of the examples buffer.scratch.numbers.
  const Batch& collate(const CollateOptions& options, BatchBuffer& buffer) const;
  [[nodiscard]] static Dataset from_sequences(std::vector<std::vector<int>>&& sequences,
                                              const DatasetOptions& options);
  explicit Dataset(detail::ExampleList list) : list_(std::move(list)), contexts_(list_.examples) {}

  detail::ExampleList list_;
  detail::ContextOrder contexts_;
};

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/data/dataset.ipp>  // IWYU pragma: keep
#endif
