// SPDX-License-Identifier: MIT
// The pages of docs/experiments say what the committed results say.
#include "../../examples/cli/number_text.hpp"
#include "cli/program.hpp"

#include <cmath>
#include <sstream>
#include <utility>

using namespace solo;
using cli::fixed;
using cli::with_commas;
using test::Outcome;
using test::slurp;
using test::TempDir;

namespace {

std::filesystem::path experiments() {
  return test::source_dir() / "docs" / "experiments";
}

Json results(const std::string& name) {
  const std::filesystem::path file = experiments() / name;
  return parse_json(slurp(file), file.string());
}

/// "| what | learning rate | trainable | ", how a row of the trials' page begins.
std::string first_cells(const Json& trial) {
  std::ostringstream cells;
  cells << "| " << trial.at("what").get<std::string>() << " | "
        << trial.at("learning_rate").get<double>() << " | "
        << with_commas(trial.at("trainable").get<std::int64_t>()) << " | ";
  return cells.str();
}

/// The trials' page has a table of these rows.
void check_trials_table(const std::string& rows) {
  INFO(rows);
  CHECK(slurp(experiments() / "e2e-trials.md").find("---:|\n" + rows + "\n") != std::string::npos);
}

}  // namespace

TEST_CASE("the tables of the comparisons follow from the committed results") {
  SOLO_NEEDS_PROGRAM;
  const auto [file, page] = GENERATE(std::pair{"e2e-gpt2-mini.json", "experiments/e2e-dev.md"},
                                     std::pair{"e2e-train.json", "experiments.md"});
  const TempDir dir;
  std::filesystem::copy(experiments() / file, dir.path() / "results.json");
  const Outcome table = test::solo_program(dir, {"compare", "--report", dir.path().string()});
  INFO(file << ": " << table.err);
  REQUIRE(table.status == 0);
  CHECK(slurp(experiments().parent_path() / page).find(table.out) != std::string::npos);
}

TEST_CASE("each method of the committed results has the best setting of those it tried") {
  const std::string file = GENERATE("e2e-gpt2-mini.json", "e2e-train.json");
  const Json committed = results(file);
  const std::string metric = committed.value("choose_by", "eval_loss");
  for (const Json& method : committed.at("methods")) {
    INFO(file << ": " << method.at("name"));
    double best = -INFINITY;
    Json rate;
    for (const Json& tried : method.at("tuning")) {
      const Json& loss = tried.at("eval_loss");
      if (loss.is_null()) continue;
      const double score = metric == "eval_loss" ? -loss.get<double>()
                                                 : tried.at("metrics").at(metric).get<double>();
      if (score <= best) continue;
      best = score;
      rate = tried.at("options").at("learning-rate");
    }
    if (!rate.is_null()) CHECK(method.at("options").at("learning-rate") == rate);
    for (const Json& run : method.at("runs")) CHECK(run.at("status") != "diverged");
  }
}

TEST_CASE("the table of the trials follows from their results") {
  std::ostringstream rows;
  for (const Json& trial : results("e2e-trials.json")) {
    const auto metric = [&](const char* name) {
      return trial.at("metrics").at(name).get<double>();
    };
    rows << first_cells(trial) << fixed(trial.at("eval_loss").get<double>(), 4)
         << (trial.at("all_rows").get<bool>() ? "*" : "") << " | " << fixed(100 * metric("BLEU"), 2)
         << " | " << fixed(metric("NIST"), 3) << " | " << fixed(100 * metric("ROUGE_L"), 2) << " | "
         << fixed(metric("CIDEr"), 3) << " | " << trial.at("distinct").get<int>() << " | "
         << trial.at("near").get<int>() << " |\n";
  }
  check_trials_table(rows.str());
}

