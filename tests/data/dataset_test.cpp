// SPDX-License-Identifier: MIT
#include <solo/data/dataset.hpp>
#include <solo/io/file.hpp>
#include <solo/text/tokenizer.hpp>

#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/temp_dir.hpp"

#include <numeric>

using solo::Dataset;
using solo::DatasetOptions;
using solo::Example;
using solo::Index;
using solo::kIgnoreIndex;
using solo::Separator;
using solo::Tokenizer;
using Ids = std::vector<int>;

namespace {

const Tokenizer& tiny() {
  static const Tokenizer tokenizer =
      Tokenizer::from_pretrained(solo::test::golden_dir() / "text" / "tiny-bpe");
  return tokenizer;
}

Dataset read(const std::string& name, std::string_view text, const DatasetOptions& options = {}) {
  const solo::test::TempDir dir;
  solo::write_file_atomically(dir.path() / name, text);
  return Dataset::from_file(dir.path() / name, tiny(), options);
}

Ids encode(std::string_view text) {
  return tiny().encode(text, {.special_tokens = false});
}

/// The parts end to end; -1 stands for the end of text.
Ids join(const std::vector<Ids>& parts) {
  Ids out;
  for (const Ids& part : parts) {
    for (const int id : part) out.push_back(id < 0 ? 511 : id);
  }
  return out;
}

}  // namespace

TEST_CASE("prompt, separator, completion with one space, end of text") {
  const Dataset data = read("a.jsonl",
                            "{\"prompt\": \"area : harbour\", \"completion\": \"By the sea.\"}\n"
                            "{\"completion\": \" By it\", \"prompt\": \"\"}\r\n\n");
  REQUIRE(data.size() == 2);
  CHECK(data[0].ids == join({encode("area : harbour"), {-1}, encode(" By the sea."), {-1}}));
  CHECK(data[0].context_length == static_cast<Index>(encode("area : harbour").size()) + 1);
  Ids labels = data[0].ids;
  std::fill_n(labels.begin(), data[0].context_length, kIgnoreIndex);
  CHECK(data[0].labels == labels);
  CHECK(data[1].ids == join({{-1}, encode(" By it"), {-1}}));
  CHECK(data[1].context_length == 1);
  CHECK(data.scored_tokens() ==
        data[0].scored_tokens() + static_cast<Index>(data[1].ids.size()) - 1);
  CHECK(data.total_tokens() == static_cast<Index>(data[0].ids.size() + data[1].ids.size()));
  CHECK(data.truncated() == 0);
}

TEST_CASE("separator none is prompt and completion as they are") {
  const Dataset data = read("a.jsonl", "{\"prompt\": \"a b\", \"completion\": \"c\"}",
                            {.separator = Separator::none});
  CHECK(data[0].ids == join({encode("a b"), encode("c"), {-1}}));
  CHECK(data[0].context_length == static_cast<Index>(encode("a b").size()));
}

TEST_CASE("a completion that continues the prompt gets no prefix space of the tokenizer's") {
  const solo::test::TempDir dir;
  tiny().save_pretrained(dir.path());
  solo::write_file_atomically(dir.path() / "tokenizer_config.json",
                              R"({"add_prefix_space": true, "eos_token": "<|endoftext|>"})");
  const Tokenizer spaced = Tokenizer::from_pretrained(dir.path());
  REQUIRE(spaced.add_prefix_space());
  const auto ids = [&](const std::string& prompt) {
    const std::vector<std::pair<std::string, std::string>> pairs = {{prompt, "c"}};
    return Dataset::from_pairs(pairs, spaced, {.separator = Separator::none})[0].ids;
  };
  CHECK(ids("a b") == join({encode(" a b"), encode("c"), {-1}}));
  CHECK(ids("") == join({encode(" c"), {-1}}));
}

TEST_CASE("without completion_only the prompt is scored too") {
  const Dataset data =
      read("a.jsonl", "{\"prompt\": \"a b\", \"completion\": \"c\"}", {.completion_only = false});
  CHECK(data[0].labels == data[0].ids);
  CHECK(data[0].context_length == static_cast<Index>(encode("a b").size()) + 1);
}

TEST_CASE("text, and ids with and without labels") {
  const Dataset data = read("a.jsonl",
                            "{\"text\": \"It's a pub\"}\n"
                            "{\"input_ids\": [5, 6, 7]}\n"
                            "{\"labels\": [-100, -100, 9], \"input_ids\": [5, 6, 7]}\n"
                            "{\"input_ids\": [5, 6], \"labels\": [-100, -100]}\n");
  REQUIRE(data.size() == 4);
  CHECK(data[0].ids == join({encode("It's a pub"), {-1}}));
  CHECK(data[0].labels == data[0].ids);
  CHECK(data[0].context_length == 0);
  CHECK(data[1].labels == Ids{5, 6, 7});
  CHECK(data[1].context_length == 0);
  CHECK(data[2].labels == Ids{-100, -100, 9});
  CHECK(data[2].context_length == 2);
  CHECK(data[2].scored_tokens() == 1);
  CHECK(data[3].scored_tokens() == 0);
  CHECK(data.longest() == std::max<Index>(3, static_cast<Index>(data[0].ids.size())));
}

TEST_CASE("a file of ids needs no tokenizer, a byte order mark is skipped") {
  const solo::test::TempDir dir;
  const auto path = dir.path() / "ids.data";
  solo::write_file_atomically(path, "\xEF\xBB\xBF{\"input_ids\": [0, 2147483647]}\n");
  const Dataset data = Dataset::from_ids_file(path);
  CHECK(data[0].ids == Ids{0, 2147483647});
}

