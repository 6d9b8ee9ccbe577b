// SPDX-License-Identifier: MIT
#include <solo/data/dataset.hpp>
#include <solo/io/file.hpp>
#include <solo/text/tokenizer.hpp>

#include "support/bad_input.hpp"
#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/temp_dir.hpp"

#include <sys/stat.h>

using solo::ConfigError;
using solo::Dataset;
using solo::DatasetOptions;
using solo::FormatError;
using solo::Tokenizer;
using solo::test::check_throws;

namespace {

const Tokenizer& tiny() {
  static const Tokenizer tokenizer =
      Tokenizer::from_pretrained(solo::test::golden_dir() / "text" / "tiny-bpe");
  return tokenizer;
}

struct Bad {
  std::string name;
  std::string text;
  std::string id;
  std::vector<std::string> parts;
  DatasetOptions options = {};
};

void check(const Bad& bad) {
  const solo::test::TempDir dir;
  const auto path = dir.path() / bad.name;
  solo::write_file_atomically(path, bad.text);
  std::vector<std::string> parts = bad.parts;
  parts.push_back(bad.name);
  CAPTURE(bad.text);
  check_throws<FormatError>([&] { return Dataset::from_file(path, tiny(), bad.options); }, bad.id,
                            parts);
}

const std::string kGood = "{\"input_ids\": [1, 2]}\n";

}  // namespace

TEST_CASE("a bad JSON line is an error with its number") {
  const auto line = [](const std::string& row, const std::string& id,
                       std::vector<std::string> parts) {
    parts.emplace_back("line 2");
    check({"a.jsonl", kGood + row + "\n" + kGood, id, parts});
  };
  line("{\"input_ids\": [1], \"label\": [1]}", "data.unknown_key", {"'label'"});
  line("{\"input_ids\": [1, -1]}", "data.row", {"input_ids", "-1"});
  line("{\"input_ids\": [1, -0]}", "data.row", {"input_ids"});
  line("{\"input_ids\": [1, 1.0]}", "data.row", {"input_ids"});
  line("{\"input_ids\": [1, 1e0]}", "data.row", {"input_ids"});
  line("{\"input_ids\": [1, -100]}", "data.row", {"input_ids", "-100"});
  line("{\"input_ids\": [1, 2147483648]}", "data.id", {"input_ids[1]", "2147483648"});
  line("{\"input_ids\": [1, 99999999999999999999]}", "data.row", {"input_ids"});
  line("{\"input_ids\": [1, \"2\"]}", "data.row", {"input_ids", "'2'"});
  line("{\"input_ids\": [1, null]}", "data.row", {"input_ids", "null"});
  line("{\"input_ids\": [1, true]}", "data.row", {"input_ids", "true"});
  line("{\"input_ids\": [[1]]}", "data.row", {"input_ids", "array"});
  line("{\"input_ids\": [{}]}", "data.row", {"input_ids", "object"});
  line("{\"input_ids\": 1}", "data.row", {"input_ids", "a list of ids", "1"});
  line("{\"input_ids\": \"1\"}", "data.row", {"input_ids", "'1'"});
  line("{\"input_ids\": {}}", "data.row", {"input_ids", "object"});
  line("{\"input_ids\": null}", "data.row", {"input_ids", "null"});
  line("{\"input_ids\": []}", "data.empty", {});
  line("{\"input_ids\": [1, 2], \"labels\": [1]}", "data.labels", {"2", "1"});
  line("{\"input_ids\": [1, 2], \"labels\": []}", "data.labels", {"found 0"});
  line("{\"input_ids\": [1, 2], \"labels\": [1, -99]}", "data.row", {"labels", "-99"});
  line("{\"labels\": [1, 2]}", "data.row", {"input_ids"});
  line("{}", "data.row", {"prompt"});
  line("{\"prompt\": \"a\"}", "data.row", {"completion"});
  line("{\"completion\": \"a\"}", "data.row", {"prompt"});
  line("{\"prompt\": \"a\", \"completion\": \"b\", \"text\": \"c\"}", "data.row", {});
  line("{\"text\": \"c\", \"input_ids\": [1]}", "data.row", {});
  line("{\"text\": [1]}", "data.row", {"text", "array"});
  line("{\"text\": 1}", "data.row", {"text", "a string"});
  line("{\"text\": \"a\", \"text\": \"a\"}", "json.duplicate_key", {"'text'"});
  line("{\"text\": \"a\", \"te\\u0078t\": \"a\"}", "json.duplicate_key", {"'text'"});
  line("{\"text\": \"\xFF\"}", "json.syntax", {});
  line("[1, 2]", "data.row", {"an object"});
  line("17", "data.row", {"an object", "17"});
  line("{\"text\": \"a\"} {}", "json.syntax", {});
  line("{\"text\": \"a\"", "json.syntax", {});
  line("", "text.blank_line", {});
}

