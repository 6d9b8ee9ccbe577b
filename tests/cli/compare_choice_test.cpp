// SPDX-License-Identifier: MIT
// solo compare chooses settings by a metric of validation texts.
#include <solo/core/error.hpp>

#include "cli/compare_setup.hpp"

#include <chrono>
#include <csignal>
#include <thread>

using namespace solo;
using test::check_error;
using test::count;
using test::numbers;
using test::Outcome;
using test::slurp;
using test::solo_program;

namespace {

/// LoRA alone, two rates to choose from by the BLEU of two validation meanings' texts.
struct Setup : test::ComparisonSetup {
  Setup() {
    plan["methods"] = Json::array({plan["methods"][1]});
    plan["holdout_contexts"] = 2;
    plan["seeds"] = {1};
    plan["tuning_seeds"] = {7, 8};
    plan["grid"] = {{"learning-rate", {1e-9, 1e-2}}};
    plan["choose_by"] = "BLEU";
    plan["choose_generation"] = {{"max-new-tokens", 8}};
  }
  /// Of the run that chooses.
  [[nodiscard]] std::string tuning(int setting, int seed, const std::string& file) const {
    return path(concat("out/tuning/lora/setting-", setting, "/seed-", seed, '/', file));
  }
  /// Puts another score into a finished run.
  void set_score(int setting, int seed, const char* metric, double value) const {
    const std::string file = tuning(setting, seed, "texts/run.json");
    Json record = parse_json(slurp(file), file);
    record["metrics"][metric] = value;
    std::ofstream(file) << record.dump();
  }
  void set_scores(const char* metric, double first, double second) const {
    for (const int seed : {7, 8}) {
      set_score(0, seed, metric, first);
      set_score(1, seed, metric, second);
    }
  }
  [[nodiscard]] Json lora() const { return results().at("methods")[0]; }
};

}  // namespace

TEST_CASE("settings are chosen by the mean score of validation texts") {
  SOLO_NEEDS_PROGRAM;
  Setup setup;
  const Outcome outcome = setup.compare();
  INFO(outcome.err);
  REQUIRE(outcome.status == 0);
  CHECK(count(outcome.err, "== run ") == 9);  // 4 trainings, their texts, and the run
  CHECK(count(outcome.err, ", validation texts") == 4);
  const Json results = setup.results();
  CHECK(results.at("choose_by") == "BLEU");
  CHECK(results.at("choose_contexts") == 2);
  CHECK(results.at("choose_generation") == setup.plan["choose_generation"]);
  const Json tuning = setup.lora().at("tuning");
  REQUIRE(tuning.size() == 2);
  for (int setting = 0; setting < 2; ++setting) {
    const Json& tried = tuning[static_cast<std::size_t>(setting)];
    REQUIRE(tried.at("runs").size() == 2);
    for (const char* const metric : {"BLEU", "NIST", "ROUGE_L", "CIDEr"}) {
      double sum = 0.0;
      for (const Json& run : tried.at("runs")) sum += run.at("metrics").at(metric).get<double>();
      CHECK(tried.at("metrics").at(metric).get<double>() == sum / 2);
    }
    CHECK(tried.at("runs")[1].at("seed") == 8);
    CHECK(tried.at("runs")[1].at("eval_loss").is_number());
  }
  // The texts are what solo generate makes of the validation prompts, the scores those of solo
  // evaluate.
  CHECK(slurp(setup.path("out/task/choice_prompts.jsonl")) ==
        R"({"prompt":"name : The Eagle | near : Burger King"})"
        "\n"
        R"({"prompt":"name : Green Man | price : cheap"})"
        "\n");
  const Outcome generated = solo_program(
      setup.dir, {"generate", "--config", setup.tuning(1, 8, "texts/generate.json"), "--json"});
  CHECK(generated.out == slurp(setup.tuning(1, 8, "texts/texts.jsonl")));
  const Json said = {{"references", {"It is here.", "There it is; we say so."}}};
  std::ofstream(setup.path("said.jsonl")) << said.dump() << '\n' << said.dump() << '\n';
  const Outcome evaluated =
      solo_program(setup.dir, {"evaluate", "--references", setup.path("said.jsonl"), "--hypotheses",
                               setup.tuning(1, 8, "texts/hypotheses.txt"), "--json"});
  INFO(evaluated.err);
  REQUIRE(evaluated.status == 0);
  CHECK(evaluated.json() == tuning[1].at("runs")[1].at("metrics"));
  CHECK(outcome.out.find(
            "Settings were chosen by the BLEU of the texts for 2 validation contexts.") !=
        std::string::npos);
  CHECK(slurp(setup.path("out/report.html")).find("decoded with max-new-tokens 8") !=
        std::string::npos);
}

