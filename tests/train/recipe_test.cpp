// SPDX-License-Identifier: MIT
/// @file
/// Recipe::lora_e2e is the training loop of LoRA's code: runs of tests/golden/recipe, and its
/// parts.
#include <solo/adapters/adapters.hpp>
#include <solo/autograd/lm_loss.hpp>
#include <solo/io/json.hpp>
#include <solo/train/lora_e2e.hpp>

#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/temp_dir.hpp"
#include "train/tiny.hpp"

#include <nlohmann/json.hpp>

#include <cmath>
#include <cstring>
#include <span>

using solo::Index;
using solo::TrainPlan;

namespace {

const solo::Json& golden() {
  static const solo::Json json =
      solo::read_json_file(solo::test::golden_dir() / "recipe/lora-e2e.json");
  return json;
}

solo::Dataset dataset(const solo::Json& list) {
  std::vector<solo::Example> examples;
  for (const solo::Json& pair : list) {
    solo::Example example{.ids = pair.at("context").get<std::vector<int>>()};
    example.context_length = static_cast<Index>(example.ids.size());
    example.labels.assign(example.ids.size(), solo::kIgnoreIndex);
    for (const int id : pair.at("completion").get<std::vector<int>>()) {
      example.ids.push_back(id);
      example.labels.push_back(id);
    }
    examples.push_back(std::move(example));
  }
  return solo::Dataset::from_ids(std::move(examples),
                                 {.max_length = golden().at("seq_len").get<Index>()});
}

solo::TrainerOptions options_of(const solo::Json& spec) {
  solo::TrainerOptions options = solo::lora_e2e_options();
  options.epochs = spec.at("max_epoch").get<double>();
  options.batch_size = spec.at("batch").get<Index>();
  options.gradient_accumulation_steps = spec.at("grad_acc").get<Index>();
  options.learning_rate = spec.at("lr").get<double>();
  options.lr_scheduler = solo::lr_scheduler_from_name(spec.at("scheduler").get<std::string>());
  options.warmup_steps = spec.at("warmup").get<std::int64_t>();
  options.max_grad_norm = spec.at("clip").get<double>();
  options.label_smoothing = spec.at("label_smooth").get<double>();
  options.eval_on_start = true;
  CHECK(options.seed == golden().at("seed").get<std::uint64_t>());
  CHECK(options.eval_batch_size == golden().at("eval_batch").get<Index>());
  CHECK(options.weight_decay == spec.at("weight_decay").get<double>());
  CHECK(options.adam_beta1 == spec.at("beta1").get<double>());
  CHECK(options.adam_beta2 == spec.at("beta2").get<double>());
  CHECK(options.adam_epsilon == spec.at("eps").get<double>());
  return options;
}

/// tiny-gpt2, for LoRA with the A that the golden runs begin with.
template <class T>
solo::GPT2<T> start(const solo::Json& spec) {
  auto model = solo::GPT2<T>::from_pretrained(solo::test::golden_dir() / "tiny-gpt2");
  if (spec.at("method") == "full") return model;
  solo::LoraConfig config = solo::lora_e2e_adapter();
  CHECK(config.r == spec.at("lora_dim").get<Index>());
  CHECK(config.lora_alpha == spec.at("lora_alpha").get<double>());
  config.lora_dropout = 0.0;
  model.add_adapter("a", config);
  const double width = static_cast<double>(model.config().n_embd);
  for (solo::Parameter<T>* p : model.trainable_parameters()) {
    if (solo::tensor_kind(p->name()) != "lora_A") continue;
    for (Index i = 0; i < p->size(); ++i) {
      const double numerator = static_cast<double>(7919 * i % 1009 - 504);
      p->value().data()[i] = static_cast<T>(numerator / 504.0 / std::sqrt(width));
    }
  }
  return model;
}

template <class T>
void follow(const solo::Json& run, double tolerance) {
  CAPTURE(run.at("name").get<std::string>());
  const solo::Json& spec = run.at("options");
  solo::GPT2<T> model = start<T>(spec);
  solo::Trainer trainer(model, options_of(spec));
  std::vector<solo::StepInfo> steps;
  trainer.on_step([&](const solo::StepInfo& info) { steps.push_back(info); });
  const auto result = trainer.train(dataset(golden().at("train")), dataset(golden().at("valid")));
  const auto check = [&](double found, const solo::Json& expected) {
    CHECK(std::abs(found - expected.get<double>()) <= tolerance);
  };
  REQUIRE(steps.size() == run.at("losses").size());
  for (std::size_t i = 0; i < steps.size(); ++i) {
    CAPTURE(i);
    check(steps[i].loss, run.at("losses")[i]);
    check(steps[i].grad_norm, run.at("grad_norms")[i]);
    CHECK(steps[i].learning_rate ==
          Approx(run.at("learning_rates")[i].get<double>()).epsilon(1e-14));
  }
  check(result.initial_eval_loss.value(), run.at("eval_loss_before"));
  check(result.eval_loss.value(), run.at("eval_loss"));
  double squares = 0.0;
  for (const solo::Parameter<T>* p : model.trainable_parameters()) {
    for (const T x : p->value().span()) squares += static_cast<double>(x) * static_cast<double>(x);
  }
  check(std::sqrt(squares), run.at("final_norm"));
}

/// A tiny model with an adapter.
template <class Config>
solo::GPT2<float> tiny_model(const Config& config, int threads = 1) {
  solo::GPT2<float> model(solo::test::learner_config(), {.threads = threads, .seed = 5});
  if constexpr (!std::is_same_v<Config, std::monostate>) model.add_adapter("a", config);
  return model;
}

std::vector<float> trained(solo::GPT2<float>& model) {
  std::vector<float> out;
  for (const solo::Parameter<float>* p : model.trainable_parameters()) {
    out.insert(out.end(), p->value().span().begin(), p->value().span().end());
  }
  return out;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

/// A run of 14 steps over windows that cross the ends of epochs of 4 batches.
solo::TrainerOptions crossing(const std::filesystem::path& folder) {
  solo::TrainerOptions options = solo::lora_e2e_options();
  options.output_dir = folder;
  options.max_steps = 14;
  options.batch_size = 3;
  options.gradient_accumulation_steps = 3;
  options.learning_rate = 1e-2;
  options.warmup_steps = 5;
  options.eval_steps = 4;
  return options;
}

template <class Config>
void check_resume(const Config& config) {
  const solo::test::TempDir dir;
  const auto train = [&](const std::filesystem::path& folder, int threads, int stop, bool resume) {
    solo::GPT2<float> model = tiny_model(config, threads);
    solo::TrainerOptions options = crossing(folder);
    options.resume = resume;
    solo::Trainer trainer(model, options);
    trainer.on_step([stop](const solo::StepInfo& s) { return s.step == stop; });
    trainer.train(solo::test::tiny_data(), solo::test::tiny_data(5, 7));
    return trained(model);
  };
  const std::vector<float> whole = train(dir.path() / "whole", 1, 0, false);
  for (const int stop : {1, 5, 13}) {
    CAPTURE(stop);
    const std::filesystem::path folder = dir.path() / std::to_string(stop);
    CHECK_FALSE(same_bits(train(folder, 1, stop, false), whole));
    CHECK(same_bits(train(folder, 2, 0, true), whole));
    for (const char* file : {"trainer_state.json", "log.jsonl", "training_args.json"}) {
      CHECK(solo::test::read(folder / file) == solo::test::read(dir.path() / "whole" / file));
    }
  }
}

}  // namespace

TEST_CASE("the recipe's losses, rates, norms and weights are those of LoRA's loop", "[recipe]") {
  CHECK(golden().at("runs").size() == 4);
  for (const solo::Json& run : golden().at("runs")) {
    follow<double>(run, 1e-9);
    follow<float>(run, 1e-4);
  }
}

TEST_CASE("a stopped run of the recipe goes on to the bit", "[recipe]") {
  solo::LoraConfig lora = solo::lora_e2e_adapter();
  check_resume(lora);
  check_resume(solo::SoloConfig{.r = 3, .stride = 1, .dropout = 0.1});
  check_resume(std::monostate{});
}

TEST_CASE("a checkpoint of the recipe is of no other run", "[recipe]") {
  const solo::test::TempDir dir;
  const auto run = [&](const auto& change, int stop, bool resume) {
    solo::GPT2<float> model = tiny_model(solo::lora_e2e_adapter());
    solo::TrainerOptions options = crossing(dir.path());
    options.gradient_accumulation_steps = 1;
    options.resume = resume;
    change(options);
    solo::Trainer trainer(model, options);
    trainer.on_step([stop](const solo::StepInfo& s) { return s.step == stop; });
    try {
      trainer.train(solo::test::tiny_data(), solo::test::tiny_data(5, 7));
    } catch (const solo::ConfigError& error) {
      return solo::concat(error.id(), ": ", std::string_view(error.what()));
    }
    return std::string("trained");
  };
  REQUIRE(run([](auto&) {}, 4, false) == "trained");
  const auto plain = run([](auto& o) { o.recipe = solo::Recipe::none; }, 0, true);
  INFO(plain);
  CHECK(plain.starts_with("checkpoint.run: "));
  CHECK(plain.find("recipe: the checkpoint's run has the string 'lora-e2e', this run none") !=
        std::string::npos);
  const auto torch = run([](auto& o) { o.optimizer = solo::AdamWVariant::torch; }, 0, true);
  CHECK(torch.find(
            "optimizer: the checkpoint's run has the string 'adamw_lora_nlg', this run none") !=
        std::string::npos);
  CHECK(run([](auto&) {}, 0, true) == "trained");
}

TEST_CASE("LoRA's schedule counts batches, and windows cross the ends of epochs", "[recipe]") {
  solo::TrainerOptions options = solo::lora_e2e_options();
  const TrainPlan paper(options, 42061);
  CHECK(paper.max_steps == 26290);
  CHECK(paper.schedule_steps == 26290);
  CHECK(paper.schedule_step(1) == 0);
  CHECK(paper.epochs() == 5);
  CHECK(paper.epoch_after(5258) == 1.0);
  options.gradient_accumulation_steps = 4;
  options.batch_size = 2;
  options.epochs = 3;
  const TrainPlan plan(options, 11);  // 6 batches an epoch
  CHECK(plan.schedule_steps == 18);
  CHECK(plan.max_steps == 4);  // two batches are left over
  CHECK(plan.epochs() == 3);
  for (std::int64_t step = 1; step <= 4; ++step) {
    CHECK(plan.window(step).first == 4 * (step - 1));
    CHECK(plan.window(step).count == 4);
    CHECK(plan.schedule_step(step) == 4 * step - 1);
    CHECK(plan.epoch_after(step) == Approx(static_cast<double>(4 * step) / 6.0));
  }
  options.gradient_accumulation_steps = 19;
  try {
    static_cast<void>(TrainPlan(options, 11));
    FAIL("accepted");
  } catch (const solo::ConfigError& error) {
    CHECK(error.id() == "train.options");
    CHECK(std::string(error.what()) ==
          "gradient_accumulation_steps: 19 batches make a step, the run has 18");
  }
  options.gradient_accumulation_steps = 4;
  options.max_steps = 7;
  CHECK(TrainPlan(options, 11).schedule_steps == 28);
  CHECK(TrainPlan(options, 11).epochs() == 5);
  options.max_steps = std::int64_t{1} << 52;
  try {
    static_cast<void>(TrainPlan(options, 11));
    FAIL("accepted");
  } catch (const solo::ConfigError& error) {
    CHECK(error.id() == "train.too_long");
    CHECK(std::string(error.what()) ==
          "max_steps: 4503599627370496 steps of 4 batches cannot be counted");
  }
}

TEST_CASE("the loss of three positions is that of LoRA's code", "[recipe]") {
  // The head is the identity, so the rows are the logits; the mask leaves the first one out.
  solo::Parameter<double> head("head", {4, 4});
  for (Index i = 0; i < 4; ++i) head.value().matrix()(i, i) = 1.0;
  const std::vector<double> rows = {2, 1, 0, -1, 0.5, 0.5, 0.5, 0.5, 0, 3, 0, 0};
  const std::vector<int> targets = {0, 2, 3};
  const auto loss = [&](Index first, Index count, double smoothing, double normalizer) {
    solo::Tape<double> tape;
    tape.begin({.record = false});
    const solo::ConstMatrixView<double> logits(rows.data() + 4 * first, count, 4);
    const std::span<const int> scored(targets.data() + first, static_cast<std::size_t>(count));
    return solo::lm_loss<double>(tape, tape.copy(logits),
                                 {.head = {.weight = &head},
                                  .targets = scored,
                                  .label_smoothing = smoothing,
                                  .normalizer = normalizer})
        .item();
  };
  const auto check = [&](double smoothing, const std::vector<double>& positions, double mean) {
    CAPTURE(smoothing);
    for (Index i = 0; i < 3; ++i) {
      CHECK(std::abs(loss(i, 1, smoothing, 1.0) - positions[static_cast<std::size_t>(i)]) < 1e-6);
    }
    CHECK(std::abs(loss(1, 2, smoothing, solo::lora_denominator(2)) - mean) < 1e-6);
  };
  check(0.1, {0.590190, 1.386294, 3.064206}, 2.225139);
  check(0.0, {0.440190, 1.386294, 3.139206}, 2.262637);
}

TEST_CASE("the loss of a batch has 1e-4 in its denominator, the validation loss is of batches",
          "[recipe]") {
  solo::GPT2<double> model(solo::test::learner_config(), {.threads = 1});
  solo::TrainerOptions options = solo::lora_e2e_options();
  const solo::Dataset data = solo::test::tiny_data(6);
  // Batches of 4 in the order of seed 110: the second has two examples drawn once more.
  solo::LoraOrder order({.examples = 6, .batch_size = 4, .seed = 110});
  double expected = 0.0;
  for (std::int64_t b = 0; b < 2; ++b) {
    const solo::Score score = model.score(data.batch_of(order.batch(0, b)));
    const auto tokens = static_cast<double>(score.tokens);
    expected += 0.5 * score.loss * tokens / (tokens + 1e-4);
  }
  const double found = solo::validation_score(model, data, options).loss;
  CHECK(found == Approx(expected).epsilon(1e-14));
  CHECK(std::abs(found - model.score(data).loss) > 1e-6);
  options.recipe = solo::Recipe::none;
  const double plain = model.score(data, {.batch_size = options.eval_batch_size}).loss;
  CHECK(solo::validation_score(model, data, options).loss == plain);
}

TEST_CASE("LoRA's schedules", "[recipe]") {
  const auto factor = [](solo::LrScheduler kind, std::int64_t k) {
    return solo::LrSchedule{.kind = kind, .warmup_steps = 500, .max_steps = 26290, .lora_nlg = true}
        .factor(k);
  };
  using solo::LrScheduler;
  for (const LrScheduler kind : solo::kLrSchedulers) {
    CHECK(factor(kind, 0) == 0.0);
    CHECK(factor(kind, 250) == 0.5);
  }
  CHECK(factor(LrScheduler::linear, 500) == 1.0);
  CHECK(factor(LrScheduler::linear, 26289) == Approx(1.0 / 25790));
  CHECK(factor(LrScheduler::linear, 30000) == 0.0);
  CHECK(factor(LrScheduler::constant, 26289) == 1.0);
  CHECK(factor(LrScheduler::constant_with_warmup, 26289) == 1.0);
  CHECK(factor(LrScheduler::cosine, 500) ==
        Approx(0.5 * (1.0 + std::cos(std::acos(-1.0) * 500.0 / 26290.0))).epsilon(1e-14));
}

TEST_CASE("names and conflicts of recipes", "[recipe]") {
  CHECK(solo::recipe_from_name("lora-e2e") == solo::Recipe::lora_e2e);
  CHECK(solo::recipe_from_name("none") == solo::Recipe::none);
  try {
    static_cast<void>(solo::recipe_from_name("lora"));
    FAIL("accepted");
  } catch (const solo::ConfigError& error) {
    CHECK(error.id() == "config.value");
    CHECK(std::string(error.what()) == "recipe: expected none or lora-e2e, found 'lora'");
  }
  solo::TrainerOptions options = solo::lora_e2e_options();
  options.validate();
  options.shuffle_by_context = true;
  try {
    options.validate();
    FAIL("accepted");
  } catch (const solo::ConfigError& error) {
    CHECK(error.id() == "train.options");
    CHECK(std::string(error.what()).starts_with("shuffle_by_context: not with a recipe"));
  }
}
