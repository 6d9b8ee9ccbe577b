// SPDX-License-Identifier: MIT
#include <solo/train/train_plan.hpp>

#include "support/catch.hpp"

using solo::TrainPlan;

TEST_CASE("epochs become steps as in the Hugging Face Trainer", "[train]") {
  // 11 examples in batches of 2: 6 batches; 4 at a time: 2 steps, the second of 2 batches.
  const TrainPlan plan({.epochs = 3, .batch_size = 2, .gradient_accumulation_steps = 4}, 11);
  CHECK(plan.batches_per_epoch == 6);
  CHECK(plan.steps_per_epoch() == 2);
  CHECK(plan.max_steps == 6);
  CHECK(plan.epochs() == 3);
  std::vector<std::pair<std::int64_t, std::int64_t>> windows;
  std::vector<double> epochs;
  for (std::int64_t step = 1; step <= 6; ++step) {
    windows.emplace_back(plan.window(step).first, plan.window(step).count);
    epochs.push_back(plan.epoch_after(step));
  }
  CHECK(windows == std::vector<std::pair<std::int64_t, std::int64_t>>{
                       {0, 4}, {4, 2}, {6, 4}, {10, 2}, {12, 4}, {16, 2}});
  CHECK(epochs == std::vector<double>{4.0 / 6, 1.0, 1.0 + 4.0 / 6, 2.0, 2.0 + 4.0 / 6, 3.0});
  CHECK(plan.epoch_after(0) == 0.0);
}

TEST_CASE("steps of fractions of epochs, and max_steps over epochs", "[train]") {
  const auto steps = [](double epochs, std::int64_t max_steps, solo::Index examples) {
    const TrainPlan plan({.epochs = epochs, .max_steps = max_steps, .batch_size = 4}, examples);
    return std::pair{plan.max_steps, plan.epochs()};
  };
  CHECK(steps(0.5, 0, 10) == std::pair<std::int64_t, std::int64_t>{2, 1});  // ⌈0.5 · 3⌉
  CHECK(steps(1.1, 0, 40) == std::pair<std::int64_t, std::int64_t>{11, 2});
  CHECK(steps(3.0, 5, 40) == std::pair<std::int64_t, std::int64_t>{5, 1});
  CHECK(steps(3.0, 25, 40) == std::pair<std::int64_t, std::int64_t>{25, 3});
  CHECK(steps(2.0, 0, 1) == std::pair<std::int64_t, std::int64_t>{2, 2});
  try {
    static_cast<void>(steps(1e300, 0, 40));
    FAIL("accepted");
  } catch (const solo::ConfigError& error) {
    CHECK(error.id() == "train.too_long");
  }
}

TEST_CASE("an accumulation longer than an epoch stays inside it", "[train]") {
  const TrainPlan plan({.epochs = 2, .batch_size = 4, .gradient_accumulation_steps = 100}, 10);
  CHECK(plan.max_steps == 2);
  CHECK(plan.window(2).first == 3);
  CHECK(plan.window(2).count == 3);
  CHECK(plan.epoch_after(1) == 1.0);
}
