// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/data/dataset_builder.hpp>
#include <solo/data/tokenizer_training.hpp>

#include <utility>

namespace solo::inline SOLO_ABI {
namespace detail {

class WordCountSink final : public RowSink {
 public:
  explicit WordCountSink(WordCounts& words) : words_(&words) {}
  void add_pair(std::string_view prompt, std::string_view completion,
                const std::string& /*where*/) override {
    words_->add(prompt);
    words_->add(completion.starts_with(' ') ? std::string(completion) : concat(' ', completion));
  }
  void add_text(std::string_view text, const std::string& /*where*/) override { words_->add(text); }
  void add_pieces(const std::vector<TextPiece>& pieces, const std::string& /*where*/) override {
    std::string run;
    for (const TextPiece& piece : pieces) {
      run += piece.text;
      if (piece.end) words_->add(std::exchange(run, {}));
    }
    words_->add(run);
  }
  void add(Example /*example*/, const std::string& where) override {
    fail<FormatError>("data.row", where, ": a tokenizer is trained on text, found input_ids");
  }

 private:
  WordCounts* words_;
};

}  // namespace detail

SOLO_INLINE void count_words(const std::filesystem::path& path, WordCounts& words,
                             DatasetOptions options) {
  const std::filesystem::path extension = path.extension();
  const bool rows =
      extension == ".jsonl" || extension == ".json" || extension == ".csv" || extension == ".tsv";
  if (!rows) return words.add_file(path);
  detail::WordCountSink sink(words);
  options.format = DataFormat::automatic;
  options.allow_fifo = true;
  detail::read_rows(path, options, sink);
}

SOLO_INLINE Tokenizer train_tokenizer_on_files(std::span<const std::filesystem::path> paths,
                                               const TokenizerTrainOptions& options,
                                               const DatasetOptions& reading) {
  WordCounts words;
  for (const std::filesystem::path& path : paths) count_words(path, words, reading);
  return train_tokenizer(words, options);
}

}  // namespace solo::inline SOLO_ABI
