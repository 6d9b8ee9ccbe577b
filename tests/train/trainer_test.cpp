// SPDX-License-Identifier: MIT
#include <solo/optim/adamw.hpp>
#include <solo/optim/clip.hpp>

#include "support/catch.hpp"
#include "train/tiny.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

using solo::test::all_values;
using solo::test::learner_config;
using solo::test::tiny_data;

namespace {

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

/// Weights and losses of a run on a fresh model.
template <class T>
struct Outcome {
  std::vector<T> weights;
  std::vector<double> losses;
};
template <class T>
Outcome<T> train(const solo::TrainerOptions& options, int threads = 1) {
  solo::GPT2<T> model(learner_config(), {.threads = threads, .seed = 5});
  solo::Trainer trainer(model, options);
  Outcome<T> out;
  trainer.on_step([&](const solo::StepInfo& s) { out.losses.push_back(s.loss); });
  trainer.train(tiny_data());
  out.weights = all_values(model);
  return out;
}

}  // namespace

TEST_CASE("training learns a tiny task, and what it reports is true", "[train]") {
  solo::GPT2<float> model(learner_config(), {.threads = 1});
  const solo::Dataset data = tiny_data();
  const double before = model.score(data).loss;
  solo::Trainer trainer(model, {.epochs = 40, .batch_size = 4, .learning_rate = 1e-2});
  const solo::TrainResult result = trainer.train(data, data);
  CHECK(result.steps == 120);
  CHECK(result.epochs == 40.0);
  CHECK_FALSE(result.stopped);
  CHECK(before == Approx(std::log(23.0)).epsilon(0.05));
  REQUIRE(result.eval_loss);
  CHECK(*result.eval_loss < 0.3 * before);
  CHECK(*result.eval_loss == model.score(data).loss);
  REQUIRE(result.train_loss);
  CHECK(*result.train_loss < before);
  CHECK(*result.train_loss > *result.eval_loss);
  CHECK_FALSE(result.initial_eval_loss);
  REQUIRE(result.examples_per_second);
  REQUIRE(result.tokens_per_second);
  CHECK(*result.tokens_per_second > 4.0 * *result.examples_per_second);
  CHECK(result.trainable == model.parameter_count());
  CHECK(result.peak_rss_bytes > (1 << 20));
}

TEST_CASE("the trainer is the loop that one would write", "[train]") {
  const solo::Dataset data = tiny_data();
  solo::GPT2<float> expected(learner_config(), {.threads = 1});
  {
    solo::AdamW<float> optimizer(expected.trainable_parameters(), {.learning_rate = 3e-3});
    solo::Tape<float> tape;
    for (int step = 0; step < 7; ++step) {
      const solo::Batch batch = data.batch({.seed = 9, .step = step, .size = 4});
      const solo::Var<float> loss = expected.loss(tape, batch, {.label_smoothing = 0.1});
      tape.backward(loss);
      solo::clip_grad_norm(expected.trainable_parameters(), 0.5);
      optimizer.step();
      optimizer.zero_grad();
    }
  }
  solo::GPT2<float> model(learner_config(), {.threads = 1});
  solo::Trainer trainer(model, {.max_steps = 7,
                                .batch_size = 4,
                                .learning_rate = 3e-3,
                                .lr_scheduler = solo::LrScheduler::constant,
                                .max_grad_norm = 0.5,
                                .label_smoothing = 0.1,
                                .seed = 9});
  trainer.train(data);
  CHECK(same_bits(all_values(model), all_values(expected)));
}

TEST_CASE("accumulated batches are one large batch, by tokens", "[train]") {
  const auto options = [](solo::Index size, solo::Index accumulation) {
    return solo::TrainerOptions{.max_steps = 6,
                                .batch_size = size,
                                .gradient_accumulation_steps = accumulation,
                                .learning_rate = 1e-3,
                                .label_smoothing = 0.2,
                                .shuffle = false};
  };
  const Outcome<double> large = train<double>(options(11, 1));
  for (const auto& [size, accumulation] : {std::pair{4, 3}, std::pair{1, 11}, std::pair{2, 100}}) {
    const Outcome<double> parts = train<double>(options(size, accumulation));
    REQUIRE(parts.losses.size() == 6);
    for (std::size_t i = 0; i < 6; ++i)
      CHECK(parts.losses[i] == Approx(large.losses[i]).epsilon(1e-12));
    double worst = 0.0;
    for (std::size_t i = 0; i < large.weights.size(); ++i) {
      worst = std::max(worst, std::abs(parts.weights[i] - large.weights[i]));
    }
    CHECK(worst < 1e-9);
  }
}

TEST_CASE("the bits depend on the seed and not on threads or luck", "[train]") {
  const auto run = [](std::uint64_t seed, int threads) {
    return train<float>({.max_steps = 10,
                         .batch_size = 3,
                         .gradient_accumulation_steps = 2,
                         .learning_rate = 1e-3,
                         .weight_decay = 0.1,
                         .seed = seed,
                         .model_dropout = true},
                        threads);
  };
  const Outcome<float> one = run(42, 1);
  const Outcome<float> again = run(42, 1);
  const Outcome<float> two = run(42, 2);
  const Outcome<float> other = run(43, 1);
  CHECK(same_bits(one.weights, again.weights));
  CHECK(same_bits(one.weights, two.weights));
  CHECK(one.losses == two.losses);
  CHECK_FALSE(same_bits(one.weights, other.weights));
}

