// SPDX-License-Identifier: MIT
// Commands do not write over what they read, nor over what another run holds.
#include <solo/io/folder_lock.hpp>

#include "cli/program.hpp"

#include <chrono>
#include <csignal>
#include <map>
#include <thread>

using namespace solo;
using test::check_error;
using test::Outcome;
using test::slurp;
using test::solo_program;

namespace {

namespace fs = std::filesystem;

struct Setup {
  test::TempDir dir;
  std::string model = test::model_with_tokenizer(dir);
  std::string data = test::train_file(dir);
  fs::path output = dir.path() / "out";

  Setup() { fs::create_directory(output); }
  [[nodiscard]] std::string path(const std::string& name) const { return dir.path() / name; }
  /// A copy of the training data under this name in the output folder.
  [[nodiscard]] std::string copy(const std::string& name) const {
    fs::copy_file(data, output / name, fs::copy_options::overwrite_existing);
    return output / name;
  }
  [[nodiscard]] std::vector<std::string> command(const std::string& train,
                                                 std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments = {
        "train", "--model",  model,  "--method", "lora",        "--rank", "2",         "--train",
        train,   "--output", output, "--quiet",  "--max-steps", "2",      "--threads", "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  [[nodiscard]] Outcome train(const std::string& file, std::vector<std::string> more = {}) const {
    return solo_program(dir, command(file, std::move(more)));
  }
};

std::map<std::string, std::string> files_in(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    files[entry.path().filename().string()] = entry.is_directory() ? "" : slurp(entry.path());
  }
  return files;
}

}  // namespace

TEST_CASE("train: what is read is not what is written") {
  SOLO_NEEDS_PROGRAM;
  const Setup setup;
  for (const std::string name : {"log.jsonl", "links.jsonl", "trainer_state.json", "vocab.json"}) {
    INFO(name);
    const std::string file = setup.copy(name);
    const std::string bytes = slurp(file);
    check_error(setup.train(file), 2, "--train: " + file);
    check_error(setup.train(setup.data, {"--valid", file}), 2, "--valid: " + file);
    check_error(setup.train(setup.data, {"--add-tokens", file}), 2, "--add-tokens: " + file);
    check_error(setup.train(setup.data, {"--prefix-cache", file}), 2, "--prefix-cache: " + file);
    fs::remove(setup.path("link"));
    fs::create_symlink(file, setup.path("link"));
    check_error(setup.train(setup.path("link")), 2, "--train: " + setup.path("link"));
    CHECK(files_in(setup.output) == std::map<std::string, std::string>{{name, bytes}});
    fs::remove(file);
  }
  // Other names are free, and so are the same ones elsewhere.
  fs::copy_file(setup.data, setup.path("log.jsonl"));
  CHECK(setup.train(setup.copy("data.jsonl"), {"--valid", setup.path("log.jsonl")}).status == 0);
  CHECK(slurp(setup.output / "data.jsonl") == slurp(setup.data));
  // A file that is not there yet would not stay.
  const std::string fresh = setup.path("fresh");
  check_error(solo_program(setup.dir, {"train", "--model", setup.model, "--method", "lora",
                                       "--train", setup.data, "--output", fresh, "--prefix-cache",
                                       fresh + "/./report.md"}),
              2, "--prefix-cache");
  CHECK_FALSE(fs::exists(fresh));
}

TEST_CASE("a model that is links into the output folder is not replaced") {
  SOLO_NEEDS_PROGRAM;
  const Setup setup;
  const fs::path links = setup.path("links");
  fs::create_directory(links);
  for (const auto& entry : fs::directory_iterator(setup.model)) {
    fs::create_symlink(entry.path(), links / entry.path().filename());
  }
  const auto before = files_in(setup.model);
  check_error(solo_program(setup.dir, {"train", "--model", links, "--method", "full", "--train",
                                       setup.data, "--output", setup.model, "--max-steps", "1"}),
              2, "--model: ");
  CHECK(files_in(setup.model) == before);
}

TEST_CASE("pretrain, tokenizer-train and compare do not replace what they read") {
  SOLO_NEEDS_PROGRAM;
  const Setup setup;
  const auto pretrain = [&](const std::string& train, const std::string& config) {
    return solo_program(setup.dir,
                        {"pretrain", "--config-from", config, "--tokenizer", setup.model, "--train",
                         train, "--output", setup.output, "--max-steps", "1", "--quiet"});
  };
  const std::string log = setup.copy("log.jsonl");
  check_error(pretrain(log, setup.model + "/config.json"), 2, "--train: " + log);
  fs::copy_file(setup.model + "/config.json", setup.output / "config.json");
  const std::string config = setup.output / "config.json";
  check_error(pretrain(setup.data, config), 2, "--config-from: " + config);

  const std::string vocabulary = setup.copy("vocab.json");
  const auto tokenizer = [&](const std::string& input) {
    return solo_program(setup.dir, {"tokenizer-train", "--input", input, "--vocab-size", "260",
                                    "--output", setup.output});
  };
  check_error(tokenizer(vocabulary), 2, "--input: " + vocabulary);
  CHECK(slurp(vocabulary) == slurp(setup.data));

  const std::string results = setup.output / "results.json";
  std::ofstream(results) << R"({"model": "m", "train": "a", "valid": "b", "test": "c",
      "methods": [{"name": "lora", "options": {"method": "lora"}}], "seeds": [1]})";
  check_error(solo_program(setup.dir, {"compare", "--plan", results, "--output", setup.output}), 2,
              "--plan: " + results);
}

