// SPDX-License-Identifier: MIT
#include <solo/adapters/adapters.hpp>
#include <solo/autograd/functions.hpp>

#include "support/catch.hpp"
#include "train/tiny.hpp"

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

using solo::test::all_values;
using solo::test::learner_config;
using solo::test::tiny_data;

TEST_CASE("callbacks come in order: step, log, evaluation", "[train]") {
  solo::GPT2<float> model(learner_config(), {.threads = 1});
  solo::Trainer trainer(model, {.max_steps = 4,
                                .batch_size = 4,
                                .logging_steps = 2,
                                .eval_steps = 3,
                                .eval_on_start = true});
  std::string events;
  trainer.on_step([&](const solo::StepInfo& s) { events += solo::concat("s", s.step, " "); })
      .on_step([&](const solo::StepInfo&) { events += "+ "; })
      .on_log([&](const solo::LogEntry& e) {
        events += solo::concat(e.eval_loss ? "e" : "l", e.step, " ");
      })
      .on_eval([&](const solo::EvalInfo& e) {
        CHECK(e.tokens > 0);
        events += solo::concat("E", e.step, " ");
      });
  const solo::TrainResult result = trainer.train(tiny_data(), tiny_data(3));
  CHECK(events == "e0 E0 s1 + s2 + l2 s3 + e3 E3 s4 + l4 e4 E4 ");
  CHECK(result.initial_eval_loss);
  CHECK(result.eval_loss);
}

TEST_CASE("what is left since the last entry is logged at the end", "[train]") {
  solo::GPT2<float> model(learner_config(), {.threads = 1});
  solo::Trainer trainer(model, {.max_steps = 5, .batch_size = 4, .logging_steps = 2});
  std::vector<solo::LogEntry> logs;
  double sum = 0.0;
  solo::Index tokens = 0;
  trainer.on_log([&](const solo::LogEntry& e) { logs.push_back(e); });
  trainer.on_step([&](const solo::StepInfo& s) {
    if (s.step > 2 && s.step < 5) {
      sum += s.loss * static_cast<double>(s.scored_tokens);
      tokens += s.scored_tokens;
    }
  });
  trainer.train(tiny_data());
  REQUIRE(logs.size() == 3);
  CHECK(logs[0].step == 2);
  CHECK(logs[2].step == 5);
  REQUIRE(logs[1].loss);
  CHECK(*logs[1].loss == Approx(sum / static_cast<double>(tokens)).epsilon(1e-14));
  CHECK(logs[1].epoch == Approx(4.0 / 3.0).epsilon(1e-15));
}

TEST_CASE("a callback that returns true stops the run after the step", "[train]") {
  solo::GPT2<float> model(learner_config(), {.threads = 1});
  solo::Trainer trainer(model, {.max_steps = 9, .batch_size = 4});
  int later = 0;
  trainer.on_step([](const solo::StepInfo& s) { return s.step == 3; });
  trainer.on_step([&](const solo::StepInfo&) { ++later; });
  const solo::TrainResult result = trainer.train(tiny_data(), tiny_data(3));
  CHECK(result.stopped);
  CHECK(result.steps == 3);
  CHECK(later == 3);
  CHECK_FALSE(result.eval_loss);

  // The stop ended that run, not the next one, and the last step is not a stop.
  solo::Trainer again(model, {.max_steps = 2, .batch_size = 4});
  again.on_step([](const solo::StepInfo& s) { return s.step == 2; });
  CHECK_FALSE(again.train(tiny_data()).stopped);
  CHECK_FALSE(again.train(tiny_data()).stopped);
}

TEST_CASE("request_stop from another thread ends the run, the step being whole", "[train]") {
  solo::GPT2<float> model(learner_config(), {.threads = 1});
  solo::Trainer trainer(model, {.max_steps = 1000000, .batch_size = 4});
  std::thread other;
  std::int64_t seen = 0;
  trainer.on_step([&](const solo::StepInfo& s) {
    seen = s.step;
    if (s.step == 2) other = std::thread([&] { trainer.request_stop(); });
  });
  const solo::TrainResult result = trainer.train(tiny_data());
  other.join();
  CHECK(result.stopped);
  CHECK(result.steps == seen);
  CHECK(result.steps >= 2);

  trainer.request_stop();
  const std::vector<float> before = all_values(model);
  const solo::TrainResult none = trainer.train(tiny_data());
  CHECK(none.steps == 0);
  CHECK(none.stopped);
  CHECK_FALSE(none.train_loss);
  CHECK_FALSE(none.examples_per_second);
  CHECK(all_values(model) == before);
}

TEST_CASE("an exception from a callback leaves train", "[train]") {
  solo::GPT2<float> model(learner_config(), {.threads = 1});
  solo::Trainer trainer(model, {.max_steps = 5, .batch_size = 4});
  trainer.on_step([](const solo::StepInfo& s) {
    if (s.step == 2) throw std::runtime_error("mine");
  });
  CHECK_THROWS_WITH(trainer.train(tiny_data()), "mine");
}

namespace {

/// h_2 += a ⊙ h_1, with a schedule that it notes.
struct Scaled final : solo::BlockAdapter<float> {
  solo::Parameter<float> a;
  std::vector<double>& seen;
  Scaled(const solo::GPT2Config& c, std::vector<double>& list) : a("a", {c.n_embd}), seen(list) {}
  std::vector<solo::Link> links() const override { return {{1, 2}}; }
  std::vector<solo::Parameter<float>*> parameters() override { return {&a}; }
  double homotopy(std::int64_t step) const override { return static_cast<double>(step) / 8.0; }
  solo::Var<float> delta(solo::Tape<float>& tape, solo::Link, solo::Var<float> h) override {
    if (tape.pass().record) seen.push_back(tape.pass().homotopy);
    return solo::mul(tape, h, a);
  }
};

}  // namespace

