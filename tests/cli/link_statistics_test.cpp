// SPDX-License-Identifier: MIT
// solo train --link-statistics-steps: what is written, and that nothing else changes.
#include <solo/text/lines.hpp>

#include "cli/program.hpp"

using namespace solo;
using test::check_error;
using test::Outcome;
using test::slurp;
using test::solo_program;

namespace {

struct Setup {
  test::TempDir dir;
  std::string model = test::model_with_tokenizer(dir);
  std::string data = test::train_file(dir);

  Outcome train(const std::string& name, std::vector<std::string> more) const {
    more.insert(more.begin(),
                {"train", "--model", model, "--train", data, "--output", dir.path() / name,
                 "--max-steps", "12", "--batch-size", "2", "--save-steps", "5", "--quiet"});
    return solo_program(dir, more);
  }
  [[nodiscard]] std::string file(const std::string& name, const char* of) const {
    return slurp(dir.path() / name / of);
  }
  [[nodiscard]] std::vector<int> steps(const std::string& name) const {
    std::vector<int> found;
    LineReader lines(dir.path() / name / "links.jsonl");
    for (std::string_view line; lines.next(line);) {
      const Json entry = parse_json(line, lines.where());
      CHECK_FALSE(entry.at("links").empty());
      found.push_back(entry.at("step").get<int>());
    }
    return found;
  }
};

}  // namespace

TEST_CASE("train: --link-statistics-steps writes links.jsonl and changes nothing else") {
  SOLO_NEEDS_PROGRAM;
  const Setup setup;
  const std::vector<std::string> solo = {"--method", "solo", "--rank", "4", "--dropout", "0.1"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), solo.begin(), solo.end());
    return more;
  };
  REQUIRE(setup.train("plain", solo).status == 0);
  const Outcome o = setup.train("logged", with({"--link-statistics-steps", "5"}));
  INFO(o.err);
  REQUIRE(o.status == 0);
  CHECK(setup.steps("logged") == std::vector<int>{0, 5, 10, 12});
  CHECK_FALSE(std::filesystem::exists(setup.dir.path() / "plain" / "links.jsonl"));
  for (const char* name :
       {"adapter_model.safetensors", "log.jsonl", "trainer_state.json", "training_args.json"}) {
    INFO(name);
    CHECK(setup.file("logged", name) == setup.file("plain", name));
  }
  REQUIRE(setup.train("logged", with({"--link-statistics-steps", "5", "--resume"})).status == 0);
  CHECK(setup.steps("logged") == std::vector<int>{0, 5, 10, 12});
  // On the validation data, where there are any.
  REQUIRE(
      setup.train("valid", with({"--link-statistics-steps", "12", "--valid", setup.data})).status ==
      0);
  CHECK(setup.file("valid", "links.jsonl")
            .starts_with(setup.file("logged", "links.jsonl").substr(0, 20)));
  CHECK(setup.steps("valid") == std::vector<int>{0, 12});
}

TEST_CASE("train: --link-statistics-steps is for methods with links") {
  SOLO_NEEDS_PROGRAM;
  const Setup setup;
  for (const std::string method : {"lora", "full", "bitfit", "ln_tuning"}) {
    check_error(setup.train("out", {"--method", method, "--link-statistics-steps", "5"}), 2,
                "--link-statistics-steps: --method " + method + " has no links");
  }
  check_error(setup.train("out", {"--method", "solo", "--link-statistics-steps", "-1"}), 2,
              "--link-statistics-steps");
  CHECK_FALSE(std::filesystem::exists(setup.dir.path() / "out"));
}
