// SPDX-License-Identifier: MIT
#include <solo/data/references.hpp>
#include <solo/io/file.hpp>

#include "support/bad_input.hpp"
#include "support/catch.hpp"
#include "support/shared.hpp"
#include "support/temp_dir.hpp"

using solo::clean_prediction;
using solo::ConfigError;
using solo::DataFormat;
using solo::FormatError;
using solo::read_reference_groups;
using solo::ReferenceGroup;
using solo::test::check_throws;

namespace {

std::vector<ReferenceGroup> groups_of(const std::string& name, const std::string& text,
                                      DataFormat format = DataFormat::automatic) {
  const solo::test::TempDir dir;
  solo::write_file_atomically(dir.path() / name, text);
  return read_reference_groups(dir.path() / name, format);
}

void check_groups(const std::vector<ReferenceGroup>& found,
                  const std::vector<ReferenceGroup>& expected) {
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    CAPTURE(i);
    CHECK(found[i].context == expected[i].context);
    CHECK(found[i].references == expected[i].references);
  }
}

}  // namespace

TEST_CASE("rows are grouped by context, in order of first appearance, in every format") {
  const std::vector<ReferenceGroup> expected = {
      {"name : Old Mill | Type : pub", {"It is a pub.", "A pub, Old Mill.", "A pub, Old Mill."}},
      {"name : X", {"X is here."}}};
  check_groups(groups_of("a.csv",
                         "mr,ref\r\n"
                         "\"name[Old Mill], eatType[pub]\",  It is a pub. \r\n"
                         "name[X],X is here.\r\n"
                         "\"name[Old Mill], eatType[pub]\",\"A pub, Old Mill.\"\r\n"
                         "\"name[Old Mill], eatType[pub]\",\"A pub, Old Mill.\"\r\n"),
               expected);
  const std::string lines =
      "name : Old Mill | Type : pub||It is a pub. \n"
      "name : X|| X is here.\n"
      "name : Old Mill | Type : pub||A pub, Old Mill.\n"
      "name : Old Mill | Type : pub||A pub, Old Mill.||more\n";
  check_groups(groups_of("a.txt", lines), expected);
  check_groups(groups_of("a.data", lines, DataFormat::txt), expected);
  check_groups(
      groups_of("a.jsonl",
                R"({"prompt": "name : Old Mill | Type : pub", "completion": " It is a pub."}
{"completion": "X is here.\n", "prompt": "name : X"}
{"prompt": "name : Old Mill | Type : pub", "completion": "A pub, Old Mill."}
{"prompt": "name : Old Mill | Type : pub", "completion": "A pub, Old Mill."}
)"),
      expected);
}

TEST_CASE("a file of meanings alone gives groups without references") {
  for (const std::string header : {"MR", "mr", "\"MR\""}) {
    check_groups(groups_of("a.csv", header + "\nname[A]\nname[B]\nname[A]\n"),
                 {{"name : A", {}}, {"name : B", {}}});
  }
}

TEST_CASE("files of references that are wrong are refused with the line") {
  const auto refused = [](const std::string& name, const std::string& text, const std::string& id,
                          std::vector<std::string> parts) {
    CAPTURE(text);
    parts.push_back(name);
    check_throws<FormatError>([&] { return groups_of(name, text); }, id, parts);
  };
  refused("a.csv", "mr,ref\nname[A],x,y\n", "data.csv", {"line 2"});
  refused("a.csv", "ref,more\nx,name[A]\n", "data.csv", {"mr,ref", "'ref'"});
  refused("a.csv", "text\nname[A]\n", "data.row", {"line 2", "text"});
  refused("a.csv", "MR\nname A\n", "data.mr", {"line 2", "name A"});
  refused("a.csv", "MR\n\"name[\xFF]\"\n", "data.utf8", {"line 2"});
  refused("a.csv", "mr,ref\n", "data.row", {"rows"});
  refused("a.jsonl", "", "data.row", {"rows"});
  refused("a.txt", "a||b\na|b\n", "data.line", {"line 2", "a|b"});
  refused("a.jsonl", "{\"text\": \"a\"}\n", "data.row", {"line 1", "completion", "text"});
  refused("a.jsonl", "{\"input_ids\": [1]}\n", "data.row", {"line 1", "input_ids"});
  refused("a.jsonl", "{\"prompt\": \"a\"}\n", "data.row", {"line 1", "completion"});
  check_throws<ConfigError>([] { return groups_of("a.data", "a||b\n"); }, "data.format",
                            {"a.data", ".csv"});
}

TEST_CASE("a prediction ends before the end token or an empty line") {
  CHECK(clean_prediction(" A pub .  ") == "A pub .");
  CHECK(clean_prediction("A pub<|endoftext|>!!!!<|endoftext|>") == "A pub");
  CHECK(clean_prediction(" A pub .\n\n A bar .<|endoftext|>") == "A pub .");
  CHECK(clean_prediction("A pub .<|endoftext|>\n\nx") == "A pub .");
  CHECK(clean_prediction("one\ntwo") == "one\ntwo");
  CHECK(clean_prediction("\n\nA pub") == "");
  CHECK(clean_prediction("") == "");
  CHECK(clean_prediction("\u00a0\u2003A\u00a0pub\u3000") == "A\u00a0pub");
}

TEST_CASE("E2E has 547 and 630 groups, in its own files as in the LoRA paper's") {
  const auto shared = solo::test::shared_dir();
  if (!shared) SOLO_SKIP("needs ../shared");
  const auto read = [&](const char* name) {
    return read_reference_groups(*shared / "data" / "e2e" / name);
  };
  const auto count = [](const std::vector<ReferenceGroup>& groups) {
    std::size_t references = 0;
    for (const ReferenceGroup& group : groups) references += group.references.size();
    return references;
  };
  const auto check = [&](const char* csv, const char* txt, std::size_t groups,
                         std::size_t references) {
    const std::vector<ReferenceGroup> of_csv = read(csv);
    const std::vector<ReferenceGroup> of_txt = read(txt);
    CHECK(of_csv.size() == groups);
    CHECK(count(of_csv) == references);
    CHECK(count(of_txt) == references);
    REQUIRE(of_txt.size() == groups);
    for (std::size_t i = 0; i < groups; ++i) CHECK(of_csv[i].context == of_txt[i].context);
  };
  check("devset.csv", "lora_valid.txt", 547, 4672);
  check("testset_w_refs.csv", "lora_test.txt", 630, 4693);
  const std::vector<ReferenceGroup> meanings = read("testset.csv");
  const std::vector<ReferenceGroup> with_references = read("testset_w_refs.csv");
  CHECK(count(meanings) == 0);
  REQUIRE(meanings.size() == 630);
  for (std::size_t i = 0; i < 630; ++i) CHECK(meanings[i].context == with_references[i].context);
}
