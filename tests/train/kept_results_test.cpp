// SPDX-License-Identifier: MIT
// What a run that did nothing, or whose result cannot be saved, leaves.
#include <solo/train/checkpoint.hpp>
#include <solo/train/result_files.hpp>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "train/tiny.hpp"

#include <map>

using namespace solo;
using test::learner_config;
using test::tiny_data;

namespace {

using Files = std::map<std::string, std::string>;

Files files_in(const std::filesystem::path& folder) {
  Files files;
  if (!std::filesystem::exists(folder)) return files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    files[entry.path().filename().string()] = test::read(entry.path());
  }
  return files;
}

TrainerOptions options_in(const std::filesystem::path& folder) {
  return {.output_dir = folder,
          .max_steps = 6,
          .batch_size = 4,
          .learning_rate = 1e-2,
          .logging_steps = 1,
          .eval_on_start = true};
}

/// A trainer that saves its model as the program does.
struct Process {
  GPT2<float> model = GPT2<float>(learner_config(), {.threads = 1, .seed = 5});
  Trainer<float> trainer;
  explicit Process(const TrainerOptions& options) : trainer(model, options) {
    trainer.on_save([this](AtomicFolder& files) { model.save_pretrained(files); });
  }
  TrainResult train() { return trainer.train(tiny_data(), tiny_data(4, 7)); }
};

}  // namespace

TEST_CASE("a run that is stopped before its first step leaves the older result", "[train]") {
  const test::TempDir dir;
  const std::filesystem::path folder = dir.path() / "out";
  const auto stopped = [&] {
    Process process(options_in(folder));
    SECTION("by request_stop") {
      process.trainer.request_stop();
    }
    SECTION("by the evaluation's callback") {
      process.trainer.on_eval([](const EvalInfo&) { return true; });
    }
    SECTION("by the log's callback") {
      process.trainer.on_log([](const LogEntry&) { return true; });
    }
    return process.train();
  };
  CHECK(Process(options_in(folder)).train().saved);
  const Files before = files_in(folder);
  REQUIRE(before.contains("model.safetensors"));
  const TrainResult result = stopped();
  CHECK(result.stopped);
  CHECK(result.steps == 0);
  CHECK_FALSE(result.saved);
  CHECK(files_in(folder) == before);
}

TEST_CASE("a run that is stopped before its first step leaves no folder", "[train]") {
  const test::TempDir dir;
  Process process(options_in(dir.path() / "new"));
  process.trainer.on_eval([](const EvalInfo&) { return true; });
  CHECK_FALSE(process.train().saved);
  CHECK_FALSE(std::filesystem::exists(dir.path() / "new"));
}

TEST_CASE("a resumed run that is stopped at once leaves the result", "[train]") {
  const test::TempDir dir;
  TrainerOptions options = options_in(dir.path());
  options.save_steps = 2;
  Process(options).train();
  std::filesystem::remove(dir.path() / checkpoint_name(6));
  const Files before = files_in(dir.path());
  options.resume = true;
  Process process(options);
  process.trainer.on_resume([](const ResumeInfo&) { return true; });
  const TrainResult result = process.train();
  CHECK(result.stopped);
  CHECK(result.steps == 4);
  CHECK_FALSE(result.saved);
  CHECK(files_in(dir.path()) == before);
}

TEST_CASE("the log has the evaluation of before the first step", "[train]") {
  const test::TempDir dir;
  Process(options_in(dir.path())).train();
  const std::vector<std::string> log = test::lines(dir.path() / "log.jsonl");
  REQUIRE(log.size() == 8);
  CHECK(log[0].find("\"eval_loss\"") != std::string::npos);
  CHECK(log[0].find("\"step\":0") != std::string::npos);
}

TEST_CASE("a folder that cannot take the result is told before the first step", "[train]") {
  for (const std::string name :
       {"model.safetensors", "config.json", "vocab.json", "adapter_config.json", "report.md",
        "log.jsonl", "links.jsonl", "training_args.json", "trainer_state.json",
        "checkpoint-6.safetensors"}) {
    INFO(name);
    CHECK(is_result_name(name));
    const test::TempDir dir;
    std::filesystem::create_directory(dir.path() / name);
    Process process(options_in(dir.path()));
    bool began = false;
    process.trainer.on_eval([&](const EvalInfo&) { began = true; });
    try {
      process.train();
      FAIL("accepted");
    } catch (const IoError& error) {
      CHECK(error.id() == "io.not_regular");
      CHECK(std::string(error.what()).find((dir.path() / name).string()) != std::string::npos);
    }
    CHECK_FALSE(began);
    CHECK(files_in(dir.path()).size() == 1);
  }
  const test::TempDir dir;
  std::filesystem::create_directory(dir.path() / "mine.json");  // is nobody's business
  CHECK(Process(options_in(dir.path())).train().saved);
  CHECK_FALSE(is_result_name("train.jsonl"));
}

TEST_CASE("a result that cannot be saved is kept in a checkpoint", "[train]") {
  const test::TempDir dir;
  Process(options_in(dir.path() / "whole")).train();
  TrainerOptions options = options_in(dir.path() / "out");
  const std::filesystem::path obstacle = options.output_dir / "config.json";
  const std::string kept = (options.output_dir / checkpoint_name(6)).string();
  {
    Process process(options);
    process.trainer.on_step([&](const StepInfo& info) {
      if (info.step == 6) std::filesystem::create_directory(obstacle);
    });
    try {
      process.train();
      FAIL("accepted");
    } catch (const IoError& error) {
      const std::string message = error.what();
      CHECK(message.find(obstacle.string()) != std::string::npos);
      CHECK(message.find(kept) != std::string::npos);
      CHECK(message.find("resume") != std::string::npos);
    }
  }
  CHECK(std::filesystem::exists(kept));
  std::filesystem::remove(obstacle);
  options.resume = true;
  Process process(options);
  int steps = 0;
  process.trainer.on_step([&](const StepInfo&) { ++steps; });
  CHECK(process.train().saved);
  CHECK(steps == 0);
  for (const char* const name : {"model.safetensors", "trainer_state.json", "log.jsonl"}) {
    INFO(name);
    CHECK(test::read(options.output_dir / name) == test::read(dir.path() / "whole" / name));
  }
}

TEST_CASE("whatever hinders saving, the checkpoint is kept", "[train]") {
  const test::TempDir dir;
  Process process(options_in(dir.path()));
  process.trainer.on_save([](AtomicFolder&) { throw std::runtime_error("mine"); });
  CHECK_THROWS_WITH(process.train(), "mine");
  CHECK(std::filesystem::exists(dir.path() / checkpoint_name(6)));
}
