// SPDX-License-Identifier: MIT
// solo pretrain: sizes, files, windows, errors.
#include "cli/program.hpp"

using namespace solo;
using test::check_error;
using test::kTokenizer;
using test::Outcome;
using test::solo_program;
using test::train_file;

namespace {

/// The command with sizes of its own; what is in `more` comes after it.
std::vector<std::string> pretrain(const std::string& data, const std::string& output,
                                  const std::vector<std::string>& more = {}) {
  std::vector<std::string> words = {"pretrain", "--tokenizer",     kTokenizer, "--train",
                                    data,       "--output",        output,     "--n-layer",
                                    "2",        "--n-embd",        "16",       "--n-head",
                                    "2",        "--n-positions",   "12",       "--max-steps",
                                    "3",        "--learning-rate", "1e-2",     "--json"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

}  // namespace

TEST_CASE("pretrain trains from random weights and writes a Hugging Face folder") {
  SOLO_NEEDS_PROGRAM;
  const test::TempDir dir;
  const std::string data = train_file(dir);
  const std::string output = dir.path() / "model";
  const Outcome o = solo_program(dir, pretrain(data, output, {"--valid", data}));
  INFO(o.err);
  REQUIRE(o.status == 0);
  const Json result = o.json();
  CHECK(result.at("steps") == 3);
  CHECK(result.at("eval_loss").get<double>() < result.at("initial_eval_loss").get<double>());
  const Json config = parse_json(test::slurp(output + "/config.json"), "config.json");
  CHECK(config.at("n_layer") == 2);
  CHECK(config.at("n_embd") == 16);
  CHECK(config.at("n_positions") == 12);
  CHECK(config.at("vocab_size") == 512);
  CHECK(config.at("eos_token_id") == 511);
  for (const char* const file : {"model.safetensors", "vocab.json", "merges.txt", "log.jsonl",
                                 "generation_config.json", "trainer_state.json", "report.md"}) {
    CHECK(std::filesystem::exists(std::filesystem::path(output) / file));
  }
  const Json args = parse_json(test::slurp(output + "/training_args.json"), "training_args.json");
  CHECK(args.at("separator") == "eos");
  CHECK(args.at("method") == "pretrain");

  SECTION("which the other commands read") {
    CHECK(solo_program(dir,
                       {"generate", "--model", output, "--prompt", "name", "--max-new-tokens", "2"})
              .status == 0);
  }
  SECTION("the same bits again, others with another seed") {
    const auto weights = [&](const std::vector<std::string>& more) {
      const std::string folder = dir.path() / "again";
      CHECK(solo_program(dir, pretrain(data, folder, more)).status == 0);
      return test::slurp(folder + "/model.safetensors");
    };
    CHECK(weights({}) == test::slurp(output + "/model.safetensors"));
    CHECK(weights({"--threads", "1"}) == test::slurp(output + "/model.safetensors"));
    CHECK(weights({"--seed", "7"}) != test::slurp(output + "/model.safetensors"));
  }
  SECTION("goes on from a checkpoint, to the bit") {
    const std::filesystem::path folder = dir.path() / "saved";
    REQUIRE(solo_program(dir, pretrain(data, folder, {"--save-steps", "1"})).status == 0);
    std::filesystem::remove(folder / "checkpoint-3.safetensors");
    std::filesystem::remove(folder / "model.safetensors");
    const Outcome resumed =
        solo_program(dir, pretrain(data, folder, {"--save-steps", "1", "--resume"}));
    INFO(resumed.err);
    REQUIRE(resumed.status == 0);
    CHECK(
        resumed.json().at("resumed_from").get<std::string>().ends_with("checkpoint-2.safetensors"));
    CHECK(test::slurp(folder / "model.safetensors") == test::slurp(output + "/model.safetensors"));
  }
  SECTION("the sizes of a config.json, but for those that are given") {
    const std::string other = dir.path() / "other";
    const Outcome from = solo_program(
        dir, {"pretrain", "--config-from", output + "/config.json", "--tokenizer", kTokenizer,
              "--train", data, "--output", other, "--n-layer", "1", "--max-steps", "1", "--json"});
    INFO(from.err);
    REQUIRE(from.status == 0);
    const Json sizes = parse_json(test::slurp(other + "/config.json"), "config.json");
    CHECK(sizes.at("n_layer") == 1);
    CHECK(sizes.at("n_embd") == 16);
    CHECK(sizes.at("n_positions") == 12);
  }
}

TEST_CASE("pretrain predicts every token of a text that is longer than n_positions") {
  SOLO_NEEDS_PROGRAM;
  const test::TempDir dir;
  std::string text;
  for (int i = 0; i < 40; ++i) text += "word " + std::to_string(i) + ' ';
  std::ofstream(dir.path() / "plain.txt") << text;
  std::ofstream(dir.path() / "lines.jsonl") << Json{{"text", text}}.dump() << '\n';
  const Outcome ids = solo_program(dir, {"tokenize", "--tokenizer", kTokenizer}, Json(text).dump());
  const auto tokens = parse_json(ids.out, "ids").size();
  REQUIRE(tokens > 40);
  // With one step over all windows, num_input_tokens_seen counts each once: every token but the
  // last predicts one, eos included.
  const auto seen = [&](const std::string& file, const std::string& format) {
    const std::string output = dir.path() / "out";
    const Outcome o = solo_program(
        dir, pretrain(dir.path() / file, output, {"--format", format, "--batch-size", "1000"}));
    INFO(o.err);
    CHECK(o.status == 0);
    const Json state = parse_json(test::slurp(output + "/trainer_state.json"), "state");
    return state.at("num_input_tokens_seen").get<std::size_t>();
  };
  CHECK(seen("plain.txt", "text") == 3 * tokens);
  CHECK(seen("lines.jsonl", "jsonl") == 3 * tokens);
}

TEST_CASE("pretrain refuses what it cannot train") {
  SOLO_NEEDS_PROGRAM;
  const test::TempDir dir;
  const std::string data = train_file(dir);
  const std::string output = dir.path() / "model";
  const auto bare = [&](std::vector<std::string> more) {
    more.insert(more.begin(),
                {"pretrain", "--tokenizer", kTokenizer, "--train", data, "--output", output});
    return solo_program(dir, std::move(more));
  };
  check_error(bare({}), 2, "--config-from");
  check_error(bare({"--n-layer", "2"}), 2, "--n-embd");
  check_error(bare({"--size", "gpt3"}), 2, "--size");
  check_error(bare({"--size", "gpt2", "--config-from", "x"}), 2, "either");
  check_error(bare({"--n-layer", "2", "--n-embd", "10", "--n-head", "3"}), 1, "n_head");
  check_error(bare({"--n-layer", "0"}), 2, "--n-layer");
  check_error(bare({"--config-from", "none.json"}), 1, "none.json");
  check_error(solo_program(dir, pretrain("", output)), 2, "--train");
  check_error(solo_program(dir, pretrain("none.jsonl", output)), 1, "none.jsonl");
  check_error(solo_program(dir, pretrain(data, data)), 1, "train.jsonl");
  CHECK_FALSE(std::filesystem::exists(output));
}
