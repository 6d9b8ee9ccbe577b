// SPDX-License-Identifier: MIT
// Forms of rows: instructions, messages, chosen columns, tables, lists, plain text.
#include <solo/data/dataset.hpp>
#include <solo/data/references.hpp>
#include <solo/io/file.hpp>
#include <solo/text/tokenizer.hpp>

#include "support/bad_input.hpp"
#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/temp_dir.hpp"

using namespace solo;
using test::check_throws;

namespace {

const Tokenizer& tiny() {
  static const Tokenizer tokenizer =
      Tokenizer::from_pretrained(test::golden_dir() / "text" / "tiny-bpe");
  return tokenizer;
}

Dataset read(const std::string& name, const std::string& text, const DatasetOptions& options = {}) {
  const test::TempDir dir;
  write_file_atomically(dir.path() / name, text);
  return Dataset::from_file(dir.path() / name, tiny(), options);
}

void check_same(const Dataset& data, const Dataset& expected) {
  REQUIRE(data.size() == expected.size());
  for (Index i = 0; i < data.size(); ++i) {
    CHECK(data[i].ids == expected[i].ids);
    CHECK(data[i].labels == expected[i].labels);
  }
}

void refused(const std::string& name, const std::string& text, const std::string& id,
             std::vector<std::string> parts, const DatasetOptions& options = {}) {
  CAPTURE(text);
  parts.push_back(name);
  check_throws<FormatError>([&] { return read(name, text, options); }, id, parts);
}

Dataset pairs(const std::vector<std::pair<std::string, std::string>>& list) {
  return Dataset::from_pairs(list, tiny());
}

constexpr const char* kChat =
    R"({"messages": [{"role": "system", "content": "Be kind."},
{"role": "user", "content": "Hi there"}, {"role": "assistant", "content": "Hello"},
{"role": "user", "content": "Why?"}, {"content": "No", "role": "assistant"}]})";

}  // namespace

TEST_CASE("messages are one text, and every assistant's is scored") {
  // ids and offsets by Hugging Face's tokenizers; a token counts that overlaps an assistant's text
  const std::vector<int> ids = {
      50, 88,  363, 68,  76, 25, 220, 33, 68,  220, 74, 72,  433, 13, 198, 52, 82,  262, 25, 220,
      39, 72,  307, 198, 32, 82, 82,  72, 363, 293, 25, 220, 39,  68, 385, 78, 511, 52,  82, 262,
      25, 220, 54,  71,  88, 30, 198, 32, 82,  82,  72, 363, 293, 25, 220, 45, 78,  511};
  std::vector<int> labels(ids.size(), kIgnoreIndex);
  for (const std::size_t i : {32U, 33U, 34U, 35U, 36U, 55U, 56U, 57U}) labels[i] = ids[i];
  const Dataset data = read("a.json", concat('[', kChat, ']'));
  CHECK(data[0].ids == ids);
  CHECK(data[0].labels == labels);
  CHECK(data.conversations() == 1);
  CHECK(read("a.json", concat('[', kChat, ']'), {.completion_only = false})[0].labels == ids);
}

