// SPDX-License-Identifier: MIT
// Tokens added to a tokenizer; ids as transformers 5.24 gives them. The forms of folders:
// tokenizer_folder_test.cpp.
#include <solo/io/file.hpp>
#include <solo/io/json.hpp>
#include <solo/text/tokenizer.hpp>

#include "support/bad_input.hpp"
#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/temp_dir.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

using solo::ConfigError;
using solo::Json;
using solo::Tokenizer;
using solo::test::check_throws;

namespace {

Tokenizer tiny_bpe() {
  return Tokenizer::from_pretrained(solo::test::golden_dir() / "text" / "tiny-bpe");
}

}  // namespace

TEST_CASE("added tokens follow the vocabulary, and known ones keep their ids") {
  Tokenizer tokenizer = tiny_bpe();
  CHECK(tokenizer.add_tokens(
            {"<|user|>", "<|endoftext|>", "", "<|bot|>", "<|user|>", "the", " the", "naïve"}) == 5);
  CHECK(tokenizer.add_tokens({"<|bot|>"}) == 0);
  CHECK(tokenizer.vocab_size() == 517);
  CHECK(tokenizer.eos_token_id() == 511);
  CHECK(tokenizer.token_id("<|bot|>") == 513);
  const std::vector<int> ids = {512, 220, 39, 68, 385, 78, 511, 516, 128, 254, 514, 515, 513, 87};
  CHECK(tokenizer.encode("<|user|> Hello<|endoftext|>naïve\u0120the the<|bot|>x") == ids);
  const std::vector<int> some = {512, 39, 513};
  CHECK(tokenizer.decode(some) == "<|user|>H<|bot|>");
  CHECK(tokenizer.encode("<|user|>", {.special_tokens = false}).size() > 1);
}

TEST_CASE("the saved folder holds the added tokens for AutoTokenizer") {
  const solo::test::TempDir dir;
  Tokenizer tokenizer = tiny_bpe();
  CHECK(tokenizer.add_tokens({"<|user|>"}, {.special_tokens = true}) == 1);
  tokenizer.save_pretrained(dir.path());
  const Json ids = solo::read_json_file(dir.path() / "added_tokens.json");
  CHECK(ids == Json{{"<|user|>", 512}});
  const Json config = solo::read_json_file(dir.path() / "tokenizer_config.json");
  CHECK(config["tokenizer_class"] == "GPT2Tokenizer");
  CHECK(config["added_tokens_decoder"].size() == 2);
  const Json& entry = config["added_tokens_decoder"]["512"];
  CHECK(entry["content"] == "<|user|>");
  CHECK(entry["special"] == true);
  CHECK(entry["normalized"] == false);
}

TEST_CASE("what cannot be added is refused and changes nothing") {
  Tokenizer tokenizer = tiny_bpe();
  const auto refuse = [&](const std::vector<std::string>& tokens, const std::string& part) {
    check_throws<ConfigError>([&] { (void)tokenizer.add_tokens(tokens); }, "tokenizer.add", {part});
    CHECK(tokenizer == tiny_bpe());
    CHECK(tokenizer.fingerprint() == tiny_bpe().fingerprint());
  };
  refuse({"<a>", "\xFF"}, "UTF-8");
  refuse({"<a>", std::string(4097, 'x')}, "4096");
  std::vector<std::string> many;
  for (int i = 0; i < 16384; ++i) many.push_back(solo::concat("<", i, ">"));
  refuse(many, "16384");
}
