// SPDX-License-Identifier: MIT
// What holds for every command: usage errors, --help, shell completion.
#include "cli/program.hpp"

#include <cstdlib>
#include <regex>
#include <sstream>

using namespace solo;
using test::check_error;
using test::Outcome;
using test::solo_program;

namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

/// The commands that `solo --help` lists.
std::vector<std::string> commands(const test::TempDir& dir) {
  std::vector<std::string> names;
  bool inside = false;
  for (const std::string& line : lines_of(solo_program(dir, {"--help"}).out)) {
    if (line.empty()) inside = false;
    if (inside && line.size() > 2 && line[2] != ' ') {
      names.push_back(line.substr(2, line.find(' ', 2) - 2));
    }
    if (line == "Commands:") inside = true;
  }
  return names;
}

/// The long options that a command's --help lists.
std::vector<std::string> listed_options(const std::string& help) {
  std::vector<std::string> names;
  for (const std::string& line : lines_of(help)) {
    if (!line.starts_with("  -")) continue;
    const std::string left = line.substr(0, line.find("  ", 2));
    const std::regex option("--[a-z0-9-]+");
    for (std::sregex_iterator it(left.begin(), left.end(), option), end; it != end; ++it) {
      names.push_back(it->str());
    }
  }
  return names;
}

/// Runs a script of a shell that has loaded our completion script.
std::vector<std::string> completed(const test::TempDir& dir, const std::string& shell,
                                   const std::string& script) {
  const Outcome completion = solo_program(dir, {"completion", shell});
  REQUIRE(completion.status == 0);
  std::ofstream(dir.path() / "completion") << completion.out;
  std::ofstream(dir.path() / "script") << "source ./completion\n" << script;
  const std::string command = "cd '" + dir.path().string() + "' && " + shell +
                              (shell == "bash" ? " --norc" : " --no-config") +
                              " ./script > words 2> errors";
  CHECK(std::system(command.c_str()) == 0);
  CHECK(test::slurp(dir.path() / "errors").empty());
  return lines_of(test::slurp(dir.path() / "words"));
}

/// What bash offers for the last of these words.
std::vector<std::string> in_bash(const test::TempDir& dir, const std::string& words) {
  return completed(dir, "bash",
                   "COMP_WORDS=(" + words +
                       ")\n"
                       "COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n"
                       "_solo\n"
                       "((${#COMPREPLY[@]} == 0)) || printf '%s\\n' \"${COMPREPLY[@]}\"\n");
}

using Words = std::vector<std::string>;

}  // namespace

TEST_CASE("every command keeps the contract on wrong command lines") {
  SOLO_NEEDS_PROGRAM;
  const test::TempDir dir;
  const Words all = commands(dir);
  CHECK(all.size() >= 10);
  for (const std::string& command : all) {
    INFO(command);
    check_error(solo_program(dir, {command, "--bogus"}), 2, "--bogus");
    check_error(solo_program(dir, {command, "--json", "--json"}), 2, "--json");
    check_error(solo_program(dir, {command, "--threads", "1", "--threads", "1"}), 2, "--threads");
    check_error(solo_program(dir, {command, "--threads", "-1"}), 2, "--threads");
    check_error(solo_program(dir, {command, "first", "stray"}), 2, "");
    check_error(solo_program(dir, {command, "--config", ""}), 2, "--config");
    check_error(solo_program(dir, {command, "--config", "a", "--config", "b"}), 2, "--config");
    check_error(solo_program(dir, {command, "--config", dir.path() / "none.json"}), 1, "none.json");
  }
}

TEST_CASE("the help of every command fits a terminal and explains everything") {
  SOLO_NEEDS_PROGRAM;
  const test::TempDir dir;
  Words all = commands(dir);
  all.emplace_back();
  for (const std::string& command : all) {
    INFO("command " << command);
    const Outcome o =
        command.empty() ? solo_program(dir, {"--help"}) : solo_program(dir, {command, "--help"});
    CHECK(o.status == 0);
    CHECK(o.err.empty());
    CHECK(o.out.starts_with("Usage: solo" + (command.empty() ? "" : ' ' + command) + ' '));
    CHECK(o.out.find("\nExamples:\n  ") != std::string::npos);
    const Words lines = lines_of(o.out);
    bool examples = false;
    for (std::size_t i = 0; i + 1 < lines.size(); ++i) {
      INFO(lines[i]);
      examples = examples || lines[i] == "Examples:";
      CHECK(lines[i].size() <= 80);
      if (examples || !lines[i].starts_with("  ") || lines[i][2] == ' ') continue;
      // An option, argument or command: its description begins in column 28.
      const std::string& with_text =
          lines[i].size() > 28 && lines[i][27] == ' ' ? lines[i] : lines[i + 1];
      REQUIRE(with_text.size() > 28);
      CHECK(with_text[28] != ' ');
      CHECK(with_text[28] != '[');
    }
  }
}

