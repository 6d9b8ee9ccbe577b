// SPDX-License-Identifier: MIT
/// @file
/// What takes the rows of a data file.
#pragma once

#include <solo/data/chat_template.hpp>
#include <solo/data/example.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI::detail {

/// Receives the rows of a data file. `where` ("train.jsonl: line 3") begins every message.
class RowSink {
 public:
  virtual ~RowSink() = default;
  virtual void add_pair(std::string_view prompt, std::string_view completion,
                        const std::string& where) = 0;
  virtual void add_text(std::string_view text, const std::string& where) = 0;
  /// A conversation: texts and end tokens that stand one after another.
  virtual void add_pieces(const std::vector<TextPiece>& pieces, const std::string& where) = 0;
  /// A whole file of plain text.
  virtual void add_document(std::string_view text, const std::string& where) {
    add_text(text, where);
  }
  /// A row of ids and labels.
  virtual void add(Example example, const std::string& where) = 0;
  /// Whether a file of prompts alone will do (E2E's testset.csv); its rows come to add_prompt().
  [[nodiscard]] virtual bool takes_prompts() const { return false; }
  virtual void add_prompt(std::string_view /*prompt*/, const std::string& /*where*/) {}

 protected:
  RowSink() = default;
  RowSink(const RowSink&) = default;
  RowSink& operator=(const RowSink&) = default;
};

}  // namespace solo::inline SOLO_ABI::detail
