// SPDX-License-Identifier: MIT
// Which token a folder names as the end of texts: what AutoTokenizer of transformers 5.24 finds.
#include <solo/io/file.hpp>
#include <solo/text/tokenizer.hpp>

#include "support/bad_input.hpp"
#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/temp_dir.hpp"

#include <string>
#include <vector>

using namespace solo;

namespace {

/// The tiny tokenizer with these files beside it; an empty text is no file.
class Folder {
 public:
  explicit Folder(const std::string& config, const std::string& map = {}) {
    const auto source = test::golden_dir() / "text" / "tiny-bpe";
    for (const char* const name : {"vocab.json", "merges.txt"}) {
      std::filesystem::copy(source / name, dir_.path() / name);
    }
    const auto write = [&](const char* name, const std::string& text) {
      if (!text.empty()) write_file_atomically(dir_.path() / name, text);
    };
    write("tokenizer_config.json", config);
    write("special_tokens_map.json", map);
  }
  [[nodiscard]] Tokenizer load() const { return Tokenizer::from_pretrained(dir_.path()); }

 private:
  test::TempDir dir_;
};

int eos(const std::string& config, const std::string& map = {}) {
  return Folder(config, map).load().eos_token_id();
}

}  // namespace

TEST_CASE("eos_token is the folder's own, as a name or an object", "[text]") {
  CHECK(eos("") == 511);
  CHECK(eos("{}") == 511);
  CHECK(eos(R"({"eos_token": "!"})") == 0);
  CHECK(eos(R"({"eos_token": {"content": "!", "lstrip": false, "__type": "AddedToken"}})") == 0);
  CHECK(eos(R"({"eos_token": null})") == -1);
  CHECK(eos(R"({"tokenizer_class": "GPT2Tokenizer"})") == 511);
  test::check_throws<FormatError>(
      [] { return eos(R"({"tokenizer_class": "PreTrainedTokenizerFast"})"); },
      "tokenizer.unsupported", {"tokenizer_class", "PreTrainedTokenizerFast", "tokenizer.json"});
}

TEST_CASE("special_tokens_map.json goes first, unless the added tokens are listed", "[text]") {
  const std::string map = R"({"eos_token": "!"})";
  CHECK(eos("", map) == 0);
  CHECK(eos("{}", map) == 0);
  CHECK(eos(R"({"eos_token": "a"})", map) == 0);
  CHECK(eos(R"({"eos_token": "a"})", R"({"bos_token": "!"})") == 64);
  CHECK(eos(R"({"eos_token": "a", "added_tokens_decoder": {}})", map) == 64);
  CHECK(eos("", R"({"eos_token": {"content": "!"}})") == 0);
}

TEST_CASE("a named end token is found in texts, and makes another tokenizer", "[text]") {
  const Tokenizer plain = Folder("").load();
  const Tokenizer other = Folder(R"({"eos_token": "1"})").load();
  const int id = plain.token_id("1");
  REQUIRE(id >= 0);
  CHECK(other.eos_token_id() == id);
  CHECK(plain.encode(" 1") == std::vector<int>{436});
  CHECK(other.encode(" 1") == std::vector<int>{220, id});
  CHECK(other.encode(" 1", {.special_tokens = false}) == plain.encode(" 1"));
  CHECK(other.fingerprint() != plain.fingerprint());
  CHECK(other.encode("a<|endoftext|>").back() == 511);
}

TEST_CASE("an eos_token that is no name is refused", "[text]") {
  test::check_throws<FormatError>([] { return eos(R"({"eos_token": 5})"); }, "json.type",
                                  {"tokenizer_config.json", "eos_token", "5"});
  test::check_throws<FormatError>([] { return eos("", R"({"eos_token": {"lstrip": true}})"); },
                                  "json.missing", {"special_tokens_map.json", "content"});
}
