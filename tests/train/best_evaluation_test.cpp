// SPDX-License-Identifier: MIT
// Which evaluation is best, in runs that go on with other options than they began with, and its
// checkpoint.
#include <solo/train/checkpoint.hpp>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "train/tiny.hpp"

#include <algorithm>

using namespace solo;
using test::learner_config;
using test::tiny_data;

namespace {

/// Validation data of another kind: learning the task makes it worse sooner or later.
Dataset other_data() {
  return Dataset::from_ids(
      {{.ids = {5, 9, 2, 7, 11, 3, 19, 1}, .labels = {5, 9, 2, 7, 11, 3, 19, 1}}});
}

TrainerOptions options_in(const std::filesystem::path& folder, std::int64_t steps) {
  return {.output_dir = folder,
          .max_steps = steps,
          .batch_size = 4,
          .learning_rate = 1e-2,
          .lr_scheduler = LrScheduler::constant,
          .eval_steps = 3,
          .save_steps = 3,
          .save_total_limit = 0};
}

TrainerOptions resumed(TrainerOptions options, std::int64_t steps) {
  options.max_steps = steps;
  options.resume = true;
  return options;
}

struct Ended {
  TrainResult result;
  std::vector<float> weights;
  std::string error;  ///< with its id
};

Ended run(const TrainerOptions& options) {
  Ended ended;
  GPT2<float> model(learner_config(), {.threads = 1, .seed = 5});
  try {
    ended.result = Trainer(model, options).train(tiny_data(), other_data());
  } catch (const Error& error) {
    ended.error = concat(error.id(), ": ", std::string_view(error.what()));
  }
  ended.weights = test::all_values(model);
  return ended;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

void check_same(const Ended& a, const Ended& b) {
  INFO(a.error << b.error);
  CHECK(a.result.steps == b.result.steps);
  CHECK(a.result.best_eval_loss == b.result.best_eval_loss);
  CHECK(a.result.best_step == b.result.best_step);
  CHECK(a.result.eval_loss == b.result.eval_loss);
  CHECK(a.weights == b.weights);
}

/// best_metric of trainer_state.json is the lowest loss of its log_history.
void check_state(const std::filesystem::path& folder, const TrainResult& result) {
  const std::string state = test::read(folder / "trainer_state.json");
  CHECK(has(state, concat("\"best_metric\": ", *result.best_eval_loss)));
  CHECK(has(state, concat("\"best_global_step\": ", result.best_step)));
  CHECK(has(state, (folder / checkpoint_name(result.best_step)).string()));
}

constexpr std::int64_t kSteps = 60;

}  // namespace

TEST_CASE("load_best_model_at_end that comes with a resume knows the evaluations before",
          "[resume]") {
  const test::TempDir dir;
  TrainerOptions options = options_in(dir.path() / "whole", kSteps);
  options.load_best_model_at_end = true;
  const Ended whole = run(options);
  const std::int64_t best = whole.result.best_step;
  REQUIRE(best > 3);
  REQUIRE(best + 9 < kSteps);

  const std::filesystem::path folder = dir.path() / "parts";
  options = options_in(folder, best + 6);
  CHECK_FALSE(run(options).result.best_eval_loss);  // not asked for
  CHECK(has(test::read(folder / "trainer_state.json"), "\"best_metric\": null"));
  const std::filesystem::path lost = folder / checkpoint_name(best);
  const auto copy = [&](const std::string& name) {
    std::filesystem::copy(folder, dir.path() / name);
    options.output_dir = dir.path() / name;
    options.load_best_model_at_end = true;
  };

  SECTION("and ends as the whole run") {
    options.load_best_model_at_end = true;
    const Ended ended = run(resumed(options, kSteps));
    check_same(ended, whole);
    check_state(folder, ended.result);
  }
  SECTION("but not with other evaluations") {
    copy("other");
    options.eval_steps = 5;
    const Ended refused = run(resumed(options, kSteps));
    CHECK(refused.error.starts_with("checkpoint.run: "));
    CHECK(has(refused.error, R"(evaluated with [{"eval_steps":3}])"));
    CHECK(has(refused.error, R"({"eval_steps":5})"));
    options.load_best_model_at_end = false;  // then they do not matter
    CHECK(run(resumed(options, best + 8)).error.empty());
    // And a later resume knows that there have been two ways.
    options.load_best_model_at_end = true;
    CHECK(run(resumed(options, kSteps)).error.starts_with("checkpoint.run: "));
    options.eval_steps = 3;
    CHECK(run(resumed(options, kSteps)).error.starts_with("checkpoint.run: "));
  }
  SECTION("a best checkpoint that is not there is told before the first step") {
    copy("missing");
    std::filesystem::remove(options.output_dir / checkpoint_name(best));
    const Ended refused = run(resumed(options, kSteps));
    CHECK(refused.error.starts_with("checkpoint.best: "));
    CHECK(has(refused.error, checkpoint_name(best) + " is missing"));
    // Two ways on: without it, and from before it.
    TrainerOptions from = resumed(options, kSteps);
    from.resume_from = options.output_dir / checkpoint_name(best - 3);
    check_same(run(from), whole);
    copy("without");
    std::filesystem::remove(options.output_dir / checkpoint_name(best));
    options.load_best_model_at_end = false;
    CHECK(run(resumed(options, kSteps)).result.steps == kSteps);
  }
  SECTION("nor is a damaged one taken") {
    copy("damaged");
    std::fstream file(options.output_dir / checkpoint_name(best),
                      std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-9, std::ios::end);
    file.put('\x7f');
    file.close();
    const Ended refused = run(resumed(options, kSteps));
    CHECK(refused.error.starts_with("checkpoint.best: "));
    CHECK(has(refused.error, checkpoint_name(best) + " cannot be read"));
    CHECK(refused.weights == test::all_values(*std::make_unique<GPT2<float>>(
                                 learner_config(), ModelOptions{.threads = 1, .seed = 5})));
  }
  SECTION("in another folder it comes along") {
    TrainerOptions elsewhere = resumed(options_in(dir.path() / "elsewhere", kSteps), kSteps);
    elsewhere.load_best_model_at_end = true;
    elsewhere.resume_from = folder;
    const Ended ended = run(elsewhere);
    check_same(ended, whole);
    check_state(elsewhere.output_dir, ended.result);
    CHECK(test::read(elsewhere.output_dir / checkpoint_name(best)) == test::read(lost));
  }
}

TEST_CASE("a best checkpoint that goes while the run trains costs no result", "[resume]") {
  const test::TempDir dir;
  TrainerOptions options = options_in(dir.path() / "out", kSteps);
  options.load_best_model_at_end = true;
  GPT2<float> model(learner_config(), {.threads = 1, .seed = 5});
  Trainer trainer(model, options);
  trainer.on_step([&](const StepInfo& info) {
    if (info.step < kSteps) return;
    for (const CheckpointFile& file : find_checkpoints(options.output_dir)) {
      std::filesystem::remove(file.path);
    }
  });
  const TrainResult result = trainer.train(tiny_data(), other_data());
  CHECK(result.saved);
  REQUIRE(result.notes.size() == 1);
  CHECK(has(result.notes[0], concat("the result is of step ", kSteps)));
  CHECK(result.eval_loss == model.score(other_data()).loss);
  CHECK(has(test::read(options.output_dir / "trainer_state.json"),
            "\"best_model_checkpoint\": null"));
}

TEST_CASE("early_stopping that comes with a resume has seen the evaluations before", "[resume]") {
  const test::TempDir dir;
  TrainerOptions options = options_in(dir.path() / "whole", kSteps);
  options.early_stopping = 2;
  const Ended whole = run(options);
  CHECK(whole.result.stopped_early);
  const std::int64_t end = whole.result.steps;
  REQUIRE(end > 6);
  REQUIRE(end + 3 < kSteps);
  for (const std::int64_t at : {end - 3, end, end + 3}) {
    INFO(at << " steps, then on to " << end);
    options = options_in(dir.path() / std::to_string(at), at);
    run(options);
    options.early_stopping = 2;
    const Ended ended = run(resumed(options, kSteps));
    if (at > end) {
      CHECK(ended.error.starts_with("checkpoint.run: "));
      CHECK(has(ended.error, concat("early_stopping 2 ends this run after step ", end)));
      continue;
    }
    check_same(ended, whole);
  }
}