TEST_CASE("bash completes commands, options, choices and files") {
  SOLO_NEEDS_PROGRAM;
  if (!test::has_program("bash")) SOLO_SKIP("needs bash");
  const test::TempDir dir;
  std::ofstream(dir.path() / "data set.jsonl") << "x";
  std::ofstream(dir.path() / "data.txt") << "x";
  CHECK(in_bash(dir, "solo tokenizer-") == Words{"tokenizer-train"});
  CHECK(in_bash(dir, "solo --ver") == Words{"--version"});
  CHECK(in_bash(dir, "solo train --meth") == Words{"--method"});
  CHECK(in_bash(dir, "solo train --method l") == Words{"lora", "ln_tuning"});
  CHECK(in_bash(dir, "solo train --method = b") == Words{"bitfit"});
  CHECK(in_bash(dir, "solo params --use-e ''") == Words{"true", "false"});
  CHECK(in_bash(dir, "solo train --rank ''").empty());
  CHECK(in_bash(dir, "solo train --train 'data '") == Words{"data set.jsonl"});
  CHECK(in_bash(dir, "solo tokenizer-train --input 'data set.jsonl' data.") == Words{"data.txt"});
  CHECK(in_bash(dir, "solo inspect data.") == Words{"data.txt"});
  CHECK(in_bash(dir, "solo completion z") == Words{"zsh"});
  CHECK(in_bash(dir, "solo unknown ''").empty());
  Words all = commands(dir);
  for (const std::string& command : all) {
    INFO(command);
    Words offered = in_bash(dir, "solo " + command + " --");
    Words listed = listed_options(solo_program(dir, {command, "--help"}).out);
    std::sort(offered.begin(), offered.end());
    std::sort(listed.begin(), listed.end());
    CHECK(offered == listed);
  }
  Words offered = in_bash(dir, "solo ''");
  offered.erase(std::remove_if(offered.begin(), offered.end(),
                               [](const std::string& word) { return word.starts_with("-"); }),
                offered.end());
  CHECK(offered == all);
}

TEST_CASE("fish completes commands, options, choices and files") {
  SOLO_NEEDS_PROGRAM;
  if (!test::has_program("fish")) SOLO_SKIP("needs fish");
  const test::TempDir dir;
  std::ofstream(dir.path() / "data.txt") << "x";
  const auto in_fish = [&dir](const std::string& line) {
    return completed(dir, "fish", "complete -C '" + line + "' | string split -f 1 \\t\ntrue\n");
  };
  CHECK(in_fish("solo tokenizer-") == Words{"tokenizer-train"});
  CHECK(in_fish("solo train --meth") == Words{"--method"});
  CHECK(in_fish("solo train --method l") == Words{"ln_tuning", "lora"});
  CHECK(in_fish("solo inspect data") == Words{"data.txt"});
  CHECK(in_fish("solo completion z") == Words{"zsh"});
}

TEST_CASE("zsh reads its completion script") {
  SOLO_NEEDS_PROGRAM;
  if (!test::has_program("zsh")) SOLO_SKIP("needs zsh");
  const test::TempDir dir;
  std::ofstream(dir.path() / "_solo") << solo_program(dir, {"completion", "zsh"}).out;
  CHECK(std::system(("zsh -fn '" + (dir.path() / "_solo").string() + "'").c_str()) == 0);
  const Json both = solo_program(dir, {"completion", "zsh", "--json"}).json();
  CHECK(both.at("script") == test::slurp(dir.path() / "_solo"));
}

TEST_CASE("a completion script is made for known shells only") {
  SOLO_NEEDS_PROGRAM;
  const test::TempDir dir;
  check_error(solo_program(dir, {"completion"}), 2, "shell");
  check_error(solo_program(dir, {"completion", "tcsh"}), 2, "tcsh");
}
