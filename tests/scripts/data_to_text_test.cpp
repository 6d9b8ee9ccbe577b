// SPDX-License-Identifier: MIT
// The quickstart's task: its grammar, its samples, and how texts are judged.
#include <solo/core/error.hpp>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <algorithm>
#include <data_to_text.hpp>
#include <fstream>
#include <iterator>
#include <set>
#include <span>
#include <string>
#include <task_files.hpp>

using namespace solo;
using namespace solo::quickstart;

namespace {

std::vector<Domain> all_domains() {
  std::vector<Domain> all = general_domains();
  all.push_back(held_out_domain());
  return all;
}

std::string contents(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

const Meaning kMeaning = {{"name", "Luna Faro"}, {"drinks", "green tea"}, {"bill", "20 pounds"}};
const std::string kText =
    "Hungry ? Try Luna Faro , which pours green tea and charges 20 pounds a head .";

}  // namespace

TEST_CASE("the grammar's phrases have one place, its values differ and are no names") {
  for (const Domain& domain : all_domains()) {
    std::set<std::string_view> values;
    std::set<std::string_view> keys = {"name"};
    INFO(domain.name);
    for (const std::string_view opening : domain.openings) {
      CHECK(std::count(opening.begin(), opening.end(), '_') == 1);
    }
    CHECK(domain.slots.size() >= 5);
    for (const Slot& slot : domain.slots) {
      CHECK(keys.insert(slot.key).second);
      for (const std::string_view phrase : slot.phrases) {
        CHECK(std::count(phrase.begin(), phrase.end(), '_') == 1);
      }
      for (const std::string_view value : slot.values) CHECK(values.insert(value).second);
    }
  }
}

TEST_CASE("the held-out domain has slots, values and phrases of its own") {
  const Domain& held_out = held_out_domain();
  std::set<std::string_view> keys;
  std::set<std::string_view> words;
  for (const Domain& domain : general_domains()) {
    for (const Slot& slot : domain.slots) {
      keys.insert(slot.key);
      words.insert(slot.values.begin(), slot.values.end());
      words.insert(slot.phrases.begin(), slot.phrases.end());
    }
    words.insert(domain.openings.begin(), domain.openings.end());
  }
  std::size_t new_keys = 0;
  for (const Slot& slot : held_out.slots) {
    INFO(slot.key);
    new_keys += keys.count(slot.key) == 0 ? 1 : 0;
    for (const std::string_view value : slot.values) CHECK(words.count(value) == 0);
    for (const std::string_view phrase : slot.phrases) CHECK(words.count(phrase) == 0);
  }
  for (const std::string_view opening : held_out.openings) CHECK(words.count(opening) == 0);
  CHECK(new_keys >= 4);
}

TEST_CASE("samples say what they mean, each something else") {
  SampleMaker maker(3);
  std::set<Meaning> meanings;
  for (const Domain& domain : all_domains()) {
    for (const Sample& sample : maker.make(std::span(&domain, 1), 60)) {
      INFO(to_prompt(sample.meaning) << "\n" << sample.text);
      CHECK(score_slots(domain, sample.meaning, sample.text).exact());
      CHECK(parse_prompt(to_prompt(sample.meaning), "here") == sample.meaning);
      CHECK(sample.meaning.front().first == "name");
      CHECK((sample.meaning.size() >= 4 && sample.meaning.size() <= 6));
      Meaning sorted = sample.meaning;
      std::sort(sorted.begin(), sorted.end());
      CHECK(meanings.insert(sorted).second);
    }
  }
}

TEST_CASE("samples are a function of the seed") {
  const auto texts = [](std::uint64_t seed) {
    std::string all;
    for (const Sample& s : SampleMaker(seed).make(general_domains(), 20)) all += s.text;
    return all;
  };
  CHECK(texts(1) == texts(1));
  CHECK(texts(1) != texts(2));
}

TEST_CASE("more samples than there are meanings are refused") {
  const Domain tiny = {.name = "tiny",
                       .openings = {"_"},
                       .subjects = {"It"},
                       .joints = {" and "},
                       .slots = {{"a", {"one"}, {"has _"}},
                                 {"b", {"two"}, {"has _"}},
                                 {"c", {"three"}, {"has _"}},
                                 {"d", {"four"}, {"has _"}},
                                 {"e", {"five"}, {"has _"}}}};
  // 576 names and 16 sets of slots
  try {
    (void)SampleMaker(1).make(std::span(&tiny, 1), 16 * 576 + 1);
    FAIL("no error");
  } catch (const ConfigError& e) {
    CHECK(e.id() == "quickstart.count");
    CHECK(std::string(e.what()).find("tiny") != std::string::npos);
  }
}

TEST_CASE("a text is exact if it has every value and no other") {
  const auto score = [](const std::string& text) {
    return score_slots(held_out_domain(), kMeaning, text);
  };
  const auto exact = [&](const std::string& text) { return score(text).exact(); };
  CHECK(exact(kText));
  CHECK(exact("20 pounds : green tea : Luna Faro"));
  const auto instead = [](const std::string& from, const std::string& to) {
    std::string text = kText;
    return text.replace(text.find(from), from.size(), to);
  };
  CHECK_FALSE(exact(""));
  CHECK_FALSE(exact(instead("green tea", "tea")));
  CHECK_FALSE(exact(instead("green tea", "Green tea")));
  CHECK_FALSE(exact(instead("20 pounds", "120 pounds")));
  CHECK_FALSE(exact(instead("Luna Faro", "Luna Farol")));
  CHECK_FALSE(exact(kText + " It pours sweet milk ."));        // another value
  CHECK_FALSE(exact(kText + " It rests on Monday night ."));   // another slot
  CHECK_FALSE(exact(kText + " It employs chef Milo Cato ."));  // another name
  // One of three is there; two wrong ones count besides.
  const SlotScore mixed = score("Luna Faro pours sweet milk and asks 33 pounds .");
  CHECK(mixed.right == 1);
  CHECK(mixed.slots == 5);
  CHECK(exact(kText + " It pours green tea . Luna Faro !"));  // again
}

TEST_CASE("a prompt that is no list of key : value is refused") {
  for (const std::string prompt : {"", "name", "name : Luna Faro | drink", "name: Luna Faro"}) {
    try {
      (void)parse_prompt(prompt, "FILE: line 7");
      FAIL("no error for " << prompt);
    } catch (const FormatError& e) {
      CHECK(e.id() == "data.mr");
      CHECK(std::string(e.what()).starts_with("FILE: line 7"));
    }
  }
}

TEST_CASE("other data are split by context") {
  const test::TempDir dir;
  const std::filesystem::path data = dir.path() / "some.txt";
  write(data, "a||1\nb||2\na||3\nc||4\nb||5\nd||6\n");
  const SplitCounts counts = split_data(data, 2, 5, dir.path());
  CHECK(counts.train == 4);
  CHECK(counts.valid == 2);
  CHECK(contents(dir.path() / "train.txt") == "a||1\nb||2\na||3\nb||5\n");
  CHECK(contents(dir.path() / "valid.txt") == "c||4\nd||6\n");
  CHECK(read_strings(dir.path() / "prompts.jsonl", "prompt") == std::vector<std::string>{"c", "d"});

  SECTION("few contexts: four fifths of them train") {
    CHECK(split_data(data, 500, 5, dir.path()).valid == 1);
  }
  SECTION("JSON lines") {
    const std::filesystem::path lines = dir.path() / "some.jsonl";
    write(lines, R"({"prompt": "a", "completion": "1"})"
                 "\n"
                 R"({"prompt": "b", "completion": "2"})");
    CHECK(split_data(lines, 1, 5, dir.path()).valid == 1);
    CHECK(contents(dir.path() / "valid.jsonl") == R"({"prompt": "b", "completion": "2"})"
                                                  "\n");
  }
  SECTION("errors") {
    const auto id_of = [&](const std::string& name, const std::string& text) {
      write(dir.path() / name, text);
      try {
        (void)split_data(dir.path() / name, 2, 5, dir.path());
      } catch (const Error& e) {
        CHECK(std::string(e.what()).find(name) != std::string::npos);
        return std::string(e.id());
      }
      return std::string();
    };
    CHECK(id_of("x.csv", "a,b\n") == "data.format");
    CHECK(id_of("one.txt", "a||1\na||2\n") == "quickstart.count");
    CHECK(id_of("none.txt", "a||1\nb\n") == "data.line");
  }
}

TEST_CASE("samples are shown under their prompts, in lines that fit") {
  const test::TempDir dir;
  write(dir.path() / "p", R"({"prompt": "name : A"})"
                          "\n"
                          R"({"prompt": "name : B"})"
                          "\n");
  write(dir.path() / "t", R"({"text": "one two three four five six"})"
                          "\n"
                          R"({"text": "x\ny"})"
                          "\n");
  CHECK(show_samples(dir.path() / "p", {{"solo", dir.path() / "t"}}, 5, 20) ==
        "name : A\n  solo  one two\n        three four\n        five six\n"
        "\nname : B\n  solo  x y\n");
  CHECK_THROWS_AS(show_samples(dir.path() / "t", {}, 5, 20), FormatError);
}