TEST_CASE("the table of the ideas follows from their results") {
  std::ostringstream rows;
  for (const Json& idea : results("e2e-ideas.json")) {
    const Json& loss = idea.at("eval_loss");
    rows << first_cells(idea) << fixed(idea.at("train_loss").get<double>(), 4) << " | "
         << (loss.is_null() ? "–" : fixed(loss.get<double>(), 4)) << " |\n";
  }
  check_trials_table(rows.str());
}

TEST_CASE("the table of what texts say follows from the committed counts") {
  const Json counts = results("e2e-train-slots.json");
  const std::vector<std::string> keys = {"name", "near",  "area", "customer rating",
                                         "Type", "price", "food"};
  /// A row of means over seeds; f gives the number of one run.
  const auto row = [&](const std::string& label, const auto& f, const std::string& most) {
    std::string cells = "| " + label + " |";
    for (const char* const method : {"base", "lora-qv", "solo-low"}) {
      double sum = 0.0;
      for (const Json& run : counts.at(method)) sum += f(run);
      const auto seeds = static_cast<double>(counts.at(method).size());
      cells += ' ' + with_commas(std::llround(sum / seeds)) + " |";
    }
    return cells + most + "|\n";
  };
  const auto total = [&](const char* what) {
    return [&keys, what](const Json& run) {
      double sum = 0.0;
      for (const std::string& key : keys) sum += run.at("keys").at(key).at(what).get<double>();
      return sum;
    };
  };
  const auto most = [](double values) { return ' ' + with_commas(std::llround(values)) + ' '; };
  const Json& one = counts.at("base").at("seed-1");
  std::string rows;
  for (const std::string& key : keys) {
    const auto said = [&key](const Json& run) {
      return run.at("keys").at(key).at("said").get<double>();
    };
    const double values = one.at("keys").at(key).at("values").get<double>();
    rows += row(key == "Type" ? "type" : key, said, most(values));
  }
  rows += row("all values", total("said"), most(total("values")(one)));
  rows += row("wrong values", total("wrong"), " ");
  rows += row(
      "distinct texts", [](const Json& run) { return run.at("distinct").get<double>(); }, " ");
  INFO(rows);
  CHECK(slurp(experiments().parent_path() / "experiments.md").find("---:|\n" + rows + "\n") !=
        std::string::npos);
}

TEST_CASE("what texts say of their prompts is counted") {
  if (!test::has_program("python3")) SOLO_SKIP("needs python3");
  const TempDir dir;
  const std::filesystem::path run = dir.path() / "runs" / "lora" / "seed-1";
  std::filesystem::create_directories(run);
  std::filesystem::create_directories(dir.path() / "task");
  const auto prompt = [](const char* text) { return Json{{"prompt", text}}.dump() + "\n"; };
  std::ofstream(dir.path() / "task" / "prompts.jsonl")
      << prompt("name : Blue Spice | food : Thai | family friendly : yes")
      << prompt("name : The Eagle | food : French")
      << prompt("name : The Eagle | near : Blue Spice");
  std::ofstream(run / "hypotheses.txt") << "Blue  spice is a thai place .\n"
                                        << "The Eagle serves Thai food , near Blue Spice .\n"
                                        << "The Eagles are near Blue Spice .\n";
  const std::string script = (experiments() / "slots.py").string();
  const Outcome counted =
      test::run_program(dir, {"/usr/bin/env", "python3", script, dir.path().string()});
  INFO(counted.err);
  REQUIRE(counted.status == 0);
  const Json counts = counted.json().at("lora").at("seed-1");
  const auto key = [](int values, int said, int wrong) {
    return Json{{"values", values}, {"said", said}, {"wrong", wrong}};
  };
  CHECK(counts.at("texts") == 3);
  CHECK(counts.at("distinct") == 3);
  // "The Eagles" is not "The Eagle"; a name that is another prompt's and near in one's own is not
  // wrong.
  CHECK(counts.at("keys") ==
        Json{{"food", key(2, 1, 1)}, {"name", key(3, 2, 1)}, {"near", key(1, 1, 1)}});
}
