// SPDX-License-Identifier: MIT
#include <solo/io/file.hpp>
#include <solo/io/json.hpp>
#include <solo/text/tokenizer.hpp>
#include <solo/text/utf8.hpp>

#include "support/bad_input.hpp"
#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/temp_dir.hpp"
#include "text/goldens.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

using solo::FormatError;
using solo::Json;
using solo::Tokenizer;
using solo::test::check_throws;

namespace {

const std::filesystem::path& tiny_bpe() {
  static const std::filesystem::path path = solo::test::golden_dir() / "text" / "tiny-bpe";
  return path;
}

Json tokenizer_json(const Json& changes) {
  Json merges = Json::array();
  const std::string text = solo::read_text_file(tiny_bpe() / "merges.txt");
  for (std::size_t at = text.find('\n') + 1; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    merges.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  Json json = solo::parse_json(R"({"added_tokens": [{"id": 511, "content": "<|endoftext|>",
    "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}],
    "normalizer": null, "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
    "post_processor": {"type": "ByteLevel"}, "decoder": {"type": "ByteLevel"},
    "model": {"type": "BPE"}})",
                               "json");
  json["model"]["vocab"] = solo::read_json_file(tiny_bpe() / "vocab.json");
  json["model"]["merges"] = merges;
  for (const auto& [key, value] : changes.items()) json[key] = value;
  return json;
}

/// A folder with tiny-bpe in the form that `row` asks for, and its other files.
struct Folder {
  explicit Folder(const Json& row) {
    if (row.contains("tokenizer_json")) {
      put("tokenizer.json", tokenizer_json(row["tokenizer_json"]));
    } else {
      for (const char* name : {"vocab.json", "merges.txt"}) {
        std::filesystem::copy_file(tiny_bpe() / name, dir.path() / name);
      }
    }
    for (const auto& [name, value] : row["files"].items()) put(name, value);
  }
  void put(const std::string& name, const Json& value) const {
    solo::write_file_atomically(dir.path() / name, solo::dump_line(value));
  }
  [[nodiscard]] Tokenizer load() const { return Tokenizer::from_pretrained(dir.path()); }

  solo::test::TempDir dir;
};

Json row_with(const char* file, Json value) {
  Json row = {{"files", Json::object()}};
  row["files"][file] = std::move(value);
  return row;
}

bool warns_of(const Tokenizer& tokenizer, std::string_view part) {
  const auto& texts = tokenizer.warnings();
  return std::any_of(texts.begin(), texts.end(),
                     [&](const std::string& text) { return text.find(part) != std::string::npos; });
}

}  // namespace

TEST_CASE("folders are read as AutoTokenizer reads them") {
  for (const Json& row : solo::test::text_golden("folders.json")) {
    const Folder folder(row);
    INFO("folder: " << solo::dump_line(row));
    const Tokenizer tokenizer = folder.load();
    CHECK(tokenizer.vocab_size() == row["length"].get<int>());
    CHECK(tokenizer.eos_token_id() == row["eos_token_id"].get<int>());
    CHECK(tokenizer.bos_token_id() == row["bos_token_id"].get<int>());
    CHECK(tokenizer.pad_token_id() == row["pad_token_id"].get<int>());
    for (const Json& text : row["texts"]) {
      const auto bytes = text["text"].get<std::string>();
      INFO("text: " << bytes);
      CHECK(tokenizer.encode(bytes) == text["ids"].get<std::vector<int>>());
      CHECK(tokenizer.encode(bytes, {.add_special_tokens = false}) ==
            text["bare_ids"].get<std::vector<int>>());
    }
    const auto ids = row["decoded"]["ids"].get<std::vector<int>>();
    CHECK(solo::to_utf8_lossy(tokenizer.decode(ids)) == row["decoded"]["text"].get<std::string>());
    // What is saved is the same tokenizer, byte for byte.
    const solo::test::TempDir saved;
    solo::write_file_atomically(saved.path() / "added_tokens.json", "{\"<old>\": 512}");
    tokenizer.save_pretrained(saved.path());
    const Tokenizer again = Tokenizer::from_pretrained(saved.path());
    CHECK(again == tokenizer);
    CHECK(again.fingerprint() == tokenizer.fingerprint());
    for (const auto& [name, value] : row["files"].items()) {
      CHECK(solo::read_text_file(saved.path() / name) == solo::dump_line(value));
    }
  }
}