TEST_CASE("score: --logits and --grads are files of their own") {
  SOLO_NEEDS_PROGRAM;
  const Setup setup;
  const std::string ids = setup.path("ids.jsonl");
  std::ofstream(ids) << R"({"input_ids": [1, 2, 3, 4]})" << '\n';
  const auto score = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments = {"score", "--model",   setup.model, "--input",
                                          ids,     "--threads", "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return solo_program(setup.dir, arguments);
  };
  const auto before = files_in(setup.model);
  const std::string text = slurp(ids);
  fs::create_symlink(setup.model, setup.path("folder"));
  for (const std::string option : {"--logits", "--grads"}) {
    INFO(option);
    check_error(score({option, setup.model + "/model.safetensors"}), 2, option);
    check_error(score({option, setup.path("folder") + "/./config.json"}), 2, option);
    check_error(score({option, ids}), 2, "--input");
    check_error(score({option, setup.path(".") + "/ids.jsonl"}), 2, "--input");
  }
  check_error(score({"--logits", setup.path("a"), "--grads", setup.path("./a")}), 2, "--logits");
  CHECK(files_in(setup.model) == before);
  CHECK(slurp(ids) == text);
  // Another model's files are nobody's output either.
  REQUIRE(setup.train(setup.data).status == 0);
  check_error(score({"--logits", setup.output / "adapter_model.safetensors"}), 2, "named as");
  // An older output is replaced.
  for (int i = 0; i < 2; ++i) {
    CHECK(score({"--logits", setup.path("a"), "--grads", setup.path("b")}).status == 0);
  }
}

TEST_CASE("rebuilding replaces prefix caches only") {
  SOLO_NEEDS_PROGRAM;
  const Setup setup;
  for (const std::string& file : {setup.model + "/model.safetensors", setup.data}) {
    const std::string before = slurp(file);
    const Outcome outcome = setup.train(setup.data, {"--layers-to-transform", "1", "--prefix-cache",
                                                     file, "--prefix-cache-rebuild"});
    check_error(outcome, 1, file);
    CHECK(outcome.err.find("another file") != std::string::npos);
    CHECK(slurp(file) == before);
    const Outcome plain =
        setup.train(setup.data, {"--layers-to-transform", "1", "--prefix-cache", file});
    check_error(plain, 1, file);
    CHECK(plain.err.find("rebuild") == std::string::npos);
  }
}

TEST_CASE("tokenizer-train keeps out of a folder that a run holds") {
  SOLO_NEEDS_PROGRAM;
  const Setup setup;
  const auto tokenizer = [&] {
    return solo_program(setup.dir, {"tokenizer-train", "--input", setup.data, "--vocab-size", "260",
                                    "--output", setup.output});
  };
  {
    const FolderLock lock(setup.output);
    check_error(tokenizer(), 1, "in use by process");
    CHECK(files_in(setup.output).size() == 1);  // the lock
  }
  fs::create_directory(setup.output / "merges.txt");
  check_error(tokenizer(), 1, "merges.txt");
  fs::remove(setup.output / "merges.txt");
  CHECK(tokenizer().status == 0);
}

TEST_CASE("a result that cannot be written is told before the training") {
  SOLO_NEEDS_PROGRAM;
  const Setup setup;
  for (const std::string name : {"vocab.json", "adapter_config.json", "report.md"}) {
    fs::create_directory(setup.output / name);
    check_error(setup.train(setup.data), 1, (setup.output / name).string());
    CHECK(files_in(setup.output).size() == 1);
    fs::remove(setup.output / name);
  }
}

TEST_CASE("a signal before the first step leaves the older result") {
  SOLO_NEEDS_PROGRAM;
  const Setup setup;
  REQUIRE(setup.train(setup.data).status == 0);
  const auto before = files_in(setup.output);
  const std::string valid = setup.path("valid.jsonl");  // takes seconds
  {
    std::ofstream out(valid);
    for (int i = 0; i < 2000; ++i) out << R"({"input_ids": [1, 2, 3, 4, 5, 6, 7, 8]})" << '\n';
  }
  std::vector<std::string> arguments = setup.command(setup.data, {"--valid", valid, "--json"});
  arguments.insert(arguments.begin(), test::program()->string());
  const pid_t child = test::start_program(setup.dir, std::move(arguments));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!fs::exists(setup.output / ".solo-lock") && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ::kill(child, SIGTERM);
  const Outcome outcome = test::wait_for_program(setup.dir, child);
  INFO(outcome.err);
  CHECK(outcome.status == 128 + SIGTERM);
  CHECK(outcome.err.find("stopped before the first step: nothing saved") != std::string::npos);
  CHECK(outcome.json().at("saved_bytes") == 0);
  CHECK(files_in(setup.output) == before);
}
