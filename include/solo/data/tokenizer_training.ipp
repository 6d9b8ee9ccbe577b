// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/data/dataset_builder.hpp>
#include <solo/data/tokenizer_training.hpp>

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
  void add(Example /*example*/, const std::string& where) override {
    fail<FormatError>("data.row", where, ": a tokenizer is trained on text, found input_ids");
  }

 private:
  WordCounts* words_;
};

}  // namespace detail

SOLO_INLINE void count_words(const std::filesystem::path& path, WordCounts& words) {
  const std::filesystem::path extension = path.extension();
  detail::WordCountSink sink(words);
  if (extension == ".jsonl") {
    detail::read_jsonl(path, {.allow_fifo = true}, sink);
  } else if (extension == ".csv") {
    detail::read_e2e_csv(path, sink);
  } else {
    words.add_file(path);
  }
}

SOLO_INLINE Tokenizer train_tokenizer_on_files(std::span<const std::filesystem::path> paths,
                                               const TokenizerTrainOptions& options) {
  WordCounts words;
  for (const std::filesystem::path& path : paths) count_words(path, words);
  return train_tokenizer(words, options);
}

}  // namespace solo::inline SOLO_ABI