TEST_CASE("ids and lengths beyond the model are errors that name the line and the values") {
  check({"a.jsonl",
         kGood + "{\"input_ids\": [1, 2, 23]}\n",
         "data.id",
         {"line 2", "input_ids[2]", "23", "vocab_size 23"},
         {.vocab_size = 23}});
  check({"a.jsonl",
         kGood + "{\"input_ids\": [1, 2], \"labels\": [23, 2]}\n",
         "data.id",
         {"line 2", "labels[0]", "23"},
         {.vocab_size = 23}});
  check({"a.jsonl", "{\"text\": \"a\"}\n", "data.id", {"line 1", "511"}, {.vocab_size = 511}});
  check({"a.jsonl",
         kGood + "{\"input_ids\": [1, 2, 3]}\n",
         "data.length",
         {"line 2", "n_positions 2", "found 3"},
         {.n_positions = 2}});
  check({"a.jsonl",
         kGood + "{\"input_ids\": [1, 2, 3]}\n",
         "data.length",
         {"line 2", "n_positions 2", "found 3"},
         {.max_length = 3, .n_positions = 2}});
}

TEST_CASE("a file without a label to predict is an error") {
  const std::string id = "data.nothing_to_score";
  check({"a.jsonl", "", id, {"nothing to score"}});
  check({"a.jsonl", "\n", id, {"nothing to score"}});
  check({"a.jsonl",
         "{\"input_ids\": [3]}\n{\"input_ids\": [1, 2], \"labels\": [1, -100]}\n",
         id,
         {"2 examples"}});
  check({"a.csv", "", id, {}});
  check({"a.csv", "mr,ref\n", id, {}});
  check({"a.txt", "", id, {}});
}

TEST_CASE("bad csv and txt lines are errors with their number") {
  check({"a.csv", "mr\nx\n", "data.csv", {"line 1", "mr,ref"}});
  check({"a.csv", "MR,ref\nname[a],b\n", "data.csv", {"line 1", "'MR'"}});
  check({"a.csv", "mr,ref\nname[a],b\nname[a],b,c\n", "data.csv", {"line 3", "found 3"}});
  check({"a.csv", "mr,ref\n\"name[a\",b\n", "data.mr", {"line 2", "'name[a'"}});
  check({"a.csv", "mr,ref\nname[a],\xFF\n", "data.utf8", {"line 2"}});
  check({"a.csv", "mr,ref\nname[a],\"b\n", "data.csv", {"line 2", "not closed"}});
  check({"a.txt", "a||b\nno bars\n", "data.line", {"line 2", "'no bars'"}});
  check({"a.txt", "a||b\n\na||b\n", "text.blank_line", {"line 2"}});
  check({"a.txt", "a||\xC3\n", "data.utf8", {"line 1"}});
}

