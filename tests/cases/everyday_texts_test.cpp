// SPDX-License-Identifier: MIT
// Tokenizer folders, end tokens and settings of generation as people have them: the ids of
// transformers.
#include "cases/everyday.hpp"

using namespace solo;
using test::check_number;
using test::Everyday;
using test::kLossWithin;
using test::Outcome;

namespace {

/// The loss of one step on a case's only line.
Outcome train_once(const Everyday& e, const std::string& model, const std::string& data,
                   const std::string& separator = "none") {
  return e.run({"train", "--model", e.model(model), "--method", "lora", "--rank", "2", "--train",
                e.file(data), "--output", e.output("out"), "--max-steps", "1", "--json", "--quiet",
                "--threads", "1", "--separator", separator});
}

void check_train_loss(const std::string& model, const std::string& data, double loss,
                      const std::string& separator = "none") {
  INFO(data);
  check_number(train_once(Everyday(), model, data, separator), "train_loss", loss, kLossWithin);
}

void check_ids(const std::string& model, const std::string& folder, const std::string& ids) {
  INFO(folder);
  const Outcome o = Everyday().shell("$SOLO tokenize --tokenizer $E/models/" + model + " < $E/" +
                                     folder + "/text.json");
  INFO(o.err);
  CHECK(o.status == 0);
  CHECK(parse_json(o.out, "stdout") == parse_json(ids, "expected"));
}

/// Trains on pairs whose completions end with the folder's own end token, and generates.
void check_ends_by_itself(const std::string& model, const std::string& folder, int end) {
  const Everyday e;
  const Outcome trained = e.run({"train",
                                 "--model",
                                 e.model(model),
                                 "--method",
                                 "lora",
                                 "--rank",
                                 "8",
                                 "--learning-rate",
                                 "2e-2",
                                 "--max-steps",
                                 "120",
                                 "--batch-size",
                                 "8",
                                 "--separator",
                                 "none",
                                 "--train",
                                 e.file(folder + "/train.jsonl"),
                                 "--output",
                                 e.output("out"),
                                 "--quiet",
                                 "--threads",
                                 "1"});
  INFO(trained.err);
  REQUIRE(trained.status == 0);
  const Outcome o =
      e.run({"generate", "--model", e.model(model), "--adapter", e.output("out"), "--prompt",
             "item 3", "--max-new-tokens", "12", "--json", "--threads", "1"});
  INFO(o.out << o.err);
  REQUIRE(o.status == 0);
  const Json json = o.json();
  CHECK(json.at("text") == " value 3");
  CHECK(json.at("output_ids").back() == end);
  CHECK(json.at("output_ids").size() < 12);
}

Json generated_ids(const std::string& model, const std::string& folder,
                   const std::vector<std::string>& more = {}) {
  const Everyday e;
  std::vector<std::string> arguments = {
      "generate",  "--model", e.model(model), "--input", e.file(folder + "/ids.jsonl"), "--quiet",
      "--threads", "1"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  const Outcome o = e.run(arguments);
  INFO(o.out << o.err);
  return json_lines(o).at(0).at("output_ids");
}

}  // namespace

TEST_CASE("everyday 02 and 10: the end token is the tokenizer's own") {
  SOLO_NEEDS_EVERYDAY;
  check_train_loss("own-end", "02-own-end-token-own-end-loss/one.jsonl", 8.507613);
  check_train_loss("end-object", "02-own-end-token-end-object-loss/one.jsonl", 8.507613);
  check_train_loss("own-end", "02-own-end-token-own-end-txt/one.txt", 8.101956, "eos");
  check_train_loss("s-tokens", "10-other-end-token-train/train.jsonl", 10.908791);
  check_ids("s-tokens", "10-other-end-token-tokenize", "[39, 68, 385, 78, 511, 307]");
}

TEST_CASE("everyday 02 and 10: generation ends where training ended") {
  SOLO_NEEDS_EVERYDAY;
  check_ends_by_itself("own-end", "02-own-end-token-own-end-generate", 512);
  check_ends_by_itself("s-tokens", "10-other-end-token-generate", 511);
}

TEST_CASE("everyday 03: special tokens in training texts are tokens") {
  SOLO_NEEDS_EVERYDAY;
  check_train_loss("chat", "03-special-tokens-in-texts-chat-jsonl/chat.jsonl", 8.37312);
  check_train_loss("tiny", "03-special-tokens-in-texts-dialogue/dialogue.jsonl", 9.363234);
  const Everyday e;
  const auto pretrain = [&](const std::string& data, std::vector<std::string> more) {
    std::vector<std::string> arguments = {
        "pretrain",
        "--n-layer",
        "1",
        "--n-embd",
        "16",
        "--n-head",
        "2",
        "--n-positions",
        "64",
        "--tokenizer",
        e.model("tiny"),
        "--max-steps",
        "1",
        "--json",
        "--quiet",
        "--threads",
        "1",
        "--train",
        e.file("03-special-tokens-in-texts-pretrain-text/" + data)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return test::number_of(e.run(arguments), "train_loss");
  };
  CHECK(pretrain("ids.jsonl", {"--output", e.output("a")}) ==
        pretrain("text.txt", {"--output", e.output("b"), "--format", "text"}));
}

TEST_CASE("everyday 04 and 07: added tokens and settings of tokenizer folders") {
  SOLO_NEEDS_EVERYDAY;
  const std::string chat = "[513, 39, 68, 385, 78, 307, 514, 39, 72, 511]";
  check_ids("four", "04-added-tokens-four", chat);
  check_ids("four-decoder", "04-added-tokens-four-decoder", chat);
  check_ids("four-flags", "04-added-tokens-four-flags", "[64, 513, 437, 220, 514, 66, 512]");
  check_ids("prefix-space", "07-tokenizer-settings-prefix-space", "[220, 39, 68, 385, 78, 307]");
  check_ids("add-bos", "07-tokenizer-settings-add-bos", "[511, 39, 68, 385, 78, 307]");
  check_ids("template-both", "07-tokenizer-settings-template-both",
            "[511, 39, 68, 385, 78, 307, 511]");
}

TEST_CASE("everyday 05: rows of the embedding beyond the tokenizer") {
  SOLO_NEEDS_EVERYDAY;
  const Everyday e;
  const Outcome greedy = e.run({"generate", "--model", e.model("padded"), "--input",
                                e.file("05-padded-vocabulary-greedy/prompts.jsonl"),
                                "--max-new-tokens", "6", "--threads", "1"});
  const std::vector<Json> lines = test::json_lines(greedy);
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].at("output_ids") == Json({512, 512, 512, 512, 512, 168}));
  CHECK(lines[1].at("output_ids") == Json({512, 512, 512, 512, 512, 512}));
  CHECK(lines[2].at("output_ids") == Json({512, 512, 512, 512, 512, 512}));
  CHECK(lines[0].at("text") == "\uFFFD");
  CHECK(lines[1].at("text") == "");
  CHECK(lines[2].at("text") == "");

