// SPDX-License-Identifier: MIT
// The end token from training to generation, and special tokens in data files.
#include <solo/text/tokenizer.hpp>

#include "cli/program.hpp"

using namespace solo;
using test::Outcome;
using test::solo_program;
using test::TempDir;

namespace {

/// A model folder whose tokenizer names the token `eos` ("!" is 0) as its end; its model files name
/// 511.
std::string folder_ending(const TempDir& dir, const std::string& eos) {
  const std::string folder = test::model_with_tokenizer(dir);
  std::ofstream(std::filesystem::path(folder) / "tokenizer_config.json")
      << R"({"tokenizer_class": "GPT2Tokenizer", "eos_token": )" << eos << "}";
  return folder;
}

Json file_in(const std::filesystem::path& folder, const char* name) {
  return parse_json(test::slurp(folder / name), name);
}

/// The mean loss of one step on the line `row` of a .jsonl file.
double first_loss(const TempDir& dir, const std::string& model, const std::string& row,
                  const std::vector<std::string>& more = {}) {
  const TempDir run;
  std::ofstream(run.path() / "one.jsonl") << row << '\n';
  std::vector<std::string> words = {"train",
                                    "--model",
                                    model,
                                    "--method",
                                    "lora",
                                    "--train",
                                    run.path() / "one.jsonl",
                                    "--output",
                                    run.path() / "out",
                                    "--max-steps",
                                    "1",
                                    "--json"};
  words.insert(words.end(), more.begin(), more.end());
  const Outcome o = solo_program(dir, words);
  INFO(o.err);
  REQUIRE(o.status == 0);
  return o.json().at("train_loss").get<double>();
}

std::vector<std::string> train_words(const TempDir& dir, const std::string& model,
                                     const std::string& method) {
  return {"train",
          "--model",
          model,
          "--method",
          method,
          "--train",
          test::train_file(dir),
          "--output",
          dir.path() / "out",
          "--max-steps",
          "120",
          "--learning-rate",
          method == "full" ? "3e-3" : "3e-2",
          "--batch-size",
          "6"};
}

}  // namespace

TEST_CASE("what training writes as end ends what its adapter generates") {
  SOLO_NEEDS_PROGRAM;
  const TempDir dir;
  const std::string model = folder_ending(dir, R"("!")");
  const Outcome trained = solo_program(dir, train_words(dir, model, "lora"));
  INFO(trained.err);
  REQUIRE(trained.status == 0);
  CHECK(trained.err.find("warning: end tokens differ: the tokenizer names 0 '!', generation waits "
                         "for 511, config.json names 511; training writes 0") != std::string::npos);
  const std::string adapter = dir.path() / "out";
  CHECK(file_in(adapter, "training_args.json").at("eos_token_id") == 0);
  CHECK(file_in(adapter, "training_args.json").at("special_tokens") == true);

  const std::vector<std::string> generate = {"generate", "--model",          model, "--prompt",
                                             "name : 3", "--max-new-tokens", "30",  "--json"};
  std::vector<std::string> with = generate;
  with.insert(with.end(), {"--adapter", adapter});
  const Outcome text = solo_program(dir, with);
  INFO(text.err);
  REQUIRE(text.status == 0);
  CHECK(text.err.find("end tokens differ") == std::string::npos);
  CHECK(text.json().at("output_ids").get<std::vector<int>>().back() == 0);
  CHECK(text.json().at("output_ids").size() < 30);
  CHECK(text.json().at("text").get<std::string>().find('!') == std::string::npos);

  // The bare base waits for its own, as transformers does, and says so.
  const Outcome bare = solo_program(dir, generate);
  CHECK(bare.status == 0);
  CHECK(bare.err.find("warning: end tokens differ") == 0);
  std::vector<std::string> told = generate;
  told.insert(told.end(), {"--eos-token-id", "0"});
  CHECK(solo_program(dir, told).err.empty());

  const std::string merged = dir.path() / "merged";
  const Outcome merge =
      solo_program(dir, {"merge", "--model", model, "--adapter", adapter, "--output", merged});
  INFO(merge.err);
  REQUIRE(merge.status == 0);
  CHECK(file_in(merged, "config.json").at("eos_token_id") == 0);
  CHECK(file_in(merged, "generation_config.json").at("eos_token_id") == Json({0, 511}));
  std::vector<std::string> of_merged = generate;
  of_merged[2] = merged;
  CHECK(solo_program(dir, of_merged).json() == text.json());
}

