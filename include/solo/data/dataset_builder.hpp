// SPDX-License-Identifier: MIT
/// @file
/// Reading of data files row by row, and the one place where prompts, texts and ids become
/// examples.
#pragma once

#include <solo/data/dataset_options.hpp>
#include <solo/data/example_list.hpp>
#include <solo/data/row_sink.hpp>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI {

class Tokenizer;

namespace detail {

/// Collects the examples of a data set.
class DatasetBuilder final : public RowSink {
 public:
  /// `tokenizer` may be null when only ids are added; it and the options outlive the builder.
  /// Throws ConfigError "data.options" for options out of range.
  DatasetBuilder(const Tokenizer* tokenizer, const DatasetOptions& options);

  /// One rule makes a sequence: see Separator.
  void add_pair(std::string_view prompt, std::string_view completion,
                const std::string& where) override;
  /// BPE(text) + eos.
  void add_text(std::string_view text, const std::string& where) override;
  /// Texts between end tokens are encoded as one; a token with a scored part is scored.
  void add_pieces(const std::vector<TextPiece>& pieces, const std::string& where) override;
  /// BPE(text) + eos in windows of n_positions tokens, or of max_length if that is less.
  void add_document(std::string_view text, const std::string& where) override;
  /// Checks ids and labels (empty: the ids), cuts, counts.
  void add(Example example, const std::string& where) override;
  /// Throws FormatError "data.nothing_to_score" when no label can be predicted.
  [[nodiscard]] ExampleList finish(const std::string& source);

 private:
  /// The tokenizer; and the end token, which the list then has.
  const Tokenizer& prepare_text(const std::string& where);
  [[nodiscard]] Example text_example(std::string_view text, const std::string& where);
  /// Appends a text, which may continue that of the ids, what the tokenizer puts behind it, and the
  /// end token, which it may have put there.
  void append_last(std::string_view text, bool continues, std::vector<int>& ids) const;
  void check_ids(const Example& example, const std::string& where) const;

  const Tokenizer* tokenizer_;
  const DatasetOptions& options_;
  ExampleList list_;
};

/// Reads all rows of a file of any format. Throws ConfigError "data.format" when neither the
/// options nor the extension say which.
void read_rows(const std::filesystem::path& path, const DatasetOptions& options, RowSink& sink);
/// As read_rows, of a file of ids: JSON lines unless it is .json or the options say so.
void read_id_rows(const std::filesystem::path& path, const DatasetOptions& options, RowSink& sink);

}  // namespace detail
}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/data/dataset_builder.ipp>  // IWYU pragma: keep
#include <solo/data/dataset_pieces.ipp>   // IWYU pragma: keep
#include <solo/data/dataset_readers.ipp>  // IWYU pragma: keep
#endif
