// SPDX-License-Identifier: MIT
// The programs of examples/ do what they say, on a tiny random model and the data beside them. What
// the tests ask of trained models holds with every instruction set.
#include "cli/program.hpp"

#include <cstdio>
#include <sstream>

using namespace solo;
using test::golden_dir;
using test::Outcome;
using test::TempDir;

#ifdef SOLO_EXAMPLES
#define SOLO_NEEDS_EXAMPLES
#else
#define SOLO_EXAMPLES ""
#define SOLO_NEEDS_EXAMPLES SOLO_SKIP("this build has no examples")
#endif

namespace {

const std::string kPrompt = "name : The Eagle | Type : pub | area : riverside";

std::string data_file(const std::string& name) {
  return (test::source_dir() / "examples" / "data" / name).string();
}

Outcome example(const TempDir& dir, const std::string& name, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), std::string(SOLO_EXAMPLES) + '/' + name);
  Outcome outcome = test::run_program(dir, std::move(arguments));
  INFO("stdout: " << outcome.out << "\nstderr: " << outcome.err);
  REQUIRE(outcome.status == 0);
  return outcome;
}

/// What follows the first line.
std::string after_first_line(const std::string& text) {
  return text.substr(text.find('\n') + 1);
}

/// The first line is "loss BEFORE -> AFTER", and what remains is less than `fraction`.
void check_loss_falls(const Outcome& outcome, double fraction) {
  INFO(outcome.out);
  double before = 0.0;
  double after = 0.0;
  REQUIRE(std::sscanf(outcome.out.c_str(), "loss %lf -> %lf\n", &before, &after) == 2);
  CHECK(after > 0.0);
  CHECK(after < fraction * before);
}

/// The text of the solo program.
std::string generated(const TempDir& dir, std::vector<std::string> options) {
  options.insert(options.begin(), "generate");
  const Outcome outcome = test::solo_program(dir, std::move(options));
  CHECK(outcome.status == 0);
  return outcome.out;
}

}  // namespace

TEST_CASE("fine_tune trains an adapter and saves it, and generate uses it") {
  SOLO_NEEDS_EXAMPLES;
  const TempDir dir;
  const std::string model = test::model_with_tokenizer(dir);
  const std::string out = (dir.path() / "out").string();
  const Outcome tuned = example(
      dir, "fine_tune",
      {model, data_file("restaurants.jsonl"), data_file("restaurants_valid.jsonl"), out, kPrompt});
  check_loss_falls(tuned, 0.75);
  CHECK(std::count(tuned.err.begin(), tuned.err.end(), '\n') == 300);
  for (const char* name : {"adapter_config.json", "adapter_model.safetensors", "log.jsonl"}) {
    CHECK(std::filesystem::exists(std::filesystem::path(out) / name));
  }
  const Outcome text = example(dir, "generate", {model, kPrompt, out});
  CHECK(text.out == after_first_line(tuned.out));
  CHECK(text.out != example(dir, "generate", {model, kPrompt}).out);
}

TEST_CASE("generate and switch_adapters give the texts of the solo program") {
  SOLO_NEEDS_EXAMPLES;
  SOLO_NEEDS_PROGRAM;
  const TempDir dir;
  const std::string model = test::model_with_tokenizer(dir);
  CHECK(example(dir, "generate", {model, kPrompt}).out ==
        generated(dir, {"--model", model, "--prompt", kPrompt}));

  const std::string lora = (golden_dir() / "lora" / "c-attn-r4").string();
  const std::string connection = (golden_dir() / "solo" / "stride-1").string();
  const auto text = [&](std::vector<std::string> adapter) {
    adapter.insert(adapter.begin(),
                   {"--model", model, "--prompt", kPrompt, "--max-new-tokens", "16"});
    return generated(dir, std::move(adapter));
  };
  const std::string first = text({"--adapter", lora});
  const std::string second = text({"--adapter", connection});
  const std::string base = text({});
  CHECK(first != second);
  CHECK(first != base);
  CHECK(example(dir, "switch_adapters", {model, lora, connection, kPrompt}).out ==
        "first: 2048 parameters\nsecond: 403 parameters\nfirst: " + first + "second: " + second +
            "base: " + base);
}

TEST_CASE("dialogue learns the answers of its dialogues") {
  SOLO_NEEDS_EXAMPLES;
  const TempDir dir;
  const Outcome outcome =
      example(dir, "dialogue",
              {test::model_with_tokenizer(dir), data_file("dialogues.jsonl"), "Hi.", "A pub?"});
  check_loss_falls(outcome, 0.1);
  CHECK(after_first_line(outcome.out) == "U: Hi.\nB: Hello.\nU: A pub?\nB: The Eagle.\n");
}

TEST_CASE("summarize learns the summaries, of documents that are too long too") {
  SOLO_NEEDS_EXAMPLES;
  const TempDir dir;
  const std::string document =
      "The Eagle is a pub in the city centre. It serves fish. The price range is cheap, and "
      "children are welcome there.";
  const Outcome outcome = example(
      dir, "summarize", {test::model_with_tokenizer(dir), data_file("summaries.jsonl"), document});
  check_loss_falls(outcome, 0.1);
  CHECK(after_first_line(outcome.out) == document + "\nTL;DR: A cheap pub.\n");
}

TEST_CASE("custom_adapter trains, is saved and loaded") {
  SOLO_NEEDS_EXAMPLES;
  const TempDir dir;
  const std::string out = (dir.path() / "out").string();
  const Outcome outcome = example(dir, "custom_adapter", {out});
  check_loss_falls(outcome, 0.95);
  CHECK(after_first_line(outcome.out) == "loaded: the same logits\n");
}

TEST_CASE("check_gradients finds its operation right") {
  SOLO_NEEDS_EXAMPLES;
  const TempDir dir;
  const std::string out = example(dir, "check_gradients", {}).out;
  CHECK(out.starts_with("weight: relative error "));
  CHECK(out.find("\nslope: relative error ") != std::string::npos);
}

TEST_CASE("examples end in one line when something is wrong") {
  SOLO_NEEDS_EXAMPLES;
  const TempDir dir;
  for (const char* name :
       {"fine_tune", "generate", "switch_adapters", "dialogue", "summarize", "custom_adapter"}) {
    const std::string program = std::string(SOLO_EXAMPLES) + '/' + name;
    const Outcome usage = test::run_program(dir, {program});
    CHECK(usage.status == 2);
    CHECK(usage.err.starts_with(std::string("usage: ") + name + ' '));
    if (std::string_view(name) == "custom_adapter") continue;  // it reads no file
    std::vector<std::string> arguments = {program, "no/such/model"};
    std::istringstream places(usage.err);  // as many arguments as the usage names
    std::string place;
    for (int i = 0; places >> place; ++i) {
      if (i > 2 && !place.starts_with('[')) arguments.emplace_back("x");
    }
    test::check_error(test::run_program(dir, arguments), 1, "no/such/model");
  }
}

TEST_CASE("examples/README.md lists every example") {
  const std::filesystem::path folder = test::source_dir() / "examples";
  const std::string readme = test::slurp(folder / "README.md");
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::filesystem::path& path = entry.path();
    if (path.extension() != ".cpp" && path.filename() != "embed") continue;
    INFO(path.filename());
    CHECK(readme.find('(' + path.filename().string()) != std::string::npos);
  }
}
