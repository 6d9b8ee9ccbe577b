// SPDX-License-Identifier: MIT
#include <solo/io/json.hpp>
#include <solo/text/tokenizer.hpp>
#include <solo/text/tokenizer_files.hpp>

#include "support/bad_input.hpp"
#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/temp_dir.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <sys/stat.h>

using solo::FormatError;
using solo::IoError;
using solo::Json;
using solo::Tokenizer;
using solo::test::check_throws;

namespace {

/// A folder with tiny-bpe's files, to be spoiled.
struct Folder {
  Folder() {
    const auto source = solo::test::golden_dir() / "text" / "tiny-bpe";
    vocab = solo::read_text_file(source / "vocab.json");
    merges = solo::read_text_file(source / "merges.txt");
    write();
  }
  void write() const {
    solo::write_file_atomically(path() / "vocab.json", vocab);
    solo::write_file_atomically(path() / "merges.txt", merges);
  }
  [[nodiscard]] const std::filesystem::path& path() const { return dir.path(); }
  [[nodiscard]] Json vocab_json() const { return solo::parse_json(vocab, "vocab"); }

  void check_bad_vocab(const std::string& text, std::string_view id,
                       std::vector<std::string> parts) {
    vocab = text;
    write();
    parts.emplace_back("vocab.json");
    check_throws<FormatError>([this] { return Tokenizer::from_pretrained(path()); }, id, parts);
  }
  void check_bad_merges(const std::string& text, std::vector<std::string> parts) {
    merges = text;
    write();
    parts.emplace_back("merges.txt");
    check_throws<FormatError>([this] { return Tokenizer::from_pretrained(path()); },
                              "tokenizer.merges", parts);
  }

  solo::test::TempDir dir;
  std::string vocab;
  std::string merges;
};

/// A tokenizer.json with tiny-bpe's vocabulary.
Json tokenizer_json() {
  const Folder tiny;
  Json merges = Json::array();
  for (std::size_t at = tiny.merges.find('\n') + 1; at < tiny.merges.size();) {
    const std::size_t end = tiny.merges.find('\n', at);
    merges.push_back(tiny.merges.substr(at, end - at));
    at = end + 1;
  }
  Json json = solo::parse_json(R"({"version": "1.0", "truncation": null, "padding": null,
    "added_tokens": [{"id": 511, "content": "<|endoftext|>", "single_word": false,
      "lstrip": false, "rstrip": false, "normalized": true, "special": true}],
    "normalizer": null,
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true},
    "post_processor": {"type": "ByteLevel"}, "decoder": {"type": "ByteLevel"},
    "model": {"type": "BPE", "dropout": null, "unk_token": null, "fuse_unk": false,
      "continuing_subword_prefix": "", "end_of_word_suffix": null}})",
                               "json");
  json["model"]["vocab"] = tiny.vocab_json();
  json["model"]["merges"] = merges;
  return json;
}

Tokenizer load(const Json& json) {
  const solo::test::TempDir dir;
  solo::write_file_atomically(dir.path() / "tokenizer.json", solo::dump_line(json));
  return Tokenizer::from_pretrained(dir.path());
}

}  // namespace

TEST_CASE("#version, CRLF, CR and a blank tail of merges.txt change nothing") {
  Folder folder;
  const Tokenizer plain = Tokenizer::from_pretrained(folder.path());
  const std::string body = folder.merges.substr(folder.merges.find('\n') + 1);
  std::string crlf;
  for (const char c : folder.merges) crlf += c == '\n' ? "\r\n" : std::string(1, c);
  std::string cr = folder.merges;
  std::replace(cr.begin(), cr.end(), '\n', '\r');
  const std::string cr_body = cr.substr(cr.find('\r') + 1);
  const std::string mixed =
      crlf.substr(0, crlf.find("\r\n") + 2) + cr_body.substr(0, 4) + body.substr(4);
  for (const std::string& text :
       {body, crlf, cr, cr_body, mixed, cr + "\r\r", folder.merges + "\n \n",
        "#version: 9\n" + body, folder.merges.substr(0, folder.merges.size() - 1)}) {
    folder.merges = text;
    folder.write();
    CHECK(Tokenizer::from_pretrained(folder.path()) == plain);
  }
}