TEST_CASE("only the active adapter trains, and its schedule counts optimizer steps", "[train]") {
  solo::GPT2<float> model(learner_config(), {.threads = 1});
  std::vector<double> first;
  std::vector<double> second;
  model.add_adapter("idle", std::make_unique<Scaled>(model.config(), first));
  auto& active = dynamic_cast<Scaled&>(
      model.add_adapter("active", std::make_unique<Scaled>(model.config(), second)));
  const std::vector<float> base = all_values(model);
  solo::Trainer trainer(model, {.max_steps = 3,
                                .batch_size = 4,
                                .gradient_accumulation_steps = 2,
                                .lr_multipliers = {{"a", 2.0}}});
  const solo::TrainResult result = trainer.train(tiny_data());
  CHECK(result.trainable == 8);
  CHECK(first.empty());
  // Three batches an epoch: windows of 2, 1, 2 batches.
  CHECK(second == std::vector<double>{1.0 / 8, 1.0 / 8, 2.0 / 8, 3.0 / 8, 3.0 / 8});
  CHECK(all_values(model) == base);
  CHECK(active.a.value().span()[0] != 0.0F);
  for (const solo::Parameter<float>* p : model.parameters()) CHECK_FALSE(p->has_grad());
  CHECK(model.adapter("idle").parameters()[0]->value().span()[0] == 0.0F);
  CHECK_FALSE(model.adapter("idle").parameters()[0]->has_grad());
}

TEST_CASE("a callback cannot change the adapters of the training", "[train]") {
  solo::GPT2<float> model(learner_config(), {.threads = 1});
  model.add_adapter("b", solo::LoraConfig{.r = 1});
  model.add_adapter("a", solo::LoraConfig{.r = 1});
  using Model = solo::GPT2<float>;
  using Call = void (*)(Model&);
  const std::vector<Call> calls = {[](Model& m) { m.set_adapter("b"); },
                                   [](Model& m) { m.delete_adapter("a"); },
                                   [](Model& m) { m.delete_adapter("b"); },
                                   [](Model& m) { m.add_adapter("c", solo::LoraConfig{.r = 1}); },
                                   [](Model& m) { m.load_adapter("c", "none"); },
                                   [](Model& m) { m.merge_adapter("a"); },
                                   [](Model& m) { m.unmerge_adapter("a"); },
                                   [](Model& m) { m.disable_adapters(); },
                                   [](Model& m) { m.enable_adapters(); }};
  for (const Call call : calls) {
    solo::Trainer trainer(model, {.max_steps = 3, .batch_size = 4, .learning_rate = 0.01});
    trainer.on_step([&](const solo::StepInfo&) { call(model); });
    std::string id = "no error";
    try {
      trainer.train(tiny_data());
    } catch (const solo::ConfigError& error) {
      id = error.id();
    }
    CHECK(id == "adapter.held");
  }
  // Caught in the callback, the training goes on as if nothing had been asked.
  solo::Trainer trainer(model, {.max_steps = 3, .batch_size = 4, .learning_rate = 0.01});
  trainer.on_step([&](const solo::StepInfo&) {
    try {
      model.set_adapter("b");
    } catch (const solo::ConfigError&) {
    }
  });
  CHECK(trainer.train(tiny_data()).steps == 3);
  CHECK(model.active_adapter() == "a");
  model.delete_adapter("a");  // afterwards they may
  model.set_adapter("b");
}

TEST_CASE("callbacks are functions, and come before the training", "[train]") {
  solo::GPT2<float> model(learner_config(), {.threads = 1});
  model.add_adapter("a", solo::LoraConfig{.r = 1});
  solo::Trainer trainer(model, {.max_steps = 3, .batch_size = 4});
  const auto refused = [](const auto& call) {
    try {
      call();
    } catch (const solo::ConfigError& error) {
      return std::string(error.id());
    }
    return std::string("no error");
  };
  using solo::StepInfo;
  CHECK(refused([&] { trainer.on_step(std::function<void(const StepInfo&)>()); }) ==
        "config.value");
  CHECK(refused([&] { trainer.on_step(std::function<bool(const StepInfo&)>()); }) ==
        "config.value");
  void (*none)(const solo::LogEntry&) = nullptr;
  CHECK(refused([&] { trainer.on_log(none); }) == "config.value");
  CHECK(refused([&] { trainer.on_save(std::function<void(solo::AtomicFolder&)>()); }) ==
        "config.value");
  const solo::Dataset data = tiny_data();
  std::vector<std::string> ids;
  const auto add = [&] { trainer.on_step([](const StepInfo&) {}); };
  const auto again = [&] { trainer.train(data); };
  const auto nested = [&] { solo::Trainer(model, {.max_steps = 1}).train(data); };
  const auto moved = [&] { const solo::GPT2<float> taken = std::move(model); };
  const auto replaced = [&] { model = solo::GPT2<float>(learner_config(), {.threads = 1}); };
  const auto resized = [&] { model.resize_token_embeddings(40); };
  trainer.on_step([&](const StepInfo& info) {
    if (info.step != 2) return;
    ids = {refused(add),   refused(again),    refused(nested),
           refused(moved), refused(replaced), refused(resized)};
  });
  CHECK(trainer.train(data).steps == 3);
  CHECK(ids == std::vector<std::string>{"train.running", "train.running", "adapter.held",
                                        "adapter.held", "adapter.held", "adapter.held"});
  add();
  CHECK(trainer.train(data).steps == 3);
}