TEST_CASE("options change what they say", "[train]") {
  const solo::TrainerOptions plain{.max_steps = 5, .batch_size = 4, .learning_rate = 1e-3};
  const Outcome<float> base = train<float>(plain);
  const auto differs = [&](auto change) {
    solo::TrainerOptions options = plain;
    change(options);
    return !same_bits(train<float>(options).weights, base.weights);
  };
  CHECK_FALSE(differs([](auto&) {}));
  CHECK(differs([](auto& o) { o.learning_rate = 2e-3; }));
  CHECK(differs([](auto& o) { o.weight_decay = 0.5; }));
  CHECK(differs([](auto& o) { o.adam_beta1 = 0.8; }));
  CHECK(differs([](auto& o) { o.adam_beta2 = 0.9; }));
  CHECK(differs([](auto& o) { o.adam_epsilon = 1e-3; }));
  CHECK(differs([](auto& o) { o.optimizer = solo::AdamWVariant::lora_nlg; }));
  CHECK(differs([](auto& o) { o.recipe = solo::Recipe::lora_e2e; }));
  CHECK(differs([](auto& o) { o.lr_scheduler = solo::LrScheduler::cosine; }));
  CHECK(differs([](auto& o) { o.warmup_steps = 2; }));
  CHECK(differs([](auto& o) { o.max_grad_norm = 1e-6; }));
  CHECK(differs([](auto& o) { o.label_smoothing = 0.1; }));
  CHECK(differs([](auto& o) { o.lr_multipliers = {{"wte", 2.0}}; }));
  CHECK(differs([](auto& o) { o.seed = 1; }));
  CHECK(differs([](auto& o) { o.shuffle = false; }));
  CHECK(differs([](auto& o) { o.model_dropout = true; }));
  CHECK(differs([](auto& o) { o.gradient_accumulation_steps = 2; }));
  CHECK_FALSE(differs([](auto& o) { o.eval_batch_size = 2; }));
  CHECK_FALSE(differs([](auto& o) { o.logging_steps = 1; }));
}

TEST_CASE("the rate of a step is the schedule's of the step before", "[train]") {
  solo::GPT2<float> model(learner_config(), {.threads = 1});
  const std::vector<float> start = all_values(model);
  std::vector<double> rates;
  bool unchanged_after_first = false;
  solo::Trainer trainer(model, {.max_steps = 6,
                                .batch_size = 4,
                                .learning_rate = 1e-2,
                                .weight_decay = 0.1,
                                .warmup_steps = 2});
  trainer.on_step([&](const solo::StepInfo& s) {
    rates.push_back(s.learning_rate);
    if (s.step == 1) unchanged_after_first = same_bits(all_values(model), start);
  });
  trainer.train(tiny_data());
  CHECK(rates == std::vector<double>{0.0, 1e-2 * 0.5, 1e-2, 1e-2 * 0.75, 1e-2 * 0.5, 1e-2 * 0.25});
  CHECK(unchanged_after_first);
  CHECK_FALSE(same_bits(all_values(model), start));
}

TEST_CASE("the norm is reported before clipping, with clipping on and off", "[train]") {
  const auto norms = [](double max_grad_norm) {
    solo::GPT2<double> model(learner_config(), {.threads = 1});
    solo::Trainer trainer(model, {.max_steps = 1, .max_grad_norm = max_grad_norm});
    double norm = 0.0;
    trainer.on_step([&](const solo::StepInfo& s) { norm = s.grad_norm; });
    trainer.train(tiny_data());
    return norm;
  };
  CHECK(norms(0.0) > 1e-3);
  CHECK(norms(1e-3) == norms(0.0));
}

TEST_CASE("a step without any label changes nothing and has no loss", "[train]") {
  std::vector<solo::Example> examples;
  for (int i = 0; i < 4; ++i) {
    solo::Example example{.ids = {1, 2, 3, 4 + i}, .labels = {1, 2, 3, 4 + i}};
    if (i == 1) example.labels.assign(4, solo::kIgnoreIndex);
    examples.push_back(std::move(example));
  }
  const solo::Dataset data = solo::Dataset::from_ids(std::move(examples));
  solo::GPT2<float> model(learner_config(), {.threads = 1});
  solo::Trainer trainer(model,
                        {.epochs = 1, .batch_size = 1, .shuffle = false, .logging_steps = 1});
  std::vector<float> weights;
  std::vector<solo::LogEntry> logs;
  trainer.on_log([&](const solo::LogEntry& entry) { logs.push_back(entry); });
  trainer.on_step([&](const solo::StepInfo& s) {
    if (s.step == 2) {
      CHECK(std::isnan(s.loss));
      CHECK(s.scored_tokens == 0);
      CHECK(same_bits(weights, all_values(model)));
    } else {
      CHECK(s.scored_tokens == 3);
      CHECK_FALSE(same_bits(weights, all_values(model)));
    }
    weights = all_values(model);
  });
  const solo::TrainResult result = trainer.train(data);
  CHECK(result.steps == 4);
  REQUIRE(logs.size() == 4);
  CHECK(logs[0].loss);
  CHECK_FALSE(logs[1].loss);
  CHECK(logs[2].loss);
}