TEST_CASE("tokens added to any folder have transformers' ids, saved and read again too") {
  for (const Json& row : solo::test::text_golden("folders.json")) {
    INFO("folder: " << solo::dump_line(row));
    Tokenizer tokenizer = Folder(row).load();
    const Tokenizer before = tokenizer;
    CHECK(tokenizer.add_tokens({"<n>", "", "é½", "<n>"}) == 2);
    CHECK(tokenizer.add_tokens({"<s>", "<n>"}, {.special_tokens = true}) == 1);
    CHECK(tokenizer.add_tokens({"é½", "<s>"}) == 0);
    CHECK(tokenizer.vocab_size() == before.vocab_size() + 3);
    CHECK(tokenizer.fingerprint() != before.fingerprint());
    CHECK(tokenizer.fingerprint(before.vocab_size()) == before.fingerprint());
    CHECK_FALSE(tokenizer == before);
    const auto text = row["added"]["text"].get<std::string>();
    const auto ids = row["added"]["ids"].get<std::vector<int>>();
    CHECK(tokenizer.encode(text) == ids);
    const solo::test::TempDir saved;
    tokenizer.save_pretrained(saved.path());
    const Tokenizer again = Tokenizer::from_pretrained(saved.path());
    CHECK(again == tokenizer);
    CHECK(again.fingerprint() == tokenizer.fingerprint());
    CHECK(again.encode(text) == ids);
    CHECK(again.added_tokens() == tokenizer.added_tokens());
    CHECK(again.pad_token_id() == tokenizer.pad_token_id());
    CHECK(again.warnings().size() <= before.warnings().size());
  }
}

TEST_CASE("what changes ids changes the fingerprint") {
  const Tokenizer plain = Folder(row_with("tokenizer_config.json", Json::object())).load();
  CHECK(plain.fingerprint() == Tokenizer::from_pretrained(tiny_bpe()).fingerprint());
  for (const char* text :
       {R"({"add_prefix_space": true})", R"({"add_bos_token": true})", R"({"add_eos_token": true})",
        R"({"split_special_tokens": true})", R"({"pad_token": "<p>"})",
        R"({"added_tokens_decoder": {"511": {"content": "<|endoftext|>", "lstrip": true}}})"}) {
    INFO(text);
    const Tokenizer other =
        Folder(row_with("tokenizer_config.json", solo::parse_json(text, "test"))).load();
    CHECK(other.fingerprint() != plain.fingerprint());
    CHECK_FALSE(other == plain);
  }
}

TEST_CASE("files that differ, and what does not count, are warned of") {
  const auto warns = [](const char* row, std::string_view part) {
    INFO(row);
    CHECK(warns_of(Folder(solo::parse_json(row, "test")).load(), part));
  };
  warns(R"({"tokenizer_json": {"truncation": {"max_length": 3}}, "files": {}})", "truncation");
  warns(R"({"tokenizer_json": {"padding": {"pad_token": "x"}}, "files": {}})", "padding");
  warns(R"({"tokenizer_json": {}, "files": {"tokenizer_config.json": {"add_bos_token": true}}})",
        "add_bos_token");
  warns(R"({"tokenizer_json": {}, "files": {"tokenizer_config.json": {"add_prefix_space": true}}})",
        "add_prefix_space");
  warns(R"({"files": {"added_tokens.json": {"<a>": 512},
                      "tokenizer_config.json": {"added_tokens_decoder": {}}}})",
        "'<a>'");
  warns(R"({"files": {"special_tokens_map.json": {"eos_token": "<a>"},
              "tokenizer_config.json": {"eos_token": "re", "added_tokens_decoder": {}}}})",
        "'<a>'");
  CHECK(Folder(row_with("tokenizer_config.json", Json::object())).load().warnings().empty());
  Folder both(Json{{"tokenizer_json", Json::object()}, {"files", Json::object()}});
  std::filesystem::copy_file(tiny_bpe() / "vocab.json", both.dir.path() / "vocab.json");
  std::filesystem::copy_file(tiny_bpe() / "merges.txt", both.dir.path() / "merges.txt");
  CHECK(both.load().warnings().empty());
  const std::string merges = solo::read_text_file(tiny_bpe() / "merges.txt");
  solo::write_file_atomically(both.dir.path() / "merges.txt",
                              merges.substr(0, merges.rfind('\n', merges.size() - 2) + 1));
  CHECK(warns_of(both.load(), "merges.txt"));
}