  const Outcome sampled = e.run({"generate", "--model", e.model("padded"), "--input",
                                 e.file("05-padded-vocabulary-sampling/prompts.jsonl"),
                                 "--max-new-tokens", "20", "--do-sample", "--top-k", "0",
                                 "--num-return-sequences", "2", "--seed", "3", "--threads", "1"});
  const std::vector<Json> samples = test::json_lines(sampled);
  REQUIRE(samples.size() == 6);
  bool beyond = false;
  for (const Json& line : samples) {
    std::string known = "[";
    for (const Json& id : line.at("output_ids")) {
      CHECK(id.get<int>() < 576);
      beyond = beyond || id.get<int>() >= 512;
      // The end token, which the text leaves out.
      if (id.get<int>() < 511)
        known += (known.size() > 1 ? "," : "") + std::to_string(id.get<int>());
    }
    const Outcome text =
        e.run({"tokenize", "--tokenizer", e.model("padded"), "--decode"}, known + "]\n");
    CHECK(parse_json(text.out, "stdout") == line.at("text"));
  }
  CHECK(beyond);
}

TEST_CASE("everyday 08: settings of generation in the model's files") {
  SOLO_NEEDS_EVERYDAY;
  const std::string folder = "08-generation-settings-";
  CHECK(generated_ids("new-5", folder + "max-new-tokens") == Json({307, 307, 168, 307, 307}));
  CHECK(generated_ids("length-20", folder + "max-length") ==
        Json({307, 307, 168, 307, 307, 307, 307, 307, 307, 307, 307, 307, 380, 168, 449}));
  CHECK(generated_ids("min-new", folder + "min-new-tokens") ==
        Json({307, 307, 307, 307, 307, 307, 307, 168}));
  CHECK(generated_ids("in-config", folder + "old-config", {"--max-new-tokens", "12"}) ==
        Json({65, 318, 168, 449, 49, 268, 70, 168, 25, 307, 380, 168}));
}

TEST_CASE("everyday 16: a text that the context ended says so") {
  SOLO_NEEDS_EVERYDAY;
  const Everyday e;
  const auto generate = [&](const std::string& count) {
    return e.run({"generate", "--model", e.model("tiny"), "--prompt", "Hello there",
                  "--max-new-tokens", count, "--json", "--threads", "1"});
  };
  const Outcome ended = generate("100");
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  const Json json = ended.json();
  // transformers makes the token after the last position too.
  CHECK(json.at("output_ids").size() == 60);
  CHECK(json.at("finish_reason") == "context");
  test::check_warning(ended, "n_positions");
  const Outcome short_text = generate("5");
  CHECK(short_text.json().at("output_ids").size() == 5);
  CHECK(short_text.json().at("finish_reason") == "length");
  CHECK(short_text.err.find("n_positions") == std::string::npos);
}

TEST_CASE("everyday 21: an empty completion is the end alone") {
  SOLO_NEEDS_EVERYDAY;
  check_train_loss("tiny", "21-empty-completion-jsonl/one.jsonl", 10.985777, "eos");
  check_train_loss("tiny", "21-empty-completion-txt/one.txt", 10.985777, "eos");
}

TEST_CASE("everyday 22: merges.txt with CR alone as line ends") {
  SOLO_NEEDS_EVERYDAY;
  for (const std::string version : {"", "-no-version"}) {
    const Outcome o = Everyday().shell("$SOLO tokenize --tokenizer $E/models/merges-cr" + version +
                                       " < $E/22-merges-line-ends-cr" + version + "/text.json");
    if (o.status == 0) {
      CHECK(parse_json(o.out, "stdout") == Json({39, 68, 385, 78, 307}));
    } else {
      test::check_error(o, 1, "merges.txt");
    }
  }
}
