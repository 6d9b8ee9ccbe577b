// SPDX-License-Identifier: MIT
// solo compare: methods × seeds from one plan.
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
using Setup = test::ComparisonSetup;

TEST_CASE("solo compare trains, decodes and scores every method with every seed") {
  SOLO_NEEDS_PROGRAM;
  const Setup setup;
  const Outcome outcome = setup.compare();
  INFO(outcome.err);
  REQUIRE(outcome.status == 0);
  CHECK(count(outcome.err, "== run ") == 5);  // the base once
  CHECK(outcome.err.find("left") != std::string::npos);
  CHECK(outcome.out == slurp(setup.path("out/table.md")));
  CHECK(slurp(setup.path("out/report.html")).find("</html>") != std::string::npos);
  const Json results = setup.results();
  REQUIRE(results.at("methods").size() == 3);
  CHECK(results.at("task").at("instances") == 4);
  CHECK(results.at("task").at("references") == 8);
  for (const Json& method : results.at("methods")) {
    for (const Json& run : method.at("runs")) {
      CHECK(run.at("status") == "done");
      CHECK(run.at("metrics").at("BLEU").is_number());
      CHECK(run.at("metrics").at("METEOR").is_null());
      CHECK(run.at("eval_loss").is_number());
    }
  }
  CHECK(results.at("methods")[0].at("trainable") == 0);
  const Json& solo = results.at("methods")[2];
  CHECK(solo.at("trainable").get<int>() > 0);
  CHECK(solo.at("runs")[0].at("curve").size() == 3);
  CHECK(solo.at("runs")[0].at("links")[0].at("links")[0].at("destination") == 2);
  CHECK(solo.at("against_reference").at("BLEU").at("p").is_number());
  CHECK(results.at("samples").size() == 2);
  // What was trained is what solo train makes of the same options.
  const Outcome alone =
      solo_program(setup.dir, {"train", "--config", setup.path("out/runs/lora/seed-2/train.json"),
                               "--output", setup.path("alone"), "--quiet"});
  REQUIRE(alone.status == 0);
  CHECK(slurp(setup.path("alone/adapter_model.safetensors")) ==
        slurp(setup.path("out/runs/lora/seed-2/trained/adapter_model.safetensors")));
}

TEST_CASE("solo compare warns of empty texts, which raise a score") {
  SOLO_NEEDS_PROGRAM;
  Setup setup;
  setup.plan["methods"] = Json::array({setup.plan["methods"][0]});
  setup.plan.erase("reference");
  setup.plan["seeds"] = {1};
  setup.plan["generation"] = {{"max-new-tokens", 1}, {"forced-eos-token-id", "511"}};
  const Outcome o = setup.compare();
  INFO(o.err);
  REQUIRE(o.status == 0);
  CHECK(o.err.find("4 of 4 texts are empty, the first number 1") != std::string::npos);
}

TEST_CASE("METEOR is added to runs that were finished without it, and goes with runs done anew") {
  SOLO_NEEDS_PROGRAM;
  Setup setup;
  REQUIRE(setup.compare({"--methods", "lora,solo"}).status == 0);
  const std::vector<std::string> meteor = setup.fake_meteor();
  std::vector<std::string> with = {"--methods", "lora,solo"};
  with.insert(with.end(), meteor.begin(), meteor.end());
  const Outcome added = setup.compare(with);
  INFO(added.err);
  REQUIRE(added.status == 0);
  CHECK(count(added.err, "== run ") == 0);
  const Json with_meteor = setup.results();
  for (const Json& method : with_meteor.at("methods")) {
    for (const Json& run : method.at("runs")) CHECK(run.at("metrics").at("METEOR") == 0.010);
  }
  const Json against = with_meteor.at("methods")[1].at("against_reference").at("METEOR");
  CHECK(against.at("difference") == 0.0);
  CHECK(against.at("p") == 1.0);
  // Kept without the program; only the comparison needs it.
  REQUIRE(setup.compare({"--methods", "lora,solo"}).status == 0);
  CHECK(setup.results().at("methods")[0].at("runs")[0].at("metrics").at("METEOR") == 0.010);
  CHECK(setup.results().at("methods")[1].at("against_reference").at("METEOR").is_null());
  const std::string counts = setup.path("out/runs/lora/seed-1/meteor.jsonl");
  const std::string old = slurp(counts);
  CHECK(old.starts_with("[1.0,9.0,"));
  CHECK(count(old, "\n") == 4);
  const std::string first = old.substr(0, old.find('\n') + 1);
  std::ofstream(counts) << first << "[1]\n";
  check_error(setup.compare(with), 1, "meteor.jsonl: line 2: expected 23 numbers, found ");
  std::ofstream(counts) << first;
  check_error(setup.compare(with), 1, "meteor.jsonl: expected 4 texts, found 1");
  setup.plan["options"]["max-steps"] = 4;
  REQUIRE(setup.compare({"--methods", "lora,solo", "--rerun"}).status == 0);
  CHECK_FALSE(std::filesystem::exists(counts));
  CHECK(setup.results().at("methods")[0].at("runs")[0].at("metrics").at("METEOR").is_null());
}

