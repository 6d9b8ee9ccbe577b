// SPDX-License-Identifier: MIT
// solo merge and solo tokenizer-train.
#include <solo/io/safetensors.hpp>

#include "cli/program.hpp"

using namespace solo;
using test::check_error;
using test::golden_dir;
using test::kModel;
using test::model_with_tokenizer;
using test::Outcome;
using test::solo_program;
using test::TempDir;

namespace {

std::string lora(const std::string& name) {
  return (golden_dir() / "lora" / name).string();
}

Outcome merge(const TempDir& dir, const std::string& model, const std::string& adapter,
              const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments = {
      "merge", "--model", model, "--adapter", adapter, "--output", dir.path() / "merged"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return solo_program(dir, arguments);
}

double loss(const TempDir& dir, const std::vector<std::string>& where) {
  std::ofstream(dir.path() / "ids.jsonl") << R"({"input_ids": [5, 9, 200, 31, 7, 300, 2, 11]})";
  std::vector<std::string> arguments = {"score", "--input", dir.path() / "ids.jsonl", "--json"};
  arguments.insert(arguments.end(), where.begin(), where.end());
  return solo_program(dir, arguments).json().at("loss").get<double>();
}

}  // namespace

TEST_CASE("solo merge writes a model that computes what base and adapter did") {
  SOLO_NEEDS_PROGRAM;
  for (const std::string name : {"c-attn-r4", "all-rslora-patterns", "dora-bias-all", "lora-bias",
                                 "modules-to-save", "q-and-v"}) {
    INFO(name);
    const TempDir dir;
    const Outcome o = merge(dir, kModel, lora(name), {"--json"});
    INFO(o.err);
    REQUIRE(o.status == 0);
    CHECK(o.json().at("max_logit_difference").get<double>() < 1e-4);
    const double before = loss(dir, {"--model", kModel, "--adapter", lora(name)});
    const double merged = loss(dir, {"--model", dir.path() / "merged"});
    CHECK(merged == Approx(before).epsilon(1e-5));
    CHECK(std::abs(merged - loss(dir, {"--model", kModel})) > 1e-3);
  }
}

TEST_CASE("a merged folder has what lay beside the base and the adapter") {
  SOLO_NEEDS_PROGRAM;
  const TempDir dir;
  const std::string model = model_with_tokenizer(dir);
  std::filesystem::copy(lora("c-attn-r4"), dir.path() / "adapter");
  std::ofstream(dir.path() / "adapter" / "training_args.json") << R"({"separator": "eos"})";
  const Outcome o = merge(dir, model, dir.path() / "adapter", {"--save-dtype", "bfloat16"});
  INFO(o.err);
  REQUIRE(o.status == 0);
  CHECK(o.out.find("logits differ from the adapter's by at most") != std::string::npos);
  for (const char* const name : {"vocab.json", "merges.txt", "generation_config.json"}) {
    CHECK(test::slurp(dir.path() / "merged" / name) ==
          test::slurp(std::filesystem::path(model) / name));
  }
  CHECK(test::slurp(dir.path() / "merged" / "training_args.json") == R"({"separator": "eos"})");
  const auto file = SafetensorsFile::open(dir.path() / "merged" / "model.safetensors");
  for (const TensorInfo& t : file.tensors()) CHECK(t.dtype == "BF16");
}

TEST_CASE("what cannot be merged is refused and writes nothing") {
  SOLO_NEEDS_PROGRAM;
  const TempDir dir;
  const std::string solo = (golden_dir() / "solo" / "bare").string();
  check_error(merge(dir, kModel, solo), 1, "cannot be merged: it adds functions of block outputs");
  check_error(merge(dir, kModel, dir.path() / "none"), 1, "none");
  CHECK_FALSE(std::filesystem::exists(dir.path() / "merged"));
  std::ofstream(dir.path() / "merged") << "a file";
  check_error(merge(dir, kModel, lora("c-attn-r4")), 1, "merged: is not a directory");
  check_error(solo_program(dir, {"merge", "--model", kModel, "--adapter", lora("c-attn-r4"),
                                 "--output", kModel + "/."}),
              2, "--output is the folder of --model");
}

TEST_CASE("an adapter whose start changed the base scores and merges as peft computes it") {
  SOLO_NEEDS_PROGRAM;
  const std::filesystem::path starts = golden_dir() / "starts";
  const Json expected = read_json_file(starts / "expected.json");
  for (const std::string name : {"pissa-dora", "olora"}) {
    INFO(name);
    const TempDir dir;
    REQUIRE(merge(dir, kModel, starts / name).status == 0);
    std::ofstream(dir.path() / "started.jsonl")
        << dump_line({{"input_ids", expected.at("input_ids")}});
    const Outcome o = solo_program(dir, {"score", "--input", dir.path() / "started.jsonl",
                                         "--model", dir.path() / "merged", "--json"});
    CHECK(o.json().at("loss").get<double>() ==
          Approx(expected.at("adapters").at(name).at("loss").get<double>()).margin(3e-5));
  }
}

TEST_CASE("a folder that holds a model and an adapter is never used by half") {
  SOLO_NEEDS_PROGRAM;
  const TempDir dir;
  const std::string both = model_with_tokenizer(dir);
  std::filesystem::copy(lora("c-attn-r4"), both);
  std::ofstream(dir.path() / "ids.jsonl") << R"({"input_ids": [5, 9, 200]})";
  const std::string data = test::train_file(dir);
  const std::string out = dir.path() / "out";
  for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
           {"score", "--input", dir.path() / "ids.jsonl"},
           {"generate", "--prompt", "a"},
           {"score", "--input", dir.path() / "ids.jsonl", "--adapter", lora("dora")},
           {"merge", "--adapter", lora("dora"), "--output", out},
           {"train", "--method", "lora", "--train", data, "--output", out}}) {
    std::vector<std::string> arguments = command;
    arguments.insert(arguments.end(), {"--model", both});
    check_error(solo_program(dir, arguments), 1, "holds a model and an adapter");
  }
  CHECK(loss(dir, {"--model", both, "--adapter", both}) ==
        loss(dir, {"--model", kModel, "--adapter", lora("c-attn-r4")}));

  // Nor is one made.
  const auto refused = [&](const std::vector<std::string>& arguments, const std::string& what) {
    check_error(solo_program(dir, arguments), 1, what);
  };
  std::filesystem::create_directories(out);
  std::filesystem::copy(lora("dora"), out);
  refused({"train", "--method", "full", "--model", kModel, "--train", data, "--output", out},
          "the folder holds an adapter");
  refused({"merge", "--model", kModel, "--adapter", out, "--output", out},
          "the folder holds an adapter");
  refused({"pretrain", "--size", "gpt2", "--tokenizer", both, "--train", data, "--output", out},
          "the folder holds an adapter");
  std::filesystem::remove(both + "/adapter_config.json");
  refused({"train", "--method", "solo", "--model", both, "--train", data, "--output", both},
          "the folder holds a model");
  refused({"score", "--model", out, "--input", dir.path() / "ids.jsonl"},
          "the folder is an adapter's");
}