TEST_CASE("a trained model's files name the token it was trained to end with") {
  SOLO_NEEDS_PROGRAM;
  const TempDir dir;
  const std::string model = folder_ending(dir, R"({"content": "!"})");
  const Outcome trained = solo_program(dir, train_words(dir, model, "full"));
  INFO(trained.err);
  REQUIRE(trained.status == 0);
  const std::string full = dir.path() / "out";
  CHECK(file_in(full, "config.json").at("eos_token_id") == 0);
  CHECK(file_in(full, "generation_config.json").at("eos_token_id") == Json({0, 511}));
  const Outcome text = solo_program(dir, {"generate", "--model", full, "--prompt", "name : 3",
                                          "--max-new-tokens", "30", "--json"});
  CHECK(text.err.empty());
  CHECK(text.json().at("output_ids").get<std::vector<int>>().back() == 0);
}

TEST_CASE("a tokenizer that names no end takes the model's, or is refused with a remedy") {
  SOLO_NEEDS_PROGRAM;
  const TempDir dir;
  const std::string model = folder_ending(dir, "null");
  const std::string row = R"({"prompt": "item 1", "completion": ""})";
  CHECK(first_loss(dir, model, row) == Approx(10.985777).margin(3e-5));
  for (const char* const name : {"config.json", "generation_config.json"}) {
    Json json = file_in(model, name);
    json["eos_token_id"] = nullptr;
    std::ofstream(std::filesystem::path(model) / name) << json.dump();
  }
  test::check_error(solo_program(dir, train_words(dir, model, "lora")), 1,
                    "nothing names the token that ends a text");
  test::check_error(
      solo_program(dir, {"generate", "--model", model, "--prompt", "a", "--separator", "eos"}), 1,
      "name it as eos_token in tokenizer_config.json");
  // A prompt without a separator needs none.
  CHECK(solo_program(dir, {"generate", "--model", model, "--prompt", "a", "--separator", "none",
                           "--max-new-tokens", "2"})
            .status == 0);
}

TEST_CASE("special tokens in training text are tokens, letters with --no-special") {
  SOLO_NEEDS_PROGRAM;
  const TempDir dir;
  const std::string model = test::model_with_tokenizer(dir);
  const std::string row =
      R"({"prompt": "Hello<|endoftext|>Hi there<|endoftext|>", "completion": "a"})";
  const double tokens = first_loss(dir, model, row, {"--separator", "none"});
  CHECK(tokens == Approx(9.363234).margin(3e-5));  // transformers 5.24
  const double letters = first_loss(dir, model, row, {"--separator", "none", "--no-special"});
  CHECK(std::abs(letters - tokens) > 0.1);

  const auto reads_special = [&](const std::vector<std::string>& more) {
    std::vector<std::string> words = train_words(dir, model, "lora");
    words.insert(words.end(), more.begin(), more.end());
    const Outcome o = solo_program(dir, words);
    INFO(o.err);
    REQUIRE(o.status == 0);
    return file_in(dir.path() / "out", "training_args.json").at("special_tokens");
  };
  CHECK(reads_special({"--no-special"}) == false);
  // Prompts are read as the training texts were.
  const auto output = [&](const std::vector<std::string>& more) {
    std::vector<std::string> words = {
        "generate",       "--model",          model, "--adapter", dir.path() / "out", "--prompt",
        "a<|endoftext|>", "--max-new-tokens", "4",   "--json"};
    words.insert(words.end(), more.begin(), more.end());
    return solo_program(dir, words).out;
  };
  const std::string as_trained = output({});
  CHECK(as_trained == output({"--no-special"}));
  CHECK(reads_special({}) == true);
}

TEST_CASE("pretraining reads special tokens and ends with the tokenizer's own") {
  SOLO_NEEDS_PROGRAM;
  const TempDir dir;
  const std::string bpe = folder_ending(dir, R"("!")");
  const auto loss = [&](const std::string& name, const std::string& text,
                        const std::vector<std::string>& more) {
    std::ofstream(dir.path() / name) << text;
    std::vector<std::string> words = {
        "pretrain", "--tokenizer", bpe,       "--n-layer",       "1",        "--n-embd",
        "16",       "--n-head",    "2",       "--n-positions",   "64",       "--max-steps",
        "1",        "--json",      "--train", dir.path() / name, "--output", dir.path() / "made"};
    words.insert(words.end(), more.begin(), more.end());
    const Outcome o = solo_program(dir, words);
    INFO(o.err);
    REQUIRE(o.status == 0);
    return o.json().at("train_loss").get<double>();
  };
  const double ids = loss("a.jsonl", R"({"input_ids": [39, 68, 385, 78, 511, 39, 72, 0]})", {});
  CHECK(loss("a.txt", "Hello<|endoftext|>Hi", {"--format", "text"}) == ids);
  CHECK(loss("b.jsonl", R"({"text": "Hello<|endoftext|>Hi"})", {}) == ids);
  CHECK(file_in(dir.path() / "made", "config.json").at("eos_token_id") == 0);
  CHECK(file_in(dir.path() / "made", "generation_config.json").at("eos_token_id") == 0);
  CHECK(loss("a.txt", "Hello<|endoftext|>Hi", {"--format", "text", "--no-special"}) != ids);
}
