// SPDX-License-Identifier: MIT
// solo train --add-tokens, and what the other commands make of its results.
#include <solo/io/file.hpp>
#include <solo/io/safetensors.hpp>
#include <solo/text/tokenizer.hpp>
#include <solo/train/checkpoint.hpp>

#include "cli/program.hpp"

using namespace solo;
using test::check_error;
using test::Outcome;
using test::slurp;
using test::solo_program;

namespace {

constexpr const char* kRows =
    "base_model.model.transformer.wte.token_adapter.trainable_tokens_delta";

struct Setup {
  test::TempDir dir;
  std::string model = test::model_with_tokenizer(dir);
  std::string data = path("data.jsonl");
  std::string tokens = path("tokens.txt");

  Setup() {
    std::ofstream out(data);
    for (int i = 0; i < 6; ++i) {
      out << R"({"prompt": "<|user|>name : )" << i << R"(", "completion": "<|bot|>It is )" << i
          << R"(."})" << '\n';
    }
    std::ofstream(tokens) << "<|user|>\n<|bot|>\n";
    std::ofstream(path("ids.jsonl")) << R"({"input_ids": [512, 9, 200, 31, 7, 513, 2, 11]})";
  }
  [[nodiscard]] std::string path(const std::string& name) const { return dir.path() / name; }
  [[nodiscard]] Outcome train(const std::string& output,
                              const std::vector<std::string>& more) const {
    std::vector<std::string> arguments = {"train",   "--model",      model,        "--train",
                                          data,      "--output",     path(output), "--max-steps",
                                          "6",       "--batch-size", "2",          "--json",
                                          "--quiet", "--threads",    "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return solo_program(dir, arguments);
  }
  /// LoRA whose rows of the new tokens train.
  [[nodiscard]] Outcome train_rows(const std::string& output,
                                   const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {"--method",
                                          "lora",
                                          "--rank",
                                          "2",
                                          "--dropout",
                                          "0.1",
                                          "--learning-rate",
                                          "0.05",
                                          "--add-tokens",
                                          tokens,
                                          "--trainable-token-indices",
                                          "added"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return train(output, arguments);
  }
  [[nodiscard]] double loss(const std::vector<std::string>& where) const {
    std::vector<std::string> arguments = {"score",  "--input",   path("ids.jsonl"),
                                          "--json", "--threads", "1"};
    arguments.insert(arguments.end(), where.begin(), where.end());
    const Outcome o = solo_program(dir, arguments);
    INFO(o.err);
    REQUIRE(o.status == 0);
    return o.json().at("loss").get<double>();
  }
  /// The result merged scores as with its adapter, and its folder has all that is needed.
  void check_adapter(const std::string& output) const {
    INFO(output);
    const double adapted = loss({"--model", model, "--adapter", path(output)});
    const Outcome merged =
        solo_program(dir, {"merge", "--model", model, "--adapter", path(output), "--output",
                           path(output + "-merged"), "--json", "--quiet", "--threads", "1"});
    INFO(merged.err);
    REQUIRE(merged.status == 0);
    CHECK(loss({"--model", path(output + "-merged")}) == Approx(adapted).epsilon(1e-5));
    check_model(output + "-merged");
    check_generates({"--model", model, "--adapter", path(output)});
  }
  void check_model(const std::string& output) const {
    INFO(output);
    CHECK(read_json_file(dir.path() / output / "config.json").at("vocab_size") == 514);
    const Tokenizer tokenizer = Tokenizer::from_pretrained(dir.path() / output);
    CHECK(tokenizer.encode("<|bot|><|user|>") == std::vector<int>{513, 512});
    check_generates({"--model", path(output)});
  }
  void check_generates(const std::vector<std::string>& where) const {
    std::vector<std::string> arguments = {"generate",         "--prompt", "<|user|>a", "--json",
                                          "--max-new-tokens", "4",        "--threads", "1"};
    arguments.insert(arguments.end(), where.begin(), where.end());
    const Outcome o = solo_program(dir, arguments);
    INFO(o.err);
    CHECK(o.status == 0);
    CHECK(o.err.empty());
  }
};

}  // namespace

TEST_CASE("rows of new tokens train, and every command takes the result", "[cli][new_tokens]") {
  SOLO_NEEDS_PROGRAM;
  const Setup setup;
  const Outcome o = setup.train_rows("rows");
  INFO(o.err);
  REQUIRE(o.status == 0);
  CHECK(o.err.empty());
  const std::filesystem::path folder = setup.path("rows");
  const Json config = read_json_file(folder / "adapter_config.json");
  CHECK(config.at("trainable_token_indices") == Json({512, 513}));
  CHECK(read_json_file(folder / "added_tokens.json") ==
        Json({{"<|bot|>", 513}, {"<|user|>", 512}}));
  const auto file = SafetensorsFile::open(folder / "adapter_model.safetensors");
  CHECK(file.at(kRows).shape == std::vector<Index>{2, 32});
  CHECK(file.find("base_model.model.transformer.wte.weight") == nullptr);
  setup.check_adapter("rows");

  // It trains on, with its own tokenizer.
  const Outcome more = setup.train("more", {"--method", "lora", "--adapter", folder});
  INFO(more.err);
  REQUIRE(more.status == 0);
  CHECK(read_json_file(setup.dir.path() / "more" / "adapter_config.json") == config);
  setup.check_adapter("more");
  CHECK(setup.loss({"--model", setup.model, "--adapter", setup.path("more")}) !=
        setup.loss({"--model", setup.model, "--adapter", folder}));
  // A configuration of other rows is not that of these tensors.
  Json other = config;
  other["trainable_token_indices"] = Json({512, 511});
  write_file_atomically(folder / "adapter_config.json", dump_line(other));
  check_error(solo_program(setup.dir, {"score", "--model", setup.model, "--adapter", folder,
                                       "--input", setup.path("ids.jsonl")}),
              1, "trainable_token_indices");
}

