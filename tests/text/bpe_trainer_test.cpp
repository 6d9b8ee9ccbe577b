// SPDX-License-Identifier: MIT
#include <solo/core/error.hpp>
#include <solo/core/rng.hpp>
#include <solo/io/file.hpp>
#include <solo/text/bpe_trainer.hpp>

#include "support/bad_input.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "text/goldens.hpp"

#include <map>
#include <utility>

using solo::Tokenizer;
using solo::train_tokenizer;
using solo::WordCounts;

namespace {

std::string saved(const Tokenizer& tokenizer, const std::string& name) {
  const solo::test::TempDir dir;
  tokenizer.save_pretrained(dir.path());
  return solo::read_text_file(dir.path() / name);
}

WordCounts counts_of_file(const std::string& text) {
  const solo::test::TempDir dir;
  solo::write_file_atomically(dir.path() / "text.txt", text);
  WordCounts words;
  words.add_file(dir.path() / "text.txt");
  return words;
}

/// Words of few letters, so that pairs of equal tokens and ties abound.
std::string random_words(std::uint64_t seed, int count) {
  const solo::Philox random(seed);
  std::string text;
  for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(count); ++i) {
    const std::uint64_t length = 1 + random.below(12, 1000 * i);
    for (std::uint64_t j = 1; j <= length; ++j) {
      text += static_cast<char>('a' + random.below(3, 1000 * i + j));
    }
    text += ' ';
  }
  return text;
}

/// The merges by definition: every pair is counted anew before each merge.
std::vector<std::pair<std::string, std::string>> merges_by_definition(const WordCounts& counts,
                                                                      std::size_t most) {
  using Word = std::vector<std::string>;
  std::vector<std::pair<Word, std::int64_t>> words;
  for (const auto& [text, count] : counts.words()) {
    Word word;
    for (const char c : text) word.emplace_back(1, c);
    words.emplace_back(word, count);
  }
  std::vector<std::string> made;
  const auto id = [&made](const std::string& token) {
    const auto found = std::find(made.begin(), made.end(), token);
    // Of single bytes only letters and the space (which comes after all letters) occur here.
    if (found == made.end()) return token == " " ? 255 : static_cast<int>(token[0]);
    return 256 + static_cast<int>(found - made.begin());
  };
  std::vector<std::pair<std::string, std::string>> merges;
  while (merges.size() < most) {
    std::map<std::pair<std::string, std::string>, std::int64_t> pairs;
    for (const auto& [word, count] : words) {
      for (std::size_t i = 1; i < word.size(); ++i) pairs[{word[i - 1], word[i]}] += count;
    }
    if (pairs.empty()) break;
    const auto best = std::max_element(pairs.begin(), pairs.end(), [&](auto& a, auto& b) {
      if (a.second != b.second) return a.second < b.second;
      return std::pair(id(a.first.first), id(a.first.second)) >
             std::pair(id(b.first.first), id(b.first.second));
    });
    const auto [left, right] = best->first;
    merges.emplace_back(left, right);
    made.push_back(left + right);
    for (auto& [word, count] : words) {
      for (std::size_t i = 0; i + 1 < word.size(); ++i) {
        if (word[i] != left || word[i + 1] != right) continue;
        word[i] += word[i + 1];
        word.erase(word.begin() + static_cast<std::ptrdiff_t>(i) + 1);
      }
    }
  }
  return merges;
}

}  // namespace

TEST_CASE("the merges are those of Hugging Face's trainer") {
  for (const solo::Json& row : solo::test::text_golden("training.json")) {
    const WordCounts words = counts_of_file(row.at("text").get<std::string>());
    for (const auto& [min_frequency, merges] : row.at("merges").items()) {
      INFO(row.at("name") << ", min_frequency " << min_frequency);
      const Tokenizer tokenizer =
          train_tokenizer(words, {.vocab_size = row.at("vocab_size").get<int>(),
                                  .min_frequency = std::stoi(min_frequency)});
      CHECK(saved(tokenizer, "merges.txt") == "#version: 0.2\n" + merges.get<std::string>());
    }
  }
}

