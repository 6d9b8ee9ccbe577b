// SPDX-License-Identifier: MIT
// links.jsonl: its lines, and that a run writes the same ones in one go or in parts.
#include <solo/adapters/adapters.hpp>
#include <solo/train/link_log.hpp>

#include "support/bad_input.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "train/tiny.hpp"

#include <nlohmann/json.hpp>

#include <stdexcept>

using namespace solo;
using test::check_throws;
using test::learner_config;
using test::lines;
using test::read;
using test::tiny_data;

namespace {

struct Process {
  GPT2<float> model{learner_config(), {.threads = 1, .seed = 5}};
  Trainer<float> trainer;
  explicit Process(const TrainerOptions& options) : trainer(adapted(model), options) {}
  static GPT2<float>& adapted(GPT2<float>& model) {
    model.add_adapter("a", SoloConfig{.r = 3, .stride = 1, .dropout = 0.2});
    return model;
  }
  TrainResult train() { return trainer.train(tiny_data(), tiny_data(4, 7)); }
};

TrainerOptions options_in(const std::filesystem::path& folder) {
  return {.output_dir = folder,
          .max_steps = 20,
          .batch_size = 2,
          .learning_rate = 1e-2,
          .logging_steps = 5,
          .save_steps = 3};
}

LinkLogOptions every(std::int64_t steps) {
  const std::vector<Index> numbers = {0, 1, 2};
  return {.batch = tiny_data().batch_of(numbers, {.keep_last = true}), .steps = steps};
}

std::vector<std::int64_t> steps_in(const std::filesystem::path& file) {
  std::vector<std::int64_t> steps;
  for (const std::string& line : lines(file)) {
    steps.push_back(parse_json(line, "line").at("step").get<std::int64_t>());
  }
  return steps;
}

}  // namespace

TEST_CASE("links.jsonl has a line before the first step, every few steps and at the end") {
  const test::TempDir dir;
  Process plain(options_in(dir.path() / "plain"));
  plain.train();
  Process process(options_in(dir.path() / "logged"));
  LinkLog<float> log(process.trainer, process.model, every(6));
  log.finish(process.train());
  const std::filesystem::path file = dir.path() / "logged" / "links.jsonl";
  CHECK(steps_in(file) == std::vector<std::int64_t>{0, 6, 12, 18, 20});
  const std::vector<LinkStatistics> last = link_statistics(process.model, every(1).batch);
  CHECK(lines(file).back() == to_json_line(20, last));
  const Json line = parse_json(lines(file).back(), "line");
  CHECK(line.size() == 2);
  REQUIRE(line.at("links").size() == last.size());
  const Json& link = line.at("links").at(0);
  CHECK(link.size() == 4);
  CHECK(link.at("source") == last[0].link.src);
  CHECK(link.at("destination") == last[0].link.dst);
  CHECK(link.at("gate") == *last[0].gate);
  CHECK(link.at("ratio") == last[0].delta_norm / last[0].destination_norm);
  CHECK(last[0].delta_norm > 0.0);
  for (const char* name : {"checkpoint-20.safetensors", "log.jsonl", "trainer_state.json"}) {
    INFO(name);
    CHECK(read(dir.path() / "logged" / name) == read(dir.path() / "plain" / name));
  }
}

TEST_CASE("what is no number is null in links.jsonl") {
  const std::vector<LinkStatistics> links = {{.link = {1, 2}}};
  CHECK(parse_json(to_json_line(3, links), "line") ==
        parse_json(R"({"step": 3, "links": [{"source": 1, "destination": 2, "gate": null,
                      "ratio": null}]})",
                   "expected"));
}

TEST_CASE("a run that died or was stopped leaves the links.jsonl of one that was not") {
  const test::TempDir dir;
  {
    Process process(options_in(dir.path() / "whole"));
    LinkLog<float> log(process.trainer, process.model, every(4));
    log.finish(process.train());
  }
  const std::string whole = read(dir.path() / "whole" / "links.jsonl");
  TrainerOptions options = options_in(dir.path() / "parts");
  const std::filesystem::path file = dir.path() / "parts" / "links.jsonl";
  for (const std::int64_t death : {5, 9, 14}) {
    Process process(options);
    LinkLog<float> log(process.trainer, process.model, every(4));
    process.trainer.on_step([&](const StepInfo& info) {
      if (info.step == death) throw std::runtime_error("dies");
    });
    CHECK_THROWS_WITH(process.train(), "dies");
    std::ofstream(file, std::ios::app) << R"({"step": 99, "li)";
    options.resume = true;
  }
  for (const std::int64_t stop : {14, 17, 20}) {
    Process process(options);
    LinkLog<float> log(process.trainer, process.model, every(4));
    process.trainer.on_step([&](const StepInfo& info) { return info.step == stop; });
    log.finish(process.train());
    CHECK(steps_in(file).back() == stop / 4 * 4);
  }
  CHECK(read(file) == whole);
  // What is finished can be asked for again.
  Process process(options);
  LinkLog<float> log(process.trainer, process.model, every(4));
  log.finish(process.train());
  CHECK(read(file) == whole);
}

TEST_CASE("links.jsonl of a run that stops early ends with its last step") {
  const test::TempDir dir;
  for (const bool best : {false, true}) {
    TrainerOptions options = options_in(dir.path() / (best ? "best" : "last"));
    options.max_steps = 1000;
    options.learning_rate = 0.5;
    options.eval_steps = 1;
    options.early_stopping = 2;
    options.load_best_model_at_end = best;
    Process process(options);
    LinkLog<float> log(process.trainer, process.model, every(500));
    const TrainResult result = process.train();
    log.finish(result);
    REQUIRE(result.stopped_early);
    const std::vector<std::int64_t> steps = steps_in(options.output_dir / "links.jsonl");
    CHECK(steps ==
          (best ? std::vector<std::int64_t>{0} : std::vector{std::int64_t{0}, result.steps}));
  }
}

TEST_CASE("link logs that cannot be") {
  Process process({.max_steps = 2});
  check_throws<ConfigError>(
      [&] {
        LinkLog<float>(process.trainer, process.model, every(0));
        return 0;
      },
      "config.range", {"steps: expected at least 1, found 0"});
  process.model.disable_adapters();
  check_throws<ConfigError>(
      [&] {
        LinkLog<float>(process.trainer, process.model, every(1));
        return 0;
      },
      "adapter.links", {});
  const test::TempDir dir;
  TrainerOptions options = options_in(dir.path());
  Process first(options);
  LinkLog<float> log(first.trainer, first.model, every(4));
  log.finish(first.train());
  std::ofstream(dir.path() / "links.jsonl", std::ios::app) << "[1]\n";
  options.resume = true;
  Process second(options);
  LinkLog<float> again(second.trainer, second.model, every(4));
  check_throws<FormatError>([&] { return second.train(); }, "json.type", {"links.jsonl: line 7"});
}
