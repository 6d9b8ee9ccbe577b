// SPDX-License-Identifier: MIT
// Tokens added to a tokenizer; ids as transformers 5.24 gives them.

#include <solo/io/file.hpp>
#include <solo/text/tokenizer.hpp>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "text/goldens.hpp"

#include <nlohmann/json.hpp>

using solo::Tokenizer;

TEST_CASE("Added tokens follow the vocabulary, and known ones keep their ids") {
  Tokenizer tokenizer = Tokenizer::from_pretrained(solo::test::golden_dir() / "text" / "tiny-bpe");
  const auto before = tokenizer.fingerprint();
  const std::vector<int> plain = tokenizer.encode("Hello there");
  CHECK(tokenizer.add_tokens({"<|user|>", "<|endoftext|>", "", "<|bot|>", "<|user|>"}) == 2);
  CHECK(tokenizer.add_tokens({"<|bot|>"}) == 0);
  CHECK(tokenizer.vocab_size() == 514);
  CHECK(tokenizer.token_id("<|user|>") == 512);
  CHECK(tokenizer.token_id("<|bot|>") == 513);
  CHECK(tokenizer.eos_token_id() == 511);
  CHECK(tokenizer.fingerprint() != before);
  std::vector<int> expected = {512};
  expected.insert(expected.end(), plain.begin(), plain.end());
  expected.push_back(513);
  CHECK(tokenizer.encode("<|user|>Hello there<|bot|>") == expected);
  CHECK(tokenizer.decode(expected) == "<|user|>Hello there<|bot|>");
}

TEST_CASE("The saved folder holds the added tokens for AutoTokenizer") {
  const solo::test::TempDir dir;
  Tokenizer tokenizer = Tokenizer::from_pretrained(solo::test::golden_dir() / "text" / "tiny-bpe");
  CHECK(tokenizer.add_tokens({"<|user|>"}, {.special_tokens = true}) == 1);
  tokenizer.save_pretrained(dir.path());
  const auto ids = solo::read_json_file(dir.path() / "added_tokens.json");
  CHECK(ids == solo::Json{{"<|user|>", 512}});
  const auto config = solo::read_json_file(dir.path() / "tokenizer_config.json");
  const solo::Json& entry = config["added_tokens_decoder"]["512"];
  CHECK(entry["content"] == "<|user|>");
  CHECK(entry["special"] == true);
  CHECK(entry["normalized"] == false);
}
