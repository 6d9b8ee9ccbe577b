// SPDX-License-Identifier: MIT
/// @file
/// A row of a data file: which columns are read, and which forms a row may have.
#pragma once

#include <solo/data/chat_template.hpp>
#include <solo/data/dataset_options.hpp>
#include <solo/data/row_sink.hpp>

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI::detail {

/// What a value of a row is.
enum class RowKey : unsigned char {
  prompt,
  completion,
  text,
  messages,
  instruction,
  input,
  output,
  input_ids,
  labels,
  mr,
  ref,
};

inline constexpr std::array<std::string_view, 11> kRowKeys = {
    "prompt", "completion", "text",   "messages", "instruction", "input",
    "output", "input_ids",  "labels", "mr",       "ref"};

/// The values of a row that are there.
struct DataRow {
  std::array<std::optional<std::string>, kRowKeys.size()> texts = {};
  std::optional<std::vector<ChatMessage>> messages = {};
  std::optional<std::vector<int>> ids = {};
  std::optional<std::vector<int>> labels = {};

  [[nodiscard]] std::optional<std::string>& operator[](RowKey key) {
    return texts[static_cast<std::size_t>(key)];
  }
};

/// The columns that the options name, or else the usual ones.
class RowColumns {
 public:
  /// Throws ConfigError "data.options" for a name that means nothing, one column for two of them,
  /// or names that make no row.
  explicit RowColumns(const DataColumns& columns);

  /// What the column of this name holds; none for one that is not read.
  [[nodiscard]] std::optional<RowKey> find(std::string_view name) const;
  /// Whether the options name the columns, and others are ignored.
  [[nodiscard]] bool chosen() const noexcept { return !columns_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return columns_.size(); }
  /// The columns that the options name, for messages.
  [[nodiscard]] std::string names() const;

 private:
  const DataColumns& columns_;
};

/// Checks the options that say how rows become text, and passes rows on.
class RowMaker {
 public:
  /// `options` outlives it. Throws as RowColumns, and ConfigError "data.options" for an
  /// instruction_template without {instruction}.
  explicit RowMaker(const DatasetOptions& options);

  [[nodiscard]] const RowColumns& columns() const noexcept { return columns_; }
  /// Throws FormatError "data.row" for a row that has no form, or several.
  void add(DataRow&& row, const std::string& where, RowSink& sink) const;

 private:
  [[nodiscard]] std::string instruction_prompt(DataRow& row, const std::string& where) const;

  const DatasetOptions& options_;
  RowColumns columns_;
};

}  // namespace solo::inline SOLO_ABI::detail

#if SOLO_HEADER_ONLY
#include <solo/data/row.ipp>  // IWYU pragma: keep
#endif