TEST_CASE("runs that choose may have options of their own") {
  SOLO_NEEDS_PROGRAM;
  Setup setup;
  setup.plan["choose_options"] = {{"max-steps", 1}};
  const Outcome outcome = setup.compare();
  INFO(outcome.err);
  REQUIRE(outcome.status == 0);
  const auto steps_of = [&](const std::string& file) {
    return parse_json(slurp(file), file).at("max-steps").get<int>();
  };
  CHECK(steps_of(setup.tuning(0, 7, "train.json")) == 1);
  CHECK(steps_of(setup.tuning(1, 8, "train.json")) == 1);
  CHECK(steps_of(setup.path("out/runs/lora/seed-1/train.json")) == 3);
  CHECK(setup.lora().at("options").at("max-steps") == 3);
  CHECK(setup.results().at("choose_options") == setup.plan["choose_options"]);
  CHECK(outcome.out.find("2 validation contexts after runs with max-steps 1.") !=
        std::string::npos);
  setup.plan["choose_options"]["max-steps"] = 2;
  check_error(setup.compare(), 1, "train.max-steps was 1 and is 2; --rerun");
}

TEST_CASE("max-steps and epochs replace each other in options that come later") {
  SOLO_NEEDS_PROGRAM;
  Setup setup;
  static constexpr double kAbsent = -1.0;
  const auto check_length = [](const std::string& file, double epochs, double max_steps) {
    const Json options = parse_json(slurp(file), file);
    CHECK(options.value("epochs", kAbsent) == epochs);
    CHECK(options.value("max-steps", kAbsent) == max_steps);
  };
  const auto compare = [&](std::vector<std::string> more) {
    const Outcome outcome = setup.compare(std::move(more));
    INFO(outcome.err);
    REQUIRE(outcome.status == 0);
  };
  setup.plan["choose_options"] = {{"epochs", 0.5}};
  compare({});
  check_length(setup.tuning(0, 7, "train.json"), 0.5, kAbsent);
  check_length(setup.path("out/runs/lora/seed-1/train.json"), kAbsent, 3.0);

  setup.plan["choose_options"] = {{"max-steps", 1}};
  setup.plan["methods"][0]["options"]["epochs"] = 0.25;
  compare({"--rerun"});
  check_length(setup.tuning(0, 7, "train.json"), kAbsent, 1.0);
  check_length(setup.path("out/runs/lora/seed-1/train.json"), 0.25, kAbsent);
}

TEST_CASE("the best mean is chosen, of equal ones the lower loss, then the first") {
  SOLO_NEEDS_PROGRAM;
  Setup setup;
  REQUIRE(setup.compare().status == 0);
  const auto chosen = [&] {
    const Outcome outcome = setup.compare({"--rerun"});
    INFO(outcome.err);
    REQUIRE(outcome.status == 0);
    CHECK(count(outcome.err, "choosing") == 0);
    return setup.lora().at("options").at("learning-rate").get<double>();
  };
  setup.set_scores("BLEU", 0.3, 0.2);
  CHECK(chosen() == 1e-9);
  const Json tuning = setup.lora().at("tuning");
  REQUIRE(tuning[0].at("eval_loss") > tuning[1].at("eval_loss"));  // by it the other were chosen
  setup.set_scores("BLEU", 0.2, 0.2);
  CHECK(chosen() == 1e-2);
  setup.set_score(0, 8, "BLEU", 0.21);
  CHECK(chosen() == 1e-9);
  // Other metrics are there, too: nothing is run that chooses.
  setup.plan["choose_by"] = "CIDEr";
  setup.set_scores("CIDEr", 0.1, 0.2);
  CHECK(chosen() == 1e-2);
  setup.plan["choose_by"] = "BLEU";
  check_error(setup.compare(), 1, "train.learning-rate was 0.01 and is 1e-09; --rerun");
}

