// SPDX-License-Identifier: MIT
/// @file
/// --recipe lora-e2e and the files of configs/lora-e2e.
#include <solo/core/scalar.hpp>

#include "cli/program.hpp"

using namespace solo;
using test::check_error;
using test::Outcome;
using test::solo_program;

namespace {

/// `context||completion` lines, as LoRA's files have them.
std::string pairs(const test::TempDir& dir, const std::string& name, int count) {
  const std::filesystem::path file = dir.path() / name;
  std::ofstream out(file);
  for (int i = 0; i < count; ++i) out << "name : " << i % 7 << "||It is " << i << " . \n";
  return file.string();
}

struct RecipeBench {
  test::TempDir dir;
  std::string model = test::model_with_tokenizer(dir);
  std::string train_data = pairs(dir, "train.txt", 11);
  std::string valid_data = pairs(dir, "valid.txt", 6);

  [[nodiscard]] Outcome train(const std::string& output, std::vector<std::string> more) const {
    std::vector<std::string> arguments = {
        "train",   "--model",  model,      "--train",           train_data,
        "--valid", valid_data, "--output", dir.path() / output, "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return solo_program(dir, arguments);
  }
  [[nodiscard]] Json args(const std::string& output) const {
    return read_json_file(dir.path() / output / "training_args.json");
  }
};

}  // namespace

TEST_CASE("the recipe lora-e2e sets all that is not said") {
  SOLO_NEEDS_PROGRAM;
  const RecipeBench bench;
  const Outcome o = bench.train("lora", {"--method", "lora", "--recipe", "lora-e2e"});
  INFO(o.err);
  REQUIRE(o.status == 0);
  CHECK(o.json().at("steps") == 10);  // 5 epochs of 2 batches
  CHECK(o.json().at("trainable") == 4 * 4 * 32 * 4);
  const Json args = bench.args("lora");
  const Json expected = {{"recipe", "lora-e2e"},
                         {"epochs", 5.0},
                         {"batch_size", 8},
                         {"gradient_accumulation_steps", 1},
                         {"learning_rate", 2e-4},
                         {"weight_decay", 0.01},
                         {"adam_beta1", 0.9},
                         {"adam_beta2", 0.999},
                         {"adam_epsilon", 1e-6},
                         {"optimizer", "adamw_lora_nlg"},
                         {"lr_scheduler", "linear"},
                         {"warmup_steps", 500},
                         {"max_grad_norm", 0.0},
                         {"label_smoothing", 0.1},
                         {"seed", 110},
                         {"eval_batch_size", 4},
                         {"target_modules", "c_attn.q,c_attn.v"}};
  for (const auto& [key, value] : expected.items()) {
    INFO(key);
    CHECK(args.at(key) == value);
  }
  const Json adapter = read_json_file(bench.dir.path() / "lora" / "adapter_config.json");
  CHECK(adapter.at("r") == 8);  // of both parts
  CHECK(adapter.at("lora_alpha") == 64);
  CHECK(adapter.at("lora_dropout") == 0.1);
}

TEST_CASE("an option given beside the recipe wins, on the command line and in a file") {
  SOLO_NEEDS_PROGRAM;
  const RecipeBench bench;
  const std::string file = bench.dir.path() / "run.json";
  std::ofstream(file) << R"({"recipe": "lora-e2e", "method": "lora", "rank": 2, "warmup-steps": 1,
                             "seed": 3, "optimizer": "adamw"})";
  const Outcome o =
      bench.train("out", {"--config", file, "--rank", "3", "--lora-alpha", "6", "--epochs", "1",
                          "--lr-scheduler", "cosine", "--batch-size", "4"});
  INFO(o.err);
  REQUIRE(o.status == 0);
  CHECK(o.json().at("steps") == 3);
  CHECK(o.json().at("trainable") == 4 * 4 * 32 * 3);
  const Json args = bench.args("out");
  CHECK(args.at("recipe") == "lora-e2e");
  CHECK(args.at("optimizer") == "adamw");
  CHECK(args.at("lr_scheduler") == "cosine");
  CHECK(args.at("warmup_steps") == 1);
  CHECK(args.at("seed") == 3);
  CHECK(args.at("label_smoothing") == 0.1);
  CHECK(read_json_file(bench.dir.path() / "out" / "adapter_config.json").at("lora_alpha") == 12);
}

