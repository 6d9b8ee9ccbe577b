// SPDX-License-Identifier: MIT
// What a run leaves in its folder, and what it does with one that is another's.
#include <solo/io/folder_lock.hpp>
#include <solo/text/tokenizer.hpp>

#include "cli/program.hpp"

#include <map>

using namespace solo;
using test::check_error;
using test::Outcome;
using test::slurp;
using test::solo_program;

namespace {

void check_refusal(const Outcome& outcome, int status, const std::vector<std::string>& parts) {
  for (const std::string& part : parts) check_error(outcome, status, part);
}

struct Setup {
  test::TempDir dir;
  std::string model = test::model_with_tokenizer(dir);
  std::string data = test::train_file(dir);
  std::string output = (dir.path() / "out").string();

  [[nodiscard]] Outcome train(std::vector<std::string> more) const {
    std::vector<std::string> arguments = {
        "train",        "--model", model,    "--train", data,        "--output", output,
        "--batch-size", "2",       "--json", "--quiet", "--threads", "1"};
    if (std::find(more.begin(), more.end(), "--method") == more.end()) {
      arguments.insert(arguments.end(), {"--method", "lora", "--rank", "2"});
    }
    arguments.insert(arguments.end(), more.begin(), more.end());
    return solo_program(dir, arguments);
  }
};

}  // namespace

TEST_CASE("a rerun that fails leaves the whole result of the run before", "[cli]") {
  SOLO_NEEDS_PROGRAM;
  const Setup setup;
  REQUIRE(setup.train({"--max-steps", "3", "--separator", "eos"}).status == 0);
  const std::filesystem::path folder = setup.output;
  std::map<std::string, std::string> before;
  for (const char* const name : {"adapter_config.json", "adapter_model.safetensors",
                                 "training_args.json", "trainer_state.json"}) {
    before[name] = slurp(folder / name);
  }
  const Outcome failed =
      setup.train({"--max-steps", "9", "--separator", "none", "--learning-rate", "1e30"});
  CHECK(failed.status == 1);
  for (const auto& [name, text] : before) CHECK(slurp(folder / name) == text);
  // The tensors say what followed the prompt, whatever lies beside them.
  CHECK(before["adapter_model.safetensors"].find("\"solo_separator\":\"eos\"") !=
        std::string::npos);
  const auto generate = [&] {
    return solo_program(setup.dir, {"generate", "--model", setup.model, "--adapter", setup.output,
                                    "--prompt", "a", "--max-new-tokens", "6", "--threads", "1"})
        .out;
  };
  const std::string text = generate();
  std::ofstream(folder / "training_args.json") << R"({"separator": "none"})";
  CHECK(generate() == text);
}

TEST_CASE("another tokenizer beside trained tensors is refused, one with more tokens is not",
          "[cli]") {
  SOLO_NEEDS_PROGRAM;
  const Setup setup;
  REQUIRE(setup.train({"--max-steps", "2"}).status == 0);
  const std::filesystem::path folder = setup.output;
  const auto generate = [&] {
    return solo_program(setup.dir, {"generate", "--model", setup.model, "--adapter", setup.output,
                                    "--prompt", "a", "--max-new-tokens", "6", "--threads", "1"});
  };
  const Outcome right = generate();
  REQUIRE(right.status == 0);
  Tokenizer more = Tokenizer::from_pretrained(folder);
  CHECK(more.add_tokens({"<more>"}) == 1);
  more.save_pretrained(folder);
  CHECK(generate().out == right.out);
  REQUIRE(solo_program(setup.dir, {"tokenizer-train", "--input", setup.data, "--vocab-size", "270",
                                   "--output", setup.output})
              .status == 0);
  check_refusal(generate(), 1, {setup.output, "tokenizer"});
  check_refusal(solo_program(setup.dir, {"merge", "--model", setup.model, "--adapter", setup.output,
                                         "--output", setup.dir.path() / "merged"}),
                1, {setup.output, "tokenizer"});
}

TEST_CASE("an output folder is of one run at a time", "[cli]") {
  SOLO_NEEDS_PROGRAM;
  const Setup setup;
  const FolderLock lock(setup.output);
  check_refusal(setup.train({"--max-steps", "2"}), 1, {"in use by process", "since"});
  check_refusal(
      solo_program(setup.dir, {"pretrain", "--tokenizer", setup.model, "--n-layer", "1", "--n-embd",
                               "8", "--n-head", "1", "--n-positions", "64", "--train", setup.data,
                               "--output", setup.output, "--max-steps", "1", "--quiet"}),
      1, {"in use by process"});
}

TEST_CASE("full fine-tuning does not replace its base", "[cli]") {
  SOLO_NEEDS_PROGRAM;
  Setup setup;
  const std::string before = slurp(std::filesystem::path(setup.model) / "model.safetensors");
  std::filesystem::create_directory_symlink(setup.model, setup.dir.path() / "link");
  for (const std::string& output :
       {setup.model, setup.model + "/.", (setup.dir.path() / "link").string()}) {
    setup.output = output;
    check_refusal(setup.train({"--method", "full", "--max-steps", "2"}), 2,
                  {"--output", "--model", "lost"});
  }
  CHECK(slurp(std::filesystem::path(setup.model) / "model.safetensors") == before);
  // Nor does it put a model beside an adapter.
  setup.output = (setup.dir.path() / "out").string();
  REQUIRE(setup.train({"--max-steps", "1"}).status == 0);
  check_refusal(setup.train({"--method", "full", "--max-steps", "1"}), 1,
                {"adapter_config.json", "a folder of its own"});
}

TEST_CASE("a finished run is made longer", "[cli]") {
  SOLO_NEEDS_PROGRAM;
  const Setup setup;
  const Json first = setup.train({"--max-steps", "5", "--save-steps", "5"}).json();
  CHECK(first.at("steps") == 5);
  const Outcome longer = setup.train({"--max-steps", "8", "--save-steps", "5", "--resume"});
  CHECK(longer.status == 0);
  CHECK(longer.json().at("steps") == 8);
  CHECK(longer.err.find("was over 5 steps and is now over 8") != std::string::npos);
  check_refusal(setup.train({"--max-steps", "4", "--resume"}), 1, {"beyond the 4 steps"});
}
