// SPDX-License-Identifier: MIT
// scripts/quickstart as its users call it, with a budget of a few steps and the programs of this
// build.
#include "support/catch.hpp"
#include "support/shared.hpp"
#include "support/temp_dir.hpp"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <sys/wait.h>
#include <vector>

namespace {

struct Outcome {
  int status = -1;
  std::string out;
  std::string err;
};

std::string contents(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Runs the script from the folder `dir`, whose name has a space.
Outcome quickstart(const std::filesystem::path& dir, const std::string& arguments) {
  std::filesystem::create_directories(dir);
  const std::string command = "cd '" + dir.string() + "' && '" + SOLO_SOURCE_DIR +
                              "/scripts/quickstart' --bin '" +
                              solo::test::program()->parent_path().string() + "' " + arguments +
                              " > stdout 2> stderr < /dev/null";
  const int status = std::system(command.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, contents(dir / "stdout"),
          contents(dir / "stderr")};
}

/// The words of the table's line that begins with `name`.
std::vector<std::string> row(const std::string& out, const std::string& name) {
  std::istringstream lines(out);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name + " ")) continue;
    std::istringstream words(line);
    return {std::istream_iterator<std::string>(words), {}};
  }
  return {};
}

}  // namespace

TEST_CASE("quickstart makes its task, a base and three adaptations, and prints one row each") {
  const solo::test::TempDir temporary;
  const std::filesystem::path dir = temporary.path() / "a folder";
  const Outcome o = quickstart(dir, "--output 'my output' --pretrain-steps 4 --steps 3 --seed 5");
  INFO("stdout: " << o.out << "\nstderr: " << o.err);
  REQUIRE(o.status == 0);
  for (const std::string name : {"base", "solo", "lora", "full"}) {
    const std::vector<std::string> words = row(o.out, name);
    INFO(name);
    REQUIRE(words.size() == 12);
    CHECK(std::stod(words[3]) > 0.0);  // loss before
    CHECK(words[3] == row(o.out, "base")[3]);
    if (name != "base") CHECK(std::stod(words[4]) < std::stod(words[3]));  // and after
    CHECK(std::filesystem::exists(dir / "my output" / (name + ".texts.jsonl")));
  }
  CHECK(row(o.out, "full")[1] == "1,376,256");
  CHECK(row(o.out, "full")[2] == "100.00");
  CHECK(row(o.out, "lora")[1] == "49,152");
  CHECK(row(o.out, "solo")[1] == "49,530");
  CHECK(o.out.find("\nname : ") != std::string::npos);  // samples
  CHECK(contents(dir / "my output" / "report.txt") == o.out);
  CHECK(std::filesystem::exists(dir / "my output" / "base" / "model.safetensors"));
  CHECK(std::filesystem::exists(dir / "my output" / "solo" / "adapter_config.json"));
  CHECK(o.err.find("error") == std::string::npos);

  SECTION("and adapts another model to other data") {
    std::ofstream(dir / "my data.txt") << "name : Aa | food : Thai||Aa serves Thai .\n"
                                       << "name : Bb | food : Thai||Bb has Thai food .\n"
                                       << "name : Cc | food : Thai||Cc cooks Thai .\n";
    const Outcome real =
        quickstart(dir, "--model 'my output/base' --data 'my data.txt' --output real --steps 2");
    INFO("stdout: " << real.out << "\nstderr: " << real.err);
    REQUIRE(real.status == 0);
    REQUIRE(row(real.out, "lora").size() == 12);
    CHECK(row(real.out, "lora")[8] == "n/a");
    CHECK(real.out.find("\nname : Cc | food : Thai\n") != std::string::npos);
  }
}

TEST_CASE("quickstart refuses a wrong command line in one line") {
  const solo::test::TempDir temporary;
  const auto check = [&](const std::string& arguments, int status, const std::string& part) {
    const Outcome o = quickstart(temporary.path() / "q", arguments);
    INFO(arguments << "\nstdout: " << o.out << "\nstderr: " << o.err);
    CHECK(o.status == status);
    CHECK(o.out.empty());
    CHECK(o.err.starts_with("error: "));
    CHECK(o.err.find(part) != std::string::npos);
    CHECK(o.err.find('\n') == o.err.size() - 1);
  };
  check("--bogus", 2, "--bogus");
  check("stray", 2, "stray");
  check("--steps", 2, "--steps");
  check("--steps x", 2, "--steps");
  check("--steps 0", 2, "0");
  check("--seed 1 --seed 2", 2, "--seed");
  check("--model .", 2, "--data");
  check("--model . --data none.txt", 1, "none.txt");
  check("--model none --data stdout", 1, "none");
  check("--output stdout", 1, "stdout");
}