TEST_CASE("the merges follow their definition") {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    const std::vector<std::string> texts = {random_words(seed, 40), random_words(seed + 10, 40)};
    WordCounts words;
    for (const std::string& text : texts) words.add(text);
    std::string expected = "#version: 0.2\n";
    for (const auto& [left, right] : merges_by_definition(words, 100)) {
      for (const char c : left + '\n' + right + '\0') {
        expected += c == ' ' ? "Ġ" : c == '\n' ? " " : c == '\0' ? "\n" : std::string(1, c);
      }
    }
    const Tokenizer tokenizer = train_tokenizer(texts, {.vocab_size = 357, .min_frequency = 0});
    CHECK(saved(tokenizer, "merges.txt") == expected);
  }
}

TEST_CASE("a trained tokenizer has GPT-2's order of ids and encodes every byte") {
  const std::vector<std::string> texts = {"low low low lower lower newest newest newest widest"};
  const Tokenizer tokenizer = train_tokenizer(texts, {.vocab_size = 262});
  CHECK(tokenizer.vocab_size() == 262);
  CHECK(tokenizer.eos_token_id() == 261);
  CHECK(tokenizer.token(0) == "!");
  CHECK(tokenizer.token_id(" ") == 220);
  CHECK(tokenizer.token(256) == "lo");
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
  CHECK(tokenizer.decode(tokenizer.encode(bytes)) == bytes);
  CHECK(tokenizer.encode("<|endoftext|>") == std::vector<int>{261});
}

TEST_CASE("a trained tokenizer is the one its files describe") {
  const std::vector<std::string> texts = {random_words(5, 200)};
  const Tokenizer tokenizer = train_tokenizer(texts, {.vocab_size = 400});
  const solo::test::TempDir dir;
  tokenizer.save_pretrained(dir.path() / "made" / "here");
  const Tokenizer loaded = Tokenizer::from_pretrained(dir.path() / "made" / "here");
  CHECK(loaded == tokenizer);
  CHECK(loaded.fingerprint() == tokenizer.fingerprint());
  const std::string vocab = saved(tokenizer, "vocab.json");
  CHECK(vocab.starts_with("{\"!\":0,\"\\\"\":1,"));
  CHECK(vocab.find(",\"<|endoftext|>\":" + std::to_string(tokenizer.vocab_size() - 1) + "}") !=
        std::string::npos);
}

TEST_CASE("training ends when no pair is frequent enough") {
  const std::vector<std::string> texts = {"abc abc xyz"};
  CHECK(train_tokenizer(texts).vocab_size() == 259);  // ab and abc occur twice
  CHECK(train_tokenizer(texts, {.min_frequency = 3}).vocab_size() == 257);
  CHECK(train_tokenizer(std::vector<std::string>{}).vocab_size() == 257);
}

TEST_CASE("words are counted text by text and line by line") {
  WordCounts words;
  words.add("a b");
  words.add(" b");
  words.add("b");
  CHECK(words.words() == WordCounts::Map{{"a", 1}, {" b", 2}, {"b", 1}});
  CHECK(counts_of_file("\xEF\xBB\xBFx  \ny\r\n\n").words() ==
        WordCounts::Map{{"x", 1}, {"  \n", 1}, {"y", 1}, {"\r\n", 1}, {"\n", 1}});
  // More words than the cache of recent ones has places.
  WordCounts many;
  for (int turn = 0; turn < 2; ++turn) {
    for (int i = 0; i < 100'000; ++i) many.add(std::to_string(i));
  }
  CHECK(many.words().size() == 100'000);
  for (const auto& [word, count] : many.words()) {
    if (count != 2) FAIL_CHECK(word << ": " << count);
  }
}

TEST_CASE("bad options and texts of training are refused") {
  const WordCounts words;
  solo::test::check_throws<solo::ConfigError>(
      [&] { (void)train_tokenizer(words, {.vocab_size = 256}); }, "tokenizer.train",
      {"vocab_size", "257", "256"});
  solo::test::check_throws<solo::ConfigError>(
      [&] { (void)train_tokenizer(words, {.vocab_size = (1 << 24) + 1}); }, "tokenizer.train",
      {"vocab_size", "16777217"});
  solo::test::check_throws<solo::ConfigError>(
      [&] { (void)train_tokenizer(words, {.min_frequency = -1}); }, "tokenizer.train",
      {"min_frequency", "-1"});
  solo::test::check_throws<solo::FormatError>([&] { (void)counts_of_file("a\nb\xFF\n"); },
                                              "data.utf8", {"text.txt: line 2"});
}
