// SPDX-License-Identifier: MIT
#include <solo/core/error.hpp>
#include <solo/core/rng.hpp>
#include <solo/io/file.hpp>
#include <solo/text/tokenizer.hpp>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "text/goldens.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <map>
#include <numeric>
#include <thread>

using solo::Tokenizer;

namespace {

std::filesystem::path tiny_dir() {
  return solo::test::golden_dir() / "text" / "tiny-bpe";
}

Tokenizer tiny() {
  return Tokenizer::from_pretrained(tiny_dir());
}

std::string random_bytes(std::uint64_t seed, std::size_t size) {
  const solo::Philox random(seed);
  std::string text;
  for (std::size_t i = 0; i < size; ++i) text += static_cast<char>(random.bits(i) & 0xFFU);
  return text;
}

double seconds_to_encode(const Tokenizer& tokenizer, const std::string& text) {
  double best = 1e9;
  for (int i = 0; i < 3; ++i) {
    const auto start = std::chrono::steady_clock::now();
    const auto ids = tokenizer.encode(text);
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
    REQUIRE(tokenizer.decode(ids) == text);
    best = std::min(best, time.count());
  }
  return best;
}

}  // namespace

TEST_CASE("tiny-bpe has 512 tokens, the last of them the end of text") {
  const Tokenizer tokenizer = tiny();
  CHECK(tokenizer.vocab_size() == 512);
  CHECK(tokenizer.eos_token_id() == 511);
  CHECK(tokenizer.token(0) == "!");
  CHECK(tokenizer.token(198) == "\n");
  CHECK(tokenizer.token(511) == "<|endoftext|>");
  CHECK(tokenizer.token_id(" ") == 220);
  CHECK(tokenizer.token_id("no such token") == -1);
}

TEST_CASE("ids are those of Hugging Face's tokenizers") {
  const Tokenizer tokenizer = tiny();
  for (const solo::Json& row : solo::test::text_golden("encodings.json")) {
    const auto text = row.at("text").get<std::string>();
    CAPTURE(text);
    CHECK(tokenizer.encode(text) == row.at("ids").get<std::vector<int>>());
    CHECK(tokenizer.encode(text, {.special_tokens = false}) ==
          row.at("ordinary_ids").get<std::vector<int>>());
    CHECK(tokenizer.decode(tokenizer.encode(text)) == text);
  }
}

TEST_CASE("ids of real texts are those of Hugging Face's tokenizers") {
  const auto shared = solo::test::shared_dir();
  if (!shared) SOLO_SKIP("needs ../shared");
  std::map<std::string, Tokenizer> tokenizers;
  for (const std::string name : {"data/gpt2", "models/gpt2-mini"}) {
    tokenizers.emplace(name, Tokenizer::from_pretrained(*shared / name));
  }
  for (const solo::Json& row : solo::test::text_golden("files.json")) {
    const Tokenizer& tokenizer = tokenizers.at(row.at("tokenizer").get<std::string>());
    const auto file = row.at("file").get<std::string>();
    const std::string text = solo::read_text_file(*shared / file);
    const std::vector<int> ids = tokenizer.encode(text);
    CAPTURE(file, row.at("tokenizer").get<std::string>());
    CHECK(ids.size() == row.at("tokens").get<std::size_t>());
    CHECK(solo::test::hash_of(ids) == row.at("hash").get<std::string>());
    CHECK((tokenizer.decode(ids) == text));
  }
}

TEST_CASE("GPT-2's own ids") {
  const auto shared = solo::test::shared_dir();
  if (!shared) SOLO_SKIP("needs ../shared");
  const auto tokenizer = Tokenizer::from_pretrained(*shared / "data" / "gpt2");
  CHECK(tokenizer.vocab_size() == 50257);
  CHECK(tokenizer.eos_token_id() == 50256);
  CHECK(tokenizer.encode("\n\n") == std::vector<int>{628});
  CHECK(tokenizer.encode("name : Blue Spice | Type : coffee shop | area : city centre") ==
        std::vector<int>{3672, 1058, 4518, 43537, 930, 5994, 1058, 6891, 6128, 930, 1989, 1058,
                         1748, 7372});
  CHECK(tokenizer.encode("a <|endoftext|> b") == std::vector<int>{64, 220, 50256, 275});
}

TEST_CASE("decode gives back every byte string") {
  const Tokenizer tokenizer = tiny();
  std::string all(256, '\0');
  std::iota(all.begin(), all.end(), '\0');
  CHECK(tokenizer.decode(tokenizer.encode(all)) == all);
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const std::string text = random_bytes(seed, seed % 97);
    REQUIRE(tokenizer.decode(tokenizer.encode(text)) == text);
    REQUIRE(tokenizer.decode(tokenizer.encode(text, {.special_tokens = false})) == text);
  }
}

