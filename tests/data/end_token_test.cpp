// SPDX-License-Identifier: MIT
// Ends of texts, and special tokens in them. The ids are transformers' for the same text.
#include <solo/data/dataset.hpp>
#include <solo/io/file.hpp>
#include <solo/text/tokenizer.hpp>

#include "support/bad_input.hpp"
#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/temp_dir.hpp"

#include <string>
#include <vector>

using namespace solo;
using Ids = std::vector<int>;

namespace {

const Tokenizer& tiny() {
  static const Tokenizer tokenizer =
      Tokenizer::from_pretrained(test::golden_dir() / "text" / "tiny-bpe");
  return tokenizer;
}

Dataset read(const std::string& name, std::string_view text, const DatasetOptions& options = {}) {
  const test::TempDir dir;
  write_file_atomically(dir.path() / name, text);
  return Dataset::from_file(dir.path() / name, tiny(), options);
}

Dataset pair(const std::string& prompt, const std::string& completion,
             const DatasetOptions& options = {}) {
  return Dataset::from_pairs({{prompt, completion}}, tiny(), options);
}

const DatasetOptions kPlain = {.separator = Separator::none};

}  // namespace

TEST_CASE("a special token written in a text is the token, in every format", "[data]") {
  const Ids turns = {39, 68, 385, 78, 511, 39, 72, 307, 511, 64, 511};
  const std::string prompt = "Hello<|endoftext|>Hi there";
  const std::string row =
      concat(R"({"prompt": ")", prompt, R"(", "completion": "<|endoftext|>a"})");
  CHECK(read("a.jsonl", row, kPlain)[0].ids == turns);
  CHECK(read("a.jsonl", R"({"text": "Hello<|endoftext|>Hi there<|endoftext|>a"})")[0].ids == turns);
  CHECK(read("a.txt", concat(prompt, "||<|endoftext|>a\n"), kPlain)[0].ids == turns);
  CHECK(pair(prompt, "<|endoftext|>a", kPlain)[0].ids == turns);
  const Dataset csv = read("a.csv", "mr,ref\nname[Hello<|endoftext|>Hi],<|endoftext|>a\n", kPlain);
  const Ids context = tiny().encode("name : Hello<|endoftext|>Hi");
  CHECK(std::count(context.begin(), context.end(), 511) == 1);
  CHECK(csv[0].context_length == static_cast<Index>(context.size()));
  CHECK(std::equal(context.begin(), context.end(), csv[0].ids.begin()));
  CHECK(Ids(csv[0].ids.end() - 3, csv[0].ids.end()) == Ids{511, 64, 511});
}

TEST_CASE("special_tokens = false takes letters, prompt and completion alike", "[data]") {
  const EncodeOptions letters{.special_tokens = false};
  for (const Separator separator : {Separator::eos, Separator::none}) {
    const Dataset data = pair("a<|endoftext|>", " b<|endoftext|>",
                              {.separator = separator, .special_tokens = false});
    Ids expected = tiny().encode("a<|endoftext|>", letters);
    if (separator == Separator::eos) expected.push_back(511);
    for (const int id : tiny().encode(" b<|endoftext|>", letters)) expected.push_back(id);
    expected.push_back(511);
    CHECK(data[0].ids == expected);
  }
}

TEST_CASE("an empty completion is the end alone, an empty prompt nothing", "[data]") {
  const Ids stem = {302, 68, 76, 436, 511, 511};  // item 1, separator, end
  CHECK(pair("item 1", "")[0].ids == stem);
  CHECK(pair("item 1", "")[0].labels == Ids{-100, -100, -100, -100, -100, 511});
  CHECK(read("a.jsonl", R"({"prompt": "item 1", "completion": ""})")[0].ids == stem);
  CHECK(read("a.txt", "item 1||\n")[0].ids == stem);
  CHECK(read("a.csv", "mr,ref\nname[B],\"  \"\n")[0].scored_tokens() == 1);
  CHECK(pair("item 1", "", kPlain)[0].ids == Ids{302, 68, 76, 436, 511});
  CHECK(pair("", "", {})[0].ids == Ids{511, 511});
  CHECK(pair("", "item 1", kPlain)[0].ids == Ids{302, 68, 76, 436, 511});
  // White space is a completion, and has its own leading space or gets one.
  CHECK(pair("item 1", " ")[0].ids == Ids{302, 68, 76, 436, 511, 220, 511});
  CHECK(pair("item 1", " ", kPlain)[0].ids == Ids{302, 68, 76, 436, 220, 511});
  CHECK(read("a.jsonl", "{\"text\": \"\"}\n{\"text\": \"a\"}")[0].ids == Ids{511});
}

TEST_CASE("the end token is the options', or else the tokenizer's", "[data]") {
  const Dataset own = pair("item 1", "", {.eos_token_id = 7});
  CHECK(own[0].ids == Ids{302, 68, 76, 436, 7, 7});
  CHECK(own.eos_token_id() == 7);
  CHECK(own.subset(std::vector<Index>{0}).eos_token_id() == 7);
  CHECK(pair("item 1", "").eos_token_id() == 511);
  CHECK(Dataset::from_ids({{{1, 2}}}).eos_token_id() == -1);
  CHECK(read("a.jsonl", "{\"text\": \"\"}\n{\"text\": \"a\"}", {.eos_token_id = 7})[1].ids ==
        Ids{64, 7});
}

TEST_CASE("an end token that cannot be is refused, with what to do", "[data]") {
  test::check_throws<FormatError>([] { return pair("a", "b", {.vocab_size = 511}); }, "data.id",
                                  {"pairs[0]", "end token 511", "vocabulary of 511"});
  test::check_throws<ConfigError>([] { return pair("a", "b", {.eos_token_id = -2}); },
                                  "data.options", {"eos_token_id", "-2"});
}

TEST_CASE("a tokenizer that names no end token needs one of the options", "[data]") {
  const test::TempDir dir;
  const auto source = test::golden_dir() / "text" / "tiny-bpe";
  for (const char* const name : {"vocab.json", "merges.txt"}) {
    std::filesystem::copy(source / name, dir.path() / name);
  }
  write_file_atomically(dir.path() / "tokenizer_config.json", R"({"eos_token": null})");
  const Tokenizer tokenizer = Tokenizer::from_pretrained(dir.path());
  test::check_throws<ConfigError>(
      [&] {
        return Dataset::from_pairs({{"a", "b"}}, tokenizer);
      },
      "data.tokenizer", {"names the token that ends a text", "tokenizer_config.json"});
  CHECK(Dataset::from_pairs({{"a", "b"}}, tokenizer, {.eos_token_id = 0})[0].ids ==
        Ids{64, 0, 437, 0});
}