TEST_CASE("lists in memory have the same checks, named by their place") {
  const std::vector<std::vector<int>> negative = {{1, 2}, {3, -5}};
  check_throws<FormatError>([&] { return Dataset::from_ids(negative); }, "data.id",
                            {"sequences[1]", "input_ids[1]", "-5"});
  const std::vector<int> ids = {1, 2};
  const std::vector<int> labels = {1};
  check_throws<FormatError>(
      [&] {
        return Dataset::from_ids({{ids, labels}});
      },
      "data.labels", {"examples[0]"});
  const std::vector<solo::Example> bad = {{.ids = ids, .labels = ids, .context_length = 3}};
  check_throws<FormatError>([&] { return Dataset::from_ids(bad); }, "data.labels",
                            {"context_length", "3"});
  check_throws<FormatError>(
      [] {
        return Dataset::from_pairs({{"a", "b"}, {"a b c d", "e"}}, tiny(), {.n_positions = 4});
      },
      "data.length", {"pairs[1]"});
  check_throws<FormatError>([] { return Dataset::from_ids(std::vector<std::vector<int>>()); },
                            "data.nothing_to_score", {"0 examples"});
}

TEST_CASE("options, formats and kinds of file") {
  const solo::test::TempDir dir;
  const auto path = dir.path() / "a.jsonl";
  solo::write_file_atomically(path, "{\"text\": \"a\"}\n");
  check_throws<ConfigError>([&] { return Dataset::from_file(path, tiny(), {.max_length = -1}); },
                            "data.options", {"max_length", "-1"});
  check_throws<ConfigError>([&] { return Dataset::from_ids_file(path); }, "data.tokenizer",
                            {"a.jsonl: line 1"});
  check_throws<ConfigError>(
      [&] { return Dataset::from_ids_file(path, {.format = solo::DataFormat::csv}); },
      "data.tokenizer", {"a.jsonl"});
  std::filesystem::copy_file(path, dir.path() / "a.dat");
  check_throws<ConfigError>([&] { return Dataset::from_file(dir.path() / "a.dat", tiny()); },
                            "data.format", {"a.dat", ".jsonl"});
  CHECK(Dataset::from_file(dir.path() / "a.dat", tiny(), {.format = solo::DataFormat::jsonl})
            .size() == 1);
  CHECK(solo::parse_data_format("csv") == solo::DataFormat::csv);
  CHECK(solo::parse_separator("none") == solo::Separator::none);
  check_throws<ConfigError>([] { return solo::parse_data_format("xml"); }, "data.options",
                            {"'xml'"});
  check_throws<ConfigError>([] { return solo::parse_separator("bos"); }, "data.options", {"'bos'"});
  for (const char* name : {"fifo.jsonl", "fifo.csv", "fifo.txt"}) {
    REQUIRE(::mkfifo((dir.path() / name).c_str(), 0600) == 0);
    check_throws<solo::IoError>([&] { return Dataset::from_file(dir.path() / name, tiny()); },
                                "io.not_regular", {name, "a FIFO"});
  }
  check_throws<solo::IoError>(
      [&] { return Dataset::from_file(dir.path(), tiny(), {.format = solo::DataFormat::txt}); },
      "io.not_regular", {"a directory"});
  check_throws<solo::IoError>([&] { return Dataset::from_file(dir.path() / "none.txt", tiny()); },
                              "io.open", {"none.txt"});
}

TEST_CASE("options of data have values of their enumerations") {
  const auto refused = [](const DatasetOptions& options, const std::string& name) {
    check_throws<ConfigError>(
        [&] {
          return Dataset::from_pairs({{"a", "b"}}, tiny(), options);
        },
        "config.value", {name, "77"});
  };
  refused({.format = static_cast<solo::DataFormat>(77)}, "format");
  refused({.separator = static_cast<solo::Separator>(77)}, "separator");
}

TEST_CASE("a tokenizer without an end of text makes no sequences") {
  const solo::test::TempDir dir;
  const auto source = solo::test::golden_dir() / "text" / "tiny-bpe";
  std::string vocab = solo::read_text_file(source / "vocab.json");
  vocab.replace(vocab.find("<|endoftext|>"), 13, "<|elsewhere|>");
  solo::write_file_atomically(dir.path() / "vocab.json", vocab);
  const auto tokenizer = Tokenizer::from_files(dir.path() / "vocab.json", source / "merges.txt");
  check_throws<ConfigError>(
      [&] {
        return Dataset::from_pairs({{"a", "b"}}, tokenizer);
      },
      "data.tokenizer", {"the token that ends a text", "eos_token in tokenizer_config.json"});
}