TEST_CASE("every token decodes to itself and encoding it gives the same bytes") {
  const Tokenizer tokenizer = tiny();
  for (int id = 0; id < tokenizer.vocab_size(); ++id) {
    const std::vector<int> one = {id};
    CHECK(tokenizer.decode(one) == tokenizer.token(id));
    CHECK(tokenizer.decode(tokenizer.encode(tokenizer.token(id))) == tokenizer.token(id));
  }
}

TEST_CASE("time grows linearly with the length of a single word") {
  const Tokenizer tokenizer = tiny();
  const auto letters = [](std::size_t size) {
    std::string text = random_bytes(3, size);
    for (char& c : text) c = static_cast<char>('a' + static_cast<unsigned char>(c) % 26);
    return text;
  };
  const std::size_t small = std::size_t{1} << 17U;
  const std::size_t large = 8 * small;
  for (const char c : {'a', ' ', 'e', '!', '\n', '\xC3'}) {
    const double ratio = seconds_to_encode(tokenizer, std::string(large, c)) /
                         seconds_to_encode(tokenizer, std::string(small, c));
    CAPTURE(static_cast<int>(c));
    CHECK(ratio < 8 * 4);
  }
  CHECK(seconds_to_encode(tokenizer, letters(large)) /
            seconds_to_encode(tokenizer, letters(small)) <
        8 * 4);
}

TEST_CASE("threads may share a tokenizer") {
  const Tokenizer tokenizer = tiny();
  const std::string text = random_bytes(11, 20000);
  const std::vector<int> alone = tokenizer.encode(text);
  std::vector<std::vector<int>> results(4);
  std::vector<std::thread> threads;
  for (auto& result : results) {
    threads.emplace_back([&] { result = tokenizer.encode(text); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& result : results) CHECK(result == alone);
}

TEST_CASE("saved files are the ones that were read") {
  const solo::test::TempDir dir;
  const auto source = dir.path() / "source";
  std::filesystem::create_directories(source);
  for (const char* name : {"vocab.json", "merges.txt"}) {
    std::filesystem::copy_file(tiny_dir() / name, source / name);
  }
  solo::write_file_atomically(source / "tokenizer_config.json", "{\"model_max_length\": 1}");
  const auto tokenizer = Tokenizer::from_pretrained(source);
  std::filesystem::remove_all(source);
  const auto target = dir.path() / "a" / "b";
  tokenizer.save_pretrained(target);
  for (const char* name : {"vocab.json", "merges.txt"}) {
    CHECK((solo::read_text_file(target / name) == solo::read_text_file(tiny_dir() / name)));
  }
  CHECK(solo::read_text_file(target / "tokenizer_config.json") == "{\"model_max_length\": 1}");
  CHECK(Tokenizer::from_pretrained(target) == tokenizer);
}

TEST_CASE("equal tokenizers have equal fingerprints, others do not") {
  const solo::test::TempDir dir;
  const Tokenizer tokenizer = tiny();
  const Tokenizer copy = tokenizer;
  CHECK(copy == tokenizer);
  CHECK(copy.fingerprint() == tokenizer.fingerprint());
  // Without its last merge.
  std::string merges = solo::read_text_file(tiny_dir() / "merges.txt");
  merges.resize(merges.rfind('\n', merges.size() - 2) + 1);
  solo::write_file_atomically(dir.path() / "merges", merges);
  const auto other = Tokenizer::from_files(tiny_dir() / "vocab.json", dir.path() / "merges");
  CHECK_FALSE(other == tokenizer);
  CHECK(other.fingerprint() != tokenizer.fingerprint());
}

TEST_CASE("a tokenizer that has been moved from is empty") {
  Tokenizer tokenizer = tiny();
  const Tokenizer owner = std::move(tokenizer);
  const solo::test::TempDir dir;
  owner.save_pretrained(dir.path());
  const auto id = [](const auto& call) {
    try {
      call();
    } catch (const solo::ConfigError& error) {
      return std::string(error.id());
    }
    return std::string("no error");
  };
  CHECK(id([&] { (void)tokenizer.encode("abc"); }) == "tokenizer.moved");
  CHECK(id([&] { (void)tokenizer.add_tokens({"zz"}); }) == "tokenizer.moved");
  CHECK(id([&] { tokenizer.save_pretrained(dir.path()); }) == "tokenizer.moved");
  CHECK(id([&] { (void)tokenizer.token(0); }) == "tokenizer.id");
  CHECK(tokenizer.vocab_size() == 0);
  CHECK(tokenizer.decode(std::vector<int>{97}).empty());
  CHECK(Tokenizer::from_pretrained(dir.path()) == owner);
  tokenizer = owner;
  CHECK(tokenizer.encode("abc") == owner.encode("abc"));
}
