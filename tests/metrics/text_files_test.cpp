// SPDX-License-Identifier: MIT
// JSON, byte order marks and counts in files of texts; long lines.
#include <solo/io/file.hpp>
#include <solo/metrics/metrics.hpp>

#include "support/bad_input.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <random>

using namespace solo;
using test::check_throws;

namespace {

const std::string kReferences = "a b\nb a\n\nc\n";

EvaluationTexts read(const std::string& texts, const std::string& name = "texts.txt",
                     const std::string& references = kReferences) {
  const test::TempDir dir;
  write_file_atomically(dir.path() / name, texts);
  write_file_atomically(dir.path() / "refs.txt", references);
  return read_evaluation_texts(dir.path() / "refs.txt", dir.path() / name);
}

void refused(const std::string& texts, const std::string& id, const std::vector<std::string>& parts,
             const std::string& name = "texts.txt", const std::string& references = kReferences) {
  CAPTURE(texts);
  check_throws<FormatError>([&] { (void)read(texts, name, references); }, id, parts);
}

/// The table of lengths, for comparison.
std::size_t slow_length(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  std::vector<std::size_t> row(b.size() + 1, 0);
  for (const std::string& word : a) {
    std::size_t diagonal = 0;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t above = row[j + 1];
      row[j + 1] = word == b[j] ? diagonal + 1 : std::max(above, row[j]);
      diagonal = above;
    }
  }
  return row.back();
}

}  // namespace

TEST_CASE("JSON lines are their texts") {
  const std::vector<std::string> texts = {"a b", "c"};
  CHECK(read("{\"output_ids\": [1], \"text\": \" a b\"}\n{\"text\": \"c\"}\n").hypotheses == texts);
  CHECK(read("[{\"text\": \"a b\"},\n {\"text\": \"c\"}]").hypotheses == texts);
  CHECK(read("{\"text\": \"\\na\\u2028b\\n\"}\n{\"text\": \"c\"}").hypotheses == texts);
  CHECK(read("a b\nc\n", "texts.txt",
             "{\"references\": [\"a b\", \"b a\"]}\n{\"reference\": \"c\"}\n")
            .references == std::vector<std::vector<std::string>>{{"a b", "b a"}, {"c"}});
  CHECK(read("{x} is\n{ {\n").hypotheses == std::vector<std::string>{"{x} is", "{ {"});
  CHECK(read("[1] a\n{}\n").hypotheses == std::vector<std::string>{"[1] a", "{}"});
  refused("{\"text\": \"a\"}\nc\n", "json.syntax", {"texts.txt: line 2", "JSON"});
  refused("a\n{\"text\": \"c\"}\n", "json.syntax", {"texts.txt: line 1", "JSON"});
  refused("{\"text\": null}\n{\"text\": \"c\"}", "metrics.json", {"line 1: JSON", "null"});
  refused("{\"ids\": [1]}\n{\"text\": \"c\"}", "metrics.json", {"line 1: JSON", "'ids'"});
  refused("[\"a\", \"c\"]", "metrics.json", {"JSON item 1", "string"});
  refused("{\"text\": \"a\", \"text\": \"b\"}\nc", "json.duplicate_key", {"line 1"});
  refused("a\nc\n", "json.syntax", {"line 1: JSON"}, "texts.jsonl");
}

TEST_CASE("byte order marks are no text, and UTF-16 is refused") {
  CHECK(read("\xEF\xBB\xBF"
             "a b\nc\n",
             "texts.txt", "\xEF\xBB\xBF" + kReferences)
            .references == read("a b\nc\n").references);
  CHECK(read("\xEF\xBB\xBF"
             "a b\nc\n")
            .hypotheses == std::vector<std::string>{"a b", "c"});
  refused(std::string("\xFF\xFE"
                      "a\0\n\0",
                      6),
          "text.utf16", {"texts.txt", "UTF-16LE"});
  refused(std::string("\xFE\xFF\0a\0\n", 6), "text.utf16", {"texts.txt", "UTF-16BE"});
  refused(std::string("a\0b\0\n\0", 6), "text.utf16", {"texts.txt", "UTF-16LE"});
  refused(std::string("\xFF\xFE"
                      "a\0\n\0",
                      6),
          "text.utf16", {"texts.csv"}, "texts.csv");
  refused(std::string("a b\0\n", 5), "metrics.text", {"line 1", "NUL"});
}

TEST_CASE("counts that differ name both files") {
  refused("a\n", "metrics.count", {"1 in ", "texts.txt", "2 in ", "refs.txt"});
}

TEST_CASE("longest common subsequences of random texts") {
  std::mt19937 random(1);
  for (const unsigned words : {1U, 2U, 9U, 40U, 300U}) {
    for (int round = 0; round < 40; ++round) {
      std::vector<std::string> texts[2];
      for (std::vector<std::string>& text : texts) {
        const std::size_t length = random() % 300U;
        while (text.size() < length) text.push_back(std::to_string(random() % words));
      }
      CHECK(detail::longest_common_subsequence(texts[0], texts[1]) ==
            slow_length(texts[0], texts[1]));
    }
  }
}
