// SPDX-License-Identifier: MIT
// The report of solo compare, from results that are made up.
#include "cli/program.hpp"

#include <algorithm>
#include <cstdlib>

using namespace solo;
using test::check_error;
using test::Outcome;
using test::slurp;
using test::solo_program;
using test::TempDir;

namespace {

Json scores(double bleu) {
  return {
      {"BLEU", bleu}, {"NIST", 8 * bleu}, {"METEOR", nullptr}, {"ROUGE_L", bleu}, {"CIDEr", 2.0}};
}

Json run(int seed, double bleu, double loss) {
  return {{"seed", seed},
          {"status", "done"},
          {"metrics", scores(bleu)},
          {"eval_loss", loss},
          {"train_loss", 3.0},
          {"train_seconds", 10.0 * seed},
          {"decode_seconds", 5.0},
          {"examples_per_second", 100.0},
          {"peak_rss_bytes", 200'000'000},
          {"adapter_bytes", 50'000},
          {"curve", {{10, 4.0}, {20, 3.5}, {30, 3.0}}},
          {"eval_curve", {{0, 5.9}, {30, loss}}},
          {"links", Json::array()}};
}

Json method(const std::string& name, const std::string& kind, int trainable, Json runs) {
  return {{"name", name},
          {"description", "about " + name},
          {"method", kind},
          {"trainable", trainable},
          {"options", {{"method", kind}}},
          {"runs", std::move(runs)},
          {"against_reference",
           {{"BLEU", nullptr},
            {"NIST", nullptr},
            {"METEOR", nullptr},
            {"ROUGE_L", nullptr},
            {"CIDEr", nullptr}}}};
}

Json made_up() {
  Json base = method("base", "none", 0, Json::array({run(1, 0.1, 5.9)}));
  base["runs"][0]["train_seconds"] = nullptr;
  Json lora =
      method("lora", "lora", 1000, {run(1, 0.30, 3.0), run(2, 0.34, 3.2), run(3, 0.38, 3.4)});
  Json solo = method("solo", "solo", 410, {run(1, 0.40, 2.8), run(2, 0.44, 2.6)});
  solo["runs"].push_back(
      {{"seed", 3}, {"status", "diverged"}, {"reason", "step 7: the loss is NaN"}});
  solo["runs"].push_back({{"seed", 4}, {"status", "missing"}});
  const auto links_at = [](int step, double gate, double ratio) -> Json {
    const Json link = {{"source", 0}, {"destination", 2}, {"gate", gate}, {"ratio", ratio}};
    return {{"step", step}, {"links", Json::array({link})}};
  };
  solo["runs"][0]["links"] = Json::array({links_at(0, 1.0, 0.0), links_at(30, 1.1, 0.2)});
  solo["tuning"] = {{{"options", {{"learning-rate", 0.01}}}, {"eval_loss", 2.5}},
                    {{"options", {{"learning-rate", 0.03}}}, {"eval_loss", nullptr}}};
  solo["against_reference"]["BLEU"] = {
      {"difference", 0.08}, {"low", 0.05}, {"high", 0.11}, {"p", 0.001}};
  solo["against_reference"]["CIDEr"] = {
      {"difference", -0.3}, {"low", -0.5}, {"high", -0.1}, {"p", 0.04}};
  solo["against_reference"]["ROUGE_L"] = {
      {"difference", 0.01}, {"low", -0.5}, {"high", 0.5}, {"p", 0.4}};
  const Json sample = {{"context", "name : A"},
                       {"references", Json::array({"It is A."})},
                       {"outputs", {{"lora", "It is <b>A</b> & \"B\"."}}}};
  return {{"name", "made up"},
          {"format", 1},
          {"task",
           {{"model", "m"},
            {"train", "a.csv"},
            {"valid", "b.csv"},
            {"test", "c.csv"},
            {"instances", 2},
            {"references", 3},
            {"decoding", {{"num-beams", 10}}}}},
          {"machine", {{"cpu", "a processor"}, {"threads", 2}, {"version", "0"}}},
          {"reference", "lora"},
          {"methods", {base, lora, solo}},
          {"samples", Json::array({sample})}};
}

struct Setup {
  TempDir dir;
  [[nodiscard]] Outcome report(const Json& results) const {
    std::ofstream(dir.path() / "results.json") << results.dump();
    return solo_program(dir, {"compare", "--report", dir.path().string()});
  }
  [[nodiscard]] std::string page() const { return slurp(dir.path() / "report.html"); }
};

std::string row_of(const std::string& table, const std::string& name) {
  const std::size_t at = table.find("| " + name);
  REQUIRE(at != std::string::npos);
  return table.substr(at, table.find('\n', at) - at);
}

}  // namespace

TEST_CASE(
    "the table of a comparison: means, deviations, significance, and runs that are not done") {
  SOLO_NEEDS_PROGRAM;
  const Setup setup;
  const Outcome outcome = setup.report(made_up());
  INFO(outcome.err);
  REQUIRE(outcome.status == 0);
  CHECK(outcome.out == slurp(setup.dir.path() / "table.md"));
  CHECK(row_of(outcome.out, "base") ==
        "| base | – | – | 5.9000 | 10.00 | 0.800 | n/a | 10.00 | 2.000 | – | 100.0 | 200 | 50 |");
  CHECK(row_of(outcome.out, "lora") ==
        "| lora | 1,000 | 100.0 | 3.2000 ± 0.2000 | 34.00 ± 4.00 | 2.720 ± 0.320 | n/a | 34.00 ± "
        "4.00 | 2.000 ± 0.000 | 20.0 | 100.0 | 200 | 50 |");
  CHECK(
      row_of(outcome.out, "solo") ==
      "| solo (2 of 4 runs, 1 diverged) | 410 | 41.0 | 2.7000 ± 0.1414 | 42.00 ± 2.83 ▲ | 3.360 ± "
      "0.226 | n/a | 42.00 ± 2.83 | 2.000 ± 0.000 ▼ | 15.0 | 100.0 | 200 | 50 |");
}

TEST_CASE("the page of a comparison needs nothing else and shows what was written in it") {
  SOLO_NEEDS_PROGRAM;
  const Setup setup;
  Json results = made_up();
  results["name"] = "<script>alert(1)</script>";
  REQUIRE(setup.report(results).status == 0);
  const std::string page = setup.page();
  CHECK(page.find("<script") == std::string::npos);
  CHECK(page.find("&lt;script&gt;") != std::string::npos);
  CHECK(page.find("It is &lt;b&gt;A&lt;/b&gt; &amp; &quot;B&quot;.") != std::string::npos);
  CHECK(page.find("seed 3 diverged: step 7: the loss is NaN") != std::string::npos);
  CHECK(page.find("seed 4 is missing") != std::string::npos);
  CHECK(page.find("learning-rate 0.03") != std::string::npos);
  for (const char* const outside : {"src=", "href=\"http", "@import", "url("}) {
    INFO(outside);
    CHECK(page.find(outside) == std::string::npos);
  }
}

TEST_CASE("a report says by what settings were chosen") {
  SOLO_NEEDS_PROGRAM;
  const Setup setup;
  Json results = made_up();
  REQUIRE(setup.report(results).status == 0);  // of a version that knew the loss only
  CHECK(setup.page().find("<dt>settings chosen by</dt><dd>validation loss</dd>") !=
        std::string::npos);
  CHECK(slurp(setup.dir.path() / "table.md").find("chosen") == std::string::npos);

  results["choose_options"] = {{"max-steps", 9}};
  REQUIRE(setup.report(results).status == 0);
  CHECK(setup.page().find("<dd>validation loss after runs with max-steps 9</dd>") !=
        std::string::npos);
  CHECK(slurp(setup.dir.path() / "table.md").find("loss after runs with max-steps 9.") !=
        std::string::npos);
  results.erase("choose_options");

  results["choose_by"] = "CIDEr";
  results["choose_contexts"] = 1234;
  results["choose_generation"] = {{"num-beams", 1}};
  Json& tried = results["methods"][2]["tuning"][0];
  tried["metrics"] = scores(0.25);
  tried["metrics"]["NIST"] = nullptr;
  const Json seed = {{"seed", 7}, {"eval_loss", 2.5}, {"metrics", tried["metrics"]}};
  tried["runs"] = Json::array({seed});
  const Outcome by_metric = setup.report(results);
  REQUIRE(by_metric.status == 0);
  const std::string choice = "CIDEr of the texts for 1,234 validation contexts";
  CHECK(by_metric.out.find("Settings were chosen by the " + choice + ".\n") != std::string::npos);
  CHECK(setup.page().find("<dd>" + choice + ", decoded with num-beams 1</dd>") !=
        std::string::npos);
  std::string table = setup.page().substr(setup.page().find("<details>"));
  table.erase(std::remove(table.begin(), table.end(), '\n'), table.end());
  CHECK(table.find("<th scope=\"col\">validation loss</th><th scope=\"col\">BLEU</th>"
                   "<th scope=\"col\">ROUGE-L</th><th scope=\"col\">CIDEr</th>") !=
        std::string::npos);
  CHECK(table.find("<td>learning-rate 0.01</td><td>2.5000</td><td>25.00</td><td>25.00</td>"
                   "<td>2.000</td>") != std::string::npos);
  CHECK(table.find("<td>diverged</td><td>n/a</td>") != std::string::npos);
}

TEST_CASE("pictures come from gnuplot, and without it the page says so") {
  SOLO_NEEDS_PROGRAM;
  const Setup setup;
  REQUIRE(setup.report(made_up()).status == 0);
  const bool drawn = setup.page().find("<svg") != std::string::npos;
  if (drawn) {
    for (const char* const title : {"Training loss", "BLEU against trainable parameters",
                                    "Gates of solo", "Size of corrections of solo"}) {
      INFO(title);
      CHECK(setup.page().find(title) != std::string::npos);
    }
  }
  const std::string path = std::getenv("PATH");
  REQUIRE(::setenv("PATH", "/nowhere", 1) == 0);
  const Outcome without = setup.report(made_up());
  REQUIRE(::setenv("PATH", path.c_str(), 1) == 0);
  REQUIRE(without.status == 0);
  CHECK(setup.page().find("<svg") == std::string::npos);
  CHECK(setup.page().find("gnuplot, which was not found or failed") != std::string::npos);
  if (!drawn) SOLO_SKIP("needs gnuplot");
}

TEST_CASE("results that are malformed are refused with the field's name") {
  SOLO_NEEDS_PROGRAM;
  const auto refused = [](auto&& change, const std::string& part) {
    const Setup setup;
    Json results = made_up();
    change(results);
    check_error(setup.report(results), 1, part);
    CHECK_FALSE(std::filesystem::exists(setup.dir.path() / "report.html"));
  };
  refused([](Json& r) { r.erase("machine"); }, "machine");
  refused([](Json& r) { r["format"] = 2; }, "format");
  refused([](Json& r) { r["more"] = 1; }, "more");
  refused([](Json& r) { r["reference"] = "x"; }, "'x'");
  refused([](Json& r) { r["methods"][1]["name"] = "solo"; }, "'solo'");
  refused([](Json& r) { r["methods"][2]["name"] = "x\nEOD\nsystem('touch pwned')"; },
          "name has 1 to 64");
  refused([](Json& r) { r["methods"][1]["trainable"] = -1; }, "methods[1].trainable");
  refused([](Json& r) { r["methods"][1]["runs"][0]["metrics"]["BLEU"] = "a"; },
          "methods[1].runs[0].metrics.BLEU");
  refused([](Json& r) { r["methods"][1]["runs"][0]["status"] = "fine"; }, "status");
  refused([](Json& r) { r["methods"][2]["tuning"][0]["eval_loss"] = "low"; }, "eval_loss");
  refused([](Json& r) { r["choose_by"] = "bleu"; }, "choose_by: expected one of loss, BLEU");
  refused([](Json& r) { r["choose_by"] = "BLEU"; }, "choose_contexts");
  refused([](Json& r) { r["methods"][2]["tuning"][0]["metrics"] = scores(1)["BLEU"]; },
          "methods[2].tuning[0].metrics");
  refused([](Json& r) { r["methods"][2]["tuning"][0]["runs"] = {{{"sead", 1}}}; }, "sead");
  refused([](Json& r) { r["samples"][0]["outputs"]["y"] = "t"; }, "'y'");
}