TEST_CASE("chat templates") {
  const ChatTemplate eos = ChatTemplate::from_name("eos");
  const auto pieces = eos.pieces({{"user", "a"}, {"assistant", "b"}}, "here");
  REQUIRE(pieces.size() == 4);
  CHECK((pieces[0].text == "a" && !pieces[0].scored && pieces[1].end && !pieces[1].scored));
  CHECK((pieces[2].text == "b" && pieces[2].scored && pieces[3].end && pieces[3].scored));
  const auto marks = ChatTemplate::from_name("chatml").pieces({{"assistant", "b"}}, "here");
  REQUIRE(marks.size() == 4);
  CHECK((marks[2].text == "<|im_end|>" && marks[2].scored));
  CHECK((marks[3].text == "\n" && !marks[3].scored));

  const test::TempDir dir;
  write_file_atomically(dir.path() / "t.json",
                        R"({"user": "Q {content}\n", "assistant": "A{content}{eos}"})");
  const DatasetOptions own{.chat_template =
                               ChatTemplate::from_name((dir.path() / "t.json").string())};
  const Dataset data = read(
      "a.jsonl",
      "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"assistant\",\"content\":"
      "\"y\"}]}\n",
      own);
  std::vector<int> ids = tiny().encode("Q x\nAy");
  ids.push_back(tiny().eos_token_id());
  CHECK(data[0].ids == ids);

  check_throws<ConfigError>([] { return ChatTemplate::from_name("jinja"); }, "data.chat_template",
                            {"'jinja'", "plain"});
  write_file_atomically(dir.path() / "bad.json", R"({"assistant": "no place"})");
  check_throws<ConfigError>(
      [&] { return ChatTemplate::from_name((dir.path() / "bad.json").string()); },
      "data.chat_template", {"bad.json", "assistant", "{content}"});
  check_throws<ConfigError>(
      [] {
        return read("a.json", concat('[', kChat, ']'),
                    {.chat_template = ChatTemplate::from_name("chatml")});
      },
      "data.chat_template", {"row 1", "<|im_start|>"});
}

TEST_CASE("instructions become Alpaca's prompts") {
  const std::string alone =
      "Below is an instruction that describes a task. Write a response that appropriately "
      "completes the request.\n\n### Instruction:\nSay hi\n\n### Response:";
  const std::string with_input =
      "Below is an instruction that describes a task, paired with an input that provides further "
      "context. Write a response that appropriately completes the request.\n\n"
      "### Instruction:\nAdd {input}\n\n### Input:\n1\n\n### Response:";
  check_same(read("a.jsonl", R"({"instruction": "Say hi", "output": "hi"})"
                             "\n"
                             R"({"instruction": "Say hi", "input": null, "output": "hi"})"
                             "\n"
                             R"({"instruction": "Add {input}", "input": "1", "output": "2"})"),
             pairs({{alone, "hi"}, {alone, "hi"}, {with_input, "2"}}));
  check_same(
      read("a.csv", "instruction,output\na,b\n", {.instruction_template = "<{instruction}>"}),
      pairs({{"<a>", "b"}}));
  refused("a.jsonl", R"({"instruction": "a", "input": "lost", "output": "b"})", "data.row",
          {"line 1", "{input}", "'lost'"}, {.instruction_template = "<{instruction}>"});
}

TEST_CASE("chosen columns, and all others ignored") {
  const DatasetOptions options{.columns = {{"prompt", "q"}, {"completion", "a"}}};
  const Dataset expected = pairs({{"x", "y"}});
  check_same(read("a.jsonl", R"({"id": 7, "q": "x", "more": {"q": [1, {}]}, "a": "y", "z": null})",
                  options),
             expected);
  check_same(read("a.csv", "id,q,note,a\n7,x,\"n,\",y\n", options), expected);
  check_same(read("a.tsv", "id\tq\ta\n7\tx\ty\n", options), expected);
  refused("a.jsonl", R"({"q": "x"})", "data.row", {"line 1", "completion=a", "found prompt"},
          options);
  refused("a.csv", "id,q\n7,x\n", "data.csv", {"completion=a"}, options);
  refused("a.jsonl", R"({"prompt": "x", "completion": "y", "id": 7})", "data.unknown_key",
          {"'id'", "--columns"});
  const auto wrong = [](const DataColumns& columns, const std::string& part) {
    check_throws<ConfigError>([&] { return read("a.jsonl", "{}", {.columns = columns}); },
                              "data.options", {part});
  };
  wrong({{"question", "q"}}, "'question'");
  wrong({{"prompt", "q"}}, "prompt=q");
  wrong({{"prompt", "q"}, {"completion", "q"}}, "twice");
  check_same(read("a.csv", "x,m,r\n1,name[A],is A\n", {.columns = {{"mr", "m"}, {"ref", "r"}}}),
             pairs({{"name : A", "is A"}}));
}