TEST_CASE("settings of other tokenizers are refused by name") {
  const auto refuse = [](const char* row, std::string_view id, const char* part) {
    INFO(row);
    const Folder folder(solo::parse_json(row, "test"));
    check_throws<FormatError>([&] { return folder.load(); }, id, {part});
  };
  const std::string_view other = "tokenizer.unsupported";
  refuse(R"({"files": {"tokenizer_config.json": {"tokenizer_class": "LlamaTokenizer"}}})", other,
         "'LlamaTokenizer'");
  refuse(R"({"files": {"tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast"}}})",
         other, "tokenizer_class");
  refuse(R"({"files": {"tokenizer_config.json": {"auto_map": {"AutoTokenizer": ["a.B", null]}}}})",
         other, "auto_map");
  refuse(R"({"files": {"special_tokens_map.json": {"add_bos_token": true}}})", other,
         "add_bos_token");
  refuse(R"({"tokenizer_json": {"decoder": {"type": "Metaspace"}}, "files": {}})", other,
         "decoder.type");
  refuse(R"({"tokenizer_json": {"post_processor": {"type": "Other"}}, "files": {}})", other,
         "post_processor");
  refuse(R"({"tokenizer_json": {"post_processor": {"type": "RobertaProcessing", "cls": ["a", 900],
             "sep": ["b", 1]}}, "files": {}})",
         "tokenizer.json", "900");
  refuse(R"({"files": {"added_tokens.json": {"<a>": 600}}})", "tokenizer.added", "600");
  refuse(R"({"files": {"added_tokens.json": {"re": 512}}})", "tokenizer.added", "'re'");
  refuse(R"({"tokenizer_json": {"added_tokens": [{"id": 512, "content": "<t>"}]},
             "files": {"added_tokens.json": {"<a>": 512}}})",
         "tokenizer.added", "'<t>'");
  refuse(R"({"files": {"tokenizer_config.json": {"added_tokens_decoder": {"x": {}}}}})",
         "json.range", "added_tokens_decoder");
  refuse(R"({"files": {"tokenizer_config.json": {"eos_token": 3}}})", "json.type", "eos_token");
  refuse(R"({"files": {"tokenizer_config.json": []}})", "json.type", "tokenizer_config.json");
}

TEST_CASE("ids that are no token's have no text") {
  const Tokenizer tokenizer = Tokenizer::from_pretrained(tiny_bpe());
  CHECK(tokenizer.decode(std::vector<int>{39, 512, 900, 307}) == "H there");
  CHECK(tokenizer.decode_one(512).empty());
  CHECK(tokenizer.decode_one(39) == "H");
  const std::vector<int> negative = {39, -1};
  check_throws<solo::ConfigError>([&] { return tokenizer.decode(negative); }, "tokenizer.id",
                                  {"-1", "0 to 511"});
  check_throws<solo::ConfigError>([&] { return std::string(tokenizer.token(512)); }, "tokenizer.id",
                                  {"512"});
}
