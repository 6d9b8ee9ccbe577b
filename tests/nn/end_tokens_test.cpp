// SPDX-License-Identifier: MIT
// One end token: what tokenizer and model files name, and what training makes of it.
#include <solo/adapters/adapters.hpp>
#include <solo/io/file.hpp>
#include <solo/io/json.hpp>
#include <solo/nn/end_tokens.hpp>
#include <solo/nn/gpt2.hpp>
#include <solo/text/tokenizer.hpp>

#include "support/bad_input.hpp"
#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/temp_dir.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

using namespace solo;
using Ids = std::vector<int>;

namespace {

/// The tiny tokenizer, whose tokenizer_config.json is `config`.
Tokenizer tokenizer(const std::string& config) {
  const test::TempDir dir;
  const auto source = test::golden_dir() / "text" / "tiny-bpe";
  for (const char* const name : {"vocab.json", "merges.txt"}) {
    std::filesystem::copy(source / name, dir.path() / name);
  }
  write_file_atomically(dir.path() / "tokenizer_config.json", config);
  return Tokenizer::from_pretrained(dir.path());
}

GPT2Config config(int eos, Ids list = {}) {
  return {.vocab_size = 512,
          .n_positions = 8,
          .n_embd = 4,
          .n_layer = 1,
          .n_head = 1,
          .eos_token_id = eos,
          .eos_token_ids = std::move(list)};
}

}  // namespace

TEST_CASE("training writes the tokenizer's token, generation waits for the model's", "[nn]") {
  const Tokenizer own = tokenizer(R"({"eos_token": "!"})");
  const EndTokens agreed = EndTokens::resolve(config(0), {0, 511}, &own);
  CHECK(agreed.write == 0);
  CHECK(agreed.stop == Ids{0, 511});
  CHECK(agreed.waits_for_written());
  CHECK(agreed.difference.empty());

  const EndTokens differ = EndTokens::resolve(config(511), {511, 5}, &own);
  CHECK(differ.write == 0);
  CHECK_FALSE(differ.waits_for_written());
  for (const char* const part : {"0 '!'", "511 and 5", "config.json names 511"}) {
    CHECK(differ.difference.find(part) != std::string::npos);
  }
  const EndTokens partly = EndTokens::resolve(config(511), {0}, &own);
  CHECK(partly.waits_for_written());
  CHECK_FALSE(partly.difference.empty());
}

TEST_CASE("where the tokenizer names none, training writes the model's first", "[nn]") {
  const Tokenizer none = tokenizer(R"({"eos_token": null})");
  const EndTokens ends = EndTokens::resolve(config(511), {5, 6}, &none);
  CHECK(ends.write == 5);
  CHECK(ends.difference.find("names none") != std::string::npos);
  CHECK(EndTokens::resolve(config(511), {5}, nullptr).difference.empty());
  GPT2Config small = config(10);
  small.vocab_size = 511;
  const Tokenizer larger = tokenizer("{}");
  const EndTokens beyond = EndTokens::resolve(small, {10}, &larger);
  CHECK(beyond.write == 10);
  CHECK(beyond.difference.find("511 '<|endoftext|>' (beyond the model's vocabulary of 511)") !=
        std::string::npos);
  const EndTokens nobody = EndTokens::resolve(config(-1), {}, &none);
  CHECK(nobody.write == -1);
  test::check_throws<ConfigError>([&] { return nobody.required("a prompt"); }, "tokenizer.eos",
                                  {"a prompt", "tokenizer_config.json", "generation_config.json"});
  CHECK(EndTokens::resolve(config(-1), {}, nullptr).stop.empty());
}

TEST_CASE("generation_config.json alone says what generation waits for", "[nn]") {
  const test::TempDir dir;
  const auto stop_of = [&](const std::string& text) {
    write_file_atomically(dir.path() / "generation_config.json", text);
    return EndTokens::from_folder(dir.path(), config(511), nullptr);
  };
  CHECK(EndTokens::from_folder(dir.path(), config(511), nullptr).stop == Ids{511});
  for (const char* const text : {"{}", R"({"eos_token_id": null, "max_new_tokens": 5})"}) {
    CHECK(stop_of(text).stop.empty());
    CHECK(stop_of(text).write == 511);
  }
  CHECK(stop_of(R"({"eos_token_id": 3})").stop == Ids{3});
  const Tokenizer own = tokenizer("{}");
  CHECK_FALSE(EndTokens::from_folder(dir.path(), config(511), &own).difference.empty());
}

TEST_CASE("a model is aligned as the HF Trainer does it", "[nn]") {
  struct Case {
    GPT2Config before;
    Ids stop;
    int eos;
    Ids list;
    Ids after;
  };
  // align_special_tokens of transformers 5.24 with the tokenizer's eos 0.
  const std::vector<Case> cases = {
      {config(511), {511}, 0, {}, {0, 511}},
      {config(511), {511, 5}, 0, {}, {0, 511, 5}},
      {config(511, {511, 7}), {511}, 0, {0, 511, 7}, {0, 511}},
      {config(0), {511}, 0, {}, {0, 511}},
      {config(511), {0}, 0, {}, {0}},
      {config(0), {511, 0}, 0, {}, {511, 0}},
      {config(-1), {}, 0, {}, {0}},
      {config(511, {511, 0}), {511}, 0, {0, 511}, {0, 511}},
  };
  for (const Case& c : cases) {
    GPT2Config changed = c.before;
    Ids stop = c.stop;
    detail::align_end_tokens(0, changed, stop);
    CHECK(changed.eos_token_id == c.eos);
    CHECK(changed.eos_token_ids == c.list);
    CHECK(stop == c.after);
  }
}

TEST_CASE("what a model was aligned with is in its files", "[nn]") {
  GPT2<float> model(config(511), {.threads = 1});
  CHECK(model.eos_token_ids() == Ids{511});
  model.align_end_token(3);
  CHECK(model.eos_token_ids() == Ids{3, 511});
  CHECK(model.config().eos_token_id == 3);
  test::check_throws<ConfigError>([&] { model.align_end_token(512); }, "config.range",
                                  {"end token", "511", "512"});
  const test::TempDir dir;
  model.save_pretrained(dir.path());
  const auto read = [&](const char* name) { return read_json_file(dir.path() / name); };
  CHECK(read("config.json").at("eos_token_id") == 3);
  CHECK(read("generation_config.json").at("eos_token_id") == Json({3, 511}));
  CHECK(GPT2<float>::from_pretrained(dir.path()).eos_token_ids() == Ids{3, 511});
}
