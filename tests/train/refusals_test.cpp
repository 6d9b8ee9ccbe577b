// SPDX-License-Identifier: MIT
#include <solo/optim/clip.hpp>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "train/tiny.hpp"

#include <cmath>
#include <limits>

using solo::test::all_values;
using solo::test::learner_config;
using solo::test::tiny_data;

namespace {

/// "id: message" of the error that f throws.
template <class E, class F>
std::string error_of(const F& f) {
  try {
    f();
  } catch (const E& error) {
    return solo::concat(error.id(), ": ", std::string_view(error.what()));
  }
  return "no error";
}

std::string option_error(const solo::TrainerOptions& options) {
  return error_of<solo::ConfigError>([&] {
    solo::GPT2<float> model(learner_config(), {.threads = 1});
    const solo::Trainer trainer(model, options);
  });
}

}  // namespace

TEST_CASE("a NaN weight stops the first step with its name, and nothing is written", "[train]") {
  const solo::test::TempDir dir;
  solo::GPT2<float> model(learner_config(), {.threads = 1});
  model.parameter("h.1.mlp.c_fc.weight").value().span()[37] =
      std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> before = all_values(model);
  solo::Trainer trainer(model, {.output_dir = dir.path() / "out", .max_steps = 3});
  const std::string error =
      error_of<solo::NumericError>([&] { trainer.train(tiny_data(), tiny_data()); });
  CHECK(error ==
        "numeric.loss: step 1: the loss is nan; 'h.1.mlp.c_fc.weight' is nan at element 37");
  CHECK_FALSE(std::filesystem::exists(dir.path() / "out"));
  const std::vector<float> after = all_values(model);
  for (std::size_t i = 0; i < before.size(); ++i) {
    CHECK((before[i] == after[i] || std::isnan(before[i])));
  }
  for (solo::Parameter<float>* p : model.parameters()) {
    for (const float g : p->grad().span()) REQUIRE(g == 0.0F);
  }
}

TEST_CASE("a run that diverges keeps the model and the lines before", "[train]") {
  const solo::test::TempDir dir;
  solo::GPT2<float> model(learner_config(), {.threads = 1});
  solo::Trainer trainer(model, {.output_dir = dir.path(),
                                .max_steps = 9,
                                .learning_rate = 1e30,
                                .lr_scheduler = solo::LrScheduler::constant,
                                .logging_steps = 1});
  std::vector<float> last;
  std::int64_t done = 0;
  trainer.on_step([&](const solo::StepInfo& s) {
    CHECK(std::isfinite(s.loss));
    last = all_values(model);
    done = s.step;
  });
  const std::string error = error_of<solo::NumericError>([&] { trainer.train(tiny_data()); });
  CHECK(error.starts_with(solo::concat("numeric.loss: step ", done + 1, ": the loss is nan")));
  CHECK(done >= 1);
  const std::vector<float> now = all_values(model);
  REQUIRE(now.size() == last.size());
  for (std::size_t i = 0; i < now.size(); ++i) {
    CHECK((now[i] == last[i] || (std::isnan(now[i]) && std::isnan(last[i]))));
  }
  const std::vector<std::string> lines = solo::test::lines(dir.path() / "log.jsonl");
  CHECK(static_cast<std::int64_t>(lines.size()) == done);
  CHECK(solo::test::read(dir.path() / "log.jsonl").find("nan") == std::string::npos);
  CHECK_FALSE(std::filesystem::exists(dir.path() / "trainer_state.json"));
}

TEST_CASE("an update that overflows stops the run with the parameter's name", "[train]") {
  const solo::test::TempDir dir;
  solo::GPT2<float> model(learner_config(), {.threads = 1});
  solo::Trainer trainer(model, {.output_dir = dir.path(),
                                .max_steps = 9,
                                .learning_rate = 1e38,
                                .lr_scheduler = solo::LrScheduler::constant,
                                .logging_steps = 1});
  const std::string error = error_of<solo::NumericError>([&] { trainer.train(tiny_data()); });
  CHECK(error.starts_with("numeric.parameter: step 1: '"));
  CHECK(error.find("' is ") != std::string::npos);
  CHECK(error.ends_with(" after the update"));
  CHECK(solo::test::lines(dir.path() / "log.jsonl").empty());
}

