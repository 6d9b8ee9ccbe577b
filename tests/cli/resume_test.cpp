// SPDX-License-Identifier: MIT
// solo train interrupted, killed and resumed, each time in a new process.
#include <solo/train/checkpoint.hpp>

#include "cli/program.hpp"

#include <chrono>
#include <csignal>
#include <thread>

using namespace solo;
using test::check_error;
using test::Outcome;
using test::slurp;
using test::solo_program;

namespace {

constexpr int kSteps = 4000;

/// A folder with a model and data, and the arguments of a training run in it.
struct Setup {
  test::TempDir dir;
  std::string model = test::model_with_tokenizer(dir);
  std::string data = test::train_file(dir);

  [[nodiscard]] std::filesystem::path output(const std::string& name) const {
    return dir.path() / name;
  }
  [[nodiscard]] std::vector<std::string> train(const std::string& name,
                                               std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments = {"train",
                                          "--model",
                                          model,
                                          "--method",
                                          "lora",
                                          "--rank",
                                          "2",
                                          "--dropout",
                                          "0.1",
                                          "--train",
                                          data,
                                          "--output",
                                          output(name),
                                          "--save-steps",
                                          "200",
                                          "--logging-steps",
                                          "50",
                                          "--batch-size",
                                          "2",
                                          "--max-steps",
                                          std::to_string(kSteps),
                                          "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
};

/// Starts the program and sends the signal when the run has a checkpoint.
Outcome interrupted(const Setup& setup, const std::string& name, int signal) {
  std::vector<std::string> arguments = setup.train(name, {"--threads", "1"});
  arguments.insert(arguments.begin(), test::program()->string());
  const pid_t child = test::start_program(setup.dir, std::move(arguments));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (find_checkpoints(setup.output(name)).empty() &&
         std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ::kill(child, signal);
  return test::wait_for_program(setup.dir, child);
}

void flip(const std::filesystem::path& file) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekp(-9, std::ios::end);
  stream.put('\x7f');
}

}  // namespace

TEST_CASE("Ctrl-C saves and says how to go on, and the resumed run ends with the same bytes") {
  SOLO_NEEDS_PROGRAM;
  const Setup setup;
  REQUIRE(solo_program(setup.dir, setup.train("whole")).status == 0);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGKILL}) {
    INFO("signal " << signal);
    const std::string name = "parts" + std::to_string(signal);
    const Outcome stopped = interrupted(setup, name, signal);
    INFO(stopped.err);
    CHECK(stopped.status == 128 + signal);
    if (signal != SIGKILL) {
      const Json result = stopped.json();
      CHECK(result.at("stopped") == true);
      const auto steps = result.at("steps").get<std::int64_t>();
      CHECK(steps < kSteps);
      CHECK(stopped.err.find(concat("stopped after step ", steps, "; to go on: ")) !=
            std::string::npos);
      CHECK(stopped.err.ends_with("--json --threads 1 --resume\n"));
      CHECK(std::filesystem::exists(setup.output(name) / "adapter_model.safetensors"));
      CHECK(result.at("checkpoint") == (setup.output(name) / checkpoint_name(steps)).string());
    }
    const std::string newest = find_checkpoints(setup.output(name)).front().path;
    const Outcome resumed = solo_program(
        setup.dir, setup.train(name, {"--threads", "2", "--resume", setup.output(name)}));
    INFO(resumed.err);
    REQUIRE(resumed.status == 0);
    CHECK(resumed.json().at("resumed_from") == newest);
    CHECK(resumed.json().at("steps") == kSteps);
    for (const char* file : {"adapter_model.safetensors", "trainer_state.json", "log.jsonl",
                             "checkpoint-4000.safetensors", "training_args.json"}) {
      INFO(file);
      CHECK(slurp(setup.output(name) / file) == slurp(setup.output("whole") / file));
    }
  }
}

TEST_CASE("damaged, foreign and missing checkpoints through the program") {
  SOLO_NEEDS_PROGRAM;
  const Setup setup;
  check_error(solo_program(setup.dir, setup.train("out", {"--resume"})), 1,
              "no checkpoint to resume from");
  CHECK_FALSE(std::filesystem::exists(setup.output("out")));
  REQUIRE(solo_program(setup.dir, setup.train("out")).status == 0);
  const auto file = [&](int step) { return setup.output("out") / checkpoint_name(step); };
  check_error(solo_program(setup.dir, setup.train("out")), 1, "checkpoint-4000.safetensors");
  check_error(solo_program(setup.dir, setup.train("out", {"--seed", "-1"})), 2, "--seed");
  check_error(solo_program(setup.dir, setup.train("out", {"--resume", "--seed", "7"})), 1,
              "seed: the checkpoint's run has 42, this run 7");
  check_error(solo_program(setup.dir, setup.train("out", {"--resume", "--batch-size"})), 2, "");

  flip(file(4000));
  const Outcome o = solo_program(setup.dir, setup.train("out", {"--resume", "--quiet"}));
  CHECK(o.status == 0);
  CHECK(o.err.starts_with("warning: skipped "));
  CHECK(o.err.find("checkpoint-4000.safetensors: ") != std::string::npos);
  CHECK(std::count(o.err.begin(), o.err.end(), '\n') == 1);
  CHECK(o.json().at("resumed_from") == file(3800).string());

  for (const int step : {3800, 4000}) flip(file(step));
  check_error(solo_program(setup.dir, setup.train("out", {"--resume"})), 1,
              "none of 2 checkpoints can be loaded");
  check_error(solo_program(setup.dir, setup.train("out", {"--resume", file(3800)})), 1,
              "checkpoint-3800.safetensors");
}

TEST_CASE("early stopping and the best checkpoint through the program") {
  SOLO_NEEDS_PROGRAM;
  const Setup setup;
  const std::string valid = setup.dir.path() / "valid.jsonl";
  std::ofstream(valid) << R"({"prompt": "q", "completion": "zzz other words"})" << '\n';
  const Outcome o = solo_program(
      setup.dir, setup.train("out", {"--valid", valid, "--eval-steps", "10", "--early-stopping",
                                     "2", "--load-best-model-at-end", "--learning-rate", "0.05"}));
  INFO(o.err);
  REQUIRE(o.status == 0);
  const Json result = o.json();
  CHECK(result.at("stopped_early") == true);
  CHECK(result.at("steps").get<int>() < kSteps);
  CHECK(result.at("eval_loss") == result.at("best_eval_loss"));
  const Json state = read_json_file(setup.output("out") / "trainer_state.json");
  CHECK(state.at("best_metric") == result.at("best_eval_loss"));
  CHECK(std::filesystem::exists(state.at("best_model_checkpoint").get<std::string>()));
  check_error(solo_program(setup.dir, setup.train("none", {"--early-stopping", "2"})), 1,
              "early_stopping");
}