TEST_CASE("a merge may begin with #") {
  Folder folder;
  Json vocab = folder.vocab_json();
  vocab["##"] = 512;
  folder.vocab = solo::dump_line(vocab);
  folder.merges = "# #\n" + folder.merges.substr(folder.merges.find('\n') + 1);
  folder.write();
  const auto tokenizer = Tokenizer::from_pretrained(folder.path());
  CHECK(tokenizer.encode("##") == std::vector<int>{512});
}

TEST_CASE("bad merges are errors that name the line") {
  const Folder good;
  Folder folder;
  folder.check_bad_merges("#version: 0.2\nr e\nre\n", {"line 3", "'re'"});
  folder.check_bad_merges("#version: 0.2\nr  e\n", {"line 2"});
  folder.check_bad_merges("r e \n", {"line 1"});
  folder.check_bad_merges(" r e\n", {"line 1"});
  folder.check_bad_merges("r\te\n", {"line 1"});
  folder.check_bad_merges("r e x\n", {"line 1", "'r e x'"});
  folder.check_bad_merges("r e\nr e\n", {"line 2", "'r' and 'e'", "twice"});
  folder.check_bad_merges(good.merges + "r e\n", {"line 257", "twice"});
  folder.check_bad_merges("re x\n", {"line 1", "'re' + 'x'"});
  folder.check_bad_merges("xyz a\n", {"line 1", "'xyz'"});
  folder.check_bad_merges("a xyz\n", {"line 1", "'xyz'"});
  folder.check_bad_merges("r e\n#version: 0.2\n", {"line 2"});
  folder.check_bad_merges(std::string("r \0\n", 4), {"line 1", "\\x00"});
  folder.check_bad_merges(
      "\xEF\xBB\xBF"
      "r e\n",
      {"line 1"});
  folder.check_bad_merges("r \xFF\n", {"line 1", "\\xff"});
  folder.check_bad_merges(std::string("\xFF\xFEr\0 \0e\0", 8), {"line 1", "UTF-16"});
  folder.check_bad_merges("", {"no merge makes 255", "found 0"});
  folder.check_bad_merges("#version: 0.2\n", {"no merge makes 255", "found 0"});
  folder.check_bad_merges("#version: 0.2\nr e\n", {"no merge makes 254", "found 1"});
  folder.merges = "r e\n\na n\n";
  folder.write();
  check_throws<FormatError>([&] { return Tokenizer::from_pretrained(folder.path()); },
                            "text.blank_line", {"merges.txt", "line 2"});
}

TEST_CASE("bad vocabularies are errors that name the token") {
  Folder folder;
  const auto changed = [&](const auto& change) {
    Json vocab = Folder().vocab_json();
    change(vocab);
    return solo::dump_line(vocab);
  };
  const std::string id = "tokenizer.vocab";
  folder.check_bad_vocab(changed([](Json& v) { v["re"] = 0; }), id, {"id 0", "'!'", "'re'"});
  folder.check_bad_vocab(changed([](Json& v) { v["<|endoftext|>"] = 900000; }), id,
                         {"0 to 511", "id 511", "900000"});
  folder.check_bad_vocab(changed([](Json& v) { v["a b"] = 512; }), id, {"'a b'"});
  folder.check_bad_vocab(changed([](Json& v) { v["日"] = 512; }), id, {"'日'"});
  folder.check_bad_vocab(changed([](Json& v) { v[""] = 512; }), id, {"''"});
  folder.check_bad_vocab(changed([](Json& v) { v["x9"] = -1; }), id, {"'x9'", "-1"});
  folder.check_bad_vocab(changed([](Json& v) { v["x9"] = 512.0; }), id, {"'x9'", "512"});
  folder.check_bad_vocab(changed([](Json& v) { v["x9"] = "512"; }), id, {"'x9'", "'512'"});
  folder.check_bad_vocab(changed([](Json& v) { v["x9"] = nullptr; }), id, {"'x9'", "null"});
  folder.check_bad_vocab(changed([](Json& v) { v["x9"] = true; }), id, {"'x9'", "true"});
  folder.check_bad_vocab(changed([](Json& v) { v["x9"] = Json::array(); }), id, {"'x9'"});
  folder.check_bad_vocab(changed([](Json& v) { v["x9"] = Json::object(); }), id, {"'x9'"});
  folder.check_bad_vocab(changed([](Json& v) { v["x9"] = std::uint64_t{1} << 32U; }), id,
                         {"'x9'", "4294967296"});
  folder.check_bad_vocab(changed([](Json& v) { v["x9"] = 1 << 24; }), id, {"'x9'", "16777216"});
  folder.check_bad_vocab(changed([](Json& v) {
                           v["aaaaaaaa"] = v["Ā"];
                           v.erase("Ā");
                         }),
                         id, {"byte 0", "'Ā'"});
  folder.check_bad_vocab("{}", id, {"256 byte symbols"});
  folder.check_bad_vocab("[]", "json.type", {});
  folder.check_bad_vocab("3", "json.type", {});
  folder.check_bad_vocab("{\"a\": 1, \"a\": 1}", "json.duplicate_key", {"'a'"});
  folder.check_bad_vocab("{\"a\": 1", "json.syntax", {});
  folder.check_bad_vocab("", "json.syntax", {});
}