TEST_CASE("a run of the recipe that was stopped goes on to the same adapter") {
  SOLO_NEEDS_PROGRAM;
  const RecipeBench bench;
  // The schedule needs the number of steps, so the first run ends by its time instead.
  const std::vector<std::string> common = {"--method", "lora",           "--recipe",
                                           "lora-e2e", "--warmup-steps", "2"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), common.begin(), common.end());
    return more;
  };
  REQUIRE(bench.train("whole", with({})).status == 0);
  REQUIRE(bench.train("parts", with({"--save-steps", "4", "--save-total-limit", "0"})).status == 0);
  std::filesystem::remove(bench.dir.path() / "parts" / "adapter_model.safetensors");
  REQUIRE(std::filesystem::exists(bench.dir.path() / "parts" / "checkpoint-4.safetensors"));
  const Outcome again = bench.train(
      "again", with({"--resume", bench.dir.path() / "parts" / "checkpoint-4.safetensors"}));
  INFO(again.err);
  REQUIRE(again.status == 0);
  CHECK(again.json().at("steps") == 10);
  const auto weights = [&](const std::string& folder) {
    return test::slurp(bench.dir.path() / folder / "adapter_model.safetensors");
  };
  CHECK(weights("again") == weights("whole"));
}

TEST_CASE("the program reads every file of configs/lora-e2e, and the parameters are the papers'") {
  SOLO_NEEDS_PROGRAM;
  const RecipeBench bench;
  const std::map<std::string, Index> counts = {
      {"gpt2-lora", 147456},          {"gpt2-solo", 189653},
      {"gpt2-full", 124439808},       {"gpt2-medium-lora", 393216},
      {"gpt2-medium-solo", 259499},   {"gpt2-medium-full", 354823168},
      {"gpt2-large-lora", 737280},    {"gpt2-large-solo", 332417},
      {"gpt2-large-full", 774030080}, {"gpt2-xl-lora", Index{4} * 4 * 1600 * 48},
      {"gpt2-xl-solo", 425303},       {"gpt2-xl-full", 1557611200}};
  std::size_t seen = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(test::source_dir() / "configs" / "lora-e2e")) {
    const std::string name = entry.path().stem();
    INFO(name);
    REQUIRE(counts.count(name) == 1);
    ++seen;
    const Json config = read_json_file(entry.path());
    std::vector<std::string> params = {"params", "--json", "--size",
                                       config.at("model").get<std::string>()};
    for (const char* key : {"recipe", "method", "preset"}) {
      if (!config.contains(key)) continue;
      params.insert(params.end(), {std::string("--") + key, config.at(key).get<std::string>()});
    }
    CHECK(solo_program(bench.dir, params).json().at("trainable") == counts.at(name));
    // On a tiny model, the command line wins over the file's paths.
    const Outcome o = bench.train(name, {"--config", entry.path(), "--max-steps", "1"});
    INFO(o.err);
    REQUIRE(o.status == 0);
    CHECK(o.json().at("steps") == 1);
    CHECK(bench.args(name).at("recipe") == "lora-e2e");
    CHECK(bench.args(name).at("learning_rate") == 2e-4);
    CHECK(bench.args(name).at("method") == config.at("method"));
  }
  CHECK(seen == counts.size());
}

TEST_CASE("recipes are known by name, and not for pretraining") {
  SOLO_NEEDS_PROGRAM;
  const RecipeBench bench;
  check_error(bench.train("out", {"--method", "lora", "--recipe", "lora"}), 2, "--recipe");
  check_error(
      bench.train("out", {"--method", "lora", "--recipe", "lora-e2e", "--shuffle-by-context"}), 1,
      "shuffle_by_context: not with a recipe");
  check_error(bench.train("out", {"--method", "lora", "--equal-init", "yes"}), 2, "--equal-init");
  check_error(solo_program(bench.dir, {"pretrain", "--recipe", "lora-e2e"}), 2, "--recipe");
  CHECK_FALSE(std::filesystem::exists(bench.dir.path() / "out"));
}