TEST_CASE("a comparison that chose by the loss can choose by a metric without training again") {
  SOLO_NEEDS_PROGRAM;
  Setup setup;
  const Json by_metric = setup.plan;
  setup.plan.erase("choose_by");
  setup.plan.erase("choose_generation");
  REQUIRE(setup.compare().status == 0);
  const Json by_loss = numbers(setup.results());
  const std::string options = slurp(setup.path("out/runs/lora/seed-1/train.json"));
  setup.plan["choose_contexts"] = 1;
  check_error(setup.compare(), 1, "choose_contexts: it is for a choice by a metric");

  setup.plan = by_metric;
  const Outcome added = setup.compare({"--rerun"});
  INFO(added.err);
  REQUIRE(added.status == 0);
  CHECK(count(added.err, "choosing for lora") == 4);
  CHECK(count(added.err, ", validation texts") == 4);
  if (setup.lora().at("options").at("learning-rate") == 1e-2) {  // as by the loss
    CHECK(slurp(setup.path("out/runs/lora/seed-1/train.json")) == options);
  }

  setup.plan["choose_contexts"] = 1;
  check_error(
      setup.compare(), 1,
      "texts/run.json: the run is of another plan: choose_contexts was 2 and is 1; --rerun");
  setup.plan["choose_contexts"] = 2;  // all of them
  REQUIRE(setup.compare().status == 0);
  setup.plan["choose_generation"]["max-new-tokens"] = 9;
  check_error(setup.compare(), 1, "choose_generation.max-new-tokens was 8 and is 9; --rerun");
  const Outcome replaced = setup.compare({"--rerun"});
  INFO(replaced.err);
  REQUIRE(replaced.status == 0);
  CHECK(count(replaced.err, "choosing for lora") == 4);
  CHECK(count(replaced.err, ", validation texts") == 4);

  setup.plan.erase("choose_by");
  setup.plan.erase("choose_generation");
  setup.plan.erase("choose_contexts");
  const Outcome back = setup.compare({"--rerun"});
  REQUIRE(back.status == 0);
  CHECK(count(back.err, "choosing") == 0);
  CHECK(setup.results().at("choose_by") == "loss");
  CHECK(numbers(setup.results()) == by_loss);
}