TEST_CASE("solo compare runs only what is not finished") {
  SOLO_NEEDS_PROGRAM;
  Setup setup;
  REQUIRE(setup.compare({"--methods", "base,lora", "--seeds", "1"}).status == 0);
  const Outcome rest = setup.compare({"--json"});
  INFO(rest.err);
  REQUIRE(rest.status == 0);
  CHECK(count(rest.err, "== run ") == 3);
  CHECK(rest.json().at("runs") == 5);
  const Outcome again = setup.compare();
  CHECK(count(again.err, "== run ") == 0);
  REQUIRE(setup.compare({}, "other").status == 0);
  CHECK(numbers(setup.results()) == numbers(setup.results("other")));

  setup.plan["options"]["max-steps"] = 4;
  check_error(setup.compare(), 1, "max-steps was 3 and is 4; --rerun");
  const Outcome replaced = setup.compare({"--rerun"});
  REQUIRE(replaced.status == 0);
  CHECK(count(replaced.err, "== run ") == 4);
  CHECK(setup.results().at("methods")[1].at("runs")[0].at("curve").size() == 4);
}

TEST_CASE("a comparison that was stopped ends as one that was not") {
  SOLO_NEEDS_PROGRAM;
  Setup setup;
  setup.plan["seeds"] = {1};
  setup.plan["options"]["max-steps"] = 100;
  setup.plan["options"]["logging-steps"] = 50;
  REQUIRE(setup.compare({}, "whole").status == 0);
  const std::string adapter = "/runs/solo/seed-1/trained/adapter_model.safetensors";

  std::ofstream(setup.path("plan.json")) << setup.plan.dump();
  const pid_t child =
      test::start_program(setup.dir, {test::program()->string(), "compare", "--plan",
                                      setup.path("plan.json"), "--output", setup.path("out")});
  const std::filesystem::path log = setup.path("out/runs/solo/seed-1/trained/log.jsonl");
  for (int i = 0; i < 6000 && !std::filesystem::exists(log); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  REQUIRE(::kill(child, SIGINT) == 0);
  const Outcome stopped = test::wait_for_program(setup.dir, child);
  INFO(stopped.err);
  REQUIRE(stopped.status == 130);
  CHECK(stopped.err.find("stopped; to go on: ") != std::string::npos);
  CHECK(setup.results().at("methods")[2].at("runs")[0].at("status") == "missing");
  REQUIRE_FALSE(std::filesystem::exists(setup.path("out/runs/solo/seed-1/run.json")));
  REQUIRE(setup.compare().status == 0);
  CHECK(slurp(setup.path("out") + adapter) == slurp(setup.path("whole") + adapter));
  CHECK(numbers(setup.results()) == numbers(setup.results("whole")));
}

TEST_CASE("the setting of the lowest validation loss is chosen, and diverged runs are told apart") {
  SOLO_NEEDS_PROGRAM;
  Setup setup;
  setup.plan["tuning_seeds"] = {7};
  setup.plan["grid"] = {{"learning-rate", {1e-9, 1e-2, 1e30}}};
  setup.plan["methods"].push_back(
      {{"name", "hopeless"},
       {"options", {{"method", "lora"}, {"rank", 1}, {"learning-rate", 1e30}}},
       {"grid", {{"batch-size", {1, 2}}}}});
  setup.plan["options"]["max-grad-norm"] = 0;
  const Outcome outcome = setup.compare();
  INFO(outcome.err);
  REQUIRE(outcome.status == 0);
  CHECK(outcome.err.find("diverged") != std::string::npos);
  const Json results = setup.results();
  const Json& lora = results.at("methods")[1];
  CHECK(lora.at("options").at("learning-rate") == 1e-2);
  REQUIRE(lora.at("tuning").size() == 3);
  CHECK(lora.at("tuning")[2].at("eval_loss").is_null());
  CHECK(lora.at("tuning")[1].at("eval_loss") < lora.at("tuning")[0].at("eval_loss"));
  CHECK(results.at("choose_by") == "loss");
  CHECK_FALSE(std::filesystem::exists(setup.path("out/tuning/lora/setting-0/seed-7/texts")));
  CHECK(slurp(setup.path("out/report.html")).find("<dd>validation loss</dd>") != std::string::npos);
  for (const Json& run : results.at("methods")[3].at("runs")) {
    CHECK(run.at("status") == "diverged");
  }
  CHECK(outcome.out.find("diverged") != std::string::npos);
}

TEST_CASE("a plan that is wrong is refused before anything runs") {
  SOLO_NEEDS_PROGRAM;
  const auto refused = [](auto&& change, const std::string& part) {
    Setup setup;
    change(setup.plan);
    const Outcome outcome = setup.compare();
    check_error(outcome, 1, part);
    CHECK_FALSE(std::filesystem::exists(setup.path("out/runs/lora/seed-1/trained")));
  };
  refused([](Json& p) { p["sead"] = 1; }, "'sead'");
  refused([](Json& p) { p.erase("methods"); }, "plan.json: methods");
  refused([](Json& p) { p["methods"] = Json::array(); }, "methods: the list is empty");
  refused([](Json& p) { p["methods"][1]["name"] = "../x"; }, "'../x'");
  refused([](Json& p) { p["methods"][1]["name"] = "solo"; }, "'solo' is there twice");
  refused([](Json& p) { p["reference"] = "none"; }, "no method is named 'none'");
  refused([](Json& p) { p["seeds"] = {1, 1}; }, "given twice");
  refused([](Json& p) { p["holdout_contexts"] = 4; }, "4 of 4 contexts");
  refused([](Json& p) { p["valid"] = "x"; }, "either valid");
  refused([](Json& p) { p["options"]["output"] = "x"; }, "'output'");
  refused([](Json& p) { p["options"]["no-such"] = 1; }, "no-such");
  refused([](Json& p) { p["methods"][2]["options"]["rank"] = 0; }, "r");
  refused([](Json& p) { p["methods"][2]["options"]["links"] = "0-99"; }, "links");
  refused([](Json& p) { p["generation"]["num-beams"] = 0; }, "num_beams");
  refused([](Json& p) { p["generation"]["num-return-sequences"] = 2; }, "num-return-sequences");
  refused([](Json& p) { p["grid"] = {{"learning-rate", {1, 2}}}; }, "tuning_seeds");
  Setup setup;
  check_error(setup.compare({"--methods", "lora,none"}), 2, "'none'");
  check_error(setup.compare({"--seeds", "1,x"}), 2, "'x'");
  check_error(solo_program(setup.dir, {"compare", "--output", setup.path("out")}), 2, "--plan");
}

TEST_CASE("lora-e2e is a plan of its own") {
  SOLO_NEEDS_PROGRAM;
  const Setup setup;
  const Outcome outcome = solo_program(
      setup.dir, {"compare", "--recipe", "lora-e2e", "--model", setup.model, "--train",
                  setup.path("train.csv"), "--valid", setup.path("train.csv"), "--test",
                  setup.path("train.csv"), "--output", setup.path("out"), "--seeds", "110"});
  INFO(outcome.err);
  REQUIRE(outcome.status == 0);
  const Json results = setup.results();
  REQUIRE(results.at("methods").size() == 3);
  CHECK(results.at("task").at("decoding").at("beam-style") == "lora");
  CHECK(results.at("methods")[0].at("runs")[0].at("status") == "done");
}