TEST_CASE("an epsilon of zero divides by zero, and that is said", "[train]") {
  solo::GPT2<float> model(learner_config(), {.threads = 1});
  solo::Trainer trainer(model, {.max_steps = 3, .adam_epsilon = 0.0});
  // The positions beyond the longest example have no gradient: 0 / (√0 + 0).
  CHECK(error_of<solo::NumericError>([&] {
          trainer.train(tiny_data());
        }).starts_with("numeric.parameter: step 1: 'wpe.weight' is nan at element "));
}

TEST_CASE("a gradient that overflows stops the run before the update", "[train]") {
  const auto refused = [](double max_grad_norm, bool beyond) {
    solo::GPT2<float> model(learner_config(), {.threads = 1});
    model.parameter("ln_f.weight").value().fill(1e30F);
    if (beyond) {  // huge activations, which no weight lets through: the loss stays finite
      model.parameter("h.1.ln_2.weight").value().fill(1e20F);
      model.parameter("h.1.mlp.c_proj.weight").value().fill(0.0F);
    }
    const std::vector<float> before = all_values(model);
    solo::Trainer trainer(model, {.max_steps = 1, .max_grad_norm = max_grad_norm});
    const std::string error = error_of<solo::NumericError>([&] { trainer.train(tiny_data()); });
    if (error != "no error") CHECK(all_values(model) == before);
    return error;
  };
  // Finite gradients whose squares are beyond float: clipped they are harmless.
  CHECK(refused(0.0, false).starts_with("numeric.gradient: step 1: the norm of the gradient is "));
  CHECK(refused(1.0, false) == "no error");
  for (const double max_grad_norm : {0.0, 1.0}) {
    CHECK(
        refused(max_grad_norm, true)
            .starts_with("numeric.gradient: step 1: the gradient of 'h.1.mlp.c_proj.weight' is "));
  }
}

TEST_CASE("a gradient whose square overflows is refused before the update", "[train]") {
  CHECK(
      error_of<solo::NumericError>([] { solo::require_square<float>(2e19, 7); }) ==
      "numeric.gradient: step 7: the norm of the gradient is 2e+19; its square is beyond float32");
  CHECK_NOTHROW(solo::require_square<float>(1e19, 7));
  CHECK_NOTHROW(solo::require_square<double>(2e19, 7));
}

TEST_CASE("a loss that is not finite in evaluation stops the run", "[train]") {
  solo::GPT2<float> model(learner_config(), {.threads = 1});
  model.parameter("ln_f.weight").value().span()[0] = std::numeric_limits<float>::infinity();
  solo::Trainer trainer(model, {.max_steps = 3, .eval_on_start = true});
  const std::string error =
      error_of<solo::NumericError>([&] { trainer.train(tiny_data(), tiny_data()); });
  CHECK(error.starts_with("numeric.loss: evaluation after step 0: "));
}

TEST_CASE("options out of their range are refused by name", "[train]") {
  const double nan = std::nan("");
  const auto range = [](const std::string& rest) { return "config.range: " + rest; };
  const std::string least = ": expected a finite number of at least 0, found ";
  CHECK(option_error({}) == "no error");
  CHECK(option_error({.epochs = 0.0}) ==
        range("epochs: expected a finite number above 0, found 0"));
  CHECK(option_error({.epochs = 0.0, .max_steps = 1}) == "no error");
  CHECK(option_error({.max_steps = -1}) == range("max_steps: expected at least 0, found -1"));
  CHECK(option_error({.batch_size = 0}) == range("batch_size: expected at least 1, found 0"));
  CHECK(option_error({.gradient_accumulation_steps = 0}) ==
        range("gradient_accumulation_steps: expected at least 1, found 0"));
  CHECK(option_error({.learning_rate = nan}) == range("learning_rate" + least + "nan"));
  CHECK(option_error({.weight_decay = -1.0}) == range("weight_decay" + least + "-1"));
  CHECK(option_error({.adam_beta1 = 1.0}) == range("adam_beta1: expected 0 <= x < 1, found 1"));
  CHECK(option_error({.adam_beta2 = -0.5}) == range("adam_beta2: expected 0 <= x < 1, found -0.5"));
  CHECK(option_error({.adam_epsilon = -1.0}) == range("adam_epsilon" + least + "-1"));
  CHECK(option_error({.warmup_steps = -3}) == range("warmup_steps: expected at least 0, found -3"));
  CHECK(option_error({.max_grad_norm = -1.0}) == range("max_grad_norm" + least + "-1"));
  CHECK(option_error({.label_smoothing = 1.0}) ==
        range("label_smoothing: expected 0 <= x < 1, found 1"));
  CHECK(option_error({.lr_multipliers = {{"gate", -2.0}}}) ==
        range("lr_multiplier 'gate'" + least + "-2"));
  CHECK(option_error({.logging_steps = 0}) == range("logging_steps: expected at least 1, found 0"));
  CHECK(option_error({.eval_steps = -1}) == range("eval_steps: expected at least 0, found -1"));
  CHECK(option_error({.eval_batch_size = 0}) ==
        range("eval_batch_size: expected at least 1, found 0"));
}