TEST_CASE("missing and wrong files are errors") {
  const Folder folder;
  const solo::test::TempDir empty;
  CHECK_FALSE(Tokenizer::find_pretrained(empty.path()).has_value());
  check_throws<IoError>([&] { return Tokenizer::from_pretrained(empty.path()); },
                        "tokenizer.missing",
                        {empty.path().string(), "vocab.json", "tokenizer.json"});
  std::filesystem::remove(folder.path() / "merges.txt");
  check_throws<IoError>([&] { return Tokenizer::from_pretrained(folder.path()); },
                        "tokenizer.missing", {"merges.txt"});
  std::filesystem::create_directory(folder.path() / "merges.txt");
  check_throws<IoError>([&] { return Tokenizer::from_pretrained(folder.path()); }, "io.not_regular",
                        {"merges.txt", "a directory"});
  std::filesystem::remove(folder.path() / "merges.txt");
  REQUIRE(::mkfifo((folder.path() / "merges.txt").c_str(), 0600) == 0);
  check_throws<IoError>([&] { return Tokenizer::from_pretrained(folder.path()); }, "io.not_regular",
                        {"merges.txt", "a FIFO"});
}

TEST_CASE("tokenizer.json alone is enough and wins over vocab.json and merges.txt") {
  const Folder folder;
  const auto plain = Tokenizer::from_pretrained(folder.path());
  const Json json = tokenizer_json();
  CHECK(load(json) == plain);
  // Merges as pairs, as newer versions write them.
  Json pairs = json;
  for (Json& merge : pairs["model"]["merges"]) {
    const auto text = merge.get<std::string>();
    const std::size_t space = text.find(' ');
    merge = Json::array({text.substr(0, space), text.substr(space + 1)});
  }
  CHECK(load(pairs) == plain);
  solo::write_file_atomically(folder.path() / "tokenizer.json", "not JSON");
  check_throws<FormatError>([&] { return Tokenizer::from_pretrained(folder.path()); },
                            "json.syntax", {"tokenizer.json"});
}

TEST_CASE("added tokens are found leftmost first, then longest") {
  Json json = tokenizer_json();
  const auto add = [&](const char* content, int id) {
    json["added_tokens"].push_back({{"id", id}, {"content", content}, {"special", true}});
  };
  add("<a>", 512);
  add("<a><b>", 514);
  add("é té", 513);
  const Tokenizer tokenizer = load(json);
  CHECK(tokenizer.vocab_size() == 515);
  CHECK(tokenizer.eos_token_id() == 511);
  CHECK(tokenizer.encode("<a><b><a><|endoftext|><b>é té") ==
        std::vector<int>{514, 512, 511, 27, 65, 29, 513});
  CHECK(tokenizer.decode(std::vector<int>{513, 512}) == "é té<a>");
  const auto plain = tokenizer.encode("<a>é té", {.special_tokens = false});
  for (const int id : plain) CHECK(id < 511);
  CHECK(tokenizer.decode(plain) == "<a>é té");
}