TEST_CASE("lists and tables") {
  const Dataset expected = pairs({{"x", "y"}, {"z \"1\" a", "w"}});
  const std::string list =
      R"([{"prompt": "x", "completion": "y"}, {"prompt": "z \"1\" a", "completion": "w"}])";
  check_same(read("a.json", "\xEF\xBB\xBF" + list), expected);
  check_same(read("a.json",
                  "{\"prompt\":\"x\",\"completion\":\"y\"}\n"
                  "{\"prompt\":\"z \\\"1\\\" a\",\"completion\":\"w\"}\n"),
             expected);
  check_same(read("a.tsv", "prompt\tcompletion\r\nx\ty\r\nz \"1\" a\tw\r\n"), expected);
  CHECK(Dataset::from_ids({{{1, 2}}}).size() == 1);
  refused("a.json", R"([{"prompt": "x", "completion": "y", "text": "z"}])", "data.row",
          {"row 1", "prompt, completion, text"});
  refused("a.json", "[\n{\"prompt\": 1}]", "data.row", {"line 2", "prompt", "a string", "1"});
  refused("a.json", "[[]]", "data.row", {"an object", "array"});
  refused("a.json", "7", "data.row", {"a list of objects", "7"});
  refused("a.json", "[{\"text\": \"a\"}", "json.syntax", {});
  refused("a.csv", "messages\nx\n", "data.csv", {"'messages'", "table"});
  refused("a.csv", "text,text\nx,y\n", "data.csv", {"twice"});
  refused("a.jsonl", std::string("\xFF\xFE{\0", 4), "text.utf16", {"UTF-16LE"});
  refused("a.csv", std::string("\0m\0r\0,\0r\0e\0f", 12), "text.utf16", {"UTF-16BE"});
}

TEST_CASE("messages that are wrong") {
  const auto bad = [](const std::string& messages, const std::vector<std::string>& parts) {
    refused("a.jsonl", concat("{\"messages\": ", messages, "}"), "data.messages", parts);
  };
  bad("[]", {"line 1", "none"});
  bad(R"([{"role": "user"}])", {"messages[0]", "content"});
  bad(R"([{"role": "tool", "content": "a"}])", {"messages[0].role", "'tool'", "assistant"});
  bad(R"([{"role": "user", "content": null}])", {"messages[0].content", "null"});
  bad(R"([{"from": "user", "value": "a"}])", {"'from'", "role"});
  refused("a.jsonl", R"({"messages": "a"})", "data.row", {"messages", "'a'"});
  refused("a.jsonl", R"({"prompt": [{"role": "user", "content": "a"}]})", "data.row", {"prompt"});
  const test::TempDir dir;
  write_file_atomically(dir.path() / "a.json", concat('[', kChat, ']'));
  check_throws<FormatError>([&] { return read_reference_groups(dir.path() / "a.json"); },
                            "data.row", {"row 1", "messages"});
}

TEST_CASE("plain text in windows that predict every token once") {
  const std::string text = "a b c\nd e f\n";
  std::vector<int> ids = tiny().encode(text);
  ids.push_back(tiny().eos_token_id());
  const DatasetOptions whole{.format = DataFormat::text};
  CHECK(read("a.txt", "\xEF\xBB\xBF" + text, whole)[0].ids == ids);
  const Dataset data = read("a.txt", text, {.format = DataFormat::text, .n_positions = 5});
  std::vector<int> joined = data[0].ids;
  for (Index i = 1; i < data.size(); ++i) {
    CHECK(data[i].ids.front() == joined.back());
    joined.insert(joined.end(), data[i].ids.begin() + 1, data[i].ids.end());
  }
  CHECK(joined == ids);
  CHECK(data.longest() == 5);
  CHECK(data.scored_tokens() == static_cast<Index>(ids.size()) - 1);
  CHECK(data.truncated() == 0);
  refused("a.txt", "a\xFF", "data.utf8", {}, whole);
}
