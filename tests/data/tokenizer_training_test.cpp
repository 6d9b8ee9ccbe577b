// SPDX-License-Identifier: MIT
#include <solo/core/error.hpp>
#include <solo/data/tokenizer_training.hpp>
#include <solo/io/file.hpp>

#include "support/bad_input.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <vector>

using solo::WordCounts;

namespace {

WordCounts words_of(const std::string& name, const std::string& text) {
  const solo::test::TempDir dir;
  solo::write_file_atomically(dir.path() / name, text);
  WordCounts words;
  solo::count_words(dir.path() / name, words);
  return words;
}

}  // namespace

TEST_CASE("a tokenizer's training takes the texts of a data file as a data set encodes them") {
  const WordCounts words = words_of("a.jsonl", R"({"prompt": "x y", "completion": "z"})"
                                               "\n"
                                               R"({"prompt": "x", "completion": " z"})"
                                               "\n"
                                               R"({"text": "z\ny"})"
                                               "\n");
  CHECK(words.words() ==
        WordCounts::Map{{"x", 2}, {" y", 1}, {" z", 2}, {"z", 1}, {"\n", 1}, {"y", 1}});
  CHECK(words_of("a.csv", "mr,ref\nname[Mill],Mill it is.\n").words() ==
        WordCounts::Map{{"name", 1}, {" :", 1}, {" Mill", 2}, {" it", 1}, {" is", 1}, {".", 1}});
  CHECK(words_of("a.txt", "x||y\n").words() ==
        WordCounts::Map{{"x", 1}, {"||", 1}, {"y", 1}, {"\n", 1}});
}

TEST_CASE("a tokenizer learns from several files") {
  const solo::test::TempDir dir;
  const std::vector<std::filesystem::path> files = {dir.path() / "a.txt", dir.path() / "b.jsonl"};
  solo::write_file_atomically(files[0], "banana\n");
  solo::write_file_atomically(files[1], "{\"text\": \"banana\"}\n");
  const solo::Tokenizer tokenizer = solo::train_tokenizer_on_files(files, {.vocab_size = 270});
  CHECK(tokenizer.token(256) == "an");
  CHECK(tokenizer.encode("banana").size() == 1);
}

TEST_CASE("a tokenizer is not trained on ids") {
  solo::test::check_throws<solo::FormatError>(
      [] { (void)words_of("a.jsonl", "{\"text\": \"a\"}\n{\"input_ids\": [1, 2]}\n"); }, "data.row",
      {"a.jsonl: line 2", "input_ids"});
}
