// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/data/dataset_builder.hpp>
#include <solo/data/windows.hpp>
#include <solo/text/tokenizer.hpp>

#include <algorithm>

namespace solo::inline SOLO_ABI {
namespace detail {

/// Texts that stand one after another, encoded as one. Like the masks of transformers
/// (char_to_token), a token is scored if a part of it is.
class TextRun {
 public:
  void add(const TextPiece& piece) {
    text_ += piece.text;
    if (piece.scored) scored_.push_back({text_.size() - piece.text.size(), text_.size()});
  }

  /// Appends its tokens to the example and empties the run.
  void encode(const Tokenizer& tokenizer, const EncodeOptions& options, Example& example,
              const std::string& where) {
    std::size_t at = 0;
    for (const int id : tokenizer.encode(text_, options)) {
      const std::size_t end = end_of(tokenizer.token(id), at, where);
      const auto overlaps = [&](const Range& range) { return range.begin < end && at < range.end; };
      const bool scored = std::any_of(scored_.begin(), scored_.end(), overlaps);
      example.ids.push_back(id);
      example.labels.push_back(scored ? id : kIgnoreIndex);
      at = end;
    }
    text_.clear();
    scored_.clear();
  }

 private:
  struct Range {
    std::size_t begin;
    std::size_t end;
  };

  /// Where a token ends that begins at or after `at`: a tokenizer may drop white space beside a
  /// special token, and put a space in front of a text.
  [[nodiscard]] std::size_t end_of(std::string_view token, std::size_t at,
                                   const std::string& where) const {
    const std::string_view text(text_);
    for (std::size_t begin = at; begin <= text.size(); ++begin) {
      if (text.substr(begin).starts_with(token)) return begin + token.size();
      if (token.starts_with(' ') && text.substr(begin).starts_with(token.substr(1))) {
        return begin + token.size() - 1;
      }
      if (begin == text.size() || std::string_view(" \t\r\n").find(text[begin]) == text.npos) break;
    }
    fail<ConfigError>("data.messages", where, ": the tokenizer changes the text near ",
                      quoted(text.substr(std::min(at, text.size()), 20)),
                      ", so that what is scored cannot be found");
  }

  std::string text_;
  std::vector<Range> scored_;
};

SOLO_INLINE void DatasetBuilder::add_pieces(const std::vector<TextPiece>& pieces,
                                            const std::string& where) {
  const Tokenizer& bpe = prepare_text(where);
  // As apply_chat_template of transformers: nothing but the template is put around the texts.
  const EncodeOptions reading{.special_tokens = options_.special_tokens,
                              .add_special_tokens = false};
  const int eos = list_.eos_token_id;
  for (const std::string& token : options_.chat_template.tokens()) {
    if (!options_.special_tokens) {
      fail<ConfigError>("data.chat_template", where, ": chat template ",
                        options_.chat_template.name(), " marks roles by ",
                        quoted(std::string_view(token)),
                        ", which special_tokens false would read as letters");
    }
    if (bpe.encode(token, reading).size() != 1) {
      fail<ConfigError>("data.chat_template", where, ": chat template ",
                        options_.chat_template.name(), ": the tokenizer has no token ",
                        quoted(std::string_view(token)));
    }
  }
  Example example;
  TextRun run;
  for (const TextPiece& piece : pieces) {
    if (!piece.end) {
      run.add(piece);
      continue;
    }
    run.encode(bpe, reading, example, where);
    example.ids.push_back(eos);
    example.labels.push_back(piece.scored ? eos : kIgnoreIndex);
  }
  run.encode(bpe, reading, example, where);
  if (!options_.completion_only) example.labels = example.ids;
  ++list_.conversations;
  add(std::move(example), where);
}

SOLO_INLINE void DatasetBuilder::add_document(std::string_view text, const std::string& where) {
  Index longest = options_.n_positions;
  if (options_.max_length != 0 && (longest == 0 || options_.max_length < longest)) {
    longest = options_.max_length;
  }
  for (Example& window : windows_of(text_example(text, where), longest)) {
    add(std::move(window), where);
  }
}

}  // namespace detail
}  // namespace solo::inline SOLO_ABI
