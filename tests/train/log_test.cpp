// SPDX-License-Identifier: MIT
#include <solo/io/json.hpp>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "train/tiny.hpp"

#include <nlohmann/json.hpp>

using solo::test::learner_config;
using solo::test::tiny_data;

TEST_CASE("a run leaves trainer_state.json, log.jsonl and training_args.json", "[train]") {
  const solo::test::TempDir dir;
  const std::filesystem::path out = dir.path() / "a" / "b";
  solo::GPT2<float> model(learner_config(), {.threads = 1});
  solo::Trainer trainer(model, {.output_dir = out,
                                .epochs = 2,
                                .batch_size = 4,
                                .learning_rate = 1e-3,
                                .lr_multipliers = {{"wte", 0.5}},
                                .logging_steps = 2,
                                .eval_steps = 4,
                                .extra_args = R"({"separator": "eos", "method": "full"})"});
  std::vector<solo::StepInfo> steps;
  double eval = 0.0;
  trainer.on_step([&](const solo::StepInfo& s) {
    steps.push_back(s);
    if (s.step == 3) CHECK(solo::test::lines(out / "log.jsonl").size() == 1);  // flushed
  });
  trainer.on_eval([&](const solo::EvalInfo& e) { eval = e.eval_loss; });
  const solo::TrainResult result = trainer.train(tiny_data(), tiny_data(4, 7));
  REQUIRE(steps.size() == 6);

  const solo::Json state = solo::read_json_file(out / "trainer_state.json");
  CHECK(state.at("global_step") == 6);
  CHECK(state.at("max_steps") == 6);
  CHECK(state.at("num_train_epochs") == 2);
  CHECK(state.at("epoch") == 2.0);
  CHECK(state.at("train_batch_size") == 4);
  CHECK(state.at("logging_steps") == 2);
  CHECK(state.at("eval_steps") == 4);
  CHECK(state.at("best_metric").is_null());
  CHECK(state.at("is_world_process_zero") == true);
  solo::Index tokens = 0;
  for (const solo::StepInfo& s : steps) tokens += s.tokens;
  CHECK(state.at("num_input_tokens_seen") == tokens);

  const solo::Json& history = state.at("log_history");
  REQUIRE(history.size() == 5);  // steps 2, 4, evaluation 4, 6, evaluation 6
  const auto mean = [&](std::size_t a, std::size_t b) {
    const double sum = steps[a].loss * static_cast<double>(steps[a].scored_tokens) +
                       steps[b].loss * static_cast<double>(steps[b].scored_tokens);
    return sum / static_cast<double>(steps[a].scored_tokens + steps[b].scored_tokens);
  };
  CHECK(history[0].size() == 5);
  CHECK(history[0].at("step") == 2);
  CHECK(history[0].at("epoch").get<double>() == 2.0 / 3.0);
  CHECK(history[0].at("loss").get<double>() == Approx(mean(0, 1)).epsilon(1e-14));
  CHECK(history[0].at("learning_rate").get<double>() == steps[1].learning_rate);
  CHECK(history[0].at("grad_norm").get<double>() == steps[1].grad_norm);
  CHECK(history[1].at("loss").get<double>() == Approx(mean(2, 3)).epsilon(1e-14));
  CHECK(history[2].size() == 3);
  CHECK(history[2].at("step") == 4);
  CHECK(history[4].at("step") == 6);
  CHECK(history[4].at("eval_loss").get<double>() == eval);
  CHECK(history[4].at("eval_loss").get<double>() == *result.eval_loss);

  const std::vector<std::string> lines = solo::test::lines(out / "log.jsonl");
  REQUIRE(lines.size() == history.size());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const solo::Json line = solo::parse_json(lines[i], "log.jsonl");
    for (const auto& [key, value] : history[i].items()) CHECK(line.at(key) == value);
    CHECK(line.size() == history[i].size());
  }
  CHECK(lines[0].starts_with("{\"step\":2,\"epoch\":0.6666666666666666,\"loss\":"));

  const solo::Json args = solo::read_json_file(out / "training_args.json");
  CHECK(args.at("epochs") == 2.0);
  CHECK(args.at("batch_size") == 4);
  CHECK(args.at("learning_rate") == 1e-3);
  CHECK(args.at("lr_scheduler") == "linear");
  CHECK(args.at("lr_multipliers").at("wte") == 0.5);
  CHECK(args.at("seed") == 42);
  CHECK(args.at("separator") == "eos");
  CHECK(args.at("method") == "full");
  CHECK_FALSE(args.contains("output_dir"));

  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(out))
    files += entry.exists() ? 1 : 0;
  CHECK(files == 3);
}

TEST_CASE("two runs into one folder: the second replaces the first", "[train]") {
  const solo::test::TempDir dir;
  solo::GPT2<float> model(learner_config(), {.threads = 1});
  for (const int steps : {6, 2}) {
    solo::Trainer trainer(model,
                          {.output_dir = dir.path(), .max_steps = steps, .logging_steps = 1});
    trainer.train(tiny_data());
  }
  CHECK(solo::test::lines(dir.path() / "log.jsonl").size() == 2);
  CHECK(solo::read_json_file(dir.path() / "trainer_state.json").at("global_step") == 2);
}

TEST_CASE("extra_args must be an object of other names", "[train]") {
  const auto refused = [](const char* text) {
    try {
      static_cast<void>(solo::training_args_json({.extra_args = text}));
    } catch (const solo::Error& error) {
      return std::string(error.id());
    }
    return std::string("accepted");
  };
  CHECK(refused(R"({"method": "lora"})") == "accepted");
  CHECK(refused(R"(["method"])") == "json.type");
  CHECK(refused(R"({"seed": 3})") == "train.extra_args");
  CHECK(refused("{").starts_with("json."));
}