TEST_CASE("a choice by a metric that was stopped ends as one that was not") {
  SOLO_NEEDS_PROGRAM;
  Setup setup;
  REQUIRE(setup.compare({}, "whole").status == 0);
  const pid_t child =
      test::start_program(setup.dir, {test::program()->string(), "compare", "--plan",
                                      setup.path("plan.json"), "--output", setup.path("out")});
  for (int i = 0; i < 6000 && !std::filesystem::exists(setup.tuning(0, 8, "run.json")); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  REQUIRE(::kill(child, SIGKILL) == 0);
  static_cast<void>(test::wait_for_program(setup.dir, child));
  REQUIRE(setup.compare().status == 0);
  CHECK(numbers(setup.results()) == numbers(setup.results("whole")));
  const Json tuning = setup.lora().at("tuning");
  CHECK(tuning == setup.results("whole").at("methods")[0].at("tuning"));
  // Between a training and its texts, and between texts and their scores.
  std::filesystem::remove_all(setup.tuning(0, 7, "texts"));
  std::filesystem::remove(setup.tuning(1, 8, "texts/run.json"));
  const Outcome rest = setup.compare();
  INFO(rest.err);
  REQUIRE(rest.status == 0);
  CHECK(count(rest.err, "== run ") == 2);
  CHECK(count(rest.err, ", validation texts") == 2);
  CHECK(setup.lora().at("tuning") == tuning);
}

TEST_CASE("METEOR chooses once its program has added it to the texts") {
  SOLO_NEEDS_PROGRAM;
  Setup setup;
  REQUIRE(setup.compare().status == 0);
  setup.plan["choose_by"] = "METEOR";
  check_error(setup.compare(), 1, "choose_by: METEOR is computed with --meteor-jar only");
  std::vector<std::string> with = setup.fake_meteor();
  with.emplace_back("--rerun");
  const Outcome added = setup.compare(with);
  INFO(added.err);
  REQUIRE(added.status == 0);
  CHECK(count(added.err, "choosing") == 0);
  const Json lora = setup.lora();
  for (const Json& tried : lora.at("tuning")) {
    CHECK(tried.at("metrics").at("METEOR") == 0.03);  // the numbers of two texts
  }
  CHECK(setup.lora().at("options").at("learning-rate") == 1e-2);  // the lower loss
  std::filesystem::remove(setup.path("java"));
  check_error(setup.compare(with), 1, "it cannot be run");
}

TEST_CASE("settings that no metric can choose: not defined, diverged") {
  SOLO_NEEDS_PROGRAM;
  Setup setup;
  setup.plan["tuning_seeds"] = {7};
  setup.plan["choose_by"] = "NIST";  // which needs texts of five words
  setup.plan["choose_generation"]["max-new-tokens"] = 1;
  const Outcome undefined = setup.compare({"--quiet"});
  INFO(undefined.err);
  CHECK(undefined.status == 1);
  CHECK(undefined.err.find("lora: NIST is not defined for the validation texts of any setting") !=
        std::string::npos);
  setup.plan["choose_by"] = "ROUGE_L";
  const Outcome other = setup.compare();
  INFO(other.err);
  REQUIRE(other.status == 0);
  CHECK(count(other.err, "== run ") == 1);

  setup.plan["grid"] = {{"learning-rate", {1e30, 2e30}}};
  setup.plan["options"]["max-grad-norm"] = 0;
  const Outcome diverged = setup.compare({}, "diverged");
  INFO(diverged.err);
  REQUIRE(diverged.status == 0);
  CHECK(count(diverged.err, "== run ") == 2);
  CHECK(diverged.err.find("left") < diverged.err.rfind("== run "));
  const Json method = setup.results("diverged").at("methods")[0];
  CHECK(method.at("runs")[0].at("reason") == "every setting of its grid diverged");
  CHECK(method.at("tuning")[0].at("runs")[0].at("metrics").is_null());
}

TEST_CASE("a plan that cannot choose is refused before anything runs") {
  SOLO_NEEDS_PROGRAM;
  const auto refused = [](auto&& change, const std::string& part) {
    Setup setup;
    change(setup);
    check_error(setup.compare(), 1, part);
    CHECK_FALSE(std::filesystem::exists(setup.path("out/tuning/lora/setting-0/seed-7/trained")));
  };
  const auto with_valid = [](const std::string& name, const std::string& text) {
    return [=](Setup& s) {
      std::ofstream(s.path(name)) << text;
      s.plan["valid"] = s.path(name);
      s.plan.erase("holdout_contexts");
    };
  };
  refused([](Setup& s) { s.plan["choose_by"] = "bleu"; },
          "choose_by: expected one of loss, BLEU, NIST, METEOR, ROUGE_L, CIDEr, found 'bleu'");
  refused([](Setup& s) { s.plan["choose_by"] = 3; }, "choose_by");
  refused([](Setup& s) { s.plan["choose_contexts"] = -1; }, "choose_contexts: expected 0 to");
  refused([](Setup& s) { s.plan["choose_contexts"] = 3; }, "choose_contexts: 3, but ");
  refused([](Setup& s) { s.plan["choose_generation"] = 1; }, "choose_generation: expected an obj");
  refused([](Setup& s) { s.plan["choose_generation"]["input"] = "x"; },
          "choose_generation: 'input'");
  refused([](Setup& s) { s.plan["choose_generation"]["num-beams"] = 0; }, "num_beams");
  refused([](Setup& s) { s.plan["choose_options"] = 1; }, "choose_options: expected an object");
  refused([](Setup& s) { s.plan["choose_options"] = {{"output", "x"}}; }, "'output' is not an");
  refused([](Setup& s) { s.plan["choose_options"] = {{"max-steps", 0.5}}; }, "max-steps");
  refused(
      [](Setup& s) {
        s.plan["choose_options"] = {{"learning-rate", 1}};
      },
      "choose_options: lora chooses 'learning-rate' from its grid");
  refused([](Setup& s) { s.plan["choose_by"] = "loss"; }, "choose_generation: it is for a choice");
  refused([](Setup& s) { s.plan.erase("grid"); }, "no method has a grid of two settings or more");
  refused([](Setup& s) { s.plan.erase("holdout_contexts"); }, "either valid, or holdout_contexts");
  refused(with_valid("valid.txt", "It is here.\nThere it is.\n"), "; choose_by BLEU scores texts");
  refused(with_valid("valid.jsonl", R"({"prompt": "a", "completion": " "})"),
          "valid.jsonl: no references for 'a'; choose_by BLEU");
  refused(with_valid("valid.csv", "MR\nname[A]\n"), "choose_by BLEU");
}
