// SPDX-License-Identifier: MIT
// Runs that go on otherwise than they began: for longer, or on a base stored in another type.
#include <solo/adapters/adapters.hpp>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "train/tiny.hpp"

using solo::test::learner_config;
using solo::test::tiny_data;

TEST_CASE("a finished run goes on with the schedule of the new number of steps", "[resume]") {
  const solo::test::TempDir dir;
  std::vector<double> rates;
  const auto run = [&](std::int64_t steps, bool resume) {
    solo::GPT2<float> model(learner_config(), {.threads = 1, .seed = 5});
    model.add_adapter("a", solo::LoraConfig{.r = 1});
    solo::Trainer trainer(model, {.output_dir = dir.path(),
                                  .max_steps = steps,
                                  .batch_size = 4,
                                  .learning_rate = 1e-2,
                                  .save_steps = 5,
                                  .resume = resume});
    rates.clear();
    trainer.on_step([&](const solo::StepInfo& s) { rates.push_back(s.learning_rate); });
    return trainer.train(tiny_data());
  };
  run(10, false);
  const solo::TrainResult result = run(20, true);
  CHECK(result.steps == 20);
  REQUIRE(result.resumed);
  CHECK(result.resumed->step == 10);
  REQUIRE(result.resumed->notes.size() == 1);
  CHECK(result.resumed->notes[0].find("was over 10 steps and is now over 20") != std::string::npos);
  REQUIRE(rates.size() == 10);
  for (int i = 0; i < 10; ++i) {
    CHECK(rates[static_cast<std::size_t>(i)] == Approx(1e-2 * (10 - i) / 20.0).epsilon(1e-15));
  }
}

TEST_CASE("a base stored in another type is another run", "[resume]") {
  const solo::test::TempDir dir;
  {
    solo::GPT2<float> rounded(learner_config(), {.threads = 1, .seed = 5});
    rounded.save_pretrained(dir.path() / "base", {.dtype = solo::DType::bfloat16});
  }
  const auto run = [&](solo::DType dtype, bool resume) -> std::string {
    auto model = solo::GPT2<float>::from_pretrained(dir.path() / "base",
                                                    {.threads = 1, .frozen_dtype = dtype});
    model.add_adapter("a", solo::LoraConfig{.r = 1});
    solo::Trainer trainer(model, {.output_dir = dir.path() / "out",
                                  .max_steps = 4,
                                  .batch_size = 4,
                                  .save_steps = 2,
                                  .resume = resume});
    try {
      trainer.train(tiny_data());
      return "no error";
    } catch (const solo::Error& error) {
      return solo::concat(error.id(), ": ", std::string_view(error.what()));
    }
  };
  CHECK(run(solo::DType::float32, false) == "no error");
  const std::string error = run(solo::DType::bfloat16, true);
  CHECK(error.starts_with("checkpoint.run: "));
  CHECK(error.find(": dtype: the checkpoint's run has") != std::string::npos);
  CHECK(error.find("full") != std::string::npos);
  CHECK(error.find("bfloat16") != std::string::npos);
  CHECK(run(solo::DType::float32, true) == "no error");
}