TEST_CASE("E2E csv: the mr becomes a context, the ref is trimmed") {
  const Dataset data = read("a.csv",
                            "\xEF\xBB\xBFmr,ref\r\n"
                            "\"name[Old Mill], priceRange[£20-25]\",\" It is  \"\"old\"\". \"\r\n");
  CHECK(
      data[0].ids ==
      join(
          {encode("name : Old Mill | price : £ 20 - 25"), {-1}, encode(" It is  \"old\"."), {-1}}));
}

TEST_CASE("LoRA txt: stripped lines, two bars, items after the second are dropped") {
  const Dataset data = read("a.txt",
                            " name : Old Mill||It is old . \n"
                            "name : A || b ||c||d\n"
                            "x||\n");
  CHECK(data[0].ids == join({encode("name : Old Mill"), {-1}, encode(" It is old ."), {-1}}));
  CHECK(data[1].ids == join({encode("name : A "), {-1}, encode(" b "), {-1}}));
  CHECK(data[2].ids == join({encode("x"), {-1}, {-1}}));
}

TEST_CASE("max_length cuts and counts") {
  const Dataset data = read("a.jsonl",
                            "{\"input_ids\": [1, 2, 3, 4, 5]}\n{\"input_ids\": [1, 2, 3]}\n"
                            "{\"input_ids\": [1, 2, 3, 4], \"labels\": [-100, -100, -100, -100]}\n",
                            {.max_length = 3, .n_positions = 3});
  CHECK(data.truncated() == 2);
  CHECK(data[0].ids == Ids{1, 2, 3});
  CHECK(data[0].labels == Ids{1, 2, 3});
  CHECK(data[2].context_length == 3);
  CHECK(data.longest() == 3);
}

TEST_CASE("pairs and ids from memory, in the forms people write") {
  const Dataset pairs = Dataset::from_pairs({{"prompt", "completion"}, {"a", "b"}}, tiny());
  CHECK(pairs.size() == 2);
  CHECK(pairs[1].ids == join({encode("a"), {-1}, encode(" b"), {-1}}));
  const Dataset one_pair =
      Dataset::from_pairs({{"a", "b"}}, tiny(), {.separator = Separator::none});
  CHECK(one_pair.size() == 1);

  const Ids ids = {1, 2, 3};
  const Ids labels = {-100, 2, 3};
  const Dataset with_labels = Dataset::from_ids({{ids, labels}, {ids, ids}});
  CHECK(with_labels.size() == 2);
  CHECK(with_labels[0].labels == labels);
  CHECK(with_labels[0].context_length == 1);
  CHECK(Dataset::from_ids({{ids, labels}}).size() == 1);
  CHECK(Dataset::from_ids({{{1, 2, 3}, {-100, -100, 3}}})[0].context_length == 2);

  CHECK(Dataset::from_ids({{ids}, {ids, labels}, {{7, 8}}})[0].labels == ids);
  const std::vector<Ids> list = {{1, 2}, {4, 5, 6}};
  const Dataset only_ids = Dataset::from_ids(list, {.vocab_size = 7});
  CHECK(only_ids.size() == 2);
  CHECK(only_ids[1].labels == Ids{4, 5, 6});
}

TEST_CASE("a subset keeps the examples and counts anew") {
  const Dataset data = Dataset::from_ids({{{1, 2, 3}}, {{4, 5}}, {{6, 7, 8, 9}}});
  const std::vector<Index> picks = {2, 0};
  const Dataset part = data.subset(picks);
  REQUIRE(part.size() == 2);
  CHECK(part[0].ids == Ids{6, 7, 8, 9});
  CHECK(part.total_tokens() == 7);
  CHECK(part.scored_tokens() == 5);
  CHECK(part.longest() == 4);
}

TEST_CASE("E2E has the token counts of the LoRA paper's data") {
  const auto shared = solo::test::shared_dir();
  if (!shared) SOLO_SKIP("needs ../shared");
  const auto gpt2 = Tokenizer::from_pretrained(*shared / "data" / "gpt2");
  const auto load = [&](const char* name) {
    return Dataset::from_file(*shared / "data" / "e2e" / name, gpt2, {.vocab_size = 50257});
  };
  const Dataset valid = load("lora_valid.txt");
  CHECK(valid.size() == 4672);
  CHECK(valid.total_tokens() == 276370);
  CHECK(valid.scored_tokens() == 129327);
  CHECK(valid.longest() == 125);
  const Dataset test = load("lora_test.txt");
  CHECK(test.size() == 4693);
  CHECK(test.total_tokens() == 314410);
  CHECK(test.scored_tokens() == 143905);
  CHECK(test.longest() == 133);
  CHECK(test[0].ids == Ids{3672, 1058, 4518, 43537, 930,   5994,  1058, 6891, 6128, 930,
                           1989, 1058, 1748, 7372,  50256, 317,   6891, 6128, 287,  262,
                           1748, 7372, 1989, 1444,  4518,  43537, 764,  50256});
  CHECK(Ids(test[30].ids.begin(), test[30].ids.begin() + test[30].context_length) ==
        Ids{3672, 1058, 4518, 43537, 930,  5994,  1058,  2240, 930,   2057,
            1058, 3999, 930,  1989,  1058, 1748,  7372,  930,  1641,  8030,
            1058, 645,  930,  1474,  1058, 19909, 23892, 3699, 42151, 50256});
  const Dataset csv = load("testset_w_refs.csv");
  REQUIRE(csv.size() == test.size());
  for (Index i = 0; i < csv.size(); ++i) {
    REQUIRE(csv[i].context_length == test[i].context_length);
    REQUIRE(std::equal(csv[i].ids.begin(), csv[i].ids.begin() + csv[i].context_length,
                       test[i].ids.begin()));
  }
  CHECK(load("devset.csv").size() == 4672);
}
