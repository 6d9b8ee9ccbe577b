// SPDX-License-Identifier: MIT
// --config: options from a file.
#include "cli/program.hpp"

using namespace solo;
using test::check_error;
using test::kModel;
using test::Outcome;
using test::solo_program;

namespace {

struct ConfigBench {
  test::TempDir dir;

  /// `solo params --config`, with more options on the command line.
  [[nodiscard]] Outcome params(const std::string& config,
                               const std::vector<std::string>& more = {}) const {
    std::ofstream(dir.path() / "run.json") << config;
    std::vector<std::string> arguments = {"params", "--config", dir.path() / "run.json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return solo_program(dir, arguments);
  }
  /// The options given by the command line alone.
  [[nodiscard]] Outcome given(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "params");
    return solo_program(dir, arguments);
  }
};

}  // namespace

TEST_CASE("a --config file gives every kind of option") {
  SOLO_NEEDS_PROGRAM;
  const ConfigBench bench;
  const Outcome lora = bench.params(
      R"({"model": ")" + kModel +
      R"(", "method": "lora", "rank": 3, "target-modules": ["c_attn", "c_fc"], "dora": true,)"
      R"( "rslora": false, "lora-alpha": 1.5e1, "batch-size": 2, "json": true, "bias": "all"})");
  CHECK(lora.status == 0);
  CHECK(lora.out == bench
                        .given({"--model", kModel, "--method", "lora", "--rank", "3",
                                "--target-modules", "c_attn,c_fc", "--dora", "--lora-alpha", "15",
                                "--batch-size", "2", "--json", "--bias", "all"})
                        .out);
  const Outcome solo =
      bench.params(R"({"size": "gpt2", "method": "solo", "links": ["0-4", "2-6"], "use-e": false,)"
                   R"( "bias": false, "json": true})");
  CHECK(solo.status == 0);
  CHECK(solo.out == bench
                        .given({"--size", "gpt2", "--method", "solo", "--links", "0-4,2-6",
                                "--use-e", "false", "--bias", "false", "--json"})
                        .out);
}

TEST_CASE("the command line wins over --config") {
  SOLO_NEEDS_PROGRAM;
  const ConfigBench bench;
  const std::string config =
      R"({"size": "gpt2", "method": "lora", "rank": 3, "target-modules": ["c_fc"]})";
  const auto same = [&](const std::vector<std::string>& more,
                        const std::vector<std::string>& given) {
    const Outcome o = bench.params(config, more);
    INFO(o.err);
    CHECK(o.status == 0);
    CHECK(o.out == bench.given(given).out);
  };
  same({"--rank", "5", "--target-modules", "c_attn"},
       {"--size", "gpt2", "--method", "lora", "--rank", "5"});
  // An option that excludes the file's: --model instead of its size.
  same({"--model", kModel},
       {"--model", kModel, "--method", "lora", "--rank", "3", "--target-modules", "c_fc"});
  // What is overridden is still checked.
  check_error(bench.params(R"({"rank": "3"})", {"--rank", "4"}), 1, "rank");
}

TEST_CASE("a --config file reaches lists of paths and training") {
  SOLO_NEEDS_PROGRAM;
  const test::TempDir dir;
  const std::string data = test::train_file(dir);
  const std::string output = dir.path() / "out";
  const Json config = {{"model", test::model_with_tokenizer(dir)},
                       {"method", "lora"},
                       {"train", data},
                       {"output", output},
                       {"max-steps", 1},
                       {"learning-rate", 0.001},
                       {"completion-only", false},
                       {"lr-multiplier", {"lora_A=2", "lora_B=0.5"}},
                       {"threads", 1},
                       {"quiet", true}};
  std::ofstream(dir.path() / "run.json") << dump_line(config);
  const Outcome trained = solo_program(dir, {"train", "--config", dir.path() / "run.json"});
  INFO(trained.err);
  CHECK(trained.status == 0);
  const Json args = read_json_file(dir.path() / "out" / "training_args.json");
  CHECK(args.at("learning_rate") == 0.001);
  CHECK(args.at("completion_only") == false);

  std::ofstream(dir.path() / "bpe.json")
      << dump_line({{"input", {data, data}}, {"vocab-size", 260}, {"output", output}});
  CHECK(solo_program(dir, {"tokenizer-train", "--config", dir.path() / "bpe.json"}).status == 0);
}

TEST_CASE("a wrong file of --config is refused by name and key") {
  SOLO_NEEDS_PROGRAM;
  const ConfigBench bench;
  const auto refused = [&](const std::string& config, const std::string& part) {
    INFO(config);
    const Outcome o = bench.params(config, {"--size", "gpt2", "--method", "lora"});
    check_error(o, 1, "run.json");
    check_error(o, 1, part);
  };
  refused("{", "column 1");
  refused("[1]", "expected an object");
  refused(R"({"rnk": 3})", "rnk: params has no such option");
  refused(R"({"learning-rate": 3})", "learning-rate");
  refused(R"({"rank": 3, "rank": 3})", "duplicate key 'rank'");
  refused(R"({"dropout": 0, "lora-dropout": 0})", "lora-dropout");
  refused(R"({"rank": "3"})", "rank: expected an integer, found the string '3'");
  refused(R"({"rank": 3.0})", "rank: expected an integer");
  refused(R"({"rank": {"a": 1}})", "rank: expected an integer, found an object");
  refused(R"({"rank": [3]})", "rank: expected an integer");
  refused(R"({"batch-size": null})", "batch-size: expected an integer, found null");
  refused(R"({"batch-size": 0})", "batch-size");
  refused(R"({"dora": 1})", "dora: expected true or false");
  refused(R"({"use-e": "true"})", "use-e: expected true or false");
  refused(R"({"lora-alpha": "8"})", "lora-alpha: expected a number");
  refused(R"({"target-modules": []})", "target-modules: expected one or more values");
  refused(R"({"target-modules": [["a"]]})", "target-modules: expected a list");
  refused(R"({"dtype": "float"})", "dtype");
  refused(R"({"threads": 5000})", "threads");
  refused(R"({"dtype": "a\u001b[31m"})", "a\\x1b[31m");
  refused(R"({"config": "other.json"})", "config");
  refused(R"({"help": true})", "help");
  check_error(bench.params(R"({"model": ""})", {"--method", "lora"}), 1, "the path is empty");
  // What only the combination of options makes wrong is a usage error.
  check_error(bench.params("{}", {"--size", "gpt2"}), 2, "--method");
  check_error(bench.params(R"({"stride": 2})", {"--size", "gpt2", "--method", "lora"}), 2,
              "--stride");
}