TEST_CASE("solo tokenizer-train writes a tokenizer that the program reads") {
  SOLO_NEEDS_PROGRAM;
  const TempDir dir;
  std::ofstream(dir.path() / "a.txt") << "banana bandana\nbanana\n";
  const std::string data = test::train_file(dir);
  const std::string bpe = dir.path() / "bpe";
  const Outcome o = solo_program(dir, {"tokenizer-train", "--input", dir.path() / "a.txt", data,
                                       "--vocab-size", "265", "--output", bpe, "--json"});
  INFO(o.err);
  REQUIRE(o.status == 0);
  CHECK(o.err.empty());
  CHECK(o.json() == Json({{"vocab_size", 265}, {"eos_token_id", 264}, {"output", bpe}}));
  const Outcome ids = solo_program(dir, {"tokenize", "--tokenizer", bpe}, "\"<|endoftext|>\"\n");
  CHECK(ids.out == "[264]\n");
}

TEST_CASE("solo tokenizer-train says when the text has too few pairs, and refuses bad input") {
  SOLO_NEEDS_PROGRAM;
  const TempDir dir;
  const std::string text = dir.path() / "a.txt";
  const auto train = [&](const std::vector<std::string>& more) {
    std::vector<std::string> a = {"tokenizer-train", "--output", dir.path() / "bpe"};
    a.insert(a.end(), more.begin(), more.end());
    return solo_program(dir, a);
  };
  std::ofstream(text) << "ab ab\n";
  const Outcome few = train({"--input", text, "--vocab-size", "300"});
  CHECK(few.status == 0);
  CHECK(few.err == "warning: the text has pairs for 258 tokens only, not 300\n");
  std::filesystem::remove_all(dir.path() / "bpe");

  check_error(train({"--input", text}), 2, "--vocab-size");
  check_error(train({"--input", text, "", "--vocab-size", "300"}), 2, "--input");
  check_error(train({"--input", text, "--vocab-size", "256"}), 1, "vocab_size: expected 257");
  check_error(train({"--input", text, "--vocab-size", "300", "--min-frequency", "-1"}), 1,
              "min_frequency");
  check_error(train({"--input", dir.path(), "--vocab-size", "300"}), 1, "expected a regular file");
  std::ofstream(text) << "a\n\xFF\n";
  check_error(train({"--input", text, "--vocab-size", "300"}), 1, "a.txt: line 2");
  CHECK_FALSE(std::filesystem::exists(dir.path() / "bpe"));
}
