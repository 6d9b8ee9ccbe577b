// SPDX-License-Identifier: MIT
// docs/experiments.md says what the committed results say.
#include "cli/program.hpp"

#include <cmath>

using namespace solo;
using test::Outcome;
using test::slurp;
using test::TempDir;

TEST_CASE("the table of the experiments page follows from the committed results") {
  SOLO_NEEDS_PROGRAM;
  const std::filesystem::path docs = test::source_dir() / "docs";
  const TempDir dir;
  std::filesystem::copy(docs / "experiments" / "e2e-gpt2-mini.json", dir.path() / "results.json");
  const Outcome table = test::solo_program(dir, {"compare", "--report", dir.path().string()});
  INFO(table.err);
  REQUIRE(table.status == 0);
  CHECK(slurp(docs / "experiments.md").find(table.out) != std::string::npos);
}

TEST_CASE("each method of the committed results has the lowest validation loss of what it tried") {
  const std::filesystem::path file =
      test::source_dir() / "docs" / "experiments" / "e2e-gpt2-mini.json";
  const Json results = parse_json(slurp(file), file.string());
  for (const Json& method : results.at("methods")) {
    INFO(method.at("name"));
    double lowest = INFINITY;
    Json rate;
    for (const Json& tried : method.at("tuning")) {
      if (tried.at("eval_loss").is_null() || tried.at("eval_loss").get<double>() >= lowest)
        continue;
      lowest = tried.at("eval_loss").get<double>();
      rate = tried.at("options").at("learning-rate");
    }
    if (!rate.is_null()) CHECK(method.at("options").at("learning-rate") == rate);
    for (const Json& run : method.at("runs")) CHECK(run.at("status") != "diverged");
  }
}