TEST_CASE("resized tables go with an adapter that has no rows", "[cli][new_tokens]") {
  SOLO_NEEDS_PROGRAM;
  const Setup setup;
  const Outcome o =
      setup.train("tables", {"--method", "lora", "--rank", "2", "--add-tokens", setup.tokens});
  REQUIRE(o.status == 0);
  CHECK(o.err.find("--trainable-token-indices added") != std::string::npos);
  const auto file = SafetensorsFile::open(setup.path("tables") + "/adapter_model.safetensors");
  for (const char* const name : {"transformer.wte.weight", "lm_head.weight"}) {
    CHECK(file.at(std::string("base_model.model.") + name).shape == std::vector<Index>{514, 32});
  }
  setup.check_adapter("tables");
  const Outcome saved = setup.train("saved", {"--method", "lora", "--rank", "2", "--add-tokens",
                                              setup.tokens, "--modules-to-save", "wte,lm_head"});
  INFO(saved.err);
  REQUIRE(saved.status == 0);
  CHECK(saved.err.empty());
  setup.check_adapter("saved");
}

TEST_CASE("full fine-tuning with new tokens, and a JSON list of them", "[cli][new_tokens]") {
  SOLO_NEEDS_PROGRAM;
  const Setup setup;
  std::ofstream(setup.tokens) << R"(["<|user|>", "<|bot|>", "<|user|>", "<|endoftext|>"])";
  const Outcome o = setup.train("full", {"--method", "full", "--add-tokens", setup.tokens});
  INFO(o.err);
  REQUIRE(o.status == 0);
  setup.check_model("full");
  CHECK(setup.loss({"--model", setup.path("full")}) > 0.0);
}

TEST_CASE("a resumed run with rows of new tokens writes the same bits", "[cli][new_tokens]") {
  SOLO_NEEDS_PROGRAM;
  const Setup setup;
  for (const std::string dtype : {"float32", "bfloat16"}) {
    INFO(dtype);
    const std::vector<std::string> how = {"--save-steps", "3", "--dtype", dtype};
    const std::string once = "once-" + dtype;
    const std::string again = "again-" + dtype;
    REQUIRE(setup.train_rows(once, how).status == 0);
    const std::filesystem::path to = setup.path(again);
    std::filesystem::create_directories(to);
    std::filesystem::copy_file(setup.dir.path() / once / checkpoint_name(3),
                               to / checkpoint_name(3));
    std::vector<std::string> resumed = how;
    resumed.emplace_back("--resume");
    const Outcome o = setup.train_rows(again, resumed);
    INFO(o.err);
    REQUIRE(o.status == 0);
    CHECK(slurp(to / "adapter_model.safetensors") ==
          slurp(setup.dir.path() / once / "adapter_model.safetensors"));
    CHECK(setup.loss({"--model", setup.model, "--adapter", to, "--dtype", dtype}) > 0.0);
    std::ofstream(setup.tokens) << "<|bot|>\n<|user|>\n";
    check_error(setup.train_rows(again, resumed), 1, "the checkpoint's run has");
    std::ofstream(setup.tokens) << "<|user|>\n<|bot|>\n";
  }
}

TEST_CASE("what cannot be with new tokens is refused by name", "[cli][new_tokens]") {
  SOLO_NEEDS_PROGRAM;
  const Setup setup;
  const std::vector<std::string> lora = {"--method", "lora", "--rank", "2"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), lora.begin(), lora.end());
    return setup.train("out", more);
  };
  check_error(setup.train("out", {"--method", "bitfit", "--add-tokens", setup.tokens}), 2,
              "--add-tokens");
  check_error(with({"--add-tokens", setup.tokens, "--no-special"}), 2, "--no-special");
  check_error(with({"--trainable-token-indices", "added"}), 2, "--add-tokens");
  check_error(with({"--trainable-token-indices", "5,512"}), 1, "id 512");
  check_error(with({"--trainable-token-indices", "5,x"}), 2, "--trainable-token-indices");
  check_error(with({"--target-modules", "wte", "--trainable-token-indices", "5"}), 1,
              "target_modules");
  check_error(setup.train_rows("out", {"--prefix-cache", "memory"}), 1, "prefix");
  std::ofstream(setup.tokens) << "\n";
  check_error(with({"--add-tokens", setup.tokens}), 1, "tokens.txt");
  std::ofstream(setup.tokens) << "[1]";
  check_error(with({"--add-tokens", setup.tokens}), 1, "tokens.txt");
}

TEST_CASE("solo params counts the rows", "[cli][new_tokens]") {
  SOLO_NEEDS_PROGRAM;
  const Setup setup;
  const auto params = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"params", "--model", setup.model, "--method",
                                          "lora",   "--rank",  "2",         "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Outcome o = solo_program(setup.dir, arguments);
    INFO(o.err);
    REQUIRE(o.status == 0);
    return o.json();
  };
  const Json plain = params({});
  const Json rows = params({"--trainable-token-indices", "5,6,7"});
  CHECK(rows.at("trainable").get<int>() == plain.at("trainable").get<int>() + 3 * 32);
  CHECK(rows.at("forecast").at("t_star") == 0);
}