TEST_CASE("an end of text that only added_tokens has is found too") {
  Json json = tokenizer_json();
  json["model"]["vocab"].erase("<|endoftext|>");
  CHECK(load(json).eos_token_id() == 511);
  json["added_tokens"] = Json::array();
  const Tokenizer without = load(json);
  // A special token that no file gives an id gets the next one, as in transformers.
  CHECK(without.eos_token_id() == 511);
  CHECK(without.vocab_size() == 512);
  CHECK(without.encode("<|endoftext|>") == std::vector<int>{511});
}

TEST_CASE("tokenizers of another kind are refused with the field's name") {
  const auto refuse = [](std::string_view id, const std::vector<std::string>& parts,
                         const auto& change) {
    Json json = tokenizer_json();
    change(json);
    check_throws<FormatError>([&] { return load(json); }, id, parts);
  };
  const std::string other = "tokenizer.unsupported";
  refuse(other, {"normalizer"}, [](Json& j) { j["normalizer"] = {{"type", "NFC"}}; });
  refuse(other, {"pre_tokenizer.type", "'Metaspace'"},
         [](Json& j) { j["pre_tokenizer"]["type"] = "Metaspace"; });
  refuse("json.missing", {"pre_tokenizer"}, [](Json& j) { j.erase("pre_tokenizer"); });
  refuse("json.type", {"pre_tokenizer"}, [](Json& j) { j["pre_tokenizer"] = nullptr; });
  refuse(other, {"pre_tokenizer.use_regex"},
         [](Json& j) { j["pre_tokenizer"]["use_regex"] = false; });
  refuse(other, {"model.type", "'WordPiece'"}, [](Json& j) { j["model"]["type"] = "WordPiece"; });
  refuse(other, {"model.dropout", "0.1"}, [](Json& j) { j["model"]["dropout"] = 0.1; });
  refuse(other, {"model.end_of_word_suffix", "'</w>'"},
         [](Json& j) { j["model"]["end_of_word_suffix"] = "</w>"; });
  refuse(other, {"model.byte_fallback"}, [](Json& j) { j["model"]["byte_fallback"] = true; });
  refuse(other, {"model.ignore_merges"}, [](Json& j) { j["model"]["ignore_merges"] = true; });
  refuse("json.missing", {"model"}, [](Json& j) { j.erase("model"); });
  refuse("json.missing", {"model.merges"}, [](Json& j) { j["model"].erase("merges"); });
}

TEST_CASE("a bad tokenizer.json is an error with the field's name") {
  const auto refuse = [](std::string_view id, const std::vector<std::string>& parts,
                         const auto& change) {
    Json json = tokenizer_json();
    change(json);
    check_throws<FormatError>([&] { return load(json); }, id, parts);
  };
  refuse("tokenizer.merges", {"model.merges.1", "'rx'"},
         [](Json& j) { j["model"]["merges"][1] = "rx"; });
  refuse("tokenizer.merges", {"model.merges.0"}, [](Json& j) { j["model"]["merges"][0] = ""; });
  refuse("tokenizer.merges", {"model.merges.0"}, [](Json& j) { j["model"]["merges"][0] = 3; });
  refuse("tokenizer.merges", {"model.merges.0"}, [](Json& j) {
    j["model"]["merges"][0] = Json::array({"r", "e", "x"});
  });
  refuse("tokenizer.merges", {"model.merges.255", "before"},
         [](Json& j) { j["model"]["merges"].push_back("r e"); });
  refuse("tokenizer.vocab", {"'re'", "1.5"}, [](Json& j) { j["model"]["vocab"]["re"] = 1.5; });
  refuse("tokenizer.added", {"511", "512"}, [](Json& j) {
    j["model"]["vocab"].erase("<|endoftext|>"), j["added_tokens"][0]["id"] = 512;
  });
  refuse("tokenizer.added", {"'<|endoftext|>'", "511", "510"},
         [](Json& j) { j["added_tokens"][0]["id"] = 510; });
  refuse("tokenizer.json", {"added_tokens", "twice"},
         [](Json& j) { j["added_tokens"].push_back(j["added_tokens"][0]); });
  refuse("json.type", {"added_tokens.0.content"},
         [](Json& j) { j["added_tokens"][0]["content"] = ""; });
  refuse("json.missing", {"added_tokens.0.id"}, [](Json& j) { j["added_tokens"][0].erase("id"); });
  refuse("json.range", {"added_tokens.0.id", "-1"},
         [](Json& j) { j["added_tokens"][0]["id"] = -1; });
}