TEST_CASE("data that the model cannot take are refused before anything happens", "[train]") {
  const solo::test::TempDir dir;
  solo::GPT2<float> model(learner_config(), {.threads = 1});
  solo::Trainer trainer(model, {.output_dir = dir.path() / "out", .max_steps = 3});
  const solo::Dataset good = tiny_data();
  const auto with = [](const solo::Example& last) {
    return solo::Dataset::from_ids({{.ids = {1, 2, 3}, .labels = {1, 2, 3}}, last});
  };
  const auto refused = [&](const solo::Dataset& train, const solo::Dataset& valid) {
    return error_of<solo::Error>([&] { trainer.train(train, valid); });
  };
  const solo::Dataset beyond = with({.ids = {1, 23, 2}, .labels = {1, 23, 2}});
  CHECK(refused(beyond, good) ==
        "ids.range: training data: example 1: expected token ids of 0 to 22, found 23");
  CHECK(refused(good, beyond).starts_with("ids.range: validation data: example 1: "));
  const solo::Dataset last_beyond = with({.ids = {1, 2, 99}, .labels = {1, 2, 99}});
  CHECK(refused(last_beyond, good).ends_with("found 99"));
  solo::Example long_one{.ids = std::vector<int>(40, 1), .labels = std::vector<int>(40, 1)};
  CHECK(refused(with(long_one), good).starts_with("sequence.length: training data: example 1 of "));
  CHECK(refused(with(long_one), good).ends_with(" tokens is longer than n_positions 16"));
  CHECK_FALSE(std::filesystem::exists(dir.path() / "out"));
}

TEST_CASE("nothing to train is an error", "[train]") {
  solo::GPT2<float> model(learner_config(), {.threads = 1});
  for (solo::Parameter<float>* p : model.parameters()) p->set_requires_grad(false);
  solo::Trainer trainer(model, {.max_steps = 3});
  CHECK(error_of<solo::ConfigError>([&] { trainer.train(tiny_data()); }) ==
        "train.nothing: nothing to train: all parameters of the model are frozen (a base of "
        "frozen_dtype bfloat16 is: add an adapter, or load it as float32)");
}

TEST_CASE("a multiplier for tensors that do not train is refused", "[train]") {
  solo::GPT2<float> model(learner_config(), {.threads = 1});
  solo::Trainer trainer(model, {.max_steps = 3, .lr_multipliers = {{"lora_A", 2.0}}});
  CHECK(error_of<solo::ConfigError>([&] { trainer.train(tiny_data()); }) ==
        "optim.multiplier: lr_multiplier 'lora_A': no tensor of this kind is trained");
}

TEST_CASE("an output folder that cannot be made stops before the first update", "[train]") {
  const solo::test::TempDir dir;
  std::ofstream(dir.path() / "file") << "x";
  solo::GPT2<float> model(learner_config(), {.threads = 1});
  const std::vector<float> before = all_values(model);
  solo::Trainer trainer(model, {.output_dir = dir.path() / "file", .max_steps = 3});
  CHECK(error_of<solo::IoError>([&] { trainer.train(tiny_data()); }) != "no error");
  CHECK(all_values(model) == before);
}

TEST_CASE("options of a training have values of their enumerations", "[train]") {
  const auto starts = [](const solo::TrainerOptions& options, const std::string& text) {
    CHECK(option_error(options) ==
          "config.value: " + text + ": expected one of its values, found the number 77");
  };
  starts({.recipe = static_cast<solo::Recipe>(77)}, "recipe");
  starts({.optimizer = static_cast<solo::AdamWVariant>(77)}, "optimizer");
  starts({.lr_scheduler = static_cast<solo::LrScheduler>(77)}, "lr_scheduler");
  starts({.prefix_cache = {.mode = static_cast<solo::PrefixCacheMode>(77)}}, "prefix_cache: mode");
}
